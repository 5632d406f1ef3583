//! What an observer is reported about each call, to count and to time them. Nothing in it is personal.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Limit, Result};
use crate::priority::Priority;

pub(crate) type Observer = Arc<dyn Fn(&CallReport) + Send + Sync>;
/// Who is reported about each row that can't be read, by the endpoint of its list.
pub(crate) type RowObserver = Arc<dyn Fn(&'static str) + Send + Sync>;

/// One HTTP exchange with Alma.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallReport {
    /// What was asked for, a fixed phrase such as `create a hold`.
    pub operation: &'static str,
    /// Method and path with placeholders, such as `GET /users/{user}`.
    pub endpoint: &'static str,
    /// What it was made for.
    pub priority: Priority,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// How it ended.
    pub outcome: CallOutcome,
    /// How long it waited for its turn.
    pub waited: Duration,
    /// From sending to the end of the answer, without waiting for a turn.
    pub duration: Duration,
    /// How many calls the institution has left today, by Alma's last answer.
    pub remaining: Option<u64>,
    /// How many it has in a whole day, by Alma's last answer.
    pub day: Option<u64>,
}

/// How an HTTP exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// With an answer of success.
    Answered,
    /// Alma said no.
    Refused,
    /// What was addressed isn't there.
    NotFound,
    /// The key isn't accepted.
    Unauthorized,
    /// A limit is reached.
    Limited(Limit),
    /// No connection came about.
    Unreachable,
    /// No usable answer: a time-out, a lost connection or an internal error.
    Silent,
    /// The answer isn't one of Alma's.
    InvalidResponse,
}

impl CallOutcome {
    /// Its stable name, such as `answered` or `per_second_threshold`.
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
