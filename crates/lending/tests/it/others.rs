//! Loans: whose they are, and what became of them before anybody looked.

use lending::{
    Action, Attention, CancelledBy, Command, Condition, Deadline, Effect, EffectResult, HoldState, ItemState,
    LoanState, Observation, Observed, Outcome, Progress, Refusal, Settlement, Side, Status, Tracked, WaitingOn,
    poll_targets,
};

use crate::walk::{Walk, after_days, item, item_and_hold, on_loan, on_loan_at_lender, returned, willing};

fn sent() -> Walk {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk
}

fn ready() -> Walk {
    let mut walk = sent();
    walk.see(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf));
    assert_eq!(walk.status(), Status::ReadyForPickup);
    walk
}

/// On loan to the patron, with something become of it.
fn lent_and(state: ItemState) -> Observation {
    Observation { item: Some(state), ..on_loan() }
}

/// On loan to somebody else, while the patron's hold waits.
pub(crate) fn lent_to_another() -> Observation {
    Observation { loan: Some(LoanState::Another), ..item_and_hold(ItemState::OnLoan, HoldState::NotStarted) }
}

fn code(walk: &Walk) -> &str {
    match &walk.request.attention {
        Attention::NeedsStaff { code, .. } => code,
        _ => "",
    }
}

#[test]
fn loan_that_is_first_seen_as_lost_or_claimed_returned_is_a_loan() {
    for (state, condition, asked) in [
        (ItemState::Lost, Condition::Lost, "ITEM_LOST"),
        (ItemState::ClaimedReturned, Condition::ClaimedReturned, "CLAIMED_RETURNED"),
    ] {
        for mut walk in [sent(), ready()] {
            walk.see(Side::Borrower, lent_and(state.clone()));
            assert_eq!(walk.status(), Status::Loaned, "{state:?}");
            assert!(walk.request.conditions.contains(&condition), "{state:?}");
            assert_eq!(code(&walk), asked);
            let loan = walk.request.borrower.loan.open().unwrap();
            assert_eq!((loan.id.as_str(), loan.due), ("72", Some(after_days(28))));
            assert!(walk.request.supply.as_ref().unwrap().loan.is_open(), "the lender's loan is made");
            assert_eq!(walk.request.borrower.hold_attempts, 1);
            assert!(!walk.effects.ends_with(&[Effect::SendIntoTransit(Side::Borrower)]), "a scan would end the loan");
        }
    }
}

#[test]
fn loan_at_the_lender_that_is_first_seen_as_lost_is_a_loan() {
    let mut walk = Walk::new();
    walk.run();
    let lost = Observation { item: Some(ItemState::Lost), ..on_loan_at_lender(after_days(28)) };
    walk.see(Side::Lender, lost);
    assert!(walk.request.supply.as_ref().unwrap().loan.is_open());
    assert!(walk.request.conditions.contains(&Condition::Lost));
    assert_eq!(walk.status(), Status::PickupTransit);
}

#[test]
fn lost_item_on_nobodys_loan_gets_no_other_hold() {
    let mut walk = ready();
    let lost = Observation { loan: Some(LoanState::None), ..item_and_hold(ItemState::Lost, HoldState::Gone) };
    walk.see(Side::Borrower, lost.clone());
    walk.see(Side::Borrower, lost);
    assert_eq!((walk.status(), walk.request.borrower.hold_attempts), (Status::ReadyForPickup, 1));
    assert!(walk.request.may(Action::SettleLoss).is_ok() && walk.request.may(Action::Cancel).is_ok());
}

#[test]
fn item_on_loan_says_nothing_of_whose_loan_it_is() {
    let mut walk = ready();
    for loan in [None, Some(LoanState::None)] {
        walk.see(Side::Borrower, Observation { loan, ..item(ItemState::OnLoan) });
        assert_eq!(walk.status(), Status::ReadyForPickup);
    }
}

#[test]
fn settled_loss_ends_when_the_lender_has_its_loan() {
    let mut walk = sent();
    walk.apply(Observed::DeadlinePassed { deadline: Deadline::ItemArrives });
    walk.apply(Command::SettleLoss { how: Settlement::Paid });
    assert_eq!((walk.status(), walk.request.in_flight), (Status::PickupTransit, Some(Effect::Lend(Side::Lender))));
    walk.run();
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Lost)));
    assert!(!walk.effects.contains(&Effect::CancelHold(Side::Lender)), "the loan fulfils the hold");
}

