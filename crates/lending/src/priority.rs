//! The order in which calls to library systems may leave.

use crate::effect::Effect;

/// What a call to a library system is for. The first goes before all others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Priority {
    /// A person waits for the answer.
    Patron,
    /// The hub carries on what happens at the libraries' desks. A call that names no priority counts as this.
    #[default]
    Circulation,
    /// The hub finds out whether something has happened.
    Poll,
    /// The hub reads much, and no hour matters.
    Bulk,
}

impl Priority {
    /// All, the first to go first.
    pub const ALL: [Self; 4] = [Self::Patron, Self::Circulation, Self::Poll, Self::Bulk];

    /// Returns its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patron => "patron",
            Self::Circulation => "circulation",
            Self::Poll => "poll",
            Self::Bulk => "bulk",
        }
    }

    /// Returns whether such a call can wait, for hours if need be.
    pub fn is_deferrable(self) -> bool {
        matches!(self, Self::Poll | Self::Bulk)
    }
}

impl Effect {
    /// Returns the priority of an effect's calls. A patron who places a request waits for it, or the staff who do it for them.
    pub fn priority(self) -> Priority {
        match self {
            Self::VerifyPatron
            | Self::ChooseSupplier
            | Self::EnsureVirtualPatron(_)
            | Self::PlaceHold(_)
            | Self::CreateVirtualBib(_)
            | Self::CreateVirtualHolding(_)
            | Self::CreateVirtualItem(_)
            | Self::UpdateVirtualItem(_)
            | Self::ChangePickup(_) => Priority::Patron,
            Self::SendIntoTransit(_)
            | Self::Lend(_)
            | Self::Renew(_)
            | Self::LimitDueDate(_)
            | Self::DenyRenewal(_)
            | Self::CancelHold(_)
            | Self::CheckIn(_)
            | Self::DeleteVirtualItem(_)
            | Self::DeleteVirtualBib(_) => Priority::Circulation,
        }
    }
}
