//! What calls are made for, and so which of them go first.

use std::future::Future;

/// What a call is made for. The first goes before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Somebody waits for it.
    Patron,
    /// What happens at the libraries' desks is carried on. What isn't said to be for anything else counts as this.
    #[default]
    Circulation,
    /// Looks whether something has happened.
    Poll,
    /// Much is read, and no hour matters.
    Bulk,
}

tokio::task_local! {
    static PRIORITY: Priority;
}

impl Priority {
    /// All, the first to go first.
    pub const ALL: [Self; 4] = [Self::Patron, Self::Circulation, Self::Poll, Self::Bulk];

    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patron => "patron",
            Self::Circulation => "circulation",
            Self::Poll => "poll",
            Self::Bulk => "bulk",
        }
    }

    /// Whether it can wait, for hours if need be.
    pub fn is_deferrable(self) -> bool {
        matches!(self, Self::Poll | Self::Bulk)
    }

    /// Makes the calls of `work` for this. What `work` spawns is not part of it.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        PRIORITY.scope(self, work).await
    }

    /// What the calls of the running task are for.
    pub fn current() -> Self {
        PRIORITY.try_with(|priority| *priority).unwrap_or_default()
    }
}
