//! Loans that are lost or claimed returned when the hub first reads them, and loans to somebody else than the patron
//! for whom the item is held.

use alma_sim::{Fault, FaultKind, LoanUser, Mark};
use lending::{
    Action, Attention, Command, Condition, HoldState, ItemState, Outcome, Request, Rules, Settlement, Side, Status,
    Tracked,
};

use crate::batch_polls::{pass, with_saved_searches};
use crate::webhooks::{of_loan, send, with_webhook};
use crate::workflows::{allows_visiting_pickup, bring_to};
use crate::world::{BORROWER, DESK, LENDER, PATRON, PICKUP, World, both};

/// Another reader, at each library.
const STRANGER: &str = "sam.student";

fn has(request: &Request, condition: Condition) -> bool {
    request.conditions.contains(&condition)
}

fn staff_are_asked(request: &Request, wanted: &str) -> bool {
    matches!(&request.attention, Attention::NeedsStaff { code, .. } if code == wanted)
}

fn lent_to_another(request: &Request) -> bool {
    staff_are_asked(request, "LENT_TO_ANOTHER_AT_BORROWER")
}

/// The process type of the lender's item.
async fn at_lender(world: &World) -> String {
    let (staff, barcode, _) = world.supplier().await;
    staff.item(&barcode).unwrap().process_type
}

/// Lends the virtual item to its patron at the desk and marks the loan before the hub polls.
async fn lend_and_mark(world: &World, mark: Mark) -> alma_sim::LoanView {
    let barcode = world.virtual_barcode().await;
    world.at(BORROWER).lend(&barcode, PATRON, "MAIN", DESK).unwrap();
    world.at(BORROWER).mark(&barcode, mark).unwrap();
    world.at(BORROWER).loans().into_iter().find(|loan| loan.barcode == barcode).unwrap()
}

/// Checks the request after the hub has first read such a loan.
async fn assert_loaned(world: &World, loan: &alma_sim::LoanView, condition: Condition) {
    let request = world.settled().await;
    assert_eq!(request.status, Status::Loaned, "{:?}", request.attention);
    assert!(has(&request, condition), "{:?}", request.conditions);
    let Tracked::Open(seen) = &request.borrower.loan else {
        panic!("the loan isn't kept: {:?}", request.borrower.loan)
    };
    let due: jiff::Timestamp = loan.due.parse().unwrap();
    assert_eq!((seen.id.as_str(), seen.due), (loan.id.as_str(), Some(due)));
    assert_eq!(request.borrower.hold_attempts, 1, "no other hold is placed");
    assert!(request.actions().contains(&Action::SettleLoss));
    let lent: Vec<_> = world.at(LENDER).loans().into_iter().filter(|loan| loan.barcode == world.barcode).collect();
    assert_eq!(lent.len(), 1, "the lender's loan is made");
    assert_eq!(Some(lent[0].id.as_str()), request.supply.unwrap().loan.open().map(|loan| loan.id.as_str()));
}

/// Lends the virtual item to somebody else at the desk, despite the patron's hold.
async fn lend_to_another(world: &World) {
    let barcode = world.virtual_barcode().await;
    world.at(BORROWER).lend_overriding_hold(&barcode, STRANGER, "MAIN", DESK).unwrap();
}

/// Checks that the stranger's loan at the borrower is unchanged.
fn assert_stranger_keeps_it(world: &World) {
    let theirs = world.at(BORROWER).loans().into_iter().filter(|loan| loan.user == STRANGER).count();
    assert_eq!(theirs, 1, "the other reader's loan was ended");
}

async fn take_back(world: &World, library: &str) {
    world.at(BORROWER).scan_in(&world.virtual_barcode().await, library, DESK).unwrap();
}

