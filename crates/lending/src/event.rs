//! What happened: outcomes of effects, what was seen at the libraries, and what people asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attention::WaitingOn;
use crate::effect::{Effect, Side};
use crate::ids::{Barcode, BibId, HoldingId, ItemId, LoanId, PatronId};
use crate::refusal::{PatronRefusal, Refusal};
use crate::request::{Copy, Hold, Loan, VerifiedPatron};

/// One thing that happened to a request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It was accepted and stored.
    Placed,
    /// [`Effect::VerifyPatron`]: the patron may borrow.
    PatronVerified(VerifiedPatron),
    /// [`Effect::VerifyPatron`]: the patron may not.
    PatronRefused(PatronRefusal),
    /// [`Effect::ChooseSupplier`]: the candidate can be lent.
    SupplierChosen(Box<Copy>),
    /// [`Effect::ChooseSupplier`]: the candidate can't.
    CandidateUnfit(Refusal),
    /// [`Effect::EnsureVirtualPatron`].
    VirtualPatronReady {
        /// The virtual patron's id at the lender.
        id: PatronId,
    },
    /// [`Effect::PlaceHoldAtLender`] or [`Effect::PlaceHoldAtBorrower`], new or adopted.
    HoldPlaced {
        /// Where.
        side: Side,
        /// The hold.
        hold: Hold,
    },
    /// [`Effect::CreateVirtualBib`].
    VirtualBibCreated {
        /// The record.
        bib: BibId,
    },
    /// [`Effect::CreateVirtualHolding`].
    VirtualHoldingCreated {
        /// The holding.
        holding: HoldingId,
    },
    /// [`Effect::CreateVirtualItem`] or [`Effect::UpdateVirtualItem`].
    VirtualItemReady {
        /// The item.
        item: ItemId,
        /// Its barcode, which differs from the lender's where that was taken.
        barcode: Barcode,
    },
    /// [`Effect::SendIntoTransit`].
    SentIntoTransit {
        /// Why no scan was made, where none was needed.
        skipped: Option<String>,
    },
    /// [`Effect::LendToVirtualPatron`].
    LentToVirtualPatron {
        /// The loan.
        loan: Loan,
    },
    /// [`Effect::CancelHoldAtLender`] or [`Effect::CancelHoldAtBorrower`]: the hold is gone.
    HoldCancelled {
        /// Where.
        side: Side,
    },
    /// [`Effect::DeleteVirtualItem`]: item and holding are gone.
    VirtualItemDeleted,
    /// [`Effect::DeleteVirtualBib`]: the record is gone.
    VirtualBibDeleted,
    /// The effect isn't wanted any more, and was never sent.
    EffectDropped {
        /// What is dropped.
        effect: Effect,
    },
    /// The library's system says no, and saying it again won't help.
    EffectRefused {
        /// What was refused.
        effect: Effect,
        /// Why.
        refusal: Refusal,
    },
    /// The effect couldn't be done now and will be tried again.
    EffectDelayed {
        /// What is delayed.
        effect: Effect,
        /// Whom it waits for.
        on: WaitingOn,
        /// Why, for staff.
        why: String,
        /// When it is tried again.
        next_try: Timestamp,
    },
    /// One side was looked at.
    Observed {
        /// Which.
        side: Side,
        /// What was seen.
        seen: Observation,
    },
    /// Somebody wants the request ended.
    CancelAsked {
        /// Who.
        by: CancelledBy,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Staff say that what stood in the way is mended.
    ResumeAsked,
}

impl Event {
    /// The name for audit and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::PatronVerified(_) => "patron_verified",
            Self::PatronRefused(_) => "patron_refused",
            Self::SupplierChosen(_) => "supplier_chosen",
            Self::CandidateUnfit(_) => "candidate_unfit",
            Self::VirtualPatronReady { .. } => "virtual_patron_ready",
            Self::HoldPlaced { side: Side::Lender, .. } => "hold_placed_at_lender",
            Self::HoldPlaced { side: Side::Borrower, .. } => "hold_placed_at_borrower",
            Self::VirtualBibCreated { .. } => "virtual_bib_created",
            Self::VirtualHoldingCreated { .. } => "virtual_holding_created",
            Self::VirtualItemReady { .. } => "virtual_item_ready",
            Self::SentIntoTransit { .. } => "sent_into_transit",
            Self::LentToVirtualPatron { .. } => "lent_to_virtual_patron",
            Self::HoldCancelled { side: Side::Lender } => "hold_cancelled_at_lender",
            Self::HoldCancelled { side: Side::Borrower } => "hold_cancelled_at_borrower",
            Self::VirtualItemDeleted => "virtual_item_deleted",
            Self::VirtualBibDeleted => "virtual_bib_deleted",
            Self::EffectDropped { .. } => "effect_dropped",
            Self::EffectRefused { .. } => "effect_refused",
            Self::EffectDelayed { .. } => "effect_delayed",
            Self::Observed { side: Side::Lender, .. } => "observed_at_lender",
            Self::Observed { side: Side::Borrower, .. } => "observed_at_borrower",
            Self::CancelAsked { .. } => "cancel_asked",
            Self::ResumeAsked => "resume_asked",
        }
    }
}

/// Who ended a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The patron, through the hub.
    Patron,
    /// Staff, through the hub.
    Staff,
    /// Patron or staff in the borrower's own system; it doesn't tell which.
    AtBorrower,
}

/// What one look at one side showed. `None` means: not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Observation {
    /// The item.
    pub item: Option<ItemState>,
    /// Our hold.
    pub hold: Option<HoldState>,
    /// The loan to our patron (borrower) or virtual patron (lender).
    pub loan: Option<LoanState>,
}

/// An item's state, in the hub's words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// On its shelf.
    InPlace,
    /// On its shelf, wanted by a hold.
    Requested,
    /// On its way between libraries.
    InTransit,
    /// On a hold shelf.
    OnHoldShelf,
    /// On loan.
    OnLoan,
    /// Lost while on loan.
    Lost,
    /// The patron says it was returned.
    ClaimedReturned,
    /// Not where it should be.
    Missing,
    /// Unavailable for another cause, named as the library's system does.
    Unavailable(String),
    /// No such item any more.
    Absent,
}

/// A hold's state, in the hub's words. A hold that is gone may have been fulfilled, cancelled or
/// expired: Alma doesn't tell, so it is decided from hold, item and loan together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Waiting for staff.
    NotStarted,
    /// Being worked on. Doesn't mean that the item has left.
    InProcess,
    /// The item waits for the patron.
    OnHoldShelf,
    /// No longer among the active holds.
    Gone,
}

/// The loan to our patron, as seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoanState {
    /// There is none.
    None,
    /// The item is out.
    Active {
        /// The loan.
        id: LoanId,
        /// When it must be back.
        due: Option<Timestamp>,
    },
}
