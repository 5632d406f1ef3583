//! Webhook intake. A message is turned into a hint, which reschedules the polls that wait for the change it reports;
//! the message is acknowledged once that is stored. A fresh hint is kept with them, since it may replace a poll.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lending::{Hint, InstitutionCode, Request, RequestId, Side};
use lms::{WebhookMessage, WebhookRejection};
use secrecy::SecretString;
use store::NodeEvent;
use tracing::{debug, warn};

use crate::hints::encode_hint;
use crate::polling::Polling;
use crate::webhook_health::{MessageKind, WebhookHealth};

/// How long the hub remembers a message. Alma resends one for ten hours at most.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// The number of messages after which old ones are forgotten.
const PRUNE_EVERY: u64 = 512;
const SIDES: [Side; 3] = [Side::Lender, Side::Borrower, Side::Pickup];

/// How long a message waits for others of the same moment.
const COMPANION_WAIT: SignedDuration = SignedDuration::from_secs(2);
/// The result of taking in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WebhookResult {
    /// The number of polls that it rescheduled.
    Accepted(u64),
    /// The message is a duplicate.
    Duplicate,
    /// No request waits for the message.
    Ignored,
}

/// A side of a request for which a message has new information.
struct AffectedRequest {
    request: RequestId,
    side: Side,
    /// Whether a more precise message is likely to follow.
    has_companion: bool,
    /// Whether it may replace a poll while it is fresh.
    counts_as_poll: bool,
}

/// A message that is being stored. If it is dropped before that, it marks the intake as failed.
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

