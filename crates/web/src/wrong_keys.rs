//! Wrong API keys: counted and delayed by address, and logged: the first at once, and those of the minute after it together.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tracing::warn;

/// The number of addresses that are remembered.
const MOST_ADDRESSES: usize = 1_024;
/// How many wrong keys an address may send before its answers are delayed: people mistype.
const FREE: u32 = 3;
/// The first delay; it doubles with each further wrong key.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// How long an address must send no wrong key to be forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// How often an address is logged.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

/// The wrong keys that came from one address.
#[derive(Debug)]
struct FromAddress {
    wrong: u32,
    last: Timestamp,
    /// Those that the log has not reported yet.
    not_logged: u32,
    /// Whether a report is due within a minute.
    is_watched: bool,
}

/// The addresses from which wrong keys came.
#[derive(Clone, Debug, Default)]
pub(crate) struct WrongKeys(Arc<Mutex<HashMap<Option<IpAddr>, FromAddress>>>);

impl WrongKeys {
    /// Counts a wrong key, and waits for as long as its answer is delayed.
    #[allow(clippy::disallowed_methods, reason = "the delay of an answer runs by the machine's clock")]
    pub(crate) async fn delay(&self, address: Option<IpAddr>, now: Timestamp) {
        let address = address.map(network);
        let (delay, is_first) = self.note(address, now);
        if is_first {
            self.report(address);
            tokio::spawn(self.clone().watch(address));
        }
        tokio::time::sleep(delay).await;
    }

    /// Reports the wrong keys of an address once a minute, until a minute brings none.
    #[allow(clippy::disallowed_methods, reason = "the log is written by the machine's clock")]
    async fn watch(self, address: Option<IpAddr>) {
        loop {
            tokio::time::sleep(LOGGED_EVERY).await;
            if !self.report(address) {
                return;
            }
        }
    }

    /// Logs the wrong keys of an address that are not logged yet. Returns whether there were any.
    fn report(&self, address: Option<IpAddr>) -> bool {
        let mut known = self.0.lock();
        let Some(from) = known.get_mut(&address) else { return false };
        let wrong_keys = std::mem::take(&mut from.not_logged);
        from.is_watched = wrong_keys > 0;
        if wrong_keys > 0 {
            let peer = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
            warn!(peer, wrong_keys, "calls with a wrong API key were refused");
        }
        from.is_watched
    }

    /// Counts a wrong key. Returns the delay of its answer, and whether nobody watches the address yet.
    fn note(&self, address: Option<IpAddr>, now: Timestamp) -> (Duration, bool) {
        let mut known = self.0.lock();
        if !known.contains_key(&address) && known.len() >= MOST_ADDRESSES {
            let oldest = known.iter().min_by_key(|(_, from)| from.last).map(|(address, _)| *address);
            oldest.map(|oldest| known.remove(&oldest));
        }
        let from =
            known.entry(address).or_insert(FromAddress { wrong: 0, last: now, not_logged: 0, is_watched: false });
        if now.duration_since(from.last) > FORGOTTEN_AFTER {
            from.wrong = 0;
        }
        from.wrong = from.wrong.saturating_add(1);
        from.not_logged = from.not_logged.saturating_add(1);
        from.last = now;
        let is_first = !std::mem::replace(&mut from.is_watched, true);
        let delay = match from.wrong.saturating_sub(FREE) {
            0 => Duration::ZERO,
            more => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(more - 1)).min(LONGEST_DELAY),
        };
        (delay, is_first)
    }
}

/// Returns the network that counts as one address: an IPv6 caller has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn millis(wrong: &WrongKeys, address: &str, seconds: i64) -> u128 {
        wrong.note(Some(network(address.parse().unwrap())), at(seconds)).0.as_millis()
    }

    #[test]
    fn delay_grows_by_address_up_to_a_limit_and_ends_after_a_quiet_time() {
        let wrong = WrongKeys::default();
        let delays: Vec<u128> = (0..6).map(|second| millis(&wrong, "192.0.2.1", second)).collect();
        assert_eq!(delays, [0, 0, 0, 100, 200, 400]);
        assert_eq!(millis(&wrong, "192.0.2.2", 6), 0, "another address doesn't wait");
        let many: Vec<u128> = (0..40).map(|_| millis(&wrong, "192.0.2.1", 7)).collect();
        assert_eq!(many.last(), Some(&5_000));
        assert_eq!(millis(&wrong, "192.0.2.1", 8 + 16 * 60), 0);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let wrong = WrongKeys::default();
        let delays: Vec<u128> = (1..=5).map(|host| millis(&wrong, &format!("2001:db8::{host}"), 1)).collect();
        assert_eq!(delays, [0, 0, 0, 100, 200]);
        assert_eq!(millis(&wrong, "2001:db8:0:1::1", 1), 0);
        let mapped: Vec<u128> = (0..4).map(|_| millis(&wrong, "::ffff:192.0.2.9", 1)).collect();
        assert_eq!(mapped, [0, 0, 0, 100], "a mapped address is the IPv4 address");
        assert_eq!(millis(&wrong, "::ffff:192.0.2.8", 1), 0);
    }

    #[test]
    fn short_series_is_reported_with_its_number_and_so_is_the_next_one() {
        let (wrong, address) = (WrongKeys::default(), Some("192.0.2.1".parse().unwrap()));
        let left = |wrong: &WrongKeys| wrong.0.lock()[&address].not_logged;
        assert!(wrong.note(address, at(0)).1, "the first is reported at once");
        assert!(wrong.report(address));
        assert!(!wrong.note(address, at(1)).1 && !wrong.note(address, at(2)).1);
        assert_eq!(left(&wrong), 2);
        assert!(wrong.report(address), "the minute's report has the others");
        assert_eq!(left(&wrong), 0);
        assert!(!wrong.report(address), "a quiet minute ends the watch");
        assert!(wrong.note(address, at(300)).1, "the next series is reported at once");
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_address_is_forgotten_first() {
        let wrong = WrongKeys::default();
        for number in 0..u32::try_from(MOST_ADDRESSES).unwrap() + 100 {
            wrong.note(Some(std::net::Ipv4Addr::from_bits(number).into()), at(i64::from(number)));
        }
        let known = wrong.0.lock();
        assert_eq!(known.len(), MOST_ADDRESSES);
        assert!(!known.contains_key(&Some(std::net::Ipv4Addr::from_bits(0).into())));
    }
}
