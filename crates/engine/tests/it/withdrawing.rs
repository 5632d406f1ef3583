//! A lender that is given up at the moment when it sends the item, and one that is kept because no other can take over.

use alma_sim::{Fault, FaultKind, presets};
use engine::{AnotherLender, Error};
use lending::{Action, Attention, CancelledBy, Command, ItemState, Outcome, Request, Side, Status};

use crate::webhooks::{of_hold, send, with_webhook};
use crate::world::{BORROWER, DESK, LENDER, OTHER, World, both, copy};

const HOLDS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const ITEM: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const CANCEL: &str = "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}";
const PLACE_HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

fn cancel() -> Command {
    Command::Cancel { by: CancelledBy::Patron, reason: None }
}

/// Scans the item in at the lender, which sends it. The hub hasn't polled since.
async fn sent(world: &World) {
    let (staff, barcode, library) = world.supplier().await;
    assert_eq!(staff.scan_in(&barcode, &library, DESK).unwrap().process_type, "TRANSIT");
    assert!(!world.request().await.is_dispatched(), "the hub doesn't know it yet");
}

/// Waits for a state of the request without requesting polls: the hub finds the change by its own schedule.
async fn reaches(world: &World, what: &str, holds: impl Fn(&Request) -> bool) -> Request {
    let there = |request: &Request| holds(request) && request.in_flight.is_none();
    let request = world.reaches(world.id, there).await;
    assert!(there(&request), "{what} is not reached: {} {:?}", request.status, request.attention);
    request
}

/// Checks a request whose item is away without a hold: the hub follows the item home, and has asked no other lender.
async fn goes_home(world: &World) {
    let request = reaches(world, "the way home", |request| request.status == Status::ReturnTransit).await;
    assert!(request.earlier_suppliers.is_empty(), "{:?}", request.earlier_suppliers);
    assert_eq!(request.institution(Side::Lender).unwrap().as_str(), LENDER);
    let asked = |code: &str| world.at(code).requests().into_iter().any(|hold| hold.comment.is_some());
    assert!(!asked(OTHER) && !asked(LENDER), "the hub left no hold and placed no other");
    assert_eq!(world.at(LENDER).item(&world.barcode).unwrap().process_type, "TRANSIT");
    world.engine.poll_now(world.id).await.unwrap();
    assert_eq!(world.settled().await.status, Status::ReturnTransit, "it stays open as long as the item is away");
    let ended = world.bring_home().await;
    assert_eq!((ended.status, ended.outcome), (Status::Finalised, Some(Outcome::Cancelled)));
    world.assert_clean();
}