#[test]
fn settled_loss_of_which_the_lender_makes_no_loan_is_for_staff_to_end() {
    let mut walk = sent();
    walk.apply(Observed::DeadlinePassed { deadline: Deadline::ItemArrives });
    walk.apply(Command::SettleLoss { how: Settlement::WrittenOff });
    let effect = Effect::Lend(Side::Lender);
    walk.apply(EffectResult::EffectRefused { effect, refusal: Refusal::new("401651", "Item is not loanable.") });
    assert_eq!(code(&walk), "LEND_AT_LENDER_REFUSED");
    walk.apply(Command::End { reason: None });
    walk.run();
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Lost)));
    assert!(walk.effects.contains(&Effect::CancelHold(Side::Lender)));
}

#[test]
fn loan_to_another_is_a_case_for_staff_and_never_the_patrons() {
    for mut walk in [sent(), ready()] {
        let before = walk.status();
        walk.see(Side::Borrower, lent_to_another());
        assert_eq!((walk.status(), code(&walk)), (before, "LENT_TO_ANOTHER_AT_BORROWER"));
        assert!(walk.request.borrower.hold.is_open(), "the patron's hold is kept");
        assert_eq!((&walk.request.borrower.loan, walk.request.in_flight), (&Tracked::NotCreated, None));
        assert!(walk.request.may(Action::Cancel).is_ok());
        assert!(!walk.effects.contains(&Effect::Lend(Side::Lender)));
        assert!(poll_targets(&walk.request).iter().any(|target| target.side == Side::Borrower && target.loan));

        walk.see(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf));
        assert_eq!((walk.status(), code(&walk)), (Status::ReadyForPickup, ""));
        walk.see(Side::Borrower, on_loan());
        assert_eq!(walk.status(), Status::Loaned);
    }
}

#[test]
fn what_another_has_brought_back_is_shown_as_it_is() {
    for (state, on, word) in [
        (ItemState::InTransit, WaitingOn::PickupLibrary, "on its way to the hold shelf"),
        (ItemState::InPlace, WaitingOn::PickupLibrary, "yet to scan it in"),
        (ItemState::OnHoldShelf, WaitingOn::Patron, "waits on the hold shelf"),
    ] {
        let mut walk = ready();
        walk.see(Side::Borrower, lent_to_another());
        walk.see(Side::Borrower, Observation { hold: Some(HoldState::InProcess), ..returned(state) });
        let Attention::Waiting { on: who, reason, .. } = &walk.request.attention else { panic!("it waits") };
        assert!(*who == on && reason.contains(word), "{reason}");
    }
}

#[test]
fn lost_loan_of_another_can_be_settled_and_is_left_alone() {
    let mut walk = ready();
    walk.see(Side::Borrower, Observation { item: Some(ItemState::Lost), ..lent_to_another() });
    assert_eq!(code(&walk), "LENT_TO_ANOTHER_AT_BORROWER");
    walk.apply(Command::SettleLoss { how: Settlement::Paid });
    walk.run();
    assert_eq!(walk.status(), Status::Completed);
    assert!(walk.request.borrower.item.is_open());
    assert!(!walk.effects.iter().any(|effect| matches!(effect, Effect::CheckIn(_) | Effect::DeleteVirtualItem(_))));
}

