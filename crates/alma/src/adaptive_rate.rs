//! How many calls a second are allowed now: what was set, less where other applications of the institution need room.
//!
//! Two things report the others. Alma's count of the day's calls left falls by their calls too; what falls without us is
//! theirs, and is left to them before anybody is refused. Where that doesn't help, a refusal does: the rate falls at once,
//! comes back to somewhat below where it was refused, and goes beyond that only after long.

#![allow(
    clippy::disallowed_methods,
    reason = "the client paces and retries its calls by the machine's clock; its tests pause Tokio's"
)]

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Alma counts when calls arrive, and they don't arrive as evenly as they leave.
const SAFETY_FACTOR: f64 = 0.95;
/// Refusals within this time are one: calls that were on their way together.
const ONE_INCIDENT: Duration = Duration::from_secs(2);
/// What the rate falls to of what was refused.
const DECREASE_FACTOR: f64 = 0.7;
/// And what it comes back to.
const RECOVERY_FACTOR: f64 = 0.85;
/// Beyond that only after so many calls or this time without refusal.
const PATIENT_CALLS: u64 = 20_000;
const PATIENT_TIME: Duration = Duration::from_secs(3_600);
/// No rate is less.
const MIN_RATE: f64 = 0.5;
/// Of what was set, so much is never given up for others that merely were seen: they might be seen wrongly.
const OWN_SHARE: f64 = 0.25;
/// Over which time others' calls are counted, and how many such times are remembered: the busiest one counts.
const WINDOW: Duration = Duration::from_secs(1);
const WINDOWS: usize = 60;
/// They may come to one more than was seen.
const ONE_MORE: f64 = 1.0;
/// For so long after the first call nothing can be known of them, and half is left to them.
const UNKNOWN: Duration = Duration::from_secs(3);
const UNTIL_KNOWN: f64 = 0.5;

/// The rate of one client.
#[derive(Debug)]
pub(crate) struct AdaptiveRate {
    /// What was set.
    set: f64,
    /// What the institution has for all its applications.
    shared: f64,
    /// Clients of the same institution elsewhere, this one included.
    clients: f64,
    now: f64,
    grown_at: Instant,
    /// What was too much, since when, and how many calls went well since.
    refused: Option<(f64, Instant, u64)>,
    /// When the last calls left.
    left: VecDeque<Instant>,
    others: Others,
    /// When the first call left.
    first: Option<Instant>,
}

impl AdaptiveRate {
    pub(crate) fn new(set: u32, shared: u32, now: Instant) -> Self {
        let set = f64::from(set);
        let others = Others { since: now, remaining: None, own: 0, seen: VecDeque::new() };
        let (shared, left) = (f64::from(shared), VecDeque::new());
        Self { set, shared, clients: 1.0, now: set, grown_at: now, refused: None, left, others, first: None }
    }

    /// Others of our own kind use the same institution: each takes its part.
    pub(crate) fn share_with(&mut self, clients: u32) {
        self.clients = f64::from(clients.max(1));
    }

    /// Calls a second that may leave now.
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

    /// Calls a second of other applications, as far as is known.
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

    /// A call leaves.
    pub(crate) fn leaves(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.left.push_back(now);
        self.forget_before(now);
    }

    /// When the next call may leave so that no second has more than are allowed.
    pub(crate) fn room_at(&mut self, now: Instant) -> Instant {
        let allowed = self.allowed(now);
        let together = allowed.ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of calls")]
        let nth_last = self.left.len().checked_sub(together as usize).and_then(|nth| self.left.get(nth));
        nth_last.map_or(now, |left| *left + Duration::from_secs_f64((together / allowed).max(1.0 / SAFETY_FACTOR)))
    }

    /// Calls that left in the last second.
    fn in_the_last_second(&self, now: Instant) -> usize {
        self.left.iter().rev().take_while(|at| now.saturating_duration_since(**at) <= Duration::from_secs(1)).count()
    }

    fn forget_before(&mut self, now: Instant) {
        // The slowest rate is a call in two seconds.
        while self.left.front().is_some_and(|at| now.saturating_duration_since(*at) > Duration::from_secs(3)) {
            self.left.pop_front();
        }
    }

    /// Alma counted a call, and has so many left for today.
    pub(crate) fn answered(&mut self, now: Instant, remaining: Option<u64>) {
        let shared = self.shared;
        if let Some((_, _, calls)) = &mut self.refused {
            *calls += 1;
        }
        self.others.note(now, remaining, shared);
    }

    /// Alma refused a call for the limit per second.
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

/// What other applications use, reported by the count of calls left: what it falls by without us.
#[derive(Debug)]
struct Others {
    since: Instant,
    remaining: Option<u64>,
    own: u64,
    /// Theirs and ours, a second.
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
        // More than before: another day has begun. Far less than Alma lets through: the day's number was changed.
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

    /// Where clients of our own kind are among them, each is taken to use as much as this one.
    fn busiest(&self, clients: f64) -> f64 {
        self.seen.iter().map(|(others, own)| (others - own * (clients - 1.0)).max(0.0)).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many calls as the rate allows, for some seconds; `answer` gets how many left in the last second.
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
                // As the client does.
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
            now = rate.room_at(now);
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
