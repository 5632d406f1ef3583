//! Runs requests: claim, effect, event, decide, commit.
//!
//! The intent table of the store *is* the queue. A worker claims an intent that is due, does it through
//! [`lms::HostLms`], gives the outcome to [`lending::decide()`] as an event, and commits request, audit, the
//! intent's result and the next intent in one transaction. Nothing is sent before its intent is committed; so
//! after a crash an intent comes back marked as unclear, and its effect reads before it writes.
//!
//! - [`Engine`]: what the API and the commands call: place, execute a command, poll.
//! - `worker`: the loop, with its bulkhead per institution; `lease`: the lease of what it works on.
//! - `work`: one intent, an effect or a poll; `perform`: one effect through one library system; `deadlines`.
//! - `commit`: an event becomes a stored decision; `audit`: what the audit log says of it.
//! - `commands`, `replacing`: what people order; another lender in place of the present one.
//! - `place`, `validation`: a new request, and everything that is wrong with it.
//! - `rules`: agencies' rules where they decide.
//! - `orphans`: what carries the hub's marker and belongs to no request.
//! - `nodes`: what other nodes on the same database commit.
//!
//! When to poll is decided in `polling`; whether a library system may be called, in `systems`.

mod audit;
mod changes;
mod commands;
mod commit;
mod deadlines;
mod engine;
mod error;
mod lease;
mod metrics;
mod nodes;
mod orphans;
mod perform;
mod place;
mod replacing;
mod rules;
mod settings;
mod validation;
mod work;
mod worker;

pub use changes::Change;
pub use engine::{Engine, Health};
pub use error::Error;
pub use lending::{PollInterval, PollSettings};
pub use orphans::{FoundOrphan, Orphan, OrphanReport, OrphanSearch};
pub use perform::EffectExecution;
pub use place::NewRequest;
pub use polling::{Polling, WebhookError, WebhookResult, poll_side};
pub use replacing::AnotherLender;
pub use runtime::{Clock, Ids, SystemClock};
pub use settings::{Backoff, Settings};
pub use store::FailingPolls;
pub use systems::{BreakerSettings, Down, Paused, Quota, Systems, Usage};
pub use validation::ValidationError;
