//! Actions of staff and of Alma's own jobs only: lost, claimed returned, found, missing, paid, expiry, the hold shelf.

use jiff::SignedDuration;

use super::Alma;
use super::model::{Id, Process, Request, RequestStatus};
use crate::record::Record;
use crate::refusal::Refusal;

/// A mark that staff put on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The borrower lost it.
    Lost,
    /// The lost item is paid for.
    LostAndPaid,
    /// The borrower claims to have returned it.
    ClaimedReturned,
    /// A lost or claimed item was found with the borrower: an ordinary loan again.
    Found,
    /// Not on the shelf.
    Missing,
    /// Sent to technical services.
    Technical,
    /// On order: bought, not arrived.
    OnOrder,
    /// Away for resource sharing.
    Ill,
    /// On its way to remote storage, where it is kept from now on.
    ToRemoteStorage,
}

fn refuse(reason: impl Into<String>) -> Refusal {
    Refusal::new("STAFF_REFUSED", reason)
}

impl Alma {
    /// Marks an item.
    ///
    /// # Errors
    /// When the item's state does not allow it: lost needs a loan, a lost loan is claimed returned only after it was
    /// found, a lent item is not missing.
    pub(crate) fn mark(&mut self, pid: Id, mark: Mark) -> Result<(), Refusal> {
        let Some(item) = self.items.get(&pid) else { return Err(refuse("no such item")) };
        let loan = item.loan;
        match (mark, item.process, loan) {
            (Mark::Lost, Process::Loan, Some(loan)) => {
                self.mark_loan(pid, loan, Process::LostLoan, "LOST", Some("LOAN_LOST"));
                self.charge_lost(pid, loan);
            }
            (Mark::ClaimedReturned, Process::Loan, Some(loan)) => {
                let event = Some("LOAN_CLAIMED_RETURNED");
                self.mark_loan(pid, loan, Process::ClaimedReturned, "CLAIMED_RETURN", event);
            }
            (Mark::Found, Process::LostLoan | Process::ClaimedReturned, Some(loan)) => {
                self.mark_loan(pid, loan, Process::Loan, "NORMAL", None);
                self.refund_lost(pid);
            }
            (Mark::LostAndPaid, Process::LostLoan, Some(loan)) => {
                self.pay_lost(pid);
                self.end_loan(pid, loan, Some(self.now));
                self.set_process(pid, Process::LostLoanAndPaid);
            }
            (Mark::Missing, Process::LostLoan, Some(loan)) => {
                self.end_loan(pid, loan, None);
                self.set_process(pid, Process::Missing);
            }
            (Mark::Missing, Process::None | Process::Transit | Process::HoldShelf, None) => {
                self.drop_reshelving(pid);
                self.set_process(pid, Process::Missing);
                self.reassign(pid);
            }
            (Mark::Found, Process::Missing, None) => self.set_process(pid, Process::None),
            (Mark::Technical, Process::None, None) => self.set_process(pid, Process::Technical),
            (Mark::OnOrder, Process::None, None) => self.set_process(pid, Process::Acq),
            (Mark::Ill, Process::None, None) => self.set_process(pid, Process::Ill),
            (Mark::ToRemoteStorage, Process::None, None) => self.set_process(pid, Process::TransitToRemoteStorage),
            (mark, process, _) => {
                let state = if process == Process::None { "in place" } else { process.code() };
                return Err(refuse(format!("an item that is {state} cannot be marked {mark:?}")));
            }
        }
        Ok(())
    }

    fn mark_loan(&mut self, pid: Id, loan: Id, process: Process, status: &str, event: Option<&str>) {
        if let Some(loan) = self.loans.get_mut(&loan) {
            status.clone_into(&mut loan.process_status);
        }
        self.set_process(pid, process);
        if let Some(event) = event {
            self.emit_loan(event, loan);
        }
        if process != Process::Loan {
            self.reassign(pid);
        }
    }

    /// Deletes a user's record although a loan is open. The loan names nobody from then on (Alma's job "Purge User
    /// Records" deletes users without checking the institution's other systems; how it shows such a loan is inferred).
    pub(crate) fn purge_user(&mut self, key: Id) {
        self.index.identifiers.retain(|_, (owner, _)| *owner != key);
        self.index.emails.values_mut().for_each(|owners| owners.retain(|owner| *owner != key));
        if let Some(user) = self.users.get_mut(&key) {
            user.data.insert("primary_id".to_owned(), serde_json::Value::from(""));
        }
        self.loans.values_mut().filter(|loan| loan.user == key).for_each(|loan| loan.primary_id.clear());
    }

