//! The status table of docs/workflow.md: the possible transitions, and the fact that allows each.

use jiff::Timestamp;

use crate::closure::{Closure, ClosureBasis, ClosureResponse, response_to_closure};
use crate::command::CancelledBy;
use crate::copy::CopyRef;
use crate::decide::Transition;
use crate::effect::{Effect, Side};
use crate::observation::ItemState;
use crate::request::{Cancellation, Request, ShownPatron};
use crate::sides::{EarlierSupply, Progress, Supply, Tracked, VirtualSide};
use crate::status::{Outcome, Status, Workflow};

/// One row of the table.
pub(crate) struct Rule {
    /// The earlier statuses, any of them.
    pub(crate) from: &'static [Status],
    /// The new status.
    pub(crate) to: Status,
    /// The fact that allows it, in words.
    pub(crate) reason: &'static str,
    /// The fact itself.
    pub(crate) when: fn(&Request) -> bool,
}

use Status::{
    Cancelled, Completed, Confirmed, Finalised, HandedOffAsLocal, Loaned, NoItemsSelectableAtAnyAgency,
    NotSuppliedCurrentSupplier, PatronVerified, PickupTransit, ReadyForPickup, ReceivedAtPickup,
    RequestPlacedAtBorrowingAgency, RequestPlacedAtPickupAgency, RequestPlacedAtSupplyingAgency, Resolved,
    ReturnTransit, SubmittedToDcb,
};

const LIVE: &[Status] = &[
    SubmittedToDcb,
    PatronVerified,
    Resolved,
    NotSuppliedCurrentSupplier,
    RequestPlacedAtSupplyingAgency,
    Confirmed,
    RequestPlacedAtBorrowingAgency,
    RequestPlacedAtPickupAgency,
    PickupTransit,
    ReceivedAtPickup,
    ReadyForPickup,
    Loaned,
    ReturnTransit,
];
const AT_LENDER: &[Status] = &[Resolved, RequestPlacedAtSupplyingAgency, Confirmed];
const PLACED: &[Status] = &[RequestPlacedAtBorrowingAgency, RequestPlacedAtPickupAgency];
const UNDER_WAY: &[Status] = &[PickupTransit, ReceivedAtPickup, ReadyForPickup];

