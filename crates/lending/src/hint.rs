//! Hints: what a webhook message or a batch poll suggests about one hold, loan or item. A message may be late,
//! duplicate, out of order or lost, so a hint as a rule only triggers a poll;
//! [`interpret_hints`](crate::interpret_hints) says when fresh hints can replace it. A hint with no new information
//! costs no poll.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::effect::{Effect, Side};
use crate::ids::{Barcode, BibId, HoldId, HoldingId, ItemId, LoanId, PatronId, RequestId};
use crate::observation::ItemState;
use crate::poll::poll_targets;
use crate::request::Request;
use crate::sides::{Hold, Loan, Progress, Tracked};

/// A change that a message or batch poll suggests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// About a hold with the hub's marker.
    Hold {
        /// The request that the hold is for.
        request: RequestId,
        /// The hold.
        hold: HoldId,
        /// The change.
        change: HoldChange,
    },
    /// About a loan.
    Loan {
        /// The item.
        item: ItemId,
        /// The loan.
        loan: LoanId,
        /// The person who has the loan, if the message names them. It is never stored.
        #[serde(skip)]
        patron: Option<PatronId>,
        /// The change.
        change: LoanChange,
    },
    /// About an item that changed in some way.
    Item {
        /// The item.
        item: ItemId,
        /// The item's present state, as far as the message carries it.
        snapshot: ItemSnapshot,
    },
    /// About an item whose presence on a list differs from the expectation.
    ListMismatch {
        /// The state of all items on that list.
        state: Option<ItemState>,
        /// Whether the item is on the list. If it isn't, the list shows little about where it is.
        present: bool,
    },
}

/// The state of an item, as far as a message carries it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ItemSnapshot {
    /// Its state.
    pub state: Option<ItemState>,
    /// Its barcode.
    pub barcode: Option<Barcode>,
    /// Its record.
    #[serde(default)]
    pub bib: Option<BibId>,
    /// Its holding.
    pub holding: Option<HoldingId>,
}

/// A change of a hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldChange {
    /// It was placed.
    Placed,
    /// Its item waits on the hold shelf.
    OnShelf {
        /// The last day of its time on the hold shelf.
        until: Option<Date>,
    },
    /// It was cancelled.
    Cancelled,
    /// The hold was fulfilled, or ended in a way that only a poll shows.
    Closed,
}

/// A change of a loan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoanChange {
    /// The loan was made.
    Created {
        /// The due date.
        due: Option<Timestamp>,
    },
    /// The loan was renewed, or its due date set.
    DueDateChanged(Option<Timestamp>),
    /// The item was returned.
    Returned,
    /// The item is lost, claimed returned, or changed in a way that only a poll shows.
    Changed,
}

impl Hint {
    /// Returns whether a poll of `side` would show a change that the request waits for. Changes that the hub itself
    /// makes at that side are not relevant.
    pub fn is_relevant(&self, request: &Request, side: Side) -> bool {
        if !self.is_about(request, side) || !poll_targets(request).iter().any(|target| target.side == side) {
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
            // The end of an earlier hold, which the hub replaced, has no meaning for this one.
            Self::Hold { hold: named, change: HoldChange::Cancelled | HoldChange::Closed, .. } => {
                is_open_hold(hold, named)
                    && !matches!(
                        own,
                        Some(
                            Effect::CancelHold(_)
                                | Effect::Lend(_)
                                | Effect::ChangePickup(Side::Borrower | Side::Pickup)
                        )
                    )
            }
            Self::Loan { loan: named, change: what, .. } => {
                let known = loan.and_then(Tracked::any).filter(|loan| loan.id == *named);
                let is_open = loan.is_some_and(Tracked::is_open);
                match what {
                    LoanChange::Created { .. } => known.is_none() && !matches!(own, Some(Effect::Lend(_))),
                    LoanChange::DueDateChanged(due) => {
                        known.is_none_or(|loan| loan.due != *due)
                            && !matches!(
                                own,
                                Some(Effect::LimitDueDate(_) | Effect::RaiseDueDate(_) | Effect::Renew(_))
                            )
                    }
                    LoanChange::Returned => (known.is_none() || is_open) && !matches!(own, Some(Effect::CheckIn(_))),
                    LoanChange::Changed => true,
                }
            }
            // The hub itself makes most changes of an item, or learns of them by the hold or the loan.
            Self::Item { snapshot, .. } => own.is_none() && !is_known(request, side, snapshot),
            Self::ListMismatch { state: Some(ItemState::OnHoldShelf), present: true } => {
                request.virtual_side(side).is_some_and(|here| here.progress < Progress::OnHoldShelf)
            }
            Self::ListMismatch { .. } => true,
        }
    }

