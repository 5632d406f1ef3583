//! What is worth looking at while a request waits, and how long it may wait.

use serde::{Deserialize, Serialize};

use crate::effect::Side;
use crate::request::{Progress, Request, Tracked};
use crate::status::{Status, Workflow};

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
    let mut found = expected(request);
    if request.status.is_dispatched() || request.status.is_ending() {
        // Until whoever else has the virtual item has brought it back, whatever the status.
        let lent = [Side::Borrower, Side::Pickup].into_iter().filter(|side| request.is_lent_to_another(*side));
        for side in lent {
            if !found.iter().any(|watch| watch.side == side) {
                found.push(Watch::new(side, false, true));
            }
        }
    }
    found
}

/// What the status waits for.
fn expected(request: &Request) -> Vec<Watch> {
    let desk = request.pickup_role();
    match request.status {
        Status::RequestPlacedAtSupplyingAgency | Status::Confirmed => vec![Watch::new(Side::Lender, true, false)],
        Status::RequestPlacedAtBorrowingAgency | Status::RequestPlacedAtPickupAgency => {
            let mut looks = vec![Watch::new(Side::Lender, true, false)];
            looks.extend(request.workflow.virtual_sides().iter().map(|side| Watch::new(*side, true, false)));
            looks
        }
        Status::PickupTransit | Status::ReceivedAtPickup | Status::ReadyForPickup => vec![Watch::new(desk, true, true)],
        Status::Loaned => vec![Watch::new(desk, hold_is_open(request), true), Watch::new(Side::Lender, false, true)],
        // What was never lent may be lent after all, as long as it is at the pickup library.
        Status::ReturnTransit if request.at_pickup().progress < Progress::OnLoan => {
            let mut looks = vec![Watch::new(Side::Lender, false, true)];
            // Withdrawn so early that nothing was made there.
            if request.at_pickup().item != Tracked::NotCreated {
                looks.push(Watch::new(desk, hold_is_open(request), true));
            }
            looks
        }
        Status::ReturnTransit => vec![Watch::new(Side::Lender, false, true)],
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

/// Nearly always the loan ended the patron's hold; where it was not seen to, it is looked for.
fn hold_is_open(request: &Request) -> bool {
    request.at_pickup().hold.is_open()
}

/// Something that must not take for ever. How long it may take is the agency's rule, in its open days.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deadline {
    /// The lender sends the item; else the next lender is asked.
    LenderAnswers,
    /// The item comes to the pickup library; else it is looked for on both sides.
    ItemArrives,
    /// The item comes home; else it is looked for on both sides.
    ItemReturns,
    /// The lender sends it before it is of no use to the patron any more; else the request is cancelled.
    NoLongerNeeded,
}

impl Deadline {
    /// Every deadline.
    pub const ALL: [Self; 4] = [Self::LenderAnswers, Self::ItemArrives, Self::ItemReturns, Self::NoLongerNeeded];

    /// The word for it, such as `lender_answers`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LenderAnswers => "lender_answers",
            Self::ItemArrives => "item_arrives",
            Self::ItemReturns => "item_returns",
            Self::NoLongerNeeded => "no_longer_needed",
        }
    }
}

/// The deadlines that run while the request stands where it does. They run from
/// [`Request::status_since`](crate::Request); a lender's, from the moment its hold was placed.
pub fn deadlines(request: &Request) -> Vec<Deadline> {
    let mut running = Vec::new();
    if !request.is_dispatched() && !request.status.is_ending() && !request.status.is_final() {
        let held = request.supply.as_ref().is_some_and(|supply| supply.hold.is_open() && supply.refusal.is_none());
        if held && request.workflow != Workflow::Local {
            running.push(Deadline::LenderAnswers);
        }
        if request.needed_until.is_some() && request.cancellation.is_none() {
            running.push(Deadline::NoLongerNeeded);
        }
    }
    match request.status {
        Status::PickupTransit if request.missing_since.is_none() => running.push(Deadline::ItemArrives),
        Status::ReturnTransit if request.missing_since.is_none() => running.push(Deadline::ItemReturns),
        _ => {}
    }
    running
}