/// The table. The first row that applies wins, so the order of the rows is their priority: an end by hand before all
/// else, a loan before a cancellation, dispatch before a withdrawal.
#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    Rule { from: LIVE, to: Completed, reason: "staff ended it by hand", when: |r| r.ended_manually },
    Rule { from: &[Cancelled, NotSuppliedCurrentSupplier, NoItemsSelectableAtAnyAgency, Completed], to: ReturnTransit,
        reason: "the lender had sent the item before its hold was cancelled", when: comes_home_after_all },

    Rule { from: &[SubmittedToDcb], to: Cancelled, reason: "cancelled", when: is_cancelled },
    Rule { from: &[SubmittedToDcb], to: Cancelled, reason: "the patron may not borrow, or not collect there", when: |r| r.refusal.is_some() },
    Rule { from: &[SubmittedToDcb], to: PatronVerified, reason: "the patron is active, not expired and not blocked",
        when: |r| r.patron.verified.is_some() },

    Rule { from: &[PatronVerified, NotSuppliedCurrentSupplier], to: Cancelled, reason: "cancelled", when: is_cancelled },
    Rule { from: &[PatronVerified, NotSuppliedCurrentSupplier], to: Resolved, reason: "a copy is chosen",
        when: |r| r.supply.as_ref().is_some_and(|supply| supply.refusal.is_none()) },
    Rule { from: &[PatronVerified, NotSuppliedCurrentSupplier], to: NoItemsSelectableAtAnyAgency,
        reason: "no copy is left to try", when: nothing_left },

    Rule { from: AT_LENDER, to: Cancelled, reason: "cancelled before the item was sent",
        when: |r| is_cancelled(r) && !r.is_dispatched() },
    Rule { from: AT_LENDER, to: ReturnTransit, reason: "it won't be lent; the item goes home",
        when: |r| r.is_dispatched() && returns_unlent(r) },
    Rule { from: &[Resolved], to: NotSuppliedCurrentSupplier, reason: "the lender refused",
        when: lender_refused },
    Rule { from: &[Resolved], to: RequestPlacedAtSupplyingAgency, reason: "the lender's hold is placed",
        when: |r| r.supply.as_ref().is_some_and(|s| s.hold != Tracked::NotCreated || s.loan != Tracked::NotCreated) },
    Rule { from: &[RequestPlacedAtSupplyingAgency, Confirmed], to: NotSuppliedCurrentSupplier,
        reason: "the lender doesn't supply", when: lender_withdrew },
    Rule { from: &[RequestPlacedAtSupplyingAgency], to: Confirmed, reason: "the lender's hold is waiting for staff",
        when: |r| r.supply.as_ref().is_some_and(|s| s.hold.is_open() || s.dispatched) },
    Rule { from: &[Confirmed], to: HandedOffAsLocal, reason: "the patron's own library has the item and does the rest",
        when: |r| r.workflow == Workflow::Local },
    Rule { from: &[Confirmed], to: RequestPlacedAtBorrowingAgency,
        reason: "the item is the patron's library's own, so nothing is to be made there",
        when: |r| r.workflow == Workflow::OwnItemElsewhere },
    Rule { from: &[Confirmed], to: RequestPlacedAtBorrowingAgency, reason: "the patron's hold is placed on the virtual item",
        when: |r| is_ready(r, Side::Borrower) },
    Rule { from: &[RequestPlacedAtBorrowingAgency], to: RequestPlacedAtPickupAgency,
        reason: "the hold is placed at the pickup library", when: |r| r.pickup_side.is_some() && is_ready(r, Side::Pickup) },

    Rule { from: &[RequestPlacedAtBorrowingAgency], to: Loaned, reason: "the patron takes the item from the lender's desk",
        when: |r| r.expedited && r.at_pickup().loan.is_open() },
    Rule { from: PLACED, to: PickupTransit, reason: "the lender has sent the item",
        when: |r| r.is_dispatched() && !r.expedited && r.workflow.virtual_sides().iter().all(|side| is_ready(r, *side)) },
    Rule { from: PLACED, to: ReturnTransit, reason: "it won't be lent; the item goes home",
        when: |r| r.is_dispatched() && returns_unlent(r) },
    Rule { from: PLACED, to: Cancelled, reason: "cancelled before the item was sent",
        when: |r| is_cancelled(r) && !r.is_dispatched() },
    Rule { from: PLACED, to: NotSuppliedCurrentSupplier, reason: "the lender doesn't supply", when: lender_withdrew },

    Rule { from: &[PickupTransit], to: NotSuppliedCurrentSupplier, reason: "the lender didn't send the item after all",
        when: |r| lender_refused(r) && !r.is_dispatched() },
    Rule { from: &[PickupTransit], to: Cancelled, reason: "cancelled, and the item was not sent after all",
        when: |r| is_cancelled(r) && !r.is_dispatched() },
    Rule { from: UNDER_WAY, to: ReturnTransit, reason: "it won't be lent; the item goes home", when: returns_unlent },
    Rule { from: &[PickupTransit], to: ReceivedAtPickup, reason: "the item has come to the pickup library",
        when: |r| r.at_pickup().progress >= Progress::Received },
    Rule { from: &[ReceivedAtPickup], to: ReadyForPickup, reason: "the item is on the hold shelf",
        when: |r| r.at_pickup().progress >= Progress::OnHoldShelf },
    Rule { from: &[ReadyForPickup], to: Loaned, reason: "the item is on loan to the patron",
        when: |r| r.at_pickup().progress >= Progress::OnLoan },

    Rule { from: &[Loaned, ReturnTransit, PickupTransit, ReceivedAtPickup, ReadyForPickup], to: Completed,
        reason: "the loss of the item is settled", when: |r| r.settlement.is_some() && !owes_lender_a_loan(r) },
    Rule { from: &[Loaned], to: ReturnTransit, reason: "the patron has returned the item",
        when: |r| r.at_pickup().progress >= Progress::Returned },
    Rule { from: &[Loaned], to: ReturnTransit, reason: "the lender has the item back already",
        when: |r| r.supply.as_ref().is_some_and(|supply| supply.loan.is_closed()) },
    Rule { from: &[ReturnTransit], to: Loaned, reason: "the item is on loan to the patron after all",
        when: |r| r.at_pickup().progress == Progress::OnLoan && !r.supply.as_ref().is_some_and(|s| s.loan.is_closed()) },
    Rule { from: &[ReturnTransit], to: Completed, reason: "the item is back at the lender",
        // The hub may be lending the item to the virtual patron at this moment. That loan must end too.
        when: |r| is_back_at_lender(r) && r.in_flight != Some(Effect::Lend(Side::Lender)) },

    Rule { from: &[Completed], to: Finalised,
        reason: "the hub's records are gone; the lender's loan of the lost item stays for its staff",
        when: |r| is_clean(r) && r.settlement.is_some() && r.supply.as_ref().is_some_and(|s| s.loan.is_open()) },
    Rule { from: &[Completed, Cancelled, NoItemsSelectableAtAnyAgency], to: Finalised,
        reason: "the hub's records are gone, but for what it left to the library's staff",
        when: |r| is_clean(r) && [Side::Borrower, Side::Pickup].iter().any(|side| r.virtual_side(*side).is_some_and(|here| here.left_to_staff)) },
    Rule { from: &[Completed, Cancelled, NoItemsSelectableAtAnyAgency], to: Finalised,
        reason: "nothing of the request is left on either side", when: is_clean },
];

