//! Interprets fresh hints. A hint replaces a poll if it shows the expected next change at a side, of the very hold or
//! loan that the request has there. In all other cases the side is polled. Batch polls give hints of the same kind.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::closure::Closure;
use crate::decide::decide;
use crate::effect::Side;

use crate::hint::{Hint, HoldChange, ItemSnapshot, LoanChange, hold_and_loan, is_open_hold};
use crate::observation::{HoldState, ItemState, LoanState, Observation, ObservationSource};
use crate::observed::Observed;
use crate::request::Request;
use crate::sides::{Progress, Tracked};
use crate::status::Status;

/// The longest lag of a list behind the real state. Search in Alma lags by minutes.
const MAX_LIST_LAG: SignedDuration = SignedDuration::from_hours(24);

/// The combined result of the hints for one side of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HintResult {
    /// The hints add no new information.
    NoChange,
    /// The hints show this observation, and nothing else.
    Observed(Box<Observation>),
    /// Only a poll can show the change. Contains the item's state if a hint has it.
    PollNeeded(Option<ItemState>),
}

/// Interprets `hints` for `side`. All of them must be fresh and [about the request's own patron](Hint::matches_holder).
/// They may have come in any order, so one may make sense only after another.
pub fn interpret_hints(request: &Request, side: Side, hints: &[Hint], now: Timestamp) -> HintResult {
    let mut then = request.clone();
    let mut all: Option<Observation> = None;
    let mut left: Vec<&Hint> = hints.iter().filter(|hint| hint.is_about(request, side)).collect();
    while let Some((at, observation)) =
        left.iter().enumerate().find_map(|(at, hint)| Some((at, hint.as_observation(&then, side, now)?)))
    {
        left.remove(at);
        let source = ObservationSource::Notification;
        let seen = Observed::Seen { side, observation: observation.clone(), source };
        then = decide(&then, &seen.into(), now).next;
        all = Some(match all {
            Some(before) => before.and_then(observation),
            None => observation,
        });
    }
    if left.iter().any(|hint| hint.is_relevant(&then, side)) {
        return HintResult::PollNeeded(left.iter().find_map(|hint| match hint {
            Hint::Item { snapshot: ItemSnapshot { state, .. }, .. } => state.clone(),
            Hint::ListMismatch { state, .. } => state.clone(),
            // Only a read shows whose loan it is.
            Hint::Loan { change: LoanChange::Created { .. }, .. } => Some(ItemState::OnLoan),
            Hint::Hold { .. } | Hint::Loan { .. } => None,
        }));
    }
    all.map_or(HintResult::NoChange, |all| HintResult::Observed(Box::new(all)))
}

impl Observation {
    /// Merges a later observation into this one. Fields that the later one shows win.
    fn and_then(self, later: Self) -> Self {
        Self {
            item: later.item.or(self.item),
            hold: later.hold.or(self.hold),
            loan: later.loan.or(self.loan),
            closure: later.closure.or(self.closure),
            pickup_library: later.pickup_library.or(self.pickup_library),
            last_shelf_day: later.last_shelf_day.or(self.last_shelf_day),
            shelf_until: later.shelf_until.or(self.shelf_until),
            last_interest_day: later.last_interest_day.or(self.last_interest_day),
            interest_until: later.interest_until.or(self.interest_until),
            wanted_back: later.wanted_back.or(self.wanted_back),
            holder_deleted: later.holder_deleted.or(self.holder_deleted),
            barcode: later.barcode.or(self.barcode),
            bib: later.bib.or(self.bib),
            holding: later.holding.or(self.holding),
        }
    }
}

