//! Loans: lending, renewal, due dates, return.

use jiff::{SignedDuration, Timestamp};

use super::Alma;
use super::model::{Id, Loan, Process, RequestStatus};
use crate::clock::days;
use crate::refusal::Refusal;

/// The parameters of a loan: who lends the item, and where.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewLoan {
    pub(crate) user: Id,
    pub(crate) item: Id,
    pub(crate) library: String,
    pub(crate) desk: String,
    /// The request that the caller names. No source settles what Alma does with it (alma-api.md 2.7): the loan fulfils
    /// the borrower's own request anyway.
    pub(crate) named_request: Option<Id>,
    /// Whether staff lend the item although it is held for someone else.
    pub(crate) override_hold: bool,
}

impl Alma {
    /// Lends an item. The loan fulfils the borrower's own hold on it.
    ///
    /// # Errors
    /// 401153 the desk does not serve the item, 401651 not loanable or held for another, 400042 lent to this user
    /// already, 401151, 401161, 401163, 401168 for the user.
    pub(crate) fn lend(&mut self, new: &NewLoan) -> Result<Id, Refusal> {
        let Some(item) = self.items.get(&new.item) else { return Err(Refusal::general()) };
        let Some(user) = self.users.get(&new.user) else { return Err(Refusal::general()) };
        let not_loanable = || Refusal::new("401651", "Item is not loanable.");
        if let Some(loan) = item.loan.and_then(|id| self.loans.get(&id)) {
            return Err(if loan.user == new.user {
                Refusal::new("400042", "Item is already loaned to this user.")
            } else {
                not_loanable()
            });
        }
        let loanable = matches!(item.process, Process::None | Process::Transit | Process::HoldShelf);
        if !loanable || self.behaviour.rules.policies_without_loans.contains(&item.policy) {
            return Err(not_loanable());
        }
        let bound = item.bound.and_then(|id| self.requests.get(&id));
        let for_another = bound.is_some_and(|request| request.user != Some(new.user));
        if for_another && !new.override_hold {
            return Err(not_loanable());
        }
        let on_shelf_here = bound.is_some_and(|request| {
            request.status == RequestStatus::OnHoldShelf && request.pickup.library == new.library
        });
        let (library, location) = self.place_of(item);
        let Some(desk) = self.desk(&new.library, &new.desk) else { return Err(wrong_desk()) };
        let serves = library == new.library && desk.locations.iter().any(|code| code == location);
        if !serves && !on_shelf_here {
            return Err(wrong_desk());
        }
        if let Some(refusal) = user.blocked(self.now) {
            return Err(refusal);
        }
        if self.behaviour.max_loans.is_some_and(|most| user.loans.len() >= most) {
            return Err(Refusal::new("401161", "Patron's loan limit has been reached."));
        }
        Ok(self.open_loan(new))
    }

    fn open_loan(&mut self, new: &NewLoan) -> Id {
        let own = self
            .queue_of(new.item)
            .into_iter()
            .find(|id| self.requests.get(id).is_some_and(|request| request.user == Some(new.user)));
        if let Some(request) = own {
            self.bind(
                new.item,
                request,
                self.requests.get(&request).map_or(RequestStatus::InProcess, |held| held.status),
            );
            self.close_request(request, "Completed", Some("REQUEST_CLOSED"));
        }
        self.unbind(new.item);
        self.drop_reshelving(new.item);
        let id = self.next_id(7, 11);
        let (settled, now) = (self.settling(), self.now);
        let primary_id = self.users.get(&new.user).map(|user| user.primary_id().to_owned()).unwrap_or_default();
        let Some(item) = self.items.get_mut(&new.item) else { return id };
        item.loan = Some(id);
        item.awaiting_reshelving = false;
        item.settled_at = settled;
        item.seen_at = Some(super::model::Stop { library: new.library.clone(), desk: Some(new.desk.clone()) });
        let loan = Loan {
            id,
            user: new.user,
            primary_id,
            item: new.item,
            holding: item.holding,
            mms: item.mms,
            barcode: item.barcode.clone(),
            library: new.library.clone(),
            desk: new.desk.clone(),
            return_desk: None,
            due: due_date(now, self.behaviour.loan_days(&item.policy)),
            lent: now,
            returned: None,
            process_status: "NORMAL".to_owned(),
            renewed: None,
            renewals: 0,
            request: own,
            named_request: new.named_request,
        };
        self.loans.insert(id, loan);
        if let Some(user) = self.users.get_mut(&new.user) {
            user.loans.push(id);
        }
        self.set_process(new.item, Process::Loan);
        self.emit_loan("LOAN_CREATED", id);
        id
    }

