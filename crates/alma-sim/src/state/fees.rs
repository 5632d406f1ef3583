//! Fees: the fee for a lost item, charges by staff or a program, and how a fee is paid, waived or disputed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Alma;
use super::model::Id;
use crate::refusal::Refusal;

/// Type of the fee for a lost item.
pub(crate) const LOST_ITEM: &str = "LOSTITEMREPLACEMENTFEE";

/// A fee on a user. Amounts are in cents.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fee {
    pub(crate) id: Id,
    pub(crate) user: Id,
    /// Code of table FineFeeTransactionType.
    pub(crate) kind: String,
    pub(crate) status: FeeStatus,
    pub(crate) amount: i64,
    pub(crate) balance: i64,
    pub(crate) library: String,
    pub(crate) comment: String,
    pub(crate) item: Option<Id>,
    pub(crate) created: Timestamp,
    pub(crate) changed: Timestamp,
    pub(crate) transactions: Vec<Transaction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum FeeStatus {
    Active,
    InDispute,
    Closed,
}

impl FeeStatus {
    pub(crate) fn code(self) -> &'static str {
        match self {
            FeeStatus::Active => "ACTIVE",
            FeeStatus::InDispute => "INDISPUTE",
            FeeStatus::Closed => "CLOSED",
        }
    }
}

/// A payment or waiver.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Transaction {
    /// PAYMENT or WAIVE.
    pub(crate) kind: String,
    pub(crate) amount: i64,
    pub(crate) reason: String,
    pub(crate) method: String,
    pub(crate) external_id: String,
    pub(crate) at: Timestamp,
}

/// An action on a fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FeeAct {
    /// Pays so many cents.
    Pay {
        cents: i64,
        method: String,
        external_id: String,
    },
    /// Waives so many cents; all when absent.
    Waive {
        cents: Option<i64>,
        reason: String,
    },
    Dispute,
    Restore,
}

pub(crate) fn bad_amount() -> Refusal {
    Refusal::new("401660", "Amount must be a positive number that is not greater than the fee's balance.")
}

impl Alma {
    /// Charges a user.
    ///
    /// # Errors
    /// 401864 for a type the code table does not have, 401660 for an amount that is not positive.
    pub(crate) fn charge(
        &mut self,
        user: Id,
        kind: &str,
        cents: i64,
        library: &str,
        comment: &str,
        item: Option<Id>,
    ) -> Result<Id, Refusal> {
        if !self.tables.get("FineFeeTransactionType").is_some_and(|table| table.enabled(kind)) {
            return Err(Refusal::new("401664", format!("Fee type is missing or not valid: {kind}")));
        }
        if cents <= 0 {
            return Err(bad_amount());
        }
        let id = self.next_id(5, 11);
        let fee = Fee {
            id,
            user,
            kind: kind.to_owned(),
            status: FeeStatus::Active,
            amount: cents,
            balance: cents,
            library: library.to_owned(),
            comment: comment.to_owned(),
            item,
            created: self.now,
            changed: self.now,
            transactions: Vec::new(),
        };
        self.fees.insert(id, fee);
        Ok(id)
    }

    /// Fees of a user, oldest first.
    pub(crate) fn fees_of(&self, user: Id) -> impl Iterator<Item = &Fee> {
        self.fees.values().filter(move |fee| fee.user == user)
    }

    /// Returns the debt of a user, in cents.
    pub(crate) fn owed(&self, user: Id) -> i64 {
        self.fees_of(user).filter(|fee| fee.status != FeeStatus::Closed).map(|fee| fee.balance).sum()
    }

    /// Pays, waives, disputes or restores a fee.
    ///
    /// # Errors
    /// 401660 for a bad amount, 401666 when the fee's status does not allow it.
    pub(crate) fn settle_fee(&mut self, id: Id, act: FeeAct) -> Result<(), Refusal> {
        let now = self.now;
        let unknown = || Refusal::new("401655", "Fee identifier not found.");
        let fee = self.fees.get_mut(&id).ok_or_else(unknown)?;
        let wrong_status = || Refusal::new("401666", format!("Fee status is {}.", fee.status.code()));
        let (kind, cents, reason, method, external_id) = match act {
            FeeAct::Dispute if fee.status == FeeStatus::Active => {
                (fee.status, fee.changed) = (FeeStatus::InDispute, now);
                return Ok(());
            }
            FeeAct::Restore if fee.status == FeeStatus::InDispute => {
                (fee.status, fee.changed) = (FeeStatus::Active, now);
                return Ok(());
            }
            FeeAct::Pay { cents, method, external_id } => ("PAYMENT", cents, String::new(), method, external_id),
            FeeAct::Waive { cents, reason } => {
                ("WAIVE", cents.unwrap_or(fee.balance), reason, String::new(), String::new())
            }
            FeeAct::Dispute | FeeAct::Restore => return Err(wrong_status()),
        };
        if fee.status == FeeStatus::Closed {
            return Err(wrong_status());
        }
        if cents <= 0 || cents > fee.balance {
            return Err(bad_amount());
        }
        fee.balance -= cents;
        fee.changed = now;
        if fee.balance == 0 {
            fee.status = FeeStatus::Closed;
        }
        fee.transactions.push(Transaction {
            kind: kind.to_owned(),
            amount: cents,
            reason,
            method,
            external_id,
            at: now,
        });
        Ok(())
    }

    /// Charges the fee for a lost item, if the site has one.
    pub(super) fn charge_lost(&mut self, pid: Id, loan: Id) {
        let Some(cents) = self.behaviour.lost_fee_cents else { return };
        let Some((user, library)) = self.loans.get(&loan).map(|loan| (loan.user, loan.library.clone())) else { return };
        // A site whose code table lacks the type charges nothing.
        let _ = self.charge(user, LOST_ITEM, cents, &library, "", Some(pid));
    }

    /// Cancels the fee for a lost item: the item came home, or was found.
    pub(super) fn refund_lost(&mut self, pid: Id) {
        self.end_lost_fees(pid, |_| FeeAct::Waive { cents: None, reason: "RETURNED".to_owned() });
    }

    /// Records that the fee for a lost item is paid at the desk.
    pub(super) fn pay_lost(&mut self, pid: Id) {
        let paid = |cents| FeeAct::Pay { cents, method: "CASH".to_owned(), external_id: String::new() };
        self.end_lost_fees(pid, paid);
    }

    fn end_lost_fees(&mut self, pid: Id, act: impl Fn(i64) -> FeeAct) {
        let lost = |fee: &&Fee| fee.item == Some(pid) && fee.kind == LOST_ITEM && fee.status != FeeStatus::Closed;
        let open: Vec<(Id, i64)> = self.fees.values().filter(lost).map(|fee| (fee.id, fee.balance)).collect();
        for (id, balance) in open {
            // Only open fees are settled, and in full, so there is nothing to refuse.
            let _ = self.settle_fee(id, act(balance));
        }
    }
}
