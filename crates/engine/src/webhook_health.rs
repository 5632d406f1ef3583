//! Who tells by itself, and whether it still does: where nothing has ever been heard, or nothing for days, or something
//! wasn't told, something may be wrong with the webhook, and the library is looked at as if it told nothing. All nodes know
//! the same of it, from the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use lending::{Hint, InstitutionCode, Status};
use secrecy::SecretString;
use store::{Store, Webhook, WebhookUpdate};

use crate::error::Error;

/// For how long what is known of webhooks is remembered; another node may have changed it.
const CACHE_TTL: SignedDuration = SignedDuration::from_secs(30);
/// It is read again from then on where nothing waits for it in a transaction.
const REFRESH_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// After so long without a message a webhook isn't counted on any more. A quiet week is nothing unusual.
const SILENCE_LIMIT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How exactly it is stored when a webhook was heard.
const RECORD_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// A webhook of which a message was missed isn't counted on until it has told so many times again what such a message
/// would, or for so long, if it tells anything meanwhile.
const MESSAGES_TO_TRUST: u32 = 10;
const DISTRUST_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// What a message is about: a library chooses in Alma which kinds it sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MessageKind {
    Hold,
    Loan,
    Item,
}

impl MessageKind {
    pub(crate) fn of(hint: &Hint) -> Self {
        match hint {
            Hint::Loan { .. } => Self::Loan,
            Hint::Item { .. } | Hint::ListMismatch { .. } => Self::Item,
            Hint::Hold { .. } => Self::Hold,
        }
    }

    /// Of the message that should have told that a request came to this status.
    pub(crate) fn expected_for(status: Status) -> Self {
        match status {
            Status::PickupTransit => Self::Item,
            Status::Loaned | Status::ReturnTransit | Status::Finalised => Self::Loan,
            _ => Self::Hold,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Loan => "loan",
            Self::Item => "item",
        }
    }
}

/// A webhook as this node knows it.
#[derive(Clone, Debug)]
struct WebhookState {
    webhook: Webhook,
    /// How often this node heard since the last miss what was missed.
    confirmed: u32,
}

impl WebhookState {
    fn is_silent(&self, now: Timestamp) -> bool {
        self.webhook.last_message_at.is_none_or(|last_message| now.duration_since(last_message) > SILENCE_LIMIT)
    }

    fn reports_items(&self, now: Timestamp) -> bool {
        self.webhook.last_item_message_at.is_some_and(|confirmed| now.duration_since(confirmed) <= SILENCE_LIMIT)
    }

    fn is_distrusted(&self, now: Timestamp) -> bool {
        let Some((missed, _)) = &self.webhook.missed_message else { return false };
        let message_since = self.webhook.last_message_at.is_some_and(|last_message| last_message > *missed);
        self.confirmed < MESSAGES_TO_TRUST && !(message_since && now.duration_since(*missed) > DISTRUST_PERIOD)
    }
}

/// What an institution's system tells by itself, as far as was heard lately.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct WebhookCoverage {
    /// Of holds and loans.
    circulation: bool,
    /// Of items that are sent: few Almas do.
    items: bool,
    /// It is known to have missed something, so it isn't counted on.
    distrusted: bool,
}

impl WebhookCoverage {
    /// Whether it should tell of circulation, or of items that are sent.
    pub(crate) fn covers(self, needs_item_messages: bool) -> bool {
        if needs_item_messages { self.items } else { self.circulation }
    }

    /// Whether it is counted on for that.
    pub(crate) fn is_trusted_for(self, needs_item_messages: bool) -> bool {
        self.covers(needs_item_messages) && !self.distrusted
    }
}

/// When they were read, and what.
type Secrets = (Timestamp, Arc<[SecretString]>);

