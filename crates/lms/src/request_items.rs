//! The items of a request, as library systems identify them.

use lending::{AgencyCode, Request, Side, Supply, VirtualSide};

use crate::host::{ItemRef, VirtualPatron};
use crate::{Error, Result};

/// Returns the lender's copy.
pub fn real_item(supply: &Supply) -> ItemRef {
    let copy = &supply.copy;
    ItemRef {
        bib: copy.bib.clone(),
        holding: copy.holding.clone(),
        item: copy.item.clone(),
        barcode: Some(copy.barcode.clone()),
        agency: None,
    }
}

/// Returns the virtual item at a side, whether or not it still exists.
///
/// # Errors
///
/// Fails if the hub created none there.
pub fn virtual_item(request: &Request, side: Side) -> Result<ItemRef> {
    let here = virtual_side(request, side)?;
    match (here.item_bib.as_ref().or(here.bib.any()), here.holding.any(), here.item.any()) {
        (Some(bib), Some(holding), Some(item)) => Ok(ItemRef {
            bib: bib.clone(),
            holding: holding.clone(),
            item: item.clone(),
            barcode: here.barcode.clone(),
            agency: virtual_agency(request, side).cloned(),
        }),
        _ => Err(missing("the virtual item")),
    }
}

/// Returns the agency whose virtual item is at a side: the patron's, at the patron's institution.
pub fn virtual_agency(request: &Request, side: Side) -> Option<&AgencyCode> {
    (side == Side::Borrower).then_some(&request.patron.agency)
}

/// Returns the records that the hub has created at a side.
///
/// # Errors
///
/// Fails if the side has no virtual item.
pub fn virtual_side(request: &Request, side: Side) -> Result<&VirtualSide> {
    request.virtual_side(side).ok_or_else(|| missing("the side at which a virtual item stands for the copy"))
}

/// Returns the user record that represents the request's patron at the lender or the pickup side. Its id isn't known.
///
/// # Errors
///
/// Fails if the patron isn't verified yet.
pub fn virtual_patron_of(request: &Request, side: Side) -> Result<VirtualPatron> {
    let patron = request.patron.verified.as_ref().ok_or_else(|| missing("the verified patron"))?;
    let (pickup_code, shown) = match side {
        Side::Pickup => (patron.pickup_code.clone(), patron.shown_at_pickup.clone()),
        Side::Lender | Side::Borrower => (None, patron.shown_to_lender.clone()),
    };
    Ok(VirtualPatron {
        institution: request.patron.institution.clone(),
        agency: request.patron.agency.clone(),
        patron: patron.id.clone(),
        patron_type: patron.patron_type.clone(),
        side,
        pickup_code,
        shown,
        known_id: None,
        may_have_former_id: false,
    })
}

/// Returns the error for a request that lacks data its next effect needs. Only a damaged request does, so staff must
/// decide.
pub fn missing(what: &str) -> Error {
    Error::refused("REQUEST_DAMAGED", format!("The stored request lacks {what}, so this step can't be done."))
}