/// Returns the table for printing: each row once for each earlier status, in order of priority.
pub fn transitions() -> impl Iterator<Item = Transition> {
    RULES
        .iter()
        .flat_map(|rule| rule.from.iter().map(|from| Transition { from: *from, to: rule.to, reason: rule.reason }))
}

/// Moves the request along the table as far as the facts allow.
pub(crate) fn advance(request: &mut Request, now: Timestamp) -> Vec<Transition> {
    let mut transitions = Vec::new();
    // With unchanged facts the table has no cycle. The bound protects against a mistake in the table.
    while transitions.len() < Status::ALL.len() {
        let Some(rule) = RULES.iter().find(|rule| rule.from.contains(&request.status) && (rule.when)(request)) else {
            break;
        };
        transitions.push(Transition { from: request.status, to: rule.to, reason: rule.reason });
        enter(request, rule.to);
        request.status_since = now;
    }
    transitions
}

/// Enters a status and sets the facts that belong to it.
fn enter(request: &mut Request, to: Status) {
    // This must run before the status changes, since the meaning of a closure depends on the status.
    let outcome = ended_by_holder(request);
    if matches!(to, Cancelled | ReturnTransit) {
        note_who_cancelled(request);
    }
    // An item that arrives was sent, even if the lender's system had shown otherwise.
    let arrives = matches!(to, ReceivedAtPickup | ReadyForPickup | Loaned)
        && request.supply.as_ref().is_some_and(|supply| !supply.dispatched);
    if arrives || (to == ReturnTransit && !request.status.is_dispatched()) {
        mark_dispatched(request);
    }
    request.status = to;
    request.missing_since = None;
    if to.is_final() {
        forget_personal_data(request);
    }
    match to {
        NotSuppliedCurrentSupplier => drop_supplier(request),
        PickupTransit => mark_dispatched(request),
        ReturnTransit if request.at_pickup().progress < Progress::OnLoan => {
            request.outcome = Some(outcome.unwrap_or(Outcome::Cancelled));
        }
        Loaned => request.outcome = None,
        Cancelled => request.outcome = Some(Outcome::Cancelled),
        NoItemsSelectableAtAnyAgency => request.outcome = Some(Outcome::NotSupplied),
        Completed => request.outcome = Some(outcome_at_the_end(request)),
        _ => {}
    }
}

/// Forgets the data of the patron that other libraries were shown. Nobody needs it any more.
fn forget_personal_data(request: &mut Request) {
    if let Some(verified) = &mut request.patron.verified {
        verified.shown_to_lender = ShownPatron::default();
        verified.shown_at_pickup = ShownPatron::default();
    }
    request.undo = None;
}

