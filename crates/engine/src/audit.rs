//! Builds the entries of the audit log for a decision.

use jiff::Timestamp;
use lending::{Command, Decision, EffectResult, Event, Observation, ObservationSource, Observed, Request};
use serde_json::{Value, json};
use store::AuditEntry;

/// Returns one row per transition, or one for an event that changed only facts. A delay is recorded once, not with each
/// retry.
pub(crate) fn audit(
    before: &Request,
    decision: &Decision,
    event: &Event,
    actor: &str,
    now: Timestamp,
) -> Vec<AuditEntry> {
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
    if let Event::Observed(Observed::PollFailed { side, .. }) = event {
        return before.failing_polls.contains_key(side);
    }
    if !matches!(event, Event::EffectResult(EffectResult::EffectDelayed { .. })) {
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
    let own = || decision.note.clone();
    match event {
        Event::EffectResult(EffectResult::EffectDelayed { effect, reason, .. }) => {
            Some(format!("{}: {reason}", effect.name()))
        }
        Event::EffectResult(_) => own(),
        Event::Observed(Observed::PollFailed { reason, .. }) => Some(reason.clone()),
        Event::Observed(Observed::Seen { .. } | Observed::DeadlinePassed { .. }) => own(),
        Event::Command(
            Command::Cancel { reason, .. } | Command::NextSupplier { reason, .. } | Command::End { reason },
        ) => own().or_else(|| reason.clone()),
        Event::Command(Command::ReportDamage { description }) => own().or_else(|| Some(description.clone())),
        Event::Command(
            Command::Place
            | Command::ChangePickup { .. }
            | Command::Resume
            | Command::ItemFound
            | Command::SettleLoss { .. }
            | Command::Undo,
        ) => own(),
    }
}

/// Returns the facts on which the event is based, without anything personal.
fn evidence(event: &Event) -> Option<Value> {
    match event {
        Event::EffectResult(result) => evidence_of_result(result),
        Event::Observed(observed) => evidence_of_observed(observed),
        Event::Command(command) => evidence_of_command(command),
    }
}

fn evidence_of_result(result: &EffectResult) -> Option<Value> {
    match result {
        EffectResult::PatronVerified(verified) => Some(json!({"patron_type": verified.patron_type})),
        EffectResult::CopiesFound { copies, .. } => {
            let copies = copies.iter().map(|copy| json!({"institution": copy.institution, "item": copy.item}));
            Some(json!({"copies": copies.collect::<Vec<_>>()}))
        }
        EffectResult::SupplierChosen(copy) => {
            Some(json!({"library": copy.library, "location": copy.location, "barcode": copy.barcode}))
        }
        EffectResult::HoldPlaced { hold, .. } | EffectResult::PickupChanged { hold, .. } => {
            Some(json!({"hold": hold.id, "state": hold.state}))
        }
        EffectResult::VirtualBibCreated { bib, .. } => Some(json!({"bib": bib})),
        EffectResult::VirtualHoldingCreated { holding, .. } => Some(json!({"holding": holding})),
        EffectResult::VirtualItemReady { item, barcode, .. } => Some(json!({"item": item, "barcode": barcode})),
        EffectResult::Lent { loan, .. }
        | EffectResult::Renewed { loan, .. }
        | EffectResult::DueDateLimited { loan, .. }
        | EffectResult::DueDateRaised { loan, .. } => Some(json!({"loan": loan.id, "due": loan.due})),
        EffectResult::EffectRefused { effect, refusal } => Some(json!({"effect": effect, "code": refusal.code})),
        EffectResult::HoldCancelledAfterDispatch { observation } => serde_json::to_value(observation).ok(),
        EffectResult::PatronRefused(_)
        | EffectResult::CandidateUnfit(_)
        | EffectResult::VirtualPatronReady { .. }
        | EffectResult::SentIntoTransit { .. }
        | EffectResult::RenewalDenied { .. }
        | EffectResult::HoldCancelled { .. }
        | EffectResult::CheckedIn { .. }
        | EffectResult::VirtualItemDeleted { .. }
        | EffectResult::VirtualBibDeleted { .. }
        | EffectResult::EffectDropped { .. }
        | EffectResult::EffectDelayed { .. } => None,
    }
}

fn evidence_of_observed(observed: &Observed) -> Option<Value> {
    match observed {
        Observed::Seen { observation, source, .. } => seen(observation, *source),
        Observed::PollFailed { .. } => None,
        Observed::DeadlinePassed { deadline } => Some(json!({"deadline": deadline})),
    }
}

fn evidence_of_command(command: &Command) -> Option<Value> {
    match command {
        Command::Cancel { by, .. } => Some(json!({"by": by})),
        Command::NextSupplier { copy, .. } => Some(json!({"institution": copy.as_ref().map(|copy| &copy.institution)})),
        Command::ChangePickup { pickup } => Some(json!({"pickup_location": pickup.code})),
        Command::SettleLoss { how } => Some(json!({"how": how})),
        Command::Place
        | Command::Resume
        | Command::ItemFound
        | Command::ReportDamage { .. }
        | Command::End { .. }
        | Command::Undo => None,
    }
}

/// Returns an observation and its source.
fn seen(observation: &Observation, source: ObservationSource) -> Option<Value> {
    let mut shown = serde_json::to_value(observation).ok()?;
    shown.as_object_mut()?.insert("source".to_owned(), json!(source));
    Some(shown)
}
