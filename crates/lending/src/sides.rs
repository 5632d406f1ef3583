//! The sides of a request: the lender's copy and the virtual items, with the holds and loans of each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::closure::HoldEnd;
use crate::copy::Copy;
use crate::ids::{Barcode, BibId, HoldId, HoldingId, InstitutionCode, ItemId, LibraryCode, LoanId, PatronId};
use crate::observation::{HoldState, ItemState};
use crate::refusal::Refusal;

/// The lending side of a request.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Supply {
    /// The lender.
    pub institution: InstitutionCode,
    /// The copy.
    pub copy: Copy,
    /// Who stands there for the borrower's patron.
    pub virtual_patron: Option<PatronId>,
    /// The hold for the virtual patron.
    pub hold: Tracked<Hold>,
    /// The loan to the virtual patron.
    pub loan: Tracked<Loan>,
    /// Whether the hold names another pickup library than the one wanted now.
    #[serde(default)]
    pub pickup_outdated: bool,
    /// The item as last seen.
    pub item: ItemState,
    /// Whether the hub has ever observed that it left.
    pub dispatched: bool,
    /// Whether the hub observed that only after it had given the lender up. It follows the item until it is home.
    #[serde(default)]
    pub sent_after_all: bool,
    /// How the hold ended, if the hub didn't end it.
    #[serde(default)]
    pub hold_end: Option<HoldEnd>,
    /// How many polls in a row missed the hold.
    pub hold_missing_polls: u8,
    /// Whether the lender wants the item back: it is recalled, or somebody else waits for it.
    #[serde(default)]
    pub wanted_back: bool,
    /// The due date of its loan, if the lender has set a later one than before. A renewal by the hub is none.
    #[serde(default)]
    pub extended_to: Option<Timestamp>,
    /// The later due date that staff of the borrower have agreed to pass on.
    #[serde(default)]
    pub extension_accepted: Option<Timestamp>,
    /// Whether the item is on loan to somebody other than the virtual patron.
    #[serde(default)]
    pub lent_to_another: bool,
    /// Whether the hub placed its hold on the copy while that was on loan to somebody else, and so waits for its return.
    #[serde(default)]
    pub queued: bool,
    /// Why this lender doesn't supply, if so.
    pub refusal: Option<Refusal>,
}

impl Supply {
    /// Creates the lending side for a copy just chosen.
    pub fn new(institution: InstitutionCode, copy: Copy) -> Self {
        Self {
            institution,
            copy,
            virtual_patron: None,
            hold: Tracked::NotCreated,
            loan: Tracked::NotCreated,
            pickup_outdated: false,
            item: ItemState::InPlace,
            dispatched: false,
            sent_after_all: false,
            hold_end: None,
            hold_missing_polls: 0,
            wanted_back: false,
            extended_to: None,
            extension_accepted: None,
            lent_to_another: false,
            queued: false,
            refusal: None,
        }
    }
}

/// A lender that didn't supply.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct EarlierSupply {
    /// The lender.
    pub institution: InstitutionCode,
    /// The library that owns the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<LibraryCode>,
    /// Its copy.
    pub barcode: Barcode,
    /// Why it didn't supply.
    pub refusal: Refusal,
    /// Whether it had the hub's hold, and didn't only refuse this copy.
    #[serde(default)]
    pub had_hold: bool,
}

