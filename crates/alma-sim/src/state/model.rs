//! The records of the state: bibs, holdings, items, requests, loans, users.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The id of a record of any kind.
pub(crate) type Id = u64;

/// Text that the catalogue and its published copy share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shared(pub(crate) Arc<str>);

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shared, D::Error> {
        String::deserialize(deserializer).map(|text| Shared(text.into()))
    }
}

/// A title.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bib {
    pub(crate) mms: Id,
    /// The record element, without namespace.
    pub(crate) xml: Shared,
    pub(crate) title: String,
    pub(crate) author: Option<String>,
    pub(crate) isbn: Option<String>,
    pub(crate) issn: Option<String>,
    pub(crate) place: Option<String>,
    pub(crate) publisher: Option<String>,
    pub(crate) year: Option<String>,
    pub(crate) network_numbers: Vec<String>,
    pub(crate) suppressed: bool,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) holdings: Vec<Id>,
    /// Active requests on the title and its items, in the order they were placed.
    pub(crate) requests: Vec<Id>,
}

/// A holdings record.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Holding {
    pub(crate) id: Id,
    pub(crate) mms: Id,
    pub(crate) xml: String,
    pub(crate) library: String,
    pub(crate) location: String,
    pub(crate) call_number: String,
    pub(crate) call_number_type: String,
    pub(crate) suppressed: bool,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) items: Vec<Id>,
}

/// Why an item is not in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) enum Process {
    /// In place.
    #[default]
    None,
    Acq,
    ClaimedReturned,
    HoldShelf,
    Ill,
    Loan,
    LostLoan,
    LostLoanAndPaid,
    Missing,
    Technical,
    Transit,
    TransitToRemoteStorage,
    WorkOrder,
}

impl Process {
    /// Code of table PROCESSTYPE; empty when in place.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Process::None => "",
            Process::Acq => "ACQ",
            Process::ClaimedReturned => "CLAIM_RETURNED_LOAN",
            Process::HoldShelf => "HOLDSHELF",
            Process::Ill => "ILL",
            Process::Loan => "LOAN",
            Process::LostLoan => "LOST_LOAN",
            Process::LostLoanAndPaid => "LOST_LOAN_AND_PAID",
            Process::Missing => "MISSING",
            Process::Technical => "TECHNICAL",
            Process::Transit => "TRANSIT",
            Process::TransitToRemoteStorage => "TRANSIT_TO_REMOTE_STORAGE",
            Process::WorkOrder => "WORK_ORDER_DEPARTMENT",
        }
    }

    /// An item in this state can wait for its turn to serve a hold.
    pub(crate) fn requestable(self) -> bool {
        !matches!(
            self,
            Process::Missing | Process::LostLoan | Process::LostLoanAndPaid | Process::ClaimedReturned | Process::Ill
        )
    }
}

/// A place an item goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) library: String,
    pub(crate) desk: Option<String>,
}

/// A copy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) pid: Id,
    pub(crate) mms: Id,
    pub(crate) holding: Id,
    /// Further titles that are bound in the same volume.
    #[serde(default)]
    pub(crate) bound_with: Vec<Id>,
    pub(crate) barcode: String,
    pub(crate) material: String,
    pub(crate) policy: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) process: Process,
    /// The process type before the last change, and the time of that change: the index follows later.
    #[serde(default)]
    pub(crate) process_before: Process,
    #[serde(default)]
    pub(crate) process_since: Timestamp,
    /// Temporary library and location.
    pub(crate) temporary: Option<(String, String)>,
    /// The request for which this item is taken: it is on its way to, or on, the hold shelf.
    pub(crate) bound: Option<Id>,
    /// Alma's own request that brings an item in transit home.
    pub(crate) reshelving_request: Option<Id>,
    pub(crate) loan: Option<Id>,
    pub(crate) transit_to: Option<Stop>,
    /// The place of the last scan or loan.
    pub(crate) seen_at: Option<Stop>,
    pub(crate) awaiting_reshelving: bool,
    pub(crate) in_house_uses: u32,
    /// The moment from which it can be requested.
    pub(crate) settled_at: Timestamp,
    pub(crate) work_order: Option<(String, String)>,
    /// Other writable fields of `item_data`, and `copy_id`, as sent.
    pub(crate) extra: Map<String, Value>,
}

impl Item {
    pub(crate) fn in_place(&self) -> bool {
        self.process == Process::None
    }
}

/// Where a request is to be picked up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Pickup {
    pub(crate) kind: String,
    pub(crate) library: String,
    pub(crate) desk: Option<String>,
}

/// Progress of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RequestStatus {
    NotStarted,
    InProcess,
    OnHoldShelf,
    History,
}

impl RequestStatus {
    pub(crate) fn code(self) -> &'static str {
        match self {
            RequestStatus::NotStarted => "NOT_STARTED",
            RequestStatus::InProcess => "IN_PROCESS",
            RequestStatus::OnHoldShelf => "ON_HOLD_SHELF",
            RequestStatus::History => "HISTORY",
        }
    }
}

/// A request of a user, or of Alma itself (WORK_ORDER).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) id: Id,
    /// None for Alma's own.
    pub(crate) user: Option<Id>,
    pub(crate) primary_id: String,
    pub(crate) mms: Id,
    /// The requested item; none at title level.
    pub(crate) asked: Option<Id>,
    /// The item that is taken for the request.
    pub(crate) item: Option<Id>,
    pub(crate) kind: String,
    pub(crate) sub_type: String,
    pub(crate) pickup: Pickup,
    pub(crate) comment: Option<String>,
    pub(crate) description: String,
    pub(crate) material_type: String,
    pub(crate) last_interest: Option<Timestamp>,
    pub(crate) status: RequestStatus,
    pub(crate) placed: Timestamp,
    pub(crate) expiry: Option<Timestamp>,
    pub(crate) closed_as: Option<String>,
    pub(crate) printed: bool,
}

impl Request {
    pub(crate) fn is_hold(&self) -> bool {
        self.kind == "HOLD"
    }

    pub(crate) fn active(&self) -> bool {
        self.status != RequestStatus::History
    }
}

/// A loan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Loan {
    pub(crate) id: Id,
    pub(crate) user: Id,
    pub(crate) primary_id: String,
    pub(crate) item: Id,
    pub(crate) holding: Id,
    pub(crate) mms: Id,
    pub(crate) barcode: String,
    pub(crate) library: String,
    pub(crate) desk: String,
    pub(crate) return_desk: Option<(String, String)>,
    pub(crate) due: Timestamp,
    pub(crate) lent: Timestamp,
    pub(crate) returned: Option<Timestamp>,
    pub(crate) process_status: String,
    pub(crate) renewed: Option<Timestamp>,
    pub(crate) renewals: u32,
    pub(crate) request: Option<Id>,
    /// The request that the caller named for the loan.
    #[serde(default)]
    pub(crate) named_request: Option<Id>,
}

/// A user with their loans, requests and other records.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UserEntry {
    pub(crate) key: Id,
    /// The user as stored, in the API's shape.
    pub(crate) data: Map<String, Value>,
    pub(crate) password: Option<String>,
    #[serde(default)]
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) modified: Timestamp,
    pub(crate) loans: Vec<Id>,
    pub(crate) past_loans: Vec<Id>,
    pub(crate) requests: Vec<Id>,
    pub(crate) past_requests: Vec<Id>,
}
