//! Turns an event into a stored decision: request, audit, the intent's result and the next intent in one transaction.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lending::{Action, Command, Decision, Effect, Event, InstitutionCode, Request, RequestId, Side, deadlines, decide};
use polling::{Plan, Polling};
use runtime::{Runtime, saturating_add};
use store::{Intent, NOTHING_NEW, NewIntent, NodeEvent, Stored, Tx, Work};
use tokio::sync::broadcast;

use crate::audit::audit;
use crate::changes::Change;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::rules::{deadline_end, within_limits};

/// The treatment of the intent that led to the event.
#[derive(Debug)]
pub(crate) enum IntentDisposition<'a> {
    /// No intent led to it: a person gave a command, for this reason.
    NoIntent(Option<&'a str>),
    /// The intent is done.
    Finished(&'a Intent),
    /// The intent is retried.
    Postponed { intent: &'a Intent, due: Timestamp, unclear: bool, reason: &'a str },
    /// A poll has failed and is retried.
    PollFailed { intent: &'a Intent, due: Timestamp, reason: &'a str },
}

impl IntentDisposition<'_> {
    fn reason(&self) -> Option<&str> {
        match self {
            Self::NoIntent(reason) => *reason,
            Self::Finished(_) | Self::Postponed { .. } | Self::PollFailed { .. } => None,
        }
    }

    /// Returns when the intent is retried, if it is.
    fn retry_due(&self) -> Option<Timestamp> {
        match self {
            Self::Postponed { due, .. } | Self::PollFailed { due, .. } => Some(*due),
            Self::NoIntent(_) | Self::Finished(_) => None,
        }
    }

    /// Returns whether an effect has just been done at the institution.
    fn continues_at(&self, institution: &InstitutionCode) -> bool {
        match self {
            Self::Finished(intent) => matches!(intent.work, Work::Effect(_)) && intent.institution == *institution,
            Self::NoIntent(_) | Self::Postponed { .. } | Self::PollFailed { .. } => false,
        }
    }
}

/// The change of an intent without an event.
#[derive(Clone, Copy)]
enum IntentChange {
    Finished,
    Postponed(Timestamp),
    FailedPoll(Timestamp),
}

/// The committed result of a decision.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The request as it is now.
    pub(crate) request: Request,
    /// The next effect, if the worker of the last one is to do it too.
    pub(crate) next: Option<Intent>,
}

/// Turns events into stored decisions. It depends on the store, the poll schedule and the clock, not on the whole
/// engine.
#[derive(Debug)]
pub(crate) struct Commits {
    runtime: Arc<Runtime>,
    polling: Arc<Polling>,
    metrics: Arc<Metrics>,
    changes: broadcast::Sender<Change>,
    lease: Duration,
}

