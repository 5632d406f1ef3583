//! Reads the open holds and loans at each Alma, as its staff would see them after a step.

use std::collections::{BTreeMap, BTreeSet};

use alma_sim::{LoanView, RequestView, Sim};
use lending::{Request, RequestId};

use super::sim_setup::{BORROWER, LENDERS};

/// The beginning of the hub's marker in the comment of a hold.
pub(super) const MARK: &str = "[DCB-REQUEST:";
/// The beginning of the ids of virtual patrons.
const VIRTUAL: &str = "dcb-";

pub(super) fn mark(id: RequestId) -> String {
    format!("{MARK}{id}]")
}

#[derive(Debug, Default)]
pub(super) struct Books {
    holds: BTreeMap<&'static str, Vec<RequestView>>,
    loans: BTreeMap<&'static str, Vec<LoanView>>,
}

impl Books {
    pub(super) fn read(sim: &Sim) -> Result<Self, String> {
        let mut books = Self::default();
        for code in [LENDERS[0], LENDERS[1], BORROWER] {
            let staff = sim.staff(code).map_err(|error| error.to_string())?;
            // Requests without a requester are Alma's own.
            let holds = staff.requests().into_iter().filter(|hold| !hold.user.is_empty());
            books.holds.insert(code, holds.collect());
            books.loans.insert(code, staff.loans());
        }
        Ok(books)
    }

    /// Returns a request's holds at a library.
    pub(super) fn holds_of(&self, id: RequestId, institution: &str) -> impl Iterator<Item = &RequestView> {
        let mark = mark(id);
        let all = self.holds.get(institution).into_iter().flatten();
        all.filter(move |hold| hold.comment.as_deref().is_some_and(|comment| comment.contains(&mark)))
    }

    /// Returns the loan of a barcode at a library.
    pub(super) fn loan(&self, institution: &str, barcode: &str) -> Option<&LoanView> {
        self.loans.get(institution)?.iter().find(|loan| loan.barcode == barcode)
    }

    /// Returns the loan of a lender's copy to a virtual patron.
    pub(super) fn our_loan(&self, institution: &str, barcode: &str) -> Option<&LoanView> {
        self.loan(institution, barcode).filter(|loan| loan.user.starts_with(VIRTUAL))
    }

    /// Returns the loan of a request's virtual item, whoever has it. A loan keeps the barcode that the item had when it
    /// was lent.
    pub(super) fn loan_at_borrower(&self, request: &Request) -> Option<&LoanView> {
        let item = request.borrower.item.any()?.as_str();
        self.loans.get(BORROWER)?.iter().find(|loan| loan.item_pid == item)
    }

    /// Returns whether the virtual item is on loan to the request's patron.
    pub(super) fn patron_has_it(&self, request: &Request) -> bool {
        self.loan_at_borrower(request).is_some_and(|loan| loan.user == request.patron.identifier.as_str())
    }

    /// Returns the holds and loans of users who are not part of any request.
    pub(super) fn strangers(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (code, holds) in &self.holds {
            let marked = |hold: &&RequestView| hold.comment.as_deref().is_some_and(|comment| comment.contains(MARK));
            let foreign = holds.iter().filter(|hold| !marked(hold));
            all.extend(foreign.map(|hold| format!("hold {} of {} at {code}", hold.id, hold.user)));
        }
        for (code, loans) in &self.loans {
            let ours = |loan: &&LoanView| {
                loan.user.starts_with(VIRTUAL) || (*code == BORROWER && loan.user.starts_with("patron-"))
            };
            let foreign = loans.iter().filter(|loan| !ours(loan));
            all.extend(foreign.map(|loan| format!("loan {} of {} at {code}", loan.id, loan.user)));
        }
        all
    }
}
