//! Turns an event into a stored decision: request, audit, the intent's result and the next intent in one transaction.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lending::{
    Action, AgencyCode, Command, Deadline, Decision, Effect, EffectResult, Event, InstitutionCode, Observed, PatronId,
    Request, RequestId, Side, deadlines, decide, has_same_records, poll_targets,
};
use parking_lot::Mutex;
use polling::{Plan, Polling, ProvenMessage};
use runtime::{Runtime, saturating_add};
use store::{AuditEntry, Intent, NOTHING_NEW, NewIntent, NewRequestMessage, NodeEvent, Stored, Unit, Work};
use tokio::sync::{broadcast, mpsc};

use crate::audit::audit;
use crate::changes::Change;
use crate::error::Error;
use crate::events::{insert_event, insert_message_event};
use crate::load::{Load, Place};
use crate::metrics::Metrics;
use crate::rules::{deadline_end, with_local_times, within_limits};

/// The number of locks that patrons share.
const PATRON_LOCKS: usize = 64;

/// The circumstances of a person's command.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Call<'a> {
    /// The person's reason.
    pub(crate) reason: Option<&'a str>,
    /// The version of the request that the person has seen. If the request has another one, nothing is done.
    pub(crate) version: Option<i64>,
}

/// What led to the event, and what becomes of it.
#[derive(Debug)]
pub(crate) enum Cause<'a> {
    /// A person gave a command.
    Person(Call<'a>),
    /// A webhook message proves it. The message is stored with the decision.
    Message(&'a ProvenMessage),
    /// The intent is done.
    Finished(&'a Intent),
    /// The intent is retried.
    Postponed { intent: &'a Intent, due: Timestamp, unclear: bool, reason: &'a str },
    /// A poll has failed and is retried.
    PollFailed { intent: &'a Intent, due: Timestamp, reason: &'a str },
}

impl Cause<'_> {
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Person(call) => call.reason,
            Self::Message(_) | Self::Finished(_) | Self::Postponed { .. } | Self::PollFailed { .. } => None,
        }
    }

    /// Returns the version that the request must have, if only one will do.
    fn expected_version(&self) -> Option<i64> {
        match self {
            Self::Person(call) => call.version,
            Self::Message(_) | Self::Finished(_) | Self::Postponed { .. } | Self::PollFailed { .. } => None,
        }
    }

    /// Returns when the intent is retried, if it is.
    fn retry_due(&self) -> Option<Timestamp> {
        match self {
            Self::Postponed { due, .. } | Self::PollFailed { due, .. } => Some(*due),
            Self::Person(_) | Self::Message(_) | Self::Finished(_) => None,
        }
    }

    /// Returns the institution of the effect that was just done, which has a place for another.
    fn place_at(&self) -> Option<&InstitutionCode> {
        match self {
            Self::Finished(intent) if matches!(intent.work, Work::Effect(_)) => Some(&intent.institution),
            Self::Finished(_)
            | Self::Person(_)
            | Self::Message(_)
            | Self::Postponed { .. }
            | Self::PollFailed { .. } => None,
        }
    }

    /// Returns the side whose poll ends with this.
    fn polled_side(&self) -> Option<Side> {
        match self {
            Self::Finished(Intent { work: Work::Poll(side), .. }) => Some(*side),
            Self::Message(proven) => Some(proven.side),
            Self::Finished(_) | Self::Person(_) | Self::Postponed { .. } | Self::PollFailed { .. } => None,
        }
    }

    /// Returns the deadline that ends with this.
    fn passed_deadline(&self) -> Option<Deadline> {
        match self {
            Self::Finished(Intent { work: Work::Deadline(deadline), .. }) => Some(*deadline),
            Self::Finished(_)
            | Self::Message(_)
            | Self::Person(_)
            | Self::Postponed { .. }
            | Self::PollFailed { .. } => None,
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

/// The next effect, under lease by this node.
#[derive(Debug)]
pub(crate) struct NextEffect {
    pub(crate) intent: Intent,
    /// A place at its institution; none if the last effect's place is there too.
    pub(crate) place: Option<Place>,
}

/// The committed result of a decision.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The request as it is stored now.
    pub(crate) stored: Stored,
    /// The next effect, if this node is to do it at once.
    pub(crate) next: Option<NextEffect>,
}

/// An effect that this node has under lease, with the request as it was stored with it.
#[derive(Debug)]
pub(crate) struct HandedOver {
    pub(crate) intent: Intent,
    pub(crate) stored: Stored,
    pub(crate) place: Place,
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
    active_effects: Arc<Load>,
    handed_over: mpsc::UnboundedSender<HandedOver>,
    /// Locks for patrons, by a hash of the patron.
    patrons: [tokio::sync::Mutex<()>; PATRON_LOCKS],
}

impl Commits {
    /// Creates it for a node's store. `lease` is the time for which the next effect is leased to this node. Effects that
    /// follow from no other effect are handed over to the node's workers.
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        polling: Arc<Polling>,
        metrics: Arc<Metrics>,
        changes: broadcast::Sender<Change>,
        lease: Duration,
        active_effects: Arc<Load>,
        handed_over: mpsc::UnboundedSender<HandedOver>,
    ) -> Self {
        let patrons = [const { tokio::sync::Mutex::const_new(()) }; PATRON_LOCKS];
        Self { runtime, polling, metrics, changes, lease, active_effects, handed_over, patrons }
    }

    /// Decides on `event` and commits the decision. `known` is the request as the caller has read it: if it has changed
    /// since, it is read again.
    ///
    /// # Errors
    ///
    /// [`Error::Outdated`] if the event is an observation, and the change was one of the records observed;
    /// [`Error::VersionChanged`] if the caller has seen another version.
    pub(crate) async fn apply(
        &self,
        id: RequestId,
        event: &Event,
        actor: &str,
        cause: &Cause<'_>,
        known: Option<Stored>,
    ) -> Result<Applied, Error> {
        let _alone = self.alone_with_patron(event).await;
        let observed = match (event, &known) {
            (Event::Observed(Observed::Seen { side, .. }), Some(known)) => Some((*side, known.request.clone())),
            _ => None,
        };
        let known = Mutex::new(known);
        let applied = self
            .runtime
            .retry_transaction(async || {
                let known = known.lock().take();
                let stored = match known {
                    Some(stored) => stored,
                    None => self.runtime.store().request(id).await?.ok_or(Error::UnknownRequest(id))?,
                };
                if cause.expected_version().is_some_and(|version| version != stored.version) {
                    return Err(Error::VersionChanged);
                }
                if observed.as_ref().is_some_and(|(side, earlier)| !has_same_records(&stored.request, earlier, *side)) {
                    return Err(Error::Outdated);
                }
                // On the heap, since it is large and would be copied into the future of every caller.
                Box::pin(self.try_to_apply(stored, event, actor, cause)).await
            })
            .await;
        match applied {
            Err(Error::Store(store::Error::EffectClaimed)) => {
                Err(Error::NotAllowed("It can't be taken back any more: what followed from it was sent."))
            }
            other => other,
        }
    }

    /// Waits until this node decides on no other verification of the same patron. Each rests on the patron's open requests:
    /// of many at the same time all but one would fail, and be decided on again.
    async fn alone_with_patron(&self, event: &Event) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let Event::EffectResult(EffectResult::PatronVerified(verified)) = event else { return None };
        let mut hasher = DefaultHasher::new();
        verified.id.as_str().hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % PATRON_LOCKS as u64).unwrap_or_default();
        Some(self.patrons[slot].lock().await)
    }

    async fn try_to_apply(
        &self,
        before: Stored,
        event: &Event,
        actor: &str,
        cause: &Cause<'_>,
    ) -> Result<Applied, Error> {
        let now = self.runtime.now();
        let mut unit = self.runtime.store().unit();
        if let Event::Command(command) = event {
            check_command(&mut unit, &before.request, command)?;
        }
        let event = within_limits(&self.runtime, &mut unit, &before.request, event).await?;
        let event = &with_local_times(&self.runtime, &before.request, event).await?;
        let decision = decide(&before.request, event, now);
        if decision.is_unchanged(&before.request) {
            return self.commit_unchanged(unit, before, event, cause, now).await;
        }
        let stored = self.save(&mut unit, &before, &decision, event, (actor, cause.reason()), now)?;
        insert_event(&self.runtime, &mut unit, Some(&before.request), &stored, now).await?;
        settle(&mut unit, cause, event, now);
        let (next, due) = self.queue(&mut unit, Some(&before.request), &decision, cause, now).await?;
        self.runtime.store().commit(unit).await?;
        self.publish_change(&decision, stored.version);
        self.after_commit(&before.request, &decision, event, cause, due).await;
        Ok(Applied { stored, next })
    }

    /// Commits that the event changes nothing: a poll is made again later, and anything else is done.
    async fn commit_unchanged(
        &self,
        mut unit: Unit,
        stored: Stored,
        event: &Event,
        cause: &Cause<'_>,
        now: Timestamp,
    ) -> Result<Applied, Error> {
        match cause {
            Cause::Finished(intent @ Intent { work: Work::Poll(side), .. }) => {
                let due = self.polling.next_poll(&stored.request, *side, intent.attempts, intent.on_list).await?;
                unit.postpone_intent(intent, due, false, NOTHING_NEW, now);
            }
            Cause::Finished(intent) => {
                unit.expect_unchanged(&stored);
                unit.finish_intent(intent, event.name(), now);
            }
            Cause::Message(_) | Cause::Person(_) | Cause::Postponed { .. } | Cause::PollFailed { .. } => {
                settle(&mut unit, cause, event, now);
            }
        }
        self.runtime.store().commit(unit).await?;
        // A message about the request may have arrived in the meantime.
        self.runtime.wake();
        Ok(Applied { stored, next: None })
    }

    fn save(
        &self,
        unit: &mut Unit,
        before: &Stored,
        decision: &Decision,
        event: &Event,
        (actor, reason): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<Stored, Error> {
        let mut rows = audit(&before.request, decision, event, actor, now);
        if let (Some(first), Some(reason)) = (rows.first_mut(), reason) {
            first.note = Some(first.note.take().map_or_else(|| reason.to_owned(), |note| format!("{note} {reason}")));
        }
        let stored = unit.save_request(before, &decision.next, &rows, now)?;
        if let Event::EffectResult(EffectResult::VirtualPatronReady { side, id }) = event {
            note_virtual_patron(unit, &before.request, *side, id, now)?;
        }
        let (request, status, version) = (decision.next.id, decision.next.status, stored.version);
        unit.notify(self.runtime.node(), &NodeEvent::RequestChanged { request, version, status });
        Ok(stored)
    }

    /// Stores a new request with its first effect and the first entry of its audit.
    pub(crate) async fn place(&self, decision: &Decision, accepted: AuditEntry, now: Timestamp) -> Result<(), Error> {
        let applied = self
            .runtime
            .retry_transaction(async || {
                let mut unit = self.runtime.store().unit();
                let entries = std::slice::from_ref(&accepted);
                let stored = unit.insert_request(&decision.next, entries, now)?;
                insert_event(&self.runtime, &mut unit, None, &stored, now).await?;
                let (next, _) = self.queue(&mut unit, None, decision, &Cause::Person(Call::default()), now).await?;
                self.runtime.store().commit(unit).await?;
                Ok::<_, Error>(Applied { stored, next })
            })
            .await?;
        self.publish_change(decision, 1);
        self.hand_over(applied);
        self.runtime.wake();
        Ok(())
    }

    /// Stores a message between the libraries of a request, with the entry of its audit and the event.
    pub(crate) async fn add_message(
        &self,
        id: RequestId,
        message: &NewRequestMessage,
        readers: &[AgencyCode],
    ) -> Result<Stored, Error> {
        let saved = self
            .runtime
            .retry_transaction(async || {
                let before = self.runtime.store().request(id).await?.ok_or(Error::UnknownRequest(id))?;
                if before.request.anonymised_at.is_some() {
                    return Err(Error::NotAllowed(
                        "The patron's data is erased, and nothing is written about the request any more.",
                    ));
                }
                let (now, mut unit) = (self.runtime.now(), self.runtime.store().unit());
                let stored =
                    unit.save_request(&before, &before.request, &[message_entry(id, message, readers, now)], now)?;
                unit.insert_request_message(&stored, message, readers, now)?;
                insert_message_event(&self.runtime, &mut unit, &stored, now).await?;
                let (version, status) = (stored.version, stored.request.status);
                unit.notify(self.runtime.node(), &NodeEvent::RequestChanged { request: id, version, status });
                self.runtime.store().commit(unit).await?;
                Ok::<_, Error>(stored)
            })
            .await?;
        let Stored { request, version, .. } = &saved;
        // Sending fails if nobody listens, which is no fault.
        let _ = self.changes.send(Change { request: request.id, version: *version, status: request.status });
        Ok(saved)
    }

    /// Gives the next effect to the node's workers, where no worker is doing one already.
    pub(crate) fn hand_over(&self, applied: Applied) {
        let Applied { stored, next } = applied;
        if let Some(NextEffect { intent, place }) = next {
            let place = place.unwrap_or_else(|| self.active_effects.occupy(&intent.institution));
            // If the node has no workers any more, the lease runs out and another node does it.
            let _ = self.handed_over.send(HandedOver { intent, stored, place });
        }
    }

    /// Queues the next effect, and the polls and deadlines that are new. The next effect is leased to this node, if it
    /// has room for it at the effect's institution. Returns the leased effect and the time at which the first of the
    /// others is due. `before` is the request as it was; none for a new one.
    async fn queue(
        &self,
        unit: &mut Unit,
        before: Option<&Request>,
        decision: &Decision,
        cause: &Cause<'_>,
        now: Timestamp,
    ) -> Result<(Option<NextEffect>, Timestamp), Error> {
        let next = &decision.next;
        let (leased, mut first) = self.queue_effect(unit, next, decision.effect, cause, before.is_none(), now);
        end_polls_elsewhere(unit, before, next, cause);
        let Plan { polls, lists, unchanged } = self.polling.plan(before, next).await?;
        for poll in &polls {
            let Work::Poll(side) = poll.work else { continue };
            first = first.min(poll.due_at);
            match cause {
                Cause::Finished(made) if is_still(made, poll, side) => unit.restart_poll(made, poll, now),
                Cause::Message(proven) if proven.side == side => unit.replace_poll(next.id, side, Some(poll), now),
                Cause::Finished(made) if made.work == Work::Poll(side) => {
                    unit.finish_intent(made, "seen", now);
                    unit.ensure_poll(poll, now);
                }
                // It is queued since an earlier decision.
                _ if unchanged.contains(&side) => {}
                _ => unit.ensure_poll(poll, now),
            }
        }
        self.end_polls(unit, before, next, cause, &polls, now);
        for list in &lists {
            first = first.min(list.due_at);
            unit.add_batch_poll(list, now);
        }
        first = first.min(self.queue_deadlines(unit, before, next, cause, now).await?);
        Ok((leased, first))
    }

    fn queue_effect(
        &self,
        unit: &mut Unit,
        next: &Request,
        effect: Option<Effect>,
        cause: &Cause<'_>,
        is_new: bool,
        now: Timestamp,
    ) -> (Option<NextEffect>, Timestamp) {
        let Some((effect, institution)) = effect.and_then(|effect| Some((effect, next.institution_for(effect)?)))
        else {
            return (None, Timestamp::MAX);
        };
        let intent = NewIntent {
            id: self.runtime.ids().uuid(now),
            request: next.id,
            work: Work::Effect(effect),
            institution: institution.clone(),
            due_at: now,
            on_list: None,
        };
        // The worker of the last effect has a place at its institution. What a person began waits for a claim, so that
        // they can take it back until then.
        let has_place = cause.place_at() == Some(institution);
        let may_begin = !has_place && !matches!(cause, Cause::Person(_)) || is_new;
        let place = if may_begin { self.active_effects.reserve(institution) } else { None };
        if (has_place || place.is_some()) && !self.runtime.is_stopping() {
            let until = saturating_add(now, self.lease);
            let intent = unit.add_leased_intent(&intent, self.runtime.node(), until, now);
            return (Some(NextEffect { intent, place }), Timestamp::MAX);
        }
        unit.add_intent(&intent, now);
        unit.notify(self.runtime.node(), &NodeEvent::WorkAvailable);
        (None, now)
    }

    /// Takes away the polls of sides that are not polled any more.
    fn end_polls(
        &self,
        unit: &mut Unit,
        before: Option<&Request>,
        next: &Request,
        cause: &Cause<'_>,
        polls: &[NewIntent],
        now: Timestamp,
    ) {
        let is_wanted = |side: Side| polls.iter().any(|poll| poll.work == Work::Poll(side));
        if let Some(side) = cause.polled_side().filter(|side| !is_wanted(*side)) {
            match cause {
                Cause::Message(_) => unit.replace_poll(next.id, side, None, now),
                Cause::Finished(made) => unit.finish_intent(made, "seen", now),
                Cause::Person(_) | Cause::Postponed { .. } | Cause::PollFailed { .. } => {}
            }
        }
        for target in before.map(poll_targets).unwrap_or_default() {
            if !is_wanted(target.side) && cause.polled_side() != Some(target.side) {
                unit.remove_poll(next.id, target.side, now);
            }
        }
    }

    /// Queues deadlines that are new, and takes away those that are over. Returns when the first of the new ones ends.
    async fn queue_deadlines(
        &self,
        unit: &mut Unit,
        before: Option<&Request>,
        next: &Request,
        cause: &Cause<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, Error> {
        let (was, is) = (before.map(deadlines).unwrap_or_default(), deadlines(next));
        let passed = cause.passed_deadline();
        let mut new = Vec::new();
        for deadline in is.iter().copied().filter(|deadline| !was.contains(deadline) || passed == Some(*deadline)) {
            new.push(NewIntent {
                id: self.runtime.ids().uuid(now),
                request: next.id,
                work: Work::Deadline(deadline),
                institution: next.patron.institution.clone(),
                due_at: deadline_end(&self.runtime, next, deadline, now).await?,
                on_list: None,
            });
        }
        let over: Vec<Deadline> = was.into_iter().filter(|deadline| !is.contains(deadline)).collect();
        unit.change_deadlines(next.id, &new, &over, now);
        Ok(new.iter().map(|intent| intent.due_at).fold(Timestamp::MAX, Timestamp::min))
    }

    async fn after_commit(
        &self,
        before: &Request,
        decision: &Decision,
        event: &Event,
        cause: &Cause<'_>,
        due: Timestamp,
    ) {
        self.runtime.wake_for(cause.retry_due().map_or(due, |retry| due.min(retry)));
        match cause {
            Cause::Finished(intent) => {
                self.metrics.committed(intent, self.runtime.now());
                if matches!(intent.work, Work::Poll(_)) {
                    // A message about the request may have arrived in the meantime.
                    self.runtime.wake();
                }
                let reached = decision.transitions.first().map(|step| step.to);
                self.polling.change_committed(intent, before, event, reached).await;
            }
            Cause::Message(proven) => {
                let took = self.runtime.now().duration_since(proven.received_at);
                self.metrics.message_committed(Duration::try_from(took).unwrap_or_default());
            }
            Cause::Person(_) | Cause::Postponed { .. } | Cause::PollFailed { .. } => {}
        }
    }

    /// Ends the poll of a side at which nothing is to be polled any more. `stored` is the request as it was read.
    pub(crate) async fn drop_poll(&self, poll: &Intent, stored: &Stored) -> Result<(), Error> {
        let mut unit = self.runtime.store().unit();
        unit.expect_unchanged(stored);
        unit.finish_intent(poll, "nothing to poll", self.runtime.now());
        match self.runtime.store().commit(unit).await {
            // It may be wanted by now.
            Err(store::Error::Conflict | store::Error::Contended) => {
                self.postpone(poll, self.runtime.now(), "the request has changed").await
            }
            other => Ok(other.map(drop)?),
        }
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
                let mut unit = self.runtime.store().unit();
                let now = self.runtime.now();
                match change {
                    IntentChange::Finished => unit.finish_intent(intent, reason, now),
                    IntentChange::Postponed(due) => unit.postpone_intent(intent, due, false, reason, now),
                    IntentChange::FailedPoll(due) => unit.postpone_failed_poll(intent, due, reason, now),
                }
                self.runtime.store().commit(unit).await
            })
            .await?;
        // A message about the request may have arrived in the meantime.
        self.runtime.wake();
        Ok(())
    }

    /// Publishes the change to callers that wait for the request.
    fn publish_change(&self, decision: &Decision, version: i64) {
        let next = &decision.next;
        // Sending fails if nobody listens, which is no fault.
        let _ = self.changes.send(Change { request: next.id, version, status: next.status });
    }
}

