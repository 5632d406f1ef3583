//! Notifies waiting callers that a request has changed.

use lending::{RequestId, Status};

/// A change of a request that has just been committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The request.
    pub request: RequestId,
    /// Its version.
    pub version: i64,
    /// Its status.
    pub status: Status,
}
