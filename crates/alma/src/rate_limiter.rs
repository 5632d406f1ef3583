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
        let state = State { rate, free_at: now, soonest: now, next_deferrable: now, held_until: now, waiting, tickets };
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
        if state.waiting.first() != Some(&place) {
            return Turn::Behind;
        }
        let now = Instant::now();
        let free = match place.0 {
            Priority::Patron => state.soonest.max(state.rate.room_at(now)),
            Priority::Circulation => state.free_at,
            Priority::Availability | Priority::Poll | Priority::Bulk => state.free_at.max(state.next_deferrable),
        };
        let free = free.max(state.held_until);
        if free > now {
            return Turn::At(free);
        }
        let interval = Duration::from_secs_f64(1.0 / state.rate.allowed(now));
        let begun = now - LATENESS.min(interval);
        state.free_at = state.free_at.max(begun) + interval;
        state.soonest = now + interval.div_f64(SOONER);
        if place.0.is_deferrable() {
            state.next_deferrable = state.next_deferrable.max(begun) + interval.div_f64(self.background_share);
        }
        state.rate.leaves(now);
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
}
