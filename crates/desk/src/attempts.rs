//! Attempts to sign in: after a few wrong ones, the same name or address waits longer and longer.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// How many wrong attempts cost nothing: people mistype.
const FREE: u32 = 3;
/// The longest wait. A person who was locked out by somebody else's attempts loses no more than this.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);
/// How long a name or an address must be quiet to be forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How many names and addresses are remembered. The one that was quiet longest goes first.
const MOST: usize = 4_096;

/// From whom an attempt came.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Origin {
    Name(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Wrong {
    times: u32,
    last: Timestamp,
}

impl Wrong {
    /// Returns when the next attempt counts.
    fn next(self) -> Timestamp {
        let doublings = self.times.saturating_sub(FREE).min(16);
        let wait =
            if doublings == 0 { SignedDuration::ZERO } else { SignedDuration::from_secs(1 << doublings).min(LONGEST) };
        self.last.saturating_add(wait).unwrap_or(self.last)
    }
}

/// The wrong attempts of the last hour, by name and by address.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<Origin, Wrong>>);

impl Attempts {
    /// Returns how many seconds this name or address must wait; `None` if it may try now.
    pub(crate) fn wait(&self, name: &str, address: Option<IpAddr>, now: Timestamp) -> Option<i64> {
        let known = self.0.lock();
        let next = origins(name, address).filter_map(|origin| known.get(&origin).copied()).map(Wrong::next).max()?;
        let seconds = next.duration_since(now).as_secs();
        (next > now).then_some(seconds.max(1))
    }

    /// Counts a wrong attempt.
    pub(crate) fn note_wrong(&self, name: &str, address: Option<IpAddr>, now: Timestamp) {
        let mut known = self.0.lock();
        known.retain(|_, wrong| now.duration_since(wrong.last) < FORGOTTEN_AFTER);
        for origin in origins(name, address) {
            if known.len() >= MOST && !known.contains_key(&origin) {
                let quiet = known.iter().min_by_key(|(_, wrong)| wrong.last).map(|(origin, _)| origin.clone());
                quiet.map(|quiet| known.remove(&quiet));
            }
            let wrong = known.entry(origin).or_insert(Wrong { times: 0, last: now });
            (wrong.times, wrong.last) = (wrong.times.saturating_add(1), now);
        }
    }

    /// Forgets the wrong attempts of a name that has signed in. Those of the address stay: it may try other names.
    pub(crate) fn forget(&self, name: &str) {
        self.0.lock().remove(&Origin::Name(name.to_lowercase()));
    }
}

fn origins(name: &str, address: Option<IpAddr>) -> impl Iterator<Item = Origin> {
    let name: String = name.chars().take(64).collect();
    [Some(Origin::Name(name.to_lowercase())), address.map(Origin::Address)].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_grows_with_each_wrong_attempt_and_ends() {
        let (attempts, now) = (Attempts::default(), Timestamp::from_second(1_800_000_000).unwrap());
        let mut waits = Vec::new();
        for _ in 0..16 {
            attempts.note_wrong("Ann", None, now);
            waits.push(attempts.wait("ann", None, now).unwrap_or(0));
        }
        assert_eq!(waits[..6], [0, 0, 0, 2, 4, 8]);
        assert_eq!(waits.last(), Some(&300));
        let later = now.saturating_add(SignedDuration::from_secs(301)).unwrap();
        assert_eq!(attempts.wait("ann", None, later), None);
        assert_eq!(attempts.wait("ben", None, now), None);
    }

    #[test]
    fn address_that_tries_many_names_waits_too() {
        let (attempts, now) = (Attempts::default(), Timestamp::from_second(1_800_000_000).unwrap());
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        for number in 0..5 {
            attempts.note_wrong(&format!("user-{number}"), address, now);
        }
        assert!(attempts.wait("another", address, now).is_some());
        attempts.forget("user-0");
        assert!(attempts.wait("user-0", address, now).is_some());
        assert_eq!(attempts.wait("user-0", None, now), None);
    }
}
