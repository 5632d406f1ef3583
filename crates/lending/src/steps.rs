//! The status table of docs/workflow.md, read from facts: where a request may go from where it is.

use crate::event::{CancelledBy, ItemState};
use crate::request::{Cancellation, Part, Progress, Request, Supply};
use crate::status::{Outcome, Status};

/// How often in a row a hold must be missed before it counts as gone. Alma closes hold and loan at
/// nearly, not exactly, the same moment, so the first look may fall between the two.
pub(crate) const MISSED_HOLD_COUNTS: u8 = 2;

/// The next step the facts allow, with its reason; `None` when the status stands.
pub(crate) fn step(request: &Request) -> Option<(Status, &'static str)> {
    let go = |to, because| Some((to, because));
    match request.status {
        Status::SubmittedToDcb if request.cancellation.is_some() => go(Status::Cancelled, "cancelled"),
        Status::SubmittedToDcb if request.refusal.is_some() => go(Status::Cancelled, "the patron may not borrow"),
        Status::SubmittedToDcb if request.patron.verified.is_some() => {
            go(Status::PatronVerified, "the patron is active, not expired and not blocked")
        }

        Status::PatronVerified | Status::NotSuppliedCurrentSupplier if request.cancellation.is_some() => {
            go(Status::Cancelled, "cancelled")
        }
        Status::PatronVerified | Status::NotSuppliedCurrentSupplier => resolve(request),

        Status::Resolved | Status::RequestPlacedAtSupplyingAgency | Status::Confirmed
            if request.cancellation.is_some() =>
        {
            go(Status::Cancelled, "cancelled before the item was sent")
        }
        Status::Resolved if lender_refused(request) => {
            go(Status::NotSuppliedCurrentSupplier, "the lender refused the hold")
        }
        Status::Resolved if request.supply.as_ref().is_some_and(|supply| supply.hold != Part::NotMade) => {
            go(Status::RequestPlacedAtSupplyingAgency, "the lender's hold is placed")
        }
        Status::RequestPlacedAtSupplyingAgency | Status::Confirmed if lender_withdrew(request) => {
            go(Status::NotSuppliedCurrentSupplier, "the lender's hold ended before the item was sent")
        }
        Status::RequestPlacedAtSupplyingAgency if request.supply.as_ref().is_some_and(|s| s.hold.is_open()) => {
            go(Status::Confirmed, "the lender's hold is waiting for staff")
        }
        Status::Confirmed if request.borrowing.hold != Part::NotMade && is_current(request) => {
            go(Status::RequestPlacedAtBorrowingAgency, "the patron's hold is placed on the virtual item")
        }

        Status::RequestPlacedAtBorrowingAgency if request.is_dispatched() => {
            go(Status::PickupTransit, "the lender has sent the item")
        }
        Status::RequestPlacedAtBorrowingAgency if request.cancellation.is_some() => {
            go(Status::Cancelled, "cancelled before the item was sent")
        }
        Status::RequestPlacedAtBorrowingAgency if lender_withdrew(request) => {
            go(Status::NotSuppliedCurrentSupplier, "the lender's hold ended before the item was sent")
        }

        Status::PickupTransit | Status::ReceivedAtPickup | Status::ReadyForPickup
            if request.cancellation.is_some() && request.borrowing.progress < Progress::OnLoan =>
        {
            go(Status::ReturnTransit, "cancelled; the item goes home")
        }
        Status::PickupTransit if request.borrowing.progress >= Progress::Received => {
            go(Status::ReceivedAtPickup, "the item has come to the pickup library")
        }
        Status::ReceivedAtPickup if request.borrowing.progress >= Progress::OnHoldShelf => {
            go(Status::ReadyForPickup, "the item is on the hold shelf")
        }
        Status::ReadyForPickup if request.borrowing.progress >= Progress::OnLoan => {
            go(Status::Loaned, "the item is on loan to the patron")
        }
        Status::Loaned if request.borrowing.progress >= Progress::Returned => {
            go(Status::ReturnTransit, "the patron has returned the item")
        }
        Status::ReturnTransit if is_home(request) => go(Status::Completed, "the item is back at the lender"),

        Status::Completed | Status::Cancelled | Status::NoItemsSelectableAtAnyAgency if is_clean(request) => {
            go(Status::Finalised, "nothing of the request is left on either side")
        }
        _ => None,
    }
}

