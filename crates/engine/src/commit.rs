//! An event becomes a stored decision: request, audit, the intent's result and the next intent in one
//! transaction.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use lending::{
    Action, Decision, Effect, Event, InstitutionCode, Observation, ObservationSource, Request, RequestId, Side,
    deadlines, decide, poll_targets,
};
use serde_json::{Value, json};
use store::{AuditEntry, Intent, NOTHING_NEW, NewBatchPoll, NewIntent, NodeEvent, Stored, Tx, Work};
use tracing::warn;

use crate::changes::Change;
use crate::clock::saturating_add;
use crate::engine::Engine;
use crate::error::Error;
use crate::webhook_health::MessageKind;
use crate::webhooks;

/// What becomes of the intent that brought the event.
#[derive(Debug)]
pub(crate) enum IntentDisposition<'a> {
    /// No intent brought it: somebody asked, for this reason.
    NoIntent(Option<&'a str>),
    /// It is done.
    Finished(&'a Intent),
    /// It is tried again.
    Postponed { intent: &'a Intent, due: Timestamp, unclear: bool, reason: &'a str },
    /// A poll has failed, and is tried again.
    PollFailed { intent: &'a Intent, due: Timestamp, reason: &'a str },
}

impl IntentDisposition<'_> {
    fn reason(&self) -> Option<&str> {
        match self {
            Self::NoIntent(reason) => *reason,
            Self::Finished(_) | Self::Postponed { .. } | Self::PollFailed { .. } => None,
        }
    }

    /// Whether an effect has just been done there.
    fn continues_at(&self, institution: &InstitutionCode) -> bool {
        match self {
            Self::Finished(intent) => matches!(intent.work, Work::Effect(_)) && intent.institution == *institution,
            Self::NoIntent(_) | Self::Postponed { .. } | Self::PollFailed { .. } => false,
        }
    }
}

/// What was decided and committed.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The request as it is now.
    pub(crate) request: Request,
    /// The next effect, where whoever did the last one is to do it too.
    pub(crate) next: Option<Intent>,
}

impl Engine {
    /// Decides on `event` and commits what follows.
    pub(crate) async fn apply(
        &self,
        id: RequestId,
        event: &Event,
        actor: &str,
        disposition: &IntentDisposition<'_>,
    ) -> Result<Applied, Error> {
        // A transaction that waits for another connection holds up those that wait for it.
        let now = self.clock.now();
        self.webhook_health.refresh(&self.store, now).await?;
        self.agencies.refresh(&self.store, now).await?;
        self.retry_transaction(|| self.try_to_apply(id, event, actor, disposition)).await
    }

