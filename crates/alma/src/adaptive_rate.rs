//! The number of calls per second that may leave now: the configured rate, less what other applications of the
//! institution need.
//!
//! The client learns about other applications in two ways. The first is Alma's count of the day's calls left, which
//! other applications' calls reduce too: the client leaves them what they use, before Alma refuses any call. The second
//! is a refusal: the rate falls at once, returns to a little below the rate that was refused, and exceeds that only
//! after a long time.

#![allow(
    clippy::disallowed_methods,
    reason = "the client paces and retries its calls by the machine's clock; its tests pause Tokio's"
)]

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The part of the allowed rate at which calls leave. Alma counts calls when they arrive, and they arrive less evenly
/// than they leave.
const SAFETY_FACTOR: f64 = 0.95;
/// Refusals within this time count as one: the calls were on their way together.
const ONE_INCIDENT: Duration = Duration::from_secs(2);
/// The part of the refused rate to which the rate falls.
const DECREASE_FACTOR: f64 = 0.7;
/// The part of the refused rate to which the rate then returns.
const RECOVERY_FACTOR: f64 = 0.85;
/// The rate exceeds that part only after this many calls, or this time, without a refusal.
const PATIENT_CALLS: u64 = 20_000;
const PATIENT_TIME: Duration = Duration::from_secs(3_600);
/// The lowest rate.
const MIN_RATE: f64 = 0.5;
/// The part of the configured rate that the client always keeps, however much other applications seem to use. That
/// estimate may be wrong.
const OWN_SHARE: f64 = 0.25;
/// The length of a window in which other applications' calls are counted, and the number of windows that are kept. The
/// busiest window counts.
const WINDOW: Duration = Duration::from_secs(1);
const WINDOWS: usize = 60;
/// A margin for other applications: they may make one call more than was counted.
const ONE_MORE: f64 = 1.0;
/// The time after the first call in which other applications' use is unknown, and the part of the configured rate that
/// the client uses until then.
const UNKNOWN: Duration = Duration::from_secs(3);
const UNTIL_KNOWN: f64 = 0.5;

/// The rate of one client.
#[derive(Debug)]
pub(crate) struct AdaptiveRate {
    /// The configured rate.
    set: f64,
    /// The rate that the institution has for all its applications.
    shared: f64,
    /// The number of clients of the same institution, this one included.
    clients: f64,
    now: f64,
    grown_at: Instant,
    /// The rate that was refused, the time of the refusal, and the number of successful calls since.
    refused: Option<(f64, Instant, u64)>,
    /// The times at which the last calls left.
    left: VecDeque<Instant>,
    others: Others,
    /// The time at which the first call left.
    first: Option<Instant>,
}

impl AdaptiveRate {
    pub(crate) fn new(set: u32, shared: u32, now: Instant) -> Self {
        let set = f64::from(set);
        let others = Others { since: now, remaining: None, own: 0, seen: VecDeque::new() };
        let (shared, left) = (f64::from(shared), VecDeque::new());
        Self { set, shared, clients: 1.0, now: set, grown_at: now, refused: None, left, others, first: None }
    }

    /// Sets the number of clients that share the rate. Each uses an equal part.
    pub(crate) fn share_with(&mut self, clients: u32) {
        self.clients = f64::from(clients.max(1));
    }

    /// Returns the calls per second that may leave now.
    pub(crate) fn allowed(&mut self, now: Instant) -> f64 {
        self.grow(now);
        let known = self.first.is_some_and(|first| now.saturating_duration_since(first) >= UNKNOWN);
        let free = match self.others() {
            _ if !known => self.set * UNTIL_KNOWN,
            others if others > 0.0 => (self.shared - others - ONE_MORE).max(self.set * OWN_SHARE),
            _ => self.shared,
        };
        (self.now.min(free) * SAFETY_FACTOR / self.clients).max(MIN_RATE.min(self.set))
    }

    /// Returns the calls per second of other applications, as far as is known.
    pub(crate) fn others(&self) -> f64 {
        self.others.busiest(self.clients)
    }

    fn most(&self) -> f64 {
        self.refused.map_or(self.set, |(too_much, ..)| self.set.min(too_much * RECOVERY_FACTOR))
    }

