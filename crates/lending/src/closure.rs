//! The ways in which a hold can end, and the consequences at each side and status.
//!
//! The closures are those of the requirements page. Alma itself doesn't show them: a hold that is over is merely gone.
//! A webhook reports the closure, or the hub infers it from other facts (a closed request where Alma keeps them, the
//! item and the loan), and records from which fact ("Closure of a request" in the notes on Alma's API; the rules
//! are [`infer`]'s).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::effect::Side;
use crate::observation::ItemState;
use crate::status::{Outcome, Status};

/// The way in which a hold ended.
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

    /// Returns its name as the requirements page writes it, such as `Hold Shelf Expired`.
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

/// The source from which the hub knows a closure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosureSource {
    /// The library's system reported it.
    Reported,
    /// The hub inferred it from hold, item and loan together.
    Inferred,
}

/// The fact from which the hub infers a closure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosureBasis {
    /// The item was on loan to the holder.
    Loan,
    /// The item is lost, missing or gone.
    Item,
    /// The hold was on the hold shelf, and its last day there had passed.
    ShelfTime,
    /// The hold's last day of interest had passed.
    LastInterest,
    /// Nothing but the absence of the hold.
    Absence,
}

impl ClosureBasis {
    /// Returns the fact as the rest of a sentence.
    pub fn fact(self) -> &'static str {
        match self {
            Self::Loan => "the item was on loan to its holder",
            Self::Item => "the item is lost, missing or gone",
            Self::ShelfTime => "its last day on the hold shelf had passed",
            Self::LastInterest => "its last day of interest had passed",
            Self::Absence => "nothing shows another reason",
        }
    }
}

/// The end of a hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct HoldEnd {
    /// How it ended.
    pub closure: Closure,
    /// The source of this closure.
    pub source: ClosureSource,
    /// The fact from which the hub inferred it. `None` if it was reported.
    #[serde(default)]
    pub basis: Option<ClosureBasis>,
}

impl HoldEnd {
    /// Creates the end that the library's system reported.
    pub fn reported(closure: Closure) -> Self {
        Self { closure, source: ClosureSource::Reported, basis: None }
    }
}

/// The consequence of a closure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClosureResponse {
    /// Nothing: the hold has done its work.
    Nothing,
    /// The hub looks for the next lender.
    NextSupplier,
    /// The item is on its way, so the request goes on, marked as out of sequence.
    Continue,
    /// The request is cancelled.
    Cancel,
    /// The item goes home without a loan to the patron. The outcome states the reason.
    ReturnToLender(Outcome),
    /// The hub places the hold once more. If that fails too, staff must decide.
    RetryHold,
    /// Staff must decide: place the hold again, or cancel.
    AskStaff,
}

/// Returns the consequence of a closure of the hub's hold at `side` for a request in `status`: the table of
/// docs/workflow.md.
///
/// The pickup side of a pickup-anywhere request has the same consequences as the borrower.
pub fn response_to_closure(side: Side, closure: Closure, status: Status) -> ClosureResponse {
    match (stage(status), side) {
        (Stage::NoHold | Stage::Ending, _) => ClosureResponse::Nothing,
        (Stage::BeforeDispatch, Side::Lender) => ClosureResponse::NextSupplier,
        // The loan to the virtual patron ends the hold too, so a closure after the loan means nothing.
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
            // An observed loan has already moved the request to a later status.
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
        // If a second lender is asked, the patron's hold from the first attempt still exists.
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

/// The facts when a hold is found gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MissingHold<'a> {
    /// Whether the hold was on the hold shelf.
    pub(crate) on_shelf: bool,
    /// The end of the item's time on the hold shelf.
    pub(crate) shelf_until: Option<Timestamp>,
    /// The end of the hold's last day of interest, which a closed request shows.
    pub(crate) interest_until: Option<Timestamp>,
    /// The present state of the item.
    pub(crate) item: Option<&'a ItemState>,
    /// Whether the item was ever on loan to the holder.
    pub(crate) lent: bool,
}

/// Infers the most likely closure. A hold and its loan close at nearly the same moment, so the hub infers at the second
/// poll that misses the hold, never at the first.
pub(crate) fn infer(seen: MissingHold<'_>, now: Timestamp) -> HoldEnd {
    let passed = |until: Option<Timestamp>| until.is_some_and(|until| until < now);
    let (closure, basis) = if seen.lent {
        (Closure::Completed, ClosureBasis::Loan)
    } else if matches!(seen.item, Some(ItemState::Lost | ItemState::Missing | ItemState::Absent)) {
        (Closure::Failed, ClosureBasis::Item)
    } else if seen.on_shelf && passed(seen.shelf_until) {
        (Closure::HoldShelfExpired, ClosureBasis::ShelfTime)
    } else if !seen.on_shelf && passed(seen.interest_until) {
        (Closure::Expired, ClosureBasis::LastInterest)
    } else {
        (Closure::Canceled, ClosureBasis::Absence)
    };
    HoldEnd { closure, source: ClosureSource::Inferred, basis: Some(basis) }
}