both! {
    async fn book_lent_and_lost_between_two_polls_is_loaned_first_and_lost_then(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let loan = lend_and_mark(&world, Mark::Lost).await;
        world.until(Status::Loaned).await;
        assert_loaned(&world, &loan, Condition::Lost).await;
        assert!(staff_are_asked(&world.request().await, "ITEM_LOST"));
        world.engine.execute_command(world.id, &Command::SettleLoss { how: Settlement::Paid }, "test").await.unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Lost));
        assert_eq!(at_lender(&world).await, "LOAN", "the loan is for the lender's staff to close");
        assert!(world.at(BORROWER).loans().is_empty());
    }

    async fn book_lent_and_claimed_returned_between_two_polls_is_loaned_first(world) {
        world.bring_to(Status::ReadyForPickup).await;
        let loan = lend_and_mark(&world, Mark::ClaimedReturned).await;
        world.until(Status::Loaned).await;
        assert_loaned(&world, &loan, Condition::ClaimedReturned).await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn book_lent_and_lost_before_its_receipt_was_seen_is_loaned(world) {
        world.bring_to(Status::PickupTransit).await;
        take_back(&world, "MAIN").await;
        let loan = lend_and_mark(&world, Mark::Lost).await;
        world.until(Status::Loaned).await;
        assert_loaned(&world, &loan, Condition::Lost).await;
    }

    async fn loan_that_a_batch_poll_shows_first_as_lost_is_loaned(world) {
        with_saved_searches(&world).await;
        world.bring_to(Status::ReadyForPickup).await;
        let loan = lend_and_mark(&world, Mark::Lost).await;
        pass(&world, 4).await;
        assert_loaned(&world, &loan, Condition::Lost).await;
    }

    async fn loan_that_a_message_reports_first_as_lost_is_loaned(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        let loan = lend_and_mark(&world, Mark::Lost).await;
        send(&world, BORROWER, &of_loan("1", "LOAN_LOST", &loan, world.now())).await.unwrap();
        world.reaches(world.id, |now| now.status == Status::Loaned).await;
        assert_loaned(&world, &loan, Condition::Lost).await;
    }

    async fn loan_and_claim_that_messages_report_together_are_loan_and_claim(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        let loan = lend_and_mark(&world, Mark::ClaimedReturned).await;
        for (id, event) in [("1", "LOAN_CLAIMED_RETURNED"), ("2", "LOAN_CREATED")] {
            send(&world, BORROWER, &of_loan(id, event, &loan, world.now())).await.unwrap();
        }
        let claimed = |now: &Request| has(now, Condition::ClaimedReturned);
        world.reaches(world.id, claimed).await;
        assert_loaned(&world, &loan, Condition::ClaimedReturned).await;
    }

    async fn book_lent_and_lost_at_a_third_library_is_loaned_on_all_three_sides(world) {
        allows_visiting_pickup(&world).await;
        bring_to(&mut world, Status::ReadyForPickup).await;
        let holder = world.request().await.holder(Side::Pickup).unwrap().as_str().to_owned();
        let barcode = world.virtual_barcode().await;
        world.at(PICKUP).lend(&barcode, &holder, "MAIN", DESK).unwrap();
        world.at(PICKUP).mark(&barcode, Mark::Lost).unwrap();
        world.until(Status::Loaned).await;
        let request = world.settled().await;
        assert!(has(&request, Condition::Lost));
        assert!(request.supply.as_ref().unwrap().loan.is_open() && request.borrower.loan.is_open());
        assert_eq!((world.at(LENDER).loans().len(), world.at(BORROWER).loans().len()), (1, 1));
    }

    async fn item_lent_and_lost_at_the_lender_before_it_was_seen_as_sent_is_on_loan_there(world) {
        world.place().await;
        let holder = world.request().await.holder(Side::Lender).unwrap().as_str().to_owned();
        world.at(LENDER).lend(&world.barcode, &holder, "MAIN", DESK).unwrap();
        world.at(LENDER).mark(&world.barcode, Mark::Lost).unwrap();
        let request = world.until_it("the loss", |request| has(request, Condition::Lost)).await;
        assert_eq!(request.institution(Side::Lender).unwrap().as_str(), LENDER, "no other lender is asked");
        let supply = request.supply.unwrap();
        assert!(supply.loan.is_open() && supply.loan.open().unwrap().due.is_some(), "{:?}", supply.loan);
        assert_eq!(request.status, Status::PickupTransit);
    }

    async fn lenders_loan_marked_lost_between_two_polls_is_still_its_loan(world) {
        world.bring_to(Status::Loaned).await;
        world.at(LENDER).mark(&world.barcode, Mark::Lost).unwrap();
        let request = world.until_it("the loss", |request| has(request, Condition::Lost)).await;
        assert_eq!(request.status, Status::Loaned);
        assert!(request.supply.unwrap().loan.is_open());
        world.at(LENDER).mark(&world.barcode, Mark::Found).unwrap();
        world.until_it("found", |request| !has(request, Condition::Lost)).await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn loss_on_the_way_is_settled_with_a_loan_of_the_lender(world) {
        world.set_rules(BORROWER, "BORROW", Rules { max_days_in_transit: 5, ..Rules::default() }).await;
        world.bring_to(Status::PickupTransit).await;
        world.clock.by_hours(24 * 7);
        world.until_it("missing", |request| has(request, Condition::MissingInTransit)).await;
        world.engine.execute_command(world.id, &Command::SettleLoss { how: Settlement::WrittenOff }, "test").await.unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Lost));
        assert_eq!(at_lender(&world).await, "LOAN", "it would be in transit for ever");
        assert!(world.at(LENDER).requests().is_empty());
    }

    async fn loss_that_is_settled_while_the_lender_is_out_waits_for_its_loan(world) {
        world.bring_to(Status::ReadyForPickup).await;
        world.sim.arm(LENDER, Fault::always("POST /users/{user_id}/loans", FaultKind::status(503))).unwrap();
        lend_and_mark(&world, Mark::Lost).await;
        let lost = |now: &Request| now.status == Status::Loaned && has(now, Condition::Lost);
        world.engine.poll_now(world.id).await.unwrap();
        world.reaches(world.id, lost).await;
        world.engine.execute_command(world.id, &Command::SettleLoss { how: Settlement::Paid }, "test").await.unwrap();
        assert_eq!(world.request().await.status, Status::Loaned);
        world.sim.disarm(LENDER).unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Lost));
        assert_eq!(at_lender(&world).await, "LOAN");
    }

    async fn loan_to_another_reader_is_a_case_for_staff_and_the_patron_gets_the_book_afterwards(world) {
        world.bring_to(Status::ReadyForPickup).await;
        lend_to_another(&world).await;
        let request = world.until_it("the loan to another", lent_to_another).await;
        assert_eq!(request.status, Status::ReadyForPickup);
        assert!(request.borrower.hold.is_open() && request.borrower.loan == Tracked::NotCreated);
        assert!(request.actions().contains(&Action::Cancel) && request.actions().contains(&Action::End));
        assert_eq!(world.at(BORROWER).requests().len(), 1, "the patron's hold is kept");
        assert!(world.at(LENDER).loans().is_empty(), "the lender lends to nobody");

        take_back(&world, "MAIN").await;
        let shelved = |request: &Request| request.borrower.hold.open().unwrap().state == HoldState::OnHoldShelf;
        let waits = |request: &Request| !lent_to_another(request) && shelved(request);
        assert_eq!(world.until_it("the hold shelf", waits).await.status, Status::ReadyForPickup);
        assert!(!world.path().await.contains(&Status::Loaned), "{:?}", world.path().await);

        world.lend().await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn loan_to_another_reader_that_came_and_went_between_two_polls_changes_nothing(world) {
        world.bring_to(Status::ReadyForPickup).await;
        lend_to_another(&world).await;
        take_back(&world, "MAIN").await;
        world.engine.poll_now(world.id).await.unwrap();
        world.settle().await;
        assert_eq!(world.request().await.status, Status::ReadyForPickup);
        assert_eq!(world.at(BORROWER).requests().len(), 1, "the patron's hold is kept");
        world.lend().await;
    }

    async fn book_that_another_reader_returned_elsewhere_is_followed_to_the_hold_shelf(world) {
        world.bring_to(Status::ReadyForPickup).await;
        lend_to_another(&world).await;
        world.until_it("the loan to another", lent_to_another).await;
        take_back(&world, "BRANCH").await;
        let on_its_way = |request: &Request| request.borrower.item_state == Some(ItemState::InTransit);
        let request = world.until_it("the transit", on_its_way).await;
        let Attention::Waiting { reason, .. } = &request.attention else { panic!("{:?}", request.attention) };
        assert!(reason.contains("on its way to the hold shelf"), "{reason}");
        take_back(&world, "MAIN").await;
        world.until_it("the shelf", |request| request.borrower.item_state == Some(ItemState::OnHoldShelf)).await;
        world.lend().await;
    }

    async fn request_that_is_ended_leaves_the_loan_of_another_reader_alone(world) {
        world.bring_to(Status::ReadyForPickup).await;
        lend_to_another(&world).await;
        world.until_it("the loan to another", lent_to_another).await;
        let request = world.ask(Command::End { reason: None }).await;
        assert_eq!(request.status, Status::Completed);
        assert!(lent_to_another(&request), "{:?}", request.attention);
        assert_stranger_keeps_it(&world);
        take_back(&world, "MAIN").await;
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Unknown));
        world.assert_clean();
    }

    async fn loan_to_another_reader_that_was_not_seen_before_the_end_is_left_alone(world) {
        world.bring_to(Status::ReadyForPickup).await;
        lend_to_another(&world).await;
        world.engine.execute_command(world.id, &Command::End { reason: None }, "test").await.unwrap();
        let request = world.until_it("the loan to another", lent_to_another).await;
        assert_eq!(request.status, Status::Completed);
        assert_stranger_keeps_it(&world);
        take_back(&world, "MAIN").await;
        world.until_ended().await;
        world.assert_clean();
    }

    async fn cancellation_leaves_the_loan_of_another_reader_alone(world) {
        world.bring_to(Status::ReadyForPickup).await;
        lend_to_another(&world).await;
        world.until_it("the loan to another", lent_to_another).await;
        let cancel = Command::Cancel { by: lending::CancelledBy::Patron, reason: None };
        let request = world.ask(cancel).await;
        assert_eq!(request.status, Status::ReturnTransit);
        assert!(lent_to_another(&request), "{:?}", request.attention);
        assert_stranger_keeps_it(&world);
        take_back(&world, "MAIN").await;
        world.until_it("the end of that loan", |request| !lent_to_another(request)).await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }

    async fn book_returned_and_lent_to_another_reader_between_two_polls_is_returned(world) {
        world.bring_to(Status::Loaned).await;
        take_back(&world, "DCB_LIB").await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, STRANGER, "DCB_LIB", DESK).unwrap();
        let request = world.until(Status::ReturnTransit).await;
        assert!(lent_to_another(&request), "{:?}", request.attention);
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        let request = world.until(Status::Completed).await;
        assert!(lent_to_another(&request), "{:?}", request.attention);
        assert_stranger_keeps_it(&world);
        take_back(&world, "MAIN").await;
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn lenders_item_that_came_home_and_was_lent_to_its_own_reader_between_two_polls_is_home(world) {
        world.bring_to(Status::ReturnTransit).await;
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        world.at(LENDER).lend(&world.barcode, STRANGER, "MAIN", DESK).unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Supplied));
        assert_eq!(world.at(LENDER).loans().len(), 1, "its own reader's loan is as it was");
    }

    async fn lenders_item_that_is_lent_to_its_own_reader_before_it_is_sent_is_a_case_for_staff(world) {
        world.place().await;
        world.at(LENDER).lend_overriding_hold(&world.barcode, STRANGER, "MAIN", DESK).unwrap();
        let asked = |request: &Request| staff_are_asked(request, "LENT_TO_ANOTHER_AT_LENDER");
        let request = world.until_it("the loan to another", asked).await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency);
        assert!(request.actions().contains(&Action::NextSupplier));
        assert!(request.supply.unwrap().hold.is_open());
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        world.until_it("the end of that loan", |request| !asked(request)).await;
        world.until(Status::PickupTransit).await;
    }

    async fn messages_of_another_readers_loan_begin_and_end_the_case(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        lend_to_another(&world).await;
        let loan = world.at(BORROWER).loans().into_iter().find(|loan| loan.user == STRANGER).unwrap();
        send(&world, BORROWER, &of_loan("1", "LOAN_CREATED", &loan, world.now())).await.unwrap();
        let request = world.settled().await;
        assert!(lent_to_another(&request), "{:?} {:?}", request.status, request.attention);
        take_back(&world, "MAIN").await;
        send(&world, BORROWER, &of_loan("2", "LOAN_RETURNED", &loan, world.now())).await.unwrap();
        let request = world.settled().await;
        assert_eq!(request.status, Status::ReadyForPickup);
        assert!(!lent_to_another(&request), "{:?}", request.attention);
    }

    async fn loan_to_another_reader_that_a_batch_poll_shows_is_a_case_for_staff_until_it_ends(world) {
        with_saved_searches(&world).await;
        world.bring_to(Status::ReadyForPickup).await;
        lend_to_another(&world).await;
        pass(&world, 4).await;
        let request = world.settled().await;
        assert_eq!(request.status, Status::ReadyForPickup);
        assert!(lent_to_another(&request), "{:?}", request.attention);
        take_back(&world, "MAIN").await;
        pass(&world, 4).await;
        assert!(!lent_to_another(&world.request().await));
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", DESK).unwrap();
        pass(&world, 4).await;
        assert_eq!(world.settled().await.status, Status::Loaned);
    }

    async fn loan_is_the_patrons_however_alma_names_them(world) {
        for names in [LoanUser::UpperCase, LoanUser::OtherIdentifier] {
            for institution in [LENDER, BORROWER] {
                world.at(institution).set_behaviour(|behaviour| behaviour.loans_name_users = names);
            }
            world.bring_to(Status::Loaned).await;
            let request = world.until_it("the lender's loan", |request| request.supply.as_ref().unwrap().loan.is_open()).await;
            assert!(!request.supply.unwrap().lent_to_another && !request.borrower.lent_to_another);
            world.engine.poll_now(world.id).await.unwrap();
            world.settle().await;
            assert_eq!(world.request().await.status, Status::Loaned);
            world.end_batch_poll().await;
            assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
            world.assert_clean();
        }
    }

    async fn loan_of_another_reader_is_not_taken_back_when_the_mirrored_loan_is_closed(world) {
        allows_visiting_pickup(&world).await;
        bring_to(&mut world, Status::Loaned).await;
        world.until_it("the mirrored loan", |request| request.borrower.loan.is_open()).await;
        let barcode = world.request().await.borrower.barcode.unwrap().as_str().to_owned();
        world.at(BORROWER).scan_in(&barcode, "DCB_LIB", DESK).unwrap();
        world.at(BORROWER).lend_overriding_hold(&barcode, STRANGER, "DCB_LIB", DESK).unwrap();
        world.at(PICKUP).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        let request = world.until_it("the loan to another", lent_to_another).await;
        assert_eq!(request.status, Status::ReturnTransit);
        assert_stranger_keeps_it(&world);
        world.at(BORROWER).scan_in(&barcode, "DCB_LIB", DESK).unwrap();
        world.until_it("the end of that loan", |request| !lent_to_another(request)).await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn loan_of_another_reader_is_not_ended_when_the_virtual_item_is_sent_on_its_way(world) {
        world.place().await;
        let barcode = world.virtual_barcode().await;
        world.at(BORROWER).lend_overriding_hold(&barcode, STRANGER, "DCB_LIB", DESK).unwrap();
        world.dispatch().await;
        world.settled().await;
        assert_stranger_keeps_it(&world);
        let request = world.until_it("the loan to another", lent_to_another).await;
        assert_eq!(request.status, Status::PickupTransit);
        world.at(BORROWER).scan_in(&barcode, "MAIN", DESK).unwrap();
        world.until(Status::ReadyForPickup).await;
        world.lend().await;
    }

    async fn patrons_loan_is_not_ended_when_the_virtual_item_is_sent_on_its_way(world) {
        world.place().await;
        let barcode = world.virtual_barcode().await;
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        world.at(BORROWER).lend(&barcode, PATRON, "DCB_LIB", DESK).unwrap();
        world.until(Status::Loaned).await;
        assert_eq!(world.at(BORROWER).loans().len(), 1);
    }
}
