//! A patron request and the facts that decisions rest on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::attention::{Attention, FailingPoll, StaffCase};
use crate::closure::HoldEnd;
use crate::command::CancelledBy;
use crate::effect::{Effect, Side};
use crate::ids::{
    AgencyCode, Barcode, BibId, DeskCode, HoldId, HoldingId, InstitutionCode, ItemId, LibraryCode, LoanId,
    LocationCode, PatronId, PickupLocationCode, RequestId,
};
use crate::observation::{HoldState, ItemState};
use crate::refusal::Refusal;
use crate::status::{Condition, Outcome, Status, Workflow};

/// One patron's wish for one item of another library, from placing to the last clean-up.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its id, which also marks every record and hold that the hub creates for it in the libraries' systems.
    pub id: RequestId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Which institutions play which side; known once a copy is chosen.
    pub workflow: Workflow,
    /// Whether the patron stands at the lender's desk with the item in hand.
    #[serde(default)]
    pub expedited: bool,
    /// Whether the hub creates the virtual item when the lender sends the item, and not before.
    #[serde(default)]
    pub virtual_item_at_dispatch: bool,
    /// Its status.
    pub status: Status,
    /// When it reached this status.
    pub status_since: Timestamp,
    /// How it ended, once that is known.
    pub outcome: Option<Outcome>,
    /// Notable facts beside the status.
    pub conditions: BTreeSet<Condition>,
    /// What it waits for.
    pub attention: Attention,
    /// Who wants it, at the borrowing side.
    pub patron: Patron,
    /// Where the patron collects.
    pub pickup: PickupLocation,
    /// The title, as the lender's record gives it.
    pub title: Option<Title>,
    /// Copies not tried yet, best first.
    pub candidates: Vec<CopyRef>,
    /// The copy being tried or supplied.
    pub supply: Option<Supply>,
    /// Lenders that were tried before, and why they didn't supply.
    #[serde(default)]
    pub earlier_suppliers: Vec<EarlierSupply>,
    /// The hub's records at the borrower, and their state.
    pub borrower: VirtualSide,
    /// The hub's records at a third institution, if the patron collects there.
    #[serde(default)]
    pub pickup_side: Option<Box<VirtualSide>>,
    /// Who ended it and why, where somebody did.
    pub cancellation: Option<Cancellation>,
    /// The reason why it failed, if it did.
    pub refusal: Option<Refusal>,
    /// The problem that only staff can solve.
    #[serde(default)]
    pub staff_case: Option<StaffCase>,
    /// How staff settled the loss of the item.
    #[serde(default)]
    pub settlement: Option<Settlement>,
    /// Whether staff ended it by hand.
    #[serde(default)]
    pub ended_manually: bool,
    /// Whether something happened in another order than the workflow expects.
    #[serde(default)]
    pub out_of_sequence: bool,
    /// Since when the item has been under way for too long.
    #[serde(default)]
    pub missing_since: Option<Timestamp>,
    /// The sides that can't be polled now although the request waits for a change there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failing_polls: BTreeMap<Side, FailingPoll>,
    /// The last day on which the patron has use for it.
    #[serde(default)]
    pub needed_until: Option<Date>,
    /// The one open effect, if any.
    pub in_flight: Option<Effect>,
    /// The request as it was before the last staff action, while no effect of that action was sent.
    #[serde(default)]
    pub undo: Option<Box<Request>>,
}

impl Request {
    /// Creates a request as it is placed, before the hub calls any library.
    pub fn new(
        id: RequestId,
        placed_at: Timestamp,
        patron: Patron,
        pickup: PickupLocation,
        candidates: Vec<CopyRef>,
    ) -> Self {
        Self {
            id,
            placed_at,
            workflow: Workflow::Standard,
            expedited: false,
            virtual_item_at_dispatch: false,
            status: Status::SubmittedToDcb,
            status_since: placed_at,
            outcome: None,
            conditions: BTreeSet::new(),
            attention: Attention::None,
            patron,
            pickup,
            title: None,
            candidates,
            supply: None,
            earlier_suppliers: Vec::new(),
            borrower: VirtualSide::default(),
            pickup_side: None,
            cancellation: None,
            refusal: None,
            staff_case: None,
            settlement: None,
            ended_manually: false,
            out_of_sequence: false,
            missing_since: None,
            failing_polls: BTreeMap::new(),
            needed_until: None,
            in_flight: None,
            undo: None,
        }
    }

    /// Returns the institution on `side`; none for the lender before a copy is chosen, nor for the pickup side if the
    /// patron collects at home.
    pub fn institution(&self, side: Side) -> Option<&InstitutionCode> {
        match side {
            Side::Borrower => Some(&self.patron.institution),
            Side::Lender => self.supply.as_ref().map(|supply| &supply.institution),
            Side::Pickup => self.pickup_side.as_ref().map(|_| &self.pickup.institution),
        }
    }

    /// Returns the institution whose system `effect` calls.
    pub fn institution_for(&self, effect: Effect) -> Option<&InstitutionCode> {
        match effect {
            Effect::ChooseSupplier => self.candidates.first().map(|copy| &copy.institution),
            other => self.institution(other.side()),
        }
    }

    /// Returns the virtual side at `side`; the lender has none.
    pub fn virtual_side(&self, side: Side) -> Option<&VirtualSide> {
        match side {
            Side::Lender => None,
            Side::Borrower => Some(&self.borrower),
            Side::Pickup => self.pickup_side.as_deref(),
        }
    }

    pub(crate) fn virtual_side_mut(&mut self, side: Side) -> Option<&mut VirtualSide> {
        match side {
            Side::Lender => None,
            Side::Borrower => Some(&mut self.borrower),
            Side::Pickup => self.pickup_side.as_deref_mut(),
        }
    }

