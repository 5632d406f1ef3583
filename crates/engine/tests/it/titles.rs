//! Requests for titles: the hub finds the copies, chooses by the policy, tries them in turn and keeps its reasons.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use alma_sim::{Fault, FaultKind, presets};
use engine::{CatalogueTitle, NewRequest, NewTitle, RecordCopies, TitleRecord, Titles};
use lending::supplier::ReasonCode;
use lending::{CopyState, HeldCopy, ItemType, Outcome, Refusal, Status, Title, TitleRef, Volume};

use crate::world::{BORROWER, LENDER, OTHER, World, both, copy};

const PLACE_HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

/// A catalogue of one title, with what its institutions say about their copies.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    title: Mutex<Option<CatalogueTitle>>,
    answers: Mutex<Vec<RecordCopies>>,
    forgotten: Mutex<Vec<TitleRecord>>,
}

#[async_trait::async_trait]
impl Titles for Catalogue {
    async fn find(&self, named: &TitleRef) -> Result<Option<CatalogueTitle>, String> {
        let known = self.title.lock().unwrap().clone().ok_or("the catalogue is being restored")?;
        let is_it = match named {
            TitleRef::Title(id) => *id == known.id,
            TitleRef::Record { institution, record } => {
                known.records.iter().any(|one| one.institution == *institution && one.bib == *record)
            }
        };
        Ok(is_it.then_some(known))
    }

    async fn held_copies(&self, records: &[TitleRecord], _: Duration) -> Vec<RecordCopies> {
        let answers = self.answers.lock().unwrap();
        answers.iter().filter(|answer| records.contains(&answer.record)).cloned().collect()
    }

    fn forget(&self, record: &TitleRecord) {
        self.forgotten.lock().unwrap().push(record.clone());
    }
}

impl Catalogue {
    /// Takes the records whose copies were forgotten.
    pub(crate) fn take_forgotten(&self) -> Vec<TitleRecord> {
        std::mem::take(&mut *self.forgotten.lock().unwrap())
    }

    pub(crate) fn set_state(&self, institution: &str, state: &CopyState) {
        let mut answers = self.answers.lock().unwrap();
        for answer in answers.iter_mut().filter(|answer| answer.record.institution.as_str() == institution) {
            if let Ok((copies, _)) = &mut answer.answer {
                copies.iter_mut().for_each(|copy| copy.state = state.clone());
            }
        }
    }

    /// Gives the copies of an institution a volume.
    pub(crate) fn set_volume(&self, institution: &str, volume: &str) {
        let mut answers = self.answers.lock().unwrap();
        for answer in answers.iter_mut().filter(|answer| answer.record.institution.as_str() == institution) {
            if let Ok((copies, _)) = &mut answer.answer {
                copies.iter_mut().for_each(|copy| copy.volume = Volume::new(Some(volume), &[], &[]));
            }
        }
    }

    fn let_nobody_answer(&self) {
        for answer in self.answers.lock().unwrap().iter_mut() {
            answer.answer = Err("no answer yet".to_owned());
        }
    }
}

/// Lists one copy of each lender under the title `t1`, both available.
pub(crate) fn catalogue(world: &World) -> Arc<Catalogue> {
    let of = |institution: &str, number: usize| {
        let barcode = presets::barcode(institution, 'M', number);
        let item = world.at(institution).item(&barcode).unwrap();
        let held = HeldCopy {
            holding: item.holding_id.as_str().into(),
            item: item.pid.as_str().into(),
            barcode: Some(barcode.as_str().into()),
            library: "MAIN".into(),
            location: "stacks".into(),
            item_type: Some(ItemType("book".to_owned())),
            volume: Volume::default(),
            state: CopyState::Available,
            waiting: None,
        };
        let record = TitleRecord { institution: institution.into(), bib: item.mms_id.as_str().into() };
        RecordCopies { record, answer: Ok((vec![held], Duration::ZERO)) }
    };
    let answers = vec![of(LENDER, 1), of(OTHER, 2)];
    let records = answers.iter().map(|answer| answer.record.clone()).collect();
    let title = CatalogueTitle { id: "t1".to_owned(), title: Title::bounded("Cats & dogs", None), records };
    let catalogue = Arc::new(Catalogue {
        title: Mutex::new(Some(title)),
        answers: Mutex::new(answers),
        forgotten: Mutex::default(),
    });
    world.engine.set_titles(Arc::<Catalogue>::clone(&catalogue));
    catalogue
}

fn wish(world: &World, title: TitleRef) -> NewRequest {
    NewRequest { copies: Vec::new(), title: Some(NewTitle { title, volume: None }), ..world.placing() }
}