    fn grow(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.grown_at).as_secs_f64();
        self.grown_at = now;
        let patient = |(_, at, calls): (f64, Instant, u64)| {
            calls >= PATIENT_CALLS || now.saturating_duration_since(at) >= PATIENT_TIME
        };
        if self.refused.is_some_and(patient) {
            self.now = (self.now + self.set * passed / 600.0).min(self.set);
            if self.now >= self.set {
                self.refused = None;
            }
        } else {
            self.now = (self.now + self.set * passed / 30.0).min(self.most().max(self.now));
        }
    }

    /// Records a call that leaves.
    pub(crate) fn leaves(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.left.push_back(now);
        self.forget_before(now);
    }

    /// Returns the time at which the next call of a bunch may leave, so that no second has more than this part of the calls
    /// that are allowed.
    pub(crate) fn room_at(&mut self, now: Instant, part: f64) -> Instant {
        self.room(now, part, 1.0 / SAFETY_FACTOR)
    }

    /// Returns the time at which the next call may leave that is one of evenly spread ones. They need no margin.
    pub(crate) fn even_room_at(&mut self, now: Instant) -> Instant {
        self.room(now, 1.0, 1.0)
    }

    fn room(&mut self, now: Instant, part: f64, least_seconds: f64) -> Instant {
        let allowed = self.allowed(now) * part;
        let together = allowed.ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of calls")]
        let nth_last = self.left.len().checked_sub(together as usize).and_then(|nth| self.left.get(nth));
        nth_last.map_or(now, |left| *left + Duration::from_secs_f64((together / allowed).max(least_seconds)))
    }

    /// Counts the calls that left in the last second.
    fn in_the_last_second(&self, now: Instant) -> usize {
        self.left.iter().rev().take_while(|at| now.saturating_duration_since(**at) <= Duration::from_secs(1)).count()
    }

    fn forget_before(&mut self, now: Instant) {
        // The slowest rate is one call in two seconds.
        while self.left.front().is_some_and(|at| now.saturating_duration_since(*at) > Duration::from_secs(3)) {
            self.left.pop_front();
        }
    }

    /// Records a call that Alma counted, with the number of calls left for today.
    pub(crate) fn answered(&mut self, now: Instant, remaining: Option<u64>) {
        let shared = self.shared;
        if let Some((_, _, calls)) = &mut self.refused {
            *calls += 1;
        }
        self.others.note(now, remaining, shared);
    }

    /// Records a call that Alma refused because of the limit per second.
    pub(crate) fn refused(&mut self, now: Instant) {
        self.grow(now);
        if let Some((_, at, calls)) = &mut self.refused
            && now.saturating_duration_since(*at) < ONE_INCIDENT
        {
            (*at, *calls) = (now, 0);
            return;
        }
        #[allow(clippy::cast_precision_loss, reason = "some calls in a second")]
        let used = self.in_the_last_second(now) as f64 * self.clients;
        let too_much = self.now.min(used.max(self.set * OWN_SHARE));
        self.now = (too_much * DECREASE_FACTOR).max(MIN_RATE.min(self.set));
        self.refused = Some((too_much, now, 0));
    }
}

/// Estimates the use by other applications: the fall of the count of calls left, less the client's own calls.
#[derive(Debug)]
struct Others {
    since: Instant,
    remaining: Option<u64>,
    own: u64,
    /// Calls per second of other applications and of this client, in each window.
    seen: VecDeque<(f64, f64)>,
}

impl Others {
    fn note(&mut self, now: Instant, remaining: Option<u64>, shared: f64) {
        self.own += 1;
        let Some(remaining) = remaining else { return };
        let Some(before) = self.remaining else {
            (self.since, self.remaining, self.own) = (now, Some(remaining), 0);
            return;
        };
        let passed = now.saturating_duration_since(self.since);
        if passed < WINDOW {
            return;
        }
        #[allow(clippy::cast_precision_loss, reason = "some calls in seconds")]
        let per_second = |calls: u64| calls as f64 / passed.as_secs_f64();
        // A higher count means that another day has begun. A fall far beyond Alma's limit means that the day's number
        // was changed.
        if let Some(all) = before.checked_sub(remaining)
            && per_second(all) <= shared * 2.0
        {
            self.seen.push_back((per_second(all.saturating_sub(self.own)), per_second(self.own)));
            if self.seen.len() > WINDOWS {
                self.seen.pop_front();
            }
        }
        (self.since, self.remaining, self.own) = (now, Some(remaining), 0);
    }

