//! Remembers virtual patrons that exist, so that a patron's next request needs no call to verify that.

use cache::Cache;
use jiff::{SignedDuration, Timestamp};

/// The time for which an unused virtual patron is remembered; after it the hub verifies the patron again. Staff may
/// delete, expire or move virtual patrons at any time. If Alma refuses a hold for that reason, the hub restores the
/// patron at once.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A virtual patron, as the hub last read or made it.
#[derive(Debug)]
struct Seen {
    /// A text that changes with its group and with the data of the patron that it shows.
    version: String,
    /// Before this time its remaining validity is long enough.
    valid_until: Timestamp,
    /// Whether it has been used since then without a new verification.
    assumed: bool,
}

/// Verified virtual patrons, by the time when they were last needed.
#[derive(Debug)]
pub(super) struct Patrons(Cache<String, Seen>);

impl Default for Patrons {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Patrons {
    /// Returns whether the virtual patron is known to exist. The caller then places a hold for it, and Alma refuses the
    /// hold if it doesn't exist.
    pub(super) fn has(&self, id: &str, version: &str, now: Timestamp) -> bool {
        self.0.renew_if(id, now, |seen| {
            let is_good = seen.version == version && now < seen.valid_until;
            seen.assumed |= is_good;
            is_good
        })
    }

    pub(super) fn note(&self, id: &str, version: &str, now: Timestamp, valid_until: Timestamp) {
        self.0.insert(id.to_owned(), Seen { version: version.to_owned(), valid_until, assumed: false }, now);
    }

    /// Forgets the virtual patron if it was only assumed to be valid, after Alma refused a hold for a reason that may
    /// lie in it. Returns whether it was forgotten; the caller then verifies it.
    pub(super) fn invalidate_if_assumed(&self, id: &str) -> bool {
        self.0.remove_if(id, |seen| seen.assumed)
    }

    /// Forgets the virtual patron. Returns whether it was known.
    pub(super) fn forget(&self, id: &str) -> bool {
        self.0.remove(id)
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
