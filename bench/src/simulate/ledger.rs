//! What really happened, read at the Almas after each step and not from what the hub believes: which items are away for
//! which request, and which patron has had the item.

use std::collections::{BTreeMap, BTreeSet};

use alma_sim::{ItemView, RequestView, Sim, Staff};
use lending::{Request, RequestId};

use super::house::{BORROWER, LENDERS};
use super::rules::mark;

/// Begins the ids of virtual patrons.
const VIRTUAL: &str = "dcb-";

/// Who has just acted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    Hub,
    Staff,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The lenders' items that have left for a hold of ours, by institution and barcode, with the request.
    away: BTreeMap<(String, String), RequestId>,
    /// Requests whose patron has had the item.
    had: BTreeSet<RequestId>,
}

impl Ledger {
    /// Takes in what has become of a request's copies and of its virtual item.
    pub(super) fn note(
        &mut self,
        sim: &Sim,
        request: &Request,
        copies: &[(String, String)],
        by: By,
    ) -> Result<(), String> {
        for (institution, barcode) in copies {
            let staff = sim.staff(institution).map_err(|error| error.to_string())?;
            let item = staff.item(barcode).map_err(|error| error.to_string())?;
            let place = (institution.clone(), barcode.clone());
            if left_for(&staff, &item, request.id) {
                self.away.insert(place, request.id);
            } else if self.away.get(&place) == Some(&request.id) && !is_still_away(&staff, &item, request.id, by) {
                self.away.remove(&place);
            }
        }
        if patron_has_it(sim, request)? {
            self.had.insert(request.id);
        }
        Ok(())
    }

    /// The items that are away for a request.
    pub(super) fn away_for(&self, id: RequestId) -> impl Iterator<Item = (&str, &str)> {
        let of_it = self.away.iter().filter(move |(_, request)| **request == id);
        of_it.map(|((institution, barcode), _)| (institution.as_str(), barcode.as_str()))
    }

    /// Whether the request's patron has ever had the item.
    pub(super) fn had_it(&self, id: RequestId) -> bool {
        self.had.contains(&id)
    }
}

/// In transit for a hold with the request's mark.
fn left_for(staff: &Staff, item: &ItemView, id: RequestId) -> bool {
    item.process_type == "TRANSIT"
        && item.request_id.as_ref().is_some_and(|bound| hold(staff, id).is_some_and(|hold| hold.id == *bound))
}

/// Not home yet, nor lent or sent to somebody else. Where the lender's own staff end the hold, what becomes of the item is
/// theirs to see to.
fn is_still_away(staff: &Staff, item: &ItemView, id: RequestId, by: By) -> bool {
    let on_our_loan = staff.loans().iter().any(|loan| loan.barcode == item.barcode && loan.user.starts_with(VIRTUAL));
    let unbound_by_staff = by == By::Staff && hold(staff, id).is_none();
    on_our_loan || (item.process_type == "TRANSIT" && item.request_id.is_none() && !unbound_by_staff)
}

fn hold(staff: &Staff, id: RequestId) -> Option<RequestView> {
    let mark = mark(id);
    staff.requests().into_iter().find(|hold| hold.comment.as_deref().is_some_and(|comment| comment.contains(&mark)))
}

/// Whether the virtual item is on loan to the request's patron now.
pub(super) fn patron_has_it(sim: &Sim, request: &Request) -> Result<bool, String> {
    Ok(loan_of_virtual_item(sim, request)?.is_some_and(|user| user == request.patron.given.as_str()))
}

/// To whom the virtual item is lent now.
pub(super) fn loan_of_virtual_item(sim: &Sim, request: &Request) -> Result<Option<String>, String> {
    let Some(barcode) = &request.borrowing.barcode else { return Ok(None) };
    let borrower = sim.staff(BORROWER).map_err(|error| error.to_string())?;
    Ok(borrower.loans().into_iter().find(|loan| loan.barcode == barcode.as_str()).map(|loan| loan.user))
}

/// The holds and loans of everybody who has nothing to do with any request.
pub(super) fn strangers(sim: &Sim) -> Result<BTreeSet<String>, String> {
    let mut all = BTreeSet::new();
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        let staff = sim.staff(code).map_err(|error| error.to_string())?;
        // Requests without a requester are Alma's own.
        let holds = staff.requests().into_iter().filter(|hold| !hold.user.is_empty() && !hold.user.starts_with(VIRTUAL));
        let unmarked = holds.filter(|hold| !hold.comment.as_deref().is_some_and(|comment| comment.contains(super::rules::MARK)));
        all.extend(unmarked.map(|hold| format!("hold {} of {} at {code}", hold.id, hold.user)));
        let loans = staff.loans().into_iter().filter(|loan| !loan.user.starts_with(VIRTUAL));
        let foreign = loans.filter(|loan| code != BORROWER || !loan.user.starts_with("patron-"));
        all.extend(foreign.map(|loan| format!("loan {} of {} at {code}", loan.id, loan.user)));
    }
    Ok(all)
}