/// Who has a webhook, and what was heard of it.
#[derive(Debug, Default)]
pub(crate) struct WebhookHealth {
    known: Mutex<HashMap<InstitutionCode, WebhookState>>,
    read_at: Mutex<Option<Timestamp>>,
    /// One at a time reads.
    reading: tokio::sync::Mutex<()>,
    /// With what their messages are signed, and when that was read.
    secrets: RwLock<HashMap<InstitutionCode, Secrets>>,
    /// How often what is remembered was forgotten.
    generation: AtomicU64,
    /// A message could not be taken since it was asked last.
    intake_failed: AtomicBool,
    /// Until when what was not heard is the hub's own fault.
    catching_up: Mutex<Option<Timestamp>>,
}

impl WebhookHealth {
    /// What an institution's system tells by itself.
    pub(crate) async fn coverage(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<WebhookCoverage, Error> {
        let known = self.known(store, institution, now).await?;
        Ok(known.map_or(WebhookCoverage::default(), |known| WebhookCoverage {
            circulation: !known.is_silent(now),
            items: known.reports_items(now),
            distrusted: known.is_distrusted(now),
        }))
    }

    /// When a webhook was heard last, and since when it is not counted on for what it missed.
    pub(crate) async fn last_message_and_miss(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Error> {
        let Some(known) = self.known(store, institution, now).await? else { return Ok((None, None)) };
        let missed = known.webhook.missed_message.as_ref().map(|(at, _)| *at).filter(|_| known.is_distrusted(now));
        Ok((known.webhook.last_message_at, missed))
    }

    async fn known(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<Option<WebhookState>, Error> {
        self.read(store, now, CACHE_TTL).await?;
        Ok(self.known.lock().unwrap_or_else(PoisonError::into_inner).get(institution).cloned())
    }

    /// Reads what will have to be read soon, so that no transaction waits for it.
    pub(crate) async fn refresh(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        self.read(store, now, REFRESH_AFTER).await
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
            let same_miss = here.as_ref().filter(|here| here.webhook.missed_message == webhook.missed_message);
            let confirmed = same_miss.map_or(0, |here| here.confirmed);
            // Heard here, and not yet worth noting.
            let last_message =
                here.map(|here| (here.webhook.last_message_at, here.webhook.last_item_message_at)).unwrap_or_default();
            webhook.last_message_at = webhook.last_message_at.max(last_message.0);
            webhook.last_item_message_at = webhook.last_item_message_at.max(last_message.1);
            known.insert(webhook.institution.clone(), WebhookState { webhook, confirmed });
        }
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }

    /// The secrets of an institution's webhook, if they were read lately.
    pub(crate) fn secrets(&self, institution: &InstitutionCode, now: Timestamp) -> Option<Arc<[SecretString]>> {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let (at, known) = secrets.get(institution)?;
        (now.duration_since(*at).abs() < CACHE_TTL).then(|| Arc::clone(known))
    }

    /// What [`WebhookHealth::learn`] is told, from before the secrets were read.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Remembers secrets, unless they may have been changed since they were read.
    pub(crate) fn cache_secrets(
        &self,
        institution: &InstitutionCode,
        secrets: Arc<[SecretString]>,
        (generation, now): (u64, Timestamp),
    ) -> Arc<[SecretString]> {
        let mut all = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        if generation == self.generation() {
            all.insert(institution.clone(), (now, Arc::clone(&secrets)));
        }
        secrets
    }

    /// A message with its signature has come.
    pub(crate) async fn record_message(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<(), Error> {
        let update = |known: &mut WebhookState| {
            note(&mut known.webhook.last_message_at, now).then_some(WebhookUpdate::Message(now))
        };
        self.change(store, institution, now, update).await
    }

    /// A message has told that an item was sent.
    pub(crate) async fn record_item_message(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<(), Error> {
        let update = |known: &mut WebhookState| {
            note(&mut known.webhook.last_item_message_at, now).then_some(WebhookUpdate::ItemMessage(now))
        };
        self.change(store, institution, now, update).await
    }

    /// Something was seen that should have been told. Answers whether the webhook was counted on until now.
    pub(crate) async fn record_missed(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        kind: MessageKind,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mut was_trusted = false;
        let update = |known: &mut WebhookState| {
            was_trusted = !known.is_distrusted(now);
            (known.webhook.missed_message, known.confirmed) = (Some((now, kind.as_str().to_owned())), 0);
            Some(WebhookUpdate::Missed(now, kind.as_str().to_owned()))
        };
        self.change(store, institution, now, update).await?;
        Ok(was_trusted)
    }

    /// A message has told what was waited for.
    pub(crate) async fn record_confirmed(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        kind: MessageKind,
        now: Timestamp,
    ) -> Result<(), Error> {
        let update = |known: &mut WebhookState| {
            if known.webhook.missed_message.as_ref().is_some_and(|(_, missed)| missed == kind.as_str()) {
                known.confirmed = known.confirmed.saturating_add(1);
            }
            (known.confirmed >= MESSAGES_TO_TRUST).then(|| {
                (known.webhook.missed_message, known.confirmed) = (None, 0);
                WebhookUpdate::Trusted
            })
        };
        self.change(store, institution, now, update).await
    }

    /// Changes what is known, and stores what is news of it.
    async fn change(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
        act: impl FnOnce(&mut WebhookState) -> Option<WebhookUpdate>,
    ) -> Result<(), Error> {
        self.read(store, now, CACHE_TTL).await?;
        let update = self.known.lock().unwrap_or_else(PoisonError::into_inner).get_mut(institution).and_then(act);
        match update {
            Some(update) => Ok(store.update_webhook(institution, &update).await?),
            None => Ok(()),
        }
    }

    /// A message could not be taken.
    pub(crate) fn mark_intake_failed(&self) {
        self.intake_failed.store(true, Ordering::Relaxed);
    }

    /// Whether a message could not be taken since this was asked last.
    pub(crate) fn take_intake_failed(&self) -> bool {
        self.intake_failed.swap(false, Ordering::Relaxed)
    }

    /// What was not heard before is the hub's own fault, and seen until then.
    pub(crate) fn suspend_miss_detection_until(&self, then: Timestamp) {
        *self.catching_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(then);
    }

    /// Whether what was not told may have been told to a hub that could not hear it.
    pub(crate) fn is_catching_up(&self, now: Timestamp) -> bool {
        self.catching_up.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    /// Webhooks or their secrets have changed, or may have.
    pub(crate) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).clear();
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Notes the time; answers whether it is worth storing.
fn note(last: &mut Option<Timestamp>, now: Timestamp) -> bool {
    let is_news = last.is_none_or(|last| now.duration_since(last).abs() > RECORD_EVERY);
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

    fn known(last_message_at: Option<Timestamp>, missed: Option<Timestamp>) -> WebhookState {
        let missed = missed.map(|at| (at, "loan".to_owned()));
        WebhookState {
            webhook: Webhook {
                institution: "01A_INST".into(),
                last_message_at,
                last_item_message_at: None,
                missed_message: missed,
            },
            confirmed: 0,
        }
    }

    #[test]
    fn webhook_without_a_message_for_a_week_is_not_trusted() {
        assert!(!known(Some(at(0)), None).is_silent(at(168)));
        assert!(known(Some(at(0)), None).is_silent(at(169)));
        assert!(known(None, None).is_silent(at(0)));
    }

    #[test]
    fn webhook_that_missed_something_is_counted_on_after_ten_messages_or_a_day_in_which_it_said_something() {
        assert!(!known(Some(at(0)), None).is_distrusted(at(0)));
        let missed = known(Some(at(1)), Some(at(0)));
        assert!(missed.is_distrusted(at(24)) && !missed.is_distrusted(at(25)));
        assert!(known(Some(at(0)), Some(at(1))).is_distrusted(at(48)), "it has said nothing since");
        let confirmed = |confirmed| WebhookState { confirmed, ..missed.clone() };
        assert!(confirmed(9).is_distrusted(at(1)) && !confirmed(10).is_distrusted(at(1)));
    }

    #[test]
    fn last_message_is_stored_once_in_an_hour() {
        let mut last = None;
        let noted = [0, 1, 2, 3].map(|hours| note(&mut last, at(hours)));
        assert_eq!(noted, [true, false, true, false]);
    }
}
