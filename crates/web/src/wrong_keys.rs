//! Wrong API keys: counted and delayed by address, and logged once a minute.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
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
const LOGGED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The wrong keys that came from one address.
#[derive(Debug)]
struct FromAddress {
    wrong: u32,
    last: Timestamp,
    logged: Timestamp,
    not_logged: u32,
}

/// The addresses from which wrong keys came.
#[derive(Debug, Default)]
pub(crate) struct WrongKeys(Mutex<HashMap<Option<IpAddr>, FromAddress>>);

impl WrongKeys {
    /// Counts a wrong key, and waits for as long as its answer is delayed.
    #[allow(clippy::disallowed_methods, reason = "the delay of an answer runs by the machine's clock")]
    pub(crate) async fn delay(&self, address: Option<IpAddr>, now: Timestamp) {
        tokio::time::sleep(self.note(address, now)).await;
    }

    /// Counts a wrong key. Returns the delay of its answer.
    fn note(&self, address: Option<IpAddr>, now: Timestamp) -> Duration {
        let address = address.map(network);
        let mut known = self.0.lock();
        if !known.contains_key(&address) && known.len() >= MOST_ADDRESSES {
            let oldest = known.iter().min_by_key(|(_, from)| from.last).map(|(address, _)| *address);
            oldest.map(|oldest| known.remove(&oldest));
        }
        let from =
            known.entry(address).or_insert(FromAddress { wrong: 0, last: now, logged: Timestamp::MIN, not_logged: 0 });
        if now.duration_since(from.last) > FORGOTTEN_AFTER {
            from.wrong = 0;
        }
        from.wrong = from.wrong.saturating_add(1);
        from.not_logged = from.not_logged.saturating_add(1);
        from.last = now;
        if from.logged == Timestamp::MIN || now.duration_since(from.logged) >= LOGGED_EVERY {
            let peer = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
            warn!(peer, wrong_keys = from.not_logged, "calls with a wrong API key were refused");
            (from.logged, from.not_logged) = (now, 0);
        }
        match from.wrong.saturating_sub(FREE) {
            0 => Duration::ZERO,
            more => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(more - 1)).min(LONGEST_DELAY),
        }
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
        wrong.note(Some(address.parse().unwrap()), at(seconds)).as_millis()
    }

    #[test]
    fn delay_grows_by_address_up_to_a_limit_and_ends_after_a_quiet_time() {
        let wrong = WrongKeys::default();
        let delays: Vec<u128> = (0..6).map(|second| millis(&wrong, "192.0.2.1", second)).collect();
        assert_eq!(delays, [0, 0, 0, 100, 200, 400]);
        assert_eq!(millis(&wrong, "192.0.2.2", 6), 0, "another address doesn't wait");
        let many = (0..40).map(|_| millis(&wrong, "192.0.2.1", 7)).last();
        assert_eq!(many, Some(5_000));
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
