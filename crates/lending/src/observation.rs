//! Observations: the findings of polls, messages and the clock.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::closure::Closure;
use crate::ids::{Barcode, BibId, HoldingId, LibraryCode, LoanId};

/// The source of an observation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservationSource {
    /// The hub polled the side.
    Poll,
    /// Messages or a batch poll showed it, so that no poll was needed.
    Notification,
}

/// The state of one side at one moment. `None` means that the part was not read.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Observation {
    /// The item.
    pub item: Option<ItemState>,
    /// The hub's hold.
    pub hold: Option<HoldState>,
    /// The loan to the request's patron (borrower) or virtual patron (lender).
    pub loan: Option<LoanState>,
    /// How the hub's hold ended, if the library's system shows it.
    #[serde(default)]
    pub closure: Option<Closure>,
    /// The last day on which the item waits on the hold shelf, or waited if the hold is gone, by the calendar of its
    /// library.
    #[serde(default)]
    pub last_shelf_day: Option<Date>,
    /// The library at which the hub's hold is to be picked up.
    #[serde(default)]
    pub pickup_library: Option<LibraryCode>,
    /// When that day ends at the library. The hub works it out before it decides.
    #[serde(default)]
    pub shelf_until: Option<Timestamp>,
    /// The hold's last day of interest, as a closed request shows it.
    #[serde(default)]
    pub last_interest_day: Option<Date>,
    /// When that day ends at the library. The hub works it out before it decides.
    #[serde(default)]
    pub interest_until: Option<Timestamp>,
    /// Whether somebody else waits for the item, or it is recalled.
    #[serde(default)]
    pub wanted_back: Option<bool>,
    /// Whether the user who had borrowed the item doesn't exist any more.
    #[serde(default)]
    pub holder_deleted: Option<bool>,
    /// The item's barcode, which staff may have replaced.
    #[serde(default)]
    pub barcode: Option<Barcode>,
    /// The record that has the item now, which changes when staff link the item to another record.
    #[serde(default)]
    pub bib: Option<BibId>,
    /// The item's holding, which changes when staff move it.
    #[serde(default)]
    pub holding: Option<HoldingId>,
}

/// An item's state, in the hub's words.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// On its shelf.
    InPlace,
    /// On its shelf, wanted by a hold.
    Requested,
    /// On its way between libraries.
    InTransit,
    /// On a hold shelf.
    OnHoldShelf,
    /// On loan.
    OnLoan,
    /// Lost while on loan.
    Lost,
    /// The patron claims to have returned it.
    ClaimedReturned,
    /// Not where it should be.
    Missing,
    /// Unavailable for another cause, named as the library's system does.
    Unavailable(String),
    /// No such item any more.
    Absent,
}

/// A hold's state, in the hub's words. A hold that is gone may have been fulfilled, cancelled or expired. Alma doesn't
/// show which, so the hub infers it from hold, item and loan together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Waiting for staff.
    NotStarted,
    /// In process. That doesn't mean that the item has left.
    InProcess,
    /// The item waits for the patron.
    OnHoldShelf,
    /// No longer among the active holds.
    Gone,
}

/// The loan to the request's patron (borrower) or virtual patron (lender).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoanState {
    /// There is none.
    None,
    /// The item is out.
    Active {
        /// The loan.
        id: LoanId,
        /// When it must be back.
        due: Option<Timestamp>,
    },
    /// The item is out on somebody else's loan.
    Another,
}
