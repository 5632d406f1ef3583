//! Records commands of patrons and staff as facts.

use super::reject_supplier;
use crate::attention::StaffCaseCause;
use crate::command::Command;
use crate::copy::CopyRef;
use crate::effect::{Effect, Side};
use crate::refusal::Refusal;
use crate::request::{Cancellation, Request};
use crate::sides::Tracked;

/// Records the command in the request, if it is possible now. Returns a note for staff.
pub(super) fn record_command(request: &mut Request, command: &Command) -> Option<String> {
    if let Some(action) = command.action()
        && let Err(reason) = request.may(action)
    {
        return Some(reason.to_owned());
    }
    let before = Request { undo: None, ..request.clone() };
    match command {
        Command::Place => return None,
        Command::Undo => return undo(request),
        Command::Cancel { by, reason } => {
            request.cancellation = Some(Cancellation { by: *by, reason: reason.clone() });
            request.staff_case = None;
        }
        Command::NextSupplier { reason, copy } => {
            if let Some(copy) = copy {
                // A copy that was placed with the request would otherwise be requested a second time after the hub gave
                // it up.
                let unmarked = |of: &CopyRef| CopyRef { tried_items: Vec::new(), chosen_by_staff: false, ..of.clone() };
                request.candidates.retain(|other| unmarked(other) != unmarked(copy));
                request.candidates.insert(0, CopyRef { chosen_by_staff: true, ..copy.clone() });
            }
            let refusal = Refusal::new("PASSED_OVER_BY_STAFF", "Staff have asked for another lender.");
            reject_supplier(request, &refusal);
            request.staff_case = None;
            request.undo = Some(Box::new(before));
            return reason.clone();
        }
        Command::ChangePickup { pickup } => {
            if pickup.institution != request.pickup.institution {
                return Some("The pickup location must belong to the same institution as before.".to_owned());
            }
            // A new hold at the same place would take the item off the hold shelf.
            let here = request.at_pickup();
            if *pickup == request.pickup && !here.pickup_outdated && here.hold_moved_to.is_none() {
                return Some("The patron collects there already, so nothing changes.".to_owned());
            }
            request.pickup = pickup.clone();
            let sent = request.is_dispatched();
            if let Some(supply) = &mut request.supply {
                // Once the item is on its way, its slip is printed.
                supply.pickup_outdated = supply.hold.is_open() && !sent;
            }
            let desk = request.pickup_role();
            if let Some(here) = request.virtual_side_mut(desk) {
                here.pickup_outdated = here.hold != Tracked::NotCreated;
            }
        }
        Command::Resume => resume(request),
        // The patron's hold is placed again once the library's system shows that the item isn't missing any more.
        Command::ItemFound => request.missing_since = None,
        Command::ReportDamage { description } => request.damage = Some(description.clone()),
        Command::SettleLoss { how } => request.settlement = Some(*how),
        Command::End { reason } => {
            request.ended_manually = true;
            request.staff_case = None;
            request.undo = Some(Box::new(before));
            return reason.clone();
        }
    }
    request.undo = Some(Box::new(before));
    None
}

/// Lets the hub retry what staff have fixed, and place a hold again that had ended.
fn resume(request: &mut Request) {
    let Some(staff_case) = request.staff_case.take() else {
        let until = request.undecided_extension();
        if let Some(supply) = &mut request.supply {
            supply.extension_accepted = until;
        }
        return;
    };
    match staff_case.cause {
        StaffCaseCause::EffectRefused(Effect::RaiseDueDate(side)) => {
            if let Some(here) = request.virtual_side_mut(side) {
                here.due_dates.raised_for = None;
            }
            return;
        }
        StaffCaseCause::EffectRefused(_) => return,
        StaffCaseCause::VirtualItemDeleted(_) | StaffCaseCause::HoldEnded(..) | StaffCaseCause::NotSent => {}
    }
    for side in [Side::Borrower, Side::Pickup] {
        if let Some(here) = request.virtual_side_mut(side)
            && here.hold.is_closed()
        {
            here.hold = Tracked::NotCreated;
            here.hold_end = None;
        }
    }
}

/// Restores the earlier request. A worker that claims the effect queued by the action drops it.
fn undo(request: &mut Request) -> Option<String> {
    let before = request.undo.take()?;
    let in_flight = request.in_flight.filter(|effect| before.in_flight == Some(*effect));
    *request = Request { in_flight, ..*before };
    Some("The last act was taken back.".to_owned())
}
