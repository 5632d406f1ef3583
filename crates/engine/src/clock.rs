//! Time, ids and jitter: the only places where the hub takes them from the machine.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::RequestId;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// What time it is.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the hub reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
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
    pub(crate) fn uuid(&self, now: Timestamp) -> Uuid {
        let mut random = [0_u8; 10];
        self.with(|rng| rng.fill(&mut random));
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    pub(crate) fn request(&self, now: Timestamp) -> RequestId {
        RequestId(self.uuid(now))
    }

    /// Full jitter: anything from nothing to `most`.
    pub(crate) fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64(self.with(|rng| rng.random_range(0.0..=1.0)))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `now` and then `wait`; the end of time where that would pass it.
pub(crate) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
