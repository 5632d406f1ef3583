//! Statuses, outcomes and conditions, with the names that OpenRS DCB gave them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::effect::Side;

/// The position of a patron request in the workflow. There is no error status: [`Attention`](crate::Attention) beside
/// the status shows what the request waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Accepted and stored; the patron is not checked yet.
    SubmittedToDcb,
    /// The patron may borrow.
    PatronVerified,
    /// A copy at a lender is chosen.
    Resolved,
    /// The lender's hold is placed.
    RequestPlacedAtSupplyingAgency,
    /// The lender's hold is seen as not started or in process.
    Confirmed,
    /// The virtual item and the patron's hold exist at the borrower.
    RequestPlacedAtBorrowingAgency,
    /// The virtual item and the hold exist at the pickup side too.
    RequestPlacedAtPickupAgency,
    /// The lender has sent the item.
    PickupTransit,
    /// The item has come to the pickup library.
    ReceivedAtPickup,
    /// The item waits for the patron on the hold shelf.
    ReadyForPickup,
    /// The patron has the item.
    Loaned,
    /// The item is on its way home.
    ReturnTransit,
    /// The item is home; the paperwork remains.
    Completed,
    /// Ended before the patron got the item.
    Cancelled,
    /// The chosen lender can't or won't supply; the next one is looked for.
    NotSuppliedCurrentSupplier,
    /// No lender is left.
    NoItemsSelectableAtAnyAgency,
    /// The patron's own library has the item, and its system does the rest. The hub doesn't follow the request.
    HandedOffAsLocal,
    /// Ended, and nothing that the hub created is left on either side.
    Finalised,
}

impl Status {
    /// Every status, in the order of the workflow.
    pub const ALL: [Self; 18] = [
        Self::SubmittedToDcb,
        Self::PatronVerified,
        Self::Resolved,
        Self::RequestPlacedAtSupplyingAgency,
        Self::Confirmed,
        Self::RequestPlacedAtBorrowingAgency,
        Self::RequestPlacedAtPickupAgency,
        Self::PickupTransit,
        Self::ReceivedAtPickup,
        Self::ReadyForPickup,
        Self::Loaned,
        Self::ReturnTransit,
        Self::Completed,
        Self::Cancelled,
        Self::NotSuppliedCurrentSupplier,
        Self::NoItemsSelectableAtAnyAgency,
        Self::HandedOffAsLocal,
        Self::Finalised,
    ];

    /// Returns its name as DCB staff and reports know it, such as `PICKUP_TRANSIT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SubmittedToDcb => "SUBMITTED_TO_DCB",
            Self::PatronVerified => "PATRON_VERIFIED",
            Self::Resolved => "RESOLVED",
            Self::RequestPlacedAtSupplyingAgency => "REQUEST_PLACED_AT_SUPPLYING_AGENCY",
            Self::Confirmed => "CONFIRMED",
            Self::RequestPlacedAtBorrowingAgency => "REQUEST_PLACED_AT_BORROWING_AGENCY",
            Self::RequestPlacedAtPickupAgency => "REQUEST_PLACED_AT_PICKUP_AGENCY",
            Self::PickupTransit => "PICKUP_TRANSIT",
            Self::ReceivedAtPickup => "RECEIVED_AT_PICKUP",
            Self::ReadyForPickup => "READY_FOR_PICKUP",
            Self::Loaned => "LOANED",
            Self::ReturnTransit => "RETURN_TRANSIT",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::NotSuppliedCurrentSupplier => "NOT_SUPPLIED_CURRENT_SUPPLIER",
            Self::NoItemsSelectableAtAnyAgency => "NO_ITEMS_SELECTABLE_AT_ANY_AGENCY",
            Self::HandedOffAsLocal => "HANDED_OFF_AS_LOCAL",
            Self::Finalised => "FINALISED",
        }
    }

    /// Returns whether only clean-up remains.
    pub fn is_ending(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::NoItemsSelectableAtAnyAgency)
    }

    /// Returns whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::HandedOffAsLocal | Self::Finalised)
    }

    /// Returns whether the lender has sent the item. From here on it must come home.
    pub fn is_dispatched(self) -> bool {
        matches!(
            self,
            Self::PickupTransit | Self::ReceivedAtPickup | Self::ReadyForPickup | Self::Loaned | Self::ReturnTransit
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.trim();
        Self::ALL
            .into_iter()
            .find(|status| status.name().eq_ignore_ascii_case(wanted))
            .ok_or_else(|| UnknownStatus(wanted.to_owned()))
    }
}

