//! Alma's words for states, in the hub's words (alma-api.md 2.8, 3.7 and 8).

use alma::{BaseStatus, Item, ProcessType, Request, RequestStatus};
use lending::{Closure, HoldState, ItemState};

/// The state of an item. Base status 1 goes with no process type or with REQUESTED; any other process
/// type means that it isn't on its shelf, known or not.
pub(crate) fn item_state(item: &Item) -> ItemState {
    match &item.process_type {
        None if item.base_status == BaseStatus::InPlace => ItemState::InPlace,
        None => ItemState::Unavailable("not in place".to_owned()),
        Some(ProcessType::Requested) => ItemState::Requested,
        Some(ProcessType::Transit | ProcessType::TransitToRemoteStorage) => ItemState::InTransit,
        Some(ProcessType::HoldShelf) => ItemState::OnHoldShelf,
        Some(ProcessType::Loan) => ItemState::OnLoan,
        Some(ProcessType::Lost | ProcessType::LostAndPaid) => ItemState::Lost,
        Some(ProcessType::ClaimedReturned) => ItemState::ClaimedReturned,
        Some(ProcessType::Missing) => ItemState::Missing,
        Some(other) => ItemState::Unavailable(other.as_str().to_owned()),
    }
}

/// The state of a hold that is among the active ones. Alma knows three; a word it invents later means
/// that somebody works on it. One that can't be read is no sign that anybody does, so that no dispatch follows from it.
pub(crate) fn hold_state(request: &Request) -> HoldState {
    match request.status {
        RequestStatus::NotStarted | RequestStatus::Unreadable => HoldState::NotStarted,
        RequestStatus::OnHoldShelf => HoldState::OnHoldShelf,
        RequestStatus::History => HoldState::Gone,
        _ => HoldState::InProcess,
    }
}
/// How a closed request ended, where Alma says it. `HISTORY` says only that it is over.
pub(crate) fn closure(status: &RequestStatus) -> Option<Closure> {
    let said = status.as_str().replace(['_', '-'], " ");
    let said = if said.eq_ignore_ascii_case("CANCELLED") { "Canceled".to_owned() } else { said };
    Closure::ALL.into_iter().find(|closure| closure.name().eq_ignore_ascii_case(&said))
}
