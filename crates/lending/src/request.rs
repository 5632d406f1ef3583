//! A patron request and the facts that decisions rest on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::attention::{Attention, FailingPoll, StaffCase};
use crate::command::CancelledBy;
use crate::copy::{CopyRef, Title};
use crate::effect::{Effect, Side};
use crate::ids::{
    AgencyCode, DeskCode, InstitutionCode, LibraryCode, PatronId, PersonName, PickupCode, PickupLocationCode, RequestId,
};
use crate::lender_extension::LenderExtension;
use crate::refusal::Refusal;
use crate::sides::{EarlierSupply, Progress, Supply, VirtualSide};
use crate::status::{Condition, Outcome, Status, Workflow};
use crate::wanted_title::WantedTitle;

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
    /// What becomes of the patron's due date when the lender sets a later one, by the rules of the patron's agency.
    #[serde(default)]
    pub lender_extension: LenderExtension,
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
    /// The title that the request names in place of copies, with what was tried to get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Box<WantedTitle>>,
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
    /// The damage with which the item came back, as staff describe it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
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
    /// When the patron's data was erased from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymised_at: Option<Timestamp>,
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
            lender_extension: LenderExtension::default(),
            status: Status::SubmittedToDcb,
            status_since: placed_at,
            outcome: None,
            conditions: BTreeSet::new(),
            attention: Attention::None,
            patron,
            pickup,
            title: None,
            wanted: None,
            candidates,
            supply: None,
            earlier_suppliers: Vec::new(),
            borrower: VirtualSide::default(),
            pickup_side: None,
            cancellation: None,
            refusal: None,
            staff_case: None,
            damage: None,
            settlement: None,
            ended_manually: false,
            out_of_sequence: false,
            missing_since: None,
            failing_polls: BTreeMap::new(),
            needed_until: None,
            anonymised_at: None,
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

    /// Returns whether the patron collects at another institution, where a virtual patron represents them on the shelf.
    pub fn is_collected_elsewhere(&self) -> bool {
        self.pickup.institution != self.patron.institution && !self.expedited
    }

    /// Returns whether the item is on loan to somebody else at `side`, while the request still has something there.
    pub fn is_lent_to_another(&self, side: Side) -> bool {
        match side {
            Side::Lender => self.supply.as_ref().is_some_and(|supply| supply.lent_to_another),
            _ => self.virtual_side(side).is_some_and(|here| here.lent_to_another && here.item.is_open()),
        }
    }

    /// Returns whether the hub waits until the copy comes back from a loan to somebody else, as it was chosen to.
    pub fn is_in_queue(&self) -> bool {
        let waits = self.supply.as_ref().is_some_and(|supply| supply.queued && supply.lent_to_another);
        waits && !self.is_dispatched()
    }

    /// Returns whether the lender's later due date `until` is passed on to the patron.
    pub(crate) fn passes_on(&self, until: Timestamp) -> bool {
        let accepted = self.supply.as_ref().and_then(|supply| supply.extension_accepted);
        self.lender_extension == LenderExtension::Raise || accepted == Some(until)
    }

    /// Returns the lender's later due date, if staff must decide whether the patron gets it.
    pub(crate) fn undecided_extension(&self) -> Option<Timestamp> {
        let until = self.supply.as_ref()?.extended_to?;
        let due = self.at_pickup().loan.open()?.due?;
        (self.status == Status::Loaned && due < until && !self.passes_on(until)).then_some(until)
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
    /// The evidence that the patron belongs to the request's agency.
    #[serde(default)]
    pub agency: AgencyEvidence,
    /// The code that the patron gets and that the pickup library's shelf shows, if the patron collects at another
    /// institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pickup_code: Option<PickupCode>,
    /// The data that a lender may see.
    #[serde(default, skip_serializing_if = "ShownPatron::is_empty")]
    pub shown_to_lender: ShownPatron,
    /// The data that a pickup library of another institution may see.
    #[serde(default, skip_serializing_if = "ShownPatron::is_empty")]
    pub shown_at_pickup: ShownPatron,
}

/// The evidence that a patron belongs to the agency that the request names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgencyEvidence {
    /// The institution has no other agency.
    #[default]
    OnlyAgency,
    /// The campus in the patron's record.
    Campus,
    /// The word of the program that placed the request: the institution has several agencies, and no table says which
    /// campus belongs to which.
    Caller,
}

/// The data of a patron that the patron's library allows another library to see. By default there is none.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ShownPatron {
    /// The number of the library card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<PatronId>,
    /// The first name, or the initials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<PersonName>,
    /// The last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<PersonName>,
}

impl ShownPatron {
    /// Returns whether nothing is shown.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A patron type in the hub's words, such as `undergraduate`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatronType(pub String);

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
    /// The code of its stop on the courier's route, for slips.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_code: Option<String>,
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
