//! What people ask for, and deadlines. Before the hub acts on an item's not having been sent, it makes sure that this is still
//! so: the book may have been put into the van since the lender was polled last. Cancelling the lender's hold finds that
//! out by itself; a poll before it saves the hold.

use jiff::SignedDuration;
use lending::{Deadline, Event, Request, RequestId, Side, deadlines};
use lms::Priority;
use store::Intent;
use tracing::debug;

use crate::clock::saturating_add;
use crate::commit::IntentDisposition;
use crate::engine::Engine;
use crate::error::Error;
use crate::poll;
use crate::replacing::AnotherLender;

/// For how long a deadline waits for a library that can't be polled.
const MAX_POLL_DELAY: SignedDuration = SignedDuration::from_hours(24);

/// Which side says whether what a deadline is for has happened.
fn side_of(deadline: Deadline, request: &Request) -> Side {
    match deadline {
        Deadline::LenderAnswers | Deadline::NoLongerNeeded | Deadline::ItemReturns => Side::Lender,
        Deadline::ItemArrives => request.pickup_role(),
    }
}

impl Engine {
    /// Does what a person asks for, as far as the request's state allows.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`] where it doesn't, with the reason; no such request; the store's failures.
    pub async fn execute_command(&self, id: RequestId, asked: &Event, actor: &str) -> Result<Request, Error> {
        self.execute_command_with_reason(id, asked, actor, None).await
    }

    /// The same, with the reason in that person's words, for the timeline.
    ///
    /// # Errors
    ///
    /// As [`Engine::ask`].
    pub async fn execute_command_with_reason(
        &self,
        id: RequestId,
        asked: &Event,
        actor: &str,
        reason: Option<&str>,
    ) -> Result<Request, Error> {
        if let Event::NextSupplierRequested { reason, copy } = asked {
            let wanted = AnotherLender { reason: reason.clone(), copy: copy.clone(), confirm_no_candidate: false };
            return self.ask_another_lender(id, wanted, actor).await;
        }
        Ok(self.apply(id, asked, actor, &IntentDisposition::NoIntent(reason)).await?.request)
    }

    /// All there is to see at a side, whatever was seen before.
    pub(crate) async fn final_poll(&self, request: &Request, side: Side) -> lms::Result<Option<Event>> {
        let (Some(target), Some(institution)) = (poll::poll_target(request, side), request.institution(side)) else {
            return Ok(None);
        };
        let settings = self.breakers.admit(institution, self.clock.now())?;
        let lms = self.registry.get(institution).await?;
        let seen = Priority::Circulation.scope(poll::poll_side(lms.as_ref(), request, target, false, None)).await;
        self.record_outcome(institution, settings, seen).await
    }

    /// A deadline has come. What it is for may have happened without having been seen yet, and the days on which it doesn't
    /// run may have changed since it began.
    pub(crate) async fn do_deadline(&self, intent: &Intent, deadline: Deadline) -> Result<(), Error> {
        let request = self.load(intent).await?;
        let end = self.deadline_end(&request, deadline, intent.created_at).await?;
        if end > self.clock.now() {
            return self.postpone(intent, end, "the days on which it runs have changed").await;
        }
        match self.final_poll(&request, side_of(deadline, &request)).await {
            Ok(None) => {}
            Ok(Some(event)) => {
                let seen = self.apply(request.id, &event, "hub", &IntentDisposition::NoIntent(None)).await?.request;
                if !deadlines(&seen).contains(&deadline) {
                    // It was taken away with what it was for, unless it is leased, as it is now.
                    return self.drop_intent(intent, "it has happened").await;
                }
            }
            Err(not_done) if self.clock.now().duration_since(end) < MAX_POLL_DELAY => {
                let due = saturating_add(self.clock.now(), self.delay_after(intent, &not_done));
                return self.postpone(intent, due, &not_done.to_string()).await;
            }
            Err(not_done) => debug!(request = %request.id, reason = %not_done, "a deadline passes without a poll"),
        }
        self.commit_outcome(intent, &Event::DeadlinePassed { deadline }).await.map(drop)
    }
}
