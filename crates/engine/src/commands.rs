//! Executes commands of patrons and staff.

use lending::{AgencyCode, Command, Request, RequestId};
use store::{NewRequestMessage, Stored};

use crate::commit::{Call, Cause};
use crate::engine::Engine;
use crate::error::Error;
use crate::replacing::AnotherLender;

impl Engine {
    /// Executes a command, if the request's state allows it.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`] with the reason if the state doesn't allow it; [`Error::UnknownRequest`]; failures of the
    /// store.
    pub async fn execute_command(&self, id: RequestId, command: &Command, actor: &str) -> Result<Request, Error> {
        self.execute_command_with_reason(id, command, actor, None).await
    }

    /// Executes a command, and records the person's own reason in the timeline.
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
        self.execute_command_on_version(id, command, actor, reason, None).await
    }

    /// Sends a message to the other libraries of a request, which these agencies then have to read.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`] once the patron's data is erased; [`Error::UnknownRequest`]; failures of the store.
    pub async fn send_message(
        &self,
        id: RequestId,
        message: &NewRequestMessage,
        readers: &[AgencyCode],
    ) -> Result<Stored, Error> {
        self.commits.add_message(id, message, readers).await
    }

    /// Executes a command if the request still has the version that the person has seen.
    ///
    /// # Errors
    ///
    /// [`Error::VersionChanged`] if it has another one; otherwise as [`Engine::execute_command`].
    pub async fn execute_command_on_version(
        &self,
        id: RequestId,
        command: &Command,
        actor: &str,
        reason: Option<&str>,
        version: Option<i64>,
    ) -> Result<Request, Error> {
        if let Command::NextSupplier { reason, copy } = command {
            let wanted =
                AnotherLender { reason: reason.clone(), copy: copy.clone(), version, ..AnotherLender::default() };
            return self.ask_another_lender(id, wanted, actor).await;
        }
        let call = Call { reason, version };
        Ok(self.commits.apply(id, &command.clone().into(), actor, &Cause::Person(call), None).await?.stored.request)
    }
}
