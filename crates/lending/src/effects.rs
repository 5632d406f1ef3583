//! Which effect is wanted, from status and facts alone.

use crate::effect::Effect;
use crate::request::{Part, Request};
use crate::status::Status;
use crate::steps::is_current;

/// The one effect that would bring the request on, if the hub has the next move.
pub(crate) fn wanted(request: &Request) -> Option<Effect> {
    match request.status {
        Status::SubmittedToDcb => Some(Effect::VerifyPatron),
        Status::PatronVerified => Some(Effect::ChooseSupplier),
        Status::Resolved => at_lender(request),
        Status::Confirmed => at_borrower(request),
        Status::PickupTransit => {
            (!request.borrowing.in_transit && request.borrowing.item.is_open()).then_some(Effect::SendIntoTransit)
        }
        Status::Loaned => lend(request),
        Status::ReturnTransit => going_home(request),
        Status::NotSuppliedCurrentSupplier => {
            if lender_hold_is_open(request) {
                Some(Effect::CancelHoldAtLender)
            } else {
                Some(Effect::ChooseSupplier)
            }
        }
        Status::Completed | Status::Cancelled | Status::NoItemsSelectableAtAnyAgency => clean_up(request),
        Status::RequestPlacedAtSupplyingAgency
        | Status::RequestPlacedAtBorrowingAgency
        | Status::ReceivedAtPickup
        | Status::ReadyForPickup
        | Status::Finalised => None,
    }
}

fn at_lender(request: &Request) -> Option<Effect> {
    let supply = request.supply.as_ref()?;
    if supply.virtual_patron.is_none() { Some(Effect::EnsureVirtualPatron) } else { Some(Effect::PlaceHoldAtLender) }
}

fn at_borrower(request: &Request) -> Option<Effect> {
    let here = &request.borrowing;
    if !here.bib.is_open() {
        Some(Effect::CreateVirtualBib)
    } else if !here.holding.is_open() {
        Some(Effect::CreateVirtualHolding)
    } else if !here.item.is_open() {
        Some(Effect::CreateVirtualItem)
    } else if !is_current(request) {
        Some(Effect::UpdateVirtualItem)
    } else if here.hold == Part::NotMade {
        Some(Effect::PlaceHoldAtBorrower)
    } else {
        None
    }
}

fn lend(request: &Request) -> Option<Effect> {
    (request.supply.as_ref()?.loan == Part::NotMade).then_some(Effect::LendToVirtualPatron)
}

/// A hold that still waits at the lender would send the item out again when it is scanned at home.
fn going_home(request: &Request) -> Option<Effect> {
    if lender_hold_is_open(request) {
        Some(Effect::CancelHoldAtLender)
    } else if request.borrowing.hold.is_open() {
        Some(Effect::CancelHoldAtBorrower)
    } else {
        None
    }
}

/// Holds first: an item with a hold on it can't be deleted.
fn clean_up(request: &Request) -> Option<Effect> {
    let here = &request.borrowing;
    if lender_hold_is_open(request) {
        Some(Effect::CancelHoldAtLender)
    } else if here.hold.is_open() {
        Some(Effect::CancelHoldAtBorrower)
    } else if here.item.is_open() || here.holding.is_open() {
        Some(Effect::DeleteVirtualItem)
    } else if here.bib.is_open() {
        Some(Effect::DeleteVirtualBib)
    } else {
        None
    }
}

fn lender_hold_is_open(request: &Request) -> bool {
    request.supply.as_ref().is_some_and(|supply| supply.hold.is_open())
}
