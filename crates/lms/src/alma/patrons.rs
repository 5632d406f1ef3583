//! Virtual patrons that are known to be there, so that a reader's next request needs no call to find that out again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Staff may delete, expire or move them at any time; a hold that is refused for it brings them back at once. They are made
/// to last for far longer.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Beyond so many all are forgotten, and found again by one call each.
const MOST: usize = 100_000;

/// Who was seen, in which group, and when.
#[derive(Debug, Default)]
pub(super) struct Patrons {
    seen: Mutex<HashMap<String, (String, Timestamp)>>,
}

impl Patrons {
    pub(super) fn has(&self, id: &str, group: &str, now: Timestamp) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(id).is_some_and(|(of, at)| of == group && now.duration_since(*at).abs() < REMEMBERED)
    }

    pub(super) fn note(&self, id: &str, group: &str, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(id.to_owned(), (group.to_owned(), now));
    }

    /// Answers whether it was known.
    pub(super) fn forget(&self, id: &str) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(id).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_patron_is_remembered_for_a_month_and_in_its_group() {
        let (patrons, now) = (Patrons::default(), Timestamp::UNIX_EPOCH);
        patrons.note("dcb-1", "DCB", now);
        assert!(patrons.has("dcb-1", "DCB", now + SignedDuration::from_hours(719)));
        assert!(!patrons.has("dcb-1", "DCB", now + SignedDuration::from_hours(720)));
        assert!(!patrons.has("dcb-1", "OTHER", now));
        assert!(patrons.forget("dcb-1") && !patrons.forget("dcb-1"));
        assert!(!patrons.has("dcb-1", "DCB", now));
    }
}
