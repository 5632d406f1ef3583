//! Hints: what a webhook message or a batch poll suggests about one hold, loan or item. A message may be late, duplicate, out
//! of order or lost, so a hint as a rule only triggers a poll; [`interpret_hints`](crate::interpret_hints) says when fresh
//! hints can replace it. A hint with no new information costs no poll.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::effect::{Effect, Side};
use crate::ids::{Barcode, HoldId, HoldingId, ItemId, LoanId, PatronId, RequestId};
use crate::observation::ItemState;
use crate::poll::poll_targets;
use crate::request::{Hold, Loan, Progress, Request, Tracked};

/// What a message or batch poll suggests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// Of a hold with the hub's marker.
    Hold {
        /// The request it is for.
        request: RequestId,
        /// The hold.
        hold: HoldId,
        /// What happened to it.
        change: HoldChange,
    },
    /// Of a loan.
    Loan {
        /// The item.
        item: ItemId,
        /// The loan.
        loan: LoanId,
        /// Whose it is, where the message says so. It is never stored.
        #[serde(skip)]
        patron: Option<PatronId>,
        /// What happened to it.
        change: LoanChange,
    },
    /// Of an item, which was changed in whatever way.
    Item {
        /// The item.
        item: ItemId,
        /// Its state now, as far as the message carries it.
        snapshot: ItemSnapshot,
    },
    /// Of an item that is on a list in which it shouldn't be, or not on one in which it should.
    ListMismatch {
        /// The state that it is in, by that list.
        state: Option<ItemState>,
        /// Whether it is on it. That it isn't says little of where it is.
        present: bool,
    },
}

/// The state of an item, as a message carries it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ItemSnapshot {
    /// Its state.
    pub state: Option<ItemState>,
    /// Its barcode.
    pub barcode: Option<Barcode>,
    /// Its holding.
    pub holding: Option<HoldingId>,
}

/// What happened to a hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldChange {
    /// It was placed.
    Placed,
    /// Its item waits on the hold shelf.
    OnShelf {
        /// Until when it waits there.
        until: Option<Timestamp>,
    },
    /// It was cancelled.
    Cancelled,
    /// It was fulfilled, or ended in a way that only a poll shows.
    Closed,
}

/// What happened to a loan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoanChange {
    /// It was made.
    Created {
        /// When it must be back.
        due: Option<Timestamp>,
    },
    /// It was renewed, or its due date set.
    DueDateChanged(Option<Timestamp>),
    /// The item was returned.
    Returned,
    /// It is lost, claimed returned, or changed in a way that only a poll shows.
    Changed,
}

impl Hint {
    /// Whether a poll of `side` would show something new that the request waits for. Changes that the hub itself makes at
    /// that side are not relevant.
    pub fn is_relevant(&self, request: &Request, side: Side) -> bool {
        if !poll_targets(request).iter().any(|target| target.side == side) {
            return false;
        }
        let own = request.in_flight.filter(|effect| effect.side() == side);
        let (hold, loan) = hold_and_loan(request, side);
        match self {
            Self::Hold { change: HoldChange::Placed, .. } => false,
            Self::Hold { change: HoldChange::OnShelf { .. }, .. } => {
                let there = request.virtual_side(side).is_some_and(|here| here.progress >= Progress::OnHoldShelf);
                hold.is_some_and(Tracked::is_open) && (!there || request.is_lent_to_another(side))
            }
            // The end of an earlier hold, which the hub replaced, says nothing of this one.
            Self::Hold { hold: named, change: HoldChange::Cancelled | HoldChange::Closed, .. } => {
                is_open_hold(hold, named)
                    && !matches!(own, Some(Effect::CancelHold(_) | Effect::Lend(_) | Effect::ChangePickup(_)))
            }
            Self::Loan { loan: named, change: what, .. } => {
                let known = loan.and_then(Tracked::any).filter(|loan| loan.id == *named);
                let is_open = loan.is_some_and(Tracked::is_open);
                match what {
                    LoanChange::Created { .. } => known.is_none() && !matches!(own, Some(Effect::Lend(_))),
                    LoanChange::DueDateChanged(due) => {
                        known.is_none_or(|loan| loan.due != *due)
                            && !matches!(own, Some(Effect::LimitDueDate(_) | Effect::Renew(_)))
                    }
                    LoanChange::Returned => (known.is_none() || is_open) && !matches!(own, Some(Effect::CheckIn(_))),
                    LoanChange::Changed => true,
                }
            }
            // Most of what is changed on an item the hub has done itself, or seen by the hold or the loan.
            Self::Item { snapshot, .. } => own.is_none() && !is_known(request, side, snapshot),
            Self::ListMismatch { state: Some(ItemState::OnHoldShelf), present: true } => {
                request.virtual_side(side).is_some_and(|here| here.progress < Progress::OnHoldShelf)
            }
            Self::ListMismatch { .. } => true,
        }
    }

