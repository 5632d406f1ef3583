//! What can go wrong, reported by what a caller would do about it.
//!
//! The rule: an error describes itself and leaves its cause to `source()`; it never repeats it. No error holds the API
//! key, a request body or a query, and identifiers of users are taken out of Alma's messages.

use std::fmt;
use std::time::Duration;

use crate::code::Code;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call didn't give what was asked for.
///
/// `operation` is a fixed phrase such as `create a hold`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Alma understood the call and said no. Nothing was done.
    #[error("Alma refused to {operation} ({code}): {message}")]
    Refused {
        /// What was asked for.
        operation: &'static str,
        /// Alma's code; its meaning depends on the operation.
        code: Code,
        /// Alma's words.
        message: String,
        /// The id by which Ex Libris finds the call in its logs.
        tracking_id: Option<String>,
        /// The status of the HTTP answer, mostly 400.
        http_status: u16,
    },

    /// What the call addresses isn't there (any more): Alma says so by a code that means it for this call.
    #[error("Alma can't {operation}, it isn't there ({code}): {message}")]
    NotFound {
        /// What was asked for.
        operation: &'static str,
        /// Alma's code.
        code: Code,
        /// Alma's words.
        message: String,
    },

    /// The key isn't accepted for this call: it is wrong, for another environment, or lacks the area or the right.
    #[error("Alma doesn't let this API key {operation} ({code}): {message}")]
    Unauthorized {
        /// What was asked for.
        operation: &'static str,
        /// Alma's code.
        code: Code,
        /// Alma's words.
        message: String,
        /// The status of the HTTP answer, mostly 400.
        http_status: u16,
    },

    /// The institution's limit of calls is reached. The call wasn't carried out.
    #[error("Alma's limit of calls {limit} is reached, so it didn't {operation}")]
    RateLimited {
        /// What was asked for.
        operation: &'static str,
        /// Which limit.
        limit: Limit,
        /// How long Alma asks to wait, when it says so.
        retry_after: Option<Duration>,
    },

    /// No connection came about, so the call was never sent.
    #[error("can't reach Alma to {operation}")]
    Unreachable {
        /// What was asked for.
        operation: &'static str,
        /// What the connection failed of.
        #[source]
        source: Cause,
    },

    /// A reading call got no usable answer (an internal error, a time-out, a lost connection), also when repeated.
    #[error("Alma is unable to {operation} at the moment: {reason}")]
    Unavailable {
        /// What was asked for.
        operation: &'static str,
        /// What came instead of an answer.
        reason: Silence,
        /// What the connection failed of.
        #[source]
        source: Option<Cause>,
    },

    /// A writing call was sent and got no usable answer: Alma may or may not have carried it out. Look before repeating.
    #[error("it is unclear whether Alma did {operation}: {reason}")]
    Unclear {
        /// What was asked for.
        operation: &'static str,
        /// What came instead of an answer.
        reason: Silence,
        /// What the connection failed of.
        #[source]
        source: Option<Cause>,
    },

    /// The answer isn't one that Alma gives: another host, a proxy, or no JSON.
    #[error("the answer to the call to {operation} makes no sense: {what}")]
    InvalidResponse {
        /// What was asked for.
        operation: &'static str,
        /// What is wrong with the answer; quotes no data.
        what: String,
    },

    /// A reading call was answered by a record that lacks what it is nothing without, such as its id.
    #[error("the answer to the call to {operation} is no such record: {what}")]
    Unreadable {
        /// What was asked for.
        operation: &'static str,
        /// What is wrong with the record; quotes no data.
        what: String,
    },

    /// The call can't be made from what was given. Nothing was sent.
    #[error("can't {operation}: {what}")]
    InvalidRequest {
        /// What was asked for.
        operation: &'static str,
        /// What is wrong with the input; quotes no data.
        what: &'static str,
    },
}

/// A limit of calls, which all users of an institution's API share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Calls in one second (`PER_SECOND_THRESHOLD`).
    PerSecond,
    /// Calls in one day (`DAILY_THRESHOLD`).
    PerDay,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerSecond => "per second",
            Self::PerDay => "per day",
        })
    }
}

