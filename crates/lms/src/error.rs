//! What comes of asking a library system for something.

use std::time::Duration;

use lending::Refusal;

/// How often a step is tried, each time with an answer that proves nothing, before it is a case for staff. The client of the
/// library's system repeats reads within each of these.
const TRIES_BEFORE_STAFF: u32 = 5;

/// The facts, or why there are none.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done, by what the engine does about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The system says no; asking again as before won't help.
    #[error("{}", .0.explanation)]
    Refused(Refusal),
    /// The call can't be made from what is known of the request, as with an identifier that is none; asking again won't help.
    /// Nothing was sent, so the system has said nothing.
    #[error("{}", .0.explanation)]
    NotSendable(Refusal),
    /// What was acted on isn't there any more.
    #[error("{what} is not there any more")]
    NotFound {
        /// What is missing.
        what: &'static str,
    },
    /// It was sent and no usable answer came: it may be done or not. The next attempt looks first.
    #[error("no answer came, so it may be done or not: {reason}")]
    Unclear {
        /// What happened instead of an answer.
        reason: String,
    },
    /// Certainly not done, and worth trying again.
    #[error("{reason}")]
    Retryable {
        /// Why not now.
        reason: String,
        /// The least time to wait, where the system reported it.
        after: Option<Duration>,
    },
    /// The system as a whole gives no service now; certainly not done.
    #[error("{reason}")]
    Unavailable {
        /// What kind of outage.
        outage: Outage,
        /// Why, for staff.
        reason: String,
        /// The least time to wait, where the system reported it or it is known.
        after: Option<Duration>,
    },
    /// It was sent, and the answer proves neither that it was done nor that it wasn't, such as a gateway's 404. The next
    /// attempt reads first.
    #[error("the answer proves nothing: {reason}")]
    Unexplained {
        /// What the answer was.
        reason: String,
    },
    /// It answered, and the answer isn't what it should be. A read that is answered so proves nothing.
    /// It answered, and what decides in the answer can't be read: a record without its id, or a list with a row that can't
    /// be read and that may be the one looked for.
    #[error("the library's system answered what can't be read: {what}")]
    Unreadable {
        /// What can't be read.
        what: String,
    },
    /// It answered, and the answer isn't what it should be.
    #[error("the library's system answered something unintelligible: {what}")]
    InvalidResponse {
        /// What is wrong with the answer.
        what: String,
    },
}

/// Why a whole system gives no service.
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
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::KeyRefused => "key_refused",
            Self::QuotaUsedUp => "quota_used_up",
        }
    }
}

impl Error {
    /// A refusal with a code of ours or of the library's system.
    pub fn refused(code: impl Into<String>, explanation: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, explanation))
    }

    /// Whether it may have been done, so that the next attempt must read first.
    pub fn leaves_unclear(&self) -> bool {
        matches!(self, Self::Unclear { .. } | Self::Unexplained { .. })
    }

    /// Whether staff must know after so many tries: what answers isn't the library's system as the hub knows it, and trying
    /// again may never help. It is retried all the same.
    pub fn is_case_for_staff(&self, tries: u32) -> bool {
        matches!(self, Self::Unexplained { .. } | Self::InvalidResponse { .. }) && tries >= TRIES_BEFORE_STAFF
    }

    /// Not now.
    pub fn retryable(reason: impl Into<String>) -> Self {
        Self::Retryable { reason: reason.into(), after: None }
    }
}
