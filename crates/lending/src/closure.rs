//! How a hold can end, and what that means at each side and status.
//!
//! The closures are those of the requirements page. Alma itself shows none of them: a hold that is over is
//! merely gone, so which it was is reported by a webhook or inferred ("Closure of a request" in the notes on
//! Alma's API; the rules are [`infer`]'s).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::effect::Side;
use crate::observation::{HoldState, ItemState};
use crate::status::{Outcome, Status};

/// How a hold ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closure {
    /// Fulfilled, or closed as if it were.
    Completed,
    /// Cancelled by the patron or by staff.
    Canceled,
    /// Not filled in time.
    Expired,
    /// Turned down by staff.
    Rejected,
    /// No copy can fill it any more.
    Failed,
    /// Not collected in time.
    HoldShelfExpired,
}

impl Closure {
    /// Every closure.
    pub const ALL: [Self; 6] =
        [Self::Completed, Self::Canceled, Self::Expired, Self::Rejected, Self::Failed, Self::HoldShelfExpired];

    /// As the requirements page writes it, such as `Hold Shelf Expired`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Canceled => "Canceled",
            Self::Expired => "Expired",
            Self::Rejected => "Rejected",
            Self::Failed => "Failed",
            Self::HoldShelfExpired => "Hold Shelf Expired",
        }
    }
}

/// How a closure is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosureSource {
    /// The library's system said so.
    Reported,
    /// Concluded from hold, item and loan together.
    Inferred,
}

/// The end of a hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct HoldEnd {
    /// How it ended.
    pub closure: Closure,
    /// How that is known.
    pub source: ClosureSource,
}

/// What follows from a closure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClosureResponse {
    /// Nothing: the hold has done its work.
    Nothing,
    /// The next lender is looked for.
    NextSupplier,
    /// The item is on its way, so the request goes on; what happened is marked as out of sequence.
    Continue,
    /// The request is cancelled.
    Cancel,
    /// The item goes home without having been lent; the outcome says why.
    ReturnToLender(Outcome),
    /// The hold is placed once more; failing again, staff must decide.
    RetryHold,
    /// Staff must decide: place the hold again, or cancel.
    AskStaff,
}

/// What a closure of our hold at `side` means for a request in `status`: the table of docs/workflow.md.
///
/// At the pickup side of a pickup-anywhere request the borrower's answers hold.
pub fn response_to_closure(side: Side, closure: Closure, status: Status) -> ClosureResponse {
    match (stage(status), side) {
        (Stage::NoHold | Stage::Ending, _) => ClosureResponse::Nothing,
        (Stage::BeforeDispatch, Side::Lender) => ClosureResponse::NextSupplier,
        // The loan to the virtual patron ends the hold too: once the item is lent, a closure says nothing.
        (Stage::Dispatched, Side::Lender) => match closure {
            Closure::Completed => ClosureResponse::Nothing,
            _ => ClosureResponse::Continue,
        },
        (Stage::OnLoan | Stage::Returning, _) => ClosureResponse::Nothing,
        (Stage::BeforeDispatch, _) => match closure {
            Closure::Completed | Closure::Canceled | Closure::Expired | Closure::HoldShelfExpired => {
                ClosureResponse::Cancel
            }
            Closure::Rejected => ClosureResponse::AskStaff,
            Closure::Failed => ClosureResponse::RetryHold,
        },
        (Stage::Dispatched, _) => match closure {
            // A loan that was seen has moved the request on before this is asked.
            Closure::Completed | Closure::HoldShelfExpired => ClosureResponse::ReturnToLender(Outcome::NotCollected),
            Closure::Canceled | Closure::Expired => ClosureResponse::ReturnToLender(Outcome::Cancelled),
            Closure::Rejected => ClosureResponse::AskStaff,
            Closure::Failed => ClosureResponse::RetryHold,
        },
    }
}

enum Stage {
    NoHold,
    BeforeDispatch,
    Dispatched,
    OnLoan,
    Returning,
    Ending,
}

fn stage(status: Status) -> Stage {
    match status {
        Status::SubmittedToDcb => Stage::NoHold,
        // With a second lender the patron's hold is there from the first one.
        Status::PatronVerified
        | Status::Resolved
        | Status::NotSuppliedCurrentSupplier
        | Status::RequestPlacedAtSupplyingAgency
        | Status::Confirmed
        | Status::RequestPlacedAtBorrowingAgency
        | Status::RequestPlacedAtPickupAgency => Stage::BeforeDispatch,
        Status::PickupTransit | Status::ReceivedAtPickup | Status::ReadyForPickup => Stage::Dispatched,
        Status::Loaned => Stage::OnLoan,
        Status::ReturnTransit => Stage::Returning,
        Status::Completed
        | Status::Cancelled
        | Status::NoItemsSelectableAtAnyAgency
        | Status::HandedOffAsLocal
        | Status::Finalised => Stage::Ending,
    }
}

/// What is known when a hold is found gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MissingHold<'a> {
    /// The hold as it was last seen.
    pub(crate) last: HoldState,
    /// When its time on the shelf was to end.
    pub(crate) shelf_until: Option<Timestamp>,
    /// The item, now.
    pub(crate) item: Option<&'a ItemState>,
    /// Whether the item was ever on loan to the holder.
    pub(crate) lent: bool,
}

/// Which closure it most likely was. A hold and its loan close at nearly the same moment, so this is asked at the
/// second poll, never at the first.
pub(crate) fn infer(seen: MissingHold<'_>, now: Timestamp) -> Closure {
    if seen.lent {
        return Closure::Completed;
    }
    if matches!(seen.item, Some(ItemState::Lost | ItemState::Missing | ItemState::Absent)) {
        return Closure::Failed;
    }
    if seen.last == HoldState::OnHoldShelf && seen.shelf_until.is_some_and(|until| until < now) {
        return Closure::HoldShelfExpired;
    }
    Closure::Canceled
}
