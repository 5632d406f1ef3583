//! Decides which connections have a place, and which are closed to make room.

#![allow(clippy::disallowed_methods, reason = "time-outs of connections run by the machine's clock")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Limits;

/// The time that a connection has to send its request before it may be closed for another one.
const GRACE: Duration = Duration::from_millis(250);

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Arc<Limits>,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    places: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The address that it counts for, unless it is exempt.
    address: Option<IpAddr>,
    activity: Arc<Activity>,
}

/// The state of a connection.
#[derive(Debug)]
pub(crate) struct Activity {
    now: Mutex<Doing>,
    /// Whether a part of an answer waits until the client has read the earlier part.
    unread: AtomicBool,
    close: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Doing {
    answering: bool,
    /// The time since which it has waited for a request. It has no meaning while the connection answers one.
    since: Instant,
    /// The number of requests that have arrived on it.
    calls: u64,
}

/// A connection's place among the others, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    activity: Arc<Activity>,
    connections: Arc<Connections>,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(crate) struct Call(Arc<Activity>);

enum Found {
    Place(Place),
    /// None of the connections in the way may be closed.
    None,
    /// One of the connections in the way may be closed at this time.
    Later(Instant),
}

impl Connections {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        Self { limits, open: Mutex::default(), freed: Notify::new() }
    }

    /// Finds a place for a connection from `address`, if necessary by closing the one that has waited longest.
    pub(crate) async fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        loop {
            match self.find(address) {
                Found::Place(place) => return Some(place),
                Found::None => return None,
                Found::Later(then) => tokio::select! {
                    () = tokio::time::sleep_until(then) => {}
                    () = self.freed.notified() => {}
                },
            }
        }
    }

    fn find(self: &Arc<Self>, address: IpAddr) -> Found {
        let now = Instant::now();
        let mut open = self.open.lock();
        let address = self.counted(address);
        if address.is_some() && open.from(address) >= self.limits.per_address {
            match open.longest_waiting(|entry| entry.address == address) {
                Some((id, since)) if since + GRACE <= now => open.close(id),
                _ => return Found::None,
            }
        }
        if open.places.len() >= self.limits.connections {
            match open.longest_waiting(|_| true) {
                Some((id, since)) if since + GRACE <= now => open.close(id),
                Some((_, since)) => return Found::Later(since + GRACE),
                None => return Found::None,
            }
        }
        let activity = Arc::new(Activity {
            now: Mutex::new(Doing { answering: false, since: now, calls: 0 }),
            unread: AtomicBool::new(false),
            close: Notify::new(),
        });
        let id = open.next;
        open.next += 1;
        open.places.insert(id, Entry { address, activity: Arc::clone(&activity) });
        Found::Place(Place { id, activity, connections: Arc::clone(self) })
    }

    /// Returns the address that a connection counts for. An IPv6 client has a network of 64 bits to itself.
    fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        if (self.limits.loopback_is_exempt && address.is_loopback())
            || self.limits.exempt.iter().any(|exempt| exempt.to_canonical() == address)
        {
            return None;
        }
        Some(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        })
    }

    pub(crate) fn close_longest_waiting(&self) {
        let mut open = self.open.lock();
        if let Some((id, _)) = open.longest_waiting(|_| true) {
            open.close(id);
        }
    }
}

impl Open {
    fn from(&self, address: Option<IpAddr>) -> usize {
        self.places.values().filter(|entry| entry.address == address).count()
    }

    fn longest_waiting(&self, which: impl Fn(&Entry) -> bool) -> Option<(u64, Instant)> {
        let candidates = self.places.iter().filter(|(_, entry)| which(entry));
        let waiting = candidates.filter_map(|(id, entry)| Some((*id, entry.activity.waiting_since()?)));
        waiting.min_by_key(|(_, since)| *since)
    }

    /// Frees a connection's place at once. The connection itself ends within a moment.
    fn close(&mut self, id: u64) {
        if let Some(entry) = self.places.remove(&id) {
            entry.activity.close.notify_one();
        }
    }
}

