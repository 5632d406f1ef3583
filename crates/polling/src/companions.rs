//! Messages that wait for a more precise one of the same moment.
//!
//! An Alma reports one act in several messages: of the item, of its hold and of its loan. As a rule only one of them
//! shows what happened, and the others have nothing new once it is decided. So they wait for it in memory, and cost no
//! unit of work. If a hub ends before they are looked at again, its next start reads the lists, as after any time in
//! which it could store no message.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use lending::{Hint, InstitutionCode, RequestId, Side};
use lms::WebhookMessage;
use parking_lot::Mutex;

/// How long a message waits.
const COMPANION_WAIT: SignedDuration = SignedDuration::from_secs(2);

/// A message that waits.
#[derive(Debug)]
pub struct WaitingMessage {
    /// The institution that sent it.
    pub(crate) institution: InstitutionCode,
    /// The message.
    pub(crate) message: WebhookMessage,
    /// What it is about.
    target: (RequestId, Side),
    /// When it is looked at again.
    due: Timestamp,
}

/// The messages that wait, and the requests that were decided on lately.
#[derive(Debug, Default)]
pub(crate) struct Companions(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// In the order in which they came.
    waiting: VecDeque<WaitingMessage>,
    /// What was decided on lately.
    decided: HashMap<(RequestId, Side), Decided>,
}

/// A decision on a message.
#[derive(Clone, Copy, Debug)]
struct Decided {
    /// The version of the request after it. A message that comes at the same moment may have seen the version before.
    version: i64,
    /// When the reported act happened, by the library's clock.
    at: Option<Timestamp>,
    /// Until when this is kept.
    until: Timestamp,
}

impl Decided {
    /// Returns whether a message has nothing new: it reports the item's state at this act or at an earlier one.
    fn covers(&self, message: &WebhookMessage) -> bool {
        matches!(message.hint, Some(Hint::Item { .. })) && message.at.is_some() && message.at <= self.at
    }
}

/// What became of a message that was to wait.
#[derive(Debug)]
pub(crate) enum Added {
    /// It waits. If it is the first, until then.
    Waits(Option<Timestamp>),
    /// The decision that it would wait for was made meanwhile, and it has seen the request before that.
    Outdated(WebhookMessage),
    /// The decision that it would wait for was made, and it has nothing new.
    Covered,
}

impl Companions {
    /// Lets a message about `target` wait, unless a message was decided on since `version` of the request was read.
    pub(crate) fn add(
        &self,
        institution: &InstitutionCode,
        message: WebhookMessage,
        (target, version): ((RequestId, Side), i64),
        now: Timestamp,
    ) -> Added {
        let mut kept = self.0.lock();
        match kept.decided.get(&target) {
            Some(decided) if decided.version > version => return Added::Outdated(message),
            Some(decided) if decided.covers(&message) => return Added::Covered,
            Some(_) | None => {}
        }
        let due = now.saturating_add(COMPANION_WAIT).unwrap_or(now);
        let is_first = kept.waiting.is_empty();
        kept.waiting.push_back(WaitingMessage { institution: institution.clone(), message, target, due });
        Added::Waits(is_first.then_some(due))
    }

    /// Returns what the messages that wait show about `target`, next to a message about an act of the time `at`. The state
    /// of an item before that act shows nothing any more.
    pub(crate) fn hints(&self, target: (RequestId, Side), at: Option<Timestamp>) -> Vec<Hint> {
        let kept = self.0.lock();
        let of_target = kept.waiting.iter().filter(|one| one.target == target);
        let is_old = |one: &WaitingMessage, hint: &Hint| matches!(hint, Hint::Item { .. }) && one.message.at <= at;
        of_target.filter_map(|one| one.message.hint.clone().filter(|hint| !is_old(one, hint))).collect()
    }

    /// Notes that a message about `target` was decided on, which reports an act of the time `at`. Removes the messages that
    /// have nothing new now, and takes out the others about it.
    pub(crate) fn decided(
        &self,
        target: (RequestId, Side),
        (version, at): (i64, Option<Timestamp>),
        now: Timestamp,
    ) -> Vec<WaitingMessage> {
        let mut kept = self.0.lock();
        let decided = Decided { version, at, until: now.saturating_add(COMPANION_WAIT).unwrap_or(now) };
        kept.decided.insert(target, decided);
        let mut taken = kept.take(|one| one.target == target);
        taken.retain(|one| !decided.covers(&one.message));
        taken
    }

