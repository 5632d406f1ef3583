//! Who tells by itself, and whether it still does: where nothing has ever been heard, or nothing for days, or something
//! wasn't told, something may be wrong with the webhook, and the library is looked at as if it told nothing. All nodes know
//! the same of it, from the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use lending::{Hint, InstitutionCode, Status};
use secrecy::SecretString;
use store::{Store, Webhook, WebhookNews};

use crate::error::Error;

/// For how long what is known of webhooks is remembered; another node may have changed it.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(30);
/// It is read again from then on where nothing waits for it in a transaction.
const REFRESHED: SignedDuration = SignedDuration::from_secs(20);
/// After so long without a message a webhook isn't counted on any more. A quiet week is nothing unusual.
const SILENT_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How exactly it is stored when a webhook was heard.
const NOTED_EACH: SignedDuration = SignedDuration::from_hours(1);

/// A webhook of which a message was missed isn't counted on until it has told so many times again what such a message
/// would, or for so long, if it tells anything meanwhile.
const TRUSTED_AFTER: u32 = 10;
const DOUBTED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What a message is about: a library chooses in Alma which kinds it sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Hold,
    Loan,
    Item,
}

impl Kind {
    pub(crate) fn of(hint: &Hint) -> Self {
        match hint {
            Hint::Loan { .. } => Self::Loan,
            Hint::Item { .. } | Hint::Listed { .. } => Self::Item,
            Hint::Hold { .. } => Self::Hold,
        }
    }

    /// Of the message that should have told that a request came to this status.
    pub(crate) fn telling(status: Status) -> Self {
        match status {
            Status::PickupTransit => Self::Item,
            Status::Loaned | Status::ReturnTransit | Status::Finalised => Self::Loan,
            _ => Self::Hold,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Loan => "loan",
            Self::Item => "item",
        }
    }
}

/// A webhook as this node knows it.
#[derive(Clone, Debug)]
struct Known {
    webhook: Webhook,
    /// How often this node heard since the last miss what was missed.
    told: u32,
}

impl Known {
    fn is_silent(&self, now: Timestamp) -> bool {
        self.webhook.heard_at.is_none_or(|heard| now.duration_since(heard) > SILENT_AFTER)
    }

    fn tells_items(&self, now: Timestamp) -> bool {
        self.webhook.items_at.is_some_and(|told| now.duration_since(told) <= SILENT_AFTER)
    }

    fn is_doubted(&self, now: Timestamp) -> bool {
        let Some((missed, _)) = &self.webhook.missed else { return false };
        let heard_since = self.webhook.heard_at.is_some_and(|heard| heard > *missed);
        self.told < TRUSTED_AFTER && !(heard_since && now.duration_since(*missed) > DOUBTED_FOR)
    }
}

/// What an institution's system tells by itself, as far as was heard lately.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Telling {
    /// Of holds and loans.
    circulation: bool,
    /// Of items that are sent: few Almas do.
    items: bool,
    /// It is known to have missed something, so it isn't counted on.
    doubted: bool,
}

impl Telling {
    /// Whether it should tell of circulation, or of items that are sent.
    pub(crate) fn should(self, needs_item_messages: bool) -> bool {
        if needs_item_messages { self.items } else { self.circulation }
    }

    /// Whether it is counted on for that.
    pub(crate) fn is_counted_on(self, needs_item_messages: bool) -> bool {
        self.should(needs_item_messages) && !self.doubted
    }
}

/// When they were read, and what.
type Secrets = (Timestamp, Arc<[SecretString]>);

/// Who has a webhook, and what was heard of it.
#[derive(Debug, Default)]
pub(crate) struct Ears {
    known: Mutex<HashMap<InstitutionCode, Known>>,
    read_at: Mutex<Option<Timestamp>>,
    /// One at a time reads.
    reading: tokio::sync::Mutex<()>,
    /// With what their messages are signed, and when that was read.
    secrets: RwLock<HashMap<InstitutionCode, Secrets>>,
    /// How often what is remembered was forgotten.
    forgotten: AtomicU64,
    /// A message could not be taken since it was asked last.
    deaf: AtomicBool,
    /// Until when what was not heard is the hub's own fault.
    catching_up: Mutex<Option<Timestamp>>,
}

