//! The engine's settings: concurrency, poll intervals, retries.

use std::time::Duration;

use lending::PollSettings;
use systems::BreakerSettings;

/// The engine's settings; the defaults suit a consortium in production.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This node's name. Leases carry it; a node that starts again takes its own leases back.
    pub node: String,
    /// How many intents are worked on at once.
    pub workers: usize,
    /// How many of them for one institution, so that a dead one can't take all.
    pub workers_per_institution: usize,
    /// How many of these may be polls, so that what somebody waits for never finds all places taken.
    pub polls_per_institution: usize,
    /// How long a lease holds without being renewed.
    pub lease: Duration,
    /// What the tables of poll intervals start from.
    pub polls: PollSettings,
    /// How old a signed message may be to replace a poll; at zero none does.
    pub webhook_max_age: Duration,
    /// How a failed effect is tried again.
    pub backoff: Backoff,
    /// When a system counts as down, and how often it is tried then.
    pub breaker: BreakerSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: "hub".to_owned(),
            workers: 64,
            workers_per_institution: 16,
            polls_per_institution: 8,
            lease: Duration::from_secs(30),
            polls: PollSettings::default(),
            webhook_max_age: Duration::from_secs(600),
            backoff: Backoff::default(),
            breaker: BreakerSettings::default(),
        }
    }
}

/// Capped exponential back-off; jitter is drawn over the whole of it.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first pause, at most.
    pub initial: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(2), max: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The longest pause after `attempts` failures.
    pub(crate) fn delay(&self, attempts: u32) -> Duration {
        runtime::doubled(self.initial, attempts, self.max)
    }
}