/// What came instead of a usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Silence {
    /// No answer in time.
    TimedOut,
    /// The connection broke before the answer was complete.
    ConnectionLost,
    /// An internal error of Alma or of a proxy: status 5xx.
    InternalError {
        /// The status of the HTTP answer.
        http_status: u16,
        /// Alma's code, when the answer had one.
        code: Option<Code>,
    },
    /// HTTP status 404 without an error code of Alma's that means absence. A gateway in front of Alma answers so too: it
    /// proves neither that the record is there nor that it isn't.
    Unexplained {
        /// The status of the HTTP answer.
        http_status: u16,
        /// The code, when the answer had one.
        code: Option<Code>,
    },
    /// Alma said that it was done, in words that can't be read.
    UnreadableAnswer {
        /// What is wrong with the answer; quotes no data.
        what: String,
    },
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::ConnectionLost => f.write_str("the connection broke before the answer was complete"),
            Self::InternalError { http_status, code: Some(code) } => write!(f, "internal error {http_status} ({code})"),
            Self::InternalError { http_status, code: None } => write!(f, "internal error {http_status}"),
            Self::Unexplained { http_status, code: Some(code) } => {
                write!(f, "HTTP status {http_status} with the code {code}, which doesn't mean that it isn't there")
            }
            Self::Unexplained { http_status, code: None } => {
                write!(f, "HTTP status {http_status} without Alma's error code")
            }
            Self::UnreadableAnswer { what } => write!(f, "an answer that can't be read, {what}"),
        }
    }
}

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Repeat it later: nothing was done.
    RepeatLater,
    /// Repeat it on another day (UTC): nothing was done, and no call will be until then.
    RepeatNextDay,
    /// Look at the records first: it may have been done.
    CheckFirst,
    /// Change something (settings, the key, the input, the records): repeating won't help.
    Change,
}

impl Error {
    /// What was asked for, a fixed phrase such as `create a hold`.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Refused { operation, .. }
            | Self::NotFound { operation, .. }
            | Self::Unauthorized { operation, .. }
            | Self::RateLimited { operation, .. }
            | Self::Unreachable { operation, .. }
            | Self::Unavailable { operation, .. }
            | Self::Unclear { operation, .. }
            | Self::InvalidResponse { operation, .. }
            | Self::Unreadable { operation, .. }
            | Self::InvalidRequest { operation, .. } => operation,
        }
    }

    /// Alma's error code, when Alma answered with one.
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::Refused { code, .. } | Self::NotFound { code, .. } | Self::Unauthorized { code, .. } => Some(code),
            Self::Unavailable {
                reason: Silence::InternalError { code, .. } | Silence::Unexplained { code, .. },
                ..
            }
            | Self::Unclear {
                reason: Silence::InternalError { code, .. } | Silence::Unexplained { code, .. }, ..
            } => code.as_ref(),
            _ => None,
        }
    }

    /// True when Alma says by its own code that what the call addresses isn't there. A 404 without it is
    /// [`Error::is_unexplained`].
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// True for a 404 that isn't Alma's own word for an absent record, as a gateway in front of it answers. It proves
    /// nothing: ask the list in which the record would be.
    pub fn is_unexplained(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { reason: Silence::Unexplained { .. }, .. }
                | Self::Unclear { reason: Silence::Unexplained { .. }, .. }
        )
    }

    /// True when Alma may have carried the call out although no usable answer came.
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::Unclear { .. })
    }

    /// True when Alma refused with this code.
    pub fn is_refused_with(&self, code: &Code) -> bool {
        matches!(self, Self::Refused { code: refused, .. } if refused == code)
    }

    /// What can be done about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::RateLimited { limit: Limit::PerSecond, .. } | Self::Unreachable { .. } | Self::Unavailable { .. } => {
                Remedy::RepeatLater
            }
            Self::RateLimited { limit: Limit::PerDay, .. } => Remedy::RepeatNextDay,
            Self::Unclear { .. } => Remedy::CheckFirst,
            Self::Refused { .. }
            | Self::NotFound { .. }
            | Self::Unauthorized { .. }
            | Self::InvalidResponse { .. }
            | Self::Unreadable { .. }
            | Self::InvalidRequest { .. } => Remedy::Change,
        }
    }

    /// The least time to wait before the call is repeated; `None` when repeating it soon is of no use or not safe.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { limit: Limit::PerSecond, retry_after, .. } => {
                Some(retry_after.unwrap_or(Duration::from_secs(1)))
            }
            Self::Unreachable { .. } | Self::Unavailable { .. } => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

/// Why a client can't be built from its settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL is blank.
    #[error("the Alma API's URL is blank")]
    BlankUrl,
    /// The URL isn't one.
    #[error("the Alma API's URL can't be read")]
    BadUrl(#[source] url::ParseError),
    /// Only `https` and `http` can be used.
    #[error("the Alma API's URL must begin with https://")]
    Scheme,
    /// `http` to another machine, which the builder has to allow.
    #[error(
        "the Alma API's URL begins with http://, so the API key would be sent unencrypted; only https:// may be used to \
         reach another machine"
    )]
    Unencrypted,
    /// Something that has no place in the URL.
    #[error("the Alma API's URL must not have {0}")]
    Unexpected(&'static str),
    /// The path isn't the API's.
    #[error(
        "the Alma API's URL has a path that isn't the API's; expected the host alone, or a path ending with /almaws/v1"
    )]
    Path,
    /// The key is blank or has characters that no key has.
    #[error("the Alma API key is {0}")]
    Key(&'static str),
    /// The size of a page of a list must be from 1 to 100.
    #[error("a page of a list must have from 1 to 100 rows, not {0}")]
    PageSize(u32),
    /// The HTTP client can't be set up.
    #[error("can't set up the HTTP client")]
    Http(#[source] Cause),
}
