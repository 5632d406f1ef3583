//! The priority of calls, which decides the order in which they leave.

use std::future::Future;

/// The purpose of a call. Calls of the first purpose leave before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// A patron waits for the call.
    Patron,
    /// The call continues work at the libraries' desks. This is the default.
    #[default]
    Circulation,
    /// Somebody looks whether copies are there, and can do without the answer.
    Availability,
    /// The call checks whether something has changed.
    Poll,
    /// The call is one of many, and a delay of hours doesn't matter.
    Bulk,
}

tokio::task_local! {
    static PRIORITY: Priority;
}

impl Priority {
    /// All priorities, the first to leave first.
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

    /// Returns whether the call has only a share of the calls per second, so that it delays no other.
    pub fn is_deferrable(self) -> bool {
        matches!(self, Self::Availability | Self::Poll | Self::Bulk)
    }

    /// Runs `work` and gives its calls this priority. Tasks that `work` spawns are not included.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        PRIORITY.scope(self, work).await
    }

    /// Returns the priority of the running task's calls.
    pub fn current() -> Self {
        PRIORITY.try_with(|priority| *priority).unwrap_or_default()
    }
}
