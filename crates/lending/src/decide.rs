//! The decision: event to facts, facts to status, status to the next effect.

use jiff::Timestamp;

use crate::attention::FailingPoll;
use crate::command::Command;
use crate::effect::{Effect, Side};
use crate::event::Event;
use crate::observed::Observed;
use crate::poll::poll_targets;
use crate::request::Request;
use crate::sides::Progress;
use crate::status::Status;
use crate::{derived, effects, record, transitions};

/// The consequences of an event.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// The request as it is now.
    pub next: Request,
    /// The transitions of the status, in order; empty if the status stayed the same.
    pub transitions: Vec<Transition>,
    /// The next effect, if there is a new one.
    pub effect: Option<Effect>,
    /// A note for staff about the event in the timeline, beyond the event's name.
    pub note: Option<String>,
}

impl Decision {
    /// Returns whether the event changed nothing, as when the hub observes the same twice.
    pub fn is_unchanged(&self, before: &Request) -> bool {
        self.transitions.is_empty() && self.effect.is_none() && self.next == *before
    }
}

/// One change of status, with the fact that allowed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition {
    /// The earlier status.
    pub from: Status,
    /// The new status.
    pub to: Status,
    /// The reason, for the timeline.
    pub reason: &'static str,
}

/// Decides how `event` changes `request`. The function is total: an event without a meaning in the present state
/// changes nothing.
pub fn decide(request: &Request, event: &Event, now: Timestamp) -> Decision {
    let mut next = request.clone();
    if request.status.is_final() {
        // The request is final. A late poll shows an item that other people use by now.
        return Decision { next, transitions: Vec::new(), effect: None, note: None };
    }
    let note = record::record_event(&mut next, event, now);
    let note = record::sent_after_all(request, &mut next).or(note);
    if !is_command(event) && next != *request {
        // This event changed the facts, and taking the last action back would undo that change too.
        next.undo = None;
    }
    let transitions = transitions::advance(&mut next, now);
    note_poll(&mut next, request, event);
    if staff_case_is_resolved(request, &next) {
        next.staff_case = None;
    }
    let wanted = if next.in_flight.is_some() { None } else { effects::next_effect(&next) };
    if wanted.is_some() {
        next.in_flight = wanted;
    }
    next.conditions = derived::conditions(&next, now);
    next.attention = derived::attention(&next, event, !transitions.is_empty(), now);
    Decision { next, transitions, effect: wanted, note }
}

fn is_command(event: &Event) -> bool {
    match event {
        Event::Command(_) => true,
        Event::EffectResult(_) | Event::Observed(_) => false,
    }
}

/// Records which sides can't be polled. A successful poll ends the failure, and so does a status that waits for nothing
/// at that side.
fn note_poll(next: &mut Request, before: &Request, event: &Event) {
    match event {
        Event::Observed(Observed::PollFailed { side, reason, since }) => {
            next.failing_polls.insert(*side, FailingPoll { since: *since, reason: reason.clone() });
        }
        Event::Observed(Observed::Seen { side, .. }) => {
            next.failing_polls.remove(side);
        }
        // The action that is taken back has nothing to do with failed polls.
        Event::Command(Command::Undo) => next.failing_polls.clone_from(&before.failing_polls),
        Event::Observed(Observed::DeadlinePassed { .. })
        | Event::EffectResult(_)
        | Event::Command(
            Command::Place
            | Command::Cancel { .. }
            | Command::NextSupplier { .. }
            | Command::ChangePickup { .. }
            | Command::Resume
            | Command::ItemFound
            | Command::ReportDamage { .. }
            | Command::SettleLoss { .. }
            | Command::End { .. },
        ) => {}
    }
    let watched = poll_targets(next);
    next.failing_polls.retain(|side, _| watched.iter().any(|target| target.side == *side));
}

/// Returns whether the case for staff is settled: it belongs to an earlier status, or the lender doesn't want the item back
/// any more, so that the patron may renew.
fn staff_case_is_resolved(before: &Request, next: &Request) -> bool {
    let denial = next.staff_case.as_ref().is_some_and(|staff_case| staff_case.cause.is_refused_denial());
    if denial && !next.supply.as_ref().is_some_and(|supply| supply.wanted_back) {
        return true;
    }
    before.status != next.status && before.staff_case == next.staff_case && !is_still_without_hold(next)
}

/// Returns whether the patron has no hold, or no virtual item, for an item on its way to them. Nobody would put such an
/// item on the hold shelf.
fn is_still_without_hold(request: &Request) -> bool {
    let unheld = |side: &Side| {
        request.virtual_side(*side).is_some_and(|here| here.hold.is_closed() && here.progress < Progress::OnHoldShelf)
    };
    request.status == Status::PickupTransit && request.workflow.virtual_sides().iter().any(unheld)
}
