//! Webhook intake. A message is turned into a hint, which reschedules the polls that wait for the change it reports; the
//! message is acknowledged once that is stored. A fresh hint is kept with them, since it may replace a poll.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{Hint, InstitutionCode, Request, RequestId, Side};
use lms::{WebhookMessage, WebhookRejection};
use secrecy::SecretString;
use store::{Intent, NodeEvent};
use tracing::{debug, warn};

use crate::engine::Engine;
use crate::error::Error;
use crate::webhook_health::{MessageKind, WebhookHealth};

/// For how long a message is remembered. Alma sends one for ten hours at most.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// After so many messages old ones are forgotten.
const PRUNE_EVERY: u64 = 512;
const SIDES: [Side; 3] = [Side::Lender, Side::Borrower, Side::Pickup];

/// How long a message waits for others of the same moment.
const COMPANION_WAIT: SignedDuration = SignedDuration::from_secs(2);
/// The line that asks for a poll, whatever the hints say.
pub(crate) const FULL_POLL: &str = "null\n";

/// Encodes a hint as a line that is stored with the poll; `None` asks for the poll itself.
pub(crate) fn encode_hint(hint: Option<&Hint>) -> String {
    serde_json::to_string(&hint).map_or_else(|_| FULL_POLL.to_owned(), |line| line + "\n")
}

/// Returns the hints of a poll, if all of them can replace it and are fresh.
pub(crate) fn fresh_hints(intent: &Intent, max_age: Duration) -> Option<Vec<Hint>> {
    let max_age = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
    if intent.claimed_at.duration_since(intent.hinted_at) > max_age {
        return None;
    }
    let hints: Option<Vec<Hint>> = intent.hints.lines().map(|line| serde_json::from_str(line).ok().flatten()).collect();
    hints.filter(|hints| intent.has_hint && !hints.is_empty())
}

/// Whether a person asked for the poll, or a message led to it; a batch poll needs neither.
pub(crate) fn has_hint(intent: &Intent) -> bool {
    let by_list = |line: &str| matches!(serde_json::from_str(line), Ok(Some(Hint::ListMismatch { .. })));
    intent.has_hint && !intent.hints.lines().all(by_list)
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WebhookResult {
    /// The number of polls that it rescheduled.
    Accepted(u64),
    /// It came before.
    Duplicate,
    /// It says nothing that a request waits for.
    Ignored,
}

/// A request at a side of which a message is news.
struct AffectedRequest {
    request: RequestId,
    side: Side,
    /// Another message is likely to say it better.
    has_companion: bool,
    /// While it is fresh it may count as a poll.
    counts_as_poll: bool,
}

/// A message that is being stored. Dropped before that, it marks the intake as failed.
struct IntakeGuard<'a>(&'a WebhookHealth);

impl IntakeGuard<'_> {
    fn was_stored(self) {
        std::mem::forget(self);
    }
}

impl Drop for IntakeGuard<'_> {
    fn drop(&mut self) {
        self.0.mark_intake_failed();
    }
}

