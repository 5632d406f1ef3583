//! Reports of calls for an observer, which counts and times them. A report contains nothing personal.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Limit, Result};
use crate::priority::Priority;

pub(crate) type Observer = Arc<dyn Fn(&CallReport) + Send + Sync>;
/// A function that receives the endpoint of a list for each of its rows that can't be read.
pub(crate) type RowObserver = Arc<dyn Fn(&'static str) + Send + Sync>;

/// One HTTP exchange with Alma.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallReport {
    /// The operation, a fixed phrase such as `create a hold`.
    pub operation: &'static str,
    /// Method and path with placeholders, such as `GET /users/{user}`.
    pub endpoint: &'static str,
    /// The priority of the call.
    pub priority: Priority,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The outcome.
    pub outcome: CallOutcome,
    /// The time it waited for its turn.
    pub waited: Duration,
    /// The time from sending to the end of the answer, without the wait for a turn.
    pub duration: Duration,
    /// The calls that the institution has left today, according to Alma's last answer.
    pub remaining: Option<u64>,
    /// The calls that the institution has in a whole day, according to Alma's last answer.
    pub day: Option<u64>,
}

/// The outcome of an HTTP exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// Alma answered with success.
    Answered,
    /// Alma refused the call.
    Refused,
    /// The addressed record doesn't exist.
    NotFound,
    /// Alma doesn't accept the key.
    Unauthorized,
    /// A limit is reached.
    Limited(Limit),
    /// No connection could be established.
    Unreachable,
    /// No usable answer: a time-out, a lost connection or an internal error.
    Silent,
    /// The answer isn't one of Alma's.
    InvalidResponse,
}

impl CallOutcome {
    /// Returns its stable name, such as `answered` or `per_second_threshold`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::Limited(Limit::PerSecond) => "per_second_threshold",
            Self::Limited(Limit::PerDay) => "daily_threshold",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::InvalidResponse => "invalid_response",
        }
    }

    pub(crate) fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Answered,
            Err(Error::Refused { .. }) => Self::Refused,
            Err(Error::NotFound { .. }) => Self::NotFound,
            Err(Error::Unauthorized { .. }) => Self::Unauthorized,
            Err(Error::RateLimited { limit, .. }) => Self::Limited(*limit),
            Err(Error::Unreachable { .. }) => Self::Unreachable,
            Err(Error::Unavailable { .. } | Error::Unclear { .. }) => Self::Silent,
            Err(Error::InvalidResponse { .. } | Error::Unreadable { .. } | Error::InvalidRequest { .. }) => {
                Self::InvalidResponse
            }
        }
    }
}