/// The reason why a message was rejected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// No such institution, or it has no webhook.
    #[error("the institution has no webhook here")]
    NotConfigured,
    /// The message is not signed with the webhook's secret, or unreadable.
    #[error(transparent)]
    Rejected(#[from] WebhookRejection),
    /// The hub can't connect the library's system, so it can't check the signature.
    #[error(transparent)]
    Lms(#[from] lms::Error),
    /// The message could not be stored.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Polling {
    /// Takes in a message of an institution's system. After `Ok` it is stored and need not be sent again.
    ///
    /// # Errors
    ///
    /// No webhook, a wrong signature or an unreadable message. After [`WebhookError::Store`] the system should send it
    /// once more.
    pub async fn receive_webhook(
        &self,
        institution: &InstitutionCode,
        signature: impl FnOnce(&'static str) -> Option<String>,
        body: &[u8],
    ) -> Result<WebhookResult, WebhookError> {
        let ended = IntakeGuard(&self.webhook_health);
        let received = self.try_to_receive(institution, signature, body).await;
        if !matches!(received, Err(WebhookError::Store(_))) {
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
        let now = self.runtime.now();
        let known = self.webhook_health.secrets().get(institution, now);
        let (secrets, is_fresh) = match known {
            Some(known) => (known, false),
            None => (self.read_secrets(institution, now).await?, true),
        };
        let lms = self.systems.adapter(institution).await?;
        let signature = signature(lms.signature_header());
        let open = |secrets: &[SecretString]| lms.parse_webhook(secrets, signature.as_deref(), body);
        let message = match open(&secrets) {
            // The secrets may have changed a moment ago.
            Err(_) if !is_fresh => open(&self.read_secrets(institution, now).await?)?,
            opened => opened?,
        };
        self.webhook_health.record_message(self.runtime.store(), institution, now).await?;
        let received = self.runtime.retry_transaction(|| self.store_message(institution, &message)).await?;
        debug!(%institution, message = message.id, ?received, "webhook message");
        Ok(received)
    }

    async fn read_secrets(
        &self,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<Arc<[SecretString]>, WebhookError> {
        let cache = self.webhook_health.secrets();
        let generation = cache.generation();
        let read = self.runtime.store().webhook_secrets(institution).await?.ok_or(WebhookError::NotConfigured)?;
        let secrets: Arc<[SecretString]> = read.all().into();
        cache.insert_read(generation, institution.clone(), Arc::clone(&secrets), now);
        Ok(secrets)
    }

    async fn store_message(
        &self,
        institution: &InstitutionCode,
        message: &WebhookMessage,
    ) -> Result<WebhookResult, store::Error> {
        let Some(hint) = &message.hint else { return Ok(WebhookResult::Ignored) };
        let waiting = self.affected_requests(institution, hint).await?;
        if waiting.is_empty() {
            // The message need not be remembered, since a duplicate would be ignored too.
            return Ok(WebhookResult::Ignored);
        }
        let mut requests: Vec<RequestId> = waiting.iter().map(|waiting| waiting.request).collect();
        // All nodes lock in the same order, so that no two wait for each other.
        requests.sort_unstable();
        requests.dedup();
        let mut tx = self.runtime.store().begin().await?;
        // The locks order this message and a poll that ends now, so that one sees the other's result.
        for request in requests {
            tx.lock_request(request).await?;
        }
        let now = self.runtime.now();
        let fresh = self.is_fresh(message.at, now);
        if !tx.insert_message(institution, &message.id, now).await? {
            return Ok(WebhookResult::Duplicate);
        }
        if self.runtime.ids().one_in(PRUNE_EVERY) {
            tx.prune_messages(now.checked_sub(REMEMBERED).unwrap_or(now)).await?;
        }
        let mut polls = 0;
        for AffectedRequest { request, side, has_companion, counts_as_poll } in waiting {
            let due = if has_companion { now.saturating_add(COMPANION_WAIT).unwrap_or(now) } else { now };
            let hints = encode_hint((fresh && counts_as_poll).then_some(hint));
            polls += tx.add_hint(request, side, &hints, due, now).await?;
        }
        tx.notify(self.runtime.node(), &NodeEvent::WorkAvailable);
        tx.commit().await?;
        self.runtime.wake();
        self.webhook_health.record_confirmed(self.runtime.store(), institution, MessageKind::of(hint), now).await?;
        Ok(WebhookResult::Accepted(polls))
    }

    /// Whether a message is fresh. Alma resends a message that wasn't accepted, an hour later at the earliest: it may
    /// be outdated by then.
    fn is_fresh(&self, at: Option<Timestamp>, now: Timestamp) -> bool {
        let max_age = SignedDuration::try_from(self.settings.webhook_max_age).unwrap_or(SignedDuration::MAX);
        at.is_some_and(|at| now.duration_since(at).abs() < max_age)
    }

    /// Returns the sides of requests for which the hint has new information.
    async fn affected_requests(
        &self,
        institution: &InstitutionCode,
        hint: &Hint,
    ) -> Result<Vec<AffectedRequest>, store::Error> {
        let about = match hint {
            Hint::Hold { request, .. } => self.runtime.store().request(*request).await?.into_iter().collect(),
            Hint::Loan { item, .. } | Hint::Item { item, .. } => {
                self.runtime.store().open_requests_with_item(institution, item).await?
            }
            // No message is of this kind.
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

    /// Returns when an institution's webhook last received a message, to within an hour; and, if the webhook is
    /// distrusted for a missed message, since when.
    pub async fn webhook_status(
        &self,
        institution: &InstitutionCode,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), store::Error> {
        self.webhook_health.last_message_and_miss(self.runtime.store(), institution, self.runtime.now()).await
    }

    /// Adds a secret to an institution's webhook. The earlier one stays valid until [`Self::end_rotation`].
    pub async fn set_webhook_secret(
        &self,
        institution: &InstitutionCode,
        secret: &SecretString,
    ) -> Result<(), store::Error> {
        let mut tx = self.runtime.store().begin().await?;
        tx.put_webhook_secret(institution, secret, self.runtime.now()).await?;
        tx.notify(self.runtime.node(), &NodeEvent::SettingsChanged);
        tx.commit().await?;
        self.webhook_health.invalidate();
        Ok(())
    }

    /// Ends the rotation: from now on only the newest secret is valid.
    pub async fn end_rotation(&self, institution: &InstitutionCode) -> Result<(), store::Error> {
        let mut tx = self.runtime.store().begin().await?;
        tx.forget_previous_webhook_secret(institution).await?;
        tx.notify(self.runtime.node(), &NodeEvent::SettingsChanged);
        tx.commit().await?;
        self.webhook_health.invalidate();
        Ok(())
    }

    /// Removes an institution's webhook. Returns whether it had one.
    pub async fn remove_webhook(&self, institution: &InstitutionCode) -> Result<bool, store::Error> {
        let mut tx = self.runtime.store().begin().await?;
        let had = tx.remove_webhook(institution).await?;
        tx.notify(self.runtime.node(), &NodeEvent::SettingsChanged);
        tx.commit().await?;
        self.webhook_health.invalidate();
        if had {
            warn!(%institution, "webhook removed; this institution is only polled from now on");
            self.poll_as_without_webhook(institution).await?;
        }
        Ok(had)
    }
}

/// Returns whether the hint is about the request's records at that side. One Alma may be at two sides of a request.
fn is_about(request: &Request, side: Side, hint: &Hint) -> bool {
    let (Hint::Loan { item, .. } | Hint::Item { item, .. }) = hint else { return true };
    match side {
        Side::Lender => request.supply.as_ref().is_some_and(|supply| supply.copy.item == *item),
        _ => request.virtual_side(side).is_some_and(|here| here.item.open() == Some(item)),
    }
}
