//! Time, ids and jitter. The hub takes them from the machine nowhere else.

#![allow(clippy::disallowed_methods, reason = "the one place where the hub reads the machine's clock")]

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use lending::RequestId;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tracing::warn;
use uuid::Uuid;

/// A source of the present time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the present time, in UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, made monotonic. If the machine's clock is set back, time goes on from its last value, so that
/// due work doesn't wait for the same hour to come again.
#[derive(Debug)]
pub struct SystemClock {
    steady: Mutex<Steady>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { steady: Mutex::new(Steady { shown: Timestamp::UNIX_EPOCH, read: Instant::now(), is_behind: false }) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut steady = self.steady.lock();
        let read = Instant::now();
        let elapsed = read.duration_since(steady.read);
        steady.read = read;
        steady.show(Timestamp::now(), elapsed)
    }
}

/// The lag of the machine's clock from which the hub logs a warning.
const NOTABLE_LAG: SignedDuration = SignedDuration::from_secs(5);

/// The last time shown, and when it was shown.
#[derive(Debug)]
struct Steady {
    shown: Timestamp,
    read: Instant,
    is_behind: bool,
}

impl Steady {
    /// Returns the machine's time, or the last time shown plus the time passed since, whichever is later.
    fn show(&mut self, machine: Timestamp, elapsed: Duration) -> Timestamp {
        let passed = saturating_add(self.shown, elapsed);
        self.shown = passed.max(machine);
        let is_behind = passed.duration_since(machine) > NOTABLE_LAG;
        if is_behind && !self.is_behind {
            warn!(by = %passed.duration_since(machine), "the machine's clock was set back; the hub's time goes on as before");
        }
        self.is_behind = is_behind;
        self.shown
    }
}

/// Ids and jitter from one seeded source.
#[derive(Debug)]
pub struct Ids {
    rng: Mutex<StdRng>,
}

impl Ids {
    /// Creates a source seeded by the operating system.
    pub fn from_os() -> Self {
        Self { rng: Mutex::new(StdRng::from_os_rng()) }
    }

    /// Creates a source with a given seed, so that a run can be repeated.
    pub fn seeded(seed: u64) -> Self {
        Self { rng: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// Returns a UUID of version 7: ordered by time.
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let mut random = [0_u8; 10];
        self.with(|rng| rng.fill(&mut random));
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Returns an id for a request.
    pub fn request(&self, now: Timestamp) -> RequestId {
        RequestId(self.uuid(now))
    }

    /// Returns 32 random bytes, for a secret.
    pub fn secret(&self) -> [u8; 32] {
        let mut random = [0; 32];
        self.with(|rng| rng.fill(&mut random));
        random
    }

    /// Returns true with a chance of one in `times`.
    pub fn one_in(&self, times: u64) -> bool {
        self.with(|rng| rng.random_range(0..times) == 0)
    }

    /// Returns full jitter: a duration from zero to `most`.
    pub fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64(self.with(|rng| rng.random_range(0.0..=1.0)))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.rng.lock())
    }
}

/// Returns `now` plus `wait`, or the end of time if the sum would pass it.
pub fn saturating_add(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Returns the pause after `failures` failures: `initial`, doubled with each of them, and at most `max`.
pub fn doubled(initial: Duration, failures: u32, max: Duration) -> Duration {
    initial.saturating_mul(2_u32.saturating_pow(failures)).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn pause_doubles_with_each_failure_up_to_the_longest() {
        let pause = |failures| doubled(Duration::from_secs(1), failures, Duration::from_secs(60)).as_secs();
        assert_eq!([0, 1, 2, 6, u32::MAX].map(pause), [1, 2, 4, 60, 60]);
    }

    #[test]
    fn clock_set_back_continues_from_where_it_was_until_the_machine_has_caught_up() {
        let mut steady = Steady { shown: at(0), read: Instant::now(), is_behind: false };
        let second = Duration::from_secs(1);
        assert_eq!(steady.show(at(10_000), second), at(10_000));
        assert_eq!(steady.show(at(6_400), second), at(10_001), "an hour back");
        assert_eq!(steady.show(at(6_401), second), at(10_002));
        assert!(steady.is_behind);
        assert_eq!(steady.show(at(90_000), second), at(90_000), "ahead it is followed");
        assert!(!steady.is_behind);
    }
}
