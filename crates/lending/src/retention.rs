//! Decides whether the data of a request's patron may be erased, and erases it.
//!
//! What stays serves statistics: dates, libraries, the title, the copy, the patron type, how it ended.

use jiff::{SignedDuration, Timestamp};

use crate::ids::{HoldId, LoanId, PatronId};
use crate::observation::ItemState;
use crate::refusal::Refusal;
use crate::request::{Request, ShownPatron};
use crate::sides::{Hold, Loan, Tracked};
use crate::status::{Condition, Status};
use crate::{Attention, Side};

/// Stands in the place of each erased identifier.
pub const ANONYMOUS: &str = "anonymous";

/// The reason why the data of a request's patron is still needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeptFor {
    /// The request is open.
    OpenRequest,
    /// The item is lost, and nobody has settled the loss.
    UnsettledLoss,
    /// Staff must decide something about it.
    StaffCase,
    /// A record or hold of the request is still in a library's system.
    OpenRecords,
}

impl KeptFor {
    /// Returns a sentence about the reason, for staff.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::OpenRequest => "the request is open",
            Self::UnsettledLoss => "the loss of the item is not settled",
            Self::StaffCase => "staff must decide on it",
            Self::OpenRecords => "a record or hold of it is still in a library's system",
        }
    }
}

/// The decision about the data of one request's patron.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Erasure {
    /// It is erased now.
    Due,
    /// It was erased before.
    Done,
    /// It is still needed.
    Kept(KeptFor),
    /// Its time has not come.
    NotBefore(Timestamp),
}

/// Decides about the data of a request's patron, which is kept for a time after the end of the request.
pub fn scheduled_erasure(request: &Request, keep_for: SignedDuration, now: Timestamp) -> Erasure {
    let due = request.status_since.saturating_add(keep_for).unwrap_or(Timestamp::MAX);
    match erasure(request) {
        Erasure::Due if now < due => Erasure::NotBefore(due),
        other => other,
    }
}

/// Decides about the data of a request's patron who wants it erased now.
pub fn erasure(request: &Request) -> Erasure {
    if request.anonymised_at.is_some() {
        return Erasure::Done;
    }
    let kept_for = [
        (!request.status.is_final(), KeptFor::OpenRequest),
        (has_unsettled_loss(request), KeptFor::UnsettledLoss),
        (request.staff_case.is_some() || matches!(request.attention, Attention::NeedsStaff { .. }), KeptFor::StaffCase),
        (has_open_records(request), KeptFor::OpenRecords),
    ];
    kept_for.into_iter().find(|(holds, _)| *holds).map_or(Erasure::Due, |(_, reason)| Erasure::Kept(reason))
}

/// Returns whether the item is lost, and nobody has paid for it, written it off or ended the request by hand. A loss whose loan
/// the lender has closed is over: the item is home, or the lender's staff have settled it.
fn has_unsettled_loss(request: &Request) -> bool {
    let sides = [Side::Borrower, Side::Pickup].into_iter().filter_map(|side| request.virtual_side(side));
    let is_lost = |state: Option<&ItemState>| matches!(state, Some(ItemState::Lost | ItemState::ClaimedReturned));
    let lost_at_lender = request.supply.as_ref().is_some_and(|supply| is_lost(Some(&supply.item)));
    let lost = request.conditions.contains(&Condition::Lost)
        || lost_at_lender
        || sides.into_iter().any(|side| is_lost(side.item_state.as_ref()));
    let closed_by_lender = request.supply.as_ref().is_some_and(|supply| supply.loan.is_closed());
    lost && request.settlement.is_none() && !request.ended_manually && !closed_by_lender
}

/// Returns whether something of the request is left in a library's system that the hub must still remove. After a settled loss
/// the lender's loan is its staff's, and so is a virtual record that they have taken over.
fn has_open_records(request: &Request) -> bool {
    let at_lender = request.supply.as_ref().is_some_and(|supply| {
        // The hold of a request that the local system has taken over is the patron's own.
        let is_ours = request.status != Status::HandedOffAsLocal;
        (supply.hold.is_open() && is_ours)
            || (supply.loan.is_open() && request.settlement.is_none() && !request.ended_manually)
    });
    let sides = [Side::Borrower, Side::Pickup].into_iter().filter_map(|side| request.virtual_side(side));
    at_lender
        || sides
            .filter(|here| !here.left_to_staff)
            .any(|here| here.hold.is_open() || here.bib.is_open() || here.holding.is_open() || here.item.is_open())
}

impl Request {
    /// Erases the patron's data: identifiers, names, free texts, and the ids of virtual patrons, holds and loans, which lead to the
    /// patron in the libraries' systems.
    pub fn erase_patron(&mut self, now: Timestamp) {
        let nobody = || PatronId::from(ANONYMOUS);
        self.patron.identifier = nobody();
        if let Some(verified) = &mut self.patron.verified {
            verified.id = nobody();
            verified.pickup_code = None;
            verified.shown_to_lender = ShownPatron::default();
            verified.shown_at_pickup = ShownPatron::default();
        }
        if let Some(cancellation) = &mut self.cancellation {
            cancellation.reason = None;
        }
        self.damage = None;
        self.needed_until = None;
        self.undo = None;
        self.failing_polls.clear();
        self.attention = Attention::None;
        self.refusal.iter_mut().for_each(erase_sentences);
        self.earlier_suppliers.iter_mut().for_each(|earlier| erase_sentences(&mut earlier.refusal));
        if let Some(supply) = &mut self.supply {
            supply.virtual_patron = None;
            supply.refusal.iter_mut().for_each(erase_sentences);
            erase_hold(&mut supply.hold);
            erase_loan(&mut supply.loan);
        }
        for here in std::iter::once(&mut self.borrower).chain(self.pickup_side.as_deref_mut()) {
            here.virtual_patron = None;
            erase_hold(&mut here.hold);
            erase_loan(&mut here.loan);
        }
        self.anonymised_at = Some(now);
    }
}

/// Erases the sentences of a refusal, which may quote a library's system. The codes stay.
fn erase_sentences(refusal: &mut Refusal) {
    refusal.explanation = String::new();
    refusal.other_refusals.iter_mut().for_each(erase_sentences);
}

fn erase_hold(hold: &mut Tracked<Hold>) {
    if let Tracked::Open(hold) | Tracked::Closed(hold) = hold {
        hold.id = HoldId::from(ANONYMOUS);
    }
}

fn erase_loan(loan: &mut Tracked<Loan>) {
    if let Tracked::Open(loan) | Tracked::Closed(loan) = loan {
        loan.id = LoanId::from(ANONYMOUS);
    }
}
