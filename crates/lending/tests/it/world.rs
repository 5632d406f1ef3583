//! The state space once more, with the libraries in it: what a poll shows is what is there, and what is done changes
//! it. Here a fact that the request believes and that isn't so comes to light; the search in [`crate::model`], where
//! evidence is free, can't see that.

use std::collections::{HashMap, VecDeque};

use lending::{
    Action, Attention, CancelledBy, Command, Effect, EffectResult, Event, HoldState, ItemState, LoanState, Observation,
    Observed, Request, Side, Status, WaitingOn, decide, example, poll_targets,
};

use crate::walk::{after_days, willing};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Place {
    Shelf,
    Transit,
    HoldShelf,
    Loan,
}

/// One library: where its item is, if it has one, and whether our hold is there and under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Library {
    item: Option<Place>,
    hold: Option<HoldState>,
}

impl Library {
    fn is_lent(self) -> bool {
        self.item == Some(Place::Loan)
    }

    /// A loan to our patron fulfils the hold that is there, and no later one.
    fn lend(&mut self) {
        self.item = Some(Place::Loan);
        self.hold = None;
    }

    fn cancel_hold(&mut self) {
        self.hold = None;
    }

    /// The poll as the library's adapter reports it.
    fn poll(self, hold: bool, loan_id: &str) -> Observation {
        let state = match self.item {
            None => ItemState::Absent,
            Some(Place::Shelf) if self.hold.is_some() => ItemState::Requested,
            Some(Place::Shelf) => ItemState::InPlace,
            Some(Place::Transit) => ItemState::InTransit,
            Some(Place::HoldShelf) => ItemState::OnHoldShelf,
            Some(Place::Loan) => ItemState::OnLoan,
        };
        let active = LoanState::Active { id: loan_id.into(), due: Some(after_days(28)) };
        let loan = if self.is_lent() { active } else { LoanState::None };
        let seen = Observation { item: Some(state), ..Observation::default() };
        if self.item.is_none() {
            return seen;
        }
        let hold = hold.then(|| self.hold.unwrap_or(HoldState::Gone));
        Observation { hold, loan: Some(loan), ..seen }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct World {
    lender: Library,
    borrower: Library,
}

/// What staff and patrons do. The order means nothing: each is tried in every state.
#[derive(Clone, Copy, Debug)]
enum Act {
    ScanAtLender,
    ScanAtBorrower,
    LendAtBorrower,
    CancelAtLender,
    CancelAtBorrower,
}

const ACTS: [Act; 5] =
    [Act::ScanAtLender, Act::ScanAtBorrower, Act::LendAtBorrower, Act::CancelAtLender, Act::CancelAtBorrower];

impl World {
    fn new() -> Self {
        Self { lender: Library { item: Some(Place::Shelf), hold: None }, borrower: Library::default() }
    }

    /// What the act makes of it, where it can be done at all.
    fn act(mut self, act: Act) -> Option<Self> {
        match act {
            Act::ScanAtLender => {
                let there = &mut self.lender;
                there.item?;
                if there.hold.is_some() {
                    *there = Library { item: Some(Place::Transit), hold: Some(HoldState::InProcess) };
                } else {
                    there.item = Some(Place::Shelf);
                }
            }
            Act::ScanAtBorrower => {
                let there = &mut self.borrower;
                there.item?;
                if there.hold.is_some() {
                    *there = Library { item: Some(Place::HoldShelf), hold: Some(HoldState::OnHoldShelf) };
                } else {
                    there.item = Some(Place::Transit);
                }
            }
            Act::LendAtBorrower => {
                if self.borrower.item.is_none() || self.borrower.is_lent() {
                    return None;
                }
                self.borrower.lend();
            }
            Act::CancelAtLender => self.lender.cancel_hold(),
            Act::CancelAtBorrower => self.borrower.cancel_hold(),
        }
        Some(self)
    }

    /// What the library makes of an effect: the result that reports it.
    fn perform(&mut self, effect: Effect) -> EffectResult {
        let there = if effect.side() == Side::Lender { &mut self.lender } else { &mut self.borrower };
        match effect {
            // Another lender's item.
            Effect::ChooseSupplier => *there = World::new().lender,
            Effect::PlaceHold(_) => there.hold = Some(HoldState::NotStarted),
            Effect::CancelHold(side) => {
                there.cancel_hold();
                // The adapter reads the lender's item once its hold is gone.
                if side == Side::Lender && matches!(there.item, Some(Place::Transit | Place::Loan)) {
                    return EffectResult::HoldCancelledAfterDispatch { observation: there.poll(false, "71") };
                }
            }
            Effect::Lend(_) => there.lend(),
            Effect::CreateVirtualItem(_) => there.item = Some(Place::Shelf),
            Effect::SendIntoTransit(_) if there.item == Some(Place::Shelf) => there.item = Some(Place::Transit),
            Effect::SendIntoTransit(_) => return EffectResult::EffectDropped { effect },
            Effect::CheckIn(_) if there.is_lent() => there.item = Some(Place::Transit),
            // Alma deletes no item that is on loan or waited for (401874, "Item has active requests").
            Effect::DeleteVirtualItem(_) if there.is_lent() || there.hold.is_some() => {
                let reason = "Item has active requests.".to_owned();
                let (on, next_try) = (WaitingOn::BorrowerSystem, after_days(1));
                return EffectResult::EffectDelayed { effect, on, reason, next_try, needs_staff: false };
            }
            Effect::DeleteVirtualItem(_) => there.item = None,
            Effect::CheckIn(_)
            | Effect::VerifyPatron
            | Effect::FindCopies
            | Effect::EnsureVirtualPatron(_)
            | Effect::CreateVirtualBib(_)
            | Effect::CreateVirtualHolding(_)
            | Effect::UpdateVirtualItem(_)
            | Effect::ChangePickup(_)
            | Effect::Renew(_)
            | Effect::LimitDueDate(_)
            | Effect::RaiseDueDate(_)
            | Effect::DenyRenewal(_)
            | Effect::DeleteVirtualBib(_) => {}
        }
        willing(effect)
    }

    fn poll(self, side: Side, hold: bool) -> Event {
        let seen = match side {
            Side::Lender => self.lender.poll(hold, "71"),
            _ => self.borrower.poll(hold, "72"),
        };
        Event::Observed(Observed::Seen { side, observation: seen, source: lending::ObservationSource::Poll })
    }
}

/// Request and libraries together.
#[derive(Clone)]
struct State {
    request: Request,
    world: World,
}

impl State {
    fn key(&self) -> (String, World) {
        (serde_json::to_string(&self.request).unwrap(), self.world)
    }

    fn on_event(&self, world: World, event: &Event) -> Self {
        let mut request = decide(&self.request, event, example::noon()).next;
        request.attention = Attention::None;
        request.undo = None;
        request.earlier_suppliers.clear();
        Self { request, world }
    }

    /// What the hub does, and what staff and patrons do in the ordinary course: they scan what lies before them, lend
    /// what waits on the hold shelf, and resume what they are asked about.
    fn ordinary(&self) -> Vec<Self> {
        let mut nexts = Vec::new();
        if let Some(effect) = self.request.in_flight {
            let mut world = self.world;
            let result = if self.request.is_next_effect(effect) {
                world.perform(effect)
            } else {
                EffectResult::EffectDropped { effect }
            };
            nexts.push(self.on_event(world, &result.into()));
        }
        let polls = poll_targets(&self.request);
        nexts.extend(polls.iter().map(|poll| self.on_event(self.world, &self.world.poll(poll.side, poll.hold))));
        if self.request.may(Action::Resume).is_ok() {
            nexts.push(self.on_event(self.world, &Command::Resume.into()));
        }
        let ready = self.request.status == Status::ReadyForPickup && self.world.borrower.item == Some(Place::HoldShelf);
        let acts = [Act::ScanAtLender, Act::ScanAtBorrower].into_iter().chain(ready.then_some(Act::LendAtBorrower));
        nexts.extend(acts.filter_map(|act| self.after(act)));
        nexts
    }

    /// What else may happen, at any time.
    fn odd(&self) -> Vec<Self> {
        let mut nexts: Vec<Self> = ACTS.into_iter().filter_map(|act| self.after(act)).collect();
        if self.request.may(Action::Cancel).is_ok() {
            let asked = Event::Command(Command::Cancel { by: CancelledBy::Patron, reason: None });
            nexts.push(self.on_event(self.world, &asked));
        }
        nexts
    }

    fn after(&self, act: Act) -> Option<Self> {
        Some(Self { request: self.request.clone(), world: self.world.act(act)? })
    }

    fn check(&self) {
        if self.request.status != Status::Finalised {
            return;
        }
        let World { lender, borrower } = self.world;
        assert_eq!(borrower, Library::default(), "it ended and something is left at the borrower");
        assert!(lender.hold.is_none() && !lender.is_lent(), "it ended and something is left at the lender: {lender:?}");
        // A lender that cancels its hold itself gives the item to somebody else.
        let withdrew = self.request.supply.as_ref().is_some_and(|supply| supply.hold_end.is_some());
        assert!(withdrew || lender.item != Some(Place::Transit), "it ended and the item is away: {:#?}", self.request);
    }
}

#[test]
fn every_state_of_request_and_libraries_has_an_ordinary_way_to_a_clean_end() {
    let start = State { request: example::placed(), world: World::new() };
    let start = start.on_event(start.world, &Command::Place.into());
    let mut known = HashMap::from([(start.key(), 0)]);
    let mut states = vec![start];
    let mut leads_here: Vec<Vec<usize>> = vec![Vec::new()];
    let mut queue = VecDeque::from([0]);
    while let Some(index) = queue.pop_front() {
        let state = states[index].clone();
        let ordinary = state.ordinary().into_iter().map(|next| (next, true));
        for (next, is_ordinary) in ordinary.chain(state.odd().into_iter().map(|next| (next, false))) {
            let at = *known.entry(next.key()).or_insert_with(|| {
                next.check();
                states.push(next);
                leads_here.push(Vec::new());
                queue.push_back(states.len() - 1);
                states.len() - 1
            });
            if is_ordinary {
                leads_here[at].push(index);
            }
        }
    }
    let mut ends: Vec<bool> = states.iter().map(|state| state.request.status == Status::Finalised).collect();
    let mut queue: VecDeque<usize> = (0..ends.len()).filter(|index| ends[*index]).collect();
    while let Some(index) = queue.pop_front() {
        for from in &leads_here[index] {
            if !ends[*from] {
                ends[*from] = true;
                queue.push_back(*from);
            }
        }
    }
    println!("{} states", states.len());
    let stuck: Vec<&State> = (0..ends.len()).filter(|index| !ends[*index]).map(|index| &states[index]).collect();
    if let Some(first) = stuck.first() {
        panic!(
            "{} of {} states have no way to the end, such as {:#?} with {:?}",
            stuck.len(),
            states.len(),
            first.request,
            first.world
        );
    }
    assert!(states.len() > 1000, "the search went nowhere");
}
