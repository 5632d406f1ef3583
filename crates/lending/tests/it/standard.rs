//! The standard workflow: a lender, a borrower, and everything going well.

use lending::{Attention, Effect, Event, HoldState, ItemState, Observed, Outcome, Side, Status, Tracked, WaitingOn};

use crate::walk::{Walk, item, item_and_hold, on_loan, returned};

#[test]
fn request_completes_its_lifecycle_through_every_status_in_order() {
    let mut walk = Walk::new();
    walk.run();
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.see(Side::Borrower, item(ItemState::OnHoldShelf));
    walk.see(Side::Borrower, on_loan());
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    walk.see(Side::Lender, returned(ItemState::InPlace));

    let expected = [
        Status::SubmittedToDcb,
        Status::PatronVerified,
        Status::Resolved,
        Status::RequestPlacedAtSupplyingAgency,
        Status::Confirmed,
        Status::RequestPlacedAtBorrowingAgency,
        Status::PickupTransit,
        Status::ReceivedAtPickup,
        Status::ReadyForPickup,
        Status::Loaned,
        Status::ReturnTransit,
        Status::Completed,
        Status::Finalised,
    ];
    assert_eq!(walk.path, expected);
    assert_eq!(walk.request.outcome, Some(Outcome::Supplied));
    assert_eq!(walk.request.attention, Attention::None);
    assert!(matches!(walk.request.borrower.bib, Tracked::Closed(_)));
}

#[test]
fn effects_come_one_at_a_time_in_the_order_that_leaves_least_behind() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.see(Side::Borrower, on_loan());
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    walk.see(Side::Lender, returned(ItemState::InPlace));
    let expected = [
        Effect::VerifyPatron,
        Effect::ChooseSupplier,
        Effect::EnsureVirtualPatron(Side::Lender),
        Effect::PlaceHold(Side::Lender),
        Effect::CreateVirtualBib(Side::Borrower),
        Effect::CreateVirtualHolding(Side::Borrower),
        Effect::CreateVirtualItem(Side::Borrower),
        Effect::PlaceHold(Side::Borrower),
        Effect::SendIntoTransit(Side::Borrower),
        Effect::Lend(Side::Lender),
        Effect::DeleteVirtualItem(Side::Borrower),
        Effect::DeleteVirtualBib(Side::Borrower),
    ];
    assert_eq!(walk.effects, expected);
}

#[test]
fn item_on_loan_implies_that_it_was_sent_received_and_put_on_the_shelf() {
    let mut walk = Walk::new();
    walk.run();
    let before = walk.path.len();
    walk.see(Side::Borrower, on_loan());
    let caught_up = [Status::PickupTransit, Status::ReceivedAtPickup, Status::ReadyForPickup, Status::Loaned];
    assert_eq!(walk.path[before..], caught_up);
    assert!(walk.request.supply.as_ref().unwrap().loan.is_open(), "the loan is mirrored at the lender");
}

#[test]
fn hold_in_process_alone_is_no_dispatch() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::Requested, HoldState::InProcess));
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn item_in_transit_for_somebody_else_is_no_dispatch() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::NotStarted));
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn the_same_evidence_twice_changes_nothing() {
    let mut walk = Walk::new();
    walk.run();
    let event = Event::Observed(Observed::Seen {
        side: Side::Lender,
        observation: item_and_hold(ItemState::InTransit, HoldState::InProcess),
        source: lending::ObservationSource::Poll,
    });
    walk.apply(event.clone());
    walk.run();
    let before = walk.request.clone();
    assert!(walk.apply(event).is_unchanged(&before));
}

#[test]
fn waiting_says_for_whom_and_since_when() {
    let mut walk = Walk::new();
    walk.run();
    let on = |walk: &Walk| match &walk.request.attention {
        Attention::Waiting { on, since, .. } => (*on, *since),
        other => panic!("waits for nobody: {other:?}"),
    };
    assert_eq!(on(&walk), (WaitingOn::LendingLibrary, lending::example::noon()));
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    assert_eq!(on(&walk).0, WaitingOn::PickupLibrary);
    walk.see(Side::Borrower, item(ItemState::OnHoldShelf));
    assert_eq!(on(&walk).0, WaitingOn::Patron);
}
