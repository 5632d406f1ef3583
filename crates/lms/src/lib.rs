//! The hub's view of a library system, and its adapters.
//!
//! [`HostLms`] says in the hub's words what the hub needs of a library system. Each method does one
//! act or one poll and answers an [`Outcome`]; none of them knows about statuses, which are decided
//! in `lending`. Only [`alma`] turns Alma's words into the hub's.
//!
//! # How to add a library system
//!
//! 1. A module beside [`alma`] with its settings, read at once and with a message for each fault.
//! 2. An `impl HostLms` in it. Each write names what makes a repeat safe (its natural key) and what
//!    is read after an unclear outcome; see [`Attempt`].
//! 3. Its kind in [`connect`].
//!
//! Nothing else in the project changes.

pub mod alma;
mod connect;
mod error;
mod finding;
mod host;
mod list;
mod priority;
mod quota;
mod request_items;
mod settings;
mod webhook;

pub use connect::{ConnectError, Connection, connect, connect_observed, example, kinds};
pub use error::{Error, Outage, Result};
pub use finding::Finding;
pub use host::{
    Attempt, HostLms, ItemRef, LenderHold, MarkedHold, PatronHold, PollQuery, VirtualItem, VirtualItemDeletion,
    VirtualPatron, Withdrawn,
};
pub use list::{ExpectedChange, ListContents, ListEntry};
pub use priority::{current_priority, with_priority};
pub use quota::{CallObserver, CallRate, CallReport, QuotaSettings};
pub use request_items::{missing, real_item, virtual_item, virtual_patron_of, virtual_side};
pub use settings::{SettingError, without_value};
pub use webhook::{WebhookMessage, WebhookRejection};