impl Ears {
    /// What an institution's system tells by itself.
    pub(crate) async fn telling(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<Telling, Error> {
        let known = self.known(store, institution, now).await?;
        Ok(known.map_or(Telling::default(), |known| Telling {
            circulation: !known.is_silent(now),
            items: known.tells_items(now),
            doubted: known.is_doubted(now),
        }))
    }

    /// When a webhook was heard last, and since when it is not counted on for what it missed.
    pub(crate) async fn heard_of(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Error> {
        let Some(known) = self.known(store, institution, now).await? else { return Ok((None, None)) };
        let missed = known.webhook.missed.as_ref().map(|(at, _)| *at).filter(|_| known.is_doubted(now));
        Ok((known.webhook.heard_at, missed))
    }

    async fn known(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<Option<Known>, Error> {
        self.read(store, now, REMEMBERED).await?;
        Ok(self.known.lock().unwrap_or_else(PoisonError::into_inner).get(institution).cloned())
    }

    /// Reads what will have to be read soon, so that no transaction waits for it.
    pub(crate) async fn refresh(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        self.read(store, now, REFRESHED).await
    }

    async fn read(&self, store: &Store, now: Timestamp, for_so_long: SignedDuration) -> Result<(), Error> {
        let is_fresh = || {
            let read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
            read_at.is_some_and(|at| now.duration_since(at).abs() < for_so_long)
        };
        if is_fresh() {
            return Ok(());
        }
        let _alone = self.reading.lock().await;
        if is_fresh() {
            return Ok(());
        }
        let stored = store.webhooks().await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        for mut webhook in stored {
            let here = before.remove(&webhook.institution);
            let same_doubt = here.as_ref().filter(|here| here.webhook.missed == webhook.missed);
            let told = same_doubt.map_or(0, |here| here.told);
            // Heard here, and not yet worth noting.
            let heard = here.map(|here| (here.webhook.heard_at, here.webhook.items_at)).unwrap_or_default();
            webhook.heard_at = webhook.heard_at.max(heard.0);
            webhook.items_at = webhook.items_at.max(heard.1);
            known.insert(webhook.institution.clone(), Known { webhook, told });
        }
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
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
    pub(crate) async fn heard(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<(), Error> {
        let news = |known: &mut Known| note(&mut known.webhook.heard_at, now).then_some(WebhookNews::Heard(now));
        self.change(store, institution, now, news).await
    }

    /// A message has told that an item was sent.
    pub(crate) async fn heard_of_item(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<(), Error> {
        let news = |known: &mut Known| note(&mut known.webhook.items_at, now).then_some(WebhookNews::Items(now));
        self.change(store, institution, now, news).await
    }

    /// Something was seen that should have been told. Answers whether the webhook was counted on until now.
    pub(crate) async fn missed(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        kind: Kind,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mut was_trusted = false;
        let news = |known: &mut Known| {
            was_trusted = !known.is_doubted(now);
            (known.webhook.missed, known.told) = (Some((now, kind.word().to_owned())), 0);
            Some(WebhookNews::Missed(now, kind.word().to_owned()))
        };
        self.change(store, institution, now, news).await?;
        Ok(was_trusted)
    }

    /// A message has told what was waited for.
    pub(crate) async fn told(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        kind: Kind,
        now: Timestamp,
    ) -> Result<(), Error> {
        let news = |known: &mut Known| {
            if known.webhook.missed.as_ref().is_some_and(|(_, missed)| missed == kind.word()) {
                known.told = known.told.saturating_add(1);
            }
            (known.told >= TRUSTED_AFTER).then(|| {
                (known.webhook.missed, known.told) = (None, 0);
                WebhookNews::Trusted
            })
        };
        self.change(store, institution, now, news).await
    }

    /// Changes what is known, and stores what is news of it.
    async fn change(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
        act: impl FnOnce(&mut Known) -> Option<WebhookNews>,
    ) -> Result<(), Error> {
        self.read(store, now, REMEMBERED).await?;
        let news = self.known.lock().unwrap_or_else(PoisonError::into_inner).get_mut(institution).and_then(act);
        match news {
            Some(news) => Ok(store.note_webhook(institution, &news).await?),
            None => Ok(()),
        }
    }

    /// A message could not be taken.
    pub(crate) fn could_not_hear(&self) {
        self.deaf.store(true, Ordering::Relaxed);
    }

    /// Whether a message could not be taken since this was asked last.
    pub(crate) fn was_deaf(&self) -> bool {
        self.deaf.swap(false, Ordering::Relaxed)
    }

    /// What was not heard before is the hub's own fault, and seen until then.
    pub(crate) fn blame_nobody_until(&self, then: Timestamp) {
        *self.catching_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(then);
    }

    /// Whether what was not told may have been told to a hub that could not hear it.
    pub(crate) fn is_catching_up(&self, now: Timestamp) -> bool {
        self.catching_up.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    /// Webhooks or their secrets have changed, or may have.
    pub(crate) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).clear();
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Notes the time; answers whether it is worth storing.
fn note(last: &mut Option<Timestamp>, now: Timestamp) -> bool {
    let is_news = last.is_none_or(|last| now.duration_since(last).abs() > NOTED_EACH);
    if is_news {
        *last = Some(now);
    }
    is_news
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_hours(hours)
    }

    fn known(heard_at: Option<Timestamp>, missed: Option<Timestamp>) -> Known {
        let missed = missed.map(|at| (at, "loan".to_owned()));
        Known { webhook: Webhook { institution: "01A_INST".into(), heard_at, items_at: None, missed }, told: 0 }
    }

    #[test]
    fn who_has_said_nothing_for_a_week_or_ever_is_not_counted_on() {
        assert!(!known(Some(at(0)), None).is_silent(at(168)));
        assert!(known(Some(at(0)), None).is_silent(at(169)));
        assert!(known(None, None).is_silent(at(0)));
    }

    #[test]
    fn webhook_that_missed_something_is_counted_on_after_ten_messages_or_a_day_in_which_it_said_something() {
        assert!(!known(Some(at(0)), None).is_doubted(at(0)));
        let missed = known(Some(at(1)), Some(at(0)));
        assert!(missed.is_doubted(at(24)) && !missed.is_doubted(at(25)));
        assert!(known(Some(at(0)), Some(at(1))).is_doubted(at(48)), "it has said nothing since");
        let told = |told| Known { told, ..missed.clone() };
        assert!(told(9).is_doubted(at(1)) && !told(10).is_doubted(at(1)));
    }

    #[test]
    fn that_something_was_heard_is_stored_once_in_an_hour() {
        let mut last = None;
        let noted = [0, 1, 2, 3].map(|hours| note(&mut last, at(hours)));
        assert_eq!(noted, [true, false, true, false]);
    }
}
