//! What libraries do with a copy before and after its dispatch that the workflow doesn't expect: it is lent to somebody
//! else, goes missing, isn't sent after all, or travels between branches.

use alma_sim::Mark;
use lending::{
    Action, Attention, CancelledBy, Command, Condition, CopyProblem, Outcome, PickupLocation, Request, Rules,
    Settlement, StaffCaseCause, Status, WaitingOn,
};
use serde_json::json;

use crate::world::{BORROWER, DESK, LENDER, OTHER, PATRON, World, both};

/// Another reader of the lender.
const READER: &str = "sam.student";

fn lender(request: &Request) -> &str {
    request.supply.as_ref().unwrap().institution.as_str()
}

/// Returns whom the request waits for, with the sentence for staff.
fn waits(request: &Request) -> (WaitingOn, &str) {
    match &request.attention {
        Attention::Waiting { on, reason, .. } => (*on, reason),
        other => panic!("the request doesn't wait: {other:?}"),
    }
}

fn branch(request: &Request) -> PickupLocation {
    PickupLocation {
        code: "BORROW-BRANCH".into(),
        name: "Branch".to_owned(),
        library: "BRANCH".into(),
        ..request.pickup.clone()
    }
}

async fn assert_next_lender_supplies(world: &World) {
    world.until_it("the next lender", |request| lender(request) == OTHER).await;
    assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
    world.assert_clean();
}

/// Places a request with one candidate.
async fn place_with_one_copy(world: &mut World) {
    let mut placing = world.placing();
    placing.copies.truncate(1);
    world.place_as(placing).await;
}

