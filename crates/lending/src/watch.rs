//! What is worth looking at while a request waits.

use crate::effect::Side;
use crate::request::Request;
use crate::status::Status;

/// One side to look at, and what of it tells something now. Fewer looks, fewer calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// Which side.
    pub side: Side,
    /// Whether the hold matters: it may end before the item moves.
    pub hold: bool,
    /// Whether the loan matters: its due date, and whether it was closed.
    pub loan: bool,
}

impl Watch {
    const fn new(side: Side, hold: bool, loan: bool) -> Self {
        Self { side, hold, loan }
    }
}

/// The sides whose next move the request waits for; the item is always looked at.
pub fn watches(request: &Request) -> Vec<Watch> {
    match request.status {
        Status::RequestPlacedAtSupplyingAgency | Status::Confirmed => vec![Watch::new(Side::Lender, true, false)],
        Status::RequestPlacedAtBorrowingAgency => {
            vec![Watch::new(Side::Lender, true, false), Watch::new(Side::Borrower, true, false)]
        }
        Status::PickupTransit | Status::ReceivedAtPickup | Status::ReadyForPickup => {
            vec![Watch::new(Side::Borrower, true, true)]
        }
        Status::Loaned => vec![Watch::new(Side::Borrower, false, true)],
        Status::ReturnTransit => vec![Watch::new(Side::Lender, false, true)],
        Status::SubmittedToDcb
        | Status::PatronVerified
        | Status::Resolved
        | Status::NotSuppliedCurrentSupplier
        | Status::NoItemsSelectableAtAnyAgency
        | Status::Completed
        | Status::Cancelled
        | Status::Finalised => Vec::new(),
    }
}
