//! Failures of a page, and what the reader sees of them.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::error;

use crate::api::Problem;

/// Why a page can't be shown.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader must sign in first.
    SignedOut {
        /// The page to go to after that.
        next: String,
    },
    /// The form didn't come from a page of this hub, or its session has ended since.
    ForeignForm,
    /// The form can't be read.
    UnreadableForm,
    /// The reader's role doesn't permit it.
    Forbidden,
    /// An operation of the API failed.
    Problem(Problem),
    /// The hub can't do its part. The log says why.
    Internal,
}

/// A failure as the layer around all pages shows it, since only that knows the reader's language.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The id of the heading.
    pub(crate) title: &'static str,
    /// The id of the explanation, or the API's own words.
    pub(crate) detail: Detail,
}

/// An explanation.
#[derive(Clone, Debug)]
pub(crate) enum Detail {
    /// A text of the pages.
    Text(&'static str),
    /// The API's own words.
    Words(String),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, detail) = match self {
            Self::SignedOut { next } => {
                let next = utf8_percent_encode(&next, NON_ALPHANUMERIC);
                return Redirect::to(&format!("/sign-in?next={next}")).into_response();
            }
            Self::ForeignForm => {
                (StatusCode::FORBIDDEN, "error-foreign-form", Detail::Text("error-foreign-form-detail"))
            }
            Self::UnreadableForm => {
                (StatusCode::BAD_REQUEST, "error-unreadable-form", Detail::Text("error-unreadable-form-detail"))
            }
            Self::Forbidden => (StatusCode::FORBIDDEN, "error-forbidden", Detail::Text("error-forbidden-detail")),
            Self::Problem(problem) if problem.is_missing() => {
                (StatusCode::NOT_FOUND, "error-missing", Detail::Text("error-missing-detail"))
            }
            Self::Problem(problem) => {
                let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let title = if status == StatusCode::FORBIDDEN { "error-forbidden" } else { "error-refused" };
                (status, title, Detail::Words(problem.detail))
            }
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "error-internal", Detail::Text("error-internal-detail"))
            }
        };
        let mut answer = status.into_response();
        answer.extensions_mut().insert(Shown { title, detail });
        answer
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        error!(%error, "a page can't read or write the store");
        Self::Internal
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        error!(%error, "a page can't read what it needs");
        Self::Internal
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        error!(%error, "a page can't be written");
        Self::Internal
    }
}
