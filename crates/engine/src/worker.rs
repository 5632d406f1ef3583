//! The loop: claims due intents, executes them, and commits the results.

#![allow(
    clippy::disallowed_methods,
    reason = "the loop sleeps by the machine's clock; what is due is decided by the node's"
)]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use runtime::{LONGEST_SLEEP, saturating_add};
use store::{Claim, Claimed, Intent, Stored, Work};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, debug_span, error, info, warn};

use crate::commit::{Applied, HandedOver};
use crate::engine::Engine;
use crate::error::Error;
use crate::load::Place;

/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The time of the next claim.
struct NextClaim {
    /// The time for which nothing will be due,
    delay: Duration,
    /// unless a due intent must wait until other work of its request or institution ends.
    blocked_work: bool,
}

impl NextClaim {
    const AFTER_FAILURE: Self = Self { delay: STORE_PAUSE, blocked_work: true };
}

impl Engine {
    /// Works until `stop` completes, then finishes the work in progress.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        self.start().await;
        let listening = tokio::spawn(Arc::clone(&self).receive_notifications());
        let counting = tokio::spawn(Arc::clone(&self).track_node_count());
        self.work(stop).await;
        listening.abort();
        counting.abort();
    }

    /// Takes the node's name, releases the leases of an earlier run, and makes intents due that a wrong clock
    /// postponed. [`Engine::run`] calls it; callers of [`Engine::step`] must call it once.
    pub async fn start(&self) {
        // A node may take the leases of a name back only if the name is its own.
        let mine = match self.join().await {
            Ok(()) => self
                .runtime
                .store()
                .release_own_leases(self.runtime.node(), self.runtime.now())
                .await
                .map_err(Error::from),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = mine {
            warn!(error = %failure, "could not release the leases of an earlier run; they run out in time");
        }
        let (effects, polls) = (self.settings.backoff.max * 2, self.polling.longest_interval());
        // Another node's clock may be ahead of this one's.
        let leases = self.settings.lease.max(polling::LIST_LEASE) * 2;
        let now = self.runtime.now();
        match self.runtime.store().reschedule_after_clock_change(now, effects, polls, leases).await {
            Ok(0) => {}
            Ok(misdated) => warn!(misdated, "the clock was set back since the last run; waiting work is due now"),
            Err(failure) => warn!(error = %failure, "could not search for work that a wrong clock has postponed"),
        }
        // Messages may have been missed while no node listened. Other nodes may run now, but that proves nothing about
        // the past.
        self.polling.intake_failed();
    }

    /// Executes everything that is due and all work that follows from it at once. Returns when nothing is due or in
    /// progress.
    ///
    /// It is for the owner of the engine's clock, such as a test, who sets the time and steps instead of running the
    /// loop of [`Engine::run`] and waiting. Postponed work stays postponed until the clock reaches its time.
    pub async fn step(self: &Arc<Self>) {
        let mut running = JoinSet::new();
        loop {
            self.take_in_waiting(self.runtime.now()).await;
            self.begin_setup_checks(&mut running).await;
            self.prune().await;
            self.begin_retention(&mut running).await;
            self.take_over(&mut *self.handed_over.lock().await, &mut running);
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
        let mut handed_over = self.handed_over.lock().await;
        let mut stop = std::pin::pin!(stop);
        'claims: loop {
            // All ended work frees its place before the claim. Otherwise each claim would find one free place.
            while let Some(ended) = running.try_join_next() {
                report(&ended);
            }
            self.take_in_waiting(self.runtime.now()).await;
            self.begin_setup_checks(&mut running).await;
            self.prune().await;
            self.begin_retention(&mut running).await;
            self.take_over(&mut handed_over, &mut running);
            // A claim may find nothing because other work came first. The permit then remains for the next wait.
            let NextClaim { delay: after, blocked_work: held_back } = self.claim(&mut running).await;
            let until = Instant::now() + after;
            loop {
                tokio::select! {
                    () = &mut stop => break 'claims,
                    () = self.runtime.woken() => break,
                    Some(leased) = handed_over.recv() => self.begin(leased, &mut running),
                    () = tokio::time::sleep_until(until) => break,
                    Some(ended) = running.join_next(), if !running.is_empty() => {
                        report(&ended);
                        // Work that wrote an intent which is due soon has woken the loop.
                        if held_back {
                            break;
                        }
                    }
                }
            }
        }
        self.runtime.stop();
        info!(under_way = running.len(), "stopping; what is under way is finished first");
        self.take_in_waiting(Timestamp::MAX).await;
        // Nothing more is handed over from here on.
        self.take_over(&mut handed_over, &mut running);
        while let Some(ended) = running.join_next().await {
            report(&ended);
        }
    }

    /// Claims as many intents as there is room for. Returns when to claim next.
    async fn claim(self: &Arc<Self>, running: &mut JoinSet<()>) -> NextClaim {
        let room = self.settings.workers.saturating_sub(running.len());
        if room == 0 {
            return NextClaim { delay: LONGEST_SLEEP, blocked_work: true };
        }
        if let Err(failure) = self.polling.catch_up_after_intake_failure().await {
            error!(error = %failure, "the store doesn't let lists be read at once; trying again");
            return NextClaim::AFTER_FAILURE;
        }
        let now = self.runtime.now();
        let waiting = self.until_due(now).await;
        if !waiting.blocked_work {
            return waiting;
        }
        let room = match self.polling.claim_batch_polls(now, room).await {
            Ok(batch_polls) => {
                let room = room.saturating_sub(batch_polls.len());
                for batch_poll in batch_polls {
                    let engine = Arc::clone(self);
                    running.spawn(async move { engine.polling.run_batch_poll(batch_poll).await });
                }
                room
            }
            Err(failure) => {
                error!(error = %failure, "the store gives no lists to read; trying again");
                return NextClaim::AFTER_FAILURE;
            }
        };
        let claim = Claim {
            owner: self.runtime.node(),
            now,
            lease: self.settings.lease,
            limit: room,
            max_per_institution: self.settings.workers_per_institution,
            max_polls: self.active_polls.free(),
            max_polls_per_institution: self.settings.polls_per_institution.min(self.settings.workers_per_institution),
        };
        match self.runtime.retry_transaction(async || self.runtime.store().claim(&claim).await).await {
            Ok(Claimed { intents, more }) => {
                let until = saturating_add(now, self.settings.lease);
                for intent in intents {
                    let engine = Arc::clone(self);
                    let active = match intent.work {
                        Work::Poll(_) => &self.active_polls,
                        Work::Effect(_) | Work::Deadline(_) => &self.active_effects,
                    };
                    let place = active.occupy(&intent.institution);
                    running.spawn(async move { engine.work_on(intent, until, None, place).await });
                }
                if more { NextClaim { delay: Duration::ZERO, blocked_work: true } } else { self.until_due(now).await }
            }
            Err(failure) => {
                error!(error = %failure, "the store gives no work; trying again");
                NextClaim::AFTER_FAILURE
            }
        }
    }

    /// Returns when the next intent is due. An intent that became due since the claim at `claimed` counts too, and
    /// means no sleep.
    async fn until_due(&self, claimed: Timestamp) -> NextClaim {
        let Ok((held_back, due)) = self.runtime.store().due(claimed).await else { return NextClaim::AFTER_FAILURE };
        let due = due.into_iter().chain(self.polling.next_waiting()).min();
        let after = due.map(|due| Duration::try_from(due.duration_since(self.runtime.now())).unwrap_or_default());
        NextClaim { delay: after.map_or(LONGEST_SLEEP, |after| after.min(LONGEST_SLEEP)), blocked_work: held_back }
    }

    /// Executes an intent, and then the effects that follow from it.
    async fn work_on(&self, intent: Intent, until: Timestamp, known: Option<Stored>, place: Place) {
        let (mut intent, mut until, mut known, mut place) = (intent, until, known, place);
        while let Some(Applied { stored, next: Some(next) }) = self.work_once(&intent, until, known).await {
            until = saturating_add(next.intent.claimed_at, self.settings.lease);
            place = next.place.unwrap_or(place);
            (intent, known) = (next.intent, Some(stored));
        }
        drop(place);
    }

    /// Begins what this node has under lease already.
    fn take_over(self: &Arc<Self>, handed_over: &mut UnboundedReceiver<HandedOver>, running: &mut JoinSet<()>) {
        while let Ok(leased) = handed_over.try_recv() {
            self.begin(leased, running);
        }
    }

    fn begin(self: &Arc<Self>, leased: HandedOver, running: &mut JoinSet<()>) {
        let HandedOver { intent, stored, place } = leased;
        let (engine, until) = (Arc::clone(self), saturating_add(intent.claimed_at, self.settings.lease));
        running.spawn(async move { engine.work_on(intent, until, Some(stored), place).await });
    }

    /// Executes one intent and renews its lease, which lasts until `until`.
    async fn work_once(&self, intent: &Intent, until: Timestamp, known: Option<Stored>) -> Option<Applied> {
        // On the heap, since it is large and would be copied with every future around it.
        let work = Box::pin(async {
            match intent.work {
                Work::Effect(effect) => self.do_effect(intent, effect, known).await,
                Work::Poll(side) => self.run_poll(intent, side).await.map(|()| None),
                Work::Deadline(deadline) => self.do_deadline(intent, deadline).await.map(|()| None),
            }
        });
        match self.while_leased(intent, until, work).instrument(span(intent)).await {
            Ok(applied) => applied,
            Err(Error::Store(store::Error::LeaseLost)) => {
                warn!(request = %intent.request, "the lease of this was lost; nothing was written, and whoever holds it now goes on");
                None
            }
            Err(failure) => {
                // The lease runs out, and the intent returns marked as unclear.
                error!(request = %intent.request, error = %failure, "could not store what came of an intent");
                None
            }
        }
    }
}

/// Creates the span of an intent for traces. The spans of its calls are inside it.
fn span(intent: &Intent) -> Span {
    let (kind, what) = match intent.work {
        Work::Effect(effect) => ("effect", effect.name()),
        Work::Poll(side) => ("poll", side.name()),
        Work::Deadline(deadline) => ("deadline", deadline.name()),
    };
    let (request, institution) = (intent.request, &intent.institution);
    let (has_hint, unclear) = (!intent.hints.is_empty(), intent.unclear);
    debug_span!("intent", otel.name = format!("{kind} {what}"), %request, %institution, kind, what, has_hint, unclear)
}

fn report(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(failure) = ended {
        error!(error = %failure, "work on a request ended in a fault of the hub; its lease runs out and it is done again");
    }
}
