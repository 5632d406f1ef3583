//! What fresh messages show by themselves, so that nothing need be read: the next thing that is expected at a side, about
//! the very hold or loan that the request has there. Everything else is looked at. Lists that tell of many requests show
//! the next thing in the same way.

use jiff::{SignedDuration, Timestamp};

use crate::closure::Closure;
use crate::decide::decide;
use crate::effect::Side;
use crate::event::{Event, HoldState, ItemState, LoanState, Observation};
use crate::hint::{Hint, HoldNews, LoanNews, Told, is_open, parts};
use crate::request::{Progress, Request, Tracked};
use crate::status::Status;

/// By how much a list may lag behind what is so. Search in Alma lags by minutes.
const LAGS_AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// What messages about one side of a request show, taken together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// Nothing that isn't known.
    Nothing,
    /// This, and nothing else.
    This(Observation),
    /// Something that must be read up on; with the state in which the item was told to be, if it was.
    Unsure(Option<ItemState>),
}

/// What `hints`, which are all fresh and [about the request's own patron](Hint::is_about_holder), show of `side`. They may
/// have come in any order: one may only make sense after another.
pub fn shown(request: &Request, side: Side, hints: &[Hint], now: Timestamp) -> Shown {
    let mut then = request.clone();
    let mut all: Option<Observation> = None;
    let mut left: Vec<&Hint> = hints.iter().collect();
    while let Some((at, observation)) =
        left.iter().enumerate().find_map(|(at, hint)| Some((at, hint.shows(&then, side, now)?)))
    {
        left.remove(at);
        then = decide(&then, &Event::Told { side, observation: observation.clone() }, now).next;
        all = Some(match all {
            Some(before) => before.and_then(observation),
            None => observation,
        });
    }
    if left.iter().any(|hint| hint.is_news(&then, side)) {
        return Shown::Unsure(left.iter().find_map(|hint| match hint {
            Hint::Item { like: Told { state, .. }, .. } => state.clone(),
            Hint::Listed { state, .. } => state.clone(),
            // Whose loan it is must be read.
            Hint::Loan { what: LoanNews::Made { .. }, .. } => Some(ItemState::OnLoan),
            Hint::Hold { .. } | Hint::Loan { .. } => None,
        }));
    }
    all.map_or(Shown::Nothing, Shown::This)
}

impl Observation {
    /// What was seen after this, where it tells anything.
    fn and_then(self, later: Self) -> Self {
        Self {
            item: later.item.or(self.item),
            hold: later.hold.or(self.hold),
            loan: later.loan.or(self.loan),
            closure: later.closure.or(self.closure),
            shelf_until: later.shelf_until.or(self.shelf_until),
            wanted_back: later.wanted_back.or(self.wanted_back),
            barcode: later.barcode.or(self.barcode),
            holding: later.holding.or(self.holding),
        }
    }
}

impl Hint {
    fn shows(&self, request: &Request, side: Side, now: Timestamp) -> Option<Observation> {
        let (hold, loan) = parts(request, side);
        let on_its_way = matches!(request.status, Status::PickupTransit | Status::ReceivedAtPickup);
        let here = request.virtual_side(side);
        match self {
            Self::Hold { hold: told, what: HoldNews::OnShelf { until }, .. } => {
                (is_open(hold, told) && on_its_way && here.is_some_and(|here| here.progress < Progress::OnHoldShelf))
                    .then(|| on_shelf(*until))
            }
            // Alma may tell so of one that has expired too, which on the hold shelf is another end.
            Self::Hold { hold: told, what: HoldNews::Cancelled, .. } => {
                let end = Observation { closure: Some(Closure::Canceled), ..gone() };
                let before_shelf = here.is_none_or(|here| here.progress < Progress::OnHoldShelf);
                (is_open(hold, told) && before_shelf && !loan.is_some_and(Tracked::is_open)).then_some(end)
            }
            // The loan that fulfilled it is known.
            Self::Hold { hold: told, what: HoldNews::Closed, .. } => {
                (is_open(hold, told) && here.is_some_and(|here| here.progress == Progress::OnLoan)).then(gone)
            }
            Self::Loan { loan: told, what: LoanNews::Made { due }, .. } => {
                let expected = on_its_way || request.status == Status::ReadyForPickup;
                let first = loan.is_some_and(|loan| *loan == Tracked::NotCreated);
                (expected && first && here.is_some()).then(|| Observation {
                    item: Some(ItemState::OnLoan),
                    loan: Some(LoanState::Active { id: told.clone(), due: *due }),
                    ..Observation::default()
                })
            }
            Self::Loan { loan: told, what: LoanNews::Returned, .. } => (is_plainly_out(request, side)
                && loan.and_then(Tracked::open).is_some_and(|loan| loan.id == *told))
            .then(|| Observation { loan: Some(LoanState::None), ..Observation::default() }),
            // Only our hold can have brought a virtual item there.
            Self::Listed { state: Some(ItemState::OnHoldShelf), is_there: true } => {
                let waits = here.is_some_and(|here| here.hold.is_open() && here.progress < Progress::OnHoldShelf);
                (waits && on_its_way).then(|| on_shelf(None))
            }
            // Before its loan it was in transit too: a list that lags may still say so.
            Self::Listed { state: Some(ItemState::InTransit), is_there: true } => {
                let returned = here.is_some()
                    && request.status == Status::Loaned
                    && now.duration_since(request.status_since) > LAGS_AT_MOST
                    && is_plainly_out(request, side)
                    && loan.is_some_and(Tracked::is_open);
                returned.then(|| Observation { loan: Some(LoanState::None), ..Observation::default() })
            }
            Self::Hold { .. } | Self::Loan { .. } | Self::Item { .. } | Self::Listed { .. } => None,
        }
    }
}

fn on_shelf(until: Option<Timestamp>) -> Observation {
    Observation {
        hold: Some(HoldState::OnHoldShelf),
        shelf_until: until,
        item: Some(ItemState::OnHoldShelf),
        loan: Some(LoanState::None),
        ..Observation::default()
    }
}

/// Not lost and not said to be returned: what comes of such an item is read.
fn is_plainly_out(request: &Request, side: Side) -> bool {
    let state = match side {
        Side::Lender => request.supply.as_ref().map(|supply| &supply.item),
        _ => request.virtual_side(side).and_then(|here| here.item_state.as_ref()),
    };
    !matches!(state, Some(ItemState::Lost | ItemState::ClaimedReturned | ItemState::Missing))
}

/// A hold that is over.
fn gone() -> Observation {
    Observation { hold: Some(HoldState::Gone), ..Observation::default() }
}
