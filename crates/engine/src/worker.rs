//! The loop: claim what is due, do it, commit what came of it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lending::{Effect, Event, HintResult, InstitutionCode, ItemState, PollTarget, Request, Side, interpret_hints};
use lms::{Attempt, HostLms, Outage, Priority};
use store::{Claim, Claimed, Intent, NOTHING_NEW, Work};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, debug, debug_span, error, info, warn};

use crate::breaker::{BreakerChange, Generation};
use crate::clock::saturating_add;
use crate::commit::{Applied, IntentDisposition};
use crate::engine::Engine;
use crate::error::Error;
use crate::perform::EffectExecution;
use crate::quota::{priority_of, timed};
use crate::{poll, webhooks};

/// The longest the loop sleeps: other nodes may have put work into the store.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// How long the loop waits after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Every fourth scheduled poll of a request is a full poll.
const POLLS_PER_FULL_POLL: u32 = 4;

/// So many times in a row a poll fails before it shows, and a candidate's record can't be read before the next is tried.
pub(crate) const FAILS_OFTEN: u32 = 3;

/// When the loop claims next.
struct NextClaim {
    /// So long nothing will be due,
    delay: Duration,
    /// unless something that is has to wait until other work of its request or institution ends.
    blocked_work: bool,
}

impl NextClaim {
    const AFTER_FAILURE: Self = Self { delay: STORE_PAUSE, blocked_work: true };
}

