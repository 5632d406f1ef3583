//! A patron request and the facts that decisions rest on.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attention::Attention;
use crate::effect::{Effect, Side};
use crate::event::{CancelledBy, HoldState, ItemState};
use crate::ids::{
    AgencyCode, Barcode, BibId, DeskCode, HoldId, HoldingId, InstitutionCode, ItemId, LibraryCode, LoanId,
    LocationCode, PatronId, PickupLocationCode, RequestId,
};
use crate::refusal::Refusal;
use crate::status::{Condition, Outcome, Status, Workflow};

/// One patron's wish for one item of another library, from placing to the last clean-up.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its id, which also marks everything the hub makes for it in the libraries' systems.
    pub id: RequestId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Which libraries play which part.
    pub workflow: Workflow,
    /// Where it stands.
    pub status: Status,
    /// How it ended, from the moment that is known.
    pub outcome: Option<Outcome>,
    /// What is notable beside the status.
    pub conditions: BTreeSet<Condition>,
    /// What it waits for.
    pub attention: Attention,
    /// Who wants it, at the borrowing side.
    pub patron: Patron,
    /// Where the patron collects.
    pub pickup: PickupLocation,
    /// What is wanted, as the lender's record tells it.
    pub title: Option<Title>,
    /// Copies not tried yet, best first.
    pub candidates: Vec<CopyRef>,
    /// The copy being tried or supplied.
    pub supply: Option<Supply>,
    /// What exists for the request at the borrower.
    pub borrowing: Borrowing,
    /// Who ended it and why, where somebody did.
    pub cancellation: Option<Cancellation>,
    /// Why it came to nothing, where it did.
    pub refusal: Option<Refusal>,
    /// The one effect that is under way, if any.
    pub in_flight: Option<Effect>,
}

impl Request {
    /// A request as it is placed, before anything was asked of any library.
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
            status: Status::SubmittedToDcb,
            outcome: None,
            conditions: BTreeSet::new(),
            attention: Attention::None,
            patron,
            pickup,
            title: None,
            candidates,
            supply: None,
            borrowing: Borrowing::default(),
            cancellation: None,
            refusal: None,
            in_flight: None,
        }
    }

    /// The institution on `side`; none at the lending side before a copy is chosen.
    pub fn institution(&self, side: Side) -> Option<&InstitutionCode> {
        match side {
            Side::Borrower => Some(&self.patron.institution),
            Side::Lender => self.supply.as_ref().map(|supply| &supply.institution),
        }
    }

    /// The institution that `effect` speaks to.
    pub fn institution_for(&self, effect: Effect) -> Option<&InstitutionCode> {
        match effect {
            Effect::ChooseSupplier => self.candidates.first().map(|copy| &copy.institution),
            other => self.institution(other.side()),
        }
    }

    /// Whether it may still be cancelled; if not, why, in a sentence for people.
    pub fn may_cancel(&self) -> Result<(), &'static str> {
        if self.status == Status::Finalised || self.status.is_ending() {
            Err("The request has ended already.")
        } else if self.cancellation.is_some() {
            Err("The request is being cancelled already; the item is on its way home.")
        } else if self.borrowing.progress >= Progress::OnLoan || self.status == Status::ReturnTransit {
            Err("The patron has the item, or has just returned it. It ends by being returned, not by being cancelled.")
        } else {
            Ok(())
        }
    }

    /// Whether `effect` is what the request wants done, all else aside. What isn't wanted any more
    /// and is known not to have been sent need not be sent.
    pub fn wants(&self, effect: Effect) -> bool {
        crate::effects::wanted(self) == Some(effect)
    }

    /// Whether the lender is known to have sent the item.
    pub fn is_dispatched(&self) -> bool {
        self.supply.as_ref().is_some_and(|supply| supply.dispatched) || self.borrowing.progress >= Progress::Received
    }
}

/// The patron, at home.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Patron {
    /// The borrowing side.
    pub institution: InstitutionCode,
    /// The agency the patron belongs to.
    pub agency: AgencyCode,
    /// The identifier as the request named it: primary id, barcode or e-mail.
    pub given: PatronId,
    /// What the patron's library told, once it was asked.
    pub verified: Option<VerifiedPatron>,
}

