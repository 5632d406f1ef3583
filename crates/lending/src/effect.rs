//! Effects: the changes that the hub makes in the libraries' systems.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A library system in its role for a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The institution that owns the item.
    Lender,
    /// The institution of the patron.
    Borrower,
    /// The institution where the patron collects, where that is a third one.
    Pickup,
}

impl Side {
    /// Every side.
    pub const ALL: [Self; 3] = [Self::Lender, Self::Borrower, Self::Pickup];

    /// Returns its name, such as `lender`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lender => "lender",
            Self::Borrower => "borrower",
            Self::Pickup => "pickup",
        }
    }
}

/// Appends a side to a literal name, as in `place_hold_at_lender`.
macro_rules! at_side {
    ($side:expr, $what:literal) => {
        match $side {
            $crate::Side::Lender => concat!($what, "_at_lender"),
            $crate::Side::Borrower => concat!($what, "_at_borrower"),
            $crate::Side::Pickup => concat!($what, "_at_pickup"),
        }
    };
}
pub(crate) use at_side;

/// One act in the system of one side. Its input is in the request; while an effect is open, only observations change
/// the request. Its outcome is an [`EffectResult`](crate::EffectResult).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effect {
    /// Read the patron's record at the borrower.
    VerifyPatron,
    /// Find the copies of the wanted title and rank them. It asks the systems of all institutions that hold the title, and
    /// is charged to the patron's own.
    FindCopies,
    /// Read the next candidate copy and choose it if it can be lent.
    ChooseSupplier,
    /// Find or create the virtual patron.
    EnsureVirtualPatron(Side),
    /// Place the hold: for the virtual patron on the copy, or for the patron on the virtual item.
    PlaceHold(Side),
    /// Create the suppressed record.
    CreateVirtualBib(Side),
    /// Create its holding.
    CreateVirtualHolding(Side),
    /// Create its item.
    CreateVirtualItem(Side),
    /// Update the virtual item so that it represents another lender's copy.
    UpdateVirtualItem(Side),
    /// Change the pickup location to another one in the same institution. At the lender, where the hold only names it for
    /// staff, change its comment.
    ChangePickup(Side),
    /// Send the virtual item towards the pickup library.
    SendIntoTransit(Side),
    /// Lend the copy to the virtual patron, or the virtual item to the patron.
    Lend(Side),
    /// Renew the virtual patron's loan.
    Renew(Side),
    /// Bring the patron's due date down to the lender's, which is the ceiling.
    LimitDueDate(Side),
    /// Raise the patron's due date to the later one that the lender has set.
    RaiseDueDate(Side),
    /// Make sure that the patron can't renew any more.
    DenyRenewal(Side),
    /// Cancel the hold.
    CancelHold(Side),
    /// Close the loan of the virtual item by scanning it in at its own library.
    CheckIn(Side),
    /// Delete the virtual item with its holding.
    DeleteVirtualItem(Side),
    /// Delete the suppressed record.
    DeleteVirtualBib(Side),
}

use Side::{Borrower, Lender, Pickup};

impl Effect {
    /// Every effect, at every side where it is possible.
    pub const ALL: [Self; 39] = [
        Self::VerifyPatron,
        Self::FindCopies,
        Self::ChooseSupplier,
        Self::EnsureVirtualPatron(Lender),
        Self::EnsureVirtualPatron(Pickup),
        Self::PlaceHold(Lender),
        Self::PlaceHold(Borrower),
        Self::PlaceHold(Pickup),
        Self::CreateVirtualBib(Borrower),
        Self::CreateVirtualBib(Pickup),
        Self::CreateVirtualHolding(Borrower),
        Self::CreateVirtualHolding(Pickup),
        Self::CreateVirtualItem(Borrower),
        Self::CreateVirtualItem(Pickup),
        Self::UpdateVirtualItem(Borrower),
        Self::UpdateVirtualItem(Pickup),
        Self::ChangePickup(Lender),
        Self::ChangePickup(Borrower),
        Self::ChangePickup(Pickup),
        Self::SendIntoTransit(Borrower),
        Self::SendIntoTransit(Pickup),
        Self::Lend(Lender),
        Self::Lend(Borrower),
        Self::Renew(Lender),
        Self::LimitDueDate(Borrower),
        Self::LimitDueDate(Pickup),
        Self::RaiseDueDate(Borrower),
        Self::RaiseDueDate(Pickup),
        Self::DenyRenewal(Borrower),
        Self::DenyRenewal(Pickup),
        Self::CancelHold(Lender),
        Self::CancelHold(Borrower),
        Self::CancelHold(Pickup),
        Self::CheckIn(Borrower),
        Self::CheckIn(Pickup),
        Self::DeleteVirtualItem(Borrower),
        Self::DeleteVirtualItem(Pickup),
        Self::DeleteVirtualBib(Borrower),
        Self::DeleteVirtualBib(Pickup),
    ];

