//! The simulator's clock: the one place that may read the machine's time.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// How the simulator's time runs. Read from text, it is `real`, `scaled:N`, `stepped` (from now) or `stepped:TIME`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SimClock {
    /// The machine's time. `advance` moves it ahead.
    Real,
    /// The machine's time, sped up by a factor from the given start.
    Scaled {
        /// Simulated time at the start.
        start: Timestamp,
        /// Simulated seconds in a real second.
        factor: f64,
    },
    /// Stands still at the given moment until `advance` moves it.
    Stepped(Timestamp),
}

/// The text names no clock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a clock is real, scaled:N, stepped or stepped:TIME, and not {0:?}")]
pub struct NoClock(String);

impl std::str::FromStr for SimClock {
    type Err = NoClock;

    fn from_str(text: &str) -> Result<SimClock, NoClock> {
        let wrong = || NoClock(text.to_owned());
        match text.split_once(':') {
            None if text == "real" => Ok(SimClock::Real),
            None if text == "stepped" => Ok(SimClock::Stepped(machine_time())),
            Some(("stepped", at)) => read_time(at, false).map(SimClock::Stepped).ok_or_else(wrong),
            Some(("scaled", factor)) => match factor.parse::<f64>() {
                Ok(factor) if factor.is_finite() && factor > 0.0 => {
                    Ok(SimClock::Scaled { start: machine_time(), factor })
                }
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Clock {
    kind: SimClock,
    began: Timestamp,
    offset: Mutex<SignedDuration>,
}

#[expect(clippy::disallowed_methods, reason = "this module is the simulator's clock")]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

impl Clock {
    pub(crate) fn new(kind: SimClock) -> Clock {
        Clock { kind, began: machine_time(), offset: Mutex::new(SignedDuration::ZERO) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let offset = *self.offset.lock();
        let base = match self.kind {
            SimClock::Real => machine_time(),
            SimClock::Stepped(at) => at,
            SimClock::Scaled { start, factor } => {
                let real = machine_time().duration_since(self.began).as_secs_f64();
                start + SignedDuration::from_secs_f64(real * factor)
            }
        };
        base + offset
    }

    /// Returns how long it takes until `then` in real time; `None` if the clock stands still until it is moved.
    pub(crate) fn real_time_until(&self, then: Timestamp) -> Option<Duration> {
        let left = Duration::try_from(then.duration_since(self.now())).unwrap_or_default();
        match self.kind {
            SimClock::Real => Some(left),
            SimClock::Scaled { factor, .. } => {
                Some(Duration::try_from_secs_f64(left.as_secs_f64() / factor).unwrap_or(Duration::MAX))
            }
            SimClock::Stepped(_) if left.is_zero() => Some(left),
            SimClock::Stepped(_) => None,
        }
    }

    pub(crate) fn advance(&self, by: SignedDuration) -> Timestamp {
        let mut offset = self.offset.lock();
        *offset += by;
        drop(offset);
        self.now()
    }
}

/// Days, as a duration.
pub(crate) fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count * 24)
}

/// A day as Alma writes it: `2026-03-04Z`.
pub(crate) fn date(at: Timestamp) -> String {
    let day = TimeZone::UTC.to_datetime(at);
    format!("{:04}-{:02}-{:02}Z", day.year(), day.month(), day.day())
}

/// A moment as Alma writes it, with milliseconds: `2026-03-04T10:11:12.131Z`.
pub(crate) fn moment(at: Timestamp) -> String {
    let millisecond = at.subsec_millisecond();
    let whole = second(at);
    format!("{}.{millisecond:03}Z", whole.trim_end_matches('Z'))
}

/// A moment to the second: due dates, and OAI datestamps.
pub(crate) fn second(at: Timestamp) -> String {
    let time = TimeZone::UTC.to_datetime(at);
    let (year, month, day) = (time.year(), time.month(), time.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
}

/// Reads `2026-03-04`, `2026-03-04Z` or a date-time; a day means its end for `end_of_day`.
pub(crate) fn read_time(text: &str, end_of_day: bool) -> Option<Timestamp> {
    let text = text.trim();
    let day = text.strip_suffix('Z').unwrap_or(text);
    if day.len() == 10 {
        let clock = if end_of_day { "23:59:59" } else { "00:00:00" };
        return format!("{day}T{clock}Z").parse().ok();
    }
    text.parse().ok().or_else(|| format!("{day}Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepped_clock_moves_only_when_it_is_stepped() {
        let clock = Clock::new(SimClock::Stepped("2026-03-04T10:00:00Z".parse().unwrap()));
        assert_eq!(second(clock.now()), "2026-03-04T10:00:00Z");
        clock.advance(SignedDuration::from_mins(5));
        assert_eq!(second(clock.now()), "2026-03-04T10:05:00Z");
    }

    #[test]
    fn clocks_are_read_from_text() {
        assert_eq!("real".parse(), Ok(SimClock::Real));
        let at = "2026-03-04T10:00:00Z".parse().unwrap();
        assert_eq!("stepped:2026-03-04T10:00:00Z".parse(), Ok(SimClock::Stepped(at)));
        assert!(matches!("scaled:60".parse(), Ok(SimClock::Scaled { factor: 60.0, .. })));
        for wrong in ["", "scaled", "scaled:0", "scaled:fast", "stepped:soon", "lunar"] {
            assert_eq!(wrong.parse::<SimClock>(), Err(NoClock(wrong.to_owned())));
        }
    }

    #[test]
    fn days_and_moments_are_read_in_all_of_almas_spellings() {
        assert_eq!(second(read_time("2026-03-04Z", true).unwrap()), "2026-03-04T23:59:59Z");
        assert_eq!(second(read_time("2026-03-04", false).unwrap()), "2026-03-04T00:00:00Z");
        assert_eq!(moment(read_time("2026-03-04T10:11:12.131Z", false).unwrap()), "2026-03-04T10:11:12.131Z");
        assert!(read_time("soon", false).is_none());
    }
}