/// A patron who may borrow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VerifiedPatron {
    /// The identifier the library's system itself uses.
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
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PickupLocation {
    /// The hub's code for it.
    pub code: PickupLocationCode,
    /// Its name, for people.
    pub name: String,
    /// The library in the borrower's system.
    pub library: LibraryCode,
    /// The desk, where a library has several hold shelves.
    pub desk: Option<DeskCode>,
}

/// What is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Title {
    /// The title, as catalogued.
    pub title: String,
    /// The author, where there is one.
    pub author: Option<String>,
}

/// A copy as a request names it: by item, or by barcode alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
}

/// A copy as the lender's system describes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Supply {
    /// The lender.
    pub institution: InstitutionCode,
    /// The copy.
    pub copy: Copy,
    /// Who stands there for the borrower's patron.
    pub virtual_patron: Option<PatronId>,
    /// The hold for the virtual patron.
    pub hold: Part<Hold>,
    /// The loan to the virtual patron.
    pub loan: Part<Loan>,
    /// The item as last seen.
    pub item: ItemState,
    /// Whether it was ever seen to have left.
    pub dispatched: bool,
    /// How often in a row the hold was looked for and not there.
    pub hold_missed: u8,
    /// Why this lender doesn't supply, where it doesn't.
    pub refusal: Option<Refusal>,
}

impl Supply {
    /// A copy just chosen.
    pub fn new(institution: InstitutionCode, copy: Copy) -> Self {
        Self {
            institution,
            copy,
            virtual_patron: None,
            hold: Part::NotMade,
            loan: Part::NotMade,
            item: ItemState::InPlace,
            dispatched: false,
            hold_missed: 0,
            refusal: None,
        }
    }
}

/// The borrowing side of a request: the virtual item and what happened to it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Borrowing {
    /// The suppressed record.
    pub bib: Part<BibId>,
    /// Its holding.
    pub holding: Part<HoldingId>,
    /// Its item.
    pub item: Part<ItemId>,
    /// The item's barcode: the lender's, or one with the institution's prefix where that was taken.
    pub barcode: Option<Barcode>,
    /// The lender's barcode that the virtual item stands for.
    pub stands_for: Option<Barcode>,
    /// The patron's hold.
    pub hold: Part<Hold>,
    /// The patron's loan.
    pub loan: Part<Loan>,
    /// Whether the virtual item was sent into transit, or need not be.
    pub in_transit: bool,
    /// The virtual item as last seen.
    pub seen: Option<ItemState>,
    /// The furthest point the virtual item was ever seen at.
    pub progress: Progress,
    /// How often in a row the hold was looked for and not there.
    pub hold_missed: u8,
}

/// How far the virtual item has come; later points imply the earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
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

/// Something the hub makes in a library's system and must see ended there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "state", content = "what", rename_all = "snake_case")]
pub enum Part<T> {
    /// Never made.
    #[default]
    NotMade,
    /// Exists.
    Open(T),
    /// Existed, and is known to be gone.
    Ended(T),
}

impl<T: Clone> Part<T> {
    /// What exists now.
    pub fn open(&self) -> Option<&T> {
        match self {
            Self::Open(what) => Some(what),
            Self::NotMade | Self::Ended(_) => None,
        }
    }

    /// What exists or existed.
    pub fn any(&self) -> Option<&T> {
        match self {
            Self::Open(what) | Self::Ended(what) => Some(what),
            Self::NotMade => None,
        }
    }

    /// Whether it exists now.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Whether it existed and is gone.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// It is gone, if it ever was.
    pub fn end(&mut self) {
        if let Self::Open(what) = self {
            *self = Self::Ended(what.clone());
        }
    }
}

/// A hold in a library's system.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Its id there.
    pub id: HoldId,
    /// Its state as last seen.
    pub state: HoldState,
}

/// A loan in a library's system.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Loan {
    /// Its id there.
    pub id: LoanId,
    /// When the item must be back.
    pub due: Option<Timestamp>,
}

/// Who ended a request, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cancellation {
    /// Who.
    pub by: CancelledBy,
    /// Why, in their words; never a person's name or number.
    pub reason: Option<String>,
}
