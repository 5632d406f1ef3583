//! What can go wrong when the engine is called, by what the caller does about it.

use lending::{Refusal, RequestId};
use runtime::StoreFailure;

use crate::validation::ValidationError;

/// Why a call of the engine wasn't done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for has faults; nothing was stored.
    #[error("the request can't be placed: {}", .0.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" "))]
    Invalid(Vec<ValidationError>),
    /// No such request.
    #[error("there is no request {0}")]
    UnknownRequest(RequestId),
    /// The request's state doesn't allow it; the text says why, for people.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// No other copy can be supplied in place of the present one.
    #[error("{}", .0.explanation)]
    Unfit(Refusal),
    /// The library's system doesn't do it, or gives no answer.
    #[error("the library's system does not do it now: {0}")]
    Lms(#[from] lms::Error),
    /// The store failed. Unless the method says otherwise, nothing was changed, and the caller can call it once more.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl StoreFailure for Error {
    fn store_failure(&self) -> Option<&store::Error> {
        match self {
            Self::Store(failure) => Some(failure),
            Self::Invalid(_) | Self::UnknownRequest(_) | Self::NotAllowed(_) | Self::Unfit(_) | Self::Lms(_) => None,
        }
    }
}