pub(crate) fn for_the_title(world: &World) -> NewRequest {
    wish(world, TitleRef::Title("t1".to_owned()))
}

fn codes(error: engine::Error) -> Vec<&'static str> {
    let engine::Error::Invalid(problems) = error else { panic!("{error}") };
    problems.into_iter().map(|problem| problem.code).collect()
}

both! {
    async fn request_for_a_title_goes_to_an_available_copy_and_keeps_the_reasons(world) {
        let catalogue = catalogue(&world);
        catalogue.set_state(LENDER, &CopyState::NotLendable(Refusal::new("ON_ORDER", "It is on order.")));
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        assert_eq!(placed.supply.unwrap().institution.as_str(), OTHER);
        let choices = world.engine.store().choices_of(world.id).await.unwrap();
        let record = &choices[0].record;
        assert_eq!((choices.len(), record.candidates.len()), (1, 2));
        assert_eq!((record.choice.ranked.len(), record.choice.left_out.len()), (1, 1));
        assert!(!format!("{record:?}").contains(crate::world::PATRON), "no patron is in it");
    }

    async fn next_copy_is_tried_when_the_lender_refuses(world) {
        catalogue(&world);
        let refuse = FaultKind::Refuse { code: "401129".to_owned(), message: "No items can fulfill.".to_owned() };
        for lender in [LENDER, OTHER] {
            world.sim.arm(lender, Fault::once(PLACE_HOLD, refuse.clone())).unwrap();
        }
        let placed = world.place_as(for_the_title(&world)).await;
        // Both lenders refused one hold each, so the hub has nothing left: every copy was tried.
        assert_eq!((placed.outcome, placed.earlier_suppliers.len()), (Some(Outcome::NotSupplied), 2));
        assert_eq!(placed.refusal.unwrap().code, Refusal::NO_COPY_OF_TITLE);
        let choices = world.engine.store().choices_of(world.id).await.unwrap();
        assert_eq!(choices.len(), 2, "the second finds that nothing is left");
        assert!(choices[1].record.choice.ranked.is_empty());
    }

    async fn record_of_an_institution_names_the_title_too(world) {
        let catalogue = catalogue(&world);
        let record = catalogue.title.lock().unwrap().as_ref().unwrap().records[0].clone();
        let named = TitleRef::Record { institution: record.institution, record: record.bib };
        let placed = world.place_as(wish(&world, named)).await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        assert_eq!(placed.wanted.unwrap().title, "t1");
    }

    async fn institutions_that_do_not_answer_are_asked_for_any_copy_of_their_record(world) {
        let catalogue = catalogue(&world);
        catalogue.let_nobody_answer();
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
    }

    async fn wrong_wishes_are_refused_with_what_to_do(world) {
        let unknown = wish(&world, TitleRef::Title("t9".to_owned()));
        assert_eq!(codes(world.engine.place(unknown.clone(), "test").await.unwrap_err()), ["NO_CATALOGUE"]);
        let catalogue = catalogue(&world);
        assert_eq!(codes(world.engine.place(unknown, "test").await.unwrap_err()), ["UNKNOWN_TITLE"]);
        let both = NewRequest { title: for_the_title(&world).title, ..world.placing() };
        assert_eq!(codes(world.engine.place(both, "test").await.unwrap_err()), ["TITLE_AND_COPIES"]);
        let neither = NewRequest { title: None, ..for_the_title(&world) };
        assert_eq!(codes(world.engine.place(neither, "test").await.unwrap_err()), ["NO_COPY"]);
        *catalogue.title.lock().unwrap() = None;
        let failed = world.engine.place(for_the_title(&world), "test").await.unwrap_err();
        assert!(matches!(failed, engine::Error::Catalogue(_)), "{failed}");
    }

    async fn second_request_for_the_title_or_one_of_its_records_is_a_duplicate(world) {
        let catalogue = catalogue(&world);
        world.place_as(for_the_title(&world)).await;
        assert_eq!(codes(world.engine.place(for_the_title(&world), "test").await.unwrap_err()), ["DUPLICATE_REQUEST"]);
        let records = catalogue.title.lock().unwrap().as_ref().unwrap().records.clone();
        let bib = Some(records[0].bib.clone());
        let any = NewRequest {
            copies: vec![lending::CopyRef { barcode: None, bib, ..copy(records[0].institution.as_str(), "-") }],
            ..world.placing()
        };
        let supplier = world.request().await.supply.unwrap().institution;
        let second = world.engine.place(any, "test").await;
        assert_eq!(second.is_err(), supplier == records[0].institution, "{second:?}");
    }

    async fn catalogue_that_fails_for_a_while_delays_the_request_and_loses_nothing(world) {
        let catalogue = catalogue(&world);
        let title = catalogue.title.lock().unwrap().clone();
        world.id = world.engine.place(for_the_title(&world), "test").await.unwrap();
        *catalogue.title.lock().unwrap() = None;
        world.settle().await;
        assert_eq!(world.request().await.status, Status::PatronVerified);
        *catalogue.title.lock().unwrap() = title;
        world.until(Status::RequestPlacedAtBorrowingAgency).await;
    }

    async fn preview_and_request_agree_and_the_preview_writes_nothing(world) {
        let catalogue = catalogue(&world);
        catalogue.set_state(LENDER, &CopyState::NotLendable(Refusal::new("ON_ORDER", "It is on order.")));
        let preview = world.engine.preview(for_the_title(&world)).await.unwrap();
        assert!(preview.is_possible(), "{preview:?}");
        let (lender, terms) = preview.expected.unwrap();
        assert_eq!((lender.as_str(), terms.requests), (OTHER, 0));
        assert!(preview.pickup_locations.iter().any(|one| one.location.code.as_str() == "BORROW-MAIN"));
        assert_eq!(world.engine.store().requests(&store::RequestFilter { limit: 9, ..Default::default() }).await.unwrap().requests.len(), 0);
        for institution in [LENDER, OTHER, BORROWER] {
            let calls = world.sim.calls(institution).unwrap();
            assert!(calls.keys().all(|endpoint| endpoint.starts_with("GET ")), "{calls:?}");
        }
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!(placed.supply.unwrap().institution, lender);
    }

    async fn preview_says_why_nothing_can_be_lent(world) {
        let catalogue = catalogue(&world);
        for lender in [LENDER, OTHER] {
            catalogue.set_state(lender, &CopyState::NotLendable(Refusal::new("ON_ORDER", "It is on order.")));
        }
        let preview = world.engine.preview(for_the_title(&world)).await.unwrap();
        assert!(!preview.is_possible());
        let left_out = preview.choice.unwrap().record.choice.left_out;
        assert_eq!(left_out.len(), 2);
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!(placed.outcome, Some(Outcome::NotSupplied));
    }

    async fn preview_names_each_reason_against_the_patron(world) {
        catalogue(&world);
        world.replace_user(BORROWER, crate::world::PATRON, "expiry_date", "2020-01-01Z");
        let preview = world.engine.preview(for_the_title(&world)).await.unwrap();
        assert!(!preview.is_possible());
        let Some(engine::PatronTerms::MayNot(reasons)) = preview.patron else { panic!("{:?}", preview.patron) };
        assert_eq!(reasons[0].code, "PATRON_EXPIRED");
        let unknown = NewRequest { agency: "NOWHERE".into(), ..for_the_title(&world) };
        let preview = world.engine.preview(unknown).await.unwrap();
        assert_eq!(preview.faults[0].code, "UNKNOWN_AGENCY");
        assert!(preview.patron.is_none(), "nobody was asked");
    }

    async fn request_waits_for_a_lent_copy_if_its_lender_allows_it_and_nothing_else_is_there(world) {
        let catalogue = catalogue(&world);
        let lent = presets::barcode(LENDER, 'M', 1);
        world.at(LENDER).lend(&lent, "sam.student", "MAIN", crate::world::DESK).unwrap();
        catalogue.set_state(LENDER, &CopyState::Lent { due: None });
        catalogue.set_state(OTHER, &CopyState::NotLendable(Refusal::new("ON_ORDER", "It is on order.")));
        world.set_rules(LENDER, "LEND", lending::Rules { longest_queue: Some(1), ..lending::Rules::default() }).await;
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        let supply = placed.supply.unwrap();
        assert!(supply.queued && supply.lent_to_another, "{supply:?}");
        assert!(supply.hold.open().is_some(), "its hold waits for the item");
    }

    async fn preview_leaves_out_copies_that_the_patrons_library_cannot_represent_as_the_request_does(world) {
        catalogue(&world);
        world.change_more(BORROWER, "material_types", serde_json::json!({"map": "BOOK"})).await;
        let preview = world.engine.preview(for_the_title(&world)).await.unwrap();
        assert!(!preview.is_possible());
        let codes = |choice: &lending::supplier::Choice| {
            choice.left_out.iter().map(|copy| copy.reason.code).collect::<Vec<ReasonCode>>()
        };
        assert_eq!(codes(&preview.choice.unwrap().record.choice), [ReasonCode::TypeUnmapped; 2]);
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!((placed.outcome, placed.earlier_suppliers.len()), (Some(Outcome::NotSupplied), 0));
        let choices = world.engine.store().choices_of(world.id).await.unwrap();
        assert_eq!(codes(&choices[0].record.choice), [ReasonCode::TypeUnmapped; 2]);
    }

    async fn request_for_a_title_goes_to_another_library_than_the_one_where_the_patron_collects(world) {
        catalogue(&world);
        world.set_rules(OTHER, "OTHER", lending::Rules { allows_visiting_pickup: true, ..lending::Rules::default() }).await;
        world.add_pickup_location(OTHER, "OTHER", "MAIN").await;
        let placing = NewRequest { pickup_location: "OTHER-MAIN".into(), ..for_the_title(&world) };
        let preview = world.engine.preview(placing.clone()).await.unwrap();
        let left_out = &preview.choice.as_ref().unwrap().record.choice.left_out;
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert_eq!(left_out[0].reason.code, ReasonCode::PickupAtLender);
        let placed = world.place_as(placing).await;
        assert_eq!(placed.supply.unwrap().institution.as_str(), LENDER);
    }

    async fn copy_that_staff_choose_goes_through_the_choice_and_overrides_a_suspension(world) {
        catalogue(&world);
        let first = world.place_as(for_the_title(&world)).await.supply.unwrap().institution;
        let (other, code, number) = if first.as_str() == LENDER { (OTHER, "OTHER", 2) } else { (LENDER, "LEND", 1) };
        let suspended_until = Some("2099-12-31".parse().unwrap());
        world.set_rules(other, code, lending::Rules { suspended_until, ..lending::Rules::default() }).await;
        let copy = Some(copy(other, &presets::barcode(other, 'M', number)));
        let wanted = engine::AnotherLender { copy, ..engine::AnotherLender::default() };
        world.engine.ask_another_lender(world.id, wanted, "staff").await.unwrap();
        world.until_it("the other lender has a hold", |request| {
            request.supply.as_ref().is_some_and(|supply| supply.institution.as_str() == other && supply.hold.open().is_some())
        }).await;
        let choices = world.engine.store().choices_of(world.id).await.unwrap();
        let choice = &choices.last().unwrap().record.choice;
        assert_eq!(choices.len(), 2);
        assert_eq!((choice.ranked.len(), choice.ranked[0].reason.code), (1, ReasonCode::StaffChoice));
    }

    async fn message_about_a_record_makes_the_availability_cache_forget_it(world) {
        let catalogue = catalogue(&world);
        crate::webhooks::with_webhook(&world, LENDER).await;
        catalogue.take_forgotten();
        let bib = serde_json::json!({"mms_id": "991"});
        for (number, (action, part, record)) in [
            ("ITEM", "item", serde_json::json!({"bib_data": {"mms_id": "991"}, "item_data": {"pid": "23"}})),
            ("LOAN", "item_loan", serde_json::json!({"mms_id": "991", "loan_id": "7", "item_id": "23"})),
            ("REQUEST", "user_request", serde_json::json!({"mms_id": "991", "request_id": "8"})),
            ("BIB", "bib", bib),
        ].into_iter().enumerate() {
            let body = serde_json::json!({"id": format!("m{number}"), "action": action, part: record});
            crate::webhooks::send(&world, LENDER, &body).await.unwrap();
            let expected = TitleRecord { institution: LENDER.into(), bib: "991".into() };
            assert_eq!(catalogue.take_forgotten(), [expected], "{action}");
        }
        let unsigned = serde_json::json!({"id": "m9", "action": "BIB", "bib": {"mms_id": "991"}}).to_string();
        assert!(world.engine.receive_webhook(&LENDER.into(), |_| None, unsigned.as_bytes()).await.is_err());
        assert!(catalogue.take_forgotten().is_empty());
    }

    async fn preview_of_named_copies_reads_them_until_one_can_be_lent(world) {
        let lent = presets::barcode(LENDER, 'M', 1);
        world.at(LENDER).lend(&lent, "sam.student", "MAIN", crate::world::DESK).unwrap();
        let copies = vec![copy(LENDER, &lent), copy(OTHER, &presets::barcode(OTHER, 'M', 2))];
        let preview = world.engine.preview(NewRequest { copies, ..world.placing() }).await.unwrap();
        assert!(preview.is_possible(), "{preview:?}");
        let refused: Vec<bool> = preview.copies.iter().map(|(_, refusal)| refusal.is_some()).collect();
        assert_eq!(refused, [true, false]);
        assert_eq!(preview.expected.unwrap().0.as_str(), OTHER);
    }
}
