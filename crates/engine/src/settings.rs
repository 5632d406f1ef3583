//! The engine's settings: concurrency, poll intervals, retries.

use std::time::Duration;

use crate::breaker::BreakerSettings;

const DAY: Duration = Duration::from_secs(86_400);

/// The engine's settings; the defaults suit a consortium in production.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This node's name. Leases carry it; a node that starts again takes its own leases back.
    pub node: String,
    /// How many intents are worked on at once.
    pub workers: usize,
    /// How many of them for one institution, so that a dead one can't take all.
    pub workers_per_institution: usize,
    /// How many of these may be looks, so that what somebody waits for never finds all places taken.
    pub polls_per_institution: usize,
    /// How long a lease holds without being renewed.
    pub lease: Duration,
    /// The poll interval without a webhook.
    pub polling: Polling,
    /// The poll interval where a trusted webhook reports the changes.
    pub webhook_polling: Polling,
    /// How often is polled what shows in a list as soon as there is something to see; twice as rarely while the patron
    /// has the book.
    pub batch_polling: Polling,
    /// The shortest interval between two batch polls of a list.
    pub batch_poll_interval: Duration,
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
            polling: Polling::default(),
            webhook_polling: Polling { initial: DAY, max: DAY.saturating_mul(7), growth: 3.0 },
            batch_polling: Polling { initial: DAY.saturating_mul(7), max: DAY.saturating_mul(7), growth: 1.0 },
            batch_poll_interval: Duration::from_secs(300),
            webhook_max_age: Duration::from_secs(600),
            backoff: Backoff::default(),
            breaker: BreakerSettings::default(),
        }
    }
}

/// The interval between polls: it starts short and grows while nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct Polling {
    /// After a change.
    pub initial: Duration,
    /// The longest.
    pub max: Duration,
    /// By how much it grows each time nothing happened.
    pub growth: f64,
}

impl Default for Polling {
    fn default() -> Self {
        Self { initial: Duration::from_secs(300), max: Duration::from_secs(7_200), growth: 1.5 }
    }
}

impl Polling {
    /// The intervals, multiplied by a factor.
    pub(crate) fn scaled(self, factor: u32) -> Self {
        Self { initial: self.initial.saturating_mul(factor), max: self.max.saturating_mul(factor), ..self }
    }

    /// The interval after `unchanged` polls that showed nothing new.
    pub(crate) fn interval(&self, unchanged: u32) -> Duration {
        let factor = self.growth.max(1.0).powi(i32::try_from(unchanged.min(64)).unwrap_or(64));
        Duration::try_from_secs_f64(self.initial.as_secs_f64() * factor).unwrap_or(self.max).min(self.max)
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
        self.initial.saturating_mul(2_u32.saturating_pow(attempts.min(20))).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_grows_while_nothing_changes_up_to_the_maximum() {
        let polling = Polling { initial: Duration::from_secs(10), max: Duration::from_secs(25), growth: 2.0 };
        let seconds: Vec<u64> = (0..4).map(|unchanged| polling.interval(unchanged).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 25, 25]);
        assert_eq!(polling.interval(u32::MAX), polling.max);
    }

    #[test]
    fn delay_doubles_and_is_capped() {
        let retrying = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(60) };
        let seconds: Vec<u64> = [0, 1, 2, 6, u32::MAX].into_iter().map(|n| retrying.delay(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 60, 60]);
    }
}
