//! The errors of a call to a library system.

use std::time::Duration;

use lending::Refusal;

/// The number of attempts that may end with an answer that proves nothing before the request becomes a case for staff.
/// The client of the library's system repeats reads within each attempt.
const TRIES_BEFORE_STAFF: u32 = 5;

/// The result of a call to a library system.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why something was not done. There is a variant for each reaction of the engine.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The system refused the call. Repeating it unchanged won't help.
    #[error("{}", .0.explanation)]
    Refused(Refusal),
    /// The data of the request don't allow the call, for example because an identifier isn't valid. Repeating it won't
    /// help. Nothing was sent, so the system has refused nothing.
    #[error("{}", .0.explanation)]
    NotSendable(Refusal),
    /// The record to act on doesn't exist any more.
    #[error("{what} is not there any more")]
    NotFound {
        /// What is missing.
        what: &'static str,
    },
    /// The call was sent and no usable answer came, so it may be done or not. The next attempt reads first.
    #[error("no answer came, so it may be done or not: {reason}")]
    Unclear {
        /// What happened instead of an answer.
        reason: String,
    },
    /// The effect was certainly not done, and a retry may succeed.
    #[error("{reason}")]
    Retryable {
        /// Why it wasn't done.
        reason: String,
        /// The least time to wait, if the system reported it.
        after: Option<Duration>,
    },
    /// The system as a whole is out of service. The effect was certainly not done.
    #[error("{reason}")]
    Unavailable {
        /// The kind of outage.
        outage: Outage,
        /// The reason, for staff.
        reason: String,
        /// The least time to wait, if the system reported it or it is known.
        after: Option<Duration>,
    },
    /// The call was sent, and the answer proves neither that it was done nor that it wasn't. A gateway's 404 is such an
    /// answer. The next attempt reads first.
    #[error("the answer proves nothing: {reason}")]
    Unexplained {
        /// What the answer was.
        reason: String,
    },
    /// The system answered, and the decisive part of the answer can't be read: a record without its id, or a list with
    /// a row that can't be read and that may be the wanted one.
    #[error("the library's system answered what can't be read: {what}")]
    Unreadable {
        /// What can't be read.
        what: String,
    },
    /// The system answered something that isn't an answer to the call. A read with such an answer proves nothing.
    #[error("the library's system answered something unintelligible: {what}")]
    InvalidResponse {
        /// What is wrong with the answer.
        what: String,
    },
}

/// The reason why a whole system is out of service.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outage {
    /// It can't be reached, or answers that it is out of order.
    Unreachable,
    /// It doesn't accept the hub's key; staff must fix it.
    KeyRefused,
    /// The library's daily number of calls is used up.
    QuotaUsedUp,
}

impl Outage {
    /// Returns its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::KeyRefused => "key_refused",
            Self::QuotaUsedUp => "quota_used_up",
        }
    }
}

impl Error {
    /// Creates a refusal with a code of the hub or of the library's system.
    pub fn refused(code: impl Into<String>, explanation: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, explanation))
    }

    /// Returns whether the effect may have been done, so that the next attempt must read first.
    pub fn leaves_unclear(&self) -> bool {
        matches!(self, Self::Unclear { .. } | Self::Unexplained { .. })
    }

    /// Returns whether staff must know after this many attempts: the system that answers isn't the library's system as
    /// the hub knows it, and retries may never help. The hub retries all the same.
    pub fn is_case_for_staff(&self, tries: u32) -> bool {
        matches!(self, Self::Unexplained { .. } | Self::InvalidResponse { .. }) && tries >= TRIES_BEFORE_STAFF
    }

    /// Creates an error that a retry may solve.
    pub fn retryable(reason: impl Into<String>) -> Self {
        Self::Retryable { reason: reason.into(), after: None }
    }
}
