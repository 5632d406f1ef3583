//! Virtual patrons that are known to be there, so that a reader's next request needs no call to find that out again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Staff may delete, expire or move them at any time; a hold that is refused for it brings them back at once. One that wasn't
/// needed for so long is looked for again.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Beyond so many all are forgotten, and found again by one call each.
const MOST: usize = 100_000;

/// A virtual patron as it was seen.
#[derive(Debug)]
struct Seen {
    group: String,
    /// When it was needed last.
    at: Timestamp,
    /// Until when it is valid for long enough.
    valid_until: Timestamp,
    /// It was not looked for again since then, but believed.
    assumed: bool,
}

/// Who was seen.
#[derive(Debug, Default)]
pub(super) struct Patrons {
    seen: Mutex<HashMap<String, Seen>>,
}

impl Patrons {
    /// Whether it is known to be there; a hold is placed for it then, which shows if it isn't.
    pub(super) fn has(&self, id: &str, group: &str, now: Timestamp) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.get_mut(id).filter(|seen| {
            seen.group == group && now < seen.valid_until && now.duration_since(seen.at).abs() < REMEMBERED
        });
        if let Some(known) = known {
            (known.at, known.assumed) = (now, true);
            return true;
        }
        false
    }

    pub(super) fn note(&self, id: &str, group: &str, now: Timestamp, valid_until: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(id.to_owned(), Seen { group: group.to_owned(), at: now, valid_until, assumed: false });
    }

    /// A hold for it was refused in a way that may be its fault. Answers whether it was only believed to be as it should be;
    /// it is looked for again then.
    pub(super) fn invalidate_if_assumed(&self, id: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let was_assumed = seen.get(id).is_some_and(|seen| seen.assumed);
        if was_assumed {
            seen.remove(id);
        }
        was_assumed
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
    fn a_virtual_patron_is_remembered_for_a_month_after_it_was_needed_and_in_its_group() {
        let (patrons, now) = (Patrons::default(), Timestamp::UNIX_EPOCH);
        let after = |hours| now + SignedDuration::from_hours(hours);
        patrons.note("dcb-1", "DCB", now, after(2_000));
        assert!(patrons.has("dcb-1", "DCB", after(719)));
        assert!(patrons.has("dcb-1", "DCB", after(1_438)), "it was needed again");
        assert!(!patrons.has("dcb-1", "OTHER", after(1_438)));
        assert!(!patrons.has("dcb-1", "DCB", after(2_000)), "it expires soon");
        patrons.note("dcb-2", "DCB", now, after(2_000));
        assert!(!patrons.has("dcb-2", "DCB", after(720)));
        assert!(patrons.forget("dcb-1") && !patrons.forget("dcb-1"));

        patrons.note("dcb-3", "DCB", now, after(2_000));
        assert!(!patrons.invalidate_if_assumed("dcb-3"), "it has just been seen");
        assert!(patrons.has("dcb-3", "DCB", after(1)) && patrons.invalidate_if_assumed("dcb-3"));
        assert!(!patrons.has("dcb-3", "DCB", after(1)));
    }
}
