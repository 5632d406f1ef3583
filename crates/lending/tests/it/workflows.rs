//! The other workflows: local, pickup anywhere, own item elsewhere, expedited.

use lending::{
    Attention, CancelledBy, Command, Effect, HoldState, ItemState, Outcome, Request, Side, Status, WaitingOn, Workflow,
    example,
};

use crate::walk::{Walk, hold_closed, item, item_and_hold, on_loan, returned};

fn walk(change: impl FnOnce(&mut Request)) -> Walk {
    let mut walk = Walk::new();
    change(&mut walk.request);
    walk.run();
    walk
}

#[test]
fn local_request_is_handed_off_with_the_real_patrons_hold_and_no_virtual_records() {
    let walk = walk(|request| request.candidates[0].institution = "01BORROW".into());
    assert_eq!(walk.status(), Status::HandedOffAsLocal);
    assert_eq!(walk.request.workflow, Workflow::Local);
    assert_eq!(
        walk.effects,
        [Effect::VerifyPatron, Effect::ChooseSupplier, Effect::PlaceHold(Side::Lender)],
        "no virtual patron, no virtual item"
    );
    assert_eq!(walk.request.holder(Side::Lender), Some(&example::verified().id));
}

#[test]
fn pickup_anywhere_completes_its_lifecycle_over_three_libraries() {
    let mut walk = walk(|request| request.pickup.institution = "01PICKUP".into());
    assert_eq!(walk.status(), Status::RequestPlacedAtPickupAgency);
    assert_eq!(walk.request.workflow, Workflow::PickupAnywhere);
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    assert_eq!(walk.status(), Status::PickupTransit);
    let sent = [Effect::SendIntoTransit(Side::Borrower), Effect::SendIntoTransit(Side::Pickup)];
    assert!(walk.effects.ends_with(&sent), "{:?}", walk.effects);
    walk.see(Side::Pickup, item(ItemState::OnHoldShelf));
    walk.see(Side::Pickup, on_loan());
    assert_eq!(walk.status(), Status::Loaned);
    let mirrored = [Effect::Lend(Side::Lender), Effect::Lend(Side::Borrower)];
    assert!(walk.effects.ends_with(&mirrored), "{:?}", walk.effects);
    walk.see(Side::Pickup, returned(ItemState::InTransit));
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert_eq!(walk.effects.last(), Some(&Effect::CheckIn(Side::Borrower)), "the patron's loan at home is closed");
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Supplied)));
    assert_eq!(walk.path.iter().filter(|status| **status == Status::RequestPlacedAtPickupAgency).count(), 1);
}

#[test]
fn pickup_anywhere_cancelled_at_home_cleans_all_three_sides() {
    let mut walk = walk(|request| request.pickup.institution = "01PICKUP".into());
    walk.apply(hold_closed(Side::Borrower, lending::Closure::Canceled));
    walk.run();
    assert_eq!(walk.status(), Status::Finalised);
    for effect in [
        Effect::CancelHold(Side::Lender),
        Effect::CancelHold(Side::Pickup),
        Effect::DeleteVirtualBib(Side::Borrower),
        Effect::DeleteVirtualBib(Side::Pickup),
    ] {
        assert!(walk.effects.contains(&effect), "{effect:?} in {:?}", walk.effects);
    }
}

#[test]
fn own_item_collected_elsewhere_needs_virtual_records_at_the_pickup_library_alone() {
    let mut walk = walk(|request| {
        request.pickup.institution = "01PICKUP".into();
        request.candidates[0].institution = "01BORROW".into();
    });
    assert_eq!(walk.request.workflow, Workflow::OwnItemElsewhere);
    assert_eq!(walk.status(), Status::RequestPlacedAtPickupAgency);
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.see(Side::Pickup, on_loan());
    walk.see(Side::Pickup, returned(ItemState::InTransit));
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
    assert!(walk.effects.iter().all(|effect| *effect == Effect::VerifyPatron || effect.side() != Side::Borrower));
    assert!(!walk.effects.contains(&Effect::EnsureVirtualPatron(Side::Lender)), "the patron is known at home");
}

#[test]
fn expedited_request_is_on_loan_at_both_sides_at_once_and_ends_at_the_lenders_desk() {
    let mut walk = walk(|request| {
        request.expedited = true;
        request.pickup.institution = "01LEND".into();
    });
    assert_eq!(walk.request.workflow, Workflow::Expedited);
    assert_eq!(walk.status(), Status::Loaned);
    assert!(!walk.effects.iter().any(|effect| matches!(effect, Effect::PlaceHold(_) | Effect::SendIntoTransit(_))));
    let loans = walk.effects.iter().filter(|effect| matches!(effect, Effect::Lend(_))).count();
    assert_eq!(loans, 2, "{:?}", walk.effects);
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Supplied)));
}

/// With a virtual item that is made when the lender sends the item.
fn late() -> Walk {
    let mut walk = Walk { request: example::placed(), path: vec![Status::SubmittedToDcb], effects: vec![] };
    walk.request.virtual_item_at_dispatch = true;
    walk.apply(Command::Place);
    walk.run();
    walk
}

#[test]
fn virtual_item_at_dispatch_is_made_when_the_item_is_sent_and_not_before() {
    let mut walk = late();
    assert_eq!(walk.status(), Status::Confirmed);
    let at_lender = |effects: &[Effect]| {
        effects.iter().all(|effect| effect.side() != Side::Borrower || *effect == Effect::VerifyPatron)
    };
    assert!(at_lender(&walk.effects), "{:?}", walk.effects);
    assert!(matches!(walk.request.attention, Attention::Waiting { on: WaitingOn::LendingLibrary, .. }));
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    assert_eq!(walk.status(), Status::PickupTransit);
    let made = [
        Effect::CreateVirtualBib(Side::Borrower),
        Effect::CreateVirtualHolding(Side::Borrower),
        Effect::CreateVirtualItem(Side::Borrower),
        Effect::PlaceHold(Side::Borrower),
        Effect::SendIntoTransit(Side::Borrower),
    ];
    assert_eq!(walk.effects[walk.effects.len() - made.len()..], made);
    walk.see(Side::Borrower, on_loan());
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!(walk.request.outcome, Some(Outcome::Supplied));
}

#[test]
fn virtual_item_at_dispatch_is_never_made_for_what_nobody_sends() {
    let gone = item_and_hold(ItemState::InPlace, HoldState::Gone);
    let mut refused = late();
    refused.see(Side::Lender, gone.clone()).see(Side::Lender, gone);
    let mut cancelled = late();
    cancelled.apply(Command::Cancel { by: CancelledBy::Patron, reason: None });
    cancelled.run();
    for (walk, outcome) in [(refused, Outcome::NotSupplied), (cancelled, Outcome::Cancelled)] {
        assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(outcome)));
        assert!(!walk.effects.contains(&Effect::CreateVirtualBib(Side::Borrower)), "{:?}", walk.effects);
    }
}

#[test]
fn copy_that_would_be_collected_at_its_own_library_is_passed_over() {
    let walk = walk(|request| {
        let lender = request.candidates[0].institution.clone();
        request.pickup.institution = lender;
    });
    assert_eq!(walk.request.refusal.as_ref().unwrap().code, "PICKUP_AT_LENDER");
    assert_eq!(walk.request.outcome, Some(Outcome::NotSupplied));
}
