//! Translates Alma's states into the hub's (alma-api.md 2.8, 3.7 and 8).

use alma::{BaseStatus, Item, ProcessType, Request, RequestStatus};
use lending::{Closure, HoldState, ItemState};

/// The meaning of an Alma process type for the item of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Meaning {
    /// The item is in this state.
    State(ItemState),
    /// The item is not on its shelf, for a reason that has nothing to do with a request. It is unavailable.
    NoneForUs,
}

/// Returns the meaning of each row of Alma's code table PROCESSTYPE (alma-api.md 3.7); `None` for a code that isn't in
/// it.
fn meaning(process: &ProcessType) -> Option<Meaning> {
    Some(match process {
        ProcessType::Requested => Meaning::State(ItemState::Requested),
        // To the pickup library or back to its own. The hold and the request's status decide which of the two it is.
        ProcessType::Transit => Meaning::State(ItemState::InTransit),
        ProcessType::HoldShelf => Meaning::State(ItemState::OnHoldShelf),
        ProcessType::Loan => Meaning::State(ItemState::OnLoan),
        ProcessType::Lost | ProcessType::LostAndPaid => Meaning::State(ItemState::Lost),
        ProcessType::ClaimedReturned => Meaning::State(ItemState::ClaimedReturned),
        ProcessType::Missing => Meaning::State(ItemState::Missing),
        // The item leaves its library, but that is no dispatch: it goes into the owner's own store, with or without a
        // hold (alma-field-notes.md, "Added 2026-11-29").
        ProcessType::TransitToRemoteStorage
        | ProcessType::Acquisition
        | ProcessType::InterlibraryLoan
        | ProcessType::LostInterlibraryLoan
        | ProcessType::Technical
        | ProcessType::WorkOrder => Meaning::NoneForUs,
        _ => return None,
    })
}

/// Returns the state of an item. Base status 1 occurs with no process type or with REQUESTED. Any other process type,
/// known or not, means that the item isn't on its shelf.
pub(crate) fn item_state(item: &Item) -> ItemState {
    let Some(process) = &item.process_type else {
        return match item.base_status {
            BaseStatus::InPlace => ItemState::InPlace,
            BaseStatus::NotInPlace => ItemState::Unavailable("not in place".to_owned()),
        };
    };
    match meaning(process) {
        Some(Meaning::State(state)) => state,
        Some(Meaning::NoneForUs) | None => ItemState::Unavailable(process.as_str().to_owned()),
    }
}

/// Returns the state of a hold that is among the active ones. Alma has three states. A state that Alma adds later means
/// that somebody works on the hold. A state that can't be read is no sign of work, so that the hub doesn't infer a
/// dispatch from it.
pub(crate) fn hold_state(request: &Request) -> HoldState {
    match request.status {
        RequestStatus::NotStarted | RequestStatus::Unreadable => HoldState::NotStarted,
        RequestStatus::OnHoldShelf => HoldState::OnHoldShelf,
        RequestStatus::History => HoldState::Gone,
        _ => HoldState::InProcess,
    }
}
/// Returns how a closed request ended, if Alma's status contains it. `HISTORY` only means that the request is over.
pub(crate) fn closure(status: &RequestStatus) -> Option<Closure> {
    let said = status.as_str().replace(['_', '-'], " ");
    let said = if said.eq_ignore_ascii_case("CANCELLED") { "Canceled".to_owned() } else { said };
    Closure::ALL.into_iter().find(|closure| closure.name().eq_ignore_ascii_case(&said))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All rows of Alma's code table PROCESSTYPE (alma-api.md 3.7).
    const PROCESSTYPE: [&str; 14] = [
        "ACQ",
        "CLAIM_RETURNED_LOAN",
        "HOLDSHELF",
        "ILL",
        "LOAN",
        "LOST_ILL",
        "LOST_LOAN",
        "LOST_LOAN_AND_PAID",
        "MISSING",
        "REQUESTED",
        "TECHNICAL",
        "TRANSIT",
        "TRANSIT_TO_REMOTE_STORAGE",
        "WORK_ORDER_DEPARTMENT",
    ];

    #[test]
    fn every_process_type_of_almas_table_has_a_declared_meaning() {
        for code in PROCESSTYPE {
            assert!(meaning(&ProcessType::from(code)).is_some(), "{code}");
        }
    }

    #[test]
    fn process_type_that_is_in_no_table_has_no_meaning() {
        for code in ["INVENTED_TOMORROW", "TRANSIT_BY_DRONE", ""] {
            assert_eq!(meaning(&ProcessType::from(code)), None, "{code}");
        }
    }

    #[test]
    fn transit_alone_is_in_transit() {
        let in_transit = |code: &&str| meaning(&ProcessType::from(*code)) == Some(Meaning::State(ItemState::InTransit));
        let found: Vec<&str> = PROCESSTYPE.into_iter().filter(in_transit).collect();
        assert_eq!(found, ["TRANSIT"]);
    }
}
