//! One effect through one library system, and the event that its outcome is.

use jiff::Timestamp;
use lending::{Effect, Event, ItemType, Request, Side, Supply};
use lms::{Attempt, HostLms, ItemRef, LenderHold, NotDone, Outcome, PatronHold, VirtualItem, VirtualPatron};

/// Does `effect` for `request`.
pub(crate) async fn perform(
    lms: &dyn HostLms,
    request: &Request,
    effect: Effect,
    attempt: Attempt,
    tries: u32,
    now: Timestamp,
) -> Outcome<Event> {
    match effect {
        Effect::VerifyPatron => match lms.patron(&request.patron.given, now).await? {
            Ok(verified) => Ok(Event::PatronVerified(verified)),
            Err(cause) => Ok(Event::PatronRefused(cause)),
        },
        Effect::ChooseSupplier => {
            let candidate = request.candidates.first().ok_or_else(|| missing("a candidate copy"))?;
            match lms.copy(candidate).await? {
                Ok(copy) => Ok(Event::SupplierChosen(Box::new(copy))),
                Err(refusal) => Ok(Event::CandidateUnfit(refusal)),
            }
        }
        Effect::EnsureVirtualPatron => {
            let patron = request.patron.verified.as_ref().ok_or_else(|| missing("the verified patron"))?;
            let wanted = VirtualPatron {
                institution: request.patron.institution.clone(),
                agency: request.patron.agency.clone(),
                patron: patron.id.clone(),
                patron_type: patron.patron_type.clone(),
            };
            let id = lms.ensure_virtual_patron(&wanted, now).await?;
            Ok(Event::VirtualPatronReady { id })
        }
        Effect::PlaceHoldAtLender => {
            let supply = supply(request)?;
            let wanted = LenderHold {
                request: request.id,
                item: real_item(supply),
                virtual_patron: supply.virtual_patron.clone().ok_or_else(|| missing("the virtual patron"))?,
                library: supply.copy.library.clone(),
            };
            let hold = lms.place_lender_hold(&wanted, attempt).await?;
            Ok(Event::HoldPlaced { side: Side::Lender, hold })
        }
        Effect::CreateVirtualBib => {
            let title = request.title.clone().unwrap_or_default();
            let bib = lms.create_virtual_bib(request.id, &title, attempt).await?;
            Ok(Event::VirtualBibCreated { bib })
        }
        Effect::CreateVirtualHolding => {
            let bib = request.borrowing.bib.open().ok_or_else(|| missing("the virtual record"))?;
            let holding = lms.create_virtual_holding(bib, attempt).await?;
            Ok(Event::VirtualHoldingCreated { holding })
        }
        Effect::CreateVirtualItem => {
            let (item, barcode) = lms.create_virtual_item(&wanted_item(request)?, attempt).await?;
            Ok(Event::VirtualItemReady { item, barcode })
        }
        Effect::UpdateVirtualItem => {
            let at = virtual_item(request)?;
            let barcode = lms.update_virtual_item(&at, &wanted_item(request)?).await?;
            Ok(Event::VirtualItemReady { item: at.item, barcode })
        }
        Effect::PlaceHoldAtBorrower => {
            let patron = request.patron.verified.as_ref().ok_or_else(|| missing("the verified patron"))?;
            let wanted = PatronHold {
                request: request.id,
                item: virtual_item(request)?,
                patron: patron.id.clone(),
                pickup: request.pickup.clone(),
                tries,
            };
            let hold = lms.place_patron_hold(&wanted, attempt).await?;
            Ok(Event::HoldPlaced { side: Side::Borrower, hold })
        }
        Effect::SendIntoTransit => {
            let skipped = lms.send_into_transit(&virtual_item(request)?, &request.pickup, attempt).await?;
            Ok(Event::SentIntoTransit { skipped })
        }
        Effect::LendToVirtualPatron => {
            let supply = supply(request)?;
            let to = supply.virtual_patron.as_ref().ok_or_else(|| missing("the virtual patron"))?;
            let loan = lms.lend(&real_item(supply), &supply.copy.library, to, attempt).await?;
            Ok(Event::LentToVirtualPatron { loan })
        }
        Effect::CancelHoldAtLender => {
            let supply = supply(request)?;
            if let Some(hold) = supply.hold.open() {
                lms.cancel_hold(&real_item(supply), &hold.id, cancelled_by(request)).await?;
            }
            Ok(Event::HoldCancelled { side: Side::Lender })
        }
        Effect::CancelHoldAtBorrower => {
            if let Some(hold) = request.borrowing.hold.open() {
                lms.cancel_hold(&virtual_item(request)?, &hold.id, cancelled_by(request)).await?;
            }
            Ok(Event::HoldCancelled { side: Side::Borrower })
        }
        Effect::DeleteVirtualItem => {
            let here = &request.borrowing;
            if let (Some(bib), Some(holding)) = (here.bib.any(), here.holding.open()) {
                lms.delete_virtual_item(bib, holding, here.item.open()).await?;
            }
            Ok(Event::VirtualItemDeleted)
        }
        Effect::DeleteVirtualBib => {
            if let Some(bib) = request.borrowing.bib.open() {
                lms.delete_virtual_bib(request.id, bib).await?;
            }
            Ok(Event::VirtualBibDeleted)
        }
    }
}

/// The lender's copy.
pub(crate) fn real_item(supply: &Supply) -> ItemRef {
    ItemRef { bib: supply.copy.bib.clone(), holding: supply.copy.holding.clone(), item: supply.copy.item.clone() }
}

/// The virtual item, whether or not it still exists.
pub(crate) fn virtual_item(request: &Request) -> Outcome<ItemRef> {
    let here = &request.borrowing;
    match (here.bib.any(), here.holding.any(), here.item.any()) {
        (Some(bib), Some(holding), Some(item)) => {
            Ok(ItemRef { bib: bib.clone(), holding: holding.clone(), item: item.clone() })
        }
        _ => Err(missing("the virtual item")),
    }
}

fn wanted_item(request: &Request) -> Outcome<VirtualItem> {
    let supply = supply(request)?;
    let here = &request.borrowing;
    Ok(VirtualItem {
        request: request.id,
        bib: here.bib.open().cloned().ok_or_else(|| missing("the virtual record"))?,
        holding: here.holding.open().cloned().ok_or_else(|| missing("the virtual holding"))?,
        barcode: supply.copy.barcode.clone(),
        item_type: ItemType(supply.copy.item_type.0.clone()),
    })
}

fn supply(request: &Request) -> Outcome<&Supply> {
    request.supply.as_ref().ok_or_else(|| missing("the lender's copy"))
}

fn cancelled_by(request: &Request) -> Option<lending::CancelledBy> {
    request.cancellation.as_ref().map(|cancellation| cancellation.by)
}

/// A request that wants an effect without having what it needs can only be damaged; staff must look.
fn missing(what: &str) -> NotDone {
    NotDone::refused("REQUEST_DAMAGED", format!("The stored request lacks {what}, so this step can't be done."))
}
