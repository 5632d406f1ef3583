//! Limits on how many calls a caller may make: per API key, and per client address. A caller that exceeds its limit gets 429
//! with the time after which it may call.
//!
//! Each node counts for itself. The counters are in memory: a limit protects the hub from a program that runs wild, and is
//! no quota.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use tracing::warn;

use crate::auth::Actor;
use crate::client::ClientAddress;
use crate::problem::Problem;
use crate::state::WebState;

/// The number of calls after which counters that are full are removed.
const PRUNE_EVERY: u64 = 4_096;
/// How often the log reports one limit.
const REPORTED_EVERY: Duration = Duration::from_secs(60);
/// Addresses that have no limit: a supervisor that gets no answer restarts the hub.
const EXEMPT: [&str; 2] = ["/health/live", "/health/ready"];

/// How many calls a caller may make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Calls per second in the long run.
    pub per_second: NonZeroU32,
    /// Calls that may come at once, after a time without calls.
    pub burst: NonZeroU32,
}

/// The limits of the API; `None` where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RateLimits {
    /// For the calls with one API key.
    pub per_key: Option<Rate>,
    /// For the calls from one client address, with or without a key. Webhook messages don't count.
    pub per_address: Option<Rate>,
    /// For the webhook messages from one client address. All Almas of a region may share one.
    pub webhooks: Option<Rate>,
}

/// The counters of all limits.
#[derive(Default, Debug)]
pub(crate) struct Limiters {
    per_key: Option<Limiter<Arc<str>>>,
    per_address: Option<Limiter<IpAddr>>,
    webhooks: Option<Limiter<IpAddr>>,
}

/// Calls that a limit refused and that the log has not reported yet.
#[derive(Debug, Default)]
struct Refused {
    calls: u64,
    /// Whether a report is due within a minute.
    is_watched: bool,
}

/// The counters of one limit.
struct Limiter<K: Hash + Eq + Clone> {
    /// What a counter is for, for people.
    of: &'static str,
    counters: RateLimiter<K, HashMapStateStore<K>, DefaultClock>,
    calls: AtomicU64,
    refused: Arc<Mutex<Refused>>,
}

impl<K: Hash + Eq + Clone> std::fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("of", &self.of).finish_non_exhaustive()
    }
}

impl Limiters {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            per_key: limits.per_key.map(|rate| Limiter::new("API key", rate)),
            per_address: limits.per_address.map(|rate| Limiter::new("client address", rate)),
            webhooks: limits.webhooks.map(|rate| Limiter::new("client address that sends webhook messages", rate)),
        }
    }
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(of: &'static str, rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let counters = RateLimiter::hashmap_with_clock(quota, DefaultClock::default());
        Self { of, counters, calls: AtomicU64::new(0), refused: Arc::default() }
    }

    /// Counts a call of `caller`.
    ///
    /// # Errors
    ///
    /// The caller has made too many.
    fn check(&self, caller: &K) -> Result<(), Problem> {
        if self.calls.fetch_add(1, Ordering::Relaxed) % PRUNE_EVERY == PRUNE_EVERY - 1 {
            self.counters.retain_recent();
        }
        let Err(too_early) = self.counters.check_key(caller) else { return Ok(()) };
        let wait = too_early.wait_time_from(DefaultClock::default().now());
        let seconds = u16::try_from(wait.as_secs()).unwrap_or(u16::MAX).saturating_add(1);
        self.note_refusal();
        let detail = format!("This {} has made too many calls. Try again in {seconds} seconds.", self.of);
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_CALLS", detail).retry_after(seconds))
    }

    /// Logs the first refused call at once, and those of the minute after it together.
    fn note_refusal(&self) {
        let is_first = {
            let mut refused = self.refused.lock();
            refused.calls += 1;
            !std::mem::replace(&mut refused.is_watched, true)
        };
        if is_first {
            report(&self.refused, self.of);
            tokio::spawn(watch(Arc::clone(&self.refused), self.of));
        }
    }
}

/// Reports the refused calls once a minute, until a minute brings none.
#[allow(clippy::disallowed_methods, reason = "the log is written by the machine's clock")]
async fn watch(refused: Arc<Mutex<Refused>>, of: &'static str) {
    loop {
        tokio::time::sleep(REPORTED_EVERY).await;
        if !report(&refused, of) {
            return;
        }
    }
}

/// Logs the refused calls that are not logged yet. Returns whether there were any.
fn report(refused: &Mutex<Refused>, of: &'static str) -> bool {
    let mut refused = refused.lock();
    let calls = std::mem::take(&mut refused.calls);
    refused.is_watched = calls > 0;
    if calls > 0 {
        warn!(calls, limit_of = of, "calls were refused, since their caller makes too many");
    }
    refused.is_watched
}

/// Counts a call for its client's address.
///
/// # Errors
///
/// The address has made too many.
pub(crate) fn check_address(state: &WebState, call: &Request) -> Result<(), Problem> {
    let path = call.uri().path();
    let limiter = if path.starts_with("/webhooks/") { &state.limiters.webhooks } else { &state.limiters.per_address };
    let client = call.extensions().get::<ClientAddress>().filter(|client| !state.proxies.contain(client.0));
    let address = client.and_then(|client| client.counted());
    if let (Some(limiter), Some(address)) = (limiter, address)
        && !EXEMPT.contains(&path)
    {
        limiter.check(&address)?;
    }
    Ok(())
}

/// Counts a call for its API key.
///
/// # Errors
///
/// The key has made too many.
pub(crate) fn check_key(state: &WebState, actor: &Actor) -> Result<(), Problem> {
    match &state.limiters.per_key {
        Some(limiter) => limiter.check(&actor.name().into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate { per_second: NonZeroU32::new(per_second).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
    }

    #[tokio::test]
    async fn burst_passes_and_the_call_after_it_is_refused() {
        let limiter = Limiter::new("test", rate(1, 3_000));
        assert!((0..3_000).all(|_| limiter.check(&"one").is_ok()));
        // A second may have passed since, which allows one more.
        assert!((0..100).any(|_| limiter.check(&"one").is_err()));
        assert!(limiter.check(&"two").is_ok());
    }
}
