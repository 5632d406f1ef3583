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
    if request.is_in_queue() {
        return "The copy is on loan to somebody else. The hub's hold waits for its return, since no copy is available.".to_owned();
    }
    let Some(problem) = request.copy_problem() else {
        return "The lending library has yet to take the item from its shelf and scan it in.".to_owned();
    };
    let is_another_left = !request.candidates_without_supplier().is_empty();
    let next = match (is_another_left, problem.is_gone()) {
        (true, _) => "If the lender can't send it within the days that its rules allow, the hub asks the next lender.",
        (false, true) => {
            "No other library is left to ask. If the lender doesn't find it within the days that its rules allow, the request \
             ends. Name another copy, if there is one."
        }
        (false, false) => {
            "No other library is left to ask. Name another copy, or cancel the request, if it takes too long."
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::ids::HoldId;
    use crate::sides::{Hold, Supply, Tracked};

    /// What the Almas show, and the sentence that must follow.
    struct Row {
        status: Status,
        at_lender: ItemState,
        at_pickup: Option<ItemState>,
        hold: Option<HoldState>,
        progress: Progress,
        on: WaitingOn,
        sentence: &'static str,
    }

    fn request(row: &Row) -> Request {
        let mut request = example::placed();
        let dispatched = row.status.is_dispatched();
        let copy = example::copy("31999");
        let supply = Supply {
            dispatched,
            item: row.at_lender.clone(),
            lent_to_another: !dispatched && row.at_lender == ItemState::OnLoan,
            hold: Tracked::Open(Hold { id: HoldId::from("81"), state: HoldState::NotStarted, shelf_until: None }),
            ..Supply::new("01LEND".into(), copy)
        };
        request.candidates.clear();
        request.supply = Some(supply);
        request.status = row.status;
        request.borrower.item = Tracked::Open("232".into());
        request.borrower.item_state = row.at_pickup.clone();
        request.borrower.progress = row.progress;
        if let Some(state) = row.hold {
            request.borrower.hold = Tracked::Open(Hold { id: HoldId::from("82"), state, shelf_until: None });
        }
        request
    }

    #[test]
    fn sentence_is_true_whatever_the_libraries_systems_show() {
        use HoldState::{InProcess, NotStarted, OnHoldShelf};
        use Progress::{OnHoldShelf as Shelved, OnLoan as Lent, Returned, Waiting};
        use WaitingOn::{LendingLibrary, Patron, PickupLibrary};
        let placed = Status::RequestPlacedAtBorrowingAgency;
        let (ready, home) = (Status::ReadyForPickup, Status::ReturnTransit);
        let service = || ItemState::Unavailable("WORK_ORDER_DEPARTMENT".to_owned());
        let (shelf, transit, place) =
            (Some(ItemState::OnHoldShelf), Some(ItemState::InTransit), Some(ItemState::InPlace));
        #[rustfmt::skip]
        let table = [
            (placed, ItemState::InPlace, place.clone(), Some(NotStarted), Waiting, LendingLibrary, "yet to take the item from its shelf"),
            (placed, ItemState::Requested, place.clone(), Some(NotStarted), Waiting, LendingLibrary, "yet to take the item from its shelf"),
            (placed, ItemState::Missing, place.clone(), Some(NotStarted), Waiting, LendingLibrary, "marked the item as missing"),
            (placed, ItemState::Lost, place.clone(), Some(NotStarted), Waiting, LendingLibrary, "marked the item as lost"),
            (placed, ItemState::OnLoan, place.clone(), Some(NotStarted), Waiting, LendingLibrary, "on loan to somebody else"),
            (placed, service(), place.clone(), Some(NotStarted), Waiting, LendingLibrary, "out of service"),
            (placed, ItemState::OnHoldShelf, place.clone(), Some(NotStarted), Waiting, LendingLibrary, "on its own hold shelf"),
            (Status::PickupTransit, ItemState::InTransit, transit.clone(), Some(InProcess), Waiting, PickupLibrary, "The item is on its way"),
            (Status::ReceivedAtPickup, ItemState::InTransit, place.clone(), Some(InProcess), Progress::Received, PickupLibrary, "put on the hold shelf"),
            (ready, ItemState::InTransit, shelf.clone(), Some(OnHoldShelf), Shelved, Patron, "waits on the hold shelf for the patron"),
            (ready, ItemState::InTransit, shelf.clone(), Some(NotStarted), Shelved, PickupLibrary, "send it on"),
            (ready, ItemState::InTransit, place.clone(), Some(NotStarted), Shelved, PickupLibrary, "isn't on the hold shelf any more"),
            (ready, ItemState::InTransit, transit.clone(), Some(InProcess), Shelved, PickupLibrary, "on its way to the hold shelf"),
            (Status::Loaned, ItemState::OnLoan, Some(ItemState::OnLoan), None, Lent, Patron, "The patron has the item"),
            (home, ItemState::InTransit, shelf.clone(), None, Shelved, PickupLibrary, "won't be lent. The pickup library has yet to take it from the hold shelf"),
            (home, ItemState::OnLoan, shelf.clone(), None, Shelved, PickupLibrary, "won't be lent. The pickup library has yet to take it from the hold shelf"),
            (home, ItemState::OnLoan, shelf, None, Returned, PickupLibrary, "has returned the item. The pickup library has yet to take it"),
            (home, ItemState::OnLoan, transit.clone(), None, Returned, LendingLibrary, "on its way home"),
            (home, ItemState::InTransit, transit, None, Shelved, LendingLibrary, "on its way home"),
            (home, ItemState::Lost, place, None, Returned, LendingLibrary, "The lender has marked it as lost"),
        ];
        for (status, at_lender, at_pickup, hold, progress, on, sentence) in table {
            let row = Row { status, at_lender, at_pickup, hold, progress, on, sentence };
            let (who, text) = waiting(&request(&row)).unwrap_or_else(|| panic!("{status} waits for nobody"));
            let shown = format!(
                "{status}, lender {:?}, pickup {:?}, hold {:?}: {text}",
                row.at_lender, row.at_pickup, row.hold
            );
            assert!(who == row.on && text.contains(row.sentence), "{shown}");
        }
    }
}
