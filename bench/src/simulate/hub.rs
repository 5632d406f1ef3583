//! Simulates the hub without a database and without time: requests and intents are in memory, and the engine's own code
//! leads from an intent to a decision. Chance decides whether a node crashes or is paused past its lease.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::EffectExecution;
use jiff::{SignedDuration, Timestamp};
use lending::{
    Action, Barcode, Command, Copy, CopyRef, Decision, Effect, EffectResult, Event, Hint, InstitutionCode, ItemState,
    Observed, Refusal, Request, RequestId, Rules, Side, Status, Tracked, Transition, decide, poll_targets, transitions,
};
use lms::{Attempt, HostLms};
use parking_lot::Mutex;

use super::line::LineState;

/// An intent of an effect. Polls have no intents here, since any poll may be made at any time.
#[derive(Clone, Debug)]
struct Intent {
    effect: Effect,
    institution: Option<InstitutionCode>,
    attempts: u32,
    unclear: bool,
}

impl Intent {
    fn is_fresh(&self) -> bool {
        self.attempts == 0 && !self.unclear
    }
}

/// A request as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) request: Request,
    intent: Option<Intent>,
    /// The statuses that the request went through.
    pub(super) passed: Vec<Status>,
    /// Every event of the request, for people who look for the cause of a violation.
    pub(super) story: Vec<String>,
    /// Whether the hub accepted the patron's cancellation.
    pub(super) cancelled: bool,
    /// The lenders' copies that the request was placed with, by institution and barcode.
    pub(super) copies: Vec<(String, String)>,
    /// The promise of another lender. The hub accepted the command without a confirmation that no lender may be left,
    /// and has not chosen another lender yet.
    promised: Option<Promise>,
}

/// What the hub promised to staff who wanted another lender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Promise {
    /// The copy that staff named will be requested.
    Named,
    /// There is another lender.
    Any,
}

/// A mishap of a node in the middle of its work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mishap {
    None,
    /// The node dies before it sends anything.
    DiesBefore,
    /// The node dies after the work is done and before it is committed.
    DiesAfter,
    /// The node is paused past its lease, another node does the work, and then the first one goes on and must not
    /// write.
    Paused,
}

pub(super) struct Hub {
    pub(super) now: Timestamp,
    pub(super) lms: BTreeMap<String, Arc<dyn HostLms>>,
    pub(super) requests: BTreeMap<RequestId, Stored>,
    line: Arc<Mutex<LineState>>,
    polls: u64,
    allowed: Vec<(Status, Status)>,
}

impl Hub {
    pub(super) fn new(now: Timestamp, lms: BTreeMap<String, Arc<dyn HostLms>>, line: Arc<Mutex<LineState>>) -> Self {
        let allowed = transitions().map(|step| (step.from, step.to)).collect();
        Self { now, lms, requests: BTreeMap::new(), line, polls: 0, allowed }
    }

    pub(super) fn place(&mut self, request: Request) -> Result<(), String> {
        let id = request.id;
        let named = |copy: &lending::CopyRef| Some((copy.institution.to_string(), copy.barcode.as_ref()?.to_string()));
        let copies = request.candidates.iter().filter_map(named).collect();
        let stored = Stored {
            request,
            intent: None,
            passed: Vec::new(),
            story: Vec::new(),
            cancelled: false,
            copies,
            promised: None,
        };
        self.requests.insert(id, stored);
        self.apply(id, &Command::Place.into())
    }