    /// Returns whether the hint is about the request's records at `side`. One Alma may be at two sides of a request; and a
    /// hint that was kept for a while may be about the lender before.
    pub(crate) fn is_about(&self, request: &Request, side: Side) -> bool {
        match (self, side) {
            (Self::Hold { request: named, .. }, _) => *named == request.id,
            (Self::ListMismatch { .. }, _) => true,
            (Self::Loan { item, .. } | Self::Item { item, .. }, Side::Lender) => {
                request.supply.as_ref().is_some_and(|supply| supply.copy.item == *item)
            }
            (Self::Loan { item, .. } | Self::Item { item, .. }, side) => {
                request.virtual_side(side).is_some_and(|here| here.item.open() == Some(item))
            }
        }
    }

    /// Returns whether the hint can replace a poll while it is fresh. A loan must be known to belong to the request's
    /// patron.
    pub fn matches_holder(&self, request: &Request, side: Side) -> bool {
        match self {
            Self::Loan { patron: of, change: LoanChange::Created { .. }, .. } => {
                of.is_some() && of.as_ref() == request.holder(side)
            }
            Self::Hold { .. } | Self::Loan { .. } | Self::Item { .. } | Self::ListMismatch { .. } => true,
        }
    }

    /// Returns whether a more precise message is likely to arrive at the same moment: a loan closes a hold, and an item
    /// changes with its hold or loan. No other message reports that a lender's item is on its way.
    pub fn has_companion(&self, request: &Request, side: Side) -> bool {
        match self {
            Self::Hold { change: HoldChange::Closed, .. } => side != Side::Lender,
            Self::Item { .. } => side != Side::Lender || request.is_dispatched(),
            Self::Hold { .. } | Self::Loan { .. } | Self::ListMismatch { .. } => false,
        }
    }
}

/// Returns whether the hub already knows this state of the item.
fn is_known(request: &Request, side: Side, snapshot: &ItemSnapshot) -> bool {
    let same =
        |state: Option<&ItemState>, barcode: Option<&Barcode>, bib: Option<&BibId>, holding: Option<&HoldingId>| {
            snapshot.state.is_some()
                && snapshot.state.as_ref().map(on_its_shelf) == state.map(on_its_shelf)
                && snapshot.barcode.as_ref().is_none_or(|named| Some(named) == barcode)
                && snapshot.bib.as_ref().is_none_or(|named| Some(named) == bib)
                && snapshot.holding.as_ref().is_none_or(|named| Some(named) == holding)
        };
    match (side, &request.supply) {
        (Side::Lender, Some(supply)) => {
            let copy = &supply.copy;
            same(Some(&supply.item), Some(&copy.barcode), Some(&copy.bib), Some(&copy.holding))
        }
        (Side::Lender, None) => true,
        (side, _) => request.virtual_side(side).is_some_and(|here| {
            let sent = here.in_transit && here.progress < Progress::OnHoldShelf;
            let state = if sent { Some(&ItemState::InTransit) } else { here.item_state.as_ref() };
            same(state, here.barcode.as_ref(), here.item_bib.as_ref().or(here.bib.open()), here.holding.open())
        }),
    }
}

/// Treats an item on its shelf alike whether or not somebody waits for it, since the hub knows its own hold.
fn on_its_shelf(state: &ItemState) -> &ItemState {
    if *state == ItemState::Requested { &ItemState::InPlace } else { state }
}

/// Returns whether the named hold is the open one.
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
