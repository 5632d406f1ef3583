//! The whole state space, searched: from every state a request can come to, it can still come to an end; and no
//! state wants two things at once.

use std::collections::{HashMap, VecDeque};

use lending::{
    Attention, Cancellation, CancelledBy, Closure, Command, Condition, CopyRef, Deadline, Effect, EffectResult, Event,
    Hold, HoldEnd, HoldState, ItemState, LoanState, Observation, Observed, Outcome, Refusal, Request, Settlement, Side,
    Status, Tracked, VirtualSide, decide, example,
};

use crate::walk::{after_days, hold_closed, item, item_and_hold, on_loan, on_loan_at_lender, returned, willing};

fn seen(side: Side, seen: Observation) -> Event {
    Event::Observed(Observed::Seen { side, observation: seen, source: lending::ObservationSource::Poll })
}

/// What libraries do when all goes well. Each search tries all of its events in every state, in any order.
fn the_ordinary_way() -> Vec<Event> {
    vec![
        seen(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess)),
        seen(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf)),
        seen(Side::Borrower, on_loan()),
        seen(Side::Borrower, returned(ItemState::InTransit)),
        seen(Side::Lender, returned(ItemState::InPlace)),
    ]
}

/// The same reported by messages, which show less than a poll: a loan made or closed, a hold that is gone.
fn messages() -> Vec<Event> {
    let reported = |side, seen| {
        Event::Observed(Observed::Seen { side, observation: seen, source: lending::ObservationSource::Notification })
    };
    let closed = || Observation { loan: Some(LoanState::None), ..Observation::default() };
    let lent = Observation { hold: None, ..on_loan() };
    let gone = Observation { hold: Some(HoldState::Gone), ..Observation::default() };
    vec![
        reported(Side::Borrower, lent),
        reported(Side::Borrower, gone.clone()),
        reported(Side::Borrower, closed()),
        reported(Side::Lender, closed()),
        reported(Side::Lender, Observation { closure: Some(Closure::Canceled), ..gone.clone() }),
        reported(Side::Borrower, Observation { closure: Some(Closure::Canceled), ..gone }),
        Command::Resume.into(),
        Command::Cancel { by: CancelledBy::Patron, reason: None }.into(),
    ]
}

/// Evidence that is late, early, or reports something unforeseen.
fn evidence() -> Vec<Event> {
    vec![
        seen(Side::Lender, item_and_hold(ItemState::InPlace, HoldState::Gone)),
        seen(Side::Lender, item(ItemState::Absent)),
        seen(Side::Lender, on_loan_at_lender(after_days(28))),
        seen(Side::Borrower, item_and_hold(ItemState::InPlace, HoldState::Gone)),
        seen(Side::Borrower, item(ItemState::Absent)),
        Command::Resume.into(),
    ]
}

/// Closures reported by webhooks, and what patrons and staff do about them.
fn closures() -> Vec<Event> {
    let sides = [Side::Lender, Side::Borrower].into_iter();
    let reported = sides.flat_map(|side| {
        let closures = [Closure::Canceled, Closure::Rejected, Closure::Failed];
        closures.map(|closure| hold_closed(side, closure))
    });
    reported.chain([Command::Resume.into(), Command::Cancel { by: CancelledBy::Patron, reason: None }.into()]).collect()
}

/// What somebody else borrows, at either side, and what is lent and lost before anybody looks.
fn others() -> Vec<Event> {
    let another = || Observation { loan: Some(LoanState::Another), ..item(ItemState::OnLoan) };
    let lost = Observation { item: Some(ItemState::Lost), ..on_loan() };
    vec![
        seen(Side::Borrower, another()),
        seen(Side::Lender, another()),
        seen(Side::Borrower, lost),
        Command::Cancel { by: CancelledBy::Patron, reason: None }.into(),
        Command::SettleLoss { how: Settlement::Paid }.into(),
        Command::End { reason: None }.into(),
        Command::Resume.into(),
    ]
}

