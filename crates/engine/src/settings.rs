//! The engine's settings: concurrency, poll intervals, retries.

use std::time::Duration;

use lending::PollSettings;
use systems::BreakerSettings;

/// The engine's settings; the defaults suit a consortium in production.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This node's name. Leases contain it, and a node that restarts takes its own leases back.
    pub node: String,
    /// How many intents are worked on at the same time.
    pub workers: usize,
    /// How many of them may be for one institution, so that one that is down can't occupy all workers.
    pub workers_per_institution: usize,
    /// How many of these may be polls, so that work for which somebody waits always finds a place.
    pub polls_per_institution: usize,
    /// How long a lease lasts without a renewal.
    pub lease: Duration,
    /// The base values of the tables of poll intervals.
    pub polls: PollSettings,
    /// The age up to which a signed message can replace a poll; at zero no message does.
    pub webhook_max_age: Duration,
    /// The delays before a failed effect is retried.
    pub backoff: Backoff,
    /// When a system counts as down, and how often it is probed then.
    pub breaker: BreakerSettings,
    /// The time between two scheduled checks of an institution's set-up; `None` for no such checks.
    pub setup_checks: Option<Duration>,
    /// How long a patron's data is kept after the end of a request; `None` for ever.
    pub retention: Option<Duration>,
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
            setup_checks: None,
            retention: None,
        }
    }
}

/// Capped exponential backoff. The jitter covers its whole range.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The longest first delay.
    pub initial: Duration,
    /// The longest delay.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(2), max: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// Returns the longest delay after `attempts` failures.
    pub(crate) fn delay(&self, attempts: u32) -> Duration {
        runtime::doubled(self.initial, attempts, self.max)
    }
}
