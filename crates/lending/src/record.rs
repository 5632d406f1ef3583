//! Records the facts that an event shows. Facts grow and are never withdrawn, so that evidence may come late, twice or
//! in another order.

mod commands;
mod effect_results;
mod observations;
mod on_the_way;

use jiff::Timestamp;

use crate::event::Event;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::status::Status;

/// Records the event's facts in the request. Returns a note for staff.
pub(crate) fn record_event(request: &mut Request, event: &Event, now: Timestamp) -> Option<String> {
    match event {
        Event::EffectResult(result) => effect_results::record_effect_result(request, result, now),
        Event::Observed(observed) => observations::record_observed(request, observed, now),
        Event::Command(command) => commands::record_command(request, command),
    }
}

/// Handles a given-up lender that turns out to have sent the item: the hub asks no other lender, and follows the item
/// until it is home. It revokes an end by hand too: staff did not know that the item was away, and can end the request
/// again.
pub(crate) fn sent_after_all(before: &Request, request: &mut Request) -> Option<String> {
    let given_up = matches!(
        before.status,
        Status::Cancelled
            | Status::NotSuppliedCurrentSupplier
            | Status::NoItemsSelectableAtAnyAgency
            | Status::Completed
    );
    let was_sent = before.supply.as_ref().is_some_and(|supply| supply.dispatched);
    let supply = request.supply.as_mut()?;
    if !given_up || was_sent || !supply.dispatched {
        return None;
    }
    supply.sent_after_all = true;
    let (lender, barcode) = (&supply.institution, &supply.copy.barcode);
    if supply.refusal.take().is_some()
        && request.earlier_suppliers.last().is_some_and(|last| last.institution == *lender && last.barcode == *barcode)
    {
        request.earlier_suppliers.pop();
        request.refusal = None;
    }
    let reason = match before.status {
        Status::Completed => "It was ended by hand without that being known; it can be ended again.",
        Status::NotSuppliedCurrentSupplier => "No other lender is asked.",
        _ => "It won't be lent.",
    };
    request.ended_manually = false;
    Some(format!("The lender had sent the item already, so the request is followed until the item is home. {reason}"))
}

/// Records that the lender doesn't supply.
fn reject_supplier(request: &mut Request, refusal: &Refusal) {
    if let Some(supply) = &mut request.supply {
        supply.refusal = Some(refusal.clone());
    }
    request.refusal = Some(refusal.clone());
}
