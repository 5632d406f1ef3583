//! The decision: facts, then status, then the next effect.

use jiff::Timestamp;

use crate::attention::{Attention, WaitingOn};
use crate::effect::Effect;
use crate::event::Event;
use crate::request::Request;
use crate::status::Status;
use crate::{effects, record, steps};

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
    pub because: &'static str,
}

/// Decides what `event` makes of `request`. Total: an event that means nothing here changes nothing.
pub fn decide(request: &Request, event: &Event, now: Timestamp) -> Decision {
    let mut next = request.clone();
    let note = record::facts(&mut next, event);

    let mut transitions = Vec::new();
    while let Some((to, because)) = steps::step(&next) {
        transitions.push(Transition { from: next.status, to, because });
        steps::enter(&mut next, to);
    }

    if !transitions.is_empty() && needs_staff(request) {
        // What staff were asked about belongs to a status that lies behind.
        next.attention = Attention::None;
    }
    let wanted = if next.in_flight.is_some() || needs_staff(&next) { None } else { effects::wanted(&next) };
    if wanted.is_some() {
        next.in_flight = wanted;
    }
    set_attention(&mut next, event, !transitions.is_empty(), now);
    Decision { next, transitions, effect: wanted, note }
}

fn needs_staff(request: &Request) -> bool {
    matches!(request.attention, Attention::NeedsStaff { .. })
}

/// Who has the next move, from status and facts; a delay is told by its own event.
fn set_attention(next: &mut Request, event: &Event, moved: bool, now: Timestamp) {
    if let Event::EffectDelayed { on, why, next_try, .. } = event {
        let since = match &next.attention {
            Attention::Waiting { on: before, since, .. } if before == on => *since,
            _ => now,
        };
        next.attention = Attention::Waiting { on: *on, since, next_try: Some(*next_try), why: why.clone() };
        return;
    }
    if needs_staff(next) {
        return;
    }
    if next.in_flight.is_some() {
        next.attention = Attention::None;
        return;
    }
    let Some((on, why)) = waiting(next) else {
        next.attention = Attention::None;
        return;
    };
    let since = match &next.attention {
        Attention::Waiting { on: before, since, .. } if *before == on && !moved => *since,
        _ => now,
    };
    next.attention = Attention::Waiting { on, since, next_try: None, why: why.to_owned() };
}

fn waiting(request: &Request) -> Option<(WaitingOn, &'static str)> {
    match request.status {
        Status::RequestPlacedAtSupplyingAgency | Status::Confirmed | Status::RequestPlacedAtBorrowingAgency => Some((
            WaitingOn::LendingLibrary,
            "The lending library has yet to take the item from its shelf and scan it in.",
        )),
        Status::PickupTransit => {
            Some((WaitingOn::PickupLibrary, "The item is on its way; the pickup library has yet to scan it in."))
        }
        Status::ReceivedAtPickup => {
            Some((WaitingOn::PickupLibrary, "The item has come; it has yet to be put on the hold shelf."))
        }
        Status::ReadyForPickup => Some((WaitingOn::Patron, "The item waits on the hold shelf for the patron.")),
        Status::Loaned => Some((WaitingOn::Patron, "The patron has the item.")),
        Status::ReturnTransit => {
            Some((WaitingOn::LendingLibrary, "The item is on its way home; the lending library has yet to scan it in."))
        }
        Status::SubmittedToDcb
        | Status::PatronVerified
        | Status::Resolved
        | Status::NotSuppliedCurrentSupplier
        | Status::NoItemsSelectableAtAnyAgency
        | Status::Completed
        | Status::Cancelled
        | Status::Finalised => None,
    }
}
