//! Deadlines. Before the hub acts on an item's not having been sent, it polls the lender: the book may have been put into the van since
//! the last poll. Cancelling the lender's hold finds that out too, but a poll before it saves the hold.

use lending::{Deadline, Observed, Request, Side, deadlines};
use runtime::saturating_add;
use store::Intent;
use tracing::debug;

use crate::commit::IntentDisposition;
use crate::engine::Engine;
use crate::error::Error;
use crate::rules::{deadline_end, latest_deadline_end};

/// Which side says whether what a deadline is for has happened.
fn side_of(deadline: Deadline, request: &Request) -> Side {
    match deadline {
        Deadline::LenderAnswers | Deadline::NoLongerNeeded | Deadline::ItemReturns => Side::Lender,
        Deadline::ItemArrives => request.pickup_role(),
    }
}

impl Engine {
    /// A deadline has come. What it is for may have happened without having been seen yet, and the days on which it doesn't
    /// run may have changed since it began.
    pub(crate) async fn do_deadline(&self, intent: &Intent, deadline: Deadline) -> Result<(), Error> {
        let request = self.load(intent).await?;
        let end = deadline_end(&self.runtime, &request, deadline, intent.created_at).await?;
        if end > self.runtime.now() {
            return self.commits.postpone(intent, end, "the days on which it runs have changed").await;
        }
        match self.polling.poll_fully(&request, side_of(deadline, &request)).await {
            Ok(None) => {}
            Ok(Some(event)) => {
                let seen = self
                    .commits
                    .apply(request.id, &event.into(), "hub", &IntentDisposition::NoIntent(None))
                    .await?
                    .request;
                if !deadlines(&seen).contains(&deadline) {
                    // It was taken away with what it was for, unless it is leased, as it is now.
                    return self.commits.drop_intent(intent, "it has happened").await;
                }
            }
            Err(not_done)
                if self.runtime.now() < latest_deadline_end(&self.runtime, &request, deadline, end).await? =>
            {
                let due = saturating_add(self.runtime.now(), self.delay_after(intent, &not_done));
                return self.commits.postpone(intent, due, &not_done.to_string()).await;
            }
            Err(not_done) => debug!(request = %request.id, reason = %not_done, "a deadline passes without a poll"),
        }
        self.commit_outcome(intent, &Observed::DeadlinePassed { deadline }.into()).await.map(drop)
    }
}
