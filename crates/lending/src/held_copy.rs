//! A copy of a title as its library's system describes it before anybody asks for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::copy::ItemType;
use crate::ids::{Barcode, HoldingId, ItemId, LibraryCode, LocationCode};
use crate::refusal::Refusal;
use crate::volume::Volume;

/// A copy that an institution holds of a record, and whether it can be lent now.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct HeldCopy {
    /// Its holding.
    pub holding: HoldingId,
    /// Its item.
    pub item: ItemId,
    /// Its barcode. An item without one can't be lent.
    pub barcode: Option<Barcode>,
    /// The library where it is now, which is another than its own during a temporary relocation.
    pub library: LibraryCode,
    /// The location where it is now.
    pub location: LocationCode,
    /// Its type in the hub's words; `None` if the institution doesn't map its type, so that it can't be lent.
    pub item_type: Option<ItemType>,
    /// The volume of the title that it is.
    #[serde(default)]
    pub volume: Volume,
    /// Whether it can be lent now.
    pub state: CopyState,
    /// The number of requests that wait for it; `None` if nobody asked for the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u32>,
}

/// Whether a copy can be lent now.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyState {
    /// It is on its shelf, and may be lent.
    Available,
    /// It is on loan, and may be lent once it comes back.
    Lent {
        /// When it is due, if that is known.
        due: Option<Timestamp>,
    },
    /// It can't be lent, for a reason that doesn't end with a due date.
    NotLendable(Refusal),
}
