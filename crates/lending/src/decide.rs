//! The decision: facts, then status, then the next effect.

use jiff::Timestamp;

use crate::attention::FailingPoll;
use crate::command::Command;
use crate::effect::{Effect, Side};
use crate::event::Event;
use crate::observation::Observed;
use crate::poll::poll_targets;
use crate::request::{Progress, Request};
use crate::status::Status;
use crate::{derived, effects, record, transitions};

/// What follows from an event.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// The request as it is now.
    pub next: Request,
    /// The way its status went, step by step; empty where it stayed.
    pub transitions: Vec<Transition>,
    /// What is to be done next, if anything new is.
    pub effect: Option<Effect>,
    /// What staff should read about the event in the timeline, beyond its name.
    pub note: Option<String>,
}

impl Decision {
    /// Whether the event changed nothing, as when the same is seen twice.
    pub fn is_unchanged(&self, before: &Request) -> bool {
        self.transitions.is_empty() && self.effect.is_none() && self.next == *before
    }
}

/// One step of the status, with the fact that allowed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition {
    /// Where it stood.
    pub from: Status,
    /// Where it stands.
    pub to: Status,
    /// Why, for the timeline.
    pub reason: &'static str,
}

/// Decides what `event` makes of `request`. Total: an event that means nothing here changes nothing.
pub fn decide(request: &Request, event: &Event, now: Timestamp) -> Decision {
    let mut next = request.clone();
    if request.status.is_final() {
        // What a late poll shows belongs to somebody else by now.
        return Decision { next, transitions: Vec::new(), effect: None, note: None };
    }
    let note = record::record_event(&mut next, event, now);
    let note = record::sent_after_all(request, &mut next).or(note);
    if !is_command(event) && next != *request {
        // Taking the last act back would take this back too.
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

/// Keeps which sides can't be polled. A poll that was made ends it, as does a status that waits for nothing there.
fn note_poll(next: &mut Request, before: &Request, event: &Event) {
    match event {
        Event::Observed(Observed::PollFailed { side, reason, since }) => {
            next.failing_polls.insert(*side, FailingPoll { since: *since, reason: reason.clone() });
        }
        Event::Observed(Observed::Seen { side, .. }) => {
            next.failing_polls.remove(side);
        }
        // The act that is taken back had nothing to do with it.
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
            | Command::SettleLoss { .. }
            | Command::End { .. },
        ) => {}
    }
    let watched = poll_targets(next);
    next.failing_polls.retain(|side, _| watched.iter().any(|target| target.side == *side));
}

/// What staff were asked about belongs to a status that lies behind.
fn staff_case_is_resolved(before: &Request, next: &Request) -> bool {
    before.status != next.status && before.staff_case == next.staff_case && !is_still_without_hold(next)
}

/// The patron has no hold, or no virtual item, on what is on its way to them: nobody would put it on the hold shelf.
fn is_still_without_hold(request: &Request) -> bool {
    let unheld = |side: &Side| {
        request.virtual_side(*side).is_some_and(|here| here.hold.is_closed() && here.progress < Progress::OnHoldShelf)
    };
    request.status == Status::PickupTransit && request.workflow.virtual_sides().iter().any(unheld)
}
