//! The change that the hub expects next at a side of a request, where a list may show it.

use crate::effect::Side;
use crate::poll::{PollTarget, poll_target};
use crate::poll_interval::RARE_FACTOR;
use crate::request::Request;
use crate::status::Status;

/// The next change at a side. A list for [`ChangeKind::Dispatch`] or [`ChangeKind::HoldWaiting`] names the hold itself,
/// so an entry on it is as good as a poll.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ChangeKind {
    /// The lender sends the item.
    Dispatch,
    /// The pickup library starts to process the patron's hold: the hold waits until then.
    HoldWaiting,
    /// The item reaches the hold shelf.
    Arrival,
    /// The patron borrows it from the hold shelf.
    Collection,
    /// The patron returns it.
    Return,
    /// The lender's item comes home.
    ReturnToLender,
    /// The lender's item stays on loan to the virtual patron.
    OnLoan,
}

impl ChangeKind {
    /// All kinds, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Dispatch,
        Self::Arrival,
        Self::Collection,
        Self::HoldWaiting,
        Self::Return,
        Self::ReturnToLender,
        Self::OnLoan,
    ];

    /// Returns how many shortest intervals lie between two reads of a list that shows this change. Patrons wait only
    /// for dispatch and arrival, so these lists are read most often.
    pub fn interval_factor(self) -> u32 {
        match self {
            Self::Dispatch | Self::Arrival | Self::Collection => 1,
            Self::HoldWaiting | Self::Return | Self::ReturnToLender => 4,
            Self::OnLoan => RARE_FACTOR,
        }
    }

    /// Returns the change in words, for the printed table.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Dispatch => "the lender sends the item",
            Self::HoldWaiting => "the patron's hold waits at the virtual item",
            Self::Arrival => "the item reaches the hold shelf",
            Self::Collection => "the patron borrows the item from the hold shelf",
            Self::Return => "the patron returns the item",
            Self::ReturnToLender => "the item comes back to the lender",
            Self::OnLoan => "the lender's item stays on loan (only something unusual ends this)",
        }
    }
}

/// Returns the change that the hub expects next at a side, where a list may show it.
pub fn expected_change(request: &Request, target: PollTarget) -> Option<ChangeKind> {
    let status = request.status;
    if request.is_lent_to_another(target.side) {
        // No list shows the person whose loan has ended.
        return None;
    }
    if target.side == Side::Lender {
        let supply = request.supply.as_ref()?;
        return match status {
            _ if !request.is_dispatched() => supply.hold.open().map(|_| ChangeKind::Dispatch),
            Status::Loaned if supply.loan.is_open() => Some(ChangeKind::OnLoan),
            Status::ReturnTransit if supply.loan.is_open() => Some(ChangeKind::ReturnToLender),
            _ => None,
        };
    }
    match status {
        Status::RequestPlacedAtBorrowingAgency | Status::RequestPlacedAtPickupAgency => Some(ChangeKind::HoldWaiting),
        Status::PickupTransit | Status::ReceivedAtPickup => Some(ChangeKind::Arrival),
        Status::ReadyForPickup => Some(ChangeKind::Collection),
        Status::Loaned if !target.hold => Some(ChangeKind::Return),
        _ => None,
    }
}

/// Returns whether the list for a side names the hold itself.
pub(crate) fn list_names_hold(request: &Request, side: Side) -> bool {
    let next = poll_target(request, side).and_then(|target| expected_change(request, target));
    matches!(next, Some(ChangeKind::Dispatch | ChangeKind::HoldWaiting))
}