    /// Lets a message that was taken out go on waiting.
    pub(crate) fn put_back(&self, message: WaitingMessage) {
        self.0.lock().waiting.push_back(message);
    }

    /// Takes out the messages that have waited long enough.
    pub(crate) fn take_due(&self, now: Timestamp) -> Vec<WaitingMessage> {
        let mut kept = self.0.lock();
        kept.decided.retain(|_, decided| decided.until > now);
        kept.take(|one| one.due <= now)
    }

    /// Returns when the first of them is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.0.lock().waiting.iter().map(|one| one.due).min()
    }
}

impl Kept {
    fn take(&mut self, is_wanted: impl Fn(&WaitingMessage) -> bool) -> Vec<WaitingMessage> {
        // Most often there is none, and nothing is moved.
        if !self.waiting.iter().any(&is_wanted) {
            return Vec::new();
        }
        let (taken, still): (VecDeque<_>, VecDeque<_>) = self.waiting.drain(..).partition(is_wanted);
        self.waiting = still;
        taken.into()
    }
}

#[cfg(test)]
mod tests {
    use lending::ItemSnapshot;

    use super::*;

    fn target(number: u128) -> (RequestId, Side) {
        (RequestId(uuid::Uuid::from_u128(number)), Side::Borrower)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn add(companions: &Companions, id: &str, number: u128, version: i64, now: i64) -> Added {
        let hint = Hint::Item { item: "23".into(), snapshot: ItemSnapshot::default() };
        let message = WebhookMessage { id: id.to_owned(), at: Some(at(now)), hint: Some(hint), bib: None };
        companions.add(&"01A".into(), message, (target(number), version), at(now))
    }

    fn ids(taken: &[WaitingMessage]) -> Vec<&str> {
        taken.iter().map(|one| one.message.id.as_str()).collect()
    }

    #[test]
    fn message_waits_two_seconds_unless_its_companion_shows_as_much() {
        let companions = Companions::default();
        assert!(matches!(add(&companions, "of the act", 1, 1, 0), Added::Waits(Some(due)) if due == at(2)));
        assert!(matches!(add(&companions, "of another request", 2, 1, 1), Added::Waits(None)));
        assert!(matches!(add(&companions, "of the next act", 1, 1, 1), Added::Waits(None)));
        let mut taken = companions.decided(target(1), (2, Some(at(0))), at(1));
        assert_eq!(ids(&taken), ["of the next act"]);
        companions.put_back(taken.remove(0));
        assert_eq!(companions.next_due(), Some(at(3)));
        assert!(companions.take_due(at(2)).is_empty());
        assert_eq!(ids(&companions.take_due(at(3))), ["of another request", "of the next act"]);
    }

    #[test]
    fn item_of_an_earlier_act_is_no_obstacle_to_a_proof() {
        let companions = Companions::default();
        add(&companions, "of an earlier act", 1, 1, 0);
        assert_eq!(companions.hints(target(1), Some(at(0))).len(), 0);
        add(&companions, "of the next act", 1, 1, 1);
        assert_eq!(companions.hints(target(1), Some(at(0))).len(), 1);
        assert_eq!(companions.hints(target(2), Some(at(0))).len(), 0);
    }

    #[test]
    fn message_after_the_decision_is_read_once_more_or_has_nothing_new() {
        let companions = Companions::default();
        companions.decided(target(1), (5, Some(at(0))), at(0));
        assert!(matches!(add(&companions, "saw the one before", 1, 4, 0), Added::Outdated(_)));
        assert!(matches!(add(&companions, "of the same act", 1, 5, 0), Added::Covered));
        assert!(matches!(add(&companions, "of the next act", 1, 5, 1), Added::Waits(_)));
        companions.take_due(at(2));
        assert!(matches!(add(&companions, "much later", 1, 4, 3), Added::Waits(_)));
    }
}
