//! Poll targets: the sides worth polling while a request waits.

use crate::effect::Side;
use crate::hint::hold_and_loan;
use crate::request::Request;
use crate::sides::{Progress, Tracked};
use crate::status::Status;

/// One side to poll, and the parts of it that matter now. Reading fewer parts takes fewer calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PollTarget {
    /// Which side.
    pub side: Side,
    /// Whether the hold matters: it may end before the item moves.
    pub hold: bool,
    /// Whether the loan matters: its due date, and whether it was closed.
    pub loan: bool,
}

impl PollTarget {
    const fn new(side: Side, hold: bool, loan: bool) -> Self {
        Self { side, hold, loan }
    }
}

/// Returns the sides whose next move the request waits for. A poll always reads the item.
pub fn poll_targets(request: &Request) -> Vec<PollTarget> {
    let mut found = expected(request);
    if request.status.is_dispatched() || request.status.is_ending() {
        // A side with another user's loan is polled until that user has returned the virtual item, whatever the status.
        let lent = [Side::Borrower, Side::Pickup].into_iter().filter(|side| request.is_lent_to_another(*side));
        for side in lent {
            if !found.iter().any(|target| target.side == side) {
                found.push(PollTarget::new(side, false, true));
            }
        }
    }
    found
}

/// Returns what `side` is to be polled for, if it is still worth polling.
pub fn poll_target(request: &Request, side: Side) -> Option<PollTarget> {
    poll_targets(request).into_iter().find(|target| target.side == side)
}

/// Returns whether the request has the same records at `side` as it had in `earlier`. If not, what was observed there
/// for `earlier` says nothing about the request: the item belongs to another lender, or the hub itself has placed or
/// closed a hold or loan since.
pub fn has_same_records(request: &Request, earlier: &Request, side: Side) -> bool {
    let item = |request: &Request| match side {
        Side::Lender => request.supply.as_ref().map(|supply| supply.copy.item.clone()),
        side => request.virtual_side(side).and_then(|here| here.item.open().cloned()),
    };
    // What was observed before the dispatch says nothing about whether the item is still on its way.
    let is_as_sent = side != Side::Lender || request.is_dispatched() == earlier.is_dispatched();
    is_as_sent
        && request.institution(side) == earlier.institution(side)
        && item(request) == item(earlier)
        && hold_and_loan(request, side) == hold_and_loan(earlier, side)
}

/// Returns the poll targets of the status.
fn expected(request: &Request) -> Vec<PollTarget> {
    let desk = request.pickup_role();
    match request.status {
        Status::RequestPlacedAtSupplyingAgency | Status::Confirmed => vec![PollTarget::new(Side::Lender, true, false)],
        Status::RequestPlacedAtBorrowingAgency | Status::RequestPlacedAtPickupAgency => {
            let mut targets = vec![PollTarget::new(Side::Lender, true, false)];
            targets.extend(request.workflow.virtual_sides().iter().map(|side| PollTarget::new(*side, true, false)));
            targets
        }
        // The lender may have taken the item back before it left, or may never have sent it.
        Status::PickupTransit => vec![PollTarget::new(desk, true, true), PollTarget::new(Side::Lender, true, false)],
        Status::ReceivedAtPickup | Status::ReadyForPickup => vec![PollTarget::new(desk, true, true)],
        Status::Loaned => {
            vec![PollTarget::new(desk, hold_is_open(request), true), PollTarget::new(Side::Lender, false, true)]
        }
        // An item that was never lent may still be lent while it is at the pickup library.
        Status::ReturnTransit if request.at_pickup().progress < Progress::OnLoan => {
            let mut targets = vec![PollTarget::new(Side::Lender, false, true)];
            // A request that was withdrawn early has nothing at that side.
            if request.at_pickup().item != Tracked::NotCreated {
                targets.push(PollTarget::new(desk, hold_is_open(request), true));
            }
            targets
        }
        Status::ReturnTransit => vec![PollTarget::new(Side::Lender, false, true)],
        Status::SubmittedToDcb
        | Status::PatronVerified
        | Status::Resolved
        | Status::NotSuppliedCurrentSupplier
        | Status::NoItemsSelectableAtAnyAgency
        | Status::Completed
        | Status::Cancelled
        | Status::HandedOffAsLocal
        | Status::Finalised => Vec::new(),
    }
}

/// Returns whether the patron's hold is open. The loan nearly always ends it; otherwise a poll checks it.
fn hold_is_open(request: &Request) -> bool {
    request.at_pickup().hold.is_open()
}