#[test]
fn end_by_hand_leaves_what_another_has_until_it_is_back() {
    let mut walk = ready();
    walk.see(Side::Borrower, lent_to_another());
    let planned = walk.request.if_ended();
    assert!(!planned.iter().any(|effect| matches!(effect, Effect::CheckIn(_) | Effect::DeleteVirtualItem(_))));
    let before = walk.effects.len();
    walk.apply(Command::End { reason: None });
    walk.run();
    assert_eq!(walk.effects[before..], planned);
    assert_eq!((walk.status(), code(&walk)), (Status::Completed, "LENT_TO_ANOTHER_AT_BORROWER"));
    assert_eq!(poll_targets(&walk.request).len(), 1);
    walk.see(Side::Borrower, lent_to_another());
    assert_eq!(walk.status(), Status::Completed);
    walk.see(Side::Borrower, returned(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn loan_to_another_that_only_the_deletion_shows_is_left_alone() {
    let mut walk = ready();
    walk.apply(Command::End { reason: None });
    let effect = Effect::DeleteVirtualItem(Side::Borrower);
    walk.run_until(effect);
    walk.apply(EffectResult::EffectRefused { effect, refusal: Refusal::new(Refusal::LENT_TO_ANOTHER, "It is lent.") });
    assert_eq!((walk.status(), walk.request.in_flight), (Status::Completed, None));
    assert_eq!(code(&walk), "LENT_TO_ANOTHER_AT_BORROWER");
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn item_returned_and_lent_to_another_between_two_polls_is_returned() {
    let mut walk = ready();
    walk.see(Side::Borrower, on_loan());
    walk.see(Side::Borrower, Observation { hold: None, ..lent_to_another() });
    assert_eq!((walk.status(), walk.request.borrower.progress), (Status::ReturnTransit, Progress::Returned));
    assert!(walk.request.borrower.loan.is_closed());
    assert_eq!(code(&walk), "LENT_TO_ANOTHER_AT_BORROWER");
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Completed, "the virtual item waits for its reader");
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Supplied)));
}

#[test]
fn cancelled_request_goes_home_when_another_has_brought_the_item_back() {
    let mut walk = ready();
    walk.see(Side::Borrower, lent_to_another());
    walk.apply(Command::Cancel { by: CancelledBy::Patron, reason: None });
    walk.run();
    assert_eq!((walk.status(), code(&walk)), (Status::ReturnTransit, "LENT_TO_ANOTHER_AT_BORROWER"));
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    assert_eq!(code(&walk), "");
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Cancelled)));
}

#[test]
fn lenders_item_that_another_has_is_home_after_the_return_and_a_case_for_staff_before_it_is_sent() {
    let lent = || Observation { loan: Some(LoanState::Another), ..item(ItemState::OnLoan) };
    let mut walk = ready();
    walk.see(Side::Borrower, on_loan());
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    walk.see(Side::Lender, lent());
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Supplied)));

    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, Observation { hold: Some(HoldState::NotStarted), ..lent() });
    assert_eq!(code(&walk), "LENT_TO_ANOTHER_AT_LENDER");
    assert!(walk.request.may(Action::NextSupplier).is_ok() && walk.request.may(Action::Cancel).is_ok());
    assert!(walk.request.supply.as_ref().unwrap().hold.is_open());
    walk.see(Side::Lender, item_and_hold(ItemState::InPlace, HoldState::NotStarted));
    assert_eq!(code(&walk), "");
}

#[test]
fn loan_to_another_at_the_lender_after_a_deadline_is_passed_over_as_any_silence() {
    let mut walk = Walk::new();
    walk.request.candidates.push(lending::example::candidate_elsewhere("32000"));
    walk.run();
    walk.see(Side::Lender, lent_to_another());
    walk.apply(Observed::DeadlinePassed { deadline: Deadline::LenderAnswers });
    assert_eq!((walk.status(), code(&walk)), (Status::NotSuppliedCurrentSupplier, ""));
    walk.apply(willing(Effect::CancelHold(Side::Lender)));
    assert_eq!(walk.request.in_flight, Some(Effect::ChooseSupplier));
}

#[test]
fn what_was_seen_before_the_item_left_does_not_bring_it_home() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, Observation { loan: Some(LoanState::Another), ..item(ItemState::OnLoan) });
    // Returned and sent between two polls.
    walk.see(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf));
    assert_eq!(walk.status(), Status::ReadyForPickup);
    walk.apply(Command::Cancel { by: CancelledBy::Patron, reason: None });
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit, "nobody has seen it at home");
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn item_that_was_home_before_its_hold_was_cancelled_is_polled_once_more() {
    let mut walk = ready();
    walk.apply(Command::Cancel { by: CancelledBy::Patron, reason: None });
    assert_eq!(walk.request.in_flight, Some(Effect::CancelHold(Side::Lender)));
    walk.apply(Observed::Seen {
        side: Side::Lender,
        observation: returned(ItemState::InPlace),
        source: lending::ObservationSource::Poll,
    });
    // It may have been scanned, and sent off for the hold, just before that was cancelled.
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert!(poll_targets(&walk.request).iter().any(|target| target.side == Side::Lender));
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
}
