//! Runs requests: claim, effect, event, decide, commit.
//!
//! The intent table of the store *is* the queue. A worker claims an intent that is due, does it through
//! [`lms::HostLms`], gives the outcome to [`lending::decide()`] as an event, and commits request, audit, the
//! intent's result and the next intent in one transaction. Nothing is sent before its intent is committed; so
//! after a crash an intent comes back marked as unclear, and its effect looks before it acts.
//!
//! - [`Engine`]: what the API and the commands call: place, ask, look.
//! - `worker`: the loop, with its bulkhead per institution.
//! - `perform`: one effect through one library system.
//! - `looking`: one look at one side, at intervals that grow while nothing happens.
//! - `breaker`: no calls into the void while a library's system gives no service.
//! - `replacing`: another lender in place of the present one.
//! - `agencies`: the agencies' rules in use: deadlines and limits.
//! - `orphans`: what carries the hub's marker and belongs to no request.
//! - `nodes`: what other nodes on the same database tell.
//! - `quota`: what calls are spent on, and what waits when few are left.
//! - `metrics`: what is measured.
//! - `commit`: an event becomes a stored decision.
//!
//! Time, ids and jitter come in through [`Clock`] and [`Ids`].

mod agencies;
mod batch_poll;
mod breaker;
mod changes;
mod clock;
mod commands;
mod commit;
mod engine;
mod error;
mod lease;
mod metrics;
mod nodes;
mod orphans;
mod perform;
mod place;
mod poll;
mod quota;
mod registry;
mod replacing;
mod retry;
mod schedule;
mod settings;
mod webhook_health;
mod webhooks;
mod worker;

pub use breaker::{BreakerSettings, Down};
pub use changes::Change;
pub use clock::{Clock, Ids, SystemClock};
pub use engine::{Engine, Health};
pub use error::Error;
pub use orphans::{FoundOrphan, Orphan, OrphanReport, OrphanSearch};
pub use perform::EffectExecution;
pub use place::{NewRequest, ValidationError};
pub use poll::{poll_side, poll_target};
pub use quota::{Paused, Quota, Usage};
pub use replacing::AnotherLender;
pub use settings::{Backoff, Polling, Settings};
pub use store::FailingPolls;
pub use webhooks::{WebhookError, WebhookResult};