/// Sets what belongs to a status on the way in.
pub(crate) fn enter(request: &mut Request, to: Status) {
    request.status = to;
    match to {
        Status::NotSuppliedCurrentSupplier => drop_supplier(request),
        Status::PickupTransit => mark_dispatched(request),
        Status::Cancelled => request.outcome = Some(Outcome::Cancelled),
        Status::NoItemsSelectableAtAnyAgency => request.outcome = Some(Outcome::NotSupplied),
        Status::Completed => {
            let supplied = request.borrowing.progress >= Progress::OnLoan;
            request.outcome = Some(if supplied { Outcome::Supplied } else { Outcome::Cancelled });
        }
        _ => {}
    }
}

fn resolve(request: &Request) -> Option<(Status, &'static str)> {
    match &request.supply {
        Some(supply) if supply.refusal.is_none() => Some((Status::Resolved, "a copy is chosen")),
        // The last lender's hold is cancelled first: two lenders never hold for one request.
        Some(supply) if supply.hold.is_open() => None,
        _ if request.candidates.is_empty() => Some((Status::NoItemsSelectableAtAnyAgency, "no copy is left to try")),
        _ => None,
    }
}

fn lender_refused(request: &Request) -> bool {
    request.supply.as_ref().is_some_and(|supply| supply.refusal.is_some())
}

fn lender_withdrew(request: &Request) -> bool {
    request.supply.as_ref().is_some_and(|supply| !supply.dispatched && supply.hold.is_ended())
}

/// Whether the virtual item stands for the copy that is being supplied now.
pub(crate) fn is_current(request: &Request) -> bool {
    match (&request.supply, &request.borrowing.stands_for) {
        (Some(supply), Some(stands_for)) => supply.copy.barcode == *stands_for,
        _ => false,
    }
}

/// The lender that doesn't supply is out: it keeps its refusal, and is never asked again.
fn drop_supplier(request: &mut Request) {
    if let Some(supply) = &mut request.supply
        && supply.refusal.is_none()
    {
        supply.refusal = Some(crate::Refusal {
            code: "HOLD_ENDED_AT_LENDER".to_owned(),
            explanation: "The lender's hold was cancelled or expired before the item was sent.".to_owned(),
        });
    }
}

/// Home means that the loan to the virtual patron is closed; or that none was made and the item is
/// on its shelf again.
fn is_home(request: &Request) -> bool {
    let Some(supply) = &request.supply else { return false };
    match &supply.loan {
        Part::Ended(_) => true,
        Part::Open(_) => false,
        Part::NotMade => !supply.hold.is_open() && is_on_shelf(supply),
    }
}

/// Where the item's leaving was only implied by its arrival, what was seen before no longer holds.
fn mark_dispatched(request: &mut Request) {
    if let Some(supply) = &mut request.supply {
        supply.dispatched = true;
        if is_on_shelf(supply) {
            supply.item = ItemState::InTransit;
        }
    }
}

fn is_on_shelf(supply: &Supply) -> bool {
    matches!(supply.item, ItemState::InPlace | ItemState::Requested)
}

/// Whether nothing of ours is left on either side, nor about to be made.
fn is_clean(request: &Request) -> bool {
    let lender = request.supply.as_ref().is_none_or(|supply| !supply.hold.is_open());
    let here = &request.borrowing;
    request.in_flight.is_none()
        && lender
        && !here.hold.is_open()
        && !here.item.is_open()
        && !here.holding.is_open()
        && !here.bib.is_open()
}

/// The patron's hold is gone without a loan: somebody at the borrower ended it.
pub(crate) fn note_cancellation_at_borrower(request: &mut Request) {
    if request.cancellation.is_none() && request.borrowing.progress < Progress::OnLoan {
        request.cancellation = Some(Cancellation {
            by: CancelledBy::AtBorrower,
            reason: Some("The patron's hold ended in the library's own system.".to_owned()),
        });
    }
}