    /// Returns why a loan cannot be renewed, if so.
    pub(crate) fn renewal_refused(&self, loan: &Loan) -> bool {
        let policy = self.items.get(&loan.item).map_or("", |item| item.policy.as_str());
        loan.returned.is_some()
            || matches!(loan.process_status.as_str(), "LOST" | "CLAIMED_RETURN" | "RECALL")
            || self.behaviour.rules.policies_without_renewal.contains(policy)
            || self.behaviour.max_renewals.is_some_and(|most| loan.renewals >= most)
            || self.behaviour.request_refuses_renewal && !self.queue_of(loan.item).is_empty()
            || self.users.get(&loan.user).is_none_or(|user| user.blocked(self.now).is_some())
    }

    /// Renews a loan.
    ///
    /// # Errors
    /// 401823 no such loan, 401822 cannot be renewed.
    pub(crate) fn renew(&mut self, id: Id) -> Result<(), Refusal> {
        let Some(loan) = self.loans.get(&id).filter(|loan| loan.returned.is_none()) else {
            return Err(Refusal::no_loan(&id.to_string()));
        };
        if self.renewal_refused(loan) {
            return Err(Refusal::new("401822", format!("Cannot renew loan: Loan ID {id}.")));
        }
        let policy = self.items.get(&loan.item).map(|item| item.policy.clone()).unwrap_or_default();
        let due = due_date(self.now, self.behaviour.loan_days(&policy)).max(loan.due);
        let now = self.now;
        if let Some(loan) = self.loans.get_mut(&id) {
            loan.due = due;
            loan.renewed = Some(now);
            loan.renewals += 1;
            loan.process_status = "RENEW".to_owned();
        }
        self.emit_loan("LOAN_RENEWED", id);
        Ok(())
    }

    /// Changes a due date.
    ///
    /// # Errors
    /// 401823 no such loan, 401681 in the past.
    pub(crate) fn set_due(&mut self, id: Id, due: Timestamp) -> Result<(), Refusal> {
        if due < self.now {
            return Err(Refusal::new("401681", "Due date cannot be in the past."));
        }
        let Some(loan) = self.loans.get_mut(&id).filter(|loan| loan.returned.is_none()) else {
            return Err(Refusal::no_loan(&id.to_string()));
        };
        loan.due = due;
        self.emit_loan("LOAN_DUE_DATE", id);
        Ok(())
    }

    /// Closes an item's loan at a desk. The message still shows the loan as active, as seen in the field.
    pub(super) fn close_loan(&mut self, pid: Id, library: &str, desk: &str) {
        let Some(id) = self.items.get(&pid).and_then(|item| item.loan) else { return };
        let now = self.now;
        if let Some(loan) = self.loans.get_mut(&id) {
            loan.return_desk = Some((library.to_owned(), desk.to_owned()));
        }
        self.emit_loan("LOAN_RETURNED", id);
        self.end_loan(pid, id, Some(now));
        self.refund_lost(pid);
        self.set_process(pid, Process::None);
        let settled = self.settling();
        if let Some(item) = self.items.get_mut(&pid) {
            item.settled_at = settled;
        }
    }

    /// Removes a loan from the active lists. Without a return it leaves no trace.
    pub(super) fn end_loan(&mut self, pid: Id, id: Id, returned: Option<Timestamp>) {
        if let Some(item) = self.items.get_mut(&pid) {
            item.loan = None;
        }
        let keep = self.behaviour.keep_history && returned.is_some();
        let Some(loan) = self.loans.get_mut(&id) else { return };
        loan.returned = returned;
        if let Some(user) = self.users.get_mut(&loan.user) {
            user.loans.retain(|each| *each != id);
            if keep {
                user.past_loans.push(id);
            }
        }
        if !keep {
            self.loans.remove(&id);
        }
    }
}

impl crate::options::Behaviour {
    pub(crate) fn loan_days(&self, policy: &str) -> i64 {
        self.rules.loan_days.get(policy).copied().unwrap_or(self.rules.default_loan_days)
    }
}

fn wrong_desk() -> Refusal {
    Refusal::new("401153", "Item cannot be loaned from this circulation desk.")
}

/// The library closes at 20:00 (UTC) on the day the loan is due.
fn due_date(now: Timestamp, length: i64) -> Timestamp {
    let midnight = now.as_second().div_euclid(86_400) * 86_400;
    let day = Timestamp::from_second(midnight).unwrap_or(now) + days(length);
    (day + SignedDuration::from_hours(20)).max(now + SignedDuration::from_hours(1))
}
