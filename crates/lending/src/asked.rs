//! What people asked for, as facts.

use crate::attention::Action;
use crate::effect::Side;
use crate::event::Event;
use crate::record::pass_over;
use crate::refusal::Refusal;
use crate::request::{Cancellation, CopyRef, Part, Request};

/// Takes what was asked into the request, if it makes sense now; answers what staff should read about it.
pub(crate) fn facts(request: &mut Request, event: &Event) -> Option<String> {
    if let Some(action) = action(event)
        && let Err(why) = request.may(action)
    {
        return Some(why.to_owned());
    }
    if matches!(event, Event::UndoAsked) {
        return undo(request);
    }
    let before = Request { undo: None, ..request.clone() };
    match event {
        Event::CancelAsked { by, reason } => {
            request.cancellation = Some(Cancellation { by: *by, reason: reason.clone() });
            request.trouble = None;
        }
        Event::NextSupplierAsked { reason, copy } => {
            if let Some(copy) = copy {
                // Placed with the request, it would be asked for a second time after it was given up.
                let unmarked = |of: &CopyRef| CopyRef { tried: Vec::new(), chosen_by_staff: false, ..of.clone() };
                request.candidates.retain(|other| unmarked(other) != unmarked(copy));
                request.candidates.insert(0, CopyRef { chosen_by_staff: true, ..copy.clone() });
            }
            let refusal = Refusal::new("PASSED_OVER_BY_STAFF", "Staff have asked for another lender.");
            pass_over(request, &refusal);
            request.trouble = None;
            request.undo = Some(Box::new(before));
            return reason.clone();
        }
        Event::PickupChangeAsked { pickup } => {
            if pickup.institution != request.pickup.institution {
                return Some("The pickup location must belong to the same institution as before.".to_owned());
            }
            request.pickup = pickup.clone();
            let desk = request.desk();
            if let Some(here) = request.stand_in_mut(desk) {
                here.pickup_outdated = here.hold != Part::NotMade;
            }
        }
        Event::ResumeAsked => resume(request),
        Event::FoundReported => request.missing_since = None,
        Event::LossSettled { how } => request.settlement = Some(*how),
        Event::EndAsked { reason } => {
            request.ended_by_hand = true;
            request.trouble = None;
            request.undo = Some(Box::new(before));
            return reason.clone();
        }
        _ => return None,
    }
    request.undo = Some(Box::new(before));
    None
}

fn action(event: &Event) -> Option<Action> {
    Some(match event {
        Event::CancelAsked { .. } => Action::Cancel,
        Event::NextSupplierAsked { copy: None, .. } => Action::NextSupplier,
        Event::NextSupplierAsked { copy: Some(_), .. } => Action::ChooseSupplier,
        Event::PickupChangeAsked { .. } => Action::ChangePickup,
        Event::ResumeAsked => Action::Resume,
        Event::FoundReported => Action::ReportFound,
        Event::LossSettled { .. } => Action::SettleLoss,
        Event::EndAsked { .. } => Action::End,
        Event::UndoAsked => Action::Undo,
        _ => return None,
    })
}

impl Event {
    /// The action that this event is, where somebody asked for it.
    pub fn action(&self) -> Option<Action> {
        action(self)
    }
}

/// What staff have mended is tried again; a hold that had ended is placed again.
fn resume(request: &mut Request) {
    let Some(trouble) = request.trouble.take() else { return };
    if trouble.stops.is_some() && !trouble.code.starts_with("VIRTUAL_ITEM_DELETED") {
        return;
    }
    for side in [Side::Borrower, Side::Pickup] {
        if let Some(here) = request.stand_in_mut(side)
            && here.hold.is_ended()
        {
            here.hold = Part::NotMade;
            here.hold_end = None;
        }
    }
}

/// The request as it was; the effect that the act had queued is dropped when it is claimed.
fn undo(request: &mut Request) -> Option<String> {
    let before = request.undo.take()?;
    let in_flight = request.in_flight.filter(|effect| before.in_flight == Some(*effect));
    *request = Request { in_flight, ..*before };
    Some("The last act was taken back.".to_owned())
}