/// Loss, silence, and staff taking matters into their own hands.
fn staff() -> Vec<Event> {
    let mut events = vec![
        seen(Side::Lender, item(ItemState::Lost)),
        seen(Side::Borrower, item(ItemState::ClaimedReturned)),
        Command::NextSupplier { reason: None, copy: None }.into(),
        Command::SettleLoss { how: Settlement::Paid }.into(),
        Command::ItemFound.into(),
        Command::End { reason: None }.into(),
    ];
    events.extend(Deadline::ALL.map(|deadline| Event::Observed(Observed::DeadlinePassed { deadline })));
    events
}

/// How an effect under way can end.
fn outcomes(effect: Effect) -> Vec<Event> {
    let refusal = || Refusal::new("401129", "It is refused.");
    let mut outcomes = vec![willing(effect).into()];
    if let Effect::DeleteVirtualItem(side) = effect {
        outcomes.push(EffectResult::VirtualItemDeleted { side, with_record: true }.into());
        outcomes.push(Event::EffectResult(EffectResult::EffectRefused {
            effect,
            refusal: Refusal::new(Refusal::LENT_TO_ANOTHER, "It is lent."),
        }));
    }
    if effect == Effect::CancelHold(Side::Lender) {
        let seen = item(ItemState::InTransit);
        outcomes.push(EffectResult::HoldCancelledAfterDispatch { observation: seen }.into());
    }
    if effect == Effect::FindCopies {
        let none = EffectResult::CopiesFound { copies: Vec::new(), summary: "No copy.".to_owned() };
        let queued = CopyRef { queued: true, ..example::candidate("31999") };
        let lent = EffectResult::CopiesFound { copies: vec![queued], summary: "One lent copy.".to_owned() };
        outcomes.extend([none.into(), lent.into()]);
    }
    if effect == Effect::ChooseSupplier {
        outcomes.push(EffectResult::CandidateUnfit(refusal()).into());
    } else if !effect.is_clean_up() {
        outcomes.push(EffectResult::EffectRefused { effect, refusal: refusal() }.into());
    }
    outcomes
}

/// The state without what no later decision rests on, so that the space is small enough to be searched whole.
fn essence(request: &Request) -> Request {
    let mut request = request.clone();
    let nameless = |_| Refusal::new("", "");
    let lost = |state: &ItemState| matches!(state, ItemState::Lost | ItemState::ClaimedReturned);
    request.undo = None;
    if let Some(wanted) = &mut request.wanted {
        wanted.tried.clear();
        wanted.rankings = 0;
    }
    request.earlier_suppliers.clear();
    request.attention = Attention::None;
    request.out_of_sequence = false;
    request.outcome = request.outcome.map(|_| Outcome::Supplied);
    request.refusal = request.refusal.map(nameless);
    request.conditions.retain(|condition| matches!(condition, Condition::Lost | Condition::ClaimedReturned));
    if let Some(cancellation) = &mut request.cancellation {
        *cancellation = Cancellation { by: CancelledBy::Patron, reason: None };
    }
    if let Some(staff_case) = &mut request.staff_case {
        staff_case.explanation.clear();
    }
    if let Some(supply) = &mut request.supply {
        supply.refusal = supply.refusal.take().map(nameless);
        // It decides in the same moment in which it becomes known.
        supply.sent_after_all = false;
        supply.hold_end = supply.hold_end.map(as_reported);
        let elsewhere = !matches!(supply.item, ItemState::InPlace | ItemState::Absent) && !lost(&supply.item);
        if elsewhere {
            supply.item = ItemState::InTransit;
        }
        plain(&mut supply.hold);
    }
    let here = &mut request.borrower;
    here.item_state = here.item_state.take().filter(lost);
    here.hold_attempts = here.hold_attempts.min(2);
    here.hold_end = here.hold_end.map(as_reported);
    plain(&mut here.hold);
    if request.status.is_ending() || request.status.is_final() {
        only_what_remains(&mut request);
    }
    request
}

/// At the end only what is still open counts.
fn only_what_remains(request: &mut Request) {
    request.candidates.clear();
    request.wanted = None;
    request.conditions.clear();
    request.cancellation = None;
    request.settlement = None;
    request.ended_manually = false;
    if let Some(supply) = &mut request.supply {
        supply.hold_end = None;
        supply.hold_missing_polls = 0;
        supply.item = ItemState::InPlace;
        supply.dispatched = false;
        supply.refusal = None;
        supply.queued = false;
        supply.loan = Tracked::NotCreated;
    }
    let here = &mut request.borrower;
    *here = VirtualSide {
        bib: here.bib.clone(),
        holding: here.holding.clone(),
        item: here.item.clone(),
        hold: here.hold.clone(),
        loan: here.loan.clone(),
        lent_to_another: here.lent_to_another,
        ..VirtualSide::default()
    };
}

