//! Cancellation by patron or staff, through the hub and in the libraries' own systems.

use lending::{CancelledBy, Effect, Event, HoldState, ItemState, Outcome, Side, Status};

use crate::walk::{Walk, item, item_and_hold, on_loan, willing};

fn cancel() -> Event {
    Event::CancelAsked { by: CancelledBy::Patron, reason: Some("no longer needed".to_owned()) }
}

#[test]
fn cancelling_while_any_effect_is_under_way_ends_clean() {
    for effect in Effect::ALL {
        let on_the_way = matches!(
            effect,
            Effect::VerifyPatron
                | Effect::ChooseSupplier
                | Effect::EnsureVirtualPatron(Side::Lender)
                | Effect::PlaceHold(Side::Lender | Side::Borrower)
                | Effect::CreateVirtualBib(Side::Borrower)
                | Effect::CreateVirtualHolding(Side::Borrower)
                | Effect::CreateVirtualItem(Side::Borrower)
                | Effect::SendIntoTransit(Side::Borrower)
        );
        if !on_the_way {
            continue;
        }
        let mut walk = Walk::new();
        if effect == Effect::SendIntoTransit(Side::Borrower) {
            walk.run();
            let seen = item_and_hold(ItemState::InTransit, HoldState::InProcess);
            walk.tell(&Event::Observed { side: Side::Lender, seen });
        } else {
            walk.run_until(effect);
        }
        walk.tell(&cancel());
        assert_ne!(walk.status(), Status::Finalised, "{effect:?} may still do something");
        walk.run();
        walk.see(Side::Lender, item(ItemState::InPlace));
        assert_eq!(walk.status(), Status::Finalised, "cancelled during {effect:?}");
        assert_eq!(walk.request.outcome, Some(Outcome::Cancelled));
        let here = &walk.request.borrowing;
        assert!(!here.bib.is_open() && !here.item.is_open() && !here.hold.is_open());
        assert!(!walk.request.supply.as_ref().is_some_and(|supply| supply.hold.is_open()));
    }
}

#[test]
fn cancelling_before_dispatch_takes_both_holds_back() {
    let mut walk = Walk::new();
    walk.run();
    walk.tell(&cancel());
    walk.run();
    assert_eq!(walk.status(), Status::Finalised);
    let tail = [
        Effect::CancelHold(Side::Lender),
        Effect::CancelHold(Side::Borrower),
        Effect::DeleteVirtualItem(Side::Borrower),
        Effect::DeleteVirtualBib(Side::Borrower),
    ];
    assert!(walk.effects.ends_with(&tail), "{:?}", walk.effects);
}

#[test]
fn cancelling_after_dispatch_waits_for_the_item_to_come_home() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.tell(&cancel());
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert!(walk.request.borrowing.item.is_open(), "the virtual item stays while the book is on the road");
    walk.see(Side::Lender, item(ItemState::InTransit));
    assert_eq!(walk.status(), Status::ReturnTransit);
    walk.see(Side::Lender, item(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
    assert_eq!(walk.request.outcome, Some(Outcome::Cancelled));
}

#[test]
fn item_on_loan_cannot_be_cancelled() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Borrower, on_loan());
    assert!(walk.request.may(lending::Action::Cancel).is_err());
    let decision = walk.tell(&cancel());
    assert_eq!(walk.status(), Status::Loaned);
    assert!(walk.request.cancellation.is_none());
    assert!(decision.note.unwrap().contains("returned"));
}

#[test]
fn hold_cancelled_in_the_borrowers_system_is_believed_at_the_second_look() {
    let mut walk = Walk::new();
    walk.run();
    let gone = item_and_hold(ItemState::InPlace, HoldState::Gone);
    walk.see(Side::Borrower, gone.clone());
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
    walk.see(Side::Borrower, gone);
    assert_eq!(walk.status(), Status::Finalised);
    assert_eq!(walk.request.cancellation.as_ref().unwrap().by, CancelledBy::AtBorrower);
}

#[test]
fn hold_that_vanished_because_it_was_fulfilled_is_no_cancellation() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::Gone));
    walk.see(Side::Borrower, on_loan());
    assert_eq!(walk.status(), Status::Loaned);
    assert!(walk.request.cancellation.is_none());
}

#[test]
fn effect_that_was_never_sent_is_dropped_when_no_longer_wanted() {
    let mut walk = Walk::new();
    walk.run_until(Effect::PlaceHold(Side::Lender));
    walk.tell(&cancel());
    assert!(!walk.request.wants(Effect::PlaceHold(Side::Lender)));
    walk.tell(&Event::EffectDropped { effect: Effect::PlaceHold(Side::Lender) });
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn hold_placed_after_the_patron_cancelled_is_taken_back() {
    let mut walk = Walk::new();
    walk.run_until(Effect::PlaceHold(Side::Lender));
    walk.tell(&cancel());
    walk.tell(&willing(Effect::PlaceHold(Side::Lender)));
    assert_eq!(walk.request.in_flight, Some(Effect::CancelHold(Side::Lender)));
}
