//! Webhook messages: one that proves the expected change is decided on and stored in one unit, any other becomes hints.

use jiff::Timestamp;
use lending::{BibId, InstitutionCode};
use polling::{HintedPolls, Intake, ProvenMessage, ReadMessage, WebhookError, WebhookResult};
use tracing::{debug, error};

use crate::commit::Cause;
use crate::engine::Engine;
use crate::error::Error;
use crate::titles::TitleRecord;

impl Engine {
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
        let guard = self.polling.begin_intake();
        let received = match self.polling.read_message(institution, signature, body).await {
            Ok(ReadMessage { bib, intake }) => {
                self.forget_copies_of(institution, bib);
                match intake {
                    // On the heap: most messages have nothing new, and their futures stay small.
                    Ok(intake) => Ok(Box::pin(self.take_in(intake)).await?),
                    Err(failure) => Err(failure.into()),
                }
            }
            Err(failure) => Err(failure),
        };
        if !matches!(received, Err(WebhookError::Store(_))) {
            guard.was_stored();
        }
        debug!(%institution, ?received, "webhook message");
        received
    }

    /// Lets the availability of a record be asked for again, since a message reports that something has changed there.
    /// Other nodes keep their answers until these are a minute old.
    fn forget_copies_of(&self, institution: &InstitutionCode, bib: Option<BibId>) {
        if let (Some(titles), Some(bib)) = (self.titles.get(), bib) {
            titles.forget(&TitleRecord { institution: institution.clone(), bib });
        }
    }

    /// Looks again at the messages that have waited for a more precise one until `then`.
    pub(crate) async fn take_in_waiting(&self, then: Timestamp) {
        for waiting in self.polling.take_waiting(then) {
            match self.polling.read_waiting(waiting).await {
                Ok(intake) => self.take_in_companion(intake).await,
                Err(failure) => self.waiting_is_lost(&failure),
            }
        }
    }

    /// Takes in a message that has waited. It was acknowledged, so the hub itself must make up for a failure.
    async fn take_in_companion(&self, intake: Intake) {
        match Box::pin(self.take_in(intake)).await {
            Ok(result) => debug!(?result, "webhook message that has waited"),
            Err(failure) => self.waiting_is_lost(&failure),
        }
    }

    fn waiting_is_lost(&self, failure: &store::Error) {
        error!(error = %failure, "could not store a webhook message that has waited; the lists are read instead");
        self.polling.intake_failed();
    }

    async fn take_in(&self, intake: Intake) -> Result<WebhookResult, store::Error> {
        match intake {
            Intake::Ignored => Ok(WebhookResult::Ignored),
            Intake::Waits => Ok(WebhookResult::Accepted(1)),
            Intake::Hints(hinted) => self.poll_or_store(*hinted).await,
            Intake::Proven(proven) => self.decide_on_message(&proven).await,
        }
    }

    /// Makes the poll that a message needs at once, if there is room for it, and decides on what it shows.
    async fn poll_or_store(&self, hinted: HintedPolls) -> Result<WebhookResult, store::Error> {
        let place = if self.runtime.is_stopping() { None } else { self.active_polls.reserve(hinted.institution()) };
        if place.is_none() {
            return self.polling.store_hints(&hinted).await;
        }
        match self.polling.poll_at_once(hinted).await? {
            Ok(observed) => self.decide_on_message(&observed).await,
            Err(hinted) => self.polling.store_hints(&hinted).await,
        }
    }

    /// Decides on what a message proves. If the poll that waits for it is under way, or the request has changed at that
    /// side, the message is stored as a hint.
    async fn decide_on_message(&self, proven: &ProvenMessage) -> Result<WebhookResult, store::Error> {
        let request = proven.stored.request.id;
        let (event, known) = (proven.observed.clone().into(), Some(proven.stored.clone()));
        match self.commits.apply(request, &event, "hub", &Cause::Message(proven), known).await {
            Ok(applied) => {
                let companions = self.polling.take_companions(proven, applied.stored.version);
                let means = |waiting| self.polling.read_companion(waiting, &applied.stored);
                let companions: Vec<Intake> = companions.into_iter().map(means).collect();
                self.commits.hand_over(applied);
                self.polling.proven_message_stored(proven).await?;
                for companion in companions {
                    self.take_in_companion(companion).await;
                }
                Ok(WebhookResult::Accepted(1))
            }
            Err(Error::Store(store::Error::Duplicate)) => Ok(WebhookResult::Duplicate),
            Err(Error::Outdated | Error::Store(store::Error::PollBusy | store::Error::Conflict)) => {
                self.polling.store_hints(&proven.hints).await
            }
            Err(Error::Store(failure)) => Err(failure),
            Err(other) => {
                error!(%request, error = %other, "could not decide on a webhook message; its poll is made instead");
                self.polling.store_hints(&proven.hints).await
            }
        }
    }
}
