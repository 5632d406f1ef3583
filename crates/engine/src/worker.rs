//! The loop: claim what is due, do it, commit what came of it.

#![allow(
    clippy::disallowed_methods,
    reason = "the loop sleeps by the machine's clock; what is due is decided by the node's"
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lending::Request;
use runtime::{LONGEST_SLEEP, saturating_add};
use store::{Claim, Claimed, Intent, Work};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, debug_span, error, info, warn};

use crate::commit::Applied;
use crate::engine::Engine;
use crate::error::Error;

/// How long the loop waits after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

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
        match self.runtime.store().reschedule_after_clock_change(self.runtime.now(), effects, polls).await {
            Ok(0) => {}
            Ok(misdated) => warn!(misdated, "the clock was set back since the last run; waiting work is due now"),
            Err(failure) => warn!(error = %failure, "could not search for work that a wrong clock has postponed"),
        }
        // Messages may have been missed while no node listened; that nodes run now proves nothing.
        self.polling.intake_failed();
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
                    () = self.runtime.woken() => break,
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
        self.runtime.stop();
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
        if let Err(failure) = self.polling.catch_up_after_intake_failure().await {
            error!(error = %failure, "the store doesn't let lists be read at once; trying again");
            return NextClaim::AFTER_FAILURE;
        }
        let now = self.runtime.now();
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
            // A quarter of the places is kept for what somebody waits for.
            max_polls: (self.settings.workers - self.settings.workers / 4)
                .saturating_sub(self.active_polls.load(Ordering::Relaxed)),
            max_polls_per_institution: self.settings.polls_per_institution.min(self.settings.workers_per_institution),
            except: &[],
        };
        match self.runtime.retry_transaction(async || self.runtime.store().claim(&claim).await).await {
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
        let asked = async {
            Ok::<_, store::Error>((
                self.runtime.store().is_due(claimed).await?,
                self.runtime.store().next_due(claimed).await?,
            ))
        };
        let Ok((held_back, due)) = asked.await else { return NextClaim::AFTER_FAILURE };
        let after = due.map(|due| Duration::try_from(due.duration_since(self.runtime.now())).unwrap_or_default());
        NextClaim { delay: after.map_or(LONGEST_SLEEP, |after| after.min(LONGEST_SLEEP)), blocked_work: held_back }
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

fn report(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(failure) = ended {
        error!(error = %failure, "work on a request ended in a fault of the hub; its lease runs out and it is done again");
    }
}
