//! Virtual patrons that are known to be there, so that a reader's next request needs no call to find that out again.

use cache::Cache;
use jiff::{SignedDuration, Timestamp};

/// Staff may delete, expire or move them at any time; a hold that is refused for it brings them back at once. One that wasn't
/// needed for so long is looked for again.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A virtual patron as it was seen.
#[derive(Debug)]
struct Seen {
    group: String,
    /// Until when it is valid for long enough.
    valid_until: Timestamp,
    /// It was not looked for again since then, but believed.
    assumed: bool,
}

/// Who was seen, by when they were needed last.
#[derive(Debug)]
pub(super) struct Patrons(Cache<String, Seen>);

impl Default for Patrons {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Patrons {
    /// Whether it is known to be there; a hold is placed for it then, which shows if it isn't.
    pub(super) fn has(&self, id: &str, group: &str, now: Timestamp) -> bool {
        self.0.renew_if(id, now, |seen| {
            let is_good = seen.group == group && now < seen.valid_until;
            seen.assumed |= is_good;
            is_good
        })
    }

    pub(super) fn note(&self, id: &str, group: &str, now: Timestamp, valid_until: Timestamp) {
        self.0.insert(id.to_owned(), Seen { group: group.to_owned(), valid_until, assumed: false }, now);
    }

    /// A hold for it was refused in a way that may be its fault. Answers whether it was only believed to be as it should be;
    /// it is looked for again then.
    pub(super) fn invalidate_if_assumed(&self, id: &str) -> bool {
        self.0.remove_if(id, |seen| seen.assumed)
    }

    /// Answers whether it was known.
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