/// Why a message wasn't taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// No such institution, or it has no webhook.
    #[error("the institution has no webhook here")]
    NotConfigured,
    /// Not signed with its secret, or unreadable.
    #[error(transparent)]
    Rejected(#[from] WebhookRejection),
    /// The hub can't say now.
    #[error(transparent)]
    Internal(#[from] Error),
}

impl Engine {
    /// Takes a message of an institution's system. Answered `Ok`, it is stored and needs no second sending.
    ///
    /// # Errors
    ///
    /// No webhook, a wrong signature, nonsense, or the store's failures.
    pub async fn receive_webhook(
        &self,
        institution: &InstitutionCode,
        signature: impl FnOnce(&'static str) -> Option<String>,
        body: &[u8],
    ) -> Result<WebhookResult, WebhookError> {
        let ended = IntakeGuard(&self.webhook_health);
        let received = self.try_to_receive(institution, signature, body).await;
        if !matches!(received, Err(WebhookError::Internal(Error::Store(_)))) {
            ended.was_stored();
        }
        received
    }

    async fn try_to_receive(
        &self,
        institution: &InstitutionCode,
        signature: impl FnOnce(&'static str) -> Option<String>,
        body: &[u8],
    ) -> Result<WebhookResult, WebhookError> {
        let now = self.clock.now();
        let known = self.webhook_health.secrets(institution, now);
        let (secrets, is_fresh) = match known {
            Some(known) => (known, false),
            None => (self.read_secrets(institution, now).await?, true),
        };
        let lms = self.registry.get(institution).await.map_err(Error::from)?;
        let signature = signature(lms.signature_header());
        let open = |secrets: &[SecretString]| lms.parse_webhook(secrets, signature.as_deref(), body);
        let message = match open(&secrets) {
            // They may have been changed a moment ago.
            Err(_) if !is_fresh => open(&self.read_secrets(institution, now).await?)?,
            opened => opened?,
        };
        self.webhook_health.record_message(&self.store, institution, now).await?;
        let received = self.retry_transaction(|| self.store_message(institution, &message)).await?;
        debug!(%institution, message = message.id, ?received, "webhook message");
        Ok(received)
    }

    async fn read_secrets(
        &self,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<Arc<[SecretString]>, WebhookError> {
        let forgotten = self.webhook_health.generation();
        let secrets =
            self.store.webhook_secrets(institution).await.map_err(Error::from)?.ok_or(WebhookError::NotConfigured)?;
        Ok(self.webhook_health.cache_secrets(institution, secrets.all().into(), (forgotten, now)))
    }

    async fn store_message(
        &self,
        institution: &InstitutionCode,
        message: &WebhookMessage,
    ) -> Result<WebhookResult, Error> {
        let Some(hint) = &message.hint else { return Ok(WebhookResult::Ignored) };
        let waiting = self.affected_requests(institution, hint).await?;
        if waiting.is_empty() {
            // There is nothing to remember of it: it would say nothing a second time either.
            return Ok(WebhookResult::Ignored);
        }
        let mut requests: Vec<RequestId> = waiting.iter().map(|waiting| waiting.request).collect();
        // In one order everywhere, so that nobody waits for who waits for them.
        requests.sort_unstable();
        requests.dedup();
        let mut tx = self.store.begin().await?;
        // A poll that ends now, and doesn't know of this, ends before or after.
        for request in requests {
            tx.lock_request(request).await?;
        }
        let now = self.clock.now();
        let fresh = self.is_fresh(message.at, now);
        if !tx.insert_message(institution, &message.id, now).await? {
            return Ok(WebhookResult::Duplicate);
        }
        if self.ids.one_in(PRUNE_EVERY) {
            tx.prune_messages(now.checked_sub(REMEMBERED).unwrap_or(now)).await?;
        }
        let mut polls = 0;
        for AffectedRequest { request, side, has_companion, counts_as_poll } in waiting {
            let due = if has_companion { now.saturating_add(COMPANION_WAIT).unwrap_or(now) } else { now };
            let hints = encode_hint((fresh && counts_as_poll).then_some(hint));
            polls += tx.add_hint(request, side, &hints, due, now).await?;
        }
        tx.notify(&self.settings.node, &NodeEvent::WorkAvailable);
        tx.commit().await?;
        self.wake.notify_one();
        self.webhook_health.record_confirmed(&self.store, institution, MessageKind::of(hint), now).await?;
        Ok(WebhookResult::Accepted(polls))
    }

    /// Whether a message is fresh. Alma resends a message that wasn't accepted, an hour later at the earliest: it may be
    /// outdated by then.
    fn is_fresh(&self, at: Option<Timestamp>, now: Timestamp) -> bool {
        let max_age = SignedDuration::try_from(self.settings.webhook_max_age).unwrap_or(SignedDuration::MAX);
        at.is_some_and(|at| now.duration_since(at).abs() < max_age)
    }

    /// The requests to which the hint is news, and where.
    async fn affected_requests(
        &self,
        institution: &InstitutionCode,
        hint: &Hint,
    ) -> Result<Vec<AffectedRequest>, Error> {
        let about = match hint {
            Hint::Hold { request, .. } => self.store.request(*request).await?.into_iter().collect(),
            Hint::Loan { item, .. } | Hint::Item { item, .. } => {
                self.store.open_requests_with_item(institution, item).await?
            }
            // No message is one.
            Hint::ListMismatch { .. } => Vec::new(),
        };
        let mut waiting = Vec::new();
        for store::Stored { request, .. } in about {
            let here = |side: &Side| request.institution(*side) == Some(institution) && is_about(&request, *side, hint);
            let sides = SIDES.into_iter().filter(|side| here(side) && hint.is_relevant(&request, *side));
            waiting.extend(sides.map(|side| AffectedRequest {
                request: request.id,
                side,
                has_companion: hint.has_companion(&request, side),
                counts_as_poll: hint.matches_holder(&request, side),
            }));
        }
        Ok(waiting)
    }

    /// When a message of an institution's webhook came last, within an hour, and, where it isn't counted on because one was
    /// missed, when that was.
    ///
    /// # Errors
    ///
    /// The store's failures.
    pub async fn webhook_status(
        &self,
        institution: &InstitutionCode,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Error> {
        self.webhook_health.last_message_and_miss(&self.store, institution, self.clock.now()).await
    }

    /// Gives an institution's webhook a secret. The one before counts until [`Engine::end_rotation`].
    ///
    /// # Errors
    ///
    /// The store's failures.
    pub async fn set_webhook_secret(&self, institution: &InstitutionCode, secret: &SecretString) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        tx.put_webhook_secret(institution, secret, self.clock.now()).await?;
        tx.notify(&self.settings.node, &NodeEvent::SettingsChanged);
        tx.commit().await?;
        self.webhook_health.invalidate();
        Ok(())
    }

    /// Finish the rotation: only the newest secret counts from now on.
    ///
    /// # Errors
    ///
    /// The store's failures.
    pub async fn end_rotation(&self, institution: &InstitutionCode) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        tx.forget_previous_webhook_secret(institution).await?;
        tx.notify(&self.settings.node, &NodeEvent::SettingsChanged);
        tx.commit().await?;
        self.webhook_health.invalidate();
        Ok(())
    }

    /// Takes an institution's webhook away; answers whether it had one.
    ///
    /// # Errors
    ///
    /// The store's failures.
    pub async fn remove_webhook(&self, institution: &InstitutionCode) -> Result<bool, Error> {
        let mut tx = self.store.begin().await?;
        let had = tx.remove_webhook(institution).await?;
        tx.notify(&self.settings.node, &NodeEvent::SettingsChanged);
        tx.commit().await?;
        self.webhook_health.invalidate();
        if had {
            warn!(%institution, "webhook removed; this institution is only polled from now on");
            self.poll_as_without_webhook(institution).await?;
        }
        Ok(had)
    }
}

/// Whether the hint is about what the request has at that side: one Alma may be at two sides of a request.
fn is_about(request: &Request, side: Side, hint: &Hint) -> bool {
    let (Hint::Loan { item, .. } | Hint::Item { item, .. }) = hint else { return true };
    match side {
        Side::Lender => request.supply.as_ref().is_some_and(|supply| supply.copy.item == *item),
        _ => request.virtual_side(side).is_some_and(|here| here.item.open() == Some(item)),
    }
}
