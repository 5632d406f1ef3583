//! Lists that a library's system refuses, or answers with anything but a list.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use lending::InstitutionCode;
use parking_lot::Mutex;

/// How long a refused list stays out of use.
pub(crate) const REFUSED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long a list with an unreadable answer stays out of use. For a time something else may answer, or Alma may answer
/// wrongly.
pub(crate) const UNREADABLE_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The lists that were refused, or whose answer could not be read. Once may be an accident. After the second time in a
/// row the list is out of use for a while.
#[derive(Debug, Default)]
pub(crate) struct RefusedLists(Mutex<HashMap<(InstitutionCode, String), RefusalCount>>);

/// How often in a row a list was refused, and when last.
#[derive(Clone, Copy, Debug)]
struct RefusalCount {
    times: u32,
    last: Timestamp,
    rest: SignedDuration,
}

impl RefusedLists {
    /// Returns whether a list is out of use now.
    pub(crate) fn is(&self, institution: &InstitutionCode, list: &str, now: Timestamp) -> bool {
        let refused = self.0.lock();
        let refusals = refused.get(&(institution.clone(), list.to_owned()));
        refusals.is_some_and(|all| all.times > 1 && now.duration_since(all.last) < all.rest)
    }

    /// Records a refusal. Returns whether the list is out of use now.
    pub(crate) fn note(&self, institution: &InstitutionCode, list: &str, now: Timestamp, rest: SignedDuration) -> bool {
        let mut refused = self.0.lock();
        let before = refused.get(&(institution.clone(), list.to_owned())).map_or(0, |all| all.times);
        let times = before.saturating_add(1);
        refused.insert((institution.clone(), list.to_owned()), RefusalCount { times, last: now, rest });
        times > 1
    }

    /// Records that the list was read.
    pub(crate) fn read(&self, institution: &InstitutionCode, list: &str) {
        let mut refused = self.0.lock();
        refused.remove(&(institution.clone(), list.to_owned()));
    }

    /// Forgets an institution's refusals: its settings have changed, perhaps because of them.
    pub(crate) fn forget(&self, institution: &InstitutionCode) {
        self.0.lock().retain(|(of, _), _| of != institution);
    }

    /// Forgets the refusals of all institutions.
    pub(crate) fn forget_all(&self) {
        self.0.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_that_is_refused_twice_is_requested_after_a_day_or_changed_settings() {
        let (refused, lender) = (RefusedLists::default(), InstitutionCode::from("01LEND_INST"));
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        assert!(!refused.note(&lender, "pick MAIN", at(0), REFUSED_FOR) && !refused.is(&lender, "pick MAIN", at(0)));
        refused.read(&lender, "pick MAIN");
        assert!(!refused.note(&lender, "pick MAIN", at(1), REFUSED_FOR), "it was read in between");
        assert!(refused.note(&lender, "pick MAIN", at(2), REFUSED_FOR));
        assert!(refused.is(&lender, "pick MAIN", at(25)) && !refused.is(&lender, "on_shelf", at(25)));
        assert!(!refused.is(&lender, "pick MAIN", at(26)));
        refused.forget(&lender);
        assert!(!refused.is(&lender, "pick MAIN", at(3)));
    }
}