fn outcome_at_the_end(request: &Request) -> Outcome {
    if request.settlement.is_some() {
        Outcome::Lost
    } else if request.ended_manually {
        Outcome::Unknown
    } else if let Some(outcome) = request.outcome {
        outcome
    } else {
        Outcome::Supplied
    }
}

fn note_who_cancelled(request: &mut Request) {
    if request.cancellation.is_some() || request.at_pickup().progress >= Progress::OnLoan {
        return;
    }
    let ended = request.workflow.virtual_sides().iter().find_map(|side| request.virtual_side(*side)?.hold_end);
    if let Some(end) = ended {
        request.cancellation = Some(Cancellation {
            by: CancelledBy::AtBorrower,
            reason: Some(format!("The patron's hold ended in the library's own system: {}.", end.closure.name())),
        });
    }
}

fn is_cancelled(request: &Request) -> bool {
    request.cancellation.is_some() || ended_by_holder(request).is_some()
}

/// Returns the outcome if a hold on a virtual item ended in a way that ends the request.
fn ended_by_holder(request: &Request) -> Option<Outcome> {
    if request.at_pickup().progress >= Progress::OnLoan {
        return None;
    }
    request.workflow.virtual_sides().iter().find_map(|side| {
        let end = request.virtual_side(*side)?.hold_end?;
        match response_to_closure(*side, end.closure, request.status) {
            ClosureResponse::Cancel => Some(Outcome::Cancelled),
            ClosureResponse::ReturnToLender(outcome) => Some(outcome),
            _ => None,
        }
    })
}

fn returns_unlent(request: &Request) -> bool {
    is_cancelled(request) && request.at_pickup().progress < Progress::OnLoan
}

/// Returns whether the item of a given-up lender turned out to have left, and neither staff nor a settlement has ended
/// the request since.
fn comes_home_after_all(request: &Request) -> bool {
    let sent = request.supply.as_ref().is_some_and(|supply| supply.sent_after_all);
    sent && !request.ended_manually && request.settlement.is_none() && !is_back_at_lender(request)
}

fn nothing_left(request: &Request) -> bool {
    // The hub cancels the last lender's hold first, so that two lenders never hold for one request.
    let waits = request.supply.as_ref().is_some_and(|supply| supply.refusal.is_none() || supply.hold.is_open());
    !waits && request.candidates.is_empty() && !request.may_find_copies()
}

fn lender_refused(request: &Request) -> bool {
    request.supply.as_ref().is_some_and(|supply| supply.refusal.is_some())
}

/// Returns whether the lender withdrew before the dispatch: the hold ended, the item is gone, or staff passed the
/// lender over.
fn lender_withdrew(request: &Request) -> bool {
    let Some(supply) = &request.supply else { return false };
    if request.is_dispatched() {
        return false;
    }
    let closed = supply.hold_end.is_some_and(|end| {
        response_to_closure(Side::Lender, end.closure, request.status) == ClosureResponse::NextSupplier
    });
    closed || supply.refusal.is_some() || supply.hold.is_closed() || supply.item == ItemState::Absent
}

/// Returns whether the virtual item at `side` represents the present copy, and is held or lent.
fn is_ready(request: &Request, side: Side) -> bool {
    request.virtual_side(side).is_some_and(|here| {
        let placed =
            if request.expedited { here.loan != Tracked::NotCreated } else { here.hold != Tracked::NotCreated };
        placed && is_current(request, here)
    })
}

/// Returns whether the virtual item represents the present copy.
pub(crate) fn is_current(request: &Request, here: &VirtualSide) -> bool {
    match (&request.supply, &here.copied_barcode) {
        (Some(supply), Some(copied_barcode)) => supply.copy.barcode == *copied_barcode,
        _ => false,
    }
}

