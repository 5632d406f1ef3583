//! Executes one intent, an effect or a poll, and commits its result.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lending::{Effect, EffectResult, Event, Observed, Request, Side};
use lms::{Attempt, Outage};
use polling::{FAILS_OFTEN, PollOutcome, has_hint};
use runtime::saturating_add;
use store::{Intent, NOTHING_NEW, NodeEvent, Stored};
use tracing::{debug, warn};

use crate::commit::{Applied, Cause};
use crate::engine::Engine;
use crate::error::Error;
use crate::perform::EffectExecution;
use crate::rules::check_agencies;
use crate::titles::TitleRecord;

impl Engine {
    pub(crate) async fn do_effect(
        &self,
        intent: &Intent,
        effect: Effect,
        known: Option<Stored>,
    ) -> Result<Option<Applied>, Error> {
        let stored = match known {
            Some(stored) => stored,
            None => self.load(intent).await?,
        };
        let request = &stored.request;
        if request.in_flight != Some(effect) {
            return self.commits.drop_intent(intent, "obsolete").await.map(|()| None);
        }
        // Staff may have named a copy of another library in the meantime. Reading a copy changes nothing.
        let is_elsewhere =
            effect == Effect::ChooseSupplier && request.institution_for(effect) != Some(&intent.institution);
        if is_elsewhere || (!intent.unclear && !request.is_next_effect(effect)) {
            let dropped = EffectResult::EffectDropped { effect }.into();
            return self.commit_outcome(intent, &dropped, Some(stored)).await.map(Some);
        }
        let outcome = match effect {
            // It calls the systems of other institutions, each by its own breaker and budget.
            Effect::FindCopies => self.find_copies(request).await?,
            _ => self.execute(intent, effect, request).await?,
        };
        debug!(request = %intent.request, effect = effect.name(), done = outcome.is_ok(), "effect");
        let result = match outcome {
            Ok(result) => {
                let result = check_agencies(&self.runtime, intent, result).await?;
                self.check_placing(request, result).await
            }
            Err(lms::Error::Refused(refusal) | lms::Error::NotSendable(refusal))
                if !effect.is_clean_up() || is_final_refusal(&refusal) =>
            {
                EffectResult::EffectRefused { effect, refusal }
            }
            Err(lms::Error::NotFound { what }) if !effect.is_clean_up() => {
                let refusal = lending::Refusal::new(
                    lending::Refusal::GONE,
                    format!("In the library's system {what} is not there any more."),
                );
                EffectResult::EffectRefused { effect, refusal }
            }
            // Another copy may be readable.
            Err(lms::Error::Unreadable { what })
                if effect == Effect::ChooseSupplier && intent.attempts.saturating_add(1) >= FAILS_OFTEN =>
            {
                let explanation =
                    format!("The lender's system describes the item in a way that can't be read: {what}.");
                EffectResult::CandidateUnfit(lending::Refusal::new("COPY_UNREADABLE", explanation))
            }
            Err(not_done) => return self.delay(intent, effect, &not_done).await.map(|()| None),
        };
        self.commit_outcome(intent, &result.into(), Some(stored)).await.map(Some)
    }

    /// Executes an effect in the system of the intent's institution, unless that is known to be down.
    async fn execute(
        &self,
        intent: &Intent,
        effect: Effect,
        request: &Request,
    ) -> Result<lms::Result<EffectResult>, Error> {
        let attempt = if intent.unclear { Attempt::AfterUnclear } else { Attempt::Fresh };
        let (now, attempts) = (self.runtime.now(), intent.attempts);
        let rules = self.runtime.rules_at(request, effect.side()).await?;
        let admitted = match self.systems.admit(&intent.institution).await {
            Ok(admitted) => admitted,
            Err(not_done) => return Ok(Err(not_done)),
        };
        let lms = Arc::clone(&admitted.lms);
        let prefetch = self.records_to_prefetch(lms.as_ref(), request, effect).await?;
        let virtual_patron = self.known_virtual_patron(&intent.institution, request, effect).await?;
        let (lms, prefetch, rules) = (lms.as_ref(), prefetch.as_slice(), &rules);
        let execution = EffectExecution { lms, request, attempt, attempts, now, rules, prefetch, virtual_patron };
        let outcome = lms::with_priority(effect.priority(), execution.run(effect)).await;
        self.forget_availability(intent, effect, request);
        Ok(self.systems.finish(admitted, outcome).await)
    }

    /// Lets the availability of a copy be asked for again if the effect may have changed it.
    fn forget_availability(&self, intent: &Intent, effect: Effect, request: &Request) {
        let changes = matches!(
            effect,
            Effect::PlaceHold(Side::Lender)
                | Effect::CancelHold(Side::Lender)
                | Effect::Lend(Side::Lender)
                | Effect::CheckIn(Side::Lender)
        );
        if let (true, Some(titles), Some(supply)) = (changes, self.titles.get(), &request.supply) {
            titles.forget(&TitleRecord { institution: intent.institution.clone(), bib: supply.copy.bib.clone() });
        }
    }

