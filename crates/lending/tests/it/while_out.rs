//! What can happen while the patron has the item, or while it travels.

use lending::{
    Attention, Command, Condition, Deadline, Effect, EffectResult, HoldState, ItemState, Observation, Observed,
    Outcome, Refusal, Settlement, Side, Status,
};

use crate::walk::{
    Walk, after_days, hold_closed, item, item_and_hold, on_loan_at_lender, on_loan_until, returned, willing,
};

fn loaned() -> Walk {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.see(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf));
    walk.see(Side::Borrower, on_loan_until(after_days(28)));
    assert_eq!(walk.status(), Status::Loaned);
    walk
}

fn has(walk: &Walk, condition: Condition) -> bool {
    walk.request.conditions.contains(&condition)
}

#[test]
fn due_date_later_than_the_lenders_is_brought_down_at_once() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.see(Side::Borrower, on_loan_until(after_days(40)));
    let tail = [Effect::Lend(Side::Lender), Effect::LimitDueDate(Side::Borrower)];
    assert!(walk.effects.ends_with(&tail), "{:?}", walk.effects);
}

#[test]
fn renewal_is_asked_of_the_lender_and_granted() {
    let mut walk = loaned();
    walk.see(Side::Borrower, on_loan_until(after_days(50)));
    assert_eq!(walk.effects.last(), Some(&Effect::Renew(Side::Lender)), "{:?}", walk.effects);
    assert!(!has(&walk, Condition::RenewalRefused));
    let before = walk.effects.len();
    walk.see(Side::Borrower, on_loan_until(after_days(50)));
    assert_eq!(walk.effects.len(), before, "the same due date is asked for once");
}

#[test]
fn refused_renewal_puts_the_due_date_back_and_is_shown() {
    let mut walk = loaned();
    walk.apply(Observed::Seen {
        side: Side::Borrower,
        observation: on_loan_until(after_days(50)),
        source: lending::ObservationSource::Poll,
    });
    let effect = Effect::Renew(Side::Lender);
    assert_eq!(walk.request.in_flight, Some(effect));
    let refusal = Refusal::new("401822", "The loan can't be renewed.");
    walk.apply(EffectResult::EffectRefused { effect, refusal });
    assert_eq!(walk.request.in_flight, Some(Effect::LimitDueDate(Side::Borrower)));
    walk.run();
    assert!(has(&walk, Condition::RenewalRefused));
    assert_eq!(walk.request.borrower.loan.open().unwrap().due, Some(after_days(28)));
    assert!(!matches!(walk.request.attention, Attention::NeedsStaff { .. }), "nobody need decide anything");
}

#[test]
fn due_date_beyond_what_the_renewal_gave_is_brought_down_to_it() {
    let mut walk = loaned();
    walk.see(Side::Borrower, on_loan_until(after_days(90)));
    let tail = [Effect::Renew(Side::Lender), Effect::LimitDueDate(Side::Borrower)];
    assert!(walk.effects.ends_with(&tail), "{:?}", walk.effects);
}

#[test]
fn recall_stops_further_renewals_and_passes_the_earlier_due_date_on() {
    let mut walk = loaned();
    let recalled = Observation { wanted_back: Some(true), ..on_loan_at_lender(after_days(7)) };
    walk.see(Side::Lender, recalled);
    assert!(has(&walk, Condition::Recalled));
    let tail = [Effect::LimitDueDate(Side::Borrower), Effect::DenyRenewal(Side::Borrower)];
    assert!(walk.effects.ends_with(&tail), "{:?}", walk.effects);
}

#[test]
fn overdue_is_a_condition_and_ends_with_the_return() {
    let mut walk = loaned();
    walk.see(Side::Borrower, on_loan_until(after_days(-1)));
    assert!(has(&walk, Condition::Overdue));
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    assert!(!has(&walk, Condition::Overdue));
}

#[test]
fn lost_item_that_is_found_goes_its_ordinary_way() {
    let mut walk = loaned();
    walk.see(Side::Borrower, item(ItemState::Lost));
    assert!(has(&walk, Condition::Lost));
    assert_eq!(walk.status(), Status::Loaned, "no condition ends the following");
    assert!(matches!(&walk.request.attention, Attention::NeedsStaff { code, .. } if code == "ITEM_LOST"));
    walk.see(Side::Borrower, on_loan_until(after_days(28)));
    assert!(!has(&walk, Condition::Lost));
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Supplied)));
}

#[test]
fn lost_item_returned_after_all_goes_its_ordinary_way() {
    let mut walk = loaned();
    walk.see(Side::Borrower, item(ItemState::Lost));
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert!(!has(&walk, Condition::Lost));
}

