//! Derives the conditions of a request, and what it waits for, from the facts. Both are shown beside the status.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::attention::{Action, Attention, WaitingOn};
use crate::effect::Side;
use crate::effect_result::EffectResult;
use crate::event::Event;
use crate::observation::ItemState;
use crate::request::Request;
use crate::sides::Progress;
use crate::status::{Condition, Status};
use crate::waiting::waiting;

/// Returns the conditions, from the facts and the time.
pub(crate) fn conditions(request: &Request, now: Timestamp) -> BTreeSet<Condition> {
    let mut found = BTreeSet::new();
    if request.out_of_sequence {
        found.insert(Condition::OutOfSequence);
    }
    let left = |side: &Side| request.virtual_side(*side).is_some_and(|here| here.left_to_staff);
    if [Side::Borrower, Side::Pickup].iter().any(left) {
        found.insert(Condition::LeftToStaff);
    }
    if request.status.is_final() {
        return found;
    }
    let here = request.at_pickup();
    let lender = request.supply.as_ref();
    // Once the patron has returned the item, a mark at the lender only means that it hasn't come home yet.
    let is_out = here.progress < Progress::Returned;
    let item_is = |state: &ItemState| {
        here.item_state.as_ref() == Some(state)
            || lender.is_some_and(|supply| supply.item == *state && supply.dispatched && is_out)
    };
    if item_is(&ItemState::Lost) {
        found.insert(Condition::Lost);
    }
    if item_is(&ItemState::ClaimedReturned) {
        found.insert(Condition::ClaimedReturned);
    }
    if here.item_state == Some(ItemState::Missing) && request.missing_since.is_some() {
        found.insert(Condition::MissingAtPickup);
    } else if request.missing_since.is_some() {
        found.insert(Condition::MissingInTransit);
    }
    if here.hold_moved_to.is_some() && here.hold.is_open() {
        found.insert(Condition::PickupChangedByStaff);
    }
    if request.status == Status::Loaned {
        let dues = [here.loan.open().and_then(|loan| loan.due), lender.and_then(|s| s.loan.open()).and_then(|l| l.due)];
        if dues.into_iter().flatten().any(|due| due < now) {
            found.insert(Condition::Overdue);
        }
        if lender.is_some_and(|supply| supply.wanted_back) {
            found.insert(Condition::Recalled);
        }
        if here.due_dates.renewed {
            found.insert(Condition::Renewed);
        }
        if here.due_dates.renewal_refused {
            found.insert(Condition::RenewalRefused);
        }
    }
    found
}

/// Returns who has the next move. A delay comes from its own event.
pub(crate) fn attention(next: &Request, event: &Event, moved: bool, now: Timestamp) -> Attention {
    if let Event::EffectResult(EffectResult::EffectDelayed { effect, reason, needs_staff: true, .. }) = event {
        let actions = next.actions().into_iter().filter(|action| *action != Action::Undo).collect();
        return Attention::NeedsStaff {
            code: format!("{}_UNEXPLAINED", effect.name().to_uppercase()),
            explanation: unexplained_why(reason),
            actions,
            unexplained: Some(*effect),
        };
    }
    if let Event::EffectResult(EffectResult::EffectDelayed { on, reason, next_try, .. }) = event {
        let since = match &next.attention {
            Attention::Waiting { on: before, since, .. } if before == on => *since,
            _ => now,
        };
        return Attention::Waiting { on: *on, since, next_try: Some(*next_try), reason: reason.clone() };
    }
    if let Some((code, explanation)) = case(next) {
        let actions = next.actions().into_iter().filter(|action| *action != Action::Undo).collect();
        return Attention::NeedsStaff { code, explanation, actions, unexplained: None };
    }
    if let Some(effect) = next.in_flight {
        // A delay stays visible while the hub retries the effect.
        let delayed = match &next.attention {
            Attention::Waiting { next_try, .. } => next_try.is_some(),
            Attention::NeedsStaff { unexplained, .. } => *unexplained == Some(effect),
            Attention::None => false,
        };
        return if delayed && !moved && !ends_delay(event) { next.attention.clone() } else { Attention::None };
    }
    // While a side can't be polled, the hub can't know who has the next move.
    if let Some((side, poll)) = next.failing_polls.iter().next() {
        let reason = format!("This library's system can't be polled, and the hub goes on trying: {}", poll.reason);
        return Attention::Waiting { on: WaitingOn::system(*side), since: poll.since, next_try: None, reason };
    }
    let Some((on, reason)) = waiting(next) else { return Attention::None };
    let since = match &next.attention {
        Attention::Waiting { on: before, since, .. } if *before == on && !moved => *since,
        // The wait went on while the side could not be polled.
        Attention::Waiting {
            on: WaitingOn::LenderSystem | WaitingOn::BorrowerSystem | WaitingOn::PickupSystem,
            next_try: None,
            ..
        } if !moved => next.status_since,
        _ => now,
    };
    Attention::Waiting { on, since, next_try: None, reason }
}

fn unexplained_why(reason: &str) -> String {
    format!(
        "The hub has tried this step several times: {reason}. That proves neither that it was done nor that it wasn't, so the \
         hub assumes neither and retries. Check the record in the library's own system, and the proxy or gateway in front of \
         it."
    )
}

/// Returns whether the event is the outcome of an effect, which ends a delay.
fn ends_delay(event: &Event) -> bool {
    match event {
        Event::EffectResult(_) => true,
        Event::Observed(_) | Event::Command(_) => false,
    }
}

