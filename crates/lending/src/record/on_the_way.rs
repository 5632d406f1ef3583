//! Records what libraries do with an item on its way that the workflow doesn't expect: the lender has not sent it, the
//! pickup library misses it, or staff have given the patron's hold another pickup library.

use jiff::Timestamp;

use super::reject_supplier;
use crate::attention::{StaffCase, StaffCaseCause};
use crate::effect::Side;
use crate::observation::{HoldState, ItemState, LoanState, Observation};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::sides::{Progress, Tracked};
use crate::status::Status;

/// Records that a lender whose item was on its way has the item still or again: the hub asks the next lender, or staff
/// decide. While the item travels, Alma shows it in transit; a scan at home, a loan or a mark by staff ends that.
pub(super) fn record_whether_sent(request: &mut Request, observation: &Observation) -> Option<String> {
    let has_arrived = request.at_pickup().progress >= Progress::Received;
    // The lender has yet to get a loan for a settled loss, so it isn't given up.
    if request.status != Status::PickupTransit || has_arrived || request.settlement.is_some() {
        return None;
    }
    let supply = request.supply.as_mut()?;
    let is_case = request.staff_case.as_ref().is_some_and(|case| case.cause == StaffCaseCause::NotSent);
    if is_case && supply.dispatched && supply.item == ItemState::InTransit {
        request.staff_case = ended_hold_case(request);
        return Some("The lender has sent the item now.".to_owned());
    }
    if is_case || supply.loan != Tracked::NotCreated {
        return None;
    }
    let waits = matches!(observation.hold, Some(HoldState::Gone | HoldState::NotStarted));
    let is_anothers = observation.loan == Some(LoanState::Another);
    let place = match observation.item.as_ref()? {
        ItemState::InPlace | ItemState::Requested if waits => "is on the lender's shelf",
        ItemState::OnHoldShelf if waits => "is on the lender's own hold shelf",
        ItemState::Unavailable(_) if waits => "is out of service at the lender",
        ItemState::OnLoan if is_anothers => "is on loan to another reader of the lender",
        ItemState::Lost if is_anothers => "is marked as lost, on a loan to another reader of the lender",
        ItemState::ClaimedReturned if is_anothers => {
            "was lent to another reader of the lender, who claims to have returned it"
        }
        ItemState::Missing => "is marked as missing at the lender",
        _ => return None,
    };
    supply.dispatched = false;
    let explanation = format!("The lender has not sent the item after all: it {place}.");
    if request.candidates_without_supplier().is_empty() {
        let advice =
            "No other library is left to ask. Ask the lender to send it, name another copy, or cancel the request.";
        let explanation = format!("{explanation} {advice}");
        request.staff_case = Some(StaffCase { cause: StaffCaseCause::NotSent, explanation: explanation.clone() });
        return Some(explanation);
    }
    reject_supplier(request, &Refusal::new("NOT_SENT_AFTER_ALL", &explanation));
    Some(explanation)
}

/// Returns the case for staff about a patron's hold that ended in the library's own system, if there is one.
fn ended_hold_case(request: &Request) -> Option<StaffCase> {
    [Side::Borrower, Side::Pickup].into_iter().find_map(|side| {
        let here = request.virtual_side(side)?;
        let end = here.hold_end.filter(|_| here.hold.is_closed() && here.progress < Progress::OnHoldShelf)?;
        Some(StaffCase::of_ended_hold(side, end.closure))
    })
}

/// Records that staff have given the patron's hold another pickup library in their own system, or the old one again.
pub(super) fn record_pickup_library(request: &mut Request, side: Side, observation: &Observation) -> Option<String> {
    let wanted = request.pickup.library.clone();
    if side != request.pickup_role() {
        return None;
    }
    let here = request.virtual_side_mut(side)?;
    let seen = observation.pickup_library.clone().filter(|_| here.hold.is_open() && !here.pickup_outdated)?;
    let moved = (seen != wanted).then_some(seen);
    if here.hold_moved_to == moved {
        return None;
    }
    here.hold_moved_to = moved;
    Some(match &here.hold_moved_to {
        Some(library) => format!(
            "The library's staff have changed the pickup library of the patron's hold to {library} in their own system."
        ),
        None => format!("The patron's hold has the pickup library {wanted} again."),
    })
}

/// Records that the pickup library has marked the item as missing after its arrival, or that it is found. A found item
/// whose hold has ended gets a new one.
pub(super) fn record_missing(
    request: &mut Request,
    side: Side,
    observation: &Observation,
    now: Timestamp,
) -> Option<String> {
    let arrived = matches!(request.status, Status::ReceivedAtPickup | Status::ReadyForPickup);
    if side != request.pickup_role() || !arrived {
        return None;
    }
    let was_missing = request.at_pickup().item_state == Some(ItemState::Missing);
    match observation.item.as_ref()? {
        // Staff may have reported the item as found, while the library's system still shows it as missing.
        ItemState::Missing if !was_missing || request.missing_since.is_none() => {
            request.missing_since = Some(now);
            // The mark has ended the hold, so the missing hold has no further meaning.
            if let Some(here) = request.virtual_side_mut(side).filter(|_| observation.hold == Some(HoldState::Gone)) {
                here.hold.close();
            }
            Some("The pickup library has marked the item as missing.".to_owned())
        }
        ItemState::Missing => None,
        _ if was_missing => {
            request.missing_since = None;
            replace_ended_hold(request, side);
            Some("The item that was missing at the pickup library is found.".to_owned())
        }
        _ => None,
    }
}

/// Lets the hub place the patron's hold again that ended while the item was missing.
pub(super) fn replace_ended_hold(request: &mut Request, side: Side) {
    if let Some(here) = request.virtual_side_mut(side)
        && here.hold.is_closed()
        && here.loan == Tracked::NotCreated
    {
        here.hold = Tracked::NotCreated;
        here.hold_end = None;
    }
}
