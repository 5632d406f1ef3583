//! The errors of calls, with a variant for each reaction of a caller.
//!
//! An error describes itself and leaves its cause to `source()`; it never repeats it. No error contains the API key, a
//! request body or a query, and the client removes identifiers of users from Alma's messages.

use std::fmt;
use std::time::Duration;

use crate::addresses::RefusedAddress;
use crate::code::Code;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a call didn't return the requested result.
///
/// `operation` is a fixed phrase such as `create a hold`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Alma understood the call and refused it. Nothing was done.
    #[error("Alma refused to {operation} ({code}): {message}")]
    Refused {
        /// The operation.
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

    /// The addressed record doesn't exist (any more): Alma answered with a code that means absence for this call.
    #[error("Alma can't {operation}, it isn't there ({code}): {message}")]
    NotFound {
        /// The operation.
        operation: &'static str,
        /// Alma's code.
        code: Code,
        /// Alma's words.
        message: String,
    },

    /// Alma doesn't accept the key for this call: it is wrong, belongs to another environment, or lacks the area or the
    /// right.
    #[error("Alma doesn't let this API key {operation} ({code}): {message}")]
    Unauthorized {
        /// The operation.
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
        /// The operation.
        operation: &'static str,
        /// The limit.
        limit: Limit,
        /// The time that Alma asks to wait, if it does.
        retry_after: Option<Duration>,
    },

    /// No connection could be established, so the call was never sent.
    #[error("can't reach Alma to {operation}")]
    Unreachable {
        /// The operation.
        operation: &'static str,
        /// The cause of the failed connection.
        #[source]
        source: Cause,
    },

    /// A reading call got no usable answer (an internal error, a time-out, a lost connection), even after repetitions.
    #[error("Alma is unable to {operation} at the moment: {reason}")]
    Unavailable {
        /// The operation.
        operation: &'static str,
        /// The event that took the place of an answer.
        reason: Silence,
        /// The cause of the failed connection.
        #[source]
        source: Option<Cause>,
    },

    /// A writing call was sent and got no usable answer: Alma may or may not have carried it out. Read before repeating
    /// it.
    #[error("it is unclear whether Alma did {operation}: {reason}")]
    Unclear {
        /// The operation.
        operation: &'static str,
        /// The event that took the place of an answer.
        reason: Silence,
        /// The cause of the failed connection.
        #[source]
        source: Option<Cause>,
    },

    /// The answer isn't one that Alma gives: it comes from another host or a proxy, or isn't JSON.
    #[error("the answer to the call to {operation} makes no sense: {what}")]
    InvalidResponse {
        /// The operation.
        operation: &'static str,
        /// The fault of the answer; quotes no data.
        what: String,
    },

    /// The answer to a reading call is a record that lacks an indispensable part, such as its id.
    #[error("the answer to the call to {operation} is no such record: {what}")]
    Unreadable {
        /// The operation.
        operation: &'static str,
        /// The fault of the record; quotes no data.
        what: String,
    },

    /// The input doesn't allow the call. Nothing was sent.
    #[error("can't {operation}: {what}")]
    InvalidRequest {
        /// The operation.
        operation: &'static str,
        /// The fault of the input; quotes no data.
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

/// The event that took the place of a usable answer.
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
        /// Alma's code, if the answer had one.
        code: Option<Code>,
    },
    /// HTTP status 404 without a code of Alma that means absence. A gateway in front of Alma also answers so. The
    /// answer proves neither that the record exists nor that it doesn't.
    Unexplained {
        /// The status of the HTTP answer.
        http_status: u16,
        /// The code, if the answer had one.
        code: Option<Code>,
    },
    /// Alma answered with success, and the body can't be read.
    UnreadableAnswer {
        /// The fault of the answer; quotes no data.
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

/// The reaction that an error allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Repeat the call later: nothing was done.
    RepeatLater,
    /// Repeat the call on another day (UTC): nothing was done, and Alma will carry out no call before.
    RepeatNextDay,
    /// Read the records first: the call may have been carried out.
    CheckFirst,
    /// Change something (settings, the key, the input, the records): repeating the call won't help.
    Change,
}

impl Error {
    /// Returns the operation, a fixed phrase such as `create a hold`.
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

    /// Returns Alma's error code, if Alma answered with one.
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

    /// Returns whether Alma's own code means that the addressed record doesn't exist. A 404 without such a code is
    /// [`Error::is_unexplained`].
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Returns whether the error is a 404 without Alma's own code for an absent record, as a gateway in front of Alma
    /// answers. It proves nothing: read the list in which the record would be.
    pub fn is_unexplained(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { reason: Silence::Unexplained { .. }, .. }
                | Self::Unclear { reason: Silence::Unexplained { .. }, .. }
        )
    }

    /// Returns whether Alma may have carried the call out although no usable answer came.
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::Unclear { .. })
    }

    /// Returns whether Alma refused with this code.
    pub fn is_refused_with(&self, code: &Code) -> bool {
        matches!(self, Self::Refused { code: refused, .. } if refused == code)
    }

    /// Returns the reaction that the error allows.
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

    /// Returns the least time to wait before the call is repeated; `None` if a repetition soon is useless or not safe.
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

/// The reason why a client can't be built from its settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL is blank.
    #[error("the Alma API's URL is blank")]
    BlankUrl,
    /// The text isn't a URL.
    #[error("the Alma API's URL can't be read")]
    BadUrl(#[source] url::ParseError),
    /// Only `https` and `http` can be used.
    #[error("the Alma API's URL must begin with https://")]
    Scheme,
    /// `http` to another machine, which the builder must allow.
    #[error(
        "the Alma API's URL begins with http://, so the API key would be sent unencrypted; only https:// may be used to \
         reach another machine"
    )]
    Unencrypted,
    /// The URL contains a part that isn't allowed.
    #[error("the Alma API's URL must not have {0}")]
    Unexpected(&'static str),
    /// Nothing may be sent to the host's address.
    #[error("the Alma API's URL can't be used: {0}")]
    Refused(#[from] RefusedAddress),
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