/// Closures with the same answer everywhere are one.
fn as_reported(end: HoldEnd) -> HoldEnd {
    let closure = match end.closure {
        Closure::Rejected | Closure::Failed => end.closure,
        _ => Closure::Canceled,
    };
    HoldEnd::reported(closure)
}

fn plain(hold: &mut Tracked<Hold>) {
    if let Tracked::Open(hold) | Tracked::Closed(hold) = hold {
        hold.state = HoldState::NotStarted;
    }
}

struct Space {
    states: Vec<Request>,
    leads_to: Vec<Vec<usize>>,
}

fn search(placed: &Request, always: &[Event]) -> Space {
    let start = essence(&decide(placed, &Command::Place.into(), example::noon()).next);
    let mut known = HashMap::from([(start.clone(), 0)]);
    let mut space = Space { states: vec![start], leads_to: vec![Vec::new()] };
    let mut queue = VecDeque::from([0]);
    while let Some(index) = queue.pop_front() {
        let state = space.states[index].clone();
        let ends = state.in_flight.map(outcomes).unwrap_or_default();
        for event in always.iter().chain(&ends) {
            let decision = decide(&state, event, example::noon());
            check(&state, event, &decision);
            let next = essence(&decision.next);
            let at = match known.get(&next) {
                Some(at) => *at,
                None => {
                    let at = space.states.len();
                    known.insert(next.clone(), at);
                    space.states.push(next);
                    space.leads_to.push(Vec::new());
                    queue.push_back(at);
                    at
                }
            };
            space.leads_to[index].push(at);
        }
    }
    space
}

/// What holds after each step.
fn check(before: &Request, event: &Event, decision: &lending::Decision) {
    let next = &decision.next;
    let case = || format!("{} in {}", event.name(), before.status);
    if let Some(effect) = decision.effect {
        let over = before.in_flight.is_none() || decision.next.in_flight != before.in_flight || is_outcome(event);
        assert!(over, "{}: {effect:?} is begun beside {:?}", case(), before.in_flight);
        assert!(next.is_next_effect(effect), "{}: {effect:?} is begun and not wanted", case());
    }
    takes_effect(before, event, decision);
    says_who_has_it(before, event, next);
    let mut at = before.status;
    for step in &decision.transitions {
        assert_eq!(step.from, at, "{}: transitions form a path", case());
        at = step.to;
    }
    assert_eq!(next.status, at, "{}", case());
    if next.status == Status::Finalised {
        assert!(next.outcome.is_some(), "{}: it ended and nobody knows how", case());
        assert!(next.in_flight.is_none(), "{}: it ended and something is under way", case());
        let here = &next.borrower;
        let left = here.bib.is_open() || here.item.is_open() || here.hold.is_open() || here.loan.is_open();
        assert!(!left, "{}: it ended and something is left at the borrower", case());
        assert!(!next.supply.as_ref().is_some_and(|s| s.hold.is_open()), "{}: the lender's hold is left", case());
    }
}

/// A request that was cancelled or ended by hand makes nothing any more; only the patron's loan is still mirrored. A lender
/// that had sent its item before its hold was cancelled is followed, and nobody else is asked.
fn takes_effect(before: &Request, event: &Event, decision: &lending::Decision) {
    let next = &decision.next;
    let case = || format!("{} in {}", event.name(), before.status);
    let over = (next.cancellation.is_some() && next.status != Status::Loaned) || next.ended_manually;
    let mirrors = |effect: Effect| {
        let is_loan = matches!(effect, Effect::Lend(_) | Effect::EnsureVirtualPatron(_));
        is_loan && (next.borrower.loan != Tracked::NotCreated || next.settlement.is_some())
    };
    if let Some(effect) = decision.effect.filter(|_| over) {
        assert!(effect.is_clean_up() || mirrors(effect), "{}: it is over, and {effect:?} is begun", case());
    }
    let over = before.status.is_final();
    let known = before.supply.as_ref().is_none_or(|supply| supply.dispatched) || next.settlement.is_some();
    if matches!(event, Event::EffectResult(EffectResult::HoldCancelledAfterDispatch { .. })) && !over && !known {
        assert_ne!(decision.effect, Some(Effect::ChooseSupplier), "{}: another lender is asked", case());
        assert_ne!(next.status, Status::Finalised, "{}: nobody follows the item", case());
    }
}