/// Returns the entry of the audit for a message. The text is kept with the message alone.
fn message_entry(id: RequestId, message: &NewRequestMessage, readers: &[AgencyCode], now: Timestamp) -> AuditEntry {
    let names: Vec<&str> = readers.iter().map(|agency| agency.as_str()).collect();
    AuditEntry {
        request: id,
        at: now,
        event: "message_sent".to_owned(),
        actor: message.sender.clone(),
        from: None,
        to: None,
        reason: None,
        note: Some(format!("A message to {}.", if names.is_empty() { "nobody".to_owned() } else { names.join(", ") })),
        evidence: None,
    }
}

/// Finishes or reschedules what brought the event. A poll that is made again is settled where the next polls are queued.
/// Notes the virtual patron at a side, so that it is found by its id and removed when nobody needs it any more.
fn note_virtual_patron(
    unit: &mut Unit,
    request: &Request,
    side: Side,
    id: &PatronId,
    now: Timestamp,
) -> Result<(), Error> {
    let (Some(institution), Some(patron)) = (request.institution(side), &request.patron.verified) else {
        return Ok(());
    };
    Ok(unit.put_virtual_patron((&request.patron.institution, &patron.id), institution, side, id, now)?)
}

fn settle(unit: &mut Unit, cause: &Cause<'_>, event: &Event, now: Timestamp) {
    match cause {
        Cause::Person(_) | Cause::Finished(Intent { work: Work::Poll(_), .. }) => {}
        Cause::Message(proven) => unit.insert_message(&proven.institution, &proven.message, now),
        Cause::Finished(intent) => unit.finish_intent(intent, event.name(), now),
        Cause::Postponed { intent, due, unclear, reason } => {
            unit.postpone_intent(intent, *due, *unclear, reason, now);
        }
        Cause::PollFailed { intent, due, reason } => unit.postpone_failed_poll(intent, *due, reason, now),
    }
}

/// Takes away the polls at institutions that have no part in the request any more, such as the lender before. The poll
/// that brought the event is ended where the next ones are queued.
fn end_polls_elsewhere(unit: &mut Unit, before: Option<&Request>, next: &Request, cause: &Cause<'_>) {
    let Some(before) = before else { return };
    for side in [Side::Lender, Side::Borrower, Side::Pickup] {
        if let Some(left) = before.institution(side)
            && next.institution(side) != Some(left)
            && cause.polled_side() != Some(side)
        {
            unit.remove_poll_at(next.id, side, left);
        }
    }
}

/// Returns whether the next poll of a side is at the institution of the one that was made.
fn is_still(made: &Intent, next: &NewIntent, side: Side) -> bool {
    made.work == Work::Poll(side) && made.institution == next.institution
}

/// Checks that the command is possible now.
fn check_command(unit: &mut Unit, request: &Request, command: &Command) -> Result<(), Error> {
    let action = command.action().ok_or(Error::NotAllowed("The request is placed already."))?;
    request.may(action).map_err(Error::NotAllowed)?;
    if action == Action::Undo {
        unit.expect_effect_never_claimed(request.id);
    }
    Ok(())
}