    /// Returns the side at which it acts.
    pub fn side(self) -> Side {
        match self {
            Self::VerifyPatron | Self::FindCopies => Borrower,
            Self::ChooseSupplier => Lender,
            Self::EnsureVirtualPatron(side)
            | Self::PlaceHold(side)
            | Self::CreateVirtualBib(side)
            | Self::CreateVirtualHolding(side)
            | Self::CreateVirtualItem(side)
            | Self::UpdateVirtualItem(side)
            | Self::ChangePickup(side)
            | Self::SendIntoTransit(side)
            | Self::Lend(side)
            | Self::Renew(side)
            | Self::LimitDueDate(side)
            | Self::RaiseDueDate(side)
            | Self::DenyRenewal(side)
            | Self::CancelHold(side)
            | Self::CheckIn(side)
            | Self::DeleteVirtualItem(side)
            | Self::DeleteVirtualBib(side) => side,
        }
    }

    /// Returns whether it only removes what the hub created. Such an effect is retried until it succeeds.
    pub fn is_clean_up(self) -> bool {
        match self {
            Self::CancelHold(_) | Self::CheckIn(_) | Self::DeleteVirtualItem(_) | Self::DeleteVirtualBib(_) => true,
            Self::VerifyPatron
            | Self::FindCopies
            | Self::ChooseSupplier
            | Self::EnsureVirtualPatron(_)
            | Self::PlaceHold(_)
            | Self::CreateVirtualBib(_)
            | Self::CreateVirtualHolding(_)
            | Self::CreateVirtualItem(_)
            | Self::UpdateVirtualItem(_)
            | Self::ChangePickup(_)
            | Self::SendIntoTransit(_)
            | Self::Lend(_)
            | Self::Renew(_)
            | Self::LimitDueDate(_)
            | Self::RaiseDueDate(_)
            | Self::DenyRenewal(_) => false,
        }
    }

    /// Returns its name, such as `place_hold_at_lender`.
    pub fn name(self) -> &'static str {
        match self {
            Self::VerifyPatron => "verify_patron",
            Self::FindCopies => "find_copies",
            Self::ChooseSupplier => "choose_supplier",
            Self::EnsureVirtualPatron(side) => at_side!(side, "ensure_virtual_patron"),
            Self::PlaceHold(side) => at_side!(side, "place_hold"),
            Self::CreateVirtualBib(side) => at_side!(side, "create_virtual_bib"),
            Self::CreateVirtualHolding(side) => at_side!(side, "create_virtual_holding"),
            Self::CreateVirtualItem(side) => at_side!(side, "create_virtual_item"),
            Self::UpdateVirtualItem(side) => at_side!(side, "update_virtual_item"),
            Self::ChangePickup(side) => at_side!(side, "change_pickup"),
            Self::SendIntoTransit(side) => at_side!(side, "send_into_transit"),
            Self::Lend(side) => at_side!(side, "lend"),
            Self::Renew(side) => at_side!(side, "renew"),
            Self::LimitDueDate(side) => at_side!(side, "limit_due_date"),
            Self::RaiseDueDate(side) => at_side!(side, "raise_due_date"),
            Self::DenyRenewal(side) => at_side!(side, "deny_renewal"),
            Self::CancelHold(side) => at_side!(side, "cancel_hold"),
            Self::CheckIn(side) => at_side!(side, "check_in"),
            Self::DeleteVirtualItem(side) => at_side!(side, "delete_virtual_item"),
            Self::DeleteVirtualBib(side) => at_side!(side, "delete_virtual_bib"),
        }
    }
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Effect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::ALL
            .into_iter()
            .find(|effect| effect.name() == name)
            .ok_or_else(|| serde::de::Error::custom(format!("{name:?} is no effect")))
    }
}
