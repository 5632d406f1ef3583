//! The standard workflow, and cancellation.

use alma_sim::{Fault, FaultKind, presets};
use lending::{CancelledBy, Command, ItemState, Outcome, Side, Status, Title};

use crate::world::{BORROWER, DESK, LENDER, OTHER, PATRON, both, copy};

both! {
    async fn request_completes_its_lifecycle_and_leaves_nothing_behind(world) {
        let placed = world.place().await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        world.dispatch().await;
        assert_eq!(world.at(BORROWER).item(&world.virtual_barcode().await).unwrap().process_type, "TRANSIT");
        world.receive().await;
        world.lend().await;
        let (lender, barcode, _) = world.supplier().await;
        assert_eq!(lender.item(&barcode).unwrap().process_type, "LOAN", "the loan is mirrored");
        world.end_batch_poll().await;
        let ended = world.bring_home().await;
        assert_eq!((ended.status, ended.outcome), (Status::Finalised, Some(Outcome::Supplied)));
        assert_eq!(world.path().await, [
            Status::SubmittedToDcb, Status::PatronVerified, Status::Resolved, Status::RequestPlacedAtSupplyingAgency,
            Status::Confirmed, Status::RequestPlacedAtBorrowingAgency, Status::PickupTransit, Status::ReceivedAtPickup,
            Status::ReadyForPickup, Status::Loaned, Status::ReturnTransit, Status::Completed, Status::Finalised,
        ]);
        assert_eq!(world.calls(LENDER, "POST /users/{user_id}/loans"), 1);
        world.assert_clean();
    }

    async fn steps_that_staff_skipped_are_caught_up_with(world) {
        world.place().await;
        // Staff skipped both the scan at the lender and the one onto the hold shelf, and handed the item over at once.
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "DCB_LIB", DESK).unwrap();
        world.until(Status::Loaned).await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn cancelled_before_dispatch_takes_everything_back(world) {
        world.place().await;
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        let ended = world.until_ended().await;
        assert_eq!((ended.status, ended.outcome), (Status::Finalised, Some(Outcome::Cancelled)));
        world.assert_clean();
        assert_eq!(world.at(LENDER).item(&world.barcode).unwrap().process_type, "");
    }

    async fn cancelled_after_dispatch_waits_for_the_item_to_come_home(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let now = world.ask(Command::Cancel { by: CancelledBy::Staff, reason: None }).await;
        assert_eq!(now.status, Status::ReturnTransit);
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }

    async fn title_with_markup_and_other_scripts_reaches_the_borrower_as_it_is(world) {
        let title = "R & D <report> \"quoted\" 'x' Ζωή Война и мир كتاب 戦争";
        let bib = alma_sim::Bib::new(title)
            .author("Толстой, Л. & Co")
            .holding(alma_sim::Holding::new("MAIN", "stacks").item(alma_sim::Item::new("31-X").material("BOOK")));
        world.at(LENDER).add_bib(bib).unwrap();
        let mut placing = world.placing();
        placing.copies = vec![copy(LENDER, "31-X")];
        let placed = world.place_as(placing).await;
        assert_eq!(placed.title, Some(Title { title: title.to_owned(), author: Some("Толстой, Л. & Co".to_owned()) }));
        assert_eq!(world.at(BORROWER).item("31-X").unwrap().title, title);
    }

    async fn barcode_that_the_borrower_has_already_gets_the_prefix_and_the_foreign_item_is_left_alone(world) {
        let bib = alma_sim::Bib::new("A book of ours")
            .holding(alma_sim::Holding::new("MAIN", "stacks").item(alma_sim::Item::new(&world.barcode).material("BOOK")));
        world.at(BORROWER).add_bib(bib).unwrap();
        let before = world.at(BORROWER).item(&world.barcode).unwrap();
        let placed = world.place().await;
        assert_eq!(placed.borrower.barcode.unwrap().as_str(), format!("DCB-{}", world.barcode));
        assert_eq!(world.at(BORROWER).item(&world.barcode).unwrap(), before);
        world.dispatch().await;
        world.receive().await;
        world.lend().await;
        world.end_batch_poll().await;
        world.bring_home().await;
        assert_eq!(world.at(BORROWER).item(&world.barcode).unwrap(), before);
    }

    async fn holds_carry_the_material_type_and_the_lenders_the_last_day_of_need(world) {
        let mut placing = world.placing();
        placing.needed_until = Some("2026-04-30".parse().unwrap());
        world.place_as(placing).await;
        let lenders = world.at(LENDER).requests().remove(0);
        assert_eq!((lenders.material_type.as_str(), lenders.last_interest.as_deref()), ("BOOK", Some("2026-04-30Z")));
        // At the borrower that day would shorten the patron's time on the hold shelf.
        let patrons = world.at(BORROWER).requests().remove(0);
        assert_eq!((patrons.material_type.as_str(), patrons.last_interest), ("BOOK", None));
    }

    async fn loan_at_the_lender_names_the_hold_that_it_fulfils(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let hold = world.request().await.supply.unwrap().hold.open().unwrap().id.to_string();
        world.lend().await;
        let loan = world.at(LENDER).loans().remove(0);
        assert_eq!(loan.named_request, Some(hold));
    }

    async fn loan_is_made_without_the_hold_if_alma_does_not_know_it_any_more(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let gone = FaultKind::Refuse { code: "401694".to_owned(), message: "Request Identifier not found.".to_owned() };
        world.sim.arm(LENDER, Fault::once("POST /users/{user_id}/loans", gone)).unwrap();
        world.lend().await;
        let loan = world.at(LENDER).loans().remove(0);
        assert_eq!(loan.named_request, None);
    }

    async fn lender_that_refuses_the_hold_is_followed_by_the_next(world) {
        world.at(LENDER).set_behaviour(|behaviour| {
            behaviour.rules.groups_without_holds.insert("DCB".to_owned());
        });
        let placed = world.place().await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        assert_eq!(placed.institution(Side::Lender).unwrap().as_str(), OTHER);
        assert_eq!(placed.earlier_suppliers[0].refusal.code, "401129");
    }

    async fn copy_that_is_not_on_its_shelf_is_passed_over(world) {
        world.at(LENDER).lend(&world.barcode, "sam.student", "MAIN", DESK).unwrap();
        let placed = world.place().await;
        assert_eq!(placed.institution(Side::Lender).unwrap().as_str(), OTHER);
    }

    async fn lender_that_cancels_is_replaced_and_the_patrons_hold_stays_as_it_is(world) {
        let placed = world.place().await;
        let hold = placed.borrower.hold.open().unwrap().id.clone();
        let lenders = placed.supply.unwrap().hold.open().unwrap().id.clone();
        world.at(LENDER).cancel(lenders.as_str(), "CannotBeFulfilled").unwrap();
        let second = world
            .until_it("the next lender", |request| {
                request.status == Status::RequestPlacedAtBorrowingAgency && !request.earlier_suppliers.is_empty()
            })
            .await;
        assert_eq!(second.institution(Side::Lender).unwrap().as_str(), OTHER);
        assert_eq!(second.borrower.hold.open().unwrap().id, hold, "the patron's hold is unchanged");
        assert_eq!(second.borrower.barcode, Some(second.supply.as_ref().unwrap().copy.barcode.clone()));
        world.dispatch().await;
        world.receive().await;
        world.lend().await;
        world.end_batch_poll().await;
        world.bring_home().await;
        world.assert_clean();
    }

    async fn no_lender_left_ends_unsupplied_with_the_patrons_hold_cancelled(world) {
        let mut placing = world.placing();
        placing.copies.truncate(1);
        let placed = world.place_as(placing).await;
        let hold = placed.supply.unwrap().hold.open().unwrap().id.clone();
        world.at(LENDER).cancel(hold.as_str(), "CannotBeFulfilled").unwrap();
        let ended = world.until_ended().await;
        assert_eq!(ended.outcome, Some(Outcome::NotSupplied));
        assert!(world.path().await.contains(&Status::NoItemsSelectableAtAnyAgency));
        world.assert_clean();
    }

    async fn every_real_record_can_be_requested_and_keeps_its_title(world) {
        let lender = world.at(LENDER);
        let mut ids = Vec::new();
        for number in 1.. {
            let barcode = alma_sim::presets::barcode(LENDER, 'M', number);
            let Ok(item) = lender.item(&barcode) else { break };
            let mut placing = world.placing();
            placing.copies = vec![copy(LENDER, &barcode)];
            ids.push((world.engine.place(placing, "test").await.unwrap(), item.title, barcode));
        }
        assert!(ids.len() > 30, "the real records are there: {}", ids.len());
        for (id, title, barcode) in ids {
            world.id = id;
            let placed = world.settled().await;
            assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{title}: {:?}", placed.refusal);
            assert_eq!(world.at(BORROWER).item(&barcode).unwrap().title, title);
        }
    }

    async fn copy_in_a_hidden_location_or_one_that_others_wait_for_is_not_asked_for(world) {
        let hidden = alma_sim::Bib::new("Hidden away")
            .holding(alma_sim::Holding::new("DCB_LIB", "dcbvirtual").item(alma_sim::Item::new("H1").material("BOOK")));
        let wanted = alma_sim::Bib::new("Wanted by others")
            .holding(alma_sim::Holding::new("MAIN", "stacks").item(alma_sim::Item::new("W1").material("BOOK")));
        world.at(LENDER).add_bib(hidden).unwrap();
        world.at(LENDER).add_bib(wanted).unwrap();
        world.at(LENDER).place_hold("sam.student", "W1", "MAIN").unwrap();
        for (barcode, code) in [("H1", "COPY_SUPPRESSED"), ("W1", "COPY_REQUESTED")] {
            let mut placing = world.placing();
            placing.copies = vec![copy(LENDER, barcode)];
            let request = world.place_as(placing).await;
            assert_eq!(request.refusal.unwrap().code, code);
            assert_eq!(request.outcome, Some(Outcome::NotSupplied));
        }
    }

    async fn record_alone_names_the_first_copy_that_can_be_lent(world) {
        let held = alma_sim::Holding::new("MAIN", "stacks")
            .item(alma_sim::Item::new("V1").material("BOOK").description("Vol. 1"))
            .item(alma_sim::Item::new("V2-a").material("BOOK").description("Vol. 2"))
            .item(alma_sim::Item::new("V2-b").material("BOOK").description("vol.  2"));
        let bib = world.at(LENDER).add_bib(alma_sim::Bib::new("In two volumes").holding(held)).unwrap();
        world.at(LENDER).lend("V2-a", "sam.student", "MAIN", DESK).unwrap();
        let mut placing = world.placing();
        placing.copies = vec![lending::CopyRef {
            bib: Some(bib.as_str().into()),
            barcode: None,
            volume: Some("Vol. 2".to_owned()),
            ..copy(LENDER, "-")
        }];
        let placed = world.place_as(placing).await;
        assert_eq!(placed.supply.unwrap().copy.barcode.as_str(), "V2-b");
        assert_eq!(world.calls(LENDER, "GET /bibs/{mms_id}/holdings/{holding_id}/items"), 1, "one call for all holdings");
        assert_eq!(placed.borrower.item_state, Some(ItemState::InPlace), "as it was made");
    }

    async fn hold_on_an_item_that_alma_does_not_find_yet_is_retried_and_not_waited_for(world) {
        world.at(BORROWER).set_behaviour(|site| site.settle_ms = 1_000);
        let placed = world.place().await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        assert_eq!(world.calls(BORROWER, "POST /bibs/{mms_id}/holdings/{holding_id}/items"), 1);
        assert!(world.at(BORROWER).requests().len() == 1);
    }

    async fn other_copy_of_a_record_is_asked_for_where_the_first_is_refused(world) {
        // Every third title has a copy at the branch too.
        let item = world.at(LENDER).item(&presets::barcode(LENDER, 'M', 3)).unwrap();
        let refuse = FaultKind::Refuse { code: "401129".to_owned(), message: "No items can fulfill.".to_owned() };
        world.sim.arm(LENDER, Fault::once("POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests", refuse)).unwrap();
        let mut placing = world.placing();
        let any = lending::CopyRef { barcode: None, bib: Some(item.mms_id.as_str().into()), ..copy(LENDER, "") };
        placing.copies = vec![any];
        let placed = world.place_as(placing).await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.refusal);
        assert_eq!((placed.earlier_suppliers.len(), placed.earlier_suppliers[0].refusal.code.as_str()), (1, "401129"));
        let taken = placed.supply.unwrap().copy.barcode;
        assert_ne!(taken, placed.earlier_suppliers[0].barcode, "it is another copy");
    }
}
