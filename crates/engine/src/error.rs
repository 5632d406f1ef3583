//! The errors of the engine, with a variant for each reaction of the caller.

use lending::{Refusal, RequestId};
use runtime::StoreFailure;

use crate::validation::ValidationError;

/// The reason why a call of the engine failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The new request has faults; nothing was stored.
    #[error("the request can't be placed: {}", .0.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" "))]
    Invalid(Vec<ValidationError>),
    /// There is no such request.
    #[error("there is no request {0}")]
    UnknownRequest(RequestId),
    /// The request's state doesn't allow it. The text is the reason, for people.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// No other copy can be supplied in place of the present one.
    #[error("{}", .0.explanation)]
    Unfit(Refusal),
    /// The observation is of records that the request doesn't have any more. Nothing was changed.
    #[error("what was observed is about records that the request doesn't have any more")]
    Outdated,
    /// The request has another version than the one that the caller has seen. Nothing was changed.
    #[error("the request was changed since the caller read it")]
    VersionChanged,
    /// The library's system refuses the call or doesn't answer.
    #[error("the library's system does not do it now: {0}")]
    Lms(#[from] lms::Error),
    /// The shared catalogue can't be read now.
    #[error("the shared catalogue can't be read now: {0}")]
    Catalogue(String),
    /// The store failed. Unless the method's documentation differs, nothing was changed, and the caller can repeat the
    /// call.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl StoreFailure for Error {
    fn store_failure(&self) -> Option<&store::Error> {
        match self {
            Self::Store(failure) => Some(failure),
            Self::Invalid(_)
            | Self::UnknownRequest(_)
            | Self::NotAllowed(_)
            | Self::Unfit(_)
            | Self::Outdated
            | Self::VersionChanged
            | Self::Catalogue(_)
            | Self::Lms(_) => None,
        }
    }
}
