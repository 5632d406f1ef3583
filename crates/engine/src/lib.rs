//! Runs requests: claim, effect, event, decide, commit.
//!
//! The tables `work` and `poll` of the store *are* the queue. A worker claims an intent that is due, executes it through
//! [`lms::HostLms`], passes the outcome to [`lending::decide()`] as an event, and commits request, audit, the intent's
//! result and the next intent in one unit of work. The next effect is leased with it, so that it needs no claim of its
//! own. Nothing is sent before its intent is committed. So after a crash an intent returns marked as unclear, and its
//! effect reads before it writes.
//!
//! - [`Engine`]: the interface for the API and the commands: place, execute a command, poll.
//! - `worker`: the loop, with its bulkhead per institution; `lease`: the lease of an intent at work.
//! - `work`: one intent, an effect or a poll; `perform`: one effect through one library system; `deadlines`.
//! - `commit`: turns an event into a stored decision; `audit`: the entries of the audit log for it.
//! - `commands`, `replacing`: commands of people; another lender in place of the present one.
//! - `place`, `validation`: a new request and its faults.
//! - `preview`: what would become of a request, by reads alone.
//! - `find_copies`: the copies of a wanted title, ranked by the policy.
//! - `titles`: the shared catalogue, for requests that name a title in place of copies.
//! - `messages`: webhook messages; `load`: effects under way on this node.
//! - `events`: the event with which other programs learn of a change; `event_order`: positions of events.
//! - `rules`: agencies' rules at the points where they matter.
//! - `setup_checks`: checks of institutions' set-ups, and the daily ones.
//! - `orphans`: records and holds with the hub's marker that belong to no request.
//! - `policy_trial`: a policy for the choice of the supplier, tried on choices of the past.
//! - `retention`: the erasure of patrons' data, and the removal of virtual patrons that nobody needs.
//! - `nodes`: notifications of other nodes on the same database.
//!
//! `polling` decides when to poll; `systems` decides whether a library system may be called.

mod audit;
mod changes;
mod commands;
mod commit;
mod deadlines;
mod engine;
mod error;
mod event_order;
mod events;
mod find_copies;
mod lease;
mod load;
mod messages;
mod metrics;
mod nodes;
mod orphans;
mod perform;
mod place;
mod placing_checks;
mod policy_trial;
mod preview;
mod pruning;
mod replacing;
mod retention;
mod rules;
mod settings;
mod setup_checks;
mod titles;
mod validation;
mod work;
mod worker;

pub use changes::Change;
pub use engine::{Engine, Health};
pub use error::Error;
pub use event_order::patron_message;
pub use events::{ChangeBody, EventBody};
pub use find_copies::CopyChoice;
pub use lending::{PollInterval, PollSettings};
pub use orphans::{FoundOrphan, Orphan, OrphanReport, OrphanSearch};
pub use perform::EffectExecution;
pub use place::{NewRequest, NewTitle};
pub use policy_trial::TriedPolicy;
pub use polling::{Polling, WebhookError, WebhookResult, poll_side};
pub use preview::{PatronTerms, Preview};
pub use replacing::AnotherLender;
pub use retention::{ErasedPatron, PatronData, StillNeeded};
pub use runtime::{Clock, Ids, PickupAgencies, SystemClock, agencies_of_library};
pub use settings::{Backoff, Settings};
pub use store::FailingPolls;
pub use systems::{BreakerSettings, Down, Paused, Quota, Systems, Usage};
pub use titles::{CatalogueTitle, RecordCopies, TitleRecord, Titles};
pub use validation::ValidationError;