    /// Returns the side at which the patron collects and returns. Changes of the virtual item there move the request.
    pub fn pickup_role(&self) -> Side {
        if self.pickup_side.is_some() { Side::Pickup } else { Side::Borrower }
    }

    /// Returns the virtual side whose item the patron gets.
    pub fn at_pickup(&self) -> &VirtualSide {
        self.pickup_side.as_deref().unwrap_or(&self.borrower)
    }

    /// Returns who holds and borrows the copy at the lender: the virtual patron, or the patron if the copy belongs to
    /// their own library.
    pub fn lender_patron(&self) -> Option<&PatronId> {
        if self.workflow.lender_is_patrons_library() {
            self.patron.verified.as_ref().map(|patron| &patron.id)
        } else {
            self.supply.as_ref()?.virtual_patron.as_ref()
        }
    }

    /// Returns who holds and borrows the virtual item on `side`.
    pub fn holder(&self, side: Side) -> Option<&PatronId> {
        match side {
            Side::Lender => self.lender_patron(),
            Side::Borrower => self.patron.verified.as_ref().map(|patron| &patron.id),
            Side::Pickup => self.pickup_side.as_ref()?.virtual_patron.as_ref(),
        }
    }

    /// Returns whether the item is on loan to somebody else at `side`, while the request still has something there.
    pub fn is_lent_to_another(&self, side: Side) -> bool {
        match side {
            Side::Lender => self.supply.as_ref().is_some_and(|supply| supply.lent_to_another),
            _ => self.virtual_side(side).is_some_and(|here| here.lent_to_another && here.item.is_open()),
        }
    }

    /// Returns whether the lender is known to have sent the item.
    pub fn is_dispatched(&self) -> bool {
        self.supply.as_ref().is_some_and(|supply| supply.dispatched) || self.at_pickup().progress >= Progress::Received
    }
}

/// The patron, at their own institution.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Patron {
    /// The borrowing side.
    pub institution: InstitutionCode,
    /// The agency the patron belongs to.
    pub agency: AgencyCode,
    /// The identifier as the request named it: primary id, barcode or e-mail.
    pub identifier: PatronId,
    /// The data that the patron's library reported, once the hub has read it.
    pub verified: Option<VerifiedPatron>,
}

/// A patron who may borrow.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct VerifiedPatron {
    /// The identifier that the library's system itself uses.
    pub id: PatronId,
    /// The patron type in the hub's words.
    pub patron_type: PatronType,
}

/// A patron type in the hub's words, such as `undergraduate`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatronType(pub String);

/// An item type in the hub's words, such as `book`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemType(pub String);

/// Where the patron collects.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PickupLocation {
    /// The hub's code for it.
    pub code: PickupLocationCode,
    /// Its name, for people.
    pub name: String,
    /// The institution that the library belongs to.
    pub institution: InstitutionCode,
    /// The library in that institution.
    pub library: LibraryCode,
    /// The desk, where a library has several hold shelves.
    pub desk: Option<DeskCode>,
}

/// The title of the item.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Title {
    /// The title, as catalogued.
    pub title: String,
    /// The author, where there is one.
    pub author: Option<String>,
}

/// A copy as a request names it: by item, or by barcode alone.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct CopyRef {
    /// The institution that owns it.
    pub institution: InstitutionCode,
    /// Its record.
    pub bib: Option<BibId>,
    /// Its holding.
    pub holding: Option<HoldingId>,
    /// Its item.
    pub item: Option<ItemId>,
    /// Its barcode.
    pub barcode: Option<Barcode>,
    /// The wanted volume, as the item's description names it, if the record has several.
    #[serde(default)]
    pub volume: Option<String>,
    /// Whether staff chose it, even though its lender was tried before.
    #[serde(default)]
    pub chosen_by_staff: bool,
    /// Items of the record that its lender refused to lend, if any copy would do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried_items: Vec<ItemId>,
}

impl CopyRef {
    /// Returns whether this names that very copy, by its barcode or its item.
    pub fn names(&self, institution: &InstitutionCode, copy: &Copy) -> bool {
        let same = self.barcode.as_ref() == Some(&copy.barcode) || self.item.as_ref() == Some(&copy.item);
        self.institution == *institution && same
    }
}

/// A copy as the lender's system describes it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Copy {
    /// Its record.
    pub bib: BibId,
    /// Its holding.
    pub holding: HoldingId,
    /// Its item.
    pub item: ItemId,
    /// Its barcode.
    pub barcode: Barcode,
    /// The library that owns it.
    pub library: LibraryCode,
    /// Its shelving location.
    pub location: LocationCode,
    /// Its type in the hub's words.
    pub item_type: ItemType,
    /// What it is.
    pub title: Title,
}

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
    /// Whether the item is on loan to somebody other than the virtual patron.
    #[serde(default)]
    pub lent_to_another: bool,
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
            item: ItemState::InPlace,
            dispatched: false,
            sent_after_all: false,
            hold_end: None,
            hold_missing_polls: 0,
            wanted_back: false,
            lent_to_another: false,
            refusal: None,
        }
    }
}

/// A lender that didn't supply.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct EarlierSupply {
    /// The lender.
    pub institution: InstitutionCode,
    /// Its copy.
    pub barcode: Barcode,
    /// Why it didn't supply.
    pub refusal: Refusal,
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

/// The way in which staff settled the loss of an item.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The patron paid for it.
    Paid,
    /// The lender wrote it off.
    WrittenOff,
}

/// The party that ended a request, and why.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Cancellation {
    /// Who.
    pub by: CancelledBy,
    /// Why, in their words; never a person's name or number.
    pub reason: Option<String>,
}