impl Hint {
    fn as_observation(&self, request: &Request, side: Side, now: Timestamp) -> Option<Observation> {
        let (hold, loan) = hold_and_loan(request, side);
        let on_its_way = matches!(request.status, Status::PickupTransit | Status::ReceivedAtPickup);
        let here = request.virtual_side(side);
        match self {
            Self::Hold { hold: named, change: HoldChange::OnShelf { until }, .. } => (is_open_hold(hold, named)
                && on_its_way
                && here.is_some_and(|here| here.progress < Progress::OnHoldShelf))
            .then(|| on_shelf(*until)),
            // Alma may report a cancellation for a hold that has expired too. On the hold shelf an expiry has other
            // consequences.
            Self::Hold { hold: named, change: HoldChange::Cancelled, .. } => {
                let end = Observation { closure: Some(Closure::Canceled), ..gone() };
                let before_shelf = here.is_none_or(|here| here.progress < Progress::OnHoldShelf);
                // Whether a lender has taken a sent item back, only a poll of the item shows.
                let is_sent = side == Side::Lender && request.is_dispatched();
                (is_open_hold(hold, named) && before_shelf && !is_sent && !loan.is_some_and(Tracked::is_open))
                    .then_some(end)
            }
            // The hub knows the loan that fulfilled this hold.
            Self::Hold { hold: named, change: HoldChange::Closed, .. } => {
                (is_open_hold(hold, named) && here.is_some_and(|here| here.progress == Progress::OnLoan)).then(gone)
            }
            Self::Loan { loan: named, change: LoanChange::Created { due }, .. } => {
                let expected = on_its_way || request.status == Status::ReadyForPickup;
                let first = loan.is_some_and(|loan| *loan == Tracked::NotCreated);
                // The patron's loan fulfils the hold, as in a poll.
                let fulfilled = hold.is_some_and(Tracked::is_open).then_some(HoldState::Gone);
                (expected && first && here.is_some()).then(|| Observation {
                    item: Some(ItemState::OnLoan),
                    hold: fulfilled,
                    loan: Some(LoanState::Active { id: named.clone(), due: *due }),
                    ..Observation::default()
                })
            }
            Self::Loan { loan: named, change: LoanChange::Returned, .. } => (has_ordinary_loan(request, side)
                && loan.and_then(Tracked::open).is_some_and(|loan| loan.id == *named))
            .then(|| Observation { loan: Some(LoanState::None), ..Observation::default() }),
            // Only the hub's own hold can have brought a virtual item to the hold shelf.
            Self::ListMismatch { state: Some(ItemState::OnHoldShelf), present: true } => {
                let waits = here.is_some_and(|here| here.hold.is_open() && here.progress < Progress::OnHoldShelf);
                (waits && on_its_way).then(|| on_shelf(None))
            }
            // The item was in transit before its loan too, and a list that lags may still show that.
            Self::ListMismatch { state: Some(ItemState::InTransit), present: true } => {
                let returned = here.is_some()
                    && request.status == Status::Loaned
                    && now.duration_since(request.status_since) > MAX_LIST_LAG
                    && has_ordinary_loan(request, side)
                    && loan.is_some_and(Tracked::is_open);
                returned.then(|| Observation { loan: Some(LoanState::None), ..Observation::default() })
            }
            Self::Hold { .. } | Self::Loan { .. } | Self::Item { .. } | Self::ListMismatch { .. } => None,
        }
    }
}

fn on_shelf(last_day: Option<Date>) -> Observation {
    Observation {
        hold: Some(HoldState::OnHoldShelf),
        last_shelf_day: last_day,
        item: Some(ItemState::OnHoldShelf),
        loan: Some(LoanState::None),
        ..Observation::default()
    }
}

/// Returns whether the item is neither lost nor claimed returned. Only a poll shows what becomes of a lost or claimed
/// item.
fn has_ordinary_loan(request: &Request, side: Side) -> bool {
    let state = match side {
        Side::Lender => request.supply.as_ref().map(|supply| &supply.item),
        _ => request.virtual_side(side).and_then(|here| here.item_state.as_ref()),
    };
    !matches!(state, Some(ItemState::Lost | ItemState::ClaimedReturned | ItemState::Missing))
}

/// Returns the observation of a hold that is over.
fn gone() -> Observation {
    Observation { hold: Some(HoldState::Gone), ..Observation::default() }
}
