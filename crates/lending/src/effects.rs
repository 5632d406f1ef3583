//! Derives the wanted effect from status and facts alone.

use crate::effect::{Effect, Side};
use crate::request::Request;
use crate::sides::{Progress, Tracked, VirtualSide};
use crate::status::Status;
use crate::transitions::{is_current, owes_lender_a_loan};

/// Returns the one effect that brings the request on, if the hub has the next move. An effect that staff must unblock
/// first isn't wanted until they have.
pub(crate) fn next_effect(request: &Request) -> Option<Effect> {
    let effect = next(request)?;
    let blocked = request.staff_case.as_ref().and_then(|staff_case| staff_case.cause.blocked_effect());
    (blocked != Some(effect)).then_some(effect)
}

impl Request {
    /// Returns whether `effect` is what the request wants now, all else aside. The hub need not send an effect that
    /// isn't wanted any more if it is known not to have been sent.
    pub fn is_next_effect(&self, effect: Effect) -> bool {
        next_effect(self) == Some(effect)
    }
}

fn next(request: &Request) -> Option<Effect> {
    if owes_lender_a_loan(request) {
        return Some(lend_at_lender(request));
    }
    match request.status {
        Status::SubmittedToDcb => Some(Effect::VerifyPatron),
        Status::PatronVerified => Some(choose(request)),
        Status::Resolved => at_lender(request),
        Status::Confirmed if waits_for_dispatch(request) => name_pickup_at_lender(request),
        Status::Confirmed | Status::RequestPlacedAtBorrowingAgency | Status::RequestPlacedAtPickupAgency => {
            prepare(request).or_else(|| name_pickup_at_lender(request))
        }
        Status::PickupTransit => prepare(request).or_else(|| into_transit(request)),
        Status::ReceivedAtPickup | Status::ReadyForPickup => prepare(request),
        Status::Loaned => while_out(request),
        Status::ReturnTransit => going_home(request),
        Status::NotSuppliedCurrentSupplier => {
            if lender_hold_is_open(request) {
                Some(Effect::CancelHold(Side::Lender))
            } else {
                Some(choose(request))
            }
        }
        Status::Completed | Status::Cancelled | Status::NoItemsSelectableAtAnyAgency => clean_up(request),
        Status::RequestPlacedAtSupplyingAgency | Status::HandedOffAsLocal | Status::Finalised => None,
    }
}

/// Returns the effect that brings the next copy: the first of those that are left, or new ones of the wanted title.
fn choose(request: &Request) -> Effect {
    if request.candidates.is_empty() && request.may_find_copies() { Effect::FindCopies } else { Effect::ChooseSupplier }
}

fn at_lender(request: &Request) -> Option<Effect> {
    request.supply.as_ref()?;
    if request.lender_patron().is_none() {
        Some(Effect::EnsureVirtualPatron(Side::Lender))
    } else if request.expedited {
        Some(Effect::Lend(Side::Lender))
    } else {
        Some(Effect::PlaceHold(Side::Lender))
    }
}

/// Returns whether the hub creates nothing for the patron until the item is sent.
fn waits_for_dispatch(request: &Request) -> bool {
    request.virtual_item_at_dispatch && !request.expedited && !request.is_dispatched()
}

/// Returns the effect that creates the next missing part of the virtual sides. It runs repeatedly between the lender's
/// hold and the patron's loan, so the hub recreates what staff removed.
fn prepare(request: &Request) -> Option<Effect> {
    request.workflow.virtual_sides().iter().find_map(|side| prepare_at(request, *side))
}

fn prepare_at(request: &Request, side: Side) -> Option<Effect> {
    let here = request.virtual_side(side)?;
    if side == Side::Pickup && here.virtual_patron.is_none() {
        Some(Effect::EnsureVirtualPatron(side))
    } else if !here.bib.is_open() {
        Some(Effect::CreateVirtualBib(side))
    } else if !here.holding.is_open() {
        Some(Effect::CreateVirtualHolding(side))
    } else if !here.item.is_open() {
        Some(Effect::CreateVirtualItem(side))
    } else if !is_current(request, here) {
        Some(Effect::UpdateVirtualItem(side))
    } else if request.expedited {
        (here.loan == Tracked::NotCreated).then_some(Effect::Lend(side))
    } else if here.hold == Tracked::NotCreated {
        Some(Effect::PlaceHold(side))
    } else if here.pickup_outdated && here.hold.is_open() {
        Some(Effect::ChangePickup(side))
    } else {
        None
    }
}

/// Returns the effect that names the present pickup library in the lender's hold, so that staff send the item to the
/// right place.
fn name_pickup_at_lender(request: &Request) -> Option<Effect> {
    let supply = request.supply.as_ref().filter(|supply| supply.pickup_outdated && supply.hold.is_open())?;
    (!supply.dispatched).then_some(Effect::ChangePickup(Side::Lender))
}

fn into_transit(request: &Request) -> Option<Effect> {
    let waits = |here: &VirtualSide| !here.in_transit && here.item.is_open();
    let side = request.workflow.virtual_sides().iter().find(|side| request.virtual_side(**side).is_some_and(waits))?;
    Some(Effect::SendIntoTransit(*side))
}

fn lend_at_lender(request: &Request) -> Effect {
    let known = request.lender_patron().is_some();
    if known { Effect::Lend(Side::Lender) } else { Effect::EnsureVirtualPatron(Side::Lender) }
}