#[test]
fn lost_item_paid_for_ends_as_lost_with_a_clean_borrower() {
    for how in [Settlement::Paid, Settlement::WrittenOff] {
        let mut walk = loaned();
        walk.see(Side::Borrower, item(ItemState::Lost));
        walk.apply(Command::SettleLoss { how });
        walk.run();
        assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Lost)));
        assert!(walk.effects.contains(&Effect::CheckIn(Side::Borrower)), "a lent item can't be deleted");
    }
}

#[test]
fn loss_is_settled_only_where_there_is_one() {
    let mut walk = loaned();
    let decision = walk.apply(Command::SettleLoss { how: Settlement::Paid });
    assert_eq!(walk.status(), Status::Loaned);
    assert!(decision.note.unwrap().contains("lost"));
}

#[test]
fn claimed_return_is_a_case_for_staff_on_either_side() {
    for side in [Side::Lender, Side::Borrower] {
        let mut walk = loaned();
        walk.see(side, item(ItemState::ClaimedReturned));
        assert!(has(&walk, Condition::ClaimedReturned), "{side:?}");
        assert!(matches!(&walk.request.attention, Attention::NeedsStaff { code, .. } if code == "CLAIMED_RETURNED"));
    }
}

#[test]
fn item_in_transit_for_too_long_is_reported_missing_and_still_polled() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.apply(Observed::DeadlinePassed { deadline: Deadline::ItemArrives });
    assert!(has(&walk, Condition::MissingInTransit));
    assert!(matches!(&walk.request.attention, Attention::NeedsStaff { code, .. } if code == "MISSING_IN_TRANSIT"));
    assert!(!lending::poll_targets(&walk.request).is_empty(), "it is never dropped from tracking");
    walk.see(Side::Borrower, item(ItemState::OnHoldShelf));
    assert_eq!(walk.status(), Status::ReadyForPickup);
    assert!(!has(&walk, Condition::MissingInTransit), "it has come");
}

#[test]
fn silent_lender_is_passed_over() {
    let mut walk = Walk::new();
    walk.request.candidates.push(lending::example::candidate_elsewhere("32000"));
    walk.run();
    walk.apply(Observed::DeadlinePassed { deadline: Deadline::LenderAnswers });
    assert_eq!(walk.status(), Status::NotSuppliedCurrentSupplier);
    assert_eq!(walk.request.in_flight, Some(Effect::CancelHold(Side::Lender)), "its hold is cancelled first");
    assert_eq!(walk.request.earlier_suppliers.len(), 1);
    assert_eq!(walk.request.earlier_suppliers[0].refusal.code, "LENDER_SILENT");
}

#[test]
fn deadline_that_passed_too_late_means_nothing() {
    let mut walk = loaned();
    let before = walk.request.clone();
    walk.apply(Observed::DeadlinePassed { deadline: Deadline::LenderAnswers });
    assert_eq!(walk.request, before);
}

#[test]
fn virtual_patron_deleted_by_staff_is_recreated_before_the_loan() {
    let mut walk = Walk::new();
    walk.run();
    walk.apply(Observed::Seen {
        side: Side::Borrower,
        observation: on_loan_until(after_days(28)),
        source: lending::ObservationSource::Poll,
    });
    walk.run_until(Effect::Lend(Side::Lender));
    let gone = Refusal::new(Refusal::NO_SUCH_PATRON, "No such user.");
    walk.apply(EffectResult::EffectRefused { effect: Effect::Lend(Side::Lender), refusal: gone });
    assert_eq!(walk.request.in_flight, Some(Effect::EnsureVirtualPatron(Side::Lender)));
    walk.run();
    assert!(walk.request.supply.as_ref().unwrap().loan.is_open());
}

#[test]
fn virtual_patron_deleted_by_staff_is_recreated_before_the_hold() {
    let mut walk = Walk::new();
    walk.run_until(Effect::PlaceHold(Side::Lender));
    let gone = Refusal::new(Refusal::NO_SUCH_PATRON, "No such user.");
    walk.apply(EffectResult::EffectRefused { effect: Effect::PlaceHold(Side::Lender), refusal: gone });
    assert_eq!(walk.request.in_flight, Some(Effect::EnsureVirtualPatron(Side::Lender)));
    walk.run();
    assert!(walk.request.supply.as_ref().unwrap().hold.is_open());
}

#[test]
fn barcode_replaced_at_the_lender_is_taken_over_by_the_virtual_item() {
    let mut walk = Walk::new();
    walk.run();
    let replaced =
        Observation { barcode: Some("40001".into()), ..item_and_hold(ItemState::InPlace, HoldState::NotStarted) };
    walk.apply(Observed::Seen { side: Side::Lender, observation: replaced, source: lending::ObservationSource::Poll });
    assert_eq!(walk.request.in_flight, Some(Effect::UpdateVirtualItem(Side::Borrower)));
}

