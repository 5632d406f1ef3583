//! What staff may do about a request.

use lending::{
    Action, CancelledBy, Command, Effect, EffectResult, HoldState, ItemState, Outcome, PickupLocation, Side, Status,
    example,
};

use crate::walk::{Walk, hold, hold_closed, item_and_hold, on_loan};

fn placed() -> Walk {
    let mut walk = Walk::new();
    walk.request.candidates.push(example::candidate_elsewhere("32000"));
    walk.run();
    walk
}

#[test]
fn next_supplier_cancels_the_lenders_hold_and_keeps_the_patrons() {
    let mut walk = placed();
    walk.apply(Command::NextSupplier { reason: Some("not on the shelf".to_owned()), copy: None });
    assert_eq!(walk.status(), Status::NotSuppliedCurrentSupplier);
    assert_eq!(walk.request.in_flight, Some(Effect::CancelHold(Side::Lender)));
    walk.run();
    assert!(walk.request.borrower.hold.is_open());
    assert!(!walk.effects.contains(&Effect::CancelHold(Side::Borrower)));
}

#[test]
fn supplier_that_staff_choose_is_asked_first_even_if_it_was_asked_before() {
    let mut walk = placed();
    let chosen = example::candidate("33000");
    walk.apply(Command::NextSupplier { reason: None, copy: Some(chosen.clone()) });
    assert_eq!(walk.request.candidates[0].barcode, chosen.barcode);
    assert_eq!(walk.request.candidates.len(), 2);
}

#[test]
fn copy_that_staff_choose_and_then_give_up_is_not_its_own_successor() {
    let mut walk = placed();
    let elsewhere = walk.request.candidates[0].clone();
    walk.apply(Command::NextSupplier { reason: None, copy: Some(elsewhere.clone()) });
    walk.run_until(Effect::EnsureVirtualPatron(Side::Lender));
    assert_eq!(walk.request.supply.as_ref().map(|supply| &supply.institution), Some(&elsewhere.institution));
    assert_eq!(walk.request.candidates_without_supplier(), [], "it is not its own successor");
}

#[test]
fn pickup_location_is_changed_at_the_hold() {
    let mut walk = placed();
    let branch =
        PickupLocation { code: "BORROW-BRANCH".into(), library: "BRANCH".into(), ..walk.request.pickup.clone() };
    walk.apply(Command::ChangePickup { pickup: branch.clone() });
    assert_eq!(walk.request.in_flight, Some(Effect::ChangePickup(Side::Borrower)));
    walk.run();
    assert_eq!(walk.request.pickup, branch);
    assert_eq!(walk.request.in_flight, None);
}

#[test]
fn pickup_location_that_changes_while_a_hold_is_placed_or_moved_reaches_that_hold() {
    for side in [Side::Lender, Side::Borrower] {
        let mut walk = Walk::new();
        walk.run_until(Effect::PlaceHold(side));
        let earlier = walk.request.pickup.clone();
        let branch = PickupLocation { code: "BORROW-BRANCH".into(), library: "BRANCH".into(), ..earlier.clone() };
        walk.apply(Command::ChangePickup { pickup: branch.clone() });
        let named = |pickup: &PickupLocation| Some(pickup.code.clone());
        walk.apply(EffectResult::HoldPlaced { side, hold: hold(), pickup: named(&earlier) });
        walk.run_until(Effect::ChangePickup(side));
        // The patron returns to the first choice while the hub moves the hold to the second.
        walk.apply(Command::ChangePickup { pickup: earlier.clone() });
        walk.apply(EffectResult::PickupChanged { side, hold: hold(), pickup: named(&branch) });
        walk.run_until(Effect::ChangePickup(side));
        walk.apply(EffectResult::PickupChanged { side, hold: hold(), pickup: named(&earlier) });
        let before = walk.effects.len();
        walk.run();
        assert!(
            !walk.effects[before..].contains(&Effect::ChangePickup(side)),
            "{side:?}: the hold names the right place"
        );
    }
}