both! {
    async fn item_sent_before_the_borrowers_alma_reports_a_cancellation_is_followed_home(world) {
        with_webhook(&world, BORROWER).await;
        world.place().await;
        sent(&world).await;
        let reported = of_hold(&world, "1", "REQUEST_CANCELED", world.now()).await;
        let hold = world.request().await.borrower.hold.open().unwrap().id.clone();
        world.at(BORROWER).cancel(hold.as_str(), "CancelledAtPatronRequest").unwrap();
        send(&world, BORROWER, &reported).await.unwrap();
        let request = reaches(&world, "the way home", |request| request.status == Status::ReturnTransit).await;
        assert_eq!(request.cancellation.unwrap().by, CancelledBy::AtBorrower);
        goes_home(&world).await;
    }

    async fn item_sent_before_the_patron_cancels_is_followed_home(world) {
        world.place().await;
        sent(&world).await;
        world.ask(cancel()).await;
        goes_home(&world).await;
    }

    async fn item_sent_before_staff_end_the_request_is_followed_home(world) {
        world.place().await;
        sent(&world).await;
        world.ask(Command::End { reason: None }).await;
        goes_home(&world).await;
    }

    async fn item_sent_before_its_last_day_is_noticed_by_a_hub_that_could_not_poll_is_followed_home(world) {
        let mut placing = world.placing();
        placing.needed_until = Some(jiff::tz::TimeZone::UTC.to_datetime(world.now()).date().tomorrow().unwrap());
        world.place_as(placing).await;
        sent(&world).await;
        let down = FaultKind::Refuse { code: "INTERNAL_SERVER_ERROR".to_owned(), message: "Later.".to_owned() };
        world.sim.arm(LENDER, Fault::always(HOLDS, down)).unwrap();
        // This is more than a day after the last day of use, so the deadline passes without a poll.
        world.clock.by_hours(24 * 4);
        world.reaches(world.id, |request| request.status == Status::Cancelled).await;
        world.sim.disarm(LENDER).unwrap();
        goes_home(&world).await;
    }

    async fn item_sent_while_the_cancellation_waits_for_the_lenders_system_is_followed_home(world) {
        world.place().await;
        world.sim.arm(LENDER, Fault::always(CANCEL, FaultKind::status(503))).unwrap();
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        let waits = |request: &Request| matches!(request.attention, Attention::Waiting { next_try: Some(_), .. });
        world.reaches(world.id, waits).await;
        sent(&world).await;
        world.sim.disarm(LENDER).unwrap();
        goes_home(&world).await;
    }

    async fn item_sent_before_a_cancellation_whose_answer_is_lost_is_followed_home(world) {
        world.place().await;
        sent(&world).await;
        world.sim.arm(LENDER, Fault::once(CANCEL, FaultKind::DropAfter)).unwrap();
        world.sim.arm(LENDER, Fault::once(ITEM, FaultKind::status(500))).unwrap();
        world.ask(cancel()).await;
        goes_home(&world).await;
    }

    async fn item_that_is_still_on_its_shelf_costs_one_read_when_the_request_is_cancelled(world) {
        world.place().await;
        let calls = |endpoint: &'static str| (endpoint, world.calls(LENDER, endpoint));
        let before = [calls(ITEM), calls(HOLDS), calls(CANCEL)];
        world.ask(cancel()).await;
        world.until_ended().await;
        let more = before.map(|(endpoint, before)| world.calls(LENDER, endpoint) - before);
        assert_eq!(more, [1, 0, 1]);
        world.assert_clean();
    }

    async fn item_that_was_lent_to_somebody_else_meanwhile_is_not_taken_for_sent(world) {
        world.place().await;
        let (staff, barcode, library) = world.supplier().await;
        staff.lend_overriding_hold(&barcode, "jo.reader", &library, DESK).unwrap();
        world.ask(cancel()).await;
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
        assert_eq!(staff.item(&barcode).unwrap().process_type, "LOAN", "the loan is left to the lender's staff");
    }
}

/// Asks for another lender as the API does.
async fn another(world: &World, wanted: AnotherLender) -> Result<Request, Error> {
    world.engine.ask_another_lender(world.id, wanted, "test").await
}

fn named(institution: &str, barcode: &str) -> AnotherLender {
    AnotherLender { copy: Some(copy(institution, barcode)), ..AnotherLender::default() }
}

/// Checks that the present lender is kept, with its hold.
async fn is_kept(world: &World) {
    let request = world.settled().await;
    assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency);
    assert_eq!(request.institution(Side::Lender).unwrap().as_str(), LENDER);
    assert!(request.earlier_suppliers.is_empty());
    assert_eq!(world.at(LENDER).requests().len(), 1);
    assert_eq!(world.calls(LENDER, CANCEL), 0);
}

/// Returns the code of a refusal, or of the only fault of the command.
fn code(refused: Result<Request, Error>) -> String {
    match refused.unwrap_err() {
        Error::Unfit(refusal) => refusal.code,
        Error::Invalid(problems) => problems[0].code.to_owned(),
        other => panic!("{other:?}"),
    }
}

