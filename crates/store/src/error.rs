//! What can go wrong with the store, by what a caller does about it.

use std::path::PathBuf;

/// Why the store didn't do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else has changed the request meanwhile: read it again and decide again.
    #[error("the request was changed meanwhile")]
    Conflict,
    /// The lease is somebody else's by now: write nothing.
    #[error("the lease is lost")]
    LeaseLost,
    /// Others wanted the same of the database at the same moment, and it undid this transaction: do all of it again.
    #[error("the database undid the transaction, since others wanted the same at the same moment")]
    Contended,
    /// The database doesn't answer now, or is busy: try again.
    #[error("the database can't be used at the moment ({what})")]
    Unavailable {
        /// What was found.
        what: String,
    },
    /// The database can't be opened at all.
    #[error("the database {place} can't be opened: {what}")]
    CannotOpen {
        /// A file, or the kind of server.
        place: String,
        /// What was found.
        what: String,
    },
    /// Another process has the embedded store open.
    #[error("the store {} is in use by another process; stop that one, or choose another data directory", .0.display())]
    InUse(PathBuf),
    /// Another process runs as the node of this name.
    #[error("another process on this database runs as the node {0:?}")]
    NameTaken(String),
    /// A store that is to take another's place holds something already.
    #[error("the database to copy into is not empty")]
    NotEmpty,
    /// A store was being copied into this database, and the copy came to no end.
    #[error("the copy into this database was not finished; empty it and copy again")]
    UnfinishedCopy,
    /// A newer Consort has been here.
    #[error(
        "the store has schema version {found}, and this program knows versions up to {known}; use the newer program"
    )]
    NewerSchema {
        /// What the store says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// An older Consort was here last, and this one has not started the hub yet.
    #[error(
        "the store has schema version {found} and this program wants {known}; start the hub once, which brings it up to date"
    )]
    OlderSchema {
        /// What the store says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// What is sealed was sealed with another key.
    #[error(
        "what is sealed in the store doesn't open with this master key; put the key back that the store was made with, or \
         copy master.key from a node on which the key was replaced"
    )]
    WrongKey,
    /// The master key was replaced meanwhile: seal again with the new one.
    #[error("the master key was replaced meanwhile")]
    KeyReplaced,
    /// What is stored can't be understood.
    #[error("what is stored in {table} can't be understood: {what}")]
    Corrupt {
        /// Where.
        table: &'static str,
        /// What is wrong; quotes no data.
        what: String,
    },
    /// The message is stored already.
    #[error("the message is stored already")]
    Duplicate,
    /// The poll is under way, or something else was reported about it.
    #[error("the poll is under way, or something else was reported about it")]
    PollBusy,
    /// A worker was given the effect already, so that it may have been sent.
    #[error("the effect may have been sent already")]
    EffectClaimed,
    /// Something still refers to what was to be removed or isn't there to be referred to.
    #[error("{0}")]
    Referred(String),
}

impl Error {
    /// The reason for all units of a transaction that failed as a whole.
    pub(crate) fn of_all(&self) -> Self {
        match self {
            Self::Contended => Self::Contended,
            Self::Unavailable { what } => Self::Unavailable { what: what.clone() },
            other => Self::Unavailable { what: other.to_string() },
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // Another process writes.
            Some(rusqlite::ErrorCode::DatabaseBusy) => Self::Contended,
            _ => Self::Unavailable { what: error.to_string() },
        }
    }
}