    async fn try_to_apply(
        &self,
        id: RequestId,
        event: &Event,
        actor: &str,
        disposition: &IntentDisposition<'_>,
    ) -> Result<Applied, Error> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let stored = tx.request(id).await?.ok_or(Error::UnknownRequest(id))?;
        if let Some(action) = event.action() {
            stored.request.may(action).map_err(Error::NotAllowed)?;
            if action == Action::Undo && !tx.effect_never_claimed(id).await? {
                return Err(Error::NotAllowed("It can't be taken back any more: what followed from it was sent."));
            }
        }
        let event = &self.check_limits(&mut tx, &stored.request, event).await?;
        let decision = decide(&stored.request, event, now);
        let unchanged = decision.is_unchanged(&stored.request);
        let new_hints = match disposition {
            IntentDisposition::Finished(intent) => match intent.work {
                Work::Poll(side) => tx.hints_since_claim(intent).await?.map(|hints| (side, hints)),
                Work::Effect(_) | Work::Deadline(_) => None,
            },
            IntentDisposition::NoIntent(_)
            | IntentDisposition::Postponed { .. }
            | IntentDisposition::PollFailed { .. } => None,
        };
        match disposition {
            IntentDisposition::NoIntent(_) => {}
            IntentDisposition::Finished(intent @ Intent { work: Work::Poll(side), .. }) if unchanged => {
                let due = self.next_poll(&stored.request, *side, intent.attempts, intent.on_list).await?;
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
        if unchanged {
            tx.commit().await?;
            // Something may have been reported about it meanwhile.
            self.wake.notify_one();
            return Ok(Applied { request: decision.next, next: None });
        }
        let version = self.write(&mut tx, &stored, &decision, event, (actor, disposition.reason()), now).await?;
        let (next, mut due) = self.queue(&mut tx, &decision.next, decision.effect, disposition, now).await?;
        if let Some((side, hints)) = new_hints {
            tx.add_hint(id, side, &hints, now, now).await?;
            due = now;
        }
        if let IntentDisposition::Postponed { due: later, .. } | IntentDisposition::PollFailed { due: later, .. } =
            disposition
        {
            due = due.min(*later);
        }
        tx.commit().await?;
        if let IntentDisposition::Finished(intent) = disposition {
            self.metrics.committed(intent, self.clock.now());
        }
        self.publish_change(&decision, version);
        self.wake_for(due);
        if let IntentDisposition::Finished(intent) = disposition {
            self.detect_missed_message(intent, &stored.request, event, &decision).await;
        }
        Ok(Applied { request: decision.next, next })
    }

    /// Distrusts a webhook where a scheduled poll found a change that it did not report. Where one message got lost others
    /// may be, so the institution's lists are read at once, and it is polled as if it had no webhook until messages arrive.
    async fn detect_missed_message(&self, intent: &Intent, before: &Request, event: &Event, decision: &Decision) {
        let is_poll = matches!(event, Event::Observed { .. }) && !webhooks::has_hint(intent);
        let (Work::Poll(side), true, Some(step)) = (intent.work, is_poll, decision.transitions.first()) else {
            return;
        };
        if let Err(failure) =
            self.distrust_webhook(&intent.institution, before, side, MessageKind::expected_for(step.to)).await
        {
            warn!(institution = %intent.institution, error = %failure, "could not have its lists read at once");
        }
    }

    async fn distrust_webhook(
        &self,
        institution: &InstitutionCode,
        before: &Request,
        side: Side,
        kind: MessageKind,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        if self.webhook_health.is_catching_up(now) || !self.webhook_covers(before, side).await? {
            return Ok(());
        }
        self.metrics.message_missed(institution);
        if self.webhook_health.record_missed(&self.store, institution, kind, now).await? {
            warn!(%institution, "webhook missed a change; polling this institution as if it had no webhook until messages arrive again");
            self.poll_as_without_webhook(institution).await?;
        }
        Ok(())
    }

    /// Reschedules the polls of an institution to the interval of one without a webhook.
    pub(crate) async fn poll_as_without_webhook(&self, institution: &InstitutionCode) -> Result<(), Error> {
        let now = self.clock.now();
        let latest =
            saturating_add(now, self.settings.polling.initial + self.ids.jitter(self.settings.polling.initial));
        self.retry_transaction(async || Ok(self.store.reschedule_unlisted_polls(institution, now, latest).await?))
            .await?;
        self.wake.notify_one();
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
        tx.notify(&self.settings.node, &NodeEvent::RequestChanged { request, version, status });
        Ok(version)
    }

    /// Queues the next effect, and the polls that the status asks for. An effect at the institution at which one has just
    /// been done is leased to whoever did that: its place there is taken already. Answers when something of it that is not
    /// leased is due first.
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
                id: self.ids.uuid(now),
                request: next.id,
                work: Work::Effect(effect),
                institution: institution.clone(),
                due_at: now,
                on_list: None,
            };
            if disposition.continues_at(institution) && !self.stopping.load(Ordering::Relaxed) {
                let until = saturating_add(now, self.settings.lease);
                leased = Some(tx.add_leased_intent(&intent, &self.settings.node, until, now).await?);
            } else {
                tx.add_intent(&intent, now).await?;
                first = now;
            }
        }
        let (scheduled, lists) = self.scheduled(next, now).await?;
        tx.set_scheduled(next.id, &scheduled, now).await?;
        for list in &lists {
            tx.add_batch_poll(list, now).await?;
        }
        let dues = scheduled.iter().map(|intent| intent.due_at).chain(lists.iter().map(|list| list.due_at));
        Ok((leased, dues.fold(first, Timestamp::min)))
    }

    /// The polls that the status asks for, the deadlines that run, and the lists on which something stands for it.
    async fn scheduled(&self, next: &Request, now: Timestamp) -> Result<(Vec<NewIntent>, Vec<NewBatchPoll>), Error> {
        let intent = |work, institution: &InstitutionCode, due_at| NewIntent {
            id: self.ids.uuid(now),
            request: next.id,
            work,
            institution: institution.clone(),
            due_at,
            on_list: None,
        };
        let (mut scheduled, mut lists) = (Vec::new(), Vec::new());
        for target in poll_targets(next) {
            let Some(institution) = next.institution(target.side) else { continue };
            let on = self.list_entry(next, target).await;
            let due = self.next_poll(next, target.side, 0, on.is_some()).await?;
            let mut poll = intent(Work::Poll(target.side), institution, due);
            if let Some((on, expected)) = on {
                lists.extend(self.batch_poll_for(next, target.side, &on, expected).await?);
                poll.on_list = Some(on);
            }
            scheduled.push(poll);
        }
        for deadline in deadlines(next) {
            let end = self.deadline_end(next, deadline, now).await?;
            scheduled.push(intent(Work::Deadline(deadline), &next.patron.institution, end));
        }
        Ok((scheduled, lists))
    }

    /// Publishes the change to those who wait for the request.
    pub(crate) fn publish_change(&self, decision: &Decision, version: i64) {
        let next = &decision.next;
        // Nobody listening is no fault.
        let _ = self.changes.send(Change { request: next.id, version, status: next.status });
    }
}

