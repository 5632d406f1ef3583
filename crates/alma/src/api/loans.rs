//! Calls for loans: a user's and an item's.
//!
//! Alma has no call that returns a loan. Scan the item in instead.

use jiff::Timestamp;
use serde_json::json;

use super::NO_USER;
use crate::call::Call;
use crate::client::Client;
use crate::code::Code;
use crate::error::Result;
use crate::ids::{Barcode, ItemPath, ItemPid, LoanId, UserId};
use crate::model::{Loan, NewLoan};
use crate::page::{PageStream, Paging, listing};

const NO_LOAN: &[Code] = &[Code::LoanNotFound];

/// The loans that a list contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoanFilter {
    /// Open loans.
    #[default]
    Active,
    /// Closed loans. There are none if the history of loans is anonymised.
    Complete,
}

impl LoanFilter {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Complete => "Complete",
        }
    }
}

/// The item to be lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemRef {
    /// By its id.
    Pid(ItemPid),
    /// By its barcode.
    Barcode(Barcode),
}

impl From<ItemPid> for ItemRef {
    fn from(pid: ItemPid) -> Self {
        Self::Pid(pid)
    }
}

impl From<Barcode> for ItemRef {
    fn from(barcode: Barcode) -> Self {
        Self::Barcode(barcode)
    }
}

/// The loans of one user.
#[derive(Debug, Clone)]
pub struct UserLoans {
    client: Client,
    user: UserId,
}

impl UserLoans {
    pub(crate) fn new(client: Client, user: UserId) -> Self {
        Self { client, user }
    }

    fn call(&self, operation: &'static str, endpoint: &'static str) -> Call {
        Call::new(operation, endpoint, &[self.user.as_str()]).private(&self.user)
    }

    fn call_for(&self, loan: &LoanId, operation: &'static str, endpoint: &'static str) -> Call {
        let call = Call::new(operation, endpoint, &[self.user.as_str(), loan.as_str()]);
        call.private(&self.user).absent(NO_LOAN)
    }

    /// Reads the list of the user's loans, each with whether it could be renewed.
    pub fn list(&self, filter: LoanFilter) -> PageStream<Loan> {
        let call = self.call("list a user's loans", "GET /users/{user}/loans").absent(NO_USER);
        let call = call.query("loan_status", filter.as_str()).query("expand", "renewable");
        listing(&self.client, call, "item_loan", Paging::ByPages)
    }

    /// Reads a loan.
    pub async fn get(&self, loan: &LoanId) -> Result<Loan> {
        self.client.one(self.call_for(loan, "read a loan", "GET /users/{user}/loans/{loan}")).await
    }

    /// Lends an item to the user.
    ///
    /// # Errors
    ///
    /// Alma refuses with [`Code::WrongDesk`] if the desk doesn't serve the item, and with [`Code::NotLoanable`] if the
    /// item can't be lent. "Not found" refers to the user. After an unclear answer, search the user's loans.
    pub async fn create(&self, item: impl Into<ItemRef>, loan: &NewLoan) -> Result<Loan> {
        let call = self.call("lend an item", "POST /users/{user}/loans").absent(NO_USER).json(loan.to_json());
        let call = match item.into() {
            ItemRef::Pid(pid) => call.query("item_pid", pid),
            ItemRef::Barcode(barcode) => call.query("item_barcode", barcode),
        };
        self.client.one(call).await
    }

    /// Renews a loan. Alma may report success and leave the due date as it was, so compare the dates. Alma refuses with
    /// [`Code::NotRenewable`].
    pub async fn renew(&self, loan: &LoanId) -> Result<Loan> {
        let call = self.call_for(loan, "renew a loan", "POST /users/{user}/loans/{loan}");
        self.client.one(call.query("op", "renew")).await
    }

    /// Changes the due date of a loan. Nothing else of a loan can be written. The user gets no letter.
    pub async fn change_due_date(&self, loan: &LoanId, due_date: Timestamp) -> Result<Loan> {
        let call = self.call_for(loan, "change a due date", "PUT /users/{user}/loans/{loan}");
        self.client.one(call.query("notify_user", false).json(json!({"due_date": due_date.to_string()}))).await
    }
}

/// The loans of one item. The address must contain the item's true holding.
#[derive(Debug, Clone)]
pub struct ItemLoans {
    client: Client,
    item: ItemPath,
}

impl ItemLoans {
    pub(crate) fn new(client: Client, item: ItemPath) -> Self {
        Self { client, item }
    }

    fn call(&self, operation: &'static str, endpoint: &'static str) -> Call {
        let ItemPath { mms, holding, pid } = &self.item;
        Call::new(operation, endpoint, &[mms.as_str(), holding.as_str(), pid.as_str()])
    }

    fn call_for(&self, loan: &LoanId, operation: &'static str, endpoint: &'static str) -> Call {
        let ItemPath { mms, holding, pid } = &self.item;
        let ids = [mms.as_str(), holding.as_str(), pid.as_str(), loan.as_str()];
        Call::new(operation, endpoint, &ids).absent(NO_LOAN)
    }

    /// Reads the list of the item's loans. At most one is active.
    pub fn list(&self, filter: LoanFilter) -> PageStream<Loan> {
        let endpoint = "GET /bibs/{mms}/holdings/{holding}/items/{pid}/loans";
        let call = self.call("list an item's loans", endpoint).query("loan_status", filter.as_str());
        listing(&self.client, call, "item_loan", Paging::ByPages)
    }

    /// Reads a loan without knowing its user.
    pub async fn get(&self, loan: &LoanId) -> Result<Loan> {
        let endpoint = "GET /bibs/{mms}/holdings/{holding}/items/{pid}/loans/{loan}";
        self.client.one(self.call_for(loan, "read a loan", endpoint)).await
    }

    /// Lends the item to `user`. The errors are those of [`UserLoans::create`].
    pub async fn create(&self, user: &UserId, loan: &NewLoan) -> Result<Loan> {
        let endpoint = "POST /bibs/{mms}/holdings/{holding}/items/{pid}/loans";
        let call = self.call("lend an item", endpoint).query("user_id", user).private(user);
        self.client.one(call.json(loan.to_json())).await
    }

    /// Renews a loan; see [`UserLoans::renew`].
    pub async fn renew(&self, loan: &LoanId) -> Result<Loan> {
        let endpoint = "POST /bibs/{mms}/holdings/{holding}/items/{pid}/loans/{loan}";
        self.client.one(self.call_for(loan, "renew a loan", endpoint).query("op", "renew")).await
    }
}
