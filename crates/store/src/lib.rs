//! Durable state on SQLite and PostgreSQL behind one set of queries. Nothing else in the project knows SQL.
//!
//! A [`Store`] reads, and does a [`Unit`] of work: statements that are done as a whole or not at all. Lookups answer
//! `Option`, since callers treat "not there" apart. Writes take the time from their caller; there is no clock in here.
//!
//! A unit never reads to decide: whoever decides reads first, and the unit says what must still hold, such as the
//! request's version. So it is handed over once, holds no lock while anybody thinks, and shares its commit with others.
//!
//! # Errors
//!
//! Any call that reaches the database may fail with [`Error::Unavailable`], and a commit with [`Error::Contended`]. Nothing is
//! done then, so the caller can do it once more; for exceptions see [`Store::commit`]. A method names only the errors that
//! it has besides these.
//!
//! # How to add a query
//!
//! 1. Its table and columns, if new, as the next entry of `schema::ALL`; earlier entries never change.
//! 2. The statement, in the module of its aggregate, as it is: one text for both databases, with `$1`, `$2` in the order of
//!    their first use, which is how SQLite counts. `CAST($1 AS BIGINT)` where PostgreSQL can't see the type.
//! 3. A method of [`Store`] that reads it and maps rows by the names of their columns; or one of [`Unit`] that adds it, and
//!    says how many rows it must touch.
//! 4. A test in `tests/it`, inside `both!`, which runs it on both databases.

mod admin_audit;
mod answers;
mod api_keys;
mod audit;
mod audit_chain;
mod audit_text;
mod batch_polls;
mod bulk;
mod claims;
mod copy;
mod database;
mod deliveries;
mod error;
mod events;
mod institutions;
mod lender_facts;
mod master_keys;
mod nodes;
mod open_work;
mod past_supplies;
mod patron_reads;
mod polls;
mod postgres;
mod private;
#[macro_use]
mod request_list_sql;
mod request_list;
mod request_messages;
mod requests;
mod reschedule;
mod retention;
mod rotation;
mod saved_views;
mod schema;
mod seal;
mod sealed;
mod setup_checks;
mod sql;
mod sqlite;
mod subscriptions;
mod summaries;
mod supplier_choices;
mod supplier_policies;
mod time;
mod titles;
mod unit;
mod users;
mod virtual_patrons;
mod webhooks;
mod work;
mod writes;

pub use admin_audit::{AdminAct, AdminRow};
pub use answers::{AnswerRun, Begun, KeyedCall};
pub use api_keys::{ApiKey, api_key_digest, new_api_key};
pub use audit::{AuditEntry, AuditRow};
pub use audit_chain::{AuditFault, Verified};
pub use audit_text::ERASED;
pub use batch_polls::{BatchPoll, ListEntry, ListedPoll, NewBatchPoll};
pub use bulk::{Batch, BulkStore, Sql};
pub use claims::{Claim, Claimed};
pub use copy::StoreDigest;
pub use database::{Database, Store};
pub use deliveries::{DeadLetter, Delivery, DeliveryQueue};
pub use error::Error;
pub use events::{PlacedEvent, RequestEvent};
pub use institutions::{Agency, Expected, Institution, StoredPickupLocation};
pub use lender_facts::{LendingCounts, SupplyCounts};
pub use master_keys::MasterKeys;
pub use nodes::{Node, NodeEvent};
pub use open_work::{QueueCount, WorkCounts};
pub use patron_reads::PatronRead;
pub use polls::FailingPolls;
pub use request_list::{AnyOr, Cursor, OfAgencies, Page, RequestFilter, Sort};
pub use request_messages::{NewRequestMessage, RequestMessage};
pub use requests::{Listed, RequestVersion, Stored};
pub use retention::FinishedCursor;
pub use rotation::StoreKeys;
pub use saved_views::{MOST_VIEWS, SavedView};
pub use schema::SchemaVersion;
pub use seal::{KeyError, MasterKey};
pub use setup_checks::{SetupCheck, SetupCheckResult};
pub use sql::{Row, Value};
pub use subscriptions::Subscription;
pub use summaries::DayNumber;
pub use supplier_choices::{ChoiceCursor, StoredChoice};
pub use supplier_policies::StoredPolicy;
pub use unit::{Done, StepId, Unit};
pub use users::User;
pub use virtual_patrons::{KnownVirtualPatron, StoredVirtualPatron, VirtualPatronCursor};
pub use webhooks::{Webhook, WebhookSecrets, WebhookUpdate};
pub use work::{Intent, NOTHING_NEW, NewIntent, QueueCounts, Work};