/// Whose loan is seen at the desk decides on the status: the patron's is a loan, whatever became of the item since, and
/// anybody else's isn't.
fn says_who_has_it(before: &Request, event: &Event, next: &Request) {
    let Event::Observed(Observed::Seen { side: Side::Borrower, observation: seen, .. }) = event else { return };
    let waits = matches!(before.status, Status::PickupTransit | Status::ReceivedAtPickup | Status::ReadyForPickup);
    if !waits || next.ended_manually || next.settlement.is_some() {
        return;
    }
    match seen.loan {
        Some(LoanState::Active { .. }) => {
            let lent = next.status == Status::Loaned || next.supply.as_ref().is_some_and(|s| s.loan.is_closed());
            assert!(lent, "{}: the patron has the item, and it is {}", before.status, next.status);
        }
        Some(LoanState::Another) => {
            assert_ne!(next.status, Status::Loaned, "{}: somebody else's loan counts as the patron's", before.status);
        }
        _ => {}
    }
}

fn is_outcome(event: &Event) -> bool {
    match event {
        Event::EffectResult(_) => true,
        Event::Observed(_) | Event::Command(_) => false,
    }
}

/// From every state that the ordinary way and `events`, in any order, can bring a request to, FINALISED is reachable.
fn every_state_has_a_way_to_the_end(placed: &Request, events: Vec<Event>) {
    let always: Vec<Event> = the_ordinary_way().into_iter().chain(events).collect();
    let space = search(placed, &always);
    let mut leads_here: Vec<Vec<usize>> = vec![Vec::new(); space.states.len()];
    for (from, nexts) in space.leads_to.iter().enumerate() {
        for to in nexts {
            leads_here[*to].push(from);
        }
    }
    let mut ends: Vec<bool> = space.states.iter().map(|state| state.status == Status::Finalised).collect();
    let mut queue: VecDeque<usize> = (0..ends.len()).filter(|index| ends[*index]).collect();
    while let Some(index) = queue.pop_front() {
        for from in &leads_here[index] {
            if !ends[*from] {
                ends[*from] = true;
                queue.push_back(*from);
            }
        }
    }
    let stuck: Vec<&Request> =
        (0..ends.len()).filter(|index| !ends[*index]).map(|index| &space.states[index]).collect();
    println!("{} states", space.states.len());
    assert!(
        stuck.is_empty(),
        "{} of {} states have no way to the end, such as {:?}",
        stuck.len(),
        ends.len(),
        stuck[0]
    );
    assert!(ends.len() > 100, "the search went nowhere");
}

#[test]
fn every_state_has_a_way_to_the_end_whatever_is_reported() {
    every_state_has_a_way_to_the_end(&example::placed(), messages());
}

#[test]
fn every_state_has_a_way_to_the_end_whatever_is_seen() {
    every_state_has_a_way_to_the_end(&example::placed(), evidence());
}

#[test]
fn every_state_has_a_way_to_the_end_however_holds_close() {
    every_state_has_a_way_to_the_end(&example::placed(), closures());
}

#[test]
fn every_state_has_a_way_to_the_end_whoever_borrows_the_item() {
    every_state_has_a_way_to_the_end(&example::placed(), others());
}

#[test]
fn every_state_has_a_way_to_the_end_whatever_staff_do() {
    every_state_has_a_way_to_the_end(&example::placed(), staff());
}

#[test]
fn every_state_has_a_way_to_the_end_where_the_virtual_item_is_made_at_dispatch() {
    let late = Request { virtual_item_at_dispatch: true, ..example::placed() };
    every_state_has_a_way_to_the_end(&late, closures());
}

#[test]
fn every_state_of_a_request_for_a_title_has_a_way_to_the_end() {
    let events = closures().into_iter().chain(others().into_iter().take(2)).collect();
    every_state_has_a_way_to_the_end(&example::placed_for_a_title(), events);
}
