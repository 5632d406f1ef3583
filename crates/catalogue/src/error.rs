//! The reasons for which the catalogue can't do something.

/// Why the catalogue didn't do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The search index.
    #[error(transparent)]
    Index(#[from] search::Error),
    /// A thread of the index ended early.
    #[error("the indexing ended early ({0}); this is a fault of the program")]
    Indexing(String),
    /// Another node harvests the institution.
    #[error("another node harvests {0} at the moment")]
    InUse(String),
    /// The stored data can't be read.
    #[error("the stored record {record} can't be read: {what}")]
    Damaged {
        /// The record's number.
        record: i64,
        /// What is wrong.
        what: String,
    },
}

impl Error {
    /// Returns whether the lease was lost to another node, which goes on with the work.
    pub fn is_lease_lost(&self) -> bool {
        matches!(self, Self::Store(store::Error::LeaseLost))
    }

    /// Returns whether the same may work a moment later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(store::Error::Contended | store::Error::Unavailable { .. }))
    }
}