impl Engine {
    /// Works until `stop` is ready, then ends what is under way.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        self.start().await;
        let listening = tokio::spawn(Arc::clone(&self).receive_notifications());
        let counting = tokio::spawn(Arc::clone(&self).track_node_count());
        self.work(stop).await;
        listening.abort();
        counting.abort();
    }

    /// Takes the node's name, releases the leases of an earlier run, and makes due what a wrong clock postponed.
    /// [`Engine::run`] begins with it; [`Engine::step`] needs it once.
    pub async fn start(&self) {
        // Only under a name of its own may a node take leases of that name back.
        let mine = match self.join().await {
            Ok(()) => self.store.release_own_leases(&self.settings.node, self.clock.now()).await.map_err(Error::from),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = mine {
            warn!(error = %failure, "could not release the leases of an earlier run; they run out in time");
        }
        let effects = self.settings.backoff.max * 2;
        let listed = self.settings.batch_polling.max * 6;
        let polls = self.settings.polling.max.max(self.settings.webhook_polling.max).max(listed);
        match self.store.reschedule_after_clock_change(self.clock.now(), effects, polls).await {
            Ok(0) => {}
            Ok(misdated) => warn!(misdated, "the clock was set back since the last run; waiting work is due now"),
            Err(failure) => warn!(error = %failure, "could not search for work that a wrong clock has postponed"),
        }
        // Messages may have been missed while no node listened; that nodes run now proves nothing.
        self.webhook_health.mark_intake_failed();
    }

    /// Does everything that is due, and all that follows from it at once; returns when nothing is due or under way.
    ///
    /// Whoever owns the engine's clock, such as a test, sets the time and steps, in place of running the loop of
    /// [`Engine::run`] and waiting. Work that is postponed stays postponed until the clock reaches it.
    pub async fn step(self: &Arc<Self>) {
        let mut running = JoinSet::new();
        loop {
            self.claim(&mut running).await;
            if running.is_empty() {
                return;
            }
            while let Some(ended) = running.join_next().await {
                report(&ended);
            }
        }
    }

    async fn work(self: &Arc<Self>, stop: impl Future<Output = ()>) {
        let mut running = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        'claims: loop {
            // All that has ended makes room, or each claim would find one place.
            while let Some(ended) = running.try_join_next() {
                report(&ended);
            }
            // A claim can find nothing when work comes in between: the permit is kept for the next wait.
            let NextClaim { delay: after, blocked_work: held_back } = self.claim(&mut running).await;
            let until = Instant::now() + after;
            loop {
                tokio::select! {
                    () = &mut stop => break 'claims,
                    () = self.wake.notified() => break,
                    () = tokio::time::sleep_until(until) => break,
                    Some(ended) = running.join_next(), if !running.is_empty() => {
                        report(&ended);
                        // Whoever has written something that is due soon has woken the loop.
                        if held_back {
                            break;
                        }
                    }
                }
            }
        }
        self.stopping.store(true, Ordering::Relaxed);
        info!(under_way = running.len(), "stopping; what is under way is finished first");
        while let Some(ended) = running.join_next().await {
            report(&ended);
        }
    }

    /// Claims as much as there is room for; answers when to claim next.
    async fn claim(self: &Arc<Self>, running: &mut JoinSet<()>) -> NextClaim {
        let room = self.settings.workers.saturating_sub(running.len());
        if room == 0 {
            return NextClaim { delay: LONGEST_SLEEP, blocked_work: true };
        }
        if let Err(failure) = self.catch_up_after_intake_failure().await {
            error!(error = %failure, "the store doesn't let lists be read at once; trying again");
            return NextClaim::AFTER_FAILURE;
        }
        let now = self.clock.now();
        let room = match self.claim_batch_polls(now, room).await {
            Ok(batch_polls) => {
                let room = room.saturating_sub(batch_polls.len());
                for batch_poll in batch_polls {
                    let engine = Arc::clone(self);
                    let reading = ActiveGuard::one(&self.active_batch_polls);
                    running.spawn(async move {
                        engine.run_batch_poll(batch_poll).await;
                        drop(reading);
                    });
                }
                room
            }
            Err(failure) => {
                error!(error = %failure, "the store gives no lists to read; trying again");
                return NextClaim::AFTER_FAILURE;
            }
        };
        let claim = Claim {
            owner: &self.settings.node,
            now,
            lease: self.settings.lease,
            limit: room,
            max_per_institution: self.settings.workers_per_institution,
            // A quarter of the places is kept for what somebody waits for.
            max_polls: (self.settings.workers - self.settings.workers / 4)
                .saturating_sub(self.active_polls.load(Ordering::Relaxed)),
            max_polls_per_institution: self.settings.polls_per_institution.min(self.settings.workers_per_institution),
            except: &[],
        };
        match self.retry_transaction(async || Ok(self.store.claim(&claim).await?)).await {
            Ok(Claimed { intents, more }) => {
                let until = saturating_add(now, self.settings.lease);
                for intent in intents {
                    let engine = Arc::clone(self);
                    let poll = matches!(intent.work, Work::Poll(_)).then(|| ActiveGuard::one(&self.active_polls));
                    running.spawn(async move {
                        engine.work_on(intent, until).await;
                        drop(poll);
                    });
                }
                if more { NextClaim { delay: Duration::ZERO, blocked_work: true } } else { self.until_due(now).await }
            }
            Err(failure) => {
                error!(error = %failure, "the store gives no work; trying again");
                NextClaim::AFTER_FAILURE
            }
        }
    }

    /// What fell due since the claim at `claimed` counts too, and means no sleep at all.
    async fn until_due(&self, claimed: Timestamp) -> NextClaim {
        let asked =
            async { Ok::<_, store::Error>((self.store.is_due(claimed).await?, self.store.next_due(claimed).await?)) };
        let Ok((held_back, due)) = asked.await else { return NextClaim::AFTER_FAILURE };
        let after = due.map(|due| Duration::try_from(due.duration_since(self.clock.now())).unwrap_or_default());
        NextClaim { delay: after.map_or(LONGEST_SLEEP, |after| after.min(LONGEST_SLEEP)), blocked_work: held_back }
    }

    /// Wakes the loop if it would sleep beyond that.
    pub(crate) fn wake_for(&self, due: Timestamp) {
        if due < saturating_add(self.clock.now(), LONGEST_SLEEP) {
            self.wake.notify_one();
        }
    }

    /// Does an intent, and what follows from it at the same institution.
    async fn work_on(&self, intent: Intent, until: Timestamp) {
        let (mut intent, mut until, mut known) = (intent, until, None);
        while let Some(Applied { request, next: Some(next) }) = self.work_once(&intent, until, known).await {
            until = saturating_add(next.claimed_at, self.settings.lease);
            (intent, known) = (next, Some(request));
        }
    }

    /// Does one intent while its lease, which holds until `until`, is kept alive.
    async fn work_once(&self, intent: &Intent, until: Timestamp, known: Option<Request>) -> Option<Applied> {
        let work = async {
            match intent.work {
                Work::Effect(effect) => self.do_effect(intent, effect, known).await,
                Work::Poll(side) => self.run_poll(intent, side).await.map(|()| None),
                Work::Deadline(deadline) => self.do_deadline(intent, deadline).await.map(|()| None),
            }
        };
        match self.while_leased(intent, until, work).instrument(span(intent)).await {
            Ok(applied) => applied,
            Err(Error::Store(store::Error::LeaseLost)) => {
                warn!(request = %intent.request, "the lease of this was lost; nothing was written, and whoever holds it now goes on");
                None
            }
            Err(failure) => {
                // The lease runs out and the intent comes back marked as unclear.
                error!(request = %intent.request, error = %failure, "could not store what came of an intent");
                None
            }
        }
    }

    async fn do_effect(
        &self,
        intent: &Intent,
        effect: Effect,
        known: Option<Request>,
    ) -> Result<Option<Applied>, Error> {
        let request = match known {
            Some(request) => request,
            None => self.load(intent).await?,
        };
        if request.in_flight != Some(effect) {
            return self.drop_intent(intent, "obsolete").await.map(|()| None);
        }
        // Staff may have named a copy of another library meanwhile; reading one changes nothing.
        let is_elsewhere =
            effect == Effect::ChooseSupplier && request.institution_for(effect) != Some(&intent.institution);
        if is_elsewhere || (!intent.unclear && !request.is_next_effect(effect)) {
            return self.commit_outcome(intent, &Event::EffectDropped { effect }).await.map(Some);
        }
        let attempt = if intent.unclear { Attempt::AfterUnclear } else { Attempt::Fresh };
        let outcome = match self.system(intent).await {
            Ok((lms, settings)) => {
                let now = self.clock.now();
                let prefetch = self.records_to_prefetch(lms.as_ref(), &request, effect).await?;
                let (lms, attempts, prefetch) = (lms.as_ref(), intent.attempts, prefetch.as_slice());
                let execution = EffectExecution { lms, request: &request, attempt, attempts, now, prefetch };
                let outcome = priority_of(effect).scope(execution.run(effect)).await;
                self.record_outcome(&intent.institution, settings, outcome).await
            }
            Err(not_done) => Err(not_done),
        };
        debug!(request = %intent.request, effect = effect.name(), done = outcome.is_ok(), "effect");
        let event = match outcome {
            Ok(event) => self.check_participation(intent, event).await?,
            Err(lms::Error::Refused(refusal) | lms::Error::NotSendable(refusal))
                if !effect.is_clean_up() || refusal.code == lending::Refusal::LENT_TO_ANOTHER =>
            {
                Event::EffectRefused { effect, refusal }
            }
            Err(lms::Error::NotFound { what }) if !effect.is_clean_up() => {
                let refusal = lending::Refusal::new(
                    lending::Refusal::GONE,
                    format!("In the library's system {what} is not there any more."),
                );
                Event::EffectRefused { effect, refusal }
            }
            // Another copy may do.
            Err(lms::Error::Unreadable { what })
                if effect == Effect::ChooseSupplier && intent.attempts.saturating_add(1) >= FAILS_OFTEN =>
            {
                let explanation = format!("What the lender's system reports the item can't be read: {what}.");
                Event::CandidateUnfit(lending::Refusal::new("COPY_UNREADABLE", explanation))
            }
            Err(not_done) => return self.delay(intent, effect, &not_done).await.map(|()| None),
        };
        self.commit_outcome(intent, &event).await.map(Some)
    }

    async fn run_poll(&self, intent: &Intent, side: Side) -> Result<(), Error> {
        let request = self.load(intent).await?;
        let Some(target) = poll::poll_target(&request, side) else {
            return self.drop_intent(intent, "nothing to poll").await;
        };
        let hinted_state = match webhooks::fresh_hints(intent, self.settings.webhook_max_age)
            .map(|hints| interpret_hints(&request, side, &hints, self.clock.now()))
        {
            Some(HintResult::Observed(observation)) => {
                return self
                    .commit_outcome(
                        intent,
                        &Event::Observed { side, observation, source: lending::ObservationSource::Notification },
                    )
                    .await
                    .map(drop);
            }
            Some(HintResult::NoChange) => return self.reschedule_poll(intent, &request, side).await,
            Some(HintResult::PollNeeded(hinted_state)) => {
                if side == Side::Lender && hinted_state == Some(ItemState::InTransit) && webhooks::has_hint(intent) {
                    self.webhook_health.record_item_message(&self.store, &intent.institution, self.clock.now()).await?;
                }
                hinted_state
            }
            None => None,
        };
        // A hint means that somebody has acted.
        let priority = if webhooks::has_hint(intent) { Priority::Circulation } else { Priority::Poll };
        if let Ok(lms) = self.registry.get(&intent.institution).await
            && let Err(not_done) = self.check_poll_budget(lms.as_ref(), priority)
        {
            let due = self.next_try(intent, &request, side, &not_done).await?;
            return self.postpone(intent, due, &not_done.to_string()).await;
        }
        let observation = match self.system(intent).await {
            Ok((lms, settings)) => {
                let observation =
                    priority.scope(poll_by_intent(lms.as_ref(), intent, &request, target, hinted_state)).await;
                self.record_outcome(&intent.institution, settings, observation).await
            }
            Err(not_done) => Err(not_done),
        };
        match observation {
            Ok(Some(event)) => self.commit_outcome(intent, &event).await.map(drop),
            Ok(None) => self.drop_intent(intent, "nothing to poll").await,
            Err(not_done) => {
                warn!(request = %intent.request, side = side.name(), reason = %not_done, "poll failed");
                self.poll_failed(intent, &request, side, &not_done).await
            }
        }
    }

    /// Postpones a poll that could not be made: into the library's opening hours, unless a hint says that somebody acted.
    async fn next_try(
        &self,
        intent: &Intent,
        request: &Request,
        side: Side,
        not_done: &lms::Error,
    ) -> Result<Timestamp, Error> {
        let due = saturating_add(self.clock.now(), self.delay_after(intent, not_done));
        if webhooks::has_hint(intent) { Ok(due) } else { self.next_open_time(request, side, due).await }
    }

    /// A poll that keeps failing shows at its request. Of a day's calls that are used up the institution shows.
    async fn poll_failed(
        &self,
        intent: &Intent,
        request: &Request,
        side: Side,
        not_done: &lms::Error,
    ) -> Result<(), Error> {
        let due = self.next_try(intent, request, side, not_done).await?;
        let reason = not_done.to_string();
        if matches!(not_done, lms::Error::Unavailable { outage: Outage::QuotaUsedUp, .. }) {
            return self.postpone(intent, due, &reason).await;
        }
        if intent.failures.saturating_add(1) < FAILS_OFTEN {
            return self.put_off_failed(intent, due, &reason).await;
        }
        let since = if intent.failures == 0 { self.clock.now() } else { intent.failing_since };
        let event = Event::PollFailed { side, reason: reason.clone(), since };
        self.apply(intent.request, &event, "hub", &IntentDisposition::PollFailed { intent, due, reason: &reason })
            .await
            .map(drop)
    }

    async fn put_off_failed(&self, intent: &Intent, due: Timestamp, reason: &str) -> Result<(), Error> {
        self.retry_transaction(async || {
            let mut tx = self.store.begin().await?;
            tx.postpone_failed_poll(intent, due, reason, self.clock.now()).await?;
            Ok(tx.commit().await?)
        })
        .await?;
        self.wake.notify_one();
        Ok(())
    }

    pub(crate) async fn postpone(&self, intent: &Intent, due: Timestamp, reason: &str) -> Result<(), Error> {
        self.retry_transaction(async || {
            let mut tx = self.store.begin().await?;
            tx.postpone_intent(intent, due, false, reason, self.clock.now()).await?;
            Ok(tx.commit().await?)
        })
        .await?;
        // Something may have been reported about it meanwhile.
        self.wake.notify_one();
        Ok(())
    }

    async fn reschedule_poll(&self, intent: &Intent, request: &Request, side: Side) -> Result<(), Error> {
        let due = self.next_poll(request, side, 0, intent.on_list).await?;
        self.postpone(intent, due, NOTHING_NEW).await
    }

    /// The library's system, unless it is known to give no service.
    async fn system(&self, intent: &Intent) -> Result<(Arc<dyn HostLms>, Generation), lms::Error> {
        let settings = self.breakers.admit(&intent.institution, self.clock.now())?;
        Ok((self.registry.get(&intent.institution).await?, settings))
    }

    /// Notes whether the system gives service. One that is back gets what waited for it, within its bulkhead.
    pub(crate) async fn record_outcome<T>(
        &self,
        institution: &InstitutionCode,
        settings: Generation,
        outcome: lms::Result<T>,
    ) -> lms::Result<T> {
        let outcome = outcome.map_err(|not_done| timed(not_done, self.clock.now()));
        let failed = outcome.as_ref().err();
        match self.breakers.record(institution, settings, failed, self.clock.now()) {
            BreakerChange::None => {}
            // It need not wait as long as the failure said; whether it was done stays as unclear as it is.
            BreakerChange::Stale if !failed.is_some_and(lms::Error::leaves_unclear) => {
                return Err(lms::Error::retryable("The institution's settings were changed meanwhile."));
            }
            BreakerChange::Stale => {}
            BreakerChange::Opened => {
                let reason = failed.map(ToString::to_string).unwrap_or_default();
                error!(%institution, %reason, "the library's system gives no service; its requests wait");
            }
            BreakerChange::Closed => {
                info!(%institution, "the library's system gives service again");
                if let Err(failure) = self.reschedule_and_announce(institution).await {
                    warn!(%institution, error = %failure, "what waited is tried when its own time comes");
                }
            }
        }
        outcome
    }

    pub(crate) async fn load(&self, intent: &Intent) -> Result<Request, Error> {
        let stored = self.store.request(intent.request).await?;
        Ok(stored.ok_or(Error::UnknownRequest(intent.request))?.request)
    }

    pub(crate) async fn commit_outcome(&self, intent: &Intent, event: &Event) -> Result<Applied, Error> {
        self.apply(intent.request, event, "hub", &IntentDisposition::Finished(intent)).await
    }

    pub(crate) async fn drop_intent(&self, intent: &Intent, reason: &str) -> Result<(), Error> {
        self.retry_transaction(async || {
            let mut tx = self.store.begin().await?;
            tx.finish_intent(intent, reason, self.clock.now()).await?;
            Ok(tx.commit().await?)
        })
        .await?;
        self.wake.notify_one();
        Ok(())
    }

    async fn delay(&self, intent: &Intent, effect: Effect, not_done: &lms::Error) -> Result<(), Error> {
        let next_try = saturating_add(self.clock.now(), self.delay_after(intent, not_done));
        // Once an attempt was unclear, only a poll or an answer makes it clear again.
        let unclear = intent.unclear || not_done.leaves_unclear();
        let needs_staff = not_done.is_case_for_staff(intent.attempts.saturating_add(1));
        let reason = not_done.to_string();
        warn!(request = %intent.request, effect = effect.name(), unclear, needs_staff, %reason, "effect is delayed");
        let on = lending::WaitingOn::system(effect.side());
        let event = Event::EffectDelayed { effect, on, reason: reason.clone(), next_try, needs_staff };
        let disposition = IntentDisposition::Postponed { intent, due: next_try, unclear, reason: &reason };
        self.apply(intent.request, &event, "hub", &disposition).await?;
        // The system may have come back between the failure and its commit, and what waited been rescheduled without this.
        if matches!(not_done, lms::Error::Unavailable { after: Some(_), .. })
            && !self.breakers.is_down(&intent.institution)
        {
            self.reschedule_and_announce(&intent.institution).await?;
        }
        Ok(())
    }

    /// At least what the library's system asks for; else anything up to the capped back-off.
    pub(crate) fn delay_after(&self, intent: &Intent, not_done: &lms::Error) -> Duration {
        let jitter = self.ids.jitter(self.settings.backoff.delay(intent.attempts));
        match not_done {
            lms::Error::Retryable { after: Some(least), .. } | lms::Error::Unavailable { after: Some(least), .. } => {
                *least + jitter.min(*least)
            }
            _ => jitter,
        }
    }
}

