//! Tracks the health of each institution's webhook. A webhook that has been silent for a week, or has missed a change,
//! is distrusted: the institution is polled as if it had none. The state is in the store, so that all nodes agree on
//! it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache::Cache;
use jiff::{SignedDuration, Timestamp};
use lending::{Hint, InstitutionCode, Status};
use parking_lot::Mutex;
use secrecy::SecretString;
use store::{Error, Store, Webhook, WebhookUpdate};

/// How long cached webhook states are used; another node may have changed them.
const CACHE_TTL: SignedDuration = SignedDuration::from_secs(30);
/// The age from which the cache is refreshed where no transaction waits for it.
const REFRESH_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// A webhook without a message for this long isn't trusted any more. A quiet week is nothing unusual.
const SILENCE_LIMIT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The precision with which the time of a webhook's last message is stored.
const RECORD_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// A webhook that missed a message isn't trusted until this many messages of the same kind have arrived, or until the
/// distrust period is over and some message has arrived in it.
const MESSAGES_TO_TRUST: u32 = 10;
const DISTRUST_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// The kind of a message. Each library chooses in Alma which kinds it sends.
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

    /// The kind of message that reports that a request came to this status.
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

/// The state of a webhook, as this node knows it.
#[derive(Clone, Debug)]
struct WebhookState {
    webhook: Webhook,
    /// How many messages of the missed kind this node has received since the last miss.
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

/// The changes that an institution's webhook reports, judged by the messages of the last week.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct WebhookCoverage {
    /// Whether messages report holds and loans.
    circulation: bool,
    /// Whether messages report items that are sent. Few Almas send these.
    items: bool,
    /// Whether it has missed a message, so that it isn't trusted.
    distrusted: bool,
}

impl WebhookCoverage {
    /// Returns whether it reports circulation, or items that are sent.
    pub(crate) fn covers(self, needs_item_messages: bool) -> bool {
        if needs_item_messages { self.items } else { self.circulation }
    }

    /// Returns whether it is trusted for that.
    pub(crate) fn is_trusted_for(self, needs_item_messages: bool) -> bool {
        self.covers(needs_item_messages) && !self.distrusted
    }
}

/// The health of all webhooks.
#[derive(Debug)]
pub(crate) struct WebhookHealth {
    known: Mutex<HashMap<InstitutionCode, WebhookState>>,
    read_at: Mutex<Option<Timestamp>>,
    /// Only one task reads at a time.
    reading: tokio::sync::Mutex<()>,
    /// The secrets with which institutions sign their messages.
    secrets: Cache<InstitutionCode, Arc<[SecretString]>>,
    /// Whether a message could not be stored since the last check.
    intake_failed: AtomicBool,
    /// The time until which a missed message is the hub's own fault.
    catching_up: Mutex<Option<Timestamp>>,
}

impl Default for WebhookHealth {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            read_at: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            secrets: Cache::new(CACHE_TTL),
            intake_failed: AtomicBool::default(),
            catching_up: Mutex::default(),
        }
    }
}

impl WebhookHealth {
    /// Returns the changes that an institution's webhook reports.
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

    /// Returns when a webhook's last message arrived, and since when it is distrusted for a missed one.
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
        Ok(self.known.lock().get(institution).cloned())
    }

    /// Reads the state if it is about to expire, so that no transaction waits for it.
    pub(crate) async fn refresh(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        self.read(store, now, REFRESH_AFTER).await
    }

    async fn read(&self, store: &Store, now: Timestamp, for_so_long: SignedDuration) -> Result<(), Error> {
        let is_fresh = || {
            let read_at = *self.read_at.lock();
            read_at.is_some_and(|at| cache::is_fresh(at, for_so_long, now))
        };
        if is_fresh() {
            return Ok(());
        }
        let _alone = self.reading.lock().await;
        if is_fresh() {
            return Ok(());
        }
        let stored = store.webhooks().await?;
        let mut known = self.known.lock();
        let mut before = std::mem::take(&mut *known);
        for mut webhook in stored {
            let here = before.remove(&webhook.institution);
            let same_miss = here.as_ref().filter(|here| here.webhook.missed_message == webhook.missed_message);
            let confirmed = same_miss.map_or(0, |here| here.confirmed);
            // This node received it, too recently for it to be stored.
            let last_message =
                here.map(|here| (here.webhook.last_message_at, here.webhook.last_item_message_at)).unwrap_or_default();
            webhook.last_message_at = webhook.last_message_at.max(last_message.0);
            webhook.last_item_message_at = webhook.last_item_message_at.max(last_message.1);
            known.insert(webhook.institution.clone(), WebhookState { webhook, confirmed });
        }
        *self.read_at.lock() = Some(now);
        Ok(())
    }

    /// Returns the cached secrets with which institutions sign their messages.
    pub(crate) fn secrets(&self) -> &Cache<InstitutionCode, Arc<[SecretString]>> {
        &self.secrets
    }

    /// Records that a signed message has arrived.
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

    /// Records a message that reported an item as sent.
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

    /// Records that a message was missed. Returns whether the webhook was trusted until now.
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

    /// Records that a message reported what a request waited for.
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

    /// Changes the cached state. Stores a change if it is worth a write.
    async fn change(
        &self,
        store: &Store,
        institution: &InstitutionCode,
        now: Timestamp,
        act: impl FnOnce(&mut WebhookState) -> Option<WebhookUpdate>,
    ) -> Result<(), Error> {
        self.read(store, now, CACHE_TTL).await?;
        let update = self.known.lock().get_mut(institution).and_then(act);
        match update {
            Some(update) => Ok(store.update_webhook(institution, &update).await?),
            None => Ok(()),
        }
    }

    /// Marks that a message could not be stored.
    pub(crate) fn mark_intake_failed(&self) {
        self.intake_failed.store(true, Ordering::Relaxed);
    }

    /// Returns whether a message could not be stored since the last call.
    pub(crate) fn take_intake_failed(&self) -> bool {
        self.intake_failed.swap(false, Ordering::Relaxed)
    }

    /// Sets the time until which a missed message is the hub's own fault. Until then no webhook is distrusted for one.
    pub(crate) fn suspend_miss_detection_until(&self, then: Timestamp) {
        *self.catching_up.lock() = Some(then);
    }

    /// Returns whether a missing message may have been sent while the hub could not receive it.
    pub(crate) fn is_catching_up(&self, now: Timestamp) -> bool {
        self.catching_up.lock().is_some_and(|until| now < until)
    }

    /// Forgets the cached state: webhooks or their secrets have changed, or may have.
    pub(crate) fn invalidate(&self) {
        self.secrets.clear();
        *self.read_at.lock() = None;
    }
}

/// Records the time. Returns whether it is worth a write.
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
