//! Commands: what people ask for.

use serde::{Deserialize, Serialize};

use crate::attention::Action;
use crate::request::{CopyRef, PickupLocation, Settlement};

/// Something that a patron or staff want done with a request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Command {
    /// A patron, or staff for them, place the request. It begins every request and does nothing to one that has begun.
    #[serde(rename = "placed")]
    Place,
    /// Somebody wants the request ended.
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
        /// The copy they want, where they name one.
        copy: Option<CopyRef>,
    },
    /// Staff let the patron collect elsewhere in the same institution.
    #[serde(rename = "pickup_change_requested")]
    ChangePickup {
        /// Where.
        pickup: PickupLocation,
    },
    /// Staff say that what stood in the way is fixed.
    #[serde(rename = "resume_requested")]
    Resume,
    /// Staff have found the item that was missing on its way.
    ItemFound,
    /// Staff have settled the loss of the item.
    #[serde(rename = "loss_settled")]
    SettleLoss {
        /// How.
        how: Settlement,
    },
    /// Staff end it by hand: what the hub made is taken away, whatever is still open.
    #[serde(rename = "end_requested")]
    End {
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Staff take their last act back; nothing that follows from it was sent.
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
            Self::SettleLoss { .. } => "loss_settled",
            Self::End { .. } => "end_requested",
            Self::Undo => "undo_requested",
        }
    }

    /// Returns the action that the command asks for; none for [`Command::Place`], which begins a request.
    pub fn action(&self) -> Option<Action> {
        match self {
            Self::Place => None,
            Self::Cancel { .. } => Some(Action::Cancel),
            Self::NextSupplier { copy: None, .. } => Some(Action::NextSupplier),
            Self::NextSupplier { copy: Some(_), .. } => Some(Action::ChooseSupplier),
            Self::ChangePickup { .. } => Some(Action::ChangePickup),
            Self::Resume => Some(Action::Resume),
            Self::ItemFound => Some(Action::ReportFound),
            Self::SettleLoss { .. } => Some(Action::SettleLoss),
            Self::End { .. } => Some(Action::End),
            Self::Undo => Some(Action::Undo),
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
