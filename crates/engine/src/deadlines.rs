//! Deadlines. Before the hub acts because the lender hasn't sent the item, it polls the lender: staff may have sent it
//! since the last poll. Cancelling the lender's hold finds that out too, but a poll before it saves the hold.

use lending::{Deadline, Observed, Request, Side, deadlines};
use runtime::saturating_add;
use store::Intent;
use tracing::debug;

use crate::commit::{Call, Cause};
use crate::engine::Engine;
use crate::error::Error;
use crate::rules::{deadline_end, latest_deadline_end};

/// Returns the side whose poll shows whether the awaited event has happened.
fn side_of(deadline: Deadline, request: &Request) -> Side {
    match deadline {
        Deadline::LenderAnswers
        | Deadline::NoLongerNeeded
        | Deadline::ItemReturns
        | Deadline::CopyReappears
        | Deadline::CopyReturns => Side::Lender,
        Deadline::ItemArrives => request.pickup_role(),
    }
}

impl Engine {
    /// Handles a deadline that is due. The awaited event may have happened without the hub's knowledge, and the open
    /// days may have changed since the deadline began.
    pub(crate) async fn do_deadline(&self, intent: &Intent, deadline: Deadline) -> Result<(), Error> {
        let stored = self.load(intent).await?;
        let request = &stored.request;
        let end = deadline_end(&self.runtime, request, deadline, intent.created_at).await?;
        if end > self.runtime.now() {
            return self.commits.postpone(intent, end, "the days on which it runs have changed").await;
        }
        match self.polling.poll_fully(request, side_of(deadline, request)).await {
            Ok(None) => {}
            Ok(Some(event)) => {
                let known = Some(stored.clone());
                let applied =
                    self.commits.apply(request.id, &event.into(), "hub", &Cause::Person(Call::default()), known).await;
                let seen = match applied {
                    Ok(applied) => applied.stored.request,
                    Err(outdated @ Error::Outdated) => {
                        return self.commits.postpone(intent, self.runtime.now(), &outdated.to_string()).await;
                    }
                    Err(failure) => return Err(failure),
                };
                if !deadlines(&seen).contains(&deadline) {
                    // The commit above removes the deadline, except while it is leased, as it is now.
                    return self.commits.drop_intent(intent, "it has happened").await;
                }
            }
            Err(not_done)
                if self.runtime.now() < latest_deadline_end(&self.runtime, request, deadline, end).await? =>
            {
                let due = saturating_add(self.runtime.now(), self.delay_after(intent, &not_done));
                return self.commits.postpone(intent, due, &not_done.to_string()).await;
            }
            Err(not_done) => debug!(request = %request.id, reason = %not_done, "a deadline passes without a poll"),
        }
        let applied = self.commit_outcome(intent, &Observed::DeadlinePassed { deadline }.into(), None).await?;
        self.commits.hand_over(applied);
        Ok(())
    }
}
