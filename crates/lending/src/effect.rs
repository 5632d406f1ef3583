//! What the hub does in the libraries' systems.

use serde::{Deserialize, Serialize};

/// Which library system is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The institution that owns the item.
    Lender,
    /// The institution of the patron, where the patron also collects.
    Borrower,
}

impl Side {
    /// The word for it, such as `lender`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lender => "lender",
            Self::Borrower => "borrower",
        }
    }
}

/// One act on one side. What it needs is in the request, which doesn't change while it is under way
/// but by observation; what it gives is an [`Event`](crate::Event).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Read the patron at home.
    VerifyPatron,
    /// Read the next candidate copy and take it, if it can be lent.
    ChooseSupplier,
    /// Find or create the virtual patron at the lender.
    EnsureVirtualPatron,
    /// Place the virtual patron's hold at the lender.
    PlaceHoldAtLender,
    /// Create the suppressed record at the borrower.
    CreateVirtualBib,
    /// Create its holding.
    CreateVirtualHolding,
    /// Create its item.
    CreateVirtualItem,
    /// Make the virtual item stand for another lender's copy.
    UpdateVirtualItem,
    /// Place the patron's hold on the virtual item.
    PlaceHoldAtBorrower,
    /// Send the virtual item towards the pickup library.
    SendIntoTransit,
    /// Lend the item to the virtual patron.
    LendToVirtualPatron,
    /// Cancel the virtual patron's hold.
    CancelHoldAtLender,
    /// Cancel the patron's hold.
    CancelHoldAtBorrower,
    /// Delete the virtual item with its holding.
    DeleteVirtualItem,
    /// Delete the suppressed record.
    DeleteVirtualBib,
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 15] = [
        Self::VerifyPatron,
        Self::ChooseSupplier,
        Self::EnsureVirtualPatron,
        Self::PlaceHoldAtLender,
        Self::CreateVirtualBib,
        Self::CreateVirtualHolding,
        Self::CreateVirtualItem,
        Self::UpdateVirtualItem,
        Self::PlaceHoldAtBorrower,
        Self::SendIntoTransit,
        Self::LendToVirtualPatron,
        Self::CancelHoldAtLender,
        Self::CancelHoldAtBorrower,
        Self::DeleteVirtualItem,
        Self::DeleteVirtualBib,
    ];

    /// Where it acts.
    pub fn side(self) -> Side {
        match self {
            Self::ChooseSupplier
            | Self::EnsureVirtualPatron
            | Self::PlaceHoldAtLender
            | Self::LendToVirtualPatron
            | Self::CancelHoldAtLender => Side::Lender,
            Self::VerifyPatron
            | Self::CreateVirtualBib
            | Self::CreateVirtualHolding
            | Self::CreateVirtualItem
            | Self::UpdateVirtualItem
            | Self::PlaceHoldAtBorrower
            | Self::SendIntoTransit
            | Self::CancelHoldAtBorrower
            | Self::DeleteVirtualItem
            | Self::DeleteVirtualBib => Side::Borrower,
        }
    }

    /// Whether it only takes away what the hub made; such an effect is repeated until it is done.
    pub fn is_clean_up(self) -> bool {
        matches!(
            self,
            Self::CancelHoldAtLender | Self::CancelHoldAtBorrower | Self::DeleteVirtualItem | Self::DeleteVirtualBib
        )
    }

    /// The name, such as `place_hold_at_lender`.
    pub fn name(self) -> &'static str {
        match self {
            Self::VerifyPatron => "verify_patron",
            Self::ChooseSupplier => "choose_supplier",
            Self::EnsureVirtualPatron => "ensure_virtual_patron",
            Self::PlaceHoldAtLender => "place_hold_at_lender",
            Self::CreateVirtualBib => "create_virtual_bib",
            Self::CreateVirtualHolding => "create_virtual_holding",
            Self::CreateVirtualItem => "create_virtual_item",
            Self::UpdateVirtualItem => "update_virtual_item",
            Self::PlaceHoldAtBorrower => "place_hold_at_borrower",
            Self::SendIntoTransit => "send_into_transit",
            Self::LendToVirtualPatron => "lend_to_virtual_patron",
            Self::CancelHoldAtLender => "cancel_hold_at_lender",
            Self::CancelHoldAtBorrower => "cancel_hold_at_borrower",
            Self::DeleteVirtualItem => "delete_virtual_item",
            Self::DeleteVirtualBib => "delete_virtual_bib",
        }
    }
}