    /// Moves an item to a new holding under a title, its own or another one, at the library and location of the old
    /// holding. The item keeps its pid and barcode, and its requests and loan follow it (Alma's online help, "Changing
    /// the holdings information of an item" and "Relinking a holdings record to another bibliographic record").
    ///
    /// # Errors
    /// 402203 unknown title.
    pub(crate) fn relink_item(&mut self, pid: Id, mms: Id) -> Result<(), Refusal> {
        if !self.bibs.contains_key(&mms) {
            return Err(Refusal::no_bib(&mms.to_string()));
        }
        let Some((from, old)) = self.items.get(&pid).map(|item| (item.mms, item.holding)) else {
            return Err(refuse("no such item"));
        };
        let record = self.holdings.get(&old).map(|holding| Record::from_xml(&holding.xml));
        let Some(Ok(record)) = record else { return Err(refuse("the item's holding can't be copied")) };
        let new = self.create_holding(mms, &record, false)?;
        if let Some(holding) = self.holdings.get_mut(&old) {
            holding.items.retain(|each| *each != pid);
        }
        if let Some(holding) = self.holdings.get_mut(&new) {
            holding.items.push(pid);
        }
        let (now, mut loan) = (self.now, None);
        if let Some(item) = self.items.get_mut(&pid) {
            (item.mms, item.holding, item.modified) = (mms, new, now);
            loan = item.loan;
        }
        if let Some(loan) = loan.and_then(|id| self.loans.get_mut(&id)) {
            loan.mms = mms;
        }
        self.relink_requests(pid, from, mms);
        self.mark_changed(from);
        self.mark_changed(mms);
        self.emit_item("ITEM_UPDATED", pid);
        Ok(())
    }

    fn relink_requests(&mut self, pid: Id, from: Id, to: Id) {
        let of_item = |request: &&Request| request.asked == Some(pid) || request.item == Some(pid);
        let moved: Vec<Id> = self.requests.values().filter(of_item).map(|request| request.id).collect();
        for id in &moved {
            if let Some(request) = self.requests.get_mut(id) {
                request.mms = to;
            }
        }
        if let Some(bib) = self.bibs.get_mut(&from) {
            bib.requests.retain(|each| !moved.contains(each));
        }
        if let Some(bib) = self.bibs.get_mut(&to) {
            bib.requests.retain(|each| !moved.contains(each));
            bib.requests.extend(moved);
        }
    }

    /// Sets a hold's last day on the shelf to yesterday, as libraries do before they send an item home.
    ///
    /// # Errors
    /// When the hold is not on the shelf.
    pub(crate) fn expire_hold(&mut self, id: Id) -> Result<(), Refusal> {
        let yesterday = self.now - SignedDuration::from_hours(24);
        match self.requests.get_mut(&id).filter(|request| request.status == RequestStatus::OnHoldShelf) {
            Some(request) => {
                request.expiry = Some(yesterday);
                Ok(())
            }
            None => Err(refuse("the request is not on the hold shelf")),
        }
    }

    /// Processes the expired shelf as staff do: each hold past its time ends, its item stays until it is scanned.
    pub(crate) fn run_shelf_expiry(&mut self) -> usize {
        let over = |request: &&Request| {
            request.status == RequestStatus::OnHoldShelf && request.expiry.is_some_and(|at| at < self.now)
        };
        let ids: Vec<Id> = self.active().filter(over).map(|request| request.id).collect();
        ids.iter().for_each(|id| self.close_expired(*id));
        ids.len()
    }

    /// Runs the nightly job, which cancels holds past their last day of interest.
    pub(crate) fn run_interest_expiry(&mut self) -> usize {
        let over = |request: &&Request| {
            request.is_hold()
                && request.status != RequestStatus::OnHoldShelf
                && request.last_interest.is_some_and(|at| at < self.now)
        };
        let ids: Vec<Id> = self.active().filter(over).map(|request| request.id).collect();
        let event = if self.behaviour.expiry_is_cancellation { "REQUEST_CANCELED" } else { "REQUEST_CLOSED" };
        ids.iter().for_each(|id| self.close_request(*id, "Expired", Some(event)));
        ids.len()
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = &Request> {
        self.active_requests.iter().filter_map(|id| self.requests.get(id))
    }

    /// Adds an active general block to a user.
    pub(crate) fn add_block(&mut self, key: Id, code: &str, note: &str) {
        let (stamp, text) = (crate::clock::moment(self.now), self.describe("UserBlockDescription", code));
        let block = serde_json::json!({"block_type": {"value": "GENERAL", "desc": "General"},
            "block_description": {"value": code, "desc": text}, "block_status": "ACTIVE", "block_note": note,
            "created_by": "staff", "created_date": stamp, "segment_type": "Internal"});
        if let Some(user) = self.users.get_mut(&key) {
            let list = user.data.entry("user_block").or_insert_with(|| serde_json::json!([]));
            if let Some(rows) = list.as_array_mut() {
                rows.push(block);
            }
        }
        self.emit_user("UPDATE", key);
    }

    /// Removes a user's blocks with this description code, or all.
    pub(crate) fn remove_blocks(&mut self, key: Id, code: Option<&str>) {
        if let Some(user) = self.users.get_mut(&key)
            && let Some(rows) = user.data.get_mut("user_block").and_then(serde_json::Value::as_array_mut)
        {
            rows.retain(|row| code.is_some_and(|code| row["block_description"]["value"] != code));
        }
        self.emit_user("UPDATE", key);
    }
}