    /// Whether it can replace a poll while it is fresh: a loan must be known to be the request's patron's.
    pub fn matches_holder(&self, request: &Request, side: Side) -> bool {
        match self {
            Self::Loan { patron: of, change: LoanChange::Created { .. }, .. } => {
                of.is_some() && of.as_ref() == request.holder(side)
            }
            Self::Hold { .. } | Self::Loan { .. } | Self::Item { .. } | Self::ListMismatch { .. } => true,
        }
    }

    /// Whether another message is likely to come at the same moment that says it better: a hold is closed by a loan, and an
    /// item changes with its hold or loan. That a lender's item is on its way no other message says.
    pub fn has_companion(&self, request: &Request, side: Side) -> bool {
        match self {
            Self::Hold { change: HoldChange::Closed, .. } => side != Side::Lender,
            Self::Item { .. } => side != Side::Lender || request.is_dispatched(),
            Self::Hold { .. } | Self::Loan { .. } | Self::ListMismatch { .. } => false,
        }
    }
}

/// Whether the item was seen so already.
fn is_known(request: &Request, side: Side, snapshot: &ItemSnapshot) -> bool {
    let same = |state: Option<&ItemState>, barcode: Option<&Barcode>, holding: Option<&HoldingId>| {
        snapshot.state.is_some()
            && snapshot.state.as_ref().map(on_its_shelf) == state.map(on_its_shelf)
            && snapshot.barcode.as_ref().is_none_or(|named| Some(named) == barcode)
            && snapshot.holding.as_ref().is_none_or(|named| Some(named) == holding)
    };
    match (side, &request.supply) {
        (Side::Lender, Some(supply)) => {
            same(Some(&supply.item), Some(&supply.copy.barcode), Some(&supply.copy.holding))
        }
        (Side::Lender, None) => true,
        (side, _) => request.virtual_side(side).is_some_and(|here| {
            let sent = here.in_transit && here.progress < Progress::OnHoldShelf;
            let state = if sent { Some(&ItemState::InTransit) } else { here.item_state.as_ref() };
            same(state, here.barcode.as_ref(), here.holding.open())
        }),
    }
}

/// An item on its shelf is the same whether somebody waits for it or not: our own hold is known.
fn on_its_shelf(state: &ItemState) -> &ItemState {
    if *state == ItemState::Requested { &ItemState::InPlace } else { state }
}

/// Whether the named hold is the open one.
pub(crate) fn is_open_hold(hold: Option<&Tracked<Hold>>, named: &HoldId) -> bool {
    hold.and_then(Tracked::open).is_some_and(|hold| hold.id == *named)
}

pub(crate) fn hold_and_loan(request: &Request, side: Side) -> (Option<&Tracked<Hold>>, Option<&Tracked<Loan>>) {
    match side {
        Side::Lender => {
            (request.supply.as_ref().map(|supply| &supply.hold), request.supply.as_ref().map(|supply| &supply.loan))
        }
        _ => (request.virtual_side(side).map(|here| &here.hold), request.virtual_side(side).map(|here| &here.loan)),
    }
}
