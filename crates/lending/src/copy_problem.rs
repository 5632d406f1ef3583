//! The reasons why a lender can't send the copy that the hub holds there.

use crate::observation::ItemState;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::status::{Status, Workflow};

/// A state of the lender's copy in which the lender can't send it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyProblem {
    /// Lost on a loan to somebody else.
    Lost,
    /// Missing from its shelf.
    Missing,
    /// On loan to somebody else.
    Lent,
    /// In a work order, on order, or away for another reason.
    OutOfService,
    /// On the lender's own hold shelf, where a scan at the sharing library can put it.
    OnOwnHoldShelf,
}

impl CopyProblem {
    /// Returns whether the copy isn't expected back.
    pub fn is_gone(self) -> bool {
        match self {
            Self::Lost | Self::Missing => true,
            Self::Lent | Self::OutOfService | Self::OnOwnHoldShelf => false,
        }
    }

    /// Returns the refusal with which the hub gives the lender up.
    pub(crate) fn refusal(self) -> Refusal {
        let code = match self {
            Self::Lost => "COPY_LOST",
            Self::Missing => "COPY_MISSING",
            Self::Lent => "COPY_LENT_TO_ANOTHER",
            Self::OutOfService => "COPY_OUT_OF_SERVICE",
            Self::OnOwnHoldShelf => "COPY_NOT_SENT",
        };
        let explanation = match self {
            Self::Lent => "The lender's item is on loan to somebody else.",
            Self::OnOwnHoldShelf => "The lender put the item on its own hold shelf and did not send it in time.",
            Self::Lost | Self::Missing | Self::OutOfService => self.explain(),
        };
        Refusal::new(code, explanation)
    }
}

impl Request {
    /// Returns why the lender can't send its copy now, if the hub still asks it for the copy.
    pub fn copy_problem(&self) -> Option<CopyProblem> {
        let is_asked = matches!(
            self.status,
            Status::RequestPlacedAtSupplyingAgency
                | Status::Confirmed
                | Status::RequestPlacedAtBorrowingAgency
                | Status::RequestPlacedAtPickupAgency
        );
        let is_sent_elsewhere = !self.expedited && self.workflow != Workflow::Local;
        let supply = self.supply.as_ref()?;
        if !is_asked || !is_sent_elsewhere || self.is_dispatched() || supply.refusal.is_some() {
            return None;
        }
        match supply.item {
            ItemState::Lost | ItemState::ClaimedReturned => Some(CopyProblem::Lost),
            ItemState::Missing => Some(CopyProblem::Missing),
            ItemState::OnLoan if supply.lent_to_another && !supply.queued => Some(CopyProblem::Lent),
            ItemState::Unavailable(_) => Some(CopyProblem::OutOfService),
            ItemState::OnHoldShelf => Some(CopyProblem::OnOwnHoldShelf),
            ItemState::InPlace
            | ItemState::Requested
            | ItemState::InTransit
            | ItemState::OnLoan
            // The hub asks the next lender at once.
            | ItemState::Absent => None,
        }
    }
}
