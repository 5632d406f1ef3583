//! Commands: what people order.

use lending::{Command, Request, RequestId};

use crate::commit::IntentDisposition;
use crate::engine::Engine;
use crate::error::Error;
use crate::replacing::AnotherLender;

impl Engine {
    /// Does what a person asks for, as far as the request's state allows.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`] where it doesn't, with the reason; no such request; the store's failures.
    pub async fn execute_command(&self, id: RequestId, command: &Command, actor: &str) -> Result<Request, Error> {
        self.execute_command_with_reason(id, command, actor, None).await
    }

    /// The same, with the reason in that person's words, for the timeline.
    ///
    /// # Errors
    ///
    /// As [`Engine::execute_command`].
    pub async fn execute_command_with_reason(
        &self,
        id: RequestId,
        command: &Command,
        actor: &str,
        reason: Option<&str>,
    ) -> Result<Request, Error> {
        if let Command::NextSupplier { reason, copy } = command {
            let wanted = AnotherLender { reason: reason.clone(), copy: copy.clone(), confirm_no_candidate: false };
            return self.ask_another_lender(id, wanted, actor).await;
        }
        Ok(self.commits.apply(id, &command.clone().into(), actor, &IntentDisposition::NoIntent(reason)).await?.request)
    }
}
