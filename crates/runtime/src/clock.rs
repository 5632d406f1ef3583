//! Time, ids and jitter: the only places where the hub takes them from the machine.

#![allow(clippy::disallowed_methods, reason = "the one place where the hub reads the machine's clock")]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use lending::RequestId;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tracing::warn;
use uuid::Uuid;

/// What time it is.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, which goes forward alone: where it is set back, time passes on from where it was, so that
/// nothing that is due has to wait for it to come round again.
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
        let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Instant::now();
        let elapsed = read.duration_since(steady.read);
        steady.read = read;
        steady.show(Timestamp::now(), elapsed)
    }
}

/// By how much the machine's clock may lag behind before it is said.
const NOTABLE_LAG: SignedDuration = SignedDuration::from_secs(5);

/// The time that was shown last, and how it goes on.
#[derive(Debug)]
struct Steady {
    shown: Timestamp,
    read: Instant,
    is_behind: bool,
}

impl Steady {
    /// The time now: the machine's, or what has passed since the last one if that is later.
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
    /// Seeded by the operating system.
    pub fn from_os() -> Self {
        Self { rng: Mutex::new(StdRng::from_os_rng()) }
    }

    /// Seeded by hand, so that a run can be repeated.
    pub fn seeded(seed: u64) -> Self {
        Self { rng: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// A UUID of version 7: ordered by time.
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let mut random = [0_u8; 10];
        self.with(|rng| rng.fill(&mut random));
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A request's id.
    pub fn request(&self, now: Timestamp) -> RequestId {
        RequestId(self.uuid(now))
    }

    /// True once in so many times.
    pub fn one_in(&self, times: u64) -> bool {
        self.with(|rng| rng.random_range(0..times) == 0)
    }

    /// Full jitter: anything from nothing to `most`.
    pub fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64(self.with(|rng| rng.random_range(0.0..=1.0)))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `now` and then `wait`; the end of time where that would pass it.
pub fn saturating_add(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
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