both! {
    async fn next_lender_is_asked_at_once_for_a_copy_that_is_missing(world) {
        world.place().await;
        world.at(LENDER).mark(&world.barcode, Mark::Missing).unwrap();
        assert_next_lender_supplies(&world).await;
    }

    async fn next_lender_is_asked_after_an_open_day_for_a_copy_that_is_lent_to_somebody_else(world) {
        world.place().await;
        world.at(LENDER).lend_overriding_hold(&world.barcode, READER, "MAIN", DESK).unwrap();
        let seen = world.until_it("the loan", |request| request.copy_problem() == Some(CopyProblem::Lent)).await;
        assert_eq!(lender(&seen), LENDER);
        let Attention::NeedsStaff { explanation, .. } = &seen.attention else { panic!("{:?}", seen.attention) };
        assert!(explanation.contains("on loan to somebody else"), "{explanation}");
        world.clock.by_hours(48);
        assert_next_lender_supplies(&world).await;
    }

    async fn next_lender_is_asked_after_an_open_day_for_a_copy_in_a_work_order(world) {
        world.place().await;
        world.at(LENDER).mark(&world.barcode, Mark::Technical).unwrap();
        let seen = world.until_it("the work order", |request| request.copy_problem().is_some()).await;
        let (on, reason) = waits(&seen);
        assert_eq!(on, WaitingOn::LendingLibrary);
        assert!(reason.contains("out of service") && reason.contains("asks the next lender"), "{reason}");
        world.clock.by_hours(48);
        assert_next_lender_supplies(&world).await;
    }

    async fn grace_for_a_lent_copy_is_as_long_as_the_lenders_rules_say(world) {
        world.set_rules(LENDER, "LEND", Rules { days_for_lent_copy: 0, ..Rules::default() }).await;
        world.place().await;
        world.at(LENDER).lend_overriding_hold(&world.barcode, READER, "MAIN", DESK).unwrap();
        assert_next_lender_supplies(&world).await;
    }

    async fn lent_copy_that_no_other_library_has_is_waited_for(world) {
        place_with_one_copy(&mut world).await;
        world.at(LENDER).lend_overriding_hold(&world.barcode, READER, "MAIN", DESK).unwrap();
        world.until_it("the loan", |request| request.copy_problem() == Some(CopyProblem::Lent)).await;
        world.clock.by_hours(48);
        world.settle().await;
        assert_eq!(lender(&world.request().await), LENDER);
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        world.until(Status::PickupTransit).await;
    }

    async fn lender_that_takes_the_item_back_has_not_sent_it(world) {
        world.bring_to(Status::PickupTransit).await;
        let hold = world.request().await.supply.unwrap().hold.open().unwrap().id.to_string();
        world.at(LENDER).cancel(&hold, "CannotBeFulfilled").unwrap();
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        assert_next_lender_supplies(&world).await;
    }

    async fn lender_that_marks_the_sent_item_as_missing_has_not_sent_it(world) {
        world.bring_to(Status::PickupTransit).await;
        world.at(LENDER).mark(&world.barcode, Mark::Missing).unwrap();
        assert_next_lender_supplies(&world).await;
    }

    async fn lender_that_lends_the_sent_item_to_its_own_reader_has_not_sent_it(world) {
        world.bring_to(Status::PickupTransit).await;
        world.at(LENDER).lend_overriding_hold(&world.barcode, READER, "MAIN", DESK).unwrap();
        assert_next_lender_supplies(&world).await;
    }

    async fn item_that_the_only_lender_has_not_sent_is_a_case_for_staff_until_it_is_sent(world) {
        place_with_one_copy(&mut world).await;
        world.dispatch().await;
        world.at(LENDER).lend_overriding_hold(&world.barcode, READER, "MAIN", DESK).unwrap();
        let is_case = |request: &Request| request.staff_case.as_ref().is_some_and(|case| case.cause == StaffCaseCause::NotSent);
        let seen = world.until_it("a case for staff", is_case).await;
        assert!(seen.may(Action::ChooseSupplier).is_ok());
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        let seen = world.until_it("the dispatch", |request| request.staff_case.is_none()).await;
        assert_eq!(seen.status, Status::PickupTransit);
        world.receive().await;
    }

    async fn same_pickup_location_costs_no_call_and_leaves_the_item_on_the_hold_shelf(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let before = world.sim.calls(BORROWER).unwrap();
        let pickup = world.request().await.pickup;
        world.engine.execute_command(world.id, &Command::ChangePickup { pickup }, "test").await.unwrap();
        assert_eq!(world.sim.calls(BORROWER).unwrap(), before);
        world.lend().await;
    }

    async fn patron_is_not_called_in_while_the_item_travels_to_another_branch(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let barcode = world.virtual_barcode().await;
        let pickup = branch(&world.request().await);
        let changed = world.ask(Command::ChangePickup { pickup }).await;
        let (on, reason) = waits(&changed);
        assert!(on == WaitingOn::PickupLibrary && reason.contains("send it on"), "{reason}");
        world.at(BORROWER).scan_in(&barcode, "MAIN", DESK).unwrap();
        let travels = |request: &Request| matches!(&request.attention, Attention::Waiting { reason, .. } if reason.contains("on its way to the hold shelf of Branch"));
        let seen = world.until_it("the transit", travels).await;
        assert_eq!(waits(&seen).0, WaitingOn::PickupLibrary);
        world.at(BORROWER).scan_in(&barcode, "BRANCH", DESK).unwrap();
        let arrived = world.until_it("the arrival", |request| waits(request).0 == WaitingOn::Patron).await;
        assert_eq!(arrived.status, Status::ReadyForPickup);
    }

    async fn scan_at_a_wrong_branch_shows_no_item_on_the_hold_shelf(world) {
        world.bring_to(Status::PickupTransit).await;
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "BRANCH", DESK).unwrap();
        world.engine.poll_now(world.id).await.unwrap();
        let seen = world.settled().await;
        assert!(waits(&seen).0 == WaitingOn::PickupLibrary, "{:?}", seen.attention);
        world.receive().await;
    }

    async fn item_missing_from_the_hold_shelf_can_be_found(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let barcode = world.virtual_barcode().await;
        world.at(BORROWER).mark(&barcode, Mark::Missing).unwrap();
        let is_missing = |request: &Request| request.conditions.contains(&Condition::MissingAtPickup);
        let seen = world.until_it("the mark", is_missing).await;
        assert!(seen.may(Action::ReportFound).is_ok() && seen.may(Action::SettleLoss).is_ok());
        assert!(seen.staff_case.is_none(), "no second hold is tried: {:?}", seen.staff_case);
        world.at(BORROWER).mark(&barcode, Mark::Found).unwrap();
        world.until_it("the item", |request| request.conditions.is_empty()).await;
        world.at(BORROWER).scan_in(&barcode, "MAIN", DESK).unwrap();
        world.until_it("the hold shelf", |request| matches!(request.attention, Attention::Waiting { on: WaitingOn::Patron, .. })).await;
        world.lend().await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn loss_of_an_item_missing_from_the_hold_shelf_can_be_settled(world) {
        world.bring_to(Status::ReadyForPickup).await;
        world.at(BORROWER).mark(&world.virtual_barcode().await, Mark::Missing).unwrap();
        world.until_it("the mark", |request| request.conditions.contains(&Condition::MissingAtPickup)).await;
        world.engine.execute_command(world.id, &Command::SettleLoss { how: Settlement::WrittenOff }, "test").await.unwrap();
        let ended = world.until_ended().await;
        assert_eq!(ended.outcome, Some(Outcome::Lost));
        assert!(ended.item_place().contains("written it off"), "{}", ended.item_place());
        let rows = world.engine.store().timeline(world.id).await.unwrap();
        let last = rows.iter().rev().find_map(|row| row.entry.reason.clone()).unwrap();
        assert!(last.contains("the lender's loan of the lost item stays"), "{last}");
    }

    async fn damage_with_which_the_item_came_back_is_recorded(world) {
        world.bring_to(Status::ReadyForPickup).await;
        assert!(world.request().await.may(Action::ReportDamage).is_err(), "the patron hasn't had it");
        world.lend().await;
        world.end_batch_poll().await;
        let damaged = world.ask(Command::ReportDamage { description: "The cover is torn.".to_owned() }).await;
        assert_eq!(damaged.damage.as_deref(), Some("The cover is torn."));
        let ended = world.bring_home().await;
        assert_eq!((ended.outcome, ended.damage.is_some()), (Some(Outcome::Supplied), true));
        let rows = world.engine.store().timeline(world.id).await.unwrap();
        assert!(rows.iter().any(|row| row.entry.note.as_deref() == Some("The cover is torn.")));
        world.assert_clean();
    }

    async fn item_lost_at_the_lender_and_returned_by_the_patron_is_on_its_way_home(world) {
        world.bring_to(Status::Loaned).await;
        world.at(LENDER).mark(&world.barcode, Mark::Lost).unwrap();
        world.until_it("the loss", |request| request.conditions.contains(&Condition::Lost)).await;
        let returned = world.end_batch_poll().await;
        assert!(returned.conditions.is_empty(), "{:?}", returned.conditions);
        assert!(returned.may(Action::SettleLoss).is_err());
        let (on, reason) = waits(&returned);
        assert!(on == WaitingOn::LendingLibrary && reason.contains("marked it as lost"), "{reason}");
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn cancelled_item_waits_on_the_pickup_shelf_although_the_lender_has_lent_it(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let holder = world.request().await.supply.unwrap().virtual_patron.unwrap();
        world.at(LENDER).lend(&world.barcode, holder.as_str(), "MAIN", DESK).unwrap();
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        let seen = world.until(Status::ReturnTransit).await;
        let (on, reason) = waits(&seen);
        assert!(on == WaitingOn::PickupLibrary && reason.contains("from the hold shelf"), "{reason}");
        assert!(seen.item_place().contains("on the hold shelf"), "{}", seen.item_place());
    }

    async fn patron_who_is_deleted_during_the_loan_is_a_case_for_staff(world) {
        world.bring_to(Status::Loaned).await;
        world.at(BORROWER).purge_user(PATRON).unwrap();
        let is_case = |request: &Request| matches!(&request.attention, Attention::NeedsStaff { code, .. } if code == "PATRON_DELETED");
        world.until_it("a case for staff", is_case).await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn pickup_library_that_staff_changed_in_alma_is_noticed(world) {
        let request = world.place().await;
        let hold = request.borrower.hold.open().unwrap().id.to_string();
        let body = json!({
            "request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": "BRANCH",
            "comment": format!("[DCB-REQUEST:{}]", world.id),
        });
        world.change_hold(BORROWER, PATRON, &hold, &body);
        let is_changed = |request: &Request| request.conditions.contains(&Condition::PickupChangedByStaff);
        world.until_it("the change", is_changed).await;
        let rows = world.engine.store().timeline(world.id).await.unwrap();
        let is_noted = |note: &str| note.contains("changed the pickup library of the patron's hold to BRANCH");
        assert!(rows.iter().filter_map(|row| row.entry.note.as_deref()).any(is_noted));
    }

    async fn request_is_found_by_each_barcode_of_its_items_also_when_it_has_ended(world) {
        world.at(BORROWER).add_sibling_item(&alma_sim::presets::barcode(BORROWER, 'M', 5), &world.barcode).unwrap();
        world.bring_to(Status::ReturnTransit).await;
        let prefixed = world.virtual_barcode().await;
        assert_ne!(prefixed, world.barcode, "the borrower has an item with the lender's barcode");
        world.bring_home().await;
        for barcode in [world.barcode.clone(), prefixed.to_lowercase()] {
            let filter = store::RequestFilter { barcode: Some(barcode.as_str().into()), ..store::RequestFilter::default() };
            let found = world.engine.store().requests(&filter).await.unwrap().requests;
            assert_eq!(found.len(), 1, "{barcode}");
            assert!(found[0].request.item_place().contains("back at MAIN of 01LEND_INST"), "{}", found[0].request.item_place());
        }
    }
}
