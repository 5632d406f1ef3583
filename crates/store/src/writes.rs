//! Whether the last write was done, for those who ask whether the hub can take work.
//!
//! A full disk, or a server that has become read-only, still answers every read.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Whether the last write of this process failed.
#[derive(Debug, Default)]
pub(crate) struct Writes(AtomicBool);

impl Writes {
    /// Notes a failure of the database; a conflict with others is none.
    pub(crate) fn note<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Unavailable { .. }) = &result {
            self.0.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Notes a commit that has changed something.
    pub(crate) fn done(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether the last write failed.
    pub(crate) fn failed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