/// Moves the lender that doesn't supply, with its refusal, to the earlier ones. A lender that refused the hold on this
/// copy may lend another copy; one that had the hold and didn't supply isn't asked again.
fn drop_supplier(request: &mut Request) {
    let Some(supply) = &mut request.supply else { return };
    let refusal = supply.refusal.get_or_insert_with(|| {
        let how = supply.hold_end.map_or("ended", |end| match end.closure {
            Closure::Completed | Closure::Canceled => "was cancelled",
            Closure::Expired | Closure::HoldShelfExpired => "expired",
            Closure::Rejected => "was rejected",
            Closure::Failed => "can't be filled any more",
        });
        let basis = supply.hold_end.and_then(|end| end.basis).filter(|basis| *basis != ClosureBasis::Absence);
        let why = basis.map(|basis| format!(": {}", basis.fact())).unwrap_or_default();
        crate::Refusal::new("HOLD_ENDED_AT_LENDER", format!("The lender's hold {how} before the item was sent{why}."))
    });
    let earlier = EarlierSupply {
        institution: supply.institution.clone(),
        library: Some(supply.copy.library.clone()),
        barcode: supply.copy.barcode.clone(),
        refusal: refusal.clone(),
        had_hold: supply.hold != Tracked::NotCreated,
    };
    request.candidates = request.candidates_without_supplier();
    request.earlier_suppliers.push(earlier);
    for side in [Side::Borrower, Side::Pickup] {
        if let Some(here) = request.virtual_side_mut(side).filter(|here| here.progress < Progress::Received) {
            here.in_transit = false;
        }
    }
}

impl Request {
    /// Returns the copies that are left to try once the hub gives up the present lender, best first.
    pub fn candidates_without_supplier(&self) -> Vec<CopyRef> {
        let held = self.supply.as_ref().filter(|supply| supply.hold != Tracked::NotCreated);
        let is_given_up =
            |copy: &CopyRef| self.supply.as_ref().is_some_and(|supply| copy.names(&supply.institution, &supply.copy));
        let left = |copy: &&CopyRef| {
            let may_lend = held.is_none_or(|supply| copy.institution != supply.institution);
            copy.chosen_by_staff || (may_lend && !is_given_up(copy))
        };
        self.candidates.iter().filter(left).cloned().collect()
    }
}

/// Returns whether the item is home. Either the loan to the virtual patron is closed; or there was no such loan and the
/// lender has handled the item again: it is on its shelf, already with somebody else who waited for it, or withdrawn.
fn is_back_at_lender(request: &Request) -> bool {
    let Some(supply) = &request.supply else { return false };
    match &supply.loan {
        Tracked::Closed(_) => true,
        Tracked::Open(_) => false,
        Tracked::NotCreated => {
            let back = matches!(supply.item, ItemState::OnHoldShelf | ItemState::OnLoan | ItemState::Absent);
            !supply.hold.is_open() && (back || is_on_shelf(supply))
        }
    }
}

/// Returns whether the lender still needs a loan for a settled loss. Without a loan the item would stay in transit for
/// ever, for a hold that is gone. With a loan to the virtual patron, the lender's staff can handle it as any lost item.
pub(crate) fn owes_lender_a_loan(request: &Request) -> bool {
    request.settlement.is_some()
        && request.status.is_dispatched()
        && request
            .supply
            .as_ref()
            .is_some_and(|supply| supply.loan == Tracked::NotCreated && supply.item != ItemState::Absent)
}

/// Marks the item as sent. If only its arrival proved the dispatch, the earlier state no longer applies: the item was
/// on a shelf, or somebody else had it.
fn mark_dispatched(request: &mut Request) {
    if let Some(supply) = &mut request.supply {
        supply.dispatched = true;
        let was_with_another = matches!(supply.item, ItemState::OnHoldShelf | ItemState::OnLoan);
        if is_on_shelf(supply) || (was_with_another && !supply.loan.is_open()) {
            supply.item = ItemState::InTransit;
        }
    }
}

fn is_on_shelf(supply: &Supply) -> bool {
    matches!(supply.item, ItemState::InPlace | ItemState::Requested)
}

/// Returns whether the hub has nothing left on any side, and is creating nothing.
fn is_clean(request: &Request) -> bool {
    let lender = request.supply.as_ref().is_none_or(|supply| !supply.hold.is_open());
    let here = |here: &VirtualSide| {
        !here.hold.is_open()
            && !here.loan.is_open()
            && !here.item.is_open()
            && !here.holding.is_open()
            && !here.bib.is_open()
    };
    request.in_flight.is_none() && lender && here(&request.borrower) && request.pickup_side.as_deref().is_none_or(here)
}
