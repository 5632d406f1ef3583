//! Decides when a call may leave: so many per second, in the order of their priority.

#![allow(
    clippy::disallowed_methods,
    reason = "the client paces and retries its calls by the machine's clock; its tests pause Tokio's"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::adaptive_rate::AdaptiveRate;
use crate::priority::Priority;

/// The factor by which a patron's call leaves sooner than evenly spread calls, as long as no second has too many. A
/// patron waits for it. Later calls compensate for it.
const SOONER: f64 = 4.0;
/// The part of a second's calls that may leave together when somebody asks for availability. The hub asks for all records
/// of a title at once, and the answer is as late as the last of them.
const BURST_SHARE: f64 = 0.4;
/// The smallest burst. A title has a few records at an institution, if the institution has more than one.
const SMALLEST_BURST: f64 = 2.0;
/// The part of a second's calls that bursts leave to patrons.
const LEFT_TO_PATRONS: f64 = 0.25;
/// The part of the deferrable calls that may be for availability while others wait.
const AVAILABILITY_SHARE: f64 = 0.75;
/// The lateness of a timer that is made up for.
const LATENESS: Duration = Duration::from_millis(2);

/// The current rate of a client's calls.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CallRate {
    /// Calls per second that may leave now.
    pub allowed: f64,
    /// The part of these that deferrable calls may use.
    pub background: f64,
    /// Calls per second of other applications, according to Alma's counter.
    pub other_apps: f64,
    /// The number of calls that wait for their turn.
    pub waiting: usize,
}

/// Gives a client and its clones one turn after another.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// The share of the rate that deferrable calls may use.
    background_share: f64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    rate: AdaptiveRate,
    /// When the next call may leave, evenly spread.
    free_at: Instant,
    /// When the next call of a patron may leave.
    soonest: Instant,
    /// When the next deferrable call may leave.
    next_deferrable: Instant,
    /// When the next call for availability would leave if such calls were evenly spread. A burst may be ahead of it.
    next_availability: Instant,
    held_until: Instant,
    waiting: BTreeSet<Place>,
    tickets: u64,
}

/// The order of calls: by priority, then by arrival.
type Place = (Priority, u64);

enum Turn {
    Now,
    At(Instant),
    /// Other calls leave first.
    Behind,
}

impl RateLimiter {
    pub(crate) fn new(set: u32, shared: u32, background_share: f64) -> Self {
        let now = Instant::now();
        let rate = AdaptiveRate::new(set, shared, now);
        let (waiting, tickets) = (BTreeSet::new(), 0);
        let state = State {
            rate,
            free_at: now,
            soonest: now,
            next_deferrable: now,
            next_availability: now,
            held_until: now,
            waiting,
            tickets,
        };
        Self { background_share, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits for a turn. Returns the time it took.
    pub(crate) async fn turn(&self, priority: Priority) -> Duration {
        let arrived = Instant::now();
        let ticket = self.ticket(priority);
        loop {
            let changed = self.changed.notified();
            match self.next_turn(ticket.place) {
                Turn::Now => return arrived.elapsed(),
                Turn::At(time) => tokio::select! {
                    () = sleep_until(time) => {}
                    () = changed => {}
                },
                Turn::Behind => changed.await,
            }
        }
    }

    fn ticket(&self, priority: Priority) -> Ticket<'_> {
        let mut state = self.state.lock();
        state.tickets += 1;
        let place = (priority, state.tickets);
        state.waiting.insert(place);
        Ticket { limiter: self, place }
    }

    fn next_turn(&self, place: Place) -> Turn {
        let mut state = self.state.lock();
        let now = Instant::now();
        let free = state.free_at(place.0, now, self.background_share);
        if state.is_behind(place, free, now, self.background_share) {
            return Turn::Behind;
        }
        if free > now {
            return Turn::At(free);
        }
        state.leaves(place.0, now, self.background_share);
        Turn::Now
    }

    /// Stops all calls for a while: a limit that one call has reached applies to all.
    pub(crate) fn refused(&self, wait: Duration) {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.rate.refused(now);
        state.held_until = state.held_until.max(now + wait);
    }

    pub(crate) fn answered(&self, remaining: Option<u64>) {
        self.state.lock().rate.answered(Instant::now(), remaining);
    }

    pub(crate) fn share_with(&self, clients: u32) {
        self.state.lock().rate.share_with(clients);
    }

    pub(crate) fn now(&self) -> CallRate {
        let mut state = self.state.lock();
        let allowed = state.rate.allowed(Instant::now());
        let (background_share, others) = (allowed * self.background_share, state.rate.others());
        CallRate { allowed, background: background_share, other_apps: others, waiting: state.waiting.len() }
    }
}

impl State {
    /// Returns when a call of this priority may leave, as far as the calls that have left decide it.
    fn free_at(&mut self, priority: Priority, now: Instant, background_share: f64) -> Instant {
        let room = self.rate.even_room_at(now);
        let even = self.free_at.max(self.next_deferrable).max(room);
        let free = match priority {
            Priority::Patron => self.soonest.max(self.rate.room_at(now, 1.0)),
            Priority::Circulation => self.free_at.max(room),
            Priority::Availability => self.burst_at(now, background_share).min(even.max(self.next_availability)),
            Priority::Poll | Priority::Bulk => even,
        };
        free.max(self.held_until)
    }

