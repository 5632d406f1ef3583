//! Who has the next move of a request that the hub can't bring on, and why, in one sentence for staff.

use crate::attention::WaitingOn;
use crate::copy_problem::CopyProblem;
use crate::observation::{HoldState, ItemState};
use crate::request::Request;
use crate::sides::Progress;
use crate::status::Status;

/// Returns who has the next move, and the sentence for staff.
pub(crate) fn waiting(request: &Request) -> Option<(WaitingOn, String)> {
    let (on, text) = match request.status {
        Status::RequestPlacedAtSupplyingAgency
        | Status::Confirmed
        | Status::RequestPlacedAtBorrowingAgency
        | Status::RequestPlacedAtPickupAgency => (WaitingOn::LendingLibrary, before_dispatch(request)),
        Status::PickupTransit => {
            (WaitingOn::PickupLibrary, "The item is on its way; the pickup library has yet to scan it in.".to_owned())
        }
        Status::ReceivedAtPickup => {
            (WaitingOn::PickupLibrary, "The item has come; it has yet to be put on the hold shelf.".to_owned())
        }
        Status::ReadyForPickup => at_the_pickup_library(request),
        Status::Loaned => (WaitingOn::Patron, "The patron has the item.".to_owned()),
        Status::ReturnTransit => going_home(request),
        Status::SubmittedToDcb
        | Status::PatronVerified
        | Status::Resolved
        | Status::NotSuppliedCurrentSupplier
        | Status::NoItemsSelectableAtAnyAgency
        | Status::Completed
        | Status::Cancelled
        | Status::HandedOffAsLocal
        | Status::Finalised => return None,
    };
    Some((on, text))
}

fn before_dispatch(request: &Request) -> String {
    let Some(problem) = request.copy_problem() else {
        return "The lending library has yet to take the item from its shelf and scan it in.".to_owned();
    };
    let next = if problem.is_gone() || !request.candidates_without_supplier().is_empty() {
        "Unless that changes within the days that the lender's rules allow, the hub asks the next lender."
    } else {
        "No other library is left to ask. Name another copy, or cancel the request, if it takes too long."
    };
    format!("{} {next}", problem.explain())
}

/// Describes an item that has been on the hold shelf. Only while the patron's hold is on the shelf does the item wait
/// for the patron: after a change of the pickup location the new hold waits until a library scans the item.
fn at_the_pickup_library(request: &Request) -> (WaitingOn, String) {
    let here = request.at_pickup();
    let place = &request.pickup.name;
    let hold = here.hold.open().map(|hold| hold.state);
    let text = match (&here.item_state, hold) {
        (Some(ItemState::InTransit), _) | (None, Some(HoldState::InProcess)) => {
            format!("The item is on its way to the hold shelf of {place}, where it has yet to be scanned in.")
        }
        (Some(ItemState::OnHoldShelf), Some(HoldState::NotStarted)) => format!(
            "The item is on a hold shelf, but the patron now collects at {place}. The library that has the item has yet to \
             scan it in, and to send it on."
        ),
        (Some(ItemState::InPlace | ItemState::Requested), _) | (None, Some(HoldState::NotStarted)) => format!(
            "The item isn't on the hold shelf any more. The library that has it has yet to scan it in, so that it goes to \
             the hold shelf of {place}."
        ),
        _ => return (WaitingOn::Patron, "The item waits on the hold shelf for the patron.".to_owned()),
    };
    (WaitingOn::PickupLibrary, text)
}

fn going_home(request: &Request) -> (WaitingOn, String) {
    let here = request.at_pickup();
    let unlent = here.progress < Progress::OnLoan;
    if here.item_state == Some(ItemState::OnHoldShelf) {
        let why = if unlent { "The item won't be lent." } else { "The patron has returned the item." };
        let text = format!("{why} The pickup library has yet to take it from the hold shelf and send it home.");
        return (WaitingOn::PickupLibrary, text);
    }
    let is_lost_there = request.supply.as_ref().is_some_and(|supply| supply.item == ItemState::Lost);
    if is_lost_there {
        let text = "The patron has returned the item, and it is on its way home. The lender has marked it as lost; any fee for \
                    that is for the lender to cancel. The lending library has yet to scan it in.";
        return (WaitingOn::LendingLibrary, text.to_owned());
    }
    let text = "The item is on its way home; the lending library has yet to scan it in.";
    (WaitingOn::LendingLibrary, text.to_owned())
}

impl CopyProblem {
    /// Says why the lender can't send the copy, in one sentence for staff.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Lost => "The lender has marked the item as lost.",
            Self::Missing => "The lender has marked the item as missing from its shelf.",
            Self::Lent => "The lender's item is on loan to somebody else; the hub's hold on it is kept.",
            Self::OutOfService => {
                "The lender's item is out of service: in a work order, on order or at another department."
            }
            Self::OnOwnHoldShelf => {
                "The lender has put the item on its own hold shelf, and has yet to take it from there and send it."
            }
        }
    }
}
