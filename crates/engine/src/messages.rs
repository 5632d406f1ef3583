//! Webhook messages: one that proves the expected change is decided on and stored in one unit, any other becomes hints.

use lending::InstitutionCode;
use polling::{Intake, ProvenMessage, WebhookError, WebhookResult};
use tracing::{debug, error};

use crate::commit::Cause;
use crate::engine::Engine;
use crate::error::Error;

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
            Ok(Intake::Ignored) => Ok(WebhookResult::Ignored),
            Ok(Intake::Hints(hints)) => Ok(self.polling.store_hints(&hints).await?),
            Ok(Intake::Proven(proven)) => Ok(self.decide_on_message(&proven).await?),
            Err(failure) => Err(failure),
        };
        if !matches!(received, Err(WebhookError::Store(_))) {
            guard.was_stored();
        }
        debug!(%institution, ?received, "webhook message");
        received
    }

    /// Decides on what a message proves. If the poll that waits for it is under way, or the change is not the expected
    /// one any more, the message is stored as a hint.
    async fn decide_on_message(&self, proven: &ProvenMessage) -> Result<WebhookResult, store::Error> {
        let request = proven.stored.request.id;
        let (event, known) = (proven.observed.clone().into(), Some(proven.stored.clone()));
        match self.commits.apply(request, &event, "hub", &Cause::Message(proven), known).await {
            Ok(applied) => {
                self.commits.hand_over(applied);
                self.polling.proven_message_stored(proven).await?;
                Ok(WebhookResult::Accepted(1))
            }
            Err(Error::Store(store::Error::Duplicate)) => Ok(WebhookResult::Duplicate),
            Err(Error::Store(store::Error::PollBusy | store::Error::Conflict)) => {
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
