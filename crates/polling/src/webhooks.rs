//! Webhook intake. A message that proves the expected change is an observation, which the engine decides on and stores
//! with the message. Any other message is turned into a hint, which reschedules the polls that wait for the change it
//! reports. A fresh hint is kept with them, since it may replace a poll. The message is acknowledged once it is stored,
//! or waits for its companion. If there is room, its poll is made before that, so that one unit stores all of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{
    BibId, Hint, HintResult, InstitutionCode, ObservationSource, Observed, Request, Side, interpret_hints, poll_target,
};
use lms::{HostLms, WebhookMessage, WebhookRejection};
use secrecy::SecretString;
use store::{Expected, NodeEvent, Stored, Unit};
use tracing::{debug, info, warn};

use crate::companions::{Added, WaitingMessage};
use crate::hints::encode_hint;
use crate::polling::Polling;
use crate::webhook_health::{MessageKind, WebhookHealth};

/// How long the hub remembers a message. Alma resends one for ten hours at most.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// How long a library's system waits for the answer to a message at most because of the poll that the message needs.
const AT_ONCE: Duration = Duration::from_secs(2);
/// The number of messages after which old ones are forgotten.
const PRUNE_EVERY: u64 = 512;
const SIDES: [Side; 3] = [Side::Lender, Side::Borrower, Side::Pickup];

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
#[derive(Debug)]
struct AffectedRequest {
    stored: Stored,
    side: Side,
    /// Whether a more precise message is likely to follow.
    has_companion: bool,
    /// Whether it may replace a poll while it is fresh.
    counts_as_poll: bool,
}

/// A message that is being stored. If it is dropped before that, it marks the intake as failed.
#[derive(Debug)]
pub struct IntakeGuard<'a>(&'a WebhookHealth);

impl IntakeGuard<'_> {
    /// The message is stored, or rejected for a reason of its own.
    pub fn was_stored(self) {
        std::mem::forget(self);
    }
}

impl Drop for IntakeGuard<'_> {
    fn drop(&mut self) {
        self.0.mark_intake_failed();
    }
}

/// A message whose signature is right.
#[derive(Debug)]
pub struct ReadMessage {
    /// The record whose copies have changed, if the message says so.
    pub bib: Option<BibId>,
    /// What it means for requests; or the failure of the store that had to be asked.
    pub intake: Result<Intake, store::Error>,
}

/// What a message that was read means.
#[derive(Debug)]
pub enum Intake {
    /// No request waits for it.
    Ignored,
    /// It waits in memory for a more precise message, for [`Polling::take_waiting`].
    Waits,
    /// It has new information for sides of requests, for [`Polling::store_hints`].
    Hints(Box<HintedPolls>),
    /// It proves the change that one side of one request waits for.
    Proven(Box<ProvenMessage>),
}

/// A message with new information, and the sides that it is for.
#[derive(Debug)]
pub struct HintedPolls {
    institution: InstitutionCode,
    message: WebhookMessage,
    waiting: Vec<AffectedRequest>,
}

/// A message that proves the expected change, or whose poll was made at once.
#[derive(Debug)]
pub struct ProvenMessage {
    /// The request as it was read.
    pub stored: Stored,
    /// The side at which it happened.
    pub side: Side,
    /// What the message or its poll shows.
    pub observed: Observed,
    /// The institution that sent the message.
    pub institution: InstitutionCode,
    /// The message's id, by which one that is sent again is known.
    pub message: String,
    /// When it came.
    pub received_at: Timestamp,
    /// The same message as a hint, for a poll that is under way.
    pub hints: HintedPolls,
}

/// The reason why a message was rejected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The message is not signed with the webhook's secret, also because there is no webhook; or it is unreadable, or of
    /// another institution.
    #[error(transparent)]
    Rejected(#[from] WebhookRejection),
    /// The message could not be stored.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl HintedPolls {
    /// The institution that sent the message.
    pub fn institution(&self) -> &InstitutionCode {
        &self.institution
    }
}