    /// Returns the highest rate of other applications in any window. Each of the other clients of this kind is assumed
    /// to use as much as this one.
    fn busiest(&self, clients: f64) -> f64 {
        self.seen.iter().map(|(others, own)| (others - own * (clients - 1.0)).max(0.0)).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes as many calls as the rate allows, for some seconds. `answer` receives the number of calls that left in the
    /// last second.
    fn run(
        rate: &mut AdaptiveRate,
        from: Instant,
        seconds: u32,
        answer: impl Fn(usize) -> bool,
    ) -> (Instant, u32, u32) {
        let (mut now, mut calls, mut refused) = (from, 0, 0);
        while now < from + Duration::from_secs(u64::from(seconds)) {
            now += Duration::from_secs_f64(1.0 / rate.allowed(now));
            rate.leaves(now);
            calls += 1;
            if answer(rate.in_the_last_second(now)) {
                rate.answered(now, None);
            } else {
                refused += 1;
                rate.refused(now);
                // The client waits as long, too.
                now += Duration::from_secs(1);
            }
        }
        (now, calls, refused)
    }

    #[test]
    fn hour_with_others_who_take_half_brings_few_refusals_and_most_of_the_rest() {
        let begun = Instant::now();
        let mut rate = AdaptiveRate::new(25, 25, begun);
        let (_, calls, refused) = run(&mut rate, begun, 3_600, |in_a_second| in_a_second <= 12);
        assert!(refused <= 4, "{refused} of {calls}");
        assert!(calls > 8 * 3_600, "{calls}");
    }

    #[test]
    fn the_full_rate_comes_back_once_the_others_are_gone() {
        let begun = Instant::now();
        let mut rate = AdaptiveRate::new(25, 25, begun);
        let (now, ..) = run(&mut rate, begun, 60, |in_a_second| in_a_second <= 5);
        assert!(rate.allowed(now) < 6.0);
        let (now, _, refused) = run(&mut rate, now, 3 * 3_600, |_| true);
        assert_eq!(refused, 0);
        assert!(rate.allowed(now) > 23.0, "{}", rate.allowed(now));
    }

    #[test]
    fn what_others_are_seen_to_use_is_left_to_them_before_anybody_is_refused() {
        let begun = Instant::now();
        let mut rate = AdaptiveRate::new(25, 25, begun);
        rate.leaves(begun);
        let mut left = 100_000;
        for second in 0..30 {
            left -= 5 + 9;
            for _ in 0..5 {
                rate.answered(begun + Duration::from_secs(second), Some(left));
            }
        }
        assert!((8.0..=10.0).contains(&rate.others()), "{}", rate.others());
        let allowed = rate.allowed(begun + Duration::from_secs(31));
        assert!((13.0..=15.0).contains(&allowed), "{allowed}");
    }

    #[test]
    fn no_second_has_more_calls_than_are_allowed_however_they_are_bunched() {
        let begun = Instant::now();
        let mut rate = AdaptiveRate::new(10, 25, begun);
        rate.leaves(begun);
        let mut now = begun + Duration::from_secs(10);
        for _ in 0..100 {
            now = rate.room_at(now, 1.0);
            rate.leaves(now);
            assert!(rate.in_the_last_second(now) <= 10, "{}", rate.in_the_last_second(now));
        }
        assert!(now - begun < Duration::from_secs(24), "{:?}", now - begun);
    }

    #[test]
    fn half_is_left_to_others_until_they_are_known() {
        let begun = Instant::now();
        let mut rate = AdaptiveRate::new(25, 25, begun);
        rate.leaves(begun);
        assert!(rate.allowed(begun) < 12.5);
        assert!(rate.allowed(begun + UNKNOWN) > 23.0);
    }

    #[test]
    fn a_new_day_or_another_number_of_calls_a_day_is_not_taken_for_others() {
        let begun = Instant::now();
        let mut rate = AdaptiveRate::new(25, 25, begun);
        rate.answered(begun, Some(10));
        rate.answered(begun + Duration::from_secs(10), Some(100_000));
        rate.answered(begun + Duration::from_secs(12), Some(500));
        assert!(rate.others() < 1.0);
    }

    #[test]
    fn clients_of_one_institution_take_equal_parts_and_do_not_make_room_for_each_other_twice() {
        let begun = Instant::now();
        let mut rate = AdaptiveRate::new(20, 20, begun);
        rate.share_with(2);
        rate.leaves(begun);
        let mut left = 100_000;
        for second in 0..10 {
            left -= 20;
            for _ in 0..10 {
                rate.answered(begun + Duration::from_secs(second), Some(left));
            }
        }
        let allowed = rate.allowed(begun + Duration::from_secs(10));
        assert!((7.0..=9.5).contains(&allowed), "{allowed}");
    }
}