both! {
    async fn lender_that_has_just_sent_the_item_is_not_given_up_for_another(world) {
        world.place().await;
        sent(&world).await;
        let refused = another(&world, AnotherLender::default()).await.unwrap_err();
        assert!(matches!(refused, Error::NotAllowed(reason) if reason.contains("sent")), "{refused:?}");
        let request = reaches(&world, "transit", |request| request.status == Status::PickupTransit).await;
        assert!(request.earlier_suppliers.is_empty() && request.supply.unwrap().hold.is_open());
        assert_eq!(world.calls(LENDER, CANCEL), 0);
        world.receive().await;
        world.lend().await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn lender_that_could_not_be_polled_and_had_sent_the_item_is_not_followed_by_a_second_one(world) {
        world.place().await;
        sent(&world).await;
        let down = FaultKind::Refuse { code: "INTERNAL_SERVER_ERROR".to_owned(), message: "Later.".to_owned() };
        world.sim.arm(LENDER, Fault::always(HOLDS, down)).unwrap();
        another(&world, AnotherLender::default()).await.unwrap();
        world.sim.disarm(LENDER).unwrap();
        goes_home(&world).await;
    }

    async fn lender_is_kept_where_the_copy_that_staff_name_can_not_be_supplied(world) {
        world.place().await;
        let own = presets::barcode(BORROWER, 'M', 1);
        let faults = [
            (named(OTHER, "MISTYPED-1"), "COPY_NOT_FOUND"),
            (named("01NOWHERE_INST", "1"), "UNKNOWN_INSTITUTION"),
            (named(BORROWER, &own), "OWN_COPY"),
        ];
        for (wanted, reason) in faults {
            assert_eq!(code(another(&world, wanted).await), reason);
            is_kept(&world).await;
        }
        let second = presets::barcode(OTHER, 'M', 5);
        world.at(OTHER).mark(&second, alma_sim::Mark::Missing).unwrap();
        assert!(another(&world, named(OTHER, &second)).await.is_err());
        is_kept(&world).await;
    }

    async fn lender_is_kept_where_the_patron_may_not_borrow_the_copy_of_their_own_library_through_the_hub(world) {
        let rules = lending::Rules { lends_to_own_patrons: true, ..lending::Rules::default() };
        world.set_rules(BORROWER, "BORROW", rules).await;
        world.place().await;
        let own = presets::barcode(BORROWER, 'M', 1);
        assert_eq!(code(another(&world, named(BORROWER, &own)).await), "OTHER_WORKFLOW");
        is_kept(&world).await;
    }

    async fn lender_is_kept_where_the_system_of_the_next_one_gives_no_answer(world) {
        world.place().await;
        world.sim.arm(OTHER, Fault::always("*", FaultKind::status(503))).unwrap();
        let refused = another(&world, AnotherLender::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::Lms(_)) && refused.to_string().contains("kept"), "{refused}");
        is_kept(&world).await;
        world.sim.disarm(OTHER).unwrap();
    }

    async fn last_lender_is_given_up_only_when_staff_say_that_they_know_it(world) {
        let mut placing = world.placing();
        placing.copies.truncate(1);
        world.place_as(placing).await;
        assert_eq!(code(another(&world, AnotherLender::default()).await), "NO_CANDIDATE_LEFT");
        is_kept(&world).await;
        let wanted = AnotherLender { confirm_no_candidate: true, ..AnotherLender::default() };
        another(&world, wanted).await.unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::NotSupplied));
        world.assert_clean();
    }

    async fn lender_is_kept_where_no_other_copy_is_on_its_shelf(world) {
        world.at(OTHER).mark(&presets::barcode(OTHER, 'M', 2), alma_sim::Mark::Missing).unwrap();
        world.place().await;
        assert_eq!(code(another(&world, AnotherLender::default()).await), "NO_CANDIDATE_LEFT");
        is_kept(&world).await;
    }

    async fn next_lender_takes_over_where_one_is_left(world) {
        world.place().await;
        another(&world, AnotherLender::default()).await.unwrap();
        let next = reaches(&world, "the next lender", |request| {
            request.status == Status::RequestPlacedAtBorrowingAgency && !request.earlier_suppliers.is_empty()
        }).await;
        assert_eq!(next.institution(Side::Lender).unwrap().as_str(), OTHER);
        assert!(world.at(LENDER).requests().is_empty());
        world.supply().await;
        world.assert_clean();
    }

    async fn copy_that_staff_name_while_another_library_is_being_asked_is_asked_at_its_own(world) {
        let mut placing = world.placing();
        placing.copies.swap(0, 1);
        world.place_as(placing).await;
        // The other lender's hold ends, and the system of the next one is down.
        world.sim.arm(LENDER, Fault::always("*", FaultKind::status(503))).unwrap();
        let hold = world.request().await.supply.unwrap().hold.open().unwrap().id.clone();
        world.at(OTHER).cancel(hold.as_str(), "CannotBeFulfilled").unwrap();
        // A hold counts as gone after two polls without it.
        for _ in 0..2 {
            world.engine.poll_now(world.id).await.unwrap();
            world.settle().await;
        }
        let waits = |request: &Request| {
            request.status == Status::NotSuppliedCurrentSupplier
                && matches!(request.attention, Attention::Waiting { next_try: Some(_), .. })
        };
        world.reaches(world.id, waits).await;
        assert!(world.request().await.may(Action::NextSupplier).is_err(), "another is being asked already");
        let wanted = presets::barcode(OTHER, 'M', 9);
        another(&world, named(OTHER, &wanted)).await.unwrap();
        let next = reaches(&world, "the copy that was named", |request| {
            request.status == Status::RequestPlacedAtBorrowingAgency
        }).await;
        assert_eq!(next.supply.unwrap().copy.barcode.as_str(), wanted);
        assert!(next.candidates.iter().any(|left| left.institution.as_str() == LENDER), "it is still a candidate");
        world.sim.disarm(LENDER).unwrap();
    }
}

