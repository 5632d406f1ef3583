//! What can go wrong with the store, by what a caller does about it.

use std::path::PathBuf;

/// Why the store didn't do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else has changed the request meanwhile: read it again and decide again.
    #[error("the request was changed meanwhile")]
    Conflict,
    /// The intent's lease is somebody else's by now: write nothing.
    #[error("the lease of the intent is lost")]
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
        "what is sealed in the store doesn't open with this master key; put the key back that the store was made with"
    )]
    WrongKey,
    /// What is stored can't be understood.
    #[error("what is stored in {table} can't be understood: {what}")]
    Corrupt {
        /// Where.
        table: &'static str,
        /// What is wrong; quotes no data.
        what: String,
    },
    /// Something still refers to what was to be removed or isn't there to be referred to.
    #[error("{0}")]
    Referred(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(reported) if is_contention(reported.code().as_deref()) => Self::Contended,
            sqlx::Error::PoolTimedOut => Self::Unavailable { what: "it gives no connection".to_owned() },
            _ => Self::Unavailable { what: error.to_string() },
        }
    }
}

/// PostgreSQL's serialisation failure and deadlock; SQLite's BUSY, whose further kinds are in the higher bytes.
fn is_contention(code: Option<&str>) -> bool {
    const SQLITE_BUSY: i64 = 5;
    match code {
        Some("40001" | "40P01") => true,
        // PostgreSQL's codes have five characters, and none of its numbers alone is that small.
        Some(code) if code.len() < 5 => code.parse::<i64>().is_ok_and(|code| code & 0xff == SQLITE_BUSY),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_database_rolled_back_for_others_is_retried() {
        for once_more in ["40001", "40P01", "5", "261", "517"] {
            assert!(is_contention(Some(once_more)), "{once_more}");
        }
        for not in [Some("23505"), Some("57P01"), Some("00005"), Some("6"), Some("1555"), None] {
            assert!(!is_contention(not), "{not:?}");
        }
    }
}