/// A side at which a virtual item represents the lender's: the records that the hub created there, and their history.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct VirtualSide {
    /// The suppressed record.
    pub bib: Tracked<BibId>,
    /// Its holding.
    pub holding: Tracked<HoldingId>,
    /// Its item.
    pub item: Tracked<ItemId>,
    /// The record that has the item now, if staff have linked the item to another than the hub's.
    #[serde(default)]
    pub item_bib: Option<BibId>,
    /// The item's barcode: the lender's, or one with the institution's prefix if that was taken.
    pub barcode: Option<Barcode>,
    /// The lender's barcode that the virtual item represents.
    pub copied_barcode: Option<Barcode>,
    /// The virtual patron who represents the patron here, if the patron isn't at home.
    #[serde(default)]
    pub virtual_patron: Option<PatronId>,
    /// The patron's hold.
    pub hold: Tracked<Hold>,
    /// How the hold ended, if the hub didn't end it.
    #[serde(default)]
    pub hold_end: Option<HoldEnd>,
    /// How often the hold was placed.
    #[serde(default)]
    pub hold_attempts: u8,
    /// Whether the hold has another pickup location than the one wanted now.
    #[serde(default)]
    pub pickup_outdated: bool,
    /// The library to which staff have moved the patron's hold in the library's own system.
    #[serde(default)]
    pub hold_moved_to: Option<LibraryCode>,
    /// The patron's loan.
    pub loan: Tracked<Loan>,
    /// The history of due dates and renewals.
    #[serde(default)]
    pub due_dates: DueDates,
    /// Whether the virtual item was sent into transit, or need not be.
    pub in_transit: bool,
    /// The virtual item as last seen.
    pub item_state: Option<ItemState>,
    /// The furthest point that the virtual item has ever reached.
    pub progress: Progress,
    /// How many polls in a row missed the hold.
    pub hold_missing_polls: u8,
    /// Whether the hold still existed after the item had been lent for a while. Such a hold was placed after the loan,
    /// so the loan did not fulfil it.
    #[serde(default)]
    pub hold_outlives_loan: bool,
    /// Whether the user record of the holder was deleted during the loan.
    #[serde(default)]
    pub holder_deleted: bool,
    /// Whether the hub left the virtual record and its contents to the library's staff.
    #[serde(default)]
    pub left_to_staff: bool,
    /// Whether the virtual item is on loan to somebody other than its holder. The hub changes nothing of that loan.
    #[serde(default)]
    pub lent_to_another: bool,
}

/// The hub's record of due dates. The lender's due date is the ceiling of the patron's.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct DueDates {
    /// The patron's last agreed due date: the one at the loan, or the one to which the hub limited it. A later due date
    /// is a renewal.
    pub agreed: Option<Timestamp>,
    /// The patron's due date for which the hub last asked the lender to renew.
    pub renewal_requested_for: Option<Timestamp>,
    /// Whether the lender refused the last renewal.
    pub renewal_refused: bool,
    /// The due dates of patron and lender, if the library's system refused to limit the former to the latter.
    #[serde(default)]
    pub uncapped: Option<(Timestamp, Timestamp)>,
    /// Whether the hub has stopped further renewals by the patron.
    pub renewal_blocked: bool,
    /// The lender's later due date to which the hub has raised the patron's.
    #[serde(default)]
    pub raised_for: Option<Timestamp>,
    /// Whether the patron has renewed the loan, and the lender has not refused it.
    #[serde(default)]
    pub renewed: bool,
}

/// How far the virtual item has come; later points imply the earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Waiting for the lender.
    #[default]
    Waiting,
    /// Scanned in at the pickup library.
    Received,
    /// On the hold shelf.
    OnHoldShelf,
    /// On loan to the patron.
    OnLoan,
    /// Returned by the patron.
    Returned,
}

/// A record that the hub creates in a library's system and must remove again.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "state", content = "value", rename_all = "snake_case")]
pub enum Tracked<T> {
    /// Never made.
    #[default]
    NotCreated,
    /// Exists.
    Open(T),
    /// Existed, and is known to be gone.
    Closed(T),
}

impl<T: Clone> Tracked<T> {
    /// Returns the record if it exists now.
    pub fn open(&self) -> Option<&T> {
        match self {
            Self::Open(what) => Some(what),
            Self::NotCreated | Self::Closed(_) => None,
        }
    }

    /// Returns the record if it exists or existed.
    pub fn any(&self) -> Option<&T> {
        match self {
            Self::Open(what) | Self::Closed(what) => Some(what),
            Self::NotCreated => None,
        }
    }

    /// Returns whether it exists now.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Returns whether it existed and is gone.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// Marks it as gone, if it ever existed.
    pub fn close(&mut self) {
        if let Self::Open(what) = self {
            *self = Self::Closed(what.clone());
        }
    }

    /// Marks it as existing again: the hub had believed it gone.
    pub(crate) fn reopen(&mut self) {
        if let Self::Closed(what) = self {
            *self = Self::Open(what.clone());
        }
    }
}

/// A hold in a library's system.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Its id there.
    pub id: HoldId,
    /// Its state as last seen.
    pub state: HoldState,
    /// Until when the item waits on the hold shelf, once it is there.
    #[serde(default)]
    pub shelf_until: Option<Timestamp>,
}

/// A loan in a library's system.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Loan {
    /// Its id there.
    pub id: LoanId,
    /// When the item must be back.
    pub due: Option<Timestamp>,
}
