//! When a failed delivery is tried once more, and how long a failing subscription rests.

use jiff::{SignedDuration, Timestamp};

/// The time for which a delivery is tried.
const TRIED_FOR: SignedDuration = SignedDuration::from_hours(72);
/// The longest time between two attempts of one delivery.
const LONGEST: SignedDuration = SignedDuration::from_hours(4);
/// The longest rest of a subscription whose deliveries fail. A receiver that is back gets its messages after that.
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(5);

/// Returns when a delivery is tried once more, or `None` if it has been tried long enough. `failed` counts the failed
/// attempts. `jitter` is between 0 and 1.
pub(crate) fn next_attempt(first_at: Timestamp, failed: u32, now: Timestamp, jitter: f64) -> Option<Timestamp> {
    let due = later(now, spread(doubled(failed, LONGEST), jitter));
    (due <= later(first_at, TRIED_FOR)).then_some(due)
}

/// Returns until when a subscription rests after `failed` failures in a row.
pub(crate) fn rest_until(failed: u32, now: Timestamp, jitter: f64) -> Timestamp {
    later(now, spread(doubled(failed, LONGEST_REST), jitter))
}

/// Returns 5 seconds after the first failure, twice as much after each further one, and at most `longest`.
fn doubled(failed: u32, longest: SignedDuration) -> SignedDuration {
    let times = 1_i32.checked_shl(failed.saturating_sub(1).min(20)).unwrap_or(i32::MAX);
    SignedDuration::from_secs(5).checked_mul(times).unwrap_or(longest).min(longest)
}

/// Returns between a half and the whole of a duration, so that messages to one receiver don't come all at once.
fn spread(duration: SignedDuration, jitter: f64) -> SignedDuration {
    duration.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

fn later(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_is_tried_for_three_days() {
        let first = Timestamp::UNIX_EPOCH;
        for jitter in [0.0, 0.5, 1.0] {
            let (mut now, mut attempts) = (first, 0);
            while let Some(due) = next_attempt(first, attempts + 1, now, jitter) {
                assert!(due > now);
                (now, attempts) = (due, attempts + 1);
            }
            let hours = now.duration_since(first).as_secs() / 3_600;
            assert!((67..=72).contains(&hours) && (20..=50).contains(&attempts), "{hours} hours, {attempts} attempts");
        }
    }

    #[test]
    fn failing_subscription_rests_five_minutes_at_most() {
        let rest = |failed| rest_until(failed, Timestamp::UNIX_EPOCH, 1.0).as_second();
        assert_eq!((rest(1), rest(2), rest(3)), (5, 10, 20));
        assert_eq!((rest(7), rest(1_000_000)), (300, 300));
    }
}
