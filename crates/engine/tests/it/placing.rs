//! Limits on who may borrow, and how much.

use lending::{Attention, Calendar, CopyRef, Outcome, Rules, Side, Status};

use crate::world::{BORROWER, LENDER, OTHER, both, copy};
use alma_sim::{Bib, Holding, Item, User, presets};

both! {
    async fn each_refused_patron_gets_the_reason_with_a_code_of_its_own(world) {
        for (patron, code, word) in [
            ("blocked.reader", "PATRON_BLOCKED", "block"),
            ("expired.reader", "PATRON_EXPIRED", "expired on 2020-01-31"),
            ("inactive.reader", "PATRON_INACTIVE", "inactive"),
            ("nobody.here", "PATRON_NOT_FOUND", "no patron with this identifier"),
        ] {
            let mut placing = world.placing();
            placing.patron = patron.into();
            let request = world.place_as(placing).await;
            let refusal = request.refusal.unwrap();
            assert_eq!((refusal.code.as_str(), request.status), (code, Status::Finalised));
            assert!(refusal.explanation.contains(word) && refusal.explanation.ends_with('.'), "{}", refusal.explanation);
            assert_eq!(request.outcome, Some(Outcome::Cancelled));
        }
        assert!(world.sim.calls(LENDER).unwrap().is_empty(), "no lender is asked for a patron who may not borrow");
    }

    async fn patron_is_known_by_the_barcode_and_whatever_the_case(world) {
        for given in ["01BORROW-P001", "JO.READER"] {
            let mut placing = world.placing();
            placing.patron = given.into();
            placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', if given == "JO.READER" { 3 } else { 4 }))];
            let request = world.place_as(placing).await;
            assert_eq!(request.patron.verified.unwrap().id.as_str(), "jo.reader");
        }
    }

    async fn card_expires_with_the_day_at_the_patrons_library(world) {
        // At 10:00 UTC on the third of March the fourth begins in Kiritimati; in Niue it is the second until 11:00.
        for (zone, hours, expires, may_borrow) in [
            ("Pacific/Kiritimati", 0, "2026-03-03", false),
            ("Pacific/Kiritimati", 0, "2026-03-04", true),
            ("Pacific/Niue", 0, "2026-03-02", true),
            ("Pacific/Niue", 2, "2026-03-02", false),
        ] {
            world.clock.by_hours(hours);
            let calendar = Calendar { time_zone: zone.to_owned(), ..Calendar::default() };
            world.set_rules(BORROWER, "BORROW", Rules { calendar, ..Rules::default() }).await;
            let patron = format!("{}.{expires}.{hours}", zone.replace('/', "."));
            world.at(BORROWER).add_user(&User::new(&patron).expires(expires)).unwrap();
            let mut placing = world.placing();
            placing.patron = patron.as_str().into();
            placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', 1)), copy(OTHER, &presets::barcode(OTHER, 'M', 2))];
            let request = world.place_as(placing).await;
            let refused = request.refusal.map(|refusal| refusal.code);
            assert_eq!(refused, (!may_borrow).then(|| "PATRON_EXPIRED".to_owned()), "{zone} {expires}");
        }
    }

    async fn last_day_on_the_hold_shelf_ends_by_the_clock_of_the_library(world) {
        let calendar = Calendar { time_zone: "Pacific/Auckland".to_owned(), ..Calendar::default() };
        let zone = calendar.zone();
        world.set_rules(BORROWER, "BORROW", Rules { calendar, ..Rules::default() }).await;
        world.bring_to(Status::ReadyForPickup).await;
        let ends = world.request().await.borrower.hold.open().unwrap().shelf_until.unwrap();
        assert_eq!(zone.to_datetime(ends).time(), jiff::civil::Time::midnight());
    }

    async fn primary_id_that_begins_with_a_blank_goes_back_to_the_system_as_it_is(world) {
        let user = User::new(" 4711x").barcode("CARD-4711");
        world.at(BORROWER).add_user(&user).unwrap();
        let mut placing = world.placing();
        placing.patron = "CARD-4711".into();
        let request = world.place_as(placing).await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", request.refusal);
        assert_eq!(request.patron.verified.unwrap().id.as_str(), " 4711x");
    }

    async fn title_with_control_characters_and_no_end_is_kept_in_one_line(world) {
        let title = format!("Cats\u{1b}[31m\r\nand dogs {}", "x".repeat(135_000));
        let bib = Bib::new(&title).holding(Holding::new("MAIN", "stacks").item(Item::new("01LEND-LONG").material("BOOK")));
        world.at(LENDER).add_bib(bib).unwrap();
        let mut placing = world.placing();
        placing.copies = vec![copy(LENDER, "01LEND-LONG")];
        let request = world.place_as(placing).await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", request.refusal);
        let title = request.title.unwrap().title;
        assert!(title.starts_with("Cats [31m  and dogs xxx") && title.ends_with('…'), "{title}");
        assert_eq!(title.chars().count(), lending::LONGEST_TITLE);
    }

    async fn limit_of_requests_is_exact_even_when_all_come_at_once(world) {
        world.set_rules(BORROWER, "BORROW", Rules { max_requests: Some(3), ..Rules::default() }).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 1..=8 {
            let engine = world.engine.clone();
            let mut placing = world.placing();
            // The same patron with different identifiers.
            placing.patron = if number % 2 == 0 { "jo.reader" } else { "01BORROW-P001" }.into();
            placing.copies = vec![copy(OTHER, &presets::barcode(OTHER, 'M', number))];
            tasks.spawn(async move {
                let id = engine.place(placing, "test").await.unwrap();
                engine.step().await;
                id
            });
        }
        let mut requests = Vec::new();
        for id in tasks.join_all().await {
            requests.push(world.reaches(id, |request| request.status != Status::SubmittedToDcb).await);
        }
        let refused: Vec<_> = requests.iter().filter_map(|request| request.refusal.as_ref()).collect();
        assert_eq!(refused.len(), 5, "{refused:?}");
        assert!(refused.iter().all(|refusal| refusal.code == "TOO_MANY_REQUESTS"), "{refused:?}");
    }

    async fn same_copy_asked_for_under_another_identifier_is_a_duplicate(world) {
        world.place().await;
        let mut placing = world.placing();
        placing.patron = "01BORROW-P001".into();
        let second = world.place_as(placing).await;
        assert_eq!(second.refusal.unwrap().code, "DUPLICATE_REQUEST");
    }

    async fn all_errors_are_reported_together_with_a_sentence_for_the_patron(world) {
        world.set_rules(LENDER, "LEND", Rules { lends: false, ..Rules::default() }).await;
        let mut placing = world.placing();
        placing.pickup_location = "PICK-MAIN".into();
        placing.copies = vec![copy(LENDER, "X"), copy(BORROWER, "Y"), copy("01NOWHERE", "Z")];
        placing.needed_until = Some("2020-01-01".parse().unwrap());
        let Err(engine::Error::Invalid(problems)) = world.engine.place(placing, "test").await else {
            panic!("it was placed");
        };
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["PICKUP_ELSEWHERE", "NEEDED_UNTIL_PAST", "NOT_LENDING", "OWN_COPY", "UNKNOWN_INSTITUTION"]);
        assert!(problems.iter().all(|problem| problem.message.ends_with('.')));
    }

    async fn library_that_does_not_borrow_places_nothing(world) {
        world.set_rules(BORROWER, "BORROW", Rules { borrows: false, ..Rules::default() }).await;
        let Err(engine::Error::Invalid(problems)) = world.engine.place(world.placing(), "test").await else {
            panic!("it was placed");
        };
        assert_eq!(problems[0].code, "NOT_BORROWING");
    }

    async fn virtual_patron_is_cached_and_recreated_where_staff_have_deleted_it(world) {
        let of_title = |number| vec![copy(LENDER, &presets::barcode(LENDER, 'M', number))];
        let calls = |world: &crate::world::World| {
            (world.calls(LENDER, "POST /users"), world.calls(LENDER, "GET /users/{user_id}"))
        };
        let mut placing = world.placing();
        placing.copies = of_title(1);
        let first = world.place_as(placing.clone()).await;
        placing.copies = of_title(2);
        assert_eq!(world.place_as(placing.clone()).await.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(calls(&world), (1, 0), "the second request needs no virtual patron");

        let holder = first.holder(Side::Lender).unwrap().as_str().to_owned();
        for _ in 0..2 {
            world.engine.cancel(world.id, lending::CancelledBy::Patron, None, "test").await.unwrap();
            world.until_ended().await;
            world.id = first.id;
        }
        world.delete_user(LENDER, &holder);
        placing.copies = of_title(3);
        let third = world.place_as(placing).await;
        assert_eq!(third.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(third.institution(Side::Lender).unwrap().as_str(), LENDER);
        assert_eq!(calls(&world).0, 2, "the virtual patron is created again");
    }

    async fn second_request_for_any_copy_of_the_same_record_is_a_duplicate(world) {
        let item = world.at(LENDER).item(&world.barcode).unwrap();
        let mut placing = world.placing();
        placing.copies = vec![lending::CopyRef {
            barcode: None,
            bib: Some(item.mms_id.as_str().into()),
            ..copy(LENDER, "")
        }];
        world.place_as(placing.clone()).await;
        let Err(engine::Error::Invalid(problems)) = world.engine.place(placing, "test").await else {
            panic!("it was placed");
        };
        assert_eq!(problems[0].code, "DUPLICATE_REQUEST");
    }

    async fn duplicate_is_reported_together_with_other_errors(world) {
        world.place().await;
        let mut placing = world.placing();
        placing.needed_until = Some("2020-01-01".parse().unwrap());
        let Err(engine::Error::Invalid(problems)) = world.engine.place(placing, "test").await else {
            panic!("it was placed");
        };
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["NEEDED_UNTIL_PAST", "DUPLICATE_REQUEST"]);
    }

    async fn in_a_shared_alma_the_agency_that_owns_the_copy_decides_whether_it_lends(world) {
        let mut unit = world.engine.store().unit();
        let branch = store::Agency {
            library: Some("BRANCH".into()),
            ..crate::world::agency_of(LENDER, "LEND-BRANCH", Rules { lends: false, ..Rules::default() })
        };
        unit.put_agency(&branch).unwrap();
        world.engine.store().commit(unit).await.unwrap();
        world.engine.agency_changed().await.unwrap();
        let mut placing = world.placing();
        placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'B', 3))];
        let refused = world.place_as(placing).await;
        assert_eq!(refused.refusal.unwrap().code, "NOT_LENDING");
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency, "the other agency lends");
    }

    /// A program that checked no identifier may send such a copy, and a library's system may answer with one.
    async fn copy_that_cannot_be_asked_for_is_passed_over_and_not_retried(world) {
        let mut placing = world.placing();
        placing.copies[0] = CopyRef {
            bib: Some("99".into()),
            holding: Some("..".into()),
            item: Some("23".into()),
            barcode: None,
            ..copy(LENDER, "")
        };
        let request = world.place_as(placing).await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(request.supply.unwrap().institution.as_str(), OTHER);
        assert!(world.sim.calls(LENDER).unwrap().is_empty(), "nothing is sent for it");

        let mut placing = world.placing();
        placing.patron = "..".into();
        let request = world.place_as(placing).await;
        let Attention::NeedsStaff { explanation, .. } = &request.attention else { panic!("{:?}", request.attention) };
        assert!(explanation.contains("can't read a user"), "staff are asked: {explanation}");
    }

    async fn refused_patron_gets_the_code_of_the_reason(world) {
        let mut placing = world.placing();
        placing.patron = "blocked.reader".into();
        let refusal = world.place_as(placing).await.refusal.unwrap();
        assert_eq!(refusal.code, "PATRON_BLOCKED");
    }

    async fn patron_with_several_refusals_gets_all_of_them(world) {
        world.at(BORROWER).block("expired.reader", "02-GLOBAL").unwrap();
        let mut placing = world.placing();
        placing.patron = "expired.reader".into();
        let refusal = world.place_as(placing).await.refusal.unwrap();
        assert_eq!(refusal.code, "PATRON_EXPIRED");
        let also: Vec<_> = refusal.other_refusals.iter().map(|cause| cause.code.as_str()).collect();
        assert_eq!(also, ["PATRON_BLOCKED"]);
        assert!(refusal.other_refusals[0].explanation.ends_with('.'));
    }
}
