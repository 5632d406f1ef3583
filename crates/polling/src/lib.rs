//! Decides when to poll, and does the polling: polls, batch polls, webhook intake and webhook health.
//!
//! The engine calls [`Polling::plan`] for the polls that a request needs, [`Polling::poll`] to make one, and
//! [`Polling::read_message`] to take in a message. It doesn't know how polling decides; polling knows nothing of
//! commits and effects.
//!
//! - `schedule`: when a side is polled next.
//! - `poll`: one poll of one side.
//! - `batch_poll`: one read of a list shows many requests; `refused_lists`: lists that can't be read.
//! - `webhooks`: intake of messages; `companions`: messages that wait for a more precise one; `hints`: what of them is
//!   stored with a poll.
//! - `webhook_health`: whether an institution's messages can be relied on.

mod batch_poll;
mod companions;
mod hints;
mod metrics;
mod poll;
mod polling;
mod refused_lists;
mod schedule;
mod webhook_health;
mod webhooks;

pub use batch_poll::{ClaimedList, LIST_LEASE};
pub use companions::WaitingMessage;
pub use hints::has_hint;
pub use poll::{PollOutcome, poll_query, poll_side};
pub use polling::{FAILS_OFTEN, Polling, Settings};
pub use schedule::Plan;
pub use webhooks::{HintedPolls, Intake, IntakeGuard, ProvenMessage, ReadMessage, WebhookError, WebhookResult};