    fn line(&self) -> parking_lot::MutexGuard<'_, LineState> {
        self.line.lock()
    }

    fn lms(&self, institution: Option<&InstitutionCode>) -> Option<Arc<dyn HostLms>> {
        self.lms.get(institution?.as_str()).cloned()
    }

    /// Applies an event: decides on it and stores the result, as the engine's commit does.
    pub(super) fn apply(&mut self, id: RequestId, event: &Event) -> Result<(), String> {
        let now = self.now;
        let Some(stored) = self.requests.get_mut(&id) else { return Ok(()) };
        let mut event = event.clone();
        if let Event::Observed(Observed::Seen { observation, .. }) = &mut event {
            Rules::default().set_shelf_end(observation);
            Rules::default().set_interest_end(observation);
        }
        let (event, decision) = (&event, decide(&stored.request, &event, now));
        let named = named(event);
        let (name, next) = (event.name(), decision.next.status);
        stored.story.push(format!("{name}{named} -> {next} {:?}", decision.effect));
        takes_effect(stored, event, &decision)?;
        // An intent that was withdrawn before it was started is dropped when a worker claims it.
        stored.intent =
            stored.intent.take().filter(|intent| !intent.is_fresh() || stored.request.in_flight == Some(intent.effect));
        for Transition { from, to, .. } in &decision.transitions {
            if !self.allowed.contains(&(*from, *to)) {
                return Err(format!("{from} -> {to} is no transition of the workflow"));
            }
            stored.passed.push(*to);
        }
        if let Some(effect) = decision.effect {
            if stored.intent.is_some() {
                return Err(format!("{effect:?} is wanted while another effect is under way"));
            }
            let institution = decision.next.institution_for(effect).cloned();
            stored.intent = Some(Intent { effect, institution, attempts: 0, unclear: false });
        }
        stored.request = decision.next;
        Ok(())
    }

    /// Gives a command as a person does, if the request's state allows it.
    pub(super) fn ask(&mut self, id: RequestId, command: &Command) -> Result<bool, String> {
        let Some(stored) = self.requests.get(&id) else { return Ok(false) };
        if let Some(action) = command.action()
            && stored.request.may(action).is_err()
        {
            return Ok(false);
        }
        let is_sent = stored.intent.as_ref().is_some_and(|intent| !intent.is_fresh());
        if command.action() == Some(Action::Undo) && is_sent {
            return Ok(false);
        }
        self.apply(id, &command.clone().into())?;
        let Some(stored) = self.requests.get_mut(&id) else { return Ok(true) };
        stored.promised = None;
        match command {
            Command::Cancel { .. } => stored.cancelled = true,
            Command::Undo => stored.cancelled = stored.request.cancellation.is_some(),
            Command::Place
            | Command::NextSupplier { .. }
            | Command::ChangePickup { .. }
            | Command::Resume
            | Command::ItemFound
            | Command::ReportDamage { .. }
            | Command::SettleLoss { .. }
            | Command::End { .. } => {}
        }
        Ok(true)
    }

    pub(super) fn promise(&mut self, id: RequestId, what: Promise) {
        if let Some(stored) = self.requests.get_mut(&id) {
            stored.promised = Some(what);
        }
    }

    pub(super) fn may_ask(&self, id: RequestId, command: &Command) -> bool {
        command.action().is_none_or(|action| self.may(id, action))
    }

    /// Returns a copy as its library's system describes it now; `None` if the system doesn't answer.
    pub(super) async fn read_copy(&self, copy: &CopyRef) -> Option<Result<Copy, Refusal>> {
        let lms = self.lms(Some(&copy.institution))?;
        self.line().intent = true;
        let found = lms.resolve_copy(copy).await;
        self.line().intent = false;
        found.ok()
    }

    pub(super) fn may(&self, id: RequestId, action: Action) -> bool {
        self.requests.get(&id).is_some_and(|stored| stored.request.may(action).is_ok())
    }

    pub(super) fn is_busy(&self, id: RequestId) -> bool {
        self.requests.get(&id).is_some_and(|stored| stored.intent.is_some())
    }

    /// Works on the request's intent, if it has one.
    pub(super) async fn work(&mut self, id: RequestId, mishap: Mishap) -> Result<(), String> {
        let Some(stored) = self.requests.get(&id) else { return Ok(()) };
        let Some(intent) = stored.intent.clone() else { return Ok(()) };
        let request = stored.request.clone();
        if request.in_flight != Some(intent.effect) {
            self.set_intent(id, None);
            return Ok(());
        }
        // Staff may have named a copy of another library meanwhile.
        let is_elsewhere = request.institution_for(intent.effect) != intent.institution.as_ref();
        let is_read = intent.effect == Effect::ChooseSupplier;
        if (is_read && is_elsewhere) || (!intent.unclear && !request.is_next_effect(intent.effect)) {
            self.set_intent(id, None);
            return self.apply(id, &EffectResult::EffectDropped { effect: intent.effect }.into());
        }
        if mishap == Mishap::DiesBefore {
            // The lease runs out. No other node knows that nothing was sent.
            self.set_intent(id, Some(Intent { unclear: true, ..intent }));
            return Ok(());
        }
        let outcome = self.perform(&request, &intent).await;
        match mishap {
            Mishap::DiesAfter => {
                self.note(id, "the node dies before its commit");
                self.set_intent(id, Some(Intent { unclear: true, ..intent }));
                Ok(())
            }
            Mishap::Paused => {
                self.note(id, "another node takes over");
                let intent = Intent { unclear: true, ..intent };
                let outcome = self.perform(&request, &intent).await;
                self.finish(id, intent, outcome)
            }
            _ => self.finish(id, intent, outcome),
        }
    }

    async fn perform(&self, request: &Request, intent: &Intent) -> Result<EffectResult, lms::Error> {
        let Some(lms) = self.lms(request.institution_for(intent.effect)) else {
            return Err(lms::Error::retryable("no such institution"));
        };
        self.line().intent = true;
        let attempt = if intent.unclear { Attempt::AfterUnclear } else { Attempt::Fresh };
        let act = EffectExecution {
            lms: lms.as_ref(),
            request,
            attempt,
            attempts: intent.attempts,
            now: self.now,
            rules: &Rules::default(),
            prefetch: &[],
            virtual_patron: store::KnownVirtualPatron::default(),
        };
        let outcome = act.run(intent.effect).await;
        self.line().intent = false;
        outcome
    }

    /// Executes an intent as the engine's worker does.
    fn finish(
        &mut self,
        id: RequestId,
        intent: Intent,
        outcome: Result<EffectResult, lms::Error>,
    ) -> Result<(), String> {
        let effect = intent.effect;
        self.report_faults(id);
        match outcome {
            Ok(result) => {
                self.set_intent(id, None);
                self.apply(id, &result.into())
            }
            Err(lms::Error::Refused(refusal)) if !effect.is_clean_up() || refusal.code == Refusal::LENT_TO_ANOTHER => {
                self.set_intent(id, None);
                self.apply(id, &EffectResult::EffectRefused { effect, refusal }.into())
            }
            Err(lms::Error::NotFound { what }) if !effect.is_clean_up() => {
                self.set_intent(id, None);
                let explanation = format!("In the library's system {what} is not there any more.");
                let refusal = Refusal::new(Refusal::GONE, explanation);
                self.apply(id, &EffectResult::EffectRefused { effect, refusal }.into())
            }
            Err(not_done) => {
                let unclear = intent.unclear || not_done.leaves_unclear();
                self.set_intent(id, Some(Intent { unclear, attempts: intent.attempts + 1, ..intent }));
                let next_try = self.now.saturating_add(SignedDuration::from_secs(60)).unwrap_or(self.now);
                let on = lending::WaitingOn::system(effect.side());
                self.note(id, format!("{effect:?} waits: {not_done}"));
                let (reason, needs_staff) = (not_done.to_string(), not_done.is_case_for_staff(intent.attempts + 1));
                self.apply(id, &EffectResult::EffectDelayed { effect, on, reason, next_try, needs_staff }.into())
            }
        }
    }

    /// Returns the sides of requests for which the hint is new information, as far as the hint can be relied on.
    pub(super) fn affected_requests(&self, institution: &str, hint: &Hint) -> Vec<(RequestId, Side)> {
        let mut waiting = Vec::new();
        for (id, Stored { request, .. }) in &self.requests {
            for side in [Side::Lender, Side::Borrower] {
                let here = request.institution(side).is_some_and(|code| code.as_str() == institution);
                if here && hint.matches_holder(request, side) && hint.is_relevant(request, side) {
                    waiting.push((*id, side));
                }
            }
        }
        waiting
    }

    /// Polls one side as a scheduled poll would: every other poll is a shallow one. A failed poll proves nothing.
    pub(super) async fn poll_by_clock(&mut self, id: RequestId, side: Side) -> Result<(), String> {
        self.poll_hinted(id, side, None).await
    }

    /// Polls one side after a message reported the state of the item.
    pub(super) async fn poll_hinted(
        &mut self,
        id: RequestId,
        side: Side,
        hinted_state: Option<ItemState>,
    ) -> Result<(), String> {
        let Some(request) = self.requests.get(&id).map(|stored| stored.request.clone()) else { return Ok(()) };
        let Some(target) = lending::poll_target(&request, side) else { return Ok(()) };
        let Some(lms) = self.lms(request.institution(side)) else { return Ok(()) };
        self.polls += 1;
        let shallow = hinted_state.is_none() && self.polls.is_multiple_of(2);
        self.line().intent = true;
        let seen = engine::poll_side(lms.as_ref(), &request, target, shallow, hinted_state).await;
        self.line().intent = false;
        self.report_faults(id);
        match seen {
            Ok(Some(observed)) => self.apply(id, &observed.into()),
            _ => Ok(()),
        }
    }

    /// Polls every side that is worth polling, whatever was observed before.
    pub(super) async fn poll_fully(&mut self, id: RequestId) -> Result<(), String> {
        for side in Side::ALL {
            self.poll(id, side).await?;
        }
        Ok(())
    }

    /// Polls one side fully, if it is worth polling.
    pub(super) async fn poll(&mut self, id: RequestId, side: Side) -> Result<(), String> {
        let Some(request) = self.requests.get(&id).map(|stored| stored.request.clone()) else { return Ok(()) };
        let (Some(target), Some(lms)) = (lending::poll_target(&request, side), self.lms(request.institution(side)))
        else {
            return Ok(());
        };
        self.line().intent = true;
        let seen = engine::poll_side(lms.as_ref(), &request, target, false, None).await;
        self.line().intent = false;
        self.report_faults(id);
        match seen {
            Ok(Some(observed)) => self.apply(id, &observed.into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn poll_all(&mut self, id: RequestId) -> Result<(), String> {
        let sides: Vec<Side> = match self.requests.get(&id) {
            Some(stored) => poll_targets(&stored.request).into_iter().map(|target| target.side).collect(),
            None => Vec::new(),
        };
        for side in sides {
            self.poll(id, side).await?;
        }
        Ok(())
    }

    fn set_intent(&mut self, id: RequestId, intent: Option<Intent>) {
        if let Some(stored) = self.requests.get_mut(&id) {
            stored.intent = intent;
        }
    }

    fn report_faults(&mut self, id: RequestId) {
        let faults = std::mem::take(&mut self.line().fault_log);
        for fault in faults {
            self.note(id, fault);
        }
    }

    pub(super) fn note(&mut self, id: RequestId, what: impl Into<String>) {
        if let Some(stored) = self.requests.get_mut(&id) {
            stored.story.push(format!("   {}", what.into()));
        }
    }
}

/// Returns the objects that a command names, for the story.
fn named(event: &Event) -> String {
    match event {
        Event::Command(Command::NextSupplier { copy: Some(copy), .. }) => {
            format!(" {}", copy.barcode.as_ref().map_or("", Barcode::as_str))
        }
        Event::Command(Command::ChangePickup { pickup }) => format!(" {}", pickup.library),
        Event::Command(
            Command::NextSupplier { copy: None, .. }
            | Command::Place
            | Command::Cancel { .. }
            | Command::Resume
            | Command::ItemFound
            | Command::ReportDamage { .. }
            | Command::SettleLoss { .. }
            | Command::End { .. }
            | Command::Undo,
        )
        | Event::EffectResult(_)
        | Event::Observed(_) => String::new(),
    }
}

/// Checks that a command that was accepted takes effect. A cancelled or ended request has no effects but clean-up and
/// the mirroring of the patron's loan. A lender isn't given up if no other lender can be asked.
fn takes_effect(stored: &mut Stored, event: &Event, decision: &Decision) -> Result<(), String> {
    let next = &decision.next;
    let over = (next.cancellation.is_some() && next.status != Status::Loaned) || next.ended_manually;
    let mirrors = |effect: Effect| {
        let is_loan = matches!(effect, Effect::Lend(_) | Effect::EnsureVirtualPatron(_));
        is_loan && (next.at_pickup().loan != Tracked::NotCreated || next.settlement.is_some())
    };
    if let Some(effect) = decision.effect.filter(|effect| over && !effect.is_clean_up() && !mirrors(*effect)) {
        return Err(format!("I12: a request that was cancelled or ended wants {}", effect.name()));
    }
    let unfit = matches!(
        event,
        Event::EffectResult(
            EffectResult::CandidateUnfit(_) | EffectResult::EffectRefused { effect: Effect::ChooseSupplier, .. }
        )
    );
    let none_left = next.status == Status::NoItemsSelectableAtAnyAgency || next.candidates.is_empty();
    match stored.promised {
        Some(Promise::Named) if unfit => {
            return Err("I12: the lender was given up for a copy that can't be lent".to_owned());
        }
        Some(Promise::Any) if unfit && none_left => {
            return Err("I12: the lender was given up, and no other can be asked".to_owned());
        }
        _ => {}
    }
    stored.promised =
        stored.promised.filter(|_| !matches!(event, Event::EffectResult(EffectResult::SupplierChosen(_))));
    Ok(())
}
