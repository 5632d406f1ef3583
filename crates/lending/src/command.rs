//! Commands: the instructions of patrons and staff.

use serde::{Deserialize, Serialize};

use crate::attention::Action;
use crate::copy::CopyRef;
use crate::request::{PickupLocation, Settlement};

/// An instruction of a patron or of staff for a request.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Command {
    /// A patron, or staff for them, place the request. The command begins every request and changes nothing in one that
    /// has begun.
    #[serde(rename = "placed")]
    Place,
    /// Somebody cancels the request.
    #[serde(rename = "cancel_requested")]
    Cancel {
        /// Who.
        by: CancelledBy,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Staff want another lender.
    #[serde(rename = "next_supplier_requested")]
    NextSupplier {
        /// Why, in their words.
        reason: Option<String>,
        /// The copy that they want, if they name one.
        copy: Option<CopyRef>,
    },
    /// Staff choose another pickup location in the same institution.
    #[serde(rename = "pickup_change_requested")]
    ChangePickup {
        /// The new pickup location.
        pickup: PickupLocation,
    },
    /// Staff report that the obstacle is removed.
    #[serde(rename = "resume_requested")]
    Resume,
    /// Staff have found an item that was missing on its way.
    ItemFound,
    /// Staff have found that the item came back damaged.
    #[serde(rename = "damage_reported")]
    ReportDamage {
        /// The damage, in their words.
        description: String,
    },
    /// Staff have settled the loss of the item.
    #[serde(rename = "loss_settled")]
    SettleLoss {
        /// How.
        how: Settlement,
    },
    /// Staff end the request by hand. The hub removes what it created, whatever is still open.
    #[serde(rename = "end_requested")]
    End {
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Staff take their last action back. This is possible only while no effect of that action was sent.
    #[serde(rename = "undo_requested")]
    Undo,
}

impl Command {
    /// Returns the name for the audit log and for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Place => "placed",
            Self::Cancel { .. } => "cancel_requested",
            Self::NextSupplier { .. } => "next_supplier_requested",
            Self::ChangePickup { .. } => "pickup_change_requested",
            Self::Resume => "resume_requested",
            Self::ItemFound => "item_found",
            Self::ReportDamage { .. } => "damage_reported",
            Self::SettleLoss { .. } => "loss_settled",
            Self::End { .. } => "end_requested",
            Self::Undo => "undo_requested",
        }
    }

    /// Returns the action that the command performs; `None` for [`Command::Place`], which begins a request.
    pub fn action(&self) -> Option<Action> {
        match self {
            Self::Place => None,
            Self::Cancel { .. } => Some(Action::Cancel),
            Self::NextSupplier { copy: None, .. } => Some(Action::NextSupplier),
            Self::NextSupplier { copy: Some(_), .. } => Some(Action::ChooseSupplier),
            Self::ChangePickup { .. } => Some(Action::ChangePickup),
            Self::Resume => Some(Action::Resume),
            Self::ItemFound => Some(Action::ReportFound),
            Self::ReportDamage { .. } => Some(Action::ReportDamage),
            Self::SettleLoss { .. } => Some(Action::SettleLoss),
            Self::End { .. } => Some(Action::End),
            Self::Undo => Some(Action::Undo),
        }
    }
}

/// The party that ended a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The patron, through the hub.
    Patron,
    /// Staff, through the hub.
    Staff,
    /// Patron or staff in the borrower's own system, which doesn't show which of them.
    AtBorrower,
    /// The hub, since the patron has no more use for the item.
    Deadline,
}
