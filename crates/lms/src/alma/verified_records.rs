//! Virtual records that were seen to be still ours, so that those that are deleted on the same day are read in one call.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use lending::BibId;

/// Whoever takes over a virtual record does so rarely, and most of all while it is new.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// Beyond so many all are forgotten, and read again.
const MOST: usize = 100_000;

/// Which records were seen, and when.
#[derive(Debug, Default)]
pub(super) struct VerifiedRecords {
    seen: Mutex<HashMap<BibId, Timestamp>>,
}

impl VerifiedRecords {
    pub(super) fn contains(&self, bib: &BibId, now: Timestamp) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(bib).is_some_and(|at| now.duration_since(*at).abs() < REMEMBERED)
    }

    pub(super) fn insert(&self, bib: &BibId, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(bib.clone(), now);
    }

    pub(super) fn remove(&self, bib: &BibId) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(bib);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verified_record_is_read_once_more_a_day_later() {
        let (records, now, bib) = (VerifiedRecords::default(), Timestamp::UNIX_EPOCH, BibId::from("99"));
        assert!(!records.contains(&bib, now));
        records.insert(&bib, now);
        assert!(records.contains(&bib, now + SignedDuration::from_hours(23)));
        assert!(!records.contains(&bib, now + SignedDuration::from_hours(24)));
        records.remove(&bib);
        assert!(!records.contains(&bib, now));
    }
}