impl Commits {
    /// Creates it for a node's store. `lease` is the time for which the next effect is leased to the worker of the last
    /// one.
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        polling: Arc<Polling>,
        metrics: Arc<Metrics>,
        changes: broadcast::Sender<Change>,
        lease: Duration,
    ) -> Self {
        Self { runtime, polling, metrics, changes, lease }
    }

    /// Decides on `event` and commits the decision.
    pub(crate) async fn apply(
        &self,
        id: RequestId,
        event: &Event,
        actor: &str,
        disposition: &IntentDisposition<'_>,
    ) -> Result<Applied, Error> {
        // These reads come first: a transaction that waits for another connection would delay other transactions.
        self.polling.refresh().await?;
        self.runtime.refresh_rules().await?;
        self.runtime.retry_transaction(|| self.try_to_apply(id, event, actor, disposition)).await
    }

    async fn try_to_apply(
        &self,
        id: RequestId,
        event: &Event,
        actor: &str,
        disposition: &IntentDisposition<'_>,
    ) -> Result<Applied, Error> {
        let now = self.runtime.now();
        let mut tx = self.runtime.store().begin().await?;
        let stored = tx.request(id).await?.ok_or(Error::UnknownRequest(id))?;
        if let Event::Command(command) = event {
            check_command(&mut tx, &stored.request, command).await?;
        }
        let event = &within_limits(&self.runtime, &mut tx, &stored.request, event).await?;
        let decision = decide(&stored.request, event, now);
        let unchanged = decision.is_unchanged(&stored.request);
        let new_hints = hints_since_claim(&mut tx, disposition).await?;
        self.settle_intent(&mut tx, &stored.request, disposition, event, unchanged, now).await?;
        if unchanged {
            tx.commit().await?;
            // A message about the request may have arrived in the meantime.
            self.runtime.wake();
            return Ok(Applied { request: decision.next, next: None });
        }
        let version = self.write(&mut tx, &stored, &decision, event, (actor, disposition.reason()), now).await?;
        let (next, mut due) = self.queue(&mut tx, &decision.next, decision.effect, disposition, now).await?;
        if let Some((side, hints)) = new_hints {
            tx.add_hint(id, side, &hints, now, now).await?;
            due = now;
        }
        tx.commit().await?;
        self.publish_change(&decision, version);
        self.runtime.wake_for(disposition.retry_due().map_or(due, |retry| due.min(retry)));
        if let IntentDisposition::Finished(intent) = disposition {
            self.metrics.committed(intent, self.runtime.now());
            let reached = decision.transitions.first().map(|step| step.to);
            self.polling.change_committed(intent, &stored.request, event, reached).await;
        }
        Ok(Applied { request: decision.next, next })
    }

    /// Finishes or reschedules the intent that brought the event.
    async fn settle_intent(
        &self,
        tx: &mut Tx,
        request: &Request,
        disposition: &IntentDisposition<'_>,
        event: &Event,
        unchanged: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        match disposition {
            IntentDisposition::NoIntent(_) => {}
            IntentDisposition::Finished(intent @ Intent { work: Work::Poll(side), .. }) if unchanged => {
                let due = self.polling.next_poll(request, *side, intent.attempts, intent.on_list).await?;
                tx.postpone_intent(intent, due, false, NOTHING_NEW, now).await?;
            }
            IntentDisposition::Finished(intent) => tx.finish_intent(intent, event.name(), now).await?,
            IntentDisposition::Postponed { intent, due, unclear, reason } => {
                tx.postpone_intent(intent, *due, *unclear, reason, now).await?;
            }
            IntentDisposition::PollFailed { intent, due, reason } => {
                tx.postpone_failed_poll(intent, *due, reason, now).await?;
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        tx: &mut Tx,
        stored: &Stored,
        decision: &Decision,
        event: &Event,
        (actor, reason): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<i64, Error> {
        let version = tx.save_request(&decision.next, stored.version, now).await?;
        let mut rows = audit(&stored.request, decision, event, actor, now);
        if let (Some(first), Some(reason)) = (rows.first_mut(), reason) {
            first.note = Some(first.note.take().map_or_else(|| reason.to_owned(), |note| format!("{note} {reason}")));
        }
        tx.append_audit(decision.next.id, &rows).await?;
        let (request, status) = (decision.next.id, decision.next.status);
        tx.notify(self.runtime.node(), &NodeEvent::RequestChanged { request, version, status });
        Ok(version)
    }

    /// Queues the next effect, and the polls for the status. If the next effect is at the institution of the effect
    /// that was just done, it is leased to the same worker, which already has a place there. Returns the leased intent
    /// and the time at which the first of the others is due.
    pub(crate) async fn queue(
        &self,
        tx: &mut Tx,
        next: &Request,
        effect: Option<Effect>,
        disposition: &IntentDisposition<'_>,
        now: Timestamp,
    ) -> Result<(Option<Intent>, Timestamp), Error> {
        let (mut leased, mut first) = (None, Timestamp::MAX);
        if let Some(effect) = effect
            && let Some(institution) = next.institution_for(effect)
        {
            let intent = NewIntent {
                id: self.runtime.ids().uuid(now),
                request: next.id,
                work: Work::Effect(effect),
                institution: institution.clone(),
                due_at: now,
                on_list: None,
            };
            if disposition.continues_at(institution) && !self.runtime.is_stopping() {
                let until = saturating_add(now, self.lease);
                leased = Some(tx.add_leased_intent(&intent, self.runtime.node(), until, now).await?);
            } else {
                tx.add_intent(&intent, now).await?;
                first = now;
            }
        }
        let Plan { mut polls, lists } = self.polling.plan(next).await?;
        for deadline in deadlines(next) {
            polls.push(NewIntent {
                id: self.runtime.ids().uuid(now),
                request: next.id,
                work: Work::Deadline(deadline),
                institution: next.patron.institution.clone(),
                due_at: deadline_end(&self.runtime, next, deadline, now).await?,
                on_list: None,
            });
        }
        tx.set_scheduled(next.id, &polls, now).await?;
        for list in &lists {
            tx.add_batch_poll(list, now).await?;
        }
        let dues = polls.iter().map(|intent| intent.due_at).chain(lists.iter().map(|list| list.due_at));
        Ok((leased, dues.fold(first, Timestamp::min)))
    }

    /// Ends an intent that has nothing left to do.
    pub(crate) async fn drop_intent(&self, intent: &Intent, reason: &str) -> Result<(), Error> {
        self.change_intent(intent, IntentChange::Finished, reason).await
    }

    /// Makes an intent due later.
    pub(crate) async fn postpone(&self, intent: &Intent, due: Timestamp, reason: &str) -> Result<(), Error> {
        self.change_intent(intent, IntentChange::Postponed(due), reason).await
    }

    /// Makes a failed poll due later.
    pub(crate) async fn postpone_failed_poll(
        &self,
        intent: &Intent,
        due: Timestamp,
        reason: &str,
    ) -> Result<(), Error> {
        self.change_intent(intent, IntentChange::FailedPoll(due), reason).await
    }

    async fn change_intent(&self, intent: &Intent, change: IntentChange, reason: &str) -> Result<(), Error> {
        self.runtime
            .retry_transaction(async || {
                let mut tx = self.runtime.store().begin().await?;
                let now = self.runtime.now();
                match change {
                    IntentChange::Finished => tx.finish_intent(intent, reason, now).await?,
                    IntentChange::Postponed(due) => tx.postpone_intent(intent, due, false, reason, now).await?,
                    IntentChange::FailedPoll(due) => tx.postpone_failed_poll(intent, due, reason, now).await?,
                }
                tx.commit().await
            })
            .await?;
        // A message about the request may have arrived in the meantime.
        self.runtime.wake();
        Ok(())
    }

    /// Publishes the change to callers that wait for the request.
    pub(crate) fn publish_change(&self, decision: &Decision, version: i64) {
        let next = &decision.next;
        // Sending fails if nobody listens, which is no fault.
        let _ = self.changes.send(Change { request: next.id, version, status: next.status });
    }
}

/// Checks that the command is possible now.
async fn check_command(tx: &mut Tx, request: &Request, command: &Command) -> Result<(), Error> {
    let action = command.action().ok_or(Error::NotAllowed("The request is placed already."))?;
    request.may(action).map_err(Error::NotAllowed)?;
    if action == Action::Undo && !tx.effect_never_claimed(request.id).await? {
        return Err(Error::NotAllowed("It can't be taken back any more: what followed from it was sent."));
    }
    Ok(())
}

/// Returns the hints that arrived during the poll that has just finished, and the side that it polled.
async fn hints_since_claim(tx: &mut Tx, disposition: &IntentDisposition<'_>) -> Result<Option<(Side, String)>, Error> {
    match disposition {
        IntentDisposition::Finished(intent @ Intent { work: Work::Poll(side), .. }) => {
            Ok(tx.hints_since_claim(intent).await?.map(|hints| (*side, hints)))
        }
        IntentDisposition::Finished(_)
        | IntentDisposition::NoIntent(_)
        | IntentDisposition::Postponed { .. }
        | IntentDisposition::PollFailed { .. } => Ok(None),
    }
}
