//! Telling who waits that a request has changed.

use lending::{RequestId, Status};

/// A request as it was just committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which.
    pub request: RequestId,
    /// Its version.
    pub version: i64,
    /// Its status.
    pub status: Status,
}