/// One row per transition, or one for an event that changed facts alone; a delay is recorded once, not with each retry.
fn audit(before: &Request, decision: &Decision, event: &Event, actor: &str, now: Timestamp) -> Vec<AuditEntry> {
    let row = |note: Option<String>, evidence: Option<Value>| AuditEntry {
        request: before.id,
        at: now,
        event: event.name().to_owned(),
        actor: actor.to_owned(),
        from: None,
        to: None,
        reason: None,
        note,
        evidence,
    };
    if decision.transitions.is_empty() {
        if same_delay(before, decision, event) {
            return Vec::new();
        }
        return vec![row(note(decision, event), evidence(event))];
    }
    let mut rows = Vec::new();
    for (index, step) in decision.transitions.iter().enumerate() {
        let (note, evidence) = if index == 0 { (note(decision, event), evidence(event)) } else { (None, None) };
        rows.push(AuditEntry {
            from: Some(step.from),
            to: Some(step.to),
            reason: Some(step.reason.to_owned()),
            ..row(note, evidence)
        });
    }
    rows
}

fn same_delay(before: &Request, decision: &Decision, event: &Event) -> bool {
    use lending::Attention::{NeedsStaff, Waiting};
    if let Event::PollFailed { side, .. } = event {
        return before.failing_polls.contains_key(side);
    }
    if !matches!(event, Event::EffectDelayed { .. }) {
        return false;
    }
    match (&before.attention, &decision.next.attention) {
        (Waiting { on: same, reason: as_before, next_try: Some(_), .. }, Waiting { on, reason, .. }) => {
            same == on && as_before == reason
        }
        (NeedsStaff { code: same, explanation: as_before, .. }, NeedsStaff { code, explanation, .. }) => {
            same == code && as_before == explanation
        }
        _ => false,
    }
}

fn note(decision: &Decision, event: &Event) -> Option<String> {
    match event {
        Event::EffectDelayed { effect, reason, .. } => Some(format!("{}: {reason}", effect.name())),
        Event::PollFailed { reason, .. } => Some(reason.clone()),
        Event::CancelRequested { reason, .. }
        | Event::NextSupplierRequested { reason, .. }
        | Event::EndRequested { reason } => decision.note.clone().or_else(|| reason.clone()),
        _ => decision.note.clone(),
    }
}

/// What the event rests on, without anything personal.
fn evidence(event: &Event) -> Option<Value> {
    match event {
        Event::PatronVerified(verified) => Some(json!({"patron_type": verified.patron_type})),
        Event::SupplierChosen(copy) => {
            Some(json!({"library": copy.library, "location": copy.location, "barcode": copy.barcode}))
        }
        Event::HoldPlaced { hold, .. } | Event::PickupChanged { hold, .. } => {
            Some(json!({"hold": hold.id, "state": hold.state}))
        }
        Event::VirtualBibCreated { bib, .. } => Some(json!({"bib": bib})),
        Event::VirtualHoldingCreated { holding, .. } => Some(json!({"holding": holding})),
        Event::VirtualItemReady { item, barcode, .. } => Some(json!({"item": item, "barcode": barcode})),
        Event::Lent { loan, .. } | Event::Renewed { loan, .. } | Event::DueDateLimited { loan, .. } => {
            Some(json!({"loan": loan.id, "due": loan.due}))
        }
        Event::EffectRefused { effect, refusal } => Some(json!({"effect": effect, "code": refusal.code})),
        Event::Observed { observation, source, .. } => observed(observation, *source),
        Event::HoldCancelledAfterDispatch { observation } => serde_json::to_value(observation).ok(),
        Event::HoldClosed { closure, .. } => Some(json!({"closure": closure})),
        Event::DeadlinePassed { deadline } => Some(json!({"deadline": deadline})),
        Event::CancelRequested { by, .. } => Some(json!({"by": by})),
        Event::NextSupplierRequested { copy, .. } => {
            Some(json!({"institution": copy.as_ref().map(|copy| &copy.institution)}))
        }
        Event::PickupChangeRequested { pickup } => Some(json!({"pickup_location": pickup.code})),
        Event::LossSettled { how } => Some(json!({"how": how})),
        _ => None,
    }
}

/// An observation, and how it became known.
fn observed(observation: &Observation, source: ObservationSource) -> Option<Value> {
    let mut shown = serde_json::to_value(observation).ok()?;
    shown.as_object_mut()?.insert("source".to_owned(), json!(source));
    Some(shown)
}
