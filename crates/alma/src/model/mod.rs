//! The data that Alma returns and receives, apart from the calls.
//!
//! Reading is tolerant; see the crate's page. Field names are Alma's, except where those are misleading.

mod bib;
mod codes;
mod conf;
mod item;
mod loan;
mod request;
mod set;
mod task;
mod user;

pub use bib::{Bib, Holding, HoldingSummary};
pub use codes::{BaseStatus, Coded, LoanProcess, LoanStatus, ProcessType, Redacted, RequestStatus, RequestType};
pub use conf::{CircDesk, CodeTable, CodeTableRow, DeskLocation, General, Library, Location, LocationDesk};
pub use item::{CHRONOLOGY, ENUMERATION, Item, NewItem, RequestOption};
pub use loan::{Loan, NewLoan};
pub use request::{Cancellation, NewRequest, Pickup, Request};
pub use set::{Set, SetMember};
pub use task::{RequestedCopy, RequestedResource, WaitingRequest};
pub use user::{AccountType, Block, Email, Identifier, NewBlock, NewIdentifier, NewUser, User, UserSummary};

pub(crate) use bib::{bib_from_reply, bibs_from_reply, holding_from_reply, marc_record};