#[test]
fn second_loan_to_the_same_patron_before_the_item_went_home_is_followed() {
    let mut walk = loaned();
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    let second = Observation {
        loan: Some(lending::LoanState::Active { id: "73".into(), due: Some(after_days(28)) }),
        ..item(ItemState::OnLoan)
    };
    walk.see(Side::Borrower, second);
    assert_eq!(walk.status(), Status::Loaned);
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    assert_eq!(walk.status(), Status::ReturnTransit);
}

#[test]
fn virtual_item_deleted_by_staff_is_recreated_when_staff_decide() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Borrower, item(ItemState::Absent));
    assert!(
        matches!(&walk.request.attention, Attention::NeedsStaff { code, .. } if code == "VIRTUAL_ITEM_DELETED_AT_BORROWER")
    );
    assert_eq!(walk.request.in_flight, None);
    walk.apply(Command::Resume);
    assert_eq!(walk.request.in_flight, Some(Effect::CreateVirtualItem(Side::Borrower)));
    walk.apply(willing(Effect::CreateVirtualItem(Side::Borrower)));
    assert_eq!(walk.request.in_flight, Some(Effect::PlaceHold(Side::Borrower)));
    walk.run();
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn case_of_a_deleted_virtual_item_ends_with_the_poll_that_shows_the_item() {
    for seen in [
        item(ItemState::InPlace),
        item_and_hold(ItemState::InTransit, HoldState::InProcess),
        Observation { hold: Some(HoldState::NotStarted), ..Observation::default() },
    ] {
        let mut walk = Walk::new();
        walk.run();
        let before = walk.request.clone();
        walk.see(Side::Borrower, item(ItemState::Absent));
        walk.see(Side::Borrower, item(ItemState::Absent));
        assert!(matches!(walk.request.attention, Attention::NeedsStaff { .. }));
        let decision = walk.apply(Observed::Seen {
            side: Side::Borrower,
            observation: seen.clone(),
            source: lending::ObservationSource::Poll,
        });
        assert!(decision.note.is_some_and(|note| note.contains("there after all")), "{seen:?}");
        assert!(
            !matches!(walk.request.attention, Attention::NeedsStaff { .. }),
            "{seen:?}: {:?}",
            walk.request.attention
        );
        let (after, before) = (&walk.request.borrower, &before.borrower);
        assert_eq!((&after.item, after.hold.is_open()), (&before.item, true), "{seen:?}");
        assert_eq!(walk.request.in_flight, None, "nothing is made a second time");
        walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
        assert_eq!(walk.status(), Status::PickupTransit);
    }
}

#[test]
fn hold_that_is_gone_after_the_virtual_item_was_missed_still_counts_as_gone() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Borrower, item(ItemState::Absent));
    walk.see(Side::Borrower, item_and_hold(ItemState::InPlace, HoldState::Gone));
    assert!(walk.request.borrower.hold.is_open(), "one poll alone may fall between two changes in Alma");
    walk.see(Side::Borrower, item_and_hold(ItemState::InPlace, HoldState::Gone));
    assert_eq!(walk.request.outcome, Some(lending::Outcome::Cancelled));
}

#[test]
fn case_of_an_ended_hold_ends_with_the_poll_that_shows_the_hold() {
    let mut walk = Walk::new();
    walk.run();
    walk.apply(hold_closed(Side::Borrower, lending::Closure::Rejected));
    assert!(
        matches!(&walk.request.attention, Attention::NeedsStaff { code, .. } if code == "HOLD_REJECTED_AT_BORROWER")
    );
    walk.see(Side::Borrower, item(ItemState::InPlace));
    assert!(matches!(walk.request.attention, Attention::NeedsStaff { .. }), "that says nothing of the hold");
    walk.see(Side::Borrower, item_and_hold(ItemState::InPlace, HoldState::NotStarted));
    assert!(!matches!(walk.request.attention, Attention::NeedsStaff { .. }), "{:?}", walk.request.attention);
    assert!(walk.request.borrower.hold.is_open());
    assert_eq!(walk.request.borrower.hold_end, None);
}

/// The item is lent at the desk while the hub places the patron's hold: that loan can't fulfil the hold.
fn lent_before_its_hold() -> Walk {
    let mut walk = Walk::new();
    walk.run();
    let there = Observation { hold: Some(HoldState::NotStarted), ..on_loan_until(after_days(28)) };
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.see(Side::Borrower, there);
    assert_eq!(walk.status(), Status::Loaned);
    walk
}