#[test]
fn pickup_location_of_another_institution_is_not_taken() {
    let mut walk = placed();
    let elsewhere = PickupLocation { institution: "01THIRD".into(), ..walk.request.pickup.clone() };
    let before = walk.request.pickup.clone();
    let decision = walk.apply(Command::ChangePickup { pickup: elsewhere });
    assert_eq!(walk.request.pickup, before);
    assert!(decision.note.is_some());
}

#[test]
fn manual_end_does_what_the_preview_showed() {
    let mut walk = placed();
    let shown = walk.request.if_ended();
    let before = walk.effects.len();
    walk.apply(Command::End { reason: None });
    walk.run();
    assert_eq!(walk.effects[before..], shown);
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Unknown)));
}

#[test]
fn end_by_hand_while_on_loan_closes_the_borrowers_loan() {
    let mut walk = placed();
    walk.see(Side::Borrower, on_loan());
    assert!(walk.request.if_ended().contains(&Effect::CheckIn(Side::Borrower)));
    walk.apply(Command::End { reason: None });
    walk.run();
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn cancellation_is_taken_back_while_nothing_was_sent() {
    let mut walk = placed();
    walk.apply(Command::Cancel { by: CancelledBy::Staff, reason: None });
    assert_eq!(walk.status(), Status::Cancelled);
    assert!(walk.request.actions().contains(&Action::Undo));
    let before = walk.request.undo.clone().unwrap();
    walk.request = lending::decide(&walk.request, &Command::Undo.into(), example::noon()).next;
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
    assert_eq!(walk.request.borrower, before.borrower);
    assert_eq!(walk.request.in_flight, None);
}

#[test]
fn nothing_is_taken_back_once_something_was_sent() {
    let mut walk = placed();
    walk.apply(Command::Cancel { by: CancelledBy::Staff, reason: None });
    walk.apply(EffectResult::HoldCancelled { side: Side::Lender });
    assert!(walk.request.may(Action::Undo).is_err());
}

#[test]
fn actions_offered_are_those_that_are_taken() {
    let mut walk = placed();
    assert!(walk.request.actions().contains(&Action::NextSupplier));
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    let actions = walk.request.actions();
    assert!(!actions.contains(&Action::NextSupplier), "the item has been sent");
    assert!(actions.contains(&Action::Cancel) && actions.contains(&Action::End));
    walk.see(Side::Borrower, on_loan());
    assert!(!walk.request.actions().contains(&Action::Cancel));
}

#[test]
fn act_is_not_taken_back_once_something_else_was_seen() {
    let mut walk = placed();
    walk.apply(Command::NextSupplier { reason: None, copy: None });
    assert!(walk.request.may(Action::Undo).is_ok());
    walk.see(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf));
    assert!(walk.request.may(Action::Undo).is_err(), "what was seen would be forgotten");
}

#[test]
fn case_of_a_hold_that_ended_stays_open_when_the_lender_sends_the_item() {
    let mut walk = placed();
    walk.apply(hold_closed(Side::Borrower, lending::Closure::Rejected));
    assert!(walk.request.may(Action::Resume).is_ok());
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    assert_eq!(walk.status(), Status::PickupTransit);
    assert!(
        matches!(&walk.request.attention, lending::Attention::NeedsStaff { code, .. } if code == "HOLD_REJECTED_AT_BORROWER")
    );
    walk.apply(Command::Resume);
    walk.run();
    assert!(walk.request.borrower.hold.is_open(), "the patron has a hold again");
}

#[test]
fn another_lender_is_not_asked_for_twice_at_a_time_unless_a_copy_is_named() {
    let mut walk = placed();
    walk.apply(Command::NextSupplier { reason: None, copy: None });
    assert_eq!(walk.status(), Status::NotSuppliedCurrentSupplier);
    assert!(walk.request.may(Action::NextSupplier).is_err(), "it would change nothing");
    assert!(walk.request.may(Action::ChooseSupplier).is_ok());
}

#[test]
fn copies_that_are_left_are_those_that_would_be_asked() {
    let mut walk = placed();
    walk.request.candidates.insert(0, example::candidate("31998"));
    assert_eq!(walk.request.candidates_without_supplier(), [example::candidate_elsewhere("32000")]);
    walk.apply(Command::NextSupplier { reason: None, copy: None });
    assert_eq!(walk.request.candidates, [example::candidate_elsewhere("32000")]);
}