impl Activity {
    /// Records that a request's header has arrived.
    pub(crate) fn begin(self: &Arc<Self>) -> Call {
        let mut now = self.now.lock();
        now.answering = true;
        now.calls += 1;
        drop(now);
        Call(Arc::clone(self))
    }

    pub(crate) fn set_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Relaxed);
    }

    fn waiting_since(&self) -> Option<Instant> {
        let now = *self.now.lock();
        (!now.answering).then_some(now.since)
    }

    /// Returns the number of the awaited request; `None` while one is being answered.
    pub(crate) fn waits_for(&self) -> Option<u64> {
        let now = *self.now.lock();
        (!now.answering).then_some(now.calls)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut now = self.0.now.lock();
        now.answering = false;
        now.since = Instant::now();
    }
}

impl Place {
    pub(crate) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    /// Completes when the place has been given to another connection.
    pub(crate) async fn closed(&self) {
        self.activity.close.notified().await;
    }

    /// Completes after `time`, unless a request has been answered in the meantime or is being answered, or a client is
    /// still reading an answer.
    pub(crate) async fn quiet(&self, time: Duration) {
        let before = self.activity.waits_for();
        tokio::time::sleep(time).await;
        if before.is_none() || self.activity.waits_for() != before || self.activity.unread.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open.lock().places.remove(&self.id);
        self.connections.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(change: impl Fn(&mut Limits)) -> Arc<Connections> {
        let mut limits = Limits { connections: 3, per_address: 2, ..Limits::default() };
        change(&mut limits);
        Arc::new(Connections::new(Arc::new(limits)))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_and_named_proxies_are_exempt_in_every_notation() {
        let all = connections(|limits| limits.exempt = vec![ip("192.0.2.7")]);
        for exempt in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "192.0.2.7", "::ffff:192.0.2.7"] {
            assert_eq!(all.counted(ip(exempt)), None, "{exempt}");
        }
        assert_eq!(all.counted(ip("::ffff:192.0.2.8")), Some(ip("192.0.2.8")));
        assert_eq!(all.counted(ip("2001:db8:1:2:3:4:5:6")), all.counted(ip("2001:db8:1:2::1")));
        assert_ne!(all.counted(ip("2001:db8:1:2::1")), all.counted(ip("2001:db8:1:3::1")));
        let strict = connections(|limits| limits.loopback_is_exempt = false);
        assert_eq!(strict.counted(ip("127.0.0.1")), Some(ip("127.0.0.1")));
    }

    #[tokio::test(start_paused = true)]
    async fn connection_that_waited_longest_makes_room_and_one_that_answers_does_not() {
        let all = connections(|_| {});
        let answering = all.place(ip("192.0.2.1")).await.unwrap();
        let call = answering.activity().begin();
        tokio::time::advance(Duration::from_secs(1)).await;
        let old = all.place(ip("192.0.2.2")).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let young = all.place(ip("192.0.2.3")).await.unwrap();
        let newest = all.place(ip("192.0.2.4")).await.unwrap();
        old.closed().await;
        // The new connection has its time to send a request before it is closed.
        let begun = Instant::now();
        let another = all.place(ip("192.0.2.5")).await.unwrap();
        young.closed().await;
        assert_eq!(begun.elapsed(), GRACE);
        let calls = (newest.activity().begin(), another.activity().begin());
        assert!(all.place(ip("192.0.2.6")).await.is_none(), "all are answering");
        drop((call, calls));
    }

    #[tokio::test(start_paused = true)]
    async fn address_with_all_its_connections_keeps_no_other_address_out() {
        let all = connections(|limits| limits.connections = 10);
        let first = all.place(ip("192.0.2.1")).await.unwrap();
        let second = all.place(ip("192.0.2.1")).await.unwrap();
        assert!(all.place(ip("192.0.2.1")).await.is_none(), "its connections are new");
        let _other = all.place(ip("192.0.2.2")).await.unwrap();
        tokio::time::advance(GRACE).await;
        let _call = first.activity().begin();
        let _third = all.place(ip("192.0.2.1")).await.unwrap();
        second.closed().await;
    }
}