/// The text names no status.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no status of a patron request")]
pub struct UnknownStatus(String);

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// The patron had the item, and it came home.
    Supplied,
    /// No lender supplied it.
    NotSupplied,
    /// Cancelled, or refused for a reason of the patron's.
    Cancelled,
    /// It waited on the hold shelf and was not collected.
    NotCollected,
    /// Lost on the way or by the patron.
    Lost,
    /// The libraries' systems don't show what happened.
    Unknown,
}

impl Outcome {
    /// Returns its name, such as `SUPPLIED`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Supplied => "SUPPLIED",
            Self::NotSupplied => "NOT_SUPPLIED",
            Self::Cancelled => "CANCELLED",
            Self::NotCollected => "NOT_COLLECTED",
            Self::Lost => "LOST",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A notable fact about a request beside its status.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The due date has passed at the borrower or the lender.
    Overdue,
    /// The lender wants the item back.
    Recalled,
    /// The patron has renewed the loan.
    Renewed,
    /// The patron tried to renew, and the lender refused.
    RenewalRefused,
    /// Marked lost on either side.
    Lost,
    /// The patron claims to have returned it, but the library hasn't got it.
    ClaimedReturned,
    /// Under way for too long.
    MissingInTransit,
    /// Marked missing at the pickup library, where it had arrived.
    MissingAtPickup,
    /// The library's staff have given the patron's hold another pickup library in their own system.
    PickupChangedByStaff,
    /// Something happened in another order than the workflow expects.
    OutOfSequence,
    /// The hub left a virtual record to the library's staff, since it isn't the hub's alone any more.
    LeftToStaff,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 11] = [
        Self::Overdue,
        Self::Recalled,
        Self::Renewed,
        Self::RenewalRefused,
        Self::Lost,
        Self::ClaimedReturned,
        Self::MissingInTransit,
        Self::MissingAtPickup,
        Self::PickupChangedByStaff,
        Self::OutOfSequence,
        Self::LeftToStaff,
    ];

    /// Returns its name, such as `overdue`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Recalled => "recalled",
            Self::Renewed => "renewed",
            Self::RenewalRefused => "renewal_refused",
            Self::Lost => "lost",
            Self::ClaimedReturned => "claimed_returned",
            Self::MissingInTransit => "missing_in_transit",
            Self::MissingAtPickup => "missing_at_pickup",
            Self::PickupChangedByStaff => "pickup_changed_by_staff",
            Self::OutOfSequence => "out_of_sequence",
            Self::LeftToStaff => "left_to_staff",
        }
    }
}

/// The institutions that play each side: lender, borrower (the patron's institution) and pickup library.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workflow {
    /// A lender, and a borrower at which the patron also collects.
    #[default]
    Standard,
    /// All in one library system: the real patron and the real item, no virtual records.
    Local,
    /// Lender, borrower and pickup library are three.
    PickupAnywhere,
    /// The item is the patron's own library's, and is collected elsewhere.
    OwnItemElsewhere,
    /// The patron stands at the lender's desk with the item in hand.
    Expedited,
}

impl Workflow {
    /// Every workflow.
    pub const ALL: [Self; 5] =
        [Self::Standard, Self::Local, Self::PickupAnywhere, Self::OwnItemElsewhere, Self::Expedited];

    /// Returns its name, such as `pickup_anywhere`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Local => "local",
            Self::PickupAnywhere => "pickup_anywhere",
            Self::OwnItemElsewhere => "own_item_elsewhere",
            Self::Expedited => "expedited",
        }
    }

    /// Returns the sides with virtual items, in the order in which the hub creates them.
    pub fn virtual_sides(self) -> &'static [Side] {
        match self {
            Self::Standard | Self::Expedited => &[Side::Borrower],
            Self::Local => &[],
            Self::PickupAnywhere => &[Side::Borrower, Side::Pickup],
            Self::OwnItemElsewhere => &[Side::Pickup],
        }
    }

    /// Returns whether the copy belongs to the patron's own institution, so that the lender knows the patron.
    pub fn lender_is_patrons_library(self) -> bool {
        matches!(self, Self::Local | Self::OwnItemElsewhere)
    }
}
