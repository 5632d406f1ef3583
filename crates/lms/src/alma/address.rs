//! Finds an item whose address has changed.
//!
//! The identity of an item is its pid. Record and holding are only its address: staff may move the item to another
//! holding, or link it to another record. From then on Alma refuses calls with the old address, although the item and
//! its hold still exist.

use alma::{Code, Item, ItemPid};
use lending::{BibId, HoldingId};

use super::Alma;
use super::errors::to_lms_error;
use crate::error::{Error, Result};
use crate::host::ItemRef;

/// Codes with which Alma refuses an address. Which of them it answers depends on the call (alma-api.md 3.7, 4.4). The
/// general error is among them, since Alma answers it for unknown ids too.
const REFUSED_ADDRESS: &[Code] = &[
    Code::BibNotFound,
    Code::HoldingNotFound,
    Code::HoldingInvalid,
    Code::ItemNotFound,
    Code::RequestedItemNotFound,
    Code::RequestedItemSearchFailed,
    Code::ItemsUnreadable,
    Code::General,
];

/// Where an item is, compared with its known address.
#[derive(Debug)]
pub(super) enum Whereabouts {
    /// At the known address.
    Known,
    /// At another address.
    Moved(ItemRef),
    /// Nowhere: neither its record nor its barcode leads to it.
    Gone,
}

impl Alma {
    /// Makes a call for an item. If Alma refuses the item's address and the item has another one now, the call is made
    /// once more with that. Fails with [`Error::NotFound`] if the item doesn't exist any more.
    pub(super) async fn at_item<T, F>(&self, item: &ItemRef, call: impl Fn(ItemRef) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let refused = match call(item.clone()).await {
            Err(error) if refuses_address(&error) => error,
            done => return done,
        };
        match self.find_address(item).await? {
            Whereabouts::Moved(moved) => call(moved).await,
            Whereabouts::Gone => Err(Error::NotFound { what: "the item" }),
            Whereabouts::Known => Err(refused),
        }
    }

    /// Finds the present address of an item. The record and pid lead to it if it was moved to another holding, the
    /// barcode if it was linked to another record.
    pub(super) async fn find_address(&self, item: &ItemRef) -> Result<Whereabouts> {
        let found = match self.find_item(&Self::path(item)).await {
            Ok(Some(found)) => Some(found),
            Ok(None) => self.find_by_barcode(item).await?,
            Err(error) if refuses_address(&error) => self.find_by_barcode(item).await?,
            Err(error) => return Err(error),
        };
        Ok(match found {
            None => Whereabouts::Gone,
            Some(found) => {
                let bib = BibId::from(found.mms_id.as_str());
                let holding = HoldingId::from(found.holding_id.as_str());
                let present = ItemRef { bib, holding, ..item.clone() };
                if present == *item { Whereabouts::Known } else { Whereabouts::Moved(present) }
            }
        })
    }

    /// Finds the item by its barcode, wherever it is. An item with another pid is another item.
    pub(super) async fn find_by_barcode(&self, item: &ItemRef) -> Result<Option<Item>> {
        let Some(barcode) = &item.barcode else { return Ok(None) };
        let found = self.client.items().by_barcode(&barcode.as_str().into()).await.map_err(to_lms_error)?;
        Ok(found.filter(|found| found.pid == ItemPid::from(item.item.as_str())))
    }
}

/// Treats the removal of something from an item that doesn't exist any more as done.
pub(super) fn done_if_gone<T: Default>(removed: Result<T>) -> Result<T> {
    match removed {
        Err(Error::NotFound { .. }) => Ok(T::default()),
        other => other,
    }
}

/// Returns whether the error may mean that the item isn't at the address of the call.
pub(super) fn refuses_address(error: &Error) -> bool {
    match error {
        Error::NotFound { .. } => true,
        Error::Refused(refusal) => REFUSED_ADDRESS.iter().any(|code| code.as_str() == refusal.code),
        Error::NotSendable(_)
        | Error::Unclear { .. }
        | Error::Retryable { .. }
        | Error::Unavailable { .. }
        | Error::Unexplained { .. }
        | Error::Unreadable { .. }
        | Error::InvalidResponse { .. } => false,
    }
}
