//! The hub's view of a library system, and its adapters.
//!
//! [`HostLms`] defines what the hub needs of a library system, in the hub's terms. Each method makes one change or one
//! poll and returns a [`Result`]. No method knows about statuses, which `lending` decides. Only [`alma`] translates
//! between Alma's terms and the hub's.
//!
//! # How to add a library system
//!
//! 1. Write a module next to [`alma`] with the system's settings, which are read at once and with a message for each
//!    fault.
//! 2. Implement [`HostLms`] in it. Each write documents what makes a repeat safe (its natural key) and what the adapter
//!    reads after an unclear outcome; see [`Attempt`].
//! 3. Define the module's `ADAPTER` and add it to the list `ADAPTERS` in `connect.rs`.
//!
//! Nothing else in the project changes.

pub mod alma;
mod codes;
mod connect;
mod error;
mod finding;
mod held_copies;
mod host;
mod list;
mod priority;
mod pseudonym;
mod quota;
mod request_items;
mod settings;
mod webhook;

pub use codes::{InstitutionCodes, LibraryCodes, LocationOfLibrary, NamedCode};
pub use connect::{ConnectError, Connection, Operation, connect, connect_to_work, example, kinds, reject_webhook};
pub use error::{Error, Outage, Result};
pub use finding::{Finding, RegisteredPickup, Registration, Verdict, count};
pub use held_copies::{BibCopies, CopiesDetail, NamedPlace, NotAllCopies};
pub use host::{
    Attempt, HostLms, ItemRef, LenderHold, MarkedHold, PatronCheck, PatronHold, PollQuery, VirtualItem,
    VirtualItemDeletion, VirtualPatron, VirtualPatronRemoval, Withdrawn,
};
pub use list::{ExpectedChange, ListContents, ListEntry};
pub use priority::{current_priority, with_priority};
pub use pseudonym::PseudonymKey;
pub use quota::{CallObserver, CallRate, CallReport, QuotaSettings};
pub use request_items::{missing, real_item, virtual_agency, virtual_item, virtual_patron_of, virtual_side};
pub use settings::{SettingError, without_value};
pub use webhook::{WebhookMessage, WebhookRejection};