/// Returns the decision that staff must make, with its code.
fn case(request: &Request) -> Option<(String, String)> {
    if request.status.is_final() {
        return None;
    }
    // A lost item matters more than its renewals.
    if let Some(staff_case) = &request.staff_case
        && !(staff_case.cause.is_refused_denial() && request.is_lost())
    {
        return Some((staff_case.cause.code(), staff_case.explanation.clone()));
    }
    if let Some(lent) = lent_to_another(request) {
        return Some(lent);
    }
    if request.status == Status::Loaned && request.at_pickup().holder_deleted {
        return Some((
            "PATRON_DELETED".to_owned(),
            "The patron's user record was deleted in the library's system, and the item is still on loan. The hub can neither \
             renew that loan nor change its due date. Ask the library's staff for the item; when it is back, scan it in there, and \
             it goes home."
                .to_owned(),
        ));
    }
    // Once the loss is settled, nobody needs to search for the item.
    if request.status.is_ending() || request.settlement.is_some() {
        return None;
    }
    let with_text = |code: &str, explanation: &str| Some((code.to_owned(), explanation.to_owned()));
    if request.conditions.contains(&Condition::Lost) {
        return with_text(
            "ITEM_LOST",
            "The item is marked as lost. When it is found, mark it so where it was marked lost; when it is paid for or \
             written off, settle the loss here, which ends the request on both sides.",
        );
    }
    if request.conditions.contains(&Condition::ClaimedReturned) {
        return with_text(
            "CLAIMED_RETURNED",
            "The patron says that the item was returned. Look for it at both libraries. When it is found, scan it in; \
             when it is not, settle the loss here.",
        );
    }
    if request.conditions.contains(&Condition::MissingAtPickup) {
        return with_text(
            "MISSING_AT_PICKUP_LIBRARY",
            "The pickup library has marked the item as missing. Look for it there: the hold shelf, the shelves, the sorting \
             area. When it is found, scan it in there or mark it as found, and the patron's hold is placed again; when it \
             is not, settle the loss.",
        );
    }
    if request.missing_since.is_some() {
        return with_text(
            "MISSING_IN_TRANSIT",
            "The item has been under way for too long. Look for it at both libraries: the shelf, the hold shelf, the \
             sorting area. When it is found, scan it in or report it here; when it is not, settle the loss.",
        );
    }
    if let Some(until) = request.undecided_extension() {
        let explanation = format!(
            "The lender has set a later due date, {until}. Resume to raise the patron's due date to it. Otherwise leave it as \
             it is: this case ends when the patron returns the item."
        );
        return Some(("LENDER_EXTENDED".to_owned(), explanation));
    }
    let absent = request.supply.as_ref().is_some_and(|s| s.item == ItemState::Absent && s.dispatched);
    if absent && matches!(request.status, Status::Loaned | Status::ReturnTransit) {
        return with_text(
            "ITEM_DELETED_AT_LENDER",
            "The lender's item was deleted in its own system while it was away. Ask the lender; then end the request by \
             hand.",
        );
    }
    None
}

/// Returns which library has lent the item to somebody else, and the possible actions.
fn lent_to_another(request: &Request) -> Option<(String, String)> {
    let side = [Side::Borrower, Side::Pickup].into_iter().find(|side| request.is_lent_to_another(*side));
    let side = side.or_else(|| (lender_may_wait(request)).then_some(Side::Lender))?;
    let held = match side {
        Side::Lender => request.supply.as_ref().is_some_and(|supply| supply.hold.is_open()),
        _ => request.virtual_side(side).is_some_and(|here| here.hold.is_open()),
    };
    let explanation = match side {
        Side::Lender if held && !request.candidates_without_supplier().is_empty() => {
            "The lender's item is on loan to somebody else; the hub's hold on it is kept. Unless the item is back within the \
             days that the lender's rules allow, the hub asks the next lender. Have that one asked now, or cancel the request, \
             if you don't want to wait."
        }
        Side::Lender if held => {
            "The lender's item is on loan to somebody else; the hub's hold on it is kept. No other library is left to ask. Wait \
             until the item is back, name another copy, or cancel the request."
        }
        Side::Lender if !request.candidates_without_supplier().is_empty() => {
            "The lender's item is on loan to somebody else. Have the next lender asked, or cancel the request."
        }
        Side::Lender => {
            "The lender's item is on loan to somebody else, and no other library is left to ask. Name another copy, or cancel the \
             request."
        }
        _ if request.status.is_ending() => {
            "The request has ended, but its virtual item is on loan to somebody other than its patron. The hub doesn't \
             end that loan. It deletes the virtual item once a library has scanned it in; then send the lender's item home."
        }
        _ if request.status == Status::ReturnTransit => {
            "The item should go home, but is on loan to somebody other than the request's patron. The hub doesn't end that \
             loan. Have the item brought back, scan it in, and send it home."
        }
        _ if held => {
            "The item is on loan to somebody other than the request's patron, whose hold is kept. The hub doesn't end that \
             loan. Have the item brought back and scan it in, so that it waits for the patron again; or cancel the request."
        }
        _ => {
            "The item is on loan to somebody other than the request's patron. The hub doesn't end that loan. Have the item \
             brought back and scan it in, or cancel the request."
        }
    };
    Some((format!("LENT_TO_ANOTHER_AT_{}", side.name().to_uppercase()), explanation.to_owned()))
}

/// Returns whether the lender's item is on loan to somebody else before its dispatch, and the hub still asks that
/// lender for it.
fn lender_may_wait(request: &Request) -> bool {
    let asked = matches!(
        request.status,
        Status::RequestPlacedAtSupplyingAgency
            | Status::Confirmed
            | Status::RequestPlacedAtBorrowingAgency
            | Status::RequestPlacedAtPickupAgency
    );
    asked && request.is_lent_to_another(Side::Lender) && !request.is_dispatched() && !request.is_in_queue()
}