    /// Polls one side and commits the observation.
    pub(crate) async fn run_poll(&self, intent: &Intent, side: Side) -> Result<(), Error> {
        let stored = self.load(intent).await?;
        let request = &stored.request;
        match self.polling.poll(intent, request, side).await? {
            PollOutcome::NothingToPoll => self.commits.drop_poll(intent, &stored).await,
            PollOutcome::Observed(observed) => {
                match self.commit_outcome(intent, &observed.into(), Some(stored)).await {
                    Ok(applied) => {
                        self.commits.hand_over(applied);
                        Ok(())
                    }
                    Err(outdated @ Error::Outdated) => {
                        self.commits.postpone(intent, self.runtime.now(), &outdated.to_string()).await
                    }
                    Err(failure) => Err(failure),
                }
            }
            PollOutcome::NoChange(due) => self.commits.postpone(intent, due, NOTHING_NEW).await,
            PollOutcome::Paused(reason) => {
                let due = self.next_try(intent, request, side, &reason).await?;
                self.commits.postpone(intent, due, &reason.to_string()).await
            }
            PollOutcome::Failed(error) => self.poll_failed(intent, request, side, &error).await,
        }
    }

    /// Returns when to retry a failed poll: in the library's opening hours, or earlier if a hint means that somebody
    /// acted.
    async fn next_try(
        &self,
        intent: &Intent,
        request: &Request,
        side: Side,
        not_done: &lms::Error,
    ) -> Result<Timestamp, Error> {
        let due = saturating_add(self.runtime.now(), self.delay_after(intent, not_done));
        if has_hint(intent) { Ok(due) } else { Ok(self.polling.next_open_time(request, side, due).await?) }
    }

    /// Commits a failed poll. A poll that fails repeatedly is reported at its request. A used-up daily quota is
    /// reported at the institution.
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
            return self.commits.postpone(intent, due, &reason).await;
        }
        if intent.failures.saturating_add(1) < FAILS_OFTEN {
            return self.commits.postpone_failed_poll(intent, due, &reason).await;
        }
        let since = if intent.failures == 0 { self.runtime.now() } else { intent.failing_since };
        let failed = Observed::PollFailed { side, reason: reason.clone(), since };
        let cause = Cause::PollFailed { intent, due, reason: &reason };
        self.commits.apply(intent.request, &failed.into(), "hub", &cause, None).await.map(drop)
    }

    pub(crate) async fn load(&self, intent: &Intent) -> Result<Stored, Error> {
        let stored = self.runtime.store().request(intent.request).await?;
        stored.ok_or(Error::UnknownRequest(intent.request))
    }

    /// Commits what came of an intent. `known` is the request as it was read before.
    pub(crate) async fn commit_outcome(
        &self,
        intent: &Intent,
        event: &Event,
        known: Option<Stored>,
    ) -> Result<Applied, Error> {
        self.commits.apply(intent.request, event, "hub", &Cause::Finished(intent), known).await
    }

    async fn delay(&self, intent: &Intent, effect: Effect, not_done: &lms::Error) -> Result<(), Error> {
        let next_try = saturating_add(self.runtime.now(), self.delay_after(intent, not_done));
        // After an unclear attempt, only a poll or an answer clarifies the outcome.
        let unclear = intent.unclear || not_done.leaves_unclear();
        let needs_staff = not_done.is_case_for_staff(intent.attempts.saturating_add(1));
        let reason = not_done.to_string();
        warn!(request = %intent.request, effect = effect.name(), unclear, needs_staff, %reason, "effect is delayed");
        let on = lending::WaitingOn::system(effect.side());
        let delayed = EffectResult::EffectDelayed { effect, on, reason: reason.clone(), next_try, needs_staff };
        let cause = Cause::Postponed { intent, due: next_try, unclear, reason: &reason };
        self.commits.apply(intent.request, &delayed.into(), "hub", &cause, None).await?;
        // The system may have come back between the failure and its commit. Then the waiting work was rescheduled
        // without this intent.
        if matches!(not_done, lms::Error::Unavailable { after: Some(_), .. })
            && !self.systems.is_down(&intent.institution)
        {
            self.runtime.reschedule_institution(&intent.institution, &NodeEvent::WorkAvailable).await?;
        }
        Ok(())
    }

    /// Returns the delay before a retry: at least the time for which the library's system asks, or else any time up to
    /// the capped backoff.
    pub(crate) fn delay_after(&self, intent: &Intent, not_done: &lms::Error) -> Duration {
        let jitter = self.runtime.ids().jitter(self.settings.backoff.delay(intent.attempts));
        match not_done {
            lms::Error::Retryable { after: Some(least), .. } | lms::Error::Unavailable { after: Some(least), .. } => {
                *least + jitter.min(*least)
            }
            _ => jitter,
        }
    }
}

/// Returns whether a clean-up effect that was refused for this reason is over. Any other refusal is retried.
fn is_final_refusal(refusal: &lending::Refusal) -> bool {
    [lending::Refusal::LENT_TO_ANOTHER, lending::Refusal::LEFT_TO_STAFF].contains(&refusal.code.as_str())
}