#[test]
fn hold_that_outlives_the_loan_is_cancelled_at_the_second_poll() {
    let mut walk = lent_before_its_hold();
    let cancel = Effect::CancelHold(Side::Borrower);
    assert!(!walk.effects.contains(&cancel), "Alma may be just about to end it");
    walk.see(Side::Borrower, Observation { hold: Some(HoldState::NotStarted), ..on_loan_until(after_days(28)) });
    assert_eq!(walk.effects.last(), Some(&cancel), "{:?}", walk.effects);
    assert!(walk.request.borrower.hold.is_closed());
    assert_eq!(walk.status(), Status::Loaned);
}

#[test]
fn item_kept_on_the_hold_shelf_by_a_hold_that_outlived_the_loan_goes_home() {
    let mut walk = lent_before_its_hold();
    let kept = Observation { hold: Some(HoldState::OnHoldShelf), ..returned(ItemState::OnHoldShelf) };
    walk.see(Side::Borrower, kept);
    assert_eq!(walk.status(), Status::ReturnTransit);
    assert_eq!(walk.effects.last(), Some(&Effect::CancelHold(Side::Borrower)), "{:?}", walk.effects);
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn item_on_the_hold_shelf_whose_hold_staff_cancelled_after_the_return_goes_home() {
    let mut walk = lent_before_its_hold();
    let left = Observation { hold: Some(HoldState::Gone), ..returned(ItemState::OnHoldShelf) };
    walk.see(Side::Borrower, left);
    assert_eq!(walk.status(), Status::ReturnTransit);
}

#[test]
fn observation_of_the_hold_shelf_from_before_the_loan_is_no_return() {
    let mut walk = loaned();
    let late = Observation { hold: Some(HoldState::OnHoldShelf), ..returned(ItemState::OnHoldShelf) };
    walk.see(Side::Borrower, late);
    assert_eq!(walk.status(), Status::Loaned);
}

/// The patron renews, and the lender refuses.
fn renew_without_success(walk: &mut Walk, due: jiff::Timestamp) {
    walk.apply(Observed::Seen {
        side: Side::Borrower,
        observation: on_loan_until(due),
        source: lending::ObservationSource::Poll,
    });
    let effect = Effect::Renew(Side::Lender);
    if walk.request.in_flight == Some(effect) {
        walk.apply(EffectResult::EffectRefused {
            effect,
            refusal: Refusal::new("401822", "The loan can't be renewed."),
        });
    }
    walk.run();
}

fn due(walk: &Walk) -> Option<jiff::Timestamp> {
    walk.request.borrower.loan.open().unwrap().due
}

#[test]
fn due_date_is_reset_each_time_the_patron_renews_without_success() {
    let mut walk = loaned();
    for days in [50, 60, 60, 61] {
        renew_without_success(&mut walk, after_days(days));
        assert_eq!(due(&walk), Some(after_days(28)), "after a renewal to day {days}");
    }
}

#[test]
fn renewal_of_a_loan_that_was_brought_down_is_asked_of_the_lender() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.see(Side::Borrower, on_loan_until(after_days(40)));
    assert_eq!(due(&walk), Some(after_days(28)));
    // No later than what the borrower's library would have given by itself.
    walk.apply(Observed::Seen {
        side: Side::Borrower,
        observation: on_loan_until(after_days(35)),
        source: lending::ObservationSource::Poll,
    });
    assert_eq!(walk.request.in_flight, Some(Effect::Renew(Side::Lender)));
}

#[test]
fn due_date_that_the_library_will_not_change_is_tried_once() {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.apply(Observed::Seen {
        side: Side::Borrower,
        observation: on_loan_until(after_days(40)),
        source: lending::ObservationSource::Poll,
    });
    walk.apply(willing(Effect::Lend(Side::Lender)));
    let effect = Effect::LimitDueDate(Side::Borrower);
    assert_eq!(walk.request.in_flight, Some(effect));
    walk.apply(EffectResult::EffectRefused { effect, refusal: Refusal::new("401681", "It stays.") });
    assert_eq!(walk.request.in_flight, None);
    walk.apply(Observed::Seen {
        side: Side::Borrower,
        observation: on_loan_until(after_days(40)),
        source: lending::ObservationSource::Poll,
    });
    assert_eq!(walk.request.in_flight, None, "nothing has changed");
    walk.apply(Observed::Seen {
        side: Side::Borrower,
        observation: on_loan_until(after_days(45)),
        source: lending::ObservationSource::Poll,
    });
    assert!(walk.request.in_flight.is_some(), "it is another date");
}

#[test]
fn virtual_item_that_staff_have_moved_is_deleted_where_it_is() {
    let mut walk = loaned();
    let moved =
        Observation { holding: Some("229".into()), barcode: Some("NEW-1".into()), ..on_loan_until(after_days(28)) };
    walk.see(Side::Borrower, moved);
    assert_eq!(walk.request.borrower.holding.open().unwrap().as_str(), "229");
    assert_eq!(walk.request.borrower.barcode.as_ref().unwrap().as_str(), "NEW-1");
}
