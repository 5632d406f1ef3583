//! What happened: outcomes of effects, what was seen at the libraries, and what people asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attention::WaitingOn;
use crate::closure::Closure;
use crate::deadline::Deadline;
use crate::effect::{Effect, Side};
use crate::ids::{Barcode, BibId, HoldingId, ItemId, LoanId, PatronId};
use crate::refusal::{PatronRefusal, Refusal};
use crate::request::{Copy, CopyRef, Hold, Loan, PickupLocation, Settlement, VerifiedPatron};

/// How an observation became known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservationSource {
    /// The hub polled the side.
    Poll,
    /// Messages or a batch poll showed it, so that no poll was needed.
    Notification,
}

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
        /// Where.
        side: Side,
        /// The virtual patron's id there.
        id: PatronId,
    },
    /// [`Effect::PlaceHold`], new or adopted.
    HoldPlaced {
        /// Where.
        side: Side,
        /// The hold.
        hold: Hold,
    },
    /// [`Effect::CreateVirtualBib`].
    VirtualBibCreated {
        /// Where.
        side: Side,
        /// The record.
        bib: BibId,
    },
    /// [`Effect::CreateVirtualHolding`].
    VirtualHoldingCreated {
        /// Where.
        side: Side,
        /// The holding.
        holding: HoldingId,
    },
    /// [`Effect::CreateVirtualItem`] or [`Effect::UpdateVirtualItem`].
    VirtualItemReady {
        /// Where.
        side: Side,
        /// The item.
        item: ItemId,
        /// Its barcode, which differs from the lender's where that was taken.
        barcode: Barcode,
    },
    /// [`Effect::ChangePickup`].
    PickupChanged {
        /// Where.
        side: Side,
        /// The hold, which may be a new one.
        hold: Hold,
    },
    /// [`Effect::SendIntoTransit`].
    SentIntoTransit {
        /// Where.
        side: Side,
        /// Why no scan was made, where none was needed.
        skipped: Option<String>,
    },
    /// [`Effect::Lend`].
    Lent {
        /// Where.
        side: Side,
        /// The loan.
        loan: Loan,
    },
    /// [`Effect::Renew`].
    Renewed {
        /// Where.
        side: Side,
        /// The loan with its new due date.
        loan: Loan,
    },
    /// [`Effect::LimitDueDate`].
    DueDateLimited {
        /// Where.
        side: Side,
        /// The loan with its new due date.
        loan: Loan,
    },
    /// [`Effect::DenyRenewal`]: the patron can't renew any more.
    RenewalDenied {
        /// Where.
        side: Side,
    },
    /// [`Effect::CancelHold`]: the hold is gone.
    HoldCancelled {
        /// Where.
        side: Side,
    },
    /// [`Effect::CancelHold`] at the lender: the hold is gone, and the item had left for it before.
    HoldCancelledAfterDispatch {
        /// The item, and the loan to the virtual patron, after the hold was cancelled.
        observation: Observation,
    },
    /// [`Effect::CheckIn`]: the loan is closed.
    CheckedIn {
        /// Where.
        side: Side,
    },
    /// [`Effect::DeleteVirtualItem`]: item and holding are gone.
    VirtualItemDeleted {
        /// Where.
        side: Side,
        /// Whether the record went with them.
        with_record: bool,
    },
    /// [`Effect::DeleteVirtualBib`]: the record is gone.
    VirtualBibDeleted {
        /// Where.
        side: Side,
    },
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
        reason: String,
        /// When it is tried again.
        next_try: Timestamp,
        /// Whether it has failed so often, with an answer that proves nothing, that staff must know. It is retried all the
        /// same.
        #[serde(default)]
        needs_staff: bool,
    },
    /// One side was observed.
    Observed {
        /// Which.
        side: Side,
        /// What was seen.
        observation: Observation,
        /// How that became known.
        source: ObservationSource,
    },
    /// One side could not be polled, several times in a row.
    PollFailed {
        /// Which.
        side: Side,
        /// Why, for staff.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// A library's system reported how our hold ended, before anybody looked.
    HoldClosed {
        /// Where.
        side: Side,
        /// How.
        closure: Closure,
    },
    /// Nothing has happened for as long as the agency's rules allow.
    DeadlinePassed {
        /// What was waited for.
        deadline: Deadline,
    },
    /// Somebody wants the request ended.
    CancelRequested {
        /// Who.
        by: CancelledBy,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Staff want another lender.
    NextSupplierRequested {
        /// Why, in their words.
        reason: Option<String>,
        /// The copy they want, where they name one.
        copy: Option<CopyRef>,
    },
    /// Staff let the patron collect elsewhere in the same institution.
    PickupChangeRequested {
        /// Where.
        pickup: PickupLocation,
    },
    /// Staff say that what stood in the way is fixed.
    ResumeRequested,
    /// Staff have found the item that was missing on its way.
    ItemFound,
    /// Staff have settled the loss of the item.
    LossSettled {
        /// How.
        how: Settlement,
    },
    /// Staff end it by hand: what the hub made is taken away, whatever is still open.
    EndRequested {
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Staff take their last act back; nothing that follows from it was sent.
    UndoRequested,
}

impl Event {
    /// The name for audit and reports.
    pub fn name(&self) -> &'static str {
        macro_rules! at {
            ($side:expr, $what:literal) => {
                match $side {
                    Side::Lender => concat!($what, "_at_lender"),
                    Side::Borrower => concat!($what, "_at_borrower"),
                    Side::Pickup => concat!($what, "_at_pickup"),
                }
            };
        }
        match self {
            Self::Placed => "placed",
            Self::PatronVerified(_) => "patron_verified",
            Self::PatronRefused(_) => "patron_refused",
            Self::SupplierChosen(_) => "supplier_chosen",
            Self::CandidateUnfit(_) => "candidate_unfit",
            Self::VirtualPatronReady { side, .. } => at!(side, "virtual_patron_ready"),
            Self::HoldPlaced { side, .. } => at!(side, "hold_placed"),
            Self::VirtualBibCreated { side, .. } => at!(side, "virtual_bib_created"),
            Self::VirtualHoldingCreated { side, .. } => at!(side, "virtual_holding_created"),
            Self::VirtualItemReady { side, .. } => at!(side, "virtual_item_ready"),
            Self::PickupChanged { side, .. } => at!(side, "pickup_changed"),
            Self::SentIntoTransit { side, .. } => at!(side, "sent_into_transit"),
            Self::PollFailed { side, .. } => at!(side, "poll_failed"),
            Self::Lent { side, .. } => at!(side, "lent"),
            Self::Renewed { side, .. } => at!(side, "renewed"),
            Self::DueDateLimited { side, .. } => at!(side, "due_date_limited"),
            Self::RenewalDenied { side } => at!(side, "renewal_denied"),
            Self::HoldCancelled { side } => at!(side, "hold_cancelled"),
            Self::HoldCancelledAfterDispatch { .. } => "hold_cancelled_after_dispatch_at_lender",
            Self::CheckedIn { side } => at!(side, "checked_in"),
            Self::VirtualItemDeleted { side, .. } => at!(side, "virtual_item_deleted"),
            Self::VirtualBibDeleted { side } => at!(side, "virtual_bib_deleted"),
            Self::EffectDropped { .. } => "effect_dropped",
            Self::EffectRefused { .. } => "effect_refused",
            Self::EffectDelayed { .. } => "effect_delayed",
            Self::Observed { side, .. } => at!(side, "observed"),
            Self::HoldClosed { side, .. } => at!(side, "hold_closed"),
            Self::DeadlinePassed { .. } => "deadline_passed",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::NextSupplierRequested { .. } => "next_supplier_requested",
            Self::PickupChangeRequested { .. } => "pickup_change_requested",
            Self::ResumeRequested => "resume_requested",
            Self::ItemFound => "item_found",
            Self::LossSettled { .. } => "loss_settled",
            Self::EndRequested { .. } => "end_requested",
            Self::UndoRequested => "undo_requested",
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
    /// Patron or staff in the borrower's own system; it doesn't say which.
    AtBorrower,
    /// The hub, since the item is of no use to the patron any more.
    Deadline,
}

/// What one look at one side showed. `None` means: not polled.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Observation {
    /// The item.
    pub item: Option<ItemState>,
    /// Our hold.
    pub hold: Option<HoldState>,
    /// The loan to our patron (borrower) or virtual patron (lender).
    pub loan: Option<LoanState>,
    /// How our hold ended, where the library's system shows.
    #[serde(default)]
    pub closure: Option<Closure>,
    /// Until when the item waits on the hold shelf.
    #[serde(default)]
    pub shelf_until: Option<Timestamp>,
    /// Whether somebody else waits for the item, or it is recalled.
    #[serde(default)]
    pub wanted_back: Option<bool>,
    /// The item's barcode, which staff may have replaced.
    #[serde(default)]
    pub barcode: Option<Barcode>,
    /// The item's holding, which changes when staff move it.
    #[serde(default)]
    pub holding: Option<HoldingId>,
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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
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

/// The loan to our patron (borrower) or virtual patron (lender), as seen.
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
    /// The item is out, on the loan of somebody else.
    Another,
}
