//! Events while the item is out, and the actions of staff about it.

use std::time::Duration;

use alma_sim::{Fault, FaultKind, Mark};
use jiff::{SignedDuration, Timestamp};
use lending::{Action, Command, Condition, Outcome, PickupLocation, Request, Rules, Settlement, Status};
use store::{Claim, NOTHING_NEW};

use crate::world::{BORROWER, DESK, LENDER, OTHER, PATRON, World, both, copy};

fn has(request: &Request, condition: Condition) -> bool {
    request.conditions.contains(&condition)
}

fn due_at_lender(request: &Request) -> Timestamp {
    request.supply.as_ref().unwrap().loan.open().unwrap().due.unwrap()
}

fn due_at_borrower(world: &World, barcode: &str) -> Timestamp {
    let loans = world.at(BORROWER).loans();
    loans.iter().find(|loan| loan.barcode == barcode).unwrap().due.parse().unwrap()
}

async fn end(world: &World, outcome: Outcome) {
    world.end_batch_poll().await;
    assert_eq!(world.bring_home().await.outcome, Some(outcome));
    world.assert_clean();
}

both! {
    async fn due_date_later_than_the_lenders_is_brought_down_in_alma(world) {
        world.at(LENDER).set_behaviour(|behaviour| behaviour.rules.default_loan_days = 7);
        world.bring_to(Status::Loaned).await;
        let request = world.settled().await;
        let barcode = world.virtual_barcode().await;
        assert_eq!(due_at_borrower(&world, &barcode), due_at_lender(&request), "the owner's due date is the ceiling");
        end(&world, Outcome::Supplied).await;
    }

    async fn renewal_at_the_borrower_renews_the_lenders_loan(world) {
        world.bring_to(Status::Loaned).await;
        let before = due_at_lender(&world.request().await);
        let barcode = world.virtual_barcode().await;
        let later = before + SignedDuration::from_hours(24 * 10);
        world.at(BORROWER).set_due(&barcode, later).unwrap();
        let request = world.until_it("a renewal", |request| {
            request.borrower.due_dates.renewal_requested_for.is_some()
        }).await;
        assert!(due_at_lender(&request) > before || has(&request, Condition::RenewalRefused));
        assert_eq!(world.calls(LENDER, "POST /users/{user_id}/loans/{loan_id}"), 1, "the hub asks for the renewal once");
        end(&world, Outcome::Supplied).await;
    }

    async fn refused_renewal_puts_the_borrowers_due_date_back(world) {
        world.at(LENDER).set_behaviour(|behaviour| behaviour.max_renewals = Some(0));
        world.bring_to(Status::Loaned).await;
        let ceiling = due_at_lender(&world.request().await);
        let barcode = world.virtual_barcode().await;
        world.at(BORROWER).set_due(&barcode, ceiling + SignedDuration::from_hours(24 * 10)).unwrap();
        let request = world.until_it("a refusal", |request| has(request, Condition::RenewalRefused)).await;
        assert_eq!(due_at_lender(&request), ceiling);
        assert_eq!(due_at_borrower(&world, &barcode), ceiling);
        end(&world, Outcome::Supplied).await;
    }

    async fn item_that_others_wait_for_at_the_lender_is_recalled_and_not_renewed(world) {
        world.bring_to(Status::Loaned).await;
        world.at(LENDER).place_hold("sam.student", &world.barcode, "MAIN").unwrap();
        let request = world.until_it("the recall", |request| has(request, Condition::Recalled)).await;
        assert!(request.borrower.due_dates.renewal_blocked);
        let item = world.at(BORROWER).item(&world.virtual_barcode().await).unwrap();
        assert_eq!(item.policy, "DCB_NR", "its loan can't be renewed under this policy");
        world.end_batch_poll().await;
        // At home the item goes to the reader who waits for it.
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Supplied));
    }

    async fn overdue_item_is_shown_and_still_followed(world) {
        world.bring_to(Status::Loaned).await;
        let barcode = world.virtual_barcode().await;
        let soon = world.sim.now() + SignedDuration::from_millis(1_200);
        world.at(BORROWER).set_due(&barcode, soon).unwrap();
        world.clock.by_hours(1);
        world.until_it("overdue", |request| has(request, Condition::Overdue)).await;
        end(&world, Outcome::Supplied).await;
    }

    async fn lost_item_that_is_found_ends_as_any_other(world) {
        world.bring_to(Status::Loaned).await;
        let barcode = world.virtual_barcode().await;
        world.at(BORROWER).mark(&barcode, Mark::Lost).unwrap();
        let request = world.until_it("the loss", |request| has(request, Condition::Lost)).await;
        assert!(request.actions().contains(&Action::SettleLoss));
        world.at(BORROWER).mark(&barcode, Mark::Found).unwrap();
        world.until_it("found", |request| !has(request, Condition::Lost)).await;
        end(&world, Outcome::Supplied).await;
    }

    async fn lost_item_that_is_paid_for_ends_as_lost_with_a_clean_borrower(world) {
        world.bring_to(Status::Loaned).await;
        world.at(BORROWER).mark(&world.virtual_barcode().await, Mark::Lost).unwrap();
        world.until_it("the loss", |request| has(request, Condition::Lost)).await;
        world.engine.execute_command(world.id, &Command::SettleLoss { how: Settlement::Paid }, "test").await.unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Lost));
        assert_eq!(world.at(LENDER).loans().len(), 1, "the lender's loan is for its own staff to close");
    }

    async fn lost_item_returned_after_all_goes_its_ordinary_way(world) {
        world.bring_to(Status::Loaned).await;
        world.at(BORROWER).mark(&world.virtual_barcode().await, Mark::Lost).unwrap();
        world.until_it("the loss", |request| has(request, Condition::Lost)).await;
        end(&world, Outcome::Supplied).await;
    }

    async fn claimed_return_is_shown_and_ends_when_the_item_is_found_at_the_lender(world) {
        world.bring_to(Status::Loaned).await;
        world.at(BORROWER).mark(&world.virtual_barcode().await, Mark::ClaimedReturned).unwrap();
        world.until_it("the claim", |request| has(request, Condition::ClaimedReturned)).await;
        // The patron had put it into the lender's own return box.
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn item_brought_straight_back_to_the_lender_ends_clean_at_the_borrower(world) {
        world.bring_to(Status::Loaned).await;
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
        assert!(world.at(BORROWER).loans().is_empty(), "the patron's loan is closed");
    }

    async fn item_returned_at_another_library_of_the_borrower_goes_home(world) {
        world.bring_to(Status::Loaned).await;
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "BRANCH", DESK).unwrap();
        world.until(Status::ReturnTransit).await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn item_missing_on_its_way_is_a_case_for_staff_until_it_comes(world) {
        world.set_rules(BORROWER, "BORROW", Rules { max_days_in_transit: 5, ..Rules::default() }).await;
        world.bring_to(Status::PickupTransit).await;
        world.clock.by_hours(24 * 7);
        world.until_it("missing", |request| has(request, Condition::MissingInTransit)).await;
        world.receive().await;
        assert!(!has(&world.request().await, Condition::MissingInTransit));
        world.lend().await;
        end(&world, Outcome::Supplied).await;
    }

    async fn staff_choose_another_lender(world) {
        world.place().await;
        let chosen = alma_sim::presets::barcode(OTHER, 'M', 5);
        let command = Command::NextSupplier { reason: None, copy: Some(copy(OTHER, &chosen)) };
        let now = world.ask(command).await;
        assert_eq!(now.supply.unwrap().copy.barcode.as_str(), chosen);
        assert!(world.at(LENDER).requests().is_empty(), "the first lender's hold is cancelled");
    }

    async fn poll_under_way_at_the_lender_before_is_not_made_for_the_next_one(world) {
        world.place().await;
        world.engine.poll_now(world.id).await.unwrap();
        // Another node makes the polls while staff ask for another lender, and finds nothing new.
        let claim = Claim {
            owner: "another node",
            now: world.now(),
            lease: Duration::from_secs(60),
            limit: 10,
            max_per_institution: 10,
            max_polls: 10,
            max_polls_per_institution: 10,
        };
        let polls = world.engine.store().claim(&claim).await.unwrap().intents;
        assert!(polls.iter().any(|poll| poll.institution.as_str() == LENDER), "{polls:?}");
        let chosen = alma_sim::presets::barcode(OTHER, 'M', 5);
        let command = Command::NextSupplier { reason: None, copy: Some(copy(OTHER, &chosen)) };
        world.engine.execute_command(world.id, &command, "test").await.unwrap();
        let mut unit = world.engine.store().unit();
        for poll in &polls {
            unit.postpone_intent(poll, world.now() + SignedDuration::from_hours(1), false, NOTHING_NEW, world.now());
        }
        world.engine.store().commit(unit).await.unwrap();
        world.settled().await;
        assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn pickup_location_changed_while_the_patron_gets_the_book_places_no_second_hold(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let branch = PickupLocation { code: "BORROW-BRANCH".into(), library: "BRANCH".into(), ..world.request().await.pickup };
        let cancel = "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}";
        world.sim.arm(BORROWER, Fault::once(cancel, FaultKind::Status { status: 503, body: None })).unwrap();
        let command = Command::ChangePickup { pickup: branch };
        world.engine.execute_command(world.id, &command, "test").await.unwrap();
        world.engine.step().await;
        assert!(world.request().await.in_flight.is_some(), "the first attempt has no answer");
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", DESK).unwrap();
        world.until(Status::Loaned).await;
        assert!(world.at(BORROWER).requests().is_empty());
        world.end_batch_poll().await;
        world.bring_home().await;
        world.assert_clean();
    }

    async fn hold_of_the_request_that_is_left_on_the_virtual_item_is_cancelled_before_the_deletion(world) {
        world.bring_to(Status::ReturnTransit).await;
        let item = world.request().await.borrower.item.open().unwrap().clone();
        world.place_marked_hold(BORROWER, PATRON, item.as_str(), "MAIN");
        world.bring_home().await;
        world.assert_clean();
    }

    async fn pickup_location_is_changed_in_alma(world) {
        let placed = world.place().await;
        let branch = PickupLocation {
            code: "BORROW-BRANCH".into(),
            library: "BRANCH".into(),
            ..placed.pickup
        };
        let now = world.ask(Command::ChangePickup { pickup: branch }).await;
        let hold = now.borrower.hold.open().unwrap();
        let there = world.at(BORROWER).requests();
        assert_eq!(there.len(), 1);
        assert_eq!((there[0].pickup_library.as_str(), there[0].id.as_str()), ("BRANCH", hold.id.as_str()));
        world.dispatch().await;
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "BRANCH", DESK).unwrap();
        world.until(Status::ReadyForPickup).await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "BRANCH", DESK).unwrap();
        world.until(Status::Loaned).await;
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "BRANCH", DESK).unwrap();
        world.until(Status::ReturnTransit).await;
        world.bring_home().await;
        world.assert_clean();
    }

    async fn pickup_location_is_changed_even_when_the_item_is_on_the_hold_shelf(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let pickup = world.request().await.pickup;
        let branch = PickupLocation { code: "BORROW-BRANCH".into(), library: "BRANCH".into(), ..pickup };
        world.ask(Command::ChangePickup { pickup: branch }).await;
        let barcode = world.virtual_barcode().await;
        world.at(BORROWER).scan_in(&barcode, "MAIN", DESK).unwrap();
        assert_eq!(world.at(BORROWER).item(&barcode).unwrap().transit_to.as_deref(), Some("BRANCH"));
        world.at(BORROWER).scan_in(&barcode, "BRANCH", DESK).unwrap();
        world.at(BORROWER).lend(&barcode, PATRON, "BRANCH", DESK).unwrap();
        world.until(Status::Loaned).await;
        world.at(BORROWER).scan_in(&barcode, "BRANCH", DESK).unwrap();
        world.until(Status::ReturnTransit).await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn manual_end_removes_what_the_preview_showed(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let shown = world.request().await.if_ended();
        assert!(!shown.is_empty());
        world.engine.execute_command(world.id, &Command::End { reason: None }, "test").await.unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Unknown));
        world.assert_clean();
    }

    async fn virtual_item_deleted_by_staff_is_recreated_when_staff_resume(world) {
        let placed = world.place().await;
        let barcode = world.virtual_barcode().await;
        let hold = placed.borrower.hold.open().unwrap().id.clone();
        world.at(BORROWER).cancel(hold.as_str(), "CannotBeFulfilled").unwrap();
        world.at(BORROWER).withdraw(&barcode).unwrap();
        world.until_it("trouble", |request| request.staff_case.is_some()).await;
        let now = world.ask(Command::Resume).await;
        assert!(now.borrower.hold.is_open() && now.borrower.item.is_open(), "{:?}", now.attention);
        world.dispatch().await;
        world.receive().await;
        world.lend().await;
        end(&world, Outcome::Supplied).await;
    }

    async fn loan_that_the_hub_did_not_see_does_not_keep_the_virtual_item(world) {
        world.place().await;
        let barcode = world.virtual_barcode().await;
        world.at(BORROWER).lend(&barcode, PATRON, "DCB_LIB", DESK).unwrap();
        world.engine.cancel(world.id, lending::CancelledBy::Patron, None, "test").await.unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
        assert!(world.at(BORROWER).loans().is_empty());
    }

    async fn item_that_waits_for_somebody_else_at_the_lender_is_home(world) {
        world.bring_to(Status::PickupTransit).await;
        world.engine.cancel(world.id, lending::CancelledBy::Patron, None, "test").await.unwrap();
        world.until(Status::ReturnTransit).await;
        world.at(LENDER).place_hold("sam.student", &world.barcode, "MAIN").unwrap();
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        assert_eq!(world.at(LENDER).item(&world.barcode).unwrap().process_type, "HOLDSHELF");
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
    }

    async fn reason_of_an_act_virtual_side_the_timeline(world) {
        world.bring_to(Status::RequestPlacedAtBorrowingAgency).await;
        let pickup = world.engine.store().pickup_location(&"BORROW-BRANCH".into()).await.unwrap().unwrap().location;
        let asked = Command::ChangePickup { pickup };
        world.engine.execute_command_with_reason(world.id, &asked, "desk", Some("the patron has moved")).await.unwrap();
        let rows = world.engine.store().timeline(world.id).await.unwrap();
        let row = rows.iter().find(|row| row.entry.event == "pickup_change_requested").unwrap();
        assert_eq!((row.entry.actor.as_str(), row.entry.note.as_deref()), ("desk", Some("the patron has moved")));
    }
}
