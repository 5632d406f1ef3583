//! Cancellation by patron or staff, through the hub and in the libraries' own systems.

use lending::{
    Action, Attention, CancelledBy, Closure, Command, Deadline, Effect, EffectResult, Event, HoldState, ItemState,
    Observed, Outcome, Refusal, Side, Status, example,
};

use crate::walk::{Walk, after_days, hold_closed, item, item_and_hold, on_loan, on_loan_at_lender, returned, willing};

fn cancel() -> Event {
    Event::Command(Command::Cancel { by: CancelledBy::Patron, reason: Some("no longer needed".to_owned()) })
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
            walk.apply(Observed::Seen {
                side: Side::Lender,
                observation: seen,
                source: lending::ObservationSource::Poll,
            });
        } else {
            walk.run_until(effect);
        }
        walk.apply(cancel());
        assert_ne!(walk.status(), Status::Finalised, "{effect:?} may still do something");
        walk.run();
        walk.see(Side::Lender, item(ItemState::InPlace));
        assert_eq!(walk.status(), Status::Finalised, "cancelled during {effect:?}");
        assert_eq!(walk.request.outcome, Some(Outcome::Cancelled));
        let here = &walk.request.borrower;
        assert!(!here.bib.is_open() && !here.item.is_open() && !here.hold.is_open());
        assert!(!walk.request.supply.as_ref().is_some_and(|supply| supply.hold.is_open()));
    }
}

#[test]
fn cancelling_before_dispatch_takes_both_holds_back() {
    let mut walk = Walk::new();
    walk.run();
    walk.apply(cancel());
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
    walk.apply(cancel());
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert!(walk.request.borrower.item.is_open(), "the virtual item stays while the book is on the road");
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
    let decision = walk.apply(cancel());
    assert_eq!(walk.status(), Status::Loaned);
    assert!(walk.request.cancellation.is_none());
    assert!(decision.note.unwrap().contains("returned"));
}

#[test]
fn hold_cancelled_in_the_borrowers_system_is_accepted_at_the_second_poll() {
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
    walk.apply(cancel());
    assert!(!walk.request.is_next_effect(Effect::PlaceHold(Side::Lender)));
    walk.apply(EffectResult::EffectDropped { effect: Effect::PlaceHold(Side::Lender) });
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn hold_placed_after_the_patron_cancelled_is_taken_back() {
    let mut walk = Walk::new();
    walk.run_until(Effect::PlaceHold(Side::Lender));
    walk.apply(cancel());
    walk.apply(willing(Effect::PlaceHold(Side::Lender)));
    assert_eq!(walk.request.in_flight, Some(Effect::CancelHold(Side::Lender)));
}

/// What the lender's item shows once its hold was cancelled although it had left.
fn sent_before() -> Event {
    Event::EffectResult(EffectResult::HoldCancelledAfterDispatch { observation: item(ItemState::InTransit) })
}

fn placed_with_two_lenders() -> Walk {
    let mut walk = Walk::new();
    walk.request.candidates.push(example::candidate_elsewhere("32000"));
    walk.run();
    walk
}

#[test]
fn item_that_had_left_when_the_lender_was_given_up_is_followed_home_whoever_gave_it_up() {
    let given_up = [
        ("patron at the hub", cancel()),
        ("at the borrower", hold_closed(Side::Borrower, Closure::Canceled)),
        ("next supplier", Event::Command(Command::NextSupplier { reason: None, copy: None })),
        ("end", Event::Command(Command::End { reason: None })),
        ("silent lender", Event::Observed(Observed::DeadlinePassed { deadline: Deadline::LenderAnswers })),
        ("no longer needed", Event::Observed(Observed::DeadlinePassed { deadline: Deadline::NoLongerNeeded })),
    ];
    for (reason, event) in given_up {
        let mut walk = placed_with_two_lenders();
        walk.request.needed_until = Some(jiff::civil::date(2026, 3, 1));
        walk.apply(event);
        assert_eq!(walk.request.in_flight, Some(Effect::CancelHold(Side::Lender)), "{reason}");
        let decision = walk.apply(sent_before());
        assert!(decision.note.unwrap().contains("until the item is home"), "{reason}");
        assert_eq!(walk.status(), Status::ReturnTransit, "{reason}");
        walk.run();
        assert!(
            !walk.effects[walk.effects.len() - 1..].contains(&Effect::ChooseSupplier),
            "{reason}: no second lender"
        );
        assert!(
            walk.request.earlier_suppliers.is_empty() && walk.request.refusal.is_none(),
            "{reason}: the lender did send it"
        );
        assert!(walk.request.borrower.item.is_open(), "{reason}: the virtual item stays while the book is away");
        walk.see(Side::Lender, item(ItemState::InTransit));
        assert_eq!(walk.status(), Status::ReturnTransit, "{reason}");
        walk.see(Side::Lender, item(ItemState::InPlace));
        assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Cancelled)), "{reason}");
    }
}

