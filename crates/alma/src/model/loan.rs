//! Loans.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ids::{Barcode, DeskCode, HoldingId, ItemPid, LibraryCode, LoanId, MmsId, RequestId, UserId};
use crate::lenient;
use crate::model::{Coded, LoanProcess, LoanStatus};
use crate::page::Row;

/// A loan.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Loan {
    /// The loan's id.
    #[serde(rename = "loan_id", deserialize_with = "lenient::required")]
    pub id: LoanId,
    /// Whether it is open.
    #[serde(rename = "loan_status", default, deserialize_with = "lenient::or_default")]
    pub status: LoanStatus,
    /// What happened to it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub process_status: Option<LoanProcess>,
    /// The borrower.
    #[serde(rename = "user_id", default, deserialize_with = "lenient::opt")]
    pub user: Option<UserId>,
    /// The item's barcode.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub item_barcode: Option<Barcode>,
    /// The title.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub mms_id: Option<MmsId>,
    /// The holding; missing in old loans.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub holding_id: Option<HoldingId>,
    /// The item; missing in old loans.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub item_id: Option<ItemPid>,
    /// The library that lent it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub library: Option<Coded>,
    /// The desk that lent it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub circ_desk: Option<Coded>,
    /// The desk that took it back.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub return_circ_desk: Option<Coded>,
    /// When it is due back; unknown if that can't be read.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub due_date: Option<Timestamp>,
    /// When it was lent.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub loan_date: Option<Timestamp>,
    /// When it came back.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub return_date: Option<Timestamp>,
    /// When it was last renewed.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub last_renew_date: Option<Timestamp>,
    /// How the last renewal went.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub last_renew_status: Option<Coded>,
    /// Whether it could be renewed; only if the call asked for it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub renewable: Option<bool>,
    /// The title's name.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub title: Option<String>,
    /// The title's author.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub author: Option<String>,
    /// The item's location.
    #[serde(rename = "location_code", default, deserialize_with = "lenient::opt")]
    pub location: Option<Coded>,
    /// The item's policy.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub item_policy: Option<Coded>,
    /// The call number.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub call_number: Option<String>,
}

/// A loan to be created. Its due date follows from Alma's policies and can be changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLoan {
    /// The library of the desk.
    pub library: LibraryCode,
    /// The desk; it must serve the item's library.
    pub circ_desk: DeskCode,
    /// The request that the loan fulfils. Alma closes the borrower's own request on the item anyway.
    pub request_id: Option<RequestId>,
}

impl NewLoan {
    /// Creates a loan at this desk.
    pub fn at(library: impl Into<LibraryCode>, circ_desk: impl Into<DeskCode>) -> Self {
        Self { library: library.into(), circ_desk: circ_desk.into(), request_id: None }
    }

    /// Returns the body of the call that creates the loan.
    pub(crate) fn to_json(&self) -> Value {
        let mut loan = json!({"circ_desk": {"value": self.circ_desk}, "library": {"value": self.library}});
        if let Some(request) = &self.request_id {
            loan["request_id"] = json!({"value": request});
        }
        loan
    }
}

/// A row whose borrower can't be read may be anybody's loan.
impl Row for Loan {
    const REPORTING: &'static [&'static str] = &["user_id"];
}