/// A step in a trace, around the calls that it makes.
fn span(intent: &Intent) -> Span {
    let (kind, what) = match intent.work {
        Work::Effect(effect) => ("effect", effect.name()),
        Work::Poll(side) => ("poll", side.name()),
        Work::Deadline(deadline) => ("deadline", deadline.name()),
    };
    let (request, institution) = (intent.request, &intent.institution);
    let (has_hint, unclear) = (intent.has_hint, intent.unclear);
    debug_span!("intent", otel.name = format!("{kind} {what}"), %request, %institution, kind, what, has_hint, unclear)
}

/// Work of a kind under way, counted as long as it lives.
struct ActiveGuard(Arc<AtomicUsize>);

impl ActiveGuard {
    fn one(of: &Arc<AtomicUsize>) -> Self {
        of.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(of))
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn poll_by_intent(
    lms: &dyn HostLms,
    intent: &Intent,
    request: &Request,
    target: PollTarget,
    hinted_state: Option<ItemState>,
) -> lms::Result<Option<Event>> {
    // By the clock alone nothing has happened, as a rule; now and then everything is read. Whether a lender has sent its
    // item only the item shows.
    let unsent = target.side == Side::Lender && target.hold;
    let shallow = !intent.has_hint && !unsent && intent.attempts % POLLS_PER_FULL_POLL != POLLS_PER_FULL_POLL - 1;
    poll::poll_side(lms, request, target, shallow, hinted_state).await
}

fn report(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(failure) = ended {
        error!(error = %failure, "work on a request ended in a fault of the hub; its lease runs out and it is done again");
    }
}