#[test]
fn dispatch_that_a_poll_under_way_shows_after_the_lender_was_given_up_is_believed() {
    for event in
        [cancel(), Command::NextSupplier { reason: None, copy: None }.into(), Command::End { reason: None }.into()]
    {
        let mut walk = placed_with_two_lenders();
        walk.apply(event.clone());
        let seen = item_and_hold(ItemState::InTransit, HoldState::InProcess);
        walk.apply(Observed::Seen { side: Side::Lender, observation: seen, source: lending::ObservationSource::Poll });
        assert_eq!(walk.status(), Status::ReturnTransit, "{event:?}");
        walk.run();
        assert!(!walk.request.supply.as_ref().unwrap().hold.is_open(), "{event:?}");
        walk.see(Side::Lender, item(ItemState::InPlace));
        assert_eq!(walk.status(), Status::Finalised, "{event:?}");
    }
}

#[test]
fn item_that_was_lent_for_us_when_its_hold_was_cancelled_is_followed_until_that_loan_ends() {
    let mut walk = placed_with_two_lenders();
    walk.apply(cancel());
    walk.apply(EffectResult::HoldCancelledAfterDispatch { observation: on_loan_at_lender(after_days(28)) });
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert!(walk.request.supply.as_ref().unwrap().loan.is_open());
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn request_that_was_ended_by_hand_before_the_dispatch_was_known_can_be_ended_once_more() {
    let mut walk = placed_with_two_lenders();
    walk.apply(Command::End { reason: None });
    walk.apply(sent_before());
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert!(walk.request.may(Action::End).is_ok());
    walk.apply(Command::End { reason: None });
    walk.run();
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Unknown)));
}

#[test]
fn borrower_that_refuses_the_patrons_hold_keeps_no_sent_item_from_going_home() {
    let mut walk = Walk::new();
    walk.run_until(Effect::PlaceHold(Side::Borrower));
    let refusal = Refusal::new("401129", "No item can fulfil the request.");
    walk.apply(EffectResult::EffectRefused { effect: Effect::PlaceHold(Side::Borrower), refusal });
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    assert_eq!(walk.status(), Status::Confirmed);
    assert!(matches!(walk.request.attention, Attention::NeedsStaff { .. }));
    walk.apply(cancel());
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert_eq!(walk.request.in_flight, Some(Effect::CancelHold(Side::Lender)));
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert_eq!(walk.effects.iter().filter(|effect| **effect == Effect::PlaceHold(Side::Borrower)).count(), 1);
    walk.see(Side::Lender, item(ItemState::InPlace));
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Cancelled)));
}

#[test]
fn request_cancelled_after_dispatch_and_before_anything_was_made_for_the_patron_makes_nothing() {
    let mut walk = Walk::new();
    walk.request.virtual_item_at_dispatch = true;
    walk.run();
    assert_eq!(walk.status(), Status::Confirmed);
    walk.apply(Observed::Seen {
        side: Side::Lender,
        observation: item_and_hold(ItemState::InTransit, HoldState::InProcess),
        source: lending::ObservationSource::Poll,
    });
    assert_eq!(walk.request.in_flight, Some(Effect::CreateVirtualBib(Side::Borrower)));
    walk.apply(cancel());
    assert!(!walk.request.is_next_effect(Effect::CreateVirtualBib(Side::Borrower)), "it is dropped unless it was sent");
    walk.apply(EffectResult::EffectDropped { effect: Effect::CreateVirtualBib(Side::Borrower) });
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert_eq!(lending::poll_targets(&walk.request).len(), 1, "there is no virtual item to poll");
    walk.see(Side::Lender, item(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
}
