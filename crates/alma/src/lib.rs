//! A typed, async client of the Ex Libris Alma REST API.
//!
//! ```no_run
//! use alma::{Barcode, Client, ItemPath, ScanIn};
//! use futures::TryStreamExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let key = std::env::var("ALMA_API_KEY")?;
//! let client = Client::builder("https://api-eu.hosted.exlibrisgroup.com", key.into()).build()?;
//!
//! if let Some(item) = client.items().by_barcode(&Barcode::from("31999000000011")).await? {
//!     println!("{:?} at {:?}, in place: {}", item.title, item.library, item.is_in_place());
//!     let holds = client.item_requests(&item.path()).list(&alma::RequestFilter::holds()).await?;
//!     println!("{} holds", holds.len());
//!     let item = client.items().scan_in(&item.path(), &ScanIn::at_desk("MAIN", "DEFAULT_CIRC_DESK")).await?;
//!     println!("now {:?}", item.process_type);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it takes care of
//!
//! - **Limits.** A client and its clones make no more calls per second than configured, and all of them slow down when
//!   Alma refuses a call because of its limit. The client leaves other applications what they use. Calls leave in the
//!   order of their [`Priority`]. [`Client::remaining`] returns how many of the day's calls are left.
//! - **Repeating.** The client repeats a call only if that can't do harm: when Alma refused it because of its limit per
//!   second, when it was never sent, and when a reading call got no answer. It never repeats a writing call that was
//!   sent. If no usable answer comes, the error is [`Error::Unclear`] and the caller must read the records.
//! - **Lists** are read to their end, page by page, as a [`PageStream`].
//! - **Unreadable data.** A field that can't be read is unknown, or has the meaning that its documentation gives. A
//!   record fails only without its id. A row of a list that can't be read is left out and counted in the [`List`],
//!   which then proves presence, not absence.
//! - **Shapes.** Blank fields come in five forms, numbers come as text, lists of one come as objects, and empty lists
//!   are missing. Error bodies are JSON or XML, whatever the call asked for. The client reads all of these. It ignores
//!   unknown fields when it reads a record, and keeps them when it changes one.
//! - **Addresses.** Every identifier is encoded as one segment of the path, whatever characters it contains.
//! - **Secrets and people.** The key goes into the `Authorization` header and nowhere else. `Debug` prints neither keys
//!   nor personal data. Errors contain neither, nor a body or query.
//!
//! # Errors
//!
//! [`Error`] has a variant for each reaction of a caller, and [`Error::remedy`] returns that reaction. Alma's codes are
//! a [`Code`], to be read together with the operation that failed:
//!
//! ```no_run
//! # use alma::{Client, Code, NewUser, User};
//! # async fn example(client: Client, new: NewUser) -> alma::Result<User> {
//! match client.users().create(&new).await {
//!     Err(error) if error.is_refused_with(&Code::IdentifierTaken) => client.users().get(&new.primary_id).await,
//!     other => other,
//! }
//! # }
//! ```
//!
//! # How it is built
//!
//! `api` has a handler for each area, `model` the data that go in and out, `call` describes one call, `client` sends
//! it, `response` evaluates the answer, `retry` decides about repetitions, `page` reads lists. To add a call, write a
//! method in `api` that builds a `Call` and passes it to the client. Everything above then applies to it.

#![warn(missing_docs)]

mod adaptive_rate;
mod addresses;
mod api;
mod base_url;
mod call;
mod client;
mod code;
mod error;
mod ids;
mod lenient;
mod model;
mod page;
mod priority;
mod rate_limiter;
mod report;
mod response;
mod retry;
mod transport;
pub mod webhook;
mod xml;

pub use addresses::{Lookup, RefusedAddress, Resolver, is_refused as is_refused_address};
pub use api::{
    Access, Area, BibRequests, Bibs, Conf, DeleteItem, EmptyHoldingPolicy, Holdings, ItemLoans, ItemRef, ItemRequests,
    Items, LoanFilter, RequestFilter, ScanAt, ScanIn, Sets, TaskLists, UserLoans, UserRequests, Users,
};
pub use base_url::origin;
pub use client::{Client, ClientBuilder, Timeouts};
pub use code::Code;
pub use error::{ConfigError, Error, Limit, Remedy, Result, Silence};
pub use ids::{
    Barcode, DeskCode, HoldingId, HoldingSelector, ItemPath, ItemPid, LibraryCode, LoanId, LocationCode, MmsId,
    RequestId, SetId, UserId,
};
pub use model::{
    AccountType, BaseStatus, Bib, Block, CHRONOLOGY, Cancellation, CircDesk, CodeTable, CodeTableRow, Coded,
    DeskLocation, ENUMERATION, Email, General, Holding, HoldingSummary, Identifier, Item, Library, Loan, LoanProcess,
    LoanStatus, Location, LocationDesk, NewBlock, NewIdentifier, NewItem, NewLoan, NewRequest, NewUser, Pickup,
    ProcessType, Redacted, Request, RequestOption, RequestStatus, RequestType, RequestedCopy, RequestedResource, Set,
    SetMember, User, UserSummary, WaitingRequest,
};
pub use page::{List, PageStream, Search};
pub use priority::Priority;
pub use rate_limiter::CallRate;
pub use report::{CallOutcome, CallReport};
pub use retry::RetryPolicy;
pub use transport::{Incoming, NoAnswer, Outgoing, Transport};
