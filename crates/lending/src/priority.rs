//! The order in which calls leave for library systems.

use crate::effect::Effect;

/// The purpose of a call to a library system. The first priority goes before all others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Priority {
    /// A person waits for the answer.
    Patron,
    /// The hub continues work that follows from events at the libraries' desks. A call that names no priority has this
    /// one.
    #[default]
    Circulation,
    /// Somebody looks whether copies are there. The hub can answer without.
    Availability,
    /// The hub polls for changes.
    Poll,
    /// The hub reads in bulk, and the hour doesn't matter.
    Bulk,
}

impl Priority {
    /// All priorities, from the first to the last.
    pub const ALL: [Self; 5] = [Self::Patron, Self::Circulation, Self::Availability, Self::Poll, Self::Bulk];

    /// Returns its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patron => "patron",
            Self::Circulation => "circulation",
            Self::Availability => "availability",
            Self::Poll => "poll",
            Self::Bulk => "bulk",
        }
    }

    /// Returns whether such a call can wait, for hours if necessary.
    pub fn is_deferrable(self) -> bool {
        matches!(self, Self::Poll | Self::Bulk)
    }
}

impl Effect {
    /// Returns the priority of an effect's calls. Patrons who place a request, or staff who place it for them, wait for
    /// these calls.
    pub fn priority(self) -> Priority {
        match self {
            Self::VerifyPatron
            | Self::FindCopies
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
            | Self::RaiseDueDate(_)
            | Self::DenyRenewal(_)
            | Self::CancelHold(_)
            | Self::CheckIn(_)
            | Self::DeleteVirtualItem(_)
            | Self::DeleteVirtualBib(_) => Priority::Circulation,
        }
    }
}
