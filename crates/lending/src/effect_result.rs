//! The results of effects: what was created, changed or removed, what was refused, and what was delayed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attention::WaitingOn;
use crate::copy::{Copy, CopyRef};
use crate::effect::{Effect, Side, at_side};
use crate::ids::{Barcode, BibId, HoldingId, ItemId, PatronId, PickupLocationCode};
use crate::observation::Observation;
use crate::refusal::{PatronRefusal, Refusal};
use crate::request::VerifiedPatron;
use crate::sides::{Hold, Loan};

/// The result of an effect.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EffectResult {
    /// [`Effect::VerifyPatron`]: the patron may borrow.
    PatronVerified(VerifiedPatron),
    /// [`Effect::VerifyPatron`]: the patron may not.
    PatronRefused(PatronRefusal),
    /// [`Effect::FindCopies`].
    CopiesFound {
        /// The copies to try, best first; none if no library can lend the title.
        copies: Vec<CopyRef>,
        /// The choice in one sentence, for staff.
        summary: String,
    },
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
        /// The pickup location that the hold names; `None` if it names none, or the request's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pickup: Option<PickupLocationCode>,
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
        /// Its barcode. It differs from the lender's if that one was taken.
        barcode: Barcode,
    },
    /// [`Effect::ChangePickup`].
    PickupChanged {
        /// Where.
        side: Side,
        /// The hold, which may be a new one.
        hold: Hold,
        /// The pickup location that the hold names; `None` if it names none, or the request's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pickup: Option<PickupLocationCode>,
    },
    /// [`Effect::SendIntoTransit`].
    SentIntoTransit {
        /// Where.
        side: Side,
        /// The reason why no scan was needed, if so.
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
    /// [`Effect::RaiseDueDate`].
    DueDateRaised {
        /// Where.
        side: Side,
        /// The loan with its new due date.
        loan: Loan,
        /// The lender's due date to which it was to be raised.
        #[serde(default)]
        until: Option<Timestamp>,
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
    /// [`Effect::CancelHold`] at the lender: the hold is gone, but the item had left for it before.
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
    /// The effect isn't wanted any more and was never sent.
    EffectDropped {
        /// The dropped effect.
        effect: Effect,
    },
    /// The library's system refused the effect, and would refuse it again.
    EffectRefused {
        /// The refused effect.
        effect: Effect,
        /// Why.
        refusal: Refusal,
    },
    /// The effect couldn't be done now and will be tried again.
    EffectDelayed {
        /// The delayed effect.
        effect: Effect,
        /// The party that it waits for.
        on: WaitingOn,
        /// Why, for staff.
        reason: String,
        /// When the hub retries it.
        next_try: Timestamp,
        /// Whether staff must know, since the effect has failed many times with answers that prove nothing. The hub
        /// retries it nevertheless.
        #[serde(default)]
        needs_staff: bool,
    },
}

impl EffectResult {
    /// Returns the name for the audit log and for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PatronVerified(_) => "patron_verified",
            Self::PatronRefused(_) => "patron_refused",
            Self::CopiesFound { .. } => "copies_found",
            Self::SupplierChosen(_) => "supplier_chosen",
            Self::CandidateUnfit(_) => "candidate_unfit",
            Self::VirtualPatronReady { side, .. } => at_side!(side, "virtual_patron_ready"),
            Self::HoldPlaced { side, .. } => at_side!(side, "hold_placed"),
            Self::VirtualBibCreated { side, .. } => at_side!(side, "virtual_bib_created"),
            Self::VirtualHoldingCreated { side, .. } => at_side!(side, "virtual_holding_created"),
            Self::VirtualItemReady { side, .. } => at_side!(side, "virtual_item_ready"),
            Self::PickupChanged { side, .. } => at_side!(side, "pickup_changed"),
            Self::SentIntoTransit { side, .. } => at_side!(side, "sent_into_transit"),
            Self::Lent { side, .. } => at_side!(side, "lent"),
            Self::Renewed { side, .. } => at_side!(side, "renewed"),
            Self::DueDateLimited { side, .. } => at_side!(side, "due_date_limited"),
            Self::DueDateRaised { side, .. } => at_side!(side, "due_date_raised"),
            Self::RenewalDenied { side } => at_side!(side, "renewal_denied"),
            Self::HoldCancelled { side } => at_side!(side, "hold_cancelled"),
            Self::HoldCancelledAfterDispatch { .. } => "hold_cancelled_after_dispatch_at_lender",
            Self::CheckedIn { side } => at_side!(side, "checked_in"),
            Self::VirtualItemDeleted { side, .. } => at_side!(side, "virtual_item_deleted"),
            Self::VirtualBibDeleted { side } => at_side!(side, "virtual_bib_deleted"),
            Self::EffectDropped { .. } => "effect_dropped",
            Self::EffectRefused { .. } => "effect_refused",
            Self::EffectDelayed { .. } => "effect_delayed",
        }
    }
}