both! {
    async fn cancellation_of_a_sent_item_whose_patrons_hold_was_refused_takes_effect(world) {
        let refuse = FaultKind::Refuse { code: "401652".to_owned(), message: "General error.".to_owned() };
        world.sim.arm(BORROWER, Fault::always(PLACE_HOLD, refuse)).unwrap();
        let placed = world.place().await;
        assert_eq!(placed.status, Status::Confirmed);
        assert!(matches!(placed.attention, Attention::NeedsStaff { .. }), "{:?}", placed.attention);
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        world.until_it("the dispatch", Request::is_dispatched).await;
        let tried = world.calls(BORROWER, PLACE_HOLD);
        world.ask(cancel()).await;
        let request = world.request().await;
        assert_eq!(request.status, Status::ReturnTransit);
        assert_eq!(request.supply.unwrap().item, ItemState::InTransit);
        assert!(staff.requests().is_empty(), "the next scan must not send it out again");
        assert_eq!(world.calls(BORROWER, PLACE_HOLD), tried, "nothing is placed for a cancelled request");
        let ended = world.bring_home().await;
        assert_eq!((ended.outcome, staff.item(&barcode).unwrap().process_type.as_str()), (Some(Outcome::Cancelled), ""));
        world.assert_clean();
    }

    async fn cancellation_between_the_dispatch_and_the_virtual_item_places_nothing(world) {
        let rules = lending::Rules { virtual_item_at_dispatch: true, ..lending::Rules::default() };
        world.set_rules(BORROWER, "BORROW", rules).await;
        assert_eq!(world.place().await.status, Status::Confirmed);
        world.sim.arm(BORROWER, Fault::always("POST /bibs", FaultKind::status(503))).unwrap();
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        world.engine.poll_now(world.id).await.unwrap();
        let waits = |request: &Request| {
            request.is_dispatched() && matches!(request.attention, Attention::Waiting { next_try: Some(_), .. })
        };
        world.reaches(world.id, waits).await;
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        world.sim.disarm(BORROWER).unwrap();
        let request = reaches(&world, "the way home", |request| request.status == Status::ReturnTransit).await;
        // After a 503 it is unknown whether the record was created, so it may be open until the end. Nothing else is.
        assert!(request.borrower.item.open().is_none());
        assert_eq!(world.calls(BORROWER, PLACE_HOLD), 0);
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }
}