    /// Returns when a call for availability may leave as part of a burst.
    fn burst_at(&mut self, now: Instant, background_share: f64) -> Instant {
        let allowed = self.rate.allowed(now);
        let burst = (allowed * BURST_SHARE).max(SMALLEST_BURST);
        let ahead = Duration::from_secs_f64((burst - 1.0) / (allowed * background_share * self.availability_share()));
        let earliest = self.next_availability.checked_sub(ahead).unwrap_or(now);
        earliest.max(self.rate.room_at(now, 1.0 - LEFT_TO_PATRONS))
    }

    /// Returns the part of the deferrable calls that may be for availability now.
    fn availability_share(&self) -> f64 {
        let others_wait = self.waiting.range((Priority::Poll, 0)..).next().is_some();
        if others_wait { AVAILABILITY_SHARE } else { 1.0 }
    }

    /// Returns whether another call leaves before this one, which may leave at `free`. Calls for availability that have
    /// had their part let polls pass.
    fn is_behind(&mut self, place: Place, free: Instant, now: Instant, background_share: f64) -> bool {
        match self.waiting.first().copied() {
            None => false,
            Some(first) if first == place => false,
            Some((Priority::Availability, _)) if place.0 > Priority::Availability => {
                let is_first_poll = self.waiting.range((Priority::Poll, 0)..).next() == Some(&place);
                !is_first_poll || self.free_at(Priority::Availability, now, background_share) <= free
            }
            Some(_) => true,
        }
    }

    fn leaves(&mut self, priority: Priority, now: Instant, background_share: f64) {
        let interval = Duration::from_secs_f64(1.0 / self.rate.allowed(now));
        let begun = now - LATENESS.min(interval);
        let deferrable = interval.div_f64(background_share);
        let is_burst = priority == Priority::Availability && self.free_at > now;
        // Polls make up for a burst, and work at the desks isn't delayed. No second has too many calls all the same.
        if !is_burst {
            self.free_at = self.free_at.max(begun) + interval;
            self.soonest = now + interval.div_f64(SOONER);
        }
        if priority == Priority::Availability {
            self.next_availability = self.next_availability.max(begun) + deferrable.div_f64(self.availability_share());
        }
        if priority.is_deferrable() {
            self.next_deferrable = self.next_deferrable.max(begun) + deferrable;
        }
        self.rate.leaves(now);
    }
}

/// A place in the queue. Dropping it gives the place up.
struct Ticket<'a> {
    limiter: &'a RateLimiter,
    place: Place,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.limiter.state.lock().waiting.remove(&self.place);
        self.limiter.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Creates a limiter that knows already that there are no other applications.
    async fn limiter(background_share: f64) -> Arc<RateLimiter> {
        let limiter = Arc::new(RateLimiter::new(100, 100, background_share));
        limiter.turn(Priority::Circulation).await;
        tokio::time::advance(Duration::from_secs(4)).await;
        limiter
    }

