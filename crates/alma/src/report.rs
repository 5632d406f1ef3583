//! What an observer is told of each call, to count and to time them. Nothing in it is personal.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Limit, Result};

pub(crate) type Observer = Arc<dyn Fn(&CallReport) + Send + Sync>;

/// One HTTP exchange with Alma.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallReport {
    /// What was asked for, a fixed phrase such as `create a hold`.
    pub operation: &'static str,
    /// Method and path with placeholders, such as `GET /users/{user}`.
    pub endpoint: &'static str,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// How it ended.
    pub outcome: CallOutcome,
    /// From sending to the end of the answer, without waiting for a turn.
    pub duration: Duration,
    /// How many calls the institution has left today, by Alma's last answer.
    pub remaining: Option<u64>,
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
    Unintelligible,
}

impl CallOutcome {
    pub(crate) fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Answered,
            Err(Error::Refused { .. }) => Self::Refused,
            Err(Error::NotFound { .. }) => Self::NotFound,
            Err(Error::Unauthorized { .. }) => Self::Unauthorized,
            Err(Error::RateLimited { limit, .. }) => Self::Limited(*limit),
            Err(Error::Unreachable { .. }) => Self::Unreachable,
            Err(Error::Unavailable { .. } | Error::Unclear { .. }) => Self::Silent,
            Err(Error::Unintelligible { .. } | Error::Unsendable { .. }) => Self::Unintelligible,
        }
    }
}
