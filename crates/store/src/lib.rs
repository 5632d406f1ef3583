//! Durable state on SQLite and PostgreSQL behind one set of queries. Nothing else in the project knows SQL.
//!
//! A [`Store`] reads; a [`Tx`] writes, and reads what it has written. Lookups answer `Option`, since callers
//! treat "not there" apart. Writes take the time from their caller; there is no clock in here.
//!
//! Every statement is built once with sea-query and rendered for the database at hand, so columns are text or
//! 64-bit integers on both: times are microseconds since 1970 in UTC, documents are JSON text.
//!
//! # How to add a query
//!
//! 1. Its table and columns, if new, as the next entry of `migrations::ALL`; earlier entries never change.
//! 2. The statement, in the module of its aggregate, built with the `Iden`s of that module.
//! 3. `fetch`, `execute` or, where nobody waits for what comes of it, `later` on [`Tx`]; or `fetch` on [`Store`] for a read of its own.
//! 4. A test in `tests/it`, inside `both!`, which runs it on both databases.

mod audit;
mod audit_chain;
mod batch_polls;
mod claims;
mod copy;
mod db;
mod embedded;
mod error;
mod institutions;
mod intents;
mod migrations;
mod nodes;
mod private;
mod requests;
mod reschedule;
mod scheduled;
mod seal;
mod time;
mod webhooks;
mod write_probe;
mod writes;

pub use audit::{AuditEntry, AuditRow};
pub use audit_chain::{AuditFault, Verified};
pub use batch_polls::{BatchPoll, ListEntry, ListedPoll, NewBatchPoll};
pub use claims::{Claim, Claimed};
pub use copy::StoreDigest;
pub use db::{Database, Store, Tx};
pub use error::Error;
pub use institutions::{Agency, Institution, StoredPickupLocation};
pub use intents::{FailingPolls, Intent, NOTHING_NEW, NewIntent, QueueCounts, Work};
pub use nodes::{Node, NodeEvent};
pub use requests::{Cursor, Page, RequestFilter, Stored};
pub use seal::{KeyError, MasterKey};
pub use webhooks::{Webhook, WebhookSecrets, WebhookUpdate};