impl Polling {
    /// Begins to take in a message. Until the guard learns that it was stored, messages may have been lost.
    pub fn begin_intake(&self) -> IntakeGuard<'_> {
        IntakeGuard(&self.webhook_health)
    }

    /// Reads a message of an institution's system, and finds out what it means. It is stored later, by
    /// [`Polling::store_hints`] or with the decision that follows from it.
    ///
    /// # Errors
    ///
    /// No webhook, a wrong signature, an unreadable message, or one of another institution.
    pub async fn read_message(
        &self,
        institution: &InstitutionCode,
        signature: impl FnOnce(&'static str) -> Option<String>,
        body: &[u8],
    ) -> Result<ReadMessage, WebhookError> {
        let now = self.runtime.now();
        let known = self.webhook_health.secrets().get(institution, now);
        let is_fresh = known.is_none();
        let secrets = match known {
            Some(known) => Some(known),
            None => self.read_secrets(institution, now).await?,
        };
        // An institution that is unknown, or has no webhook, costs the same work and gets the same answer as a wrong
        // signature, so that nobody finds out which institutions there are.
        let (Some(secrets), Some(lms)) = (secrets, self.adapter_for_message(institution).await) else {
            info!(%institution, "a message is refused: the institution has no webhook here, or can't be connected");
            return Err(lms::reject_webhook(signature, body).into());
        };
        let signature = signature(lms.signature_header());
        let open = |secrets: &[SecretString]| lms.parse_webhook(secrets, signature.as_deref(), body);
        let message = match open(&secrets) {
            // The secrets may have changed a moment ago.
            Err(WebhookRejection::InvalidSignature) if !is_fresh => {
                let read = self.read_secrets(institution, now).await?;
                open(&read.ok_or(WebhookRejection::InvalidSignature)?)?
            }
            opened => opened?,
        };
        self.webhook_health.record_message(self.runtime.store(), institution, now).await?;
        let bib = message.bib.clone();
        Ok(ReadMessage { bib, intake: self.meaning_or_wait(institution, message).await })
    }

    /// Takes out the messages that have waited for a more precise one long enough.
    pub fn take_waiting(&self, now: Timestamp) -> Vec<WaitingMessage> {
        self.companions.take_due(now)
    }

    /// Returns when the first message has waited long enough.
    pub fn next_waiting(&self) -> Option<Timestamp> {
        self.companions.next_due()
    }

    /// Finds out what a message proves that has waited for one which was decided on. `stored` is the request as it is
    /// now. A message that proves nothing yet goes on waiting.
    pub fn read_companion(&self, waiting: WaitingMessage, stored: &Stored) -> Intake {
        match self.meaning_for(&waiting.institution, waiting.message.clone(), vec![stored.clone()]) {
            Intake::Hints(_) => {
                self.companions.put_back(waiting);
                Intake::Waits
            }
            other => other,
        }
    }

    /// Finds out what a message that has waited means now.
    ///
    /// # Errors
    ///
    /// The message can't be looked at now, and is lost if nobody keeps it.
    pub async fn read_waiting(&self, waiting: WaitingMessage) -> Result<Intake, store::Error> {
        self.meaning(&waiting.institution, waiting.message).await
    }

    /// Takes out the messages that have waited for the one that was decided on. `version` is the request's after that.
    pub fn take_companions(&self, decided: &ProvenMessage, version: i64) -> Vec<WaitingMessage> {
        let at = decided.hints.message.at;
        self.companions.decided((decided.stored.request.id, decided.side), (version, at), self.runtime.now())
    }

    /// Finds out what a message means. It waits if a more precise one is likely to come at the same moment.
    async fn meaning_or_wait(
        &self,
        institution: &InstitutionCode,
        message: WebhookMessage,
    ) -> Result<Intake, store::Error> {
        let mut message = message;
        loop {
            let hinted = match self.meaning(institution, message).await? {
                Intake::Hints(hinted) => *hinted,
                other => return Ok(other),
            };
            let now = self.runtime.now();
            let seen = match hinted.waiting.as_slice() {
                [only] if only.has_companion && self.is_fresh(hinted.message.at, now) => {
                    ((only.stored.request.id, only.side), only.stored.version)
                }
                _ => return Ok(Intake::Hints(Box::new(hinted))),
            };
            if let Some(hint) = &hinted.message.hint {
                self.message_stored(institution, hint).await?;
            }
            match self.companions.add(institution, hinted.message, seen, now) {
                Added::Waits(due) => {
                    // The work loop knows when the first is due, and looks again then.
                    if let Some(due) = due {
                        self.runtime.wake_for(due);
                    }
                    return Ok(Intake::Waits);
                }
                Added::Outdated(returned) => message = returned,
                Added::Covered => return Ok(Intake::Ignored),
            }
        }
    }

    async fn read_secrets(
        &self,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<Option<Arc<[SecretString]>>, store::Error> {
        let cache = self.webhook_health.secrets();
        let generation = cache.generation();
        let Some(read) = self.runtime.store().webhook_secrets(institution).await? else { return Ok(None) };
        let secrets: Arc<[SecretString]> = read.all().into();
        cache.insert_read(generation, institution.clone(), Arc::clone(&secrets), now);
        Ok(Some(secrets))
    }

    /// Returns the adapter that knows how the institution's system signs. `None` if its settings can't be used.
    async fn adapter_for_message(&self, institution: &InstitutionCode) -> Option<Arc<dyn HostLms>> {
        let adapter = self.systems.adapter(institution).await;
        adapter
            .inspect_err(|fault| debug!(%institution, %fault, "the signature of a webhook message can't be checked"))
            .ok()
    }

    async fn meaning(&self, institution: &InstitutionCode, message: WebhookMessage) -> Result<Intake, store::Error> {
        let about = match &message.hint {
            Some(Hint::Hold { request, .. }) => self.runtime.store().request(*request).await?.into_iter().collect(),
            Some(Hint::Loan { item, .. } | Hint::Item { item, .. }) => {
                self.runtime.store().open_requests_with_item(institution, item).await?
            }
            // No message is about a list.
            Some(Hint::ListMismatch { .. }) | None => Vec::new(),
        };
        Ok(self.meaning_for(institution, message, about))
    }

    /// Finds out what a message means for the requests that it is about.
    fn meaning_for(&self, institution: &InstitutionCode, message: WebhookMessage, about: Vec<Stored>) -> Intake {
        let Some(hint) = message.hint.clone() else { return Intake::Ignored };
        let mut waiting = affected_requests(institution, &hint, about);
        if waiting.is_empty() {
            // The message need not be remembered, since a duplicate would be ignored too.
            return Intake::Ignored;
        }
        let now = self.runtime.now();
        let is_fresh = self.is_fresh(message.at, now);
        let proof = match waiting.as_mut_slice() {
            [only] if is_fresh && only.counts_as_poll => self
                .proof(&only.stored.request, only.side, (hint, message.at), now)
                .map(|observed| (only.stored.clone(), observed)),
            _ => None,
        };
        let (institution, id) = (institution.clone(), message.id.clone());
        let hints = HintedPolls { institution: institution.clone(), message, waiting };
        match proof {
            None => Intake::Hints(Box::new(hints)),
            Some((stored, observed)) => {
                let side = hints.waiting[0].side;
                Intake::Proven(Box::new(ProvenMessage {
                    stored,
                    side,
                    observed,
                    institution,
                    message: id,
                    received_at: now,
                    hints,
                }))
            }
        }
    }

    /// Returns what a fresh hint proves at a side that waits for it, with the messages that have waited for it.
    fn proof(
        &self,
        request: &Request,
        side: Side,
        (hint, at): (Hint, Option<Timestamp>),
        now: Timestamp,
    ) -> Option<Observed> {
        poll_target(request, side)?;
        let mut hints = self.companions.hints((request.id, side), at);
        hints.push(hint);
        match interpret_hints(request, side, &hints, now) {
            HintResult::Observed(observation) => {
                Some(Observed::Seen { side, observation: *observation, source: ObservationSource::Notification })
            }
            HintResult::NoChange | HintResult::PollNeeded(_) => None,
        }
    }

    /// Makes the poll that a message needs, at once, if it is about one side. Returns the message with what the poll
    /// observed; or as a hint, if the system doesn't answer soon or the message is known.
    ///
    /// # Errors
    ///
    /// It is not stored, so the system should send it once more.
    pub async fn poll_at_once(&self, hinted: HintedPolls) -> Result<Result<ProvenMessage, HintedPolls>, store::Error> {
        let [only] = hinted.waiting.as_slice() else { return Ok(Err(hinted)) };
        if self.runtime.store().has_message(&hinted.institution, &hinted.message.id).await? {
            return Ok(Err(hinted));
        }
        let (stored, side, now) = (only.stored.clone(), only.side, self.runtime.now());
        let is_proof = only.counts_as_poll && self.is_fresh(hinted.message.at, now);
        let hint = hinted.message.hint.clone().filter(|_| is_proof);
        let poll = self.poll_for_message(&hinted.institution, &stored.request, side, hint);
        let Ok(Some(observed)) = tokio::time::timeout(AT_ONCE, poll).await else { return Ok(Err(hinted)) };
        let (institution, message) = (hinted.institution.clone(), hinted.message.id.clone());
        Ok(Ok(ProvenMessage { stored, side, observed, institution, message, received_at: now, hints: hinted }))
    }

    /// Stores a message with the polls that it makes due.
    ///
    /// # Errors
    ///
    /// It is not stored, so the system should send it once more.
    pub async fn store_hints(&self, hinted: &HintedPolls) -> Result<WebhookResult, store::Error> {
        let stored = self.runtime.retry_transaction(|| self.try_to_store_hints(hinted)).await;
        if let Err(store::Error::Duplicate) = stored {
            return Ok(WebhookResult::Duplicate);
        }
        let polls = stored?;
        self.runtime.wake();
        if let Some(hint) = &hinted.message.hint {
            self.message_stored(&hinted.institution, hint).await?;
        }
        Ok(WebhookResult::Accepted(polls))
    }

    async fn try_to_store_hints(&self, hinted: &HintedPolls) -> Result<u64, store::Error> {
        let HintedPolls { institution, message, waiting } = hinted;
        let now = self.runtime.now();
        let is_fresh = self.is_fresh(message.at, now);
        let mut unit = self.runtime.store().unit();
        unit.insert_message(institution, &message.id, now);
        self.prune_messages(&mut unit, now);
        let mut steps = Vec::new();
        for AffectedRequest { stored, side, counts_as_poll, .. } in waiting {
            let hint = encode_hint(message.hint.as_ref().filter(|_| is_fresh && *counts_as_poll));
            steps.push(unit.add_hint(stored.request.id, *side, &hint, now, now));
        }
        unit.notify(self.runtime.node(), &NodeEvent::WorkAvailable);
        let done = self.runtime.store().commit(unit).await?;
        Ok(steps.into_iter().map(|step| done.touched(step)).sum())
    }

    /// Lets a unit forget old messages, now and then.
    pub fn prune_messages(&self, unit: &mut Unit, now: Timestamp) {
        if self.runtime.ids().one_in(PRUNE_EVERY) {
            unit.prune_messages(now.checked_sub(REMEMBERED).unwrap_or(now));
        }
    }

    /// Takes note that a message is stored: the webhook reports what the hint is about.
    async fn message_stored(&self, institution: &InstitutionCode, hint: &Hint) -> Result<(), store::Error> {
        let now = self.runtime.now();
        self.webhook_health.record_confirmed(self.runtime.store(), institution, MessageKind::of(hint), now).await
    }

    /// Takes note that a message which proves a change is stored with the decision.
    ///
    /// # Errors
    ///
    /// The webhook's state could not be stored; the message is.
    pub async fn proven_message_stored(&self, proven: &ProvenMessage) -> Result<(), store::Error> {
        match &proven.hints.message.hint {
            Some(hint) => self.message_stored(&proven.institution, hint).await,
            None => Ok(()),
        }
    }

    /// Whether a message is fresh. Alma resends a message that wasn't accepted, an hour later at the earliest: it may
    /// be outdated by then.
    fn is_fresh(&self, at: Option<Timestamp>, now: Timestamp) -> bool {
        let max_age = SignedDuration::try_from(self.settings.webhook_max_age).unwrap_or(SignedDuration::MAX);
        at.is_some_and(|at| now.duration_since(at).abs() < max_age)
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
        expected: Expected,
    ) -> Result<(), store::Error> {
        let (store, node) = (self.runtime.store(), self.runtime.node());
        let put = async || store.put_webhook_secret(institution, secret, expected, node, self.runtime.now()).await;
        match expected {
            Expected::Anything => self.runtime.retry_transaction(put).await?,
            // What is different now stays different.
            Expected::Nothing | Expected::Version(_) => put().await?,
        }
        self.webhook_health.invalidate();
        Ok(())
    }

    /// Ends the rotation: from now on only the newest secret is valid.
    pub async fn end_rotation(&self, institution: &InstitutionCode, expected: Expected) -> Result<(), store::Error> {
        let mut unit = self.runtime.store().unit();
        expect_webhook(&mut unit, institution, expected);
        unit.forget_previous_webhook_secret(institution);
        unit.notify(self.runtime.node(), &NodeEvent::SettingsChanged);
        self.runtime.store().commit(unit).await?;
        self.webhook_health.invalidate();
        Ok(())
    }

    /// Removes an institution's webhook. Returns whether it had one.
    pub async fn remove_webhook(
        &self,
        institution: &InstitutionCode,
        expected: Expected,
    ) -> Result<bool, store::Error> {
        let mut unit = self.runtime.store().unit();
        expect_webhook(&mut unit, institution, expected);
        let removal = unit.remove_webhook(institution);
        unit.notify(self.runtime.node(), &NodeEvent::SettingsChanged);
        let had = self.runtime.store().commit(unit).await?.touched(removal) > 0;
        self.webhook_health.invalidate();
        if had {
            warn!(%institution, "webhook removed; this institution is only polled from now on");
            self.poll_as_without_webhook(institution).await?;
        }
        Ok(had)
    }
}

fn expect_webhook(unit: &mut Unit, institution: &InstitutionCode, expected: Expected) {
    if let Expected::Version(version) = expected {
        unit.expect_webhook(institution, version);
    }
}

/// Returns the sides of requests for which the hint has new information.
fn affected_requests(institution: &InstitutionCode, hint: &Hint, about: Vec<Stored>) -> Vec<AffectedRequest> {
    let mut affected = Vec::new();
    for stored in about {
        let request = &stored.request;
        let here = |side: &Side| request.institution(*side) == Some(institution);
        let sides = SIDES.into_iter().filter(|side| here(side) && hint.is_relevant(request, *side));
        affected.extend(sides.map(|side| AffectedRequest {
            stored: stored.clone(),
            side,
            has_companion: hint.has_companion(request, side),
            counts_as_poll: hint.matches_holder(request, side),
        }));
    }
    affected
}
