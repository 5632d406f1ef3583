//! What the audit log says of a decision.

use jiff::Timestamp;
use lending::{Decision, Event, Observation, ObservationSource, Request};
use serde_json::{Value, json};
use store::AuditEntry;

/// One row per transition, or one for an event that changed facts alone; a delay is recorded once, not with each retry.
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
