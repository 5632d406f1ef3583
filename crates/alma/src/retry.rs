//! Decides whether a call is repeated, and how long to wait before.

use std::time::Duration;

use rand::Rng;

use crate::error::{Error, Limit};

/// The number of attempts for a call, and the waits between them.
///
/// The client repeats a call only if that can't do harm: calls that Alma refused because of its limit per second, calls
/// that were never sent, and reading calls that got no answer, or a 404 that isn't Alma's. It never repeats a writing
/// call that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The number of attempts in all, if Alma can't be reached or fails to answer. Default 3.
    pub attempts: u32,
    /// The number of attempts in all, if Alma refuses the call because of the limit per second. Default 8.
    pub throttled_attempts: u32,
    /// The wait before the first repetition. Each further wait is twice as long. Default 1 s.
    pub base: Duration,
    /// The longest wait. Default 20 s.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, throttled_attempts: 8, base: Duration::from_secs(1), cap: Duration::from_secs(20) }
    }
}

impl RetryPolicy {
    /// Creates a policy with one attempt for every call.
    pub fn never() -> Self {
        Self { attempts: 1, throttled_attempts: 1, ..Self::default() }
    }
}

/// The number of attempts for one call, by the kind of failure.
#[derive(Default)]
pub(crate) struct Tries {
    failed: u32,
    throttled: u32,
}

impl Tries {
    /// Returns how long to wait before the call is repeated, or `None` if it isn't repeated.
    pub(crate) fn next(&mut self, policy: &RetryPolicy, error: &Error, rng: &mut impl Rng) -> Option<Duration> {
        match error {
            Error::RateLimited { limit: Limit::PerSecond, retry_after, .. } => {
                self.throttled += 1;
                let wait = policy.base + jitter(policy, self.throttled, rng);
                (self.throttled < policy.throttled_attempts)
                    .then(|| wait.max(retry_after.unwrap_or_default()).min(policy.cap))
            }
            Error::Unreachable { .. } | Error::Unavailable { .. } => {
                self.failed += 1;
                (self.failed < policy.attempts).then(|| jitter(policy, self.failed, rng))
            }
            _ => None,
        }
    }
}

/// Returns a wait with full jitter: any time up to the doubled wait, so that callers refused together don't return
/// together.
fn jitter(policy: &RetryPolicy, nth: u32, rng: &mut impl Rng) -> Duration {
    let longest = policy.base.saturating_mul(2_u32.saturating_pow(nth - 1)).min(policy.cap);
    longest.mul_f64(rng.random_range(0.0..=1.0))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn throttled(retry_after: Option<Duration>) -> Error {
        Error::RateLimited { operation: "read", limit: Limit::PerSecond, retry_after }
    }

    #[test]
    fn the_wait_after_the_limit_per_second_is_at_least_the_base_and_at_most_the_cap() {
        let policy = RetryPolicy::default();
        let mut rng = StdRng::seed_from_u64(7);
        let mut tries = Tries::default();
        let waits: Vec<_> = std::iter::from_fn(|| tries.next(&policy, &throttled(None), &mut rng)).collect();
        assert_eq!(waits.len(), 7);
        assert!(waits.iter().all(|wait| *wait >= policy.base && *wait <= policy.cap), "{waits:?}");
    }

    #[test]
    fn the_wait_that_alma_asks_for_is_kept() {
        let mut rng = StdRng::seed_from_u64(7);
        let wait = Tries::default().next(&RetryPolicy::default(), &throttled(Some(Duration::from_secs(9))), &mut rng);
        assert_eq!(wait, Some(Duration::from_secs(9)));
    }

    #[test]
    fn the_limit_per_day_is_never_waited_for() {
        let mut rng = StdRng::seed_from_u64(7);
        let error = Error::RateLimited { operation: "read", limit: Limit::PerDay, retry_after: None };
        assert_eq!(Tries::default().next(&RetryPolicy::default(), &error, &mut rng), None);
    }
}