/// Returns the next effect while the item is with the patron: mirror the loans first, then keep the patron's due date
/// within the lender's.
fn while_out(request: &Request) -> Option<Effect> {
    let supply = request.supply.as_ref()?;
    if supply.loan == Tracked::NotCreated {
        return Some(lend_at_lender(request));
    }
    if request.pickup_side.is_some()
        && request.workflow.virtual_sides().contains(&Side::Borrower)
        && request.borrower.loan == Tracked::NotCreated
    {
        return Some(Effect::Lend(Side::Borrower));
    }
    let desk = request.pickup_role();
    let here = request.at_pickup();
    if here.hold_outlives_loan && here.hold.is_open() {
        // This hold would stop renewals, and keep the returned item on the hold shelf.
        return Some(Effect::CancelHold(desk));
    }
    let (loan, owner) = (here.loan.open()?, supply.loan.open()?);
    if let (Some(due), Some(ceiling)) = (loan.due, owner.due)
        && due > ceiling
    {
        let renewed = here.due_dates.agreed.is_some_and(|first| due > first);
        if renewed && here.due_dates.renewal_requested_for != Some(due) {
            return Some(Effect::Renew(Side::Lender));
        }
        if here.due_dates.uncapped != Some((due, ceiling)) {
            return Some(Effect::LimitDueDate(desk));
        }
    }
    if let Some(side) = side_to_extend(request) {
        return Some(Effect::RaiseDueDate(side));
    }
    (supply.wanted_back && !here.due_dates.renewal_blocked).then_some(Effect::DenyRenewal(desk))
}

/// Returns the side whose loan is due before the later date that the lender has set since, if the borrower passes it on.
fn side_to_extend(request: &Request) -> Option<Side> {
    let until = request.supply.as_ref()?.extended_to?;
    if !request.passes_on(until) {
        return None;
    }
    let is_earlier = |here: &VirtualSide| {
        let due = here.loan.open().and_then(|loan| loan.due);
        here.due_dates.raised_for != Some(until) && due.is_some_and(|due| due < until)
    };
    request.workflow.virtual_sides().iter().copied().find(|side| request.virtual_side(*side).is_some_and(is_earlier))
}

/// Returns the next effect while the item goes home. A hold that still waits at the lender would send the item out
/// again when it is scanned at home.
fn going_home(request: &Request) -> Option<Effect> {
    if lender_hold_is_open(request) {
        return Some(Effect::CancelHold(Side::Lender));
    }
    let held = |side: &&Side| request.virtual_side(**side).is_some_and(|here| here.hold.is_open());
    if let Some(side) = request.workflow.virtual_sides().iter().find(held) {
        return Some(Effect::CancelHold(*side));
    }
    // The patron returned the item where they collected it, so nobody scans it at the borrower.
    let mirrored = request.pickup_side.is_some() && request.at_pickup().progress >= Progress::Returned;
    (mirrored && request.borrower.loan.is_open()).then_some(Effect::CheckIn(Side::Borrower))
}

/// Returns the next clean-up effect: holds first, then loans, since an item with either can't be deleted. Another
/// user's loan is left alone, and the item with it.
fn clean_up(request: &Request) -> Option<Effect> {
    if lender_hold_is_open(request) {
        return Some(Effect::CancelHold(Side::Lender));
    }
    [Side::Borrower, Side::Pickup].into_iter().find_map(|side| {
        let here = request.virtual_side(side)?;
        if here.hold.is_open() {
            Some(Effect::CancelHold(side))
        } else if request.is_lent_to_another(side) {
            // The virtual item stays until the other user has returned it.
            None
        } else if here.loan.is_open() {
            Some(Effect::CheckIn(side))
        } else if here.item.is_open() || here.holding.is_open() {
            Some(Effect::DeleteVirtualItem(side))
        } else if here.bib.is_open() {
            Some(Effect::DeleteVirtualBib(side))
        } else {
            None
        }
    })
}

fn lender_hold_is_open(request: &Request) -> bool {
    request.supply.as_ref().is_some_and(|supply| supply.hold.is_open())
}

/// Applies a clean-up effect to the facts as if it were done, to preview the effects of an end by hand.
pub(crate) fn assume_done(request: &mut Request, effect: Effect) {
    let side = effect.side();
    if side == Side::Lender {
        if let Some(supply) = &mut request.supply {
            supply.hold.close();
        }
        return;
    }
    let Some(here) = request.virtual_side_mut(side) else { return };
    match effect {
        Effect::CancelHold(_) => here.hold.close(),
        Effect::CheckIn(_) => here.loan.close(),
        Effect::DeleteVirtualItem(_) => {
            here.item.close();
            here.holding.close();
        }
        Effect::DeleteVirtualBib(_) => here.bib.close(),
        // These effects create or change something, which an end by hand never does.
        Effect::VerifyPatron
        | Effect::FindCopies
        | Effect::ChooseSupplier
        | Effect::EnsureVirtualPatron(_)
        | Effect::PlaceHold(_)
        | Effect::CreateVirtualBib(_)
        | Effect::CreateVirtualHolding(_)
        | Effect::CreateVirtualItem(_)
        | Effect::UpdateVirtualItem(_)
        | Effect::ChangePickup(_)
        | Effect::SendIntoTransit(_)
        | Effect::Lend(_)
        | Effect::Renew(_)
        | Effect::LimitDueDate(_)
        | Effect::RaiseDueDate(_)
        | Effect::DenyRenewal(_) => {}
    }
}
