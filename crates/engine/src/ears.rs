//! Who tells by itself, and whether it still does: where nothing has been heard for days, or something wasn't told, something
//! may be wrong with the webhook, and the library is looked at as if it told nothing.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use lending::InstitutionCode;
use secrecy::SecretString;
use store::Store;

use crate::error::Error;

/// For how long it is remembered who has a webhook; another node may have changed it.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(30);
/// After so long without a message a webhook isn't counted on any more. A quiet week is nothing unusual.
const SILENT_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A webhook of which a message was missed isn't counted on until it has told so many times again, or for so long.
const TRUSTED_AFTER: u32 = 10;
const DOUBTED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// When it was read, and what.
type Known = (Timestamp, Arc<[SecretString]>);

/// Who has a webhook, as last read, and when each was heard last.
#[derive(Debug)]
pub(crate) struct Ears {
    read: RwLock<Option<(Timestamp, Arc<HashSet<InstitutionCode>>)>>,
    /// With what their messages are signed, and when that was read.
    secrets: RwLock<HashMap<InstitutionCode, Known>>,
    /// How often what is remembered was forgotten.
    forgotten: AtomicU64,
    heard: Mutex<HashMap<InstitutionCode, Timestamp>>,
    /// When each last told of an item that a request waits for.
    items: Mutex<HashMap<InstitutionCode, Timestamp>>,
    /// Of whose messages one was missed.
    doubts: Mutex<HashMap<InstitutionCode, Doubt>>,
    /// Since when this node listens.
    since: Timestamp,
}

/// Why a webhook isn't counted on.
#[derive(Debug)]
struct Doubt {
    /// When a message was last missed.
    since: Timestamp,
    /// How often it has told what was waited for since then.
    told: u32,
}

impl Doubt {
    fn is_over(&self, now: Timestamp) -> bool {
        self.told >= TRUSTED_AFTER || now.duration_since(self.since) > DOUBTED_FOR
    }
}

impl Ears {
    pub(crate) fn new(since: Timestamp) -> Self {
        Self {
            read: RwLock::default(),
            secrets: RwLock::default(),
            forgotten: AtomicU64::new(0),
            heard: Mutex::default(),
            items: Mutex::default(),
            doubts: Mutex::default(),
            since,
        }
    }

    /// Whether an institution's system has a webhook, has used it lately, and is not known to have missed anything since.
    pub(crate) async fn tells(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<bool, Error> {
        Ok(!self.is_doubted(institution, now) && self.should_tell(store, institution, now).await?)
    }

    /// Whether an institution's system has a webhook, and has used it lately.
    pub(crate) async fn should_tell(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<bool, Error> {
        Ok(self.all(store, now).await?.contains(institution) && !self.is_silent(institution, now))
    }

    fn is_silent(&self, institution: &InstitutionCode, now: Timestamp) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.get(institution).copied().unwrap_or(self.since);
        now.duration_since(last) > SILENT_AFTER
    }

    async fn all(&self, store: &Store, now: Timestamp) -> Result<Arc<HashSet<InstitutionCode>>, Error> {
        if let Some((at, all)) = &*self.read.read().unwrap_or_else(PoisonError::into_inner)
            && now.duration_since(*at).abs() < REMEMBERED
        {
            return Ok(Arc::clone(all));
        }
        let all: Arc<HashSet<_>> = Arc::new(store.institutions_with_webhook().await?.into_iter().collect());
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&all)));
        Ok(all)
    }

    /// The secrets of an institution's webhook, if they were read lately.
    pub(crate) fn secrets(&self, institution: &InstitutionCode, now: Timestamp) -> Option<Arc<[SecretString]>> {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let (at, known) = secrets.get(institution)?;
        (now.duration_since(*at).abs() < REMEMBERED).then(|| Arc::clone(known))
    }

    /// What [`Ears::learn`] is told, from before the secrets were read.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }

    /// Remembers secrets, unless they may have been changed since they were read.
    pub(crate) fn learn(
        &self,
        institution: &InstitutionCode,
        secrets: Arc<[SecretString]>,
        (forgotten, now): (u64, Timestamp),
    ) -> Arc<[SecretString]> {
        let mut all = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        if forgotten == self.forgotten() {
            all.insert(institution.clone(), (now, Arc::clone(&secrets)));
        }
        secrets
    }

    /// A message with its signature has come.
    pub(crate) fn heard(&self, institution: &InstitutionCode, now: Timestamp) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(institution.clone(), now);
    }

    /// A message has told that an item was sent.
    pub(crate) fn heard_of_item(&self, institution: &InstitutionCode, now: Timestamp) {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).insert(institution.clone(), now);
    }

    /// Whether an institution's system tells that an item was sent, and is not known to have missed anything since.
    pub(crate) fn tells_items(&self, institution: &InstitutionCode, now: Timestamp) -> bool {
        !self.is_doubted(institution, now) && self.should_tell_items(institution, now)
    }

    /// Whether an institution's system has told lately that an item was sent: few Almas do.
    pub(crate) fn should_tell_items(&self, institution: &InstitutionCode, now: Timestamp) -> bool {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.get(institution).is_some_and(|last| now.duration_since(*last) <= SILENT_AFTER)
    }

    fn is_doubted(&self, institution: &InstitutionCode, now: Timestamp) -> bool {
        let doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.get(institution).is_some_and(|doubt| !doubt.is_over(now))
    }

    /// Something was seen that should have been told. Answers whether that is news.
    pub(crate) fn missed(&self, institution: &InstitutionCode, now: Timestamp) -> bool {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = doubts.insert(institution.clone(), Doubt { since: now, told: 0 });
        before.is_none_or(|doubt| doubt.is_over(now))
    }

    /// A message has told what was waited for.
    pub(crate) fn told(&self, institution: &InstitutionCode) {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(doubt) = doubts.get_mut(institution) {
            doubt.told = doubt.told.saturating_add(1);
        }
    }

    pub(crate) fn forget(&self) {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.items.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).clear();
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_said_nothing_for_a_week_is_not_counted_on() {
        let (ears, lender) = (Ears::new(Timestamp::UNIX_EPOCH), InstitutionCode::from("01LEND_INST"));
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        assert!(!ears.is_silent(&lender, at(168)));
        assert!(ears.is_silent(&lender, at(169)));
        ears.heard(&lender, at(169));
        assert!(!ears.is_silent(&lender, at(337)));
        assert!(ears.is_silent(&lender, at(338)));
    }
    #[test]
    fn webhook_that_missed_something_is_counted_on_after_ten_messages_or_a_day() {
        let (ears, lender) = (Ears::new(Timestamp::UNIX_EPOCH), InstitutionCode::from("01LEND_INST"));
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        assert!(!ears.is_doubted(&lender, at(0)));
        assert!(ears.missed(&lender, at(0)));
        for _ in 0..9 {
            ears.told(&lender);
        }
        assert!(ears.is_doubted(&lender, at(1)));
        ears.told(&lender);
        assert!(!ears.is_doubted(&lender, at(1)));

        assert!(ears.missed(&lender, at(2)) && !ears.missed(&lender, at(3)), "the second is no news");
        assert!(ears.is_doubted(&lender, at(27)) && !ears.is_doubted(&lender, at(28)));
        assert!(!ears.is_doubted(&"01BORROW_INST".into(), at(3)));
    }
}