    #[tokio::test(start_paused = true)]
    async fn patrons_call_leaves_before_a_hundred_polls() {
        let limiter = limiter(1.0).await;
        let mut polls = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let limiter = Arc::clone(&limiter);
            polls.spawn(async move { limiter.turn(Priority::Poll).await });
        }
        while limiter.now().waiting < 99 {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            let waited = limiter.turn(Priority::Patron).await;
            assert!(waited <= Duration::from_millis(12), "{waited:?}");
        }
        assert!(polls.try_join_next().is_some(), "polls leave in between");
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_wait_uses_no_more_than_its_share() {
        let limiter = limiter(0.5).await;
        let begun = Instant::now();
        for _ in 0..51 {
            limiter.turn(Priority::Poll).await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(990), "{:?}", begun.elapsed());
        let begun = Instant::now();
        for _ in 0..51 {
            limiter.turn(Priority::Circulation).await;
        }
        assert!(begun.elapsed() < Duration::from_millis(700), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_keeps_nobody_waiting() {
        let limiter = limiter(0.1).await;
        limiter.turn(Priority::Poll).await;
        let given_up = tokio::time::timeout(Duration::from_millis(1), limiter.turn(Priority::Poll)).await;
        assert!(given_up.is_err());
        assert!(tokio::time::timeout(Duration::from_secs(2), limiter.turn(Priority::Bulk)).await.is_ok());
        assert_eq!(limiter.now().waiting, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_keeps_everybody_from_calling_for_a_while() {
        let limiter = limiter(0.5).await;
        limiter.refused(Duration::from_secs(1));
        assert!(limiter.turn(Priority::Patron).await >= Duration::from_secs(1));
        assert!(limiter.now().allowed < 50.0);
    }

    /// Starts calls and returns how long each waited.
    async fn start(limiter: &Arc<RateLimiter>, priority: Priority, calls: usize) -> tokio::task::JoinSet<Duration> {
        let before = limiter.now().waiting;
        let mut started = tokio::task::JoinSet::new();
        for _ in 0..calls {
            let limiter = Arc::clone(limiter);
            started.spawn(async move { limiter.turn(priority).await });
        }
        if before > 0 {
            while limiter.now().waiting < before + calls {
                tokio::task::yield_now().await;
            }
        }
        started
    }

    #[tokio::test(start_paused = true)]
    async fn calls_for_the_records_of_one_title_leave_together() {
        let limiter = limiter(0.5).await;
        for title in 0..5 {
            let waited = start(&limiter, Priority::Availability, 20).await.join_all().await;
            assert!(waited.iter().all(Duration::is_zero), "title {title}: {waited:?}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn burst_of_calls_for_availability_does_not_delay_a_desk_or_a_patron() {
        let limiter = limiter(0.5).await;
        start(&limiter, Priority::Availability, 38).await.join_all().await;
        assert!(limiter.turn(Priority::Circulation).await <= Duration::from_millis(11));
        assert!(limiter.turn(Priority::Patron).await <= Duration::from_millis(3));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_for_availability_wait_behind_desks_and_leave_a_part_to_polls() {
        let limiter = limiter(0.5).await;
        let mut questions = start(&limiter, Priority::Availability, 900).await;
        tokio::task::yield_now().await;
        let mut polls = start(&limiter, Priority::Poll, 900).await;
        for _ in 0..50 {
            assert!(limiter.turn(Priority::Circulation).await <= Duration::from_millis(12));
        }
        // Virtual time, as in all these tests: the runtime is paused, so nothing waits.
        tokio::time::sleep(Duration::from_secs(14)).await;
        let left = |set: &mut tokio::task::JoinSet<Duration>| std::iter::from_fn(|| set.try_join_next()).count();
        let (questions, polls) = (left(&mut questions), left(&mut polls));
        assert!(polls >= 100 && questions > 2 * polls, "{questions} calls for availability and {polls} polls left");
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_calls_than_allowed_with_bursts_among_calls_of_all_kinds() {
        let limiter = limiter(0.5).await;
        let begun = Instant::now();
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..600_u64 {
            let priority = Priority::ALL[usize::try_from(number).unwrap() % Priority::ALL.len()];
            let limiter = Arc::clone(&limiter);
            calls.spawn(async move {
                tokio::time::sleep(Duration::from_millis(number / 60 * 400)).await;
                limiter.turn(priority).await;
                begun.elapsed()
            });
        }
        let mut left = calls.join_all().await;
        left.sort_unstable();
        for from in &left {
            let in_a_second = left.iter().filter(|at| (*from..*from + Duration::from_secs(1)).contains(at)).count();
            assert!(in_a_second <= 95, "{in_a_second} calls in the second from {from:?}");
        }
    }
}
