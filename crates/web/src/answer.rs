//! Answers that several resources have in common.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use lending::InstitutionCode;
use serde::Serialize;

use crate::input::input;
use crate::precondition::Tag;
use crate::problem::Problem;

/// Marks an answer that contains a secret, such as a new key. It is given once and never stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContainsSecret;

/// Marks an answer that is never stored for repeated calls, such as a patron's data: they would outlive their erasure. A repeated
/// call is made anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotKept;

/// Creates the answer to a GET of an object with a version.
pub(crate) fn read<V: Serialize>(version: i64, view: V) -> Response {
    ([(ETAG, Tag::of(version, &view).into_header())], Json(view)).into_response()
}

/// Creates the answer to a PUT of an object at the address `place`: 201 if it is new, otherwise 200. `known` is the version
/// before.
pub(crate) fn set_up<V: Serialize>(known: Option<i64>, place: String, view: V) -> Response {
    let (status, version) = match known {
        None => (StatusCode::CREATED, 1),
        Some(known) => (StatusCode::OK, known + 1),
    };
    let headers = [(LOCATION, place), (ETAG, Tag::of(version, &view).into_header())];
    (status, headers, Json(view)).into_response()
}

input! {
    /// Whether an object may change its institution.
    pub(crate) struct TakeOverQuery {
        /// Move it to this institution if it belongs to another one; otherwise such a change is refused.
        pub(crate) take_over: bool,
    }
    example: {"take_over": false}
}

/// Refuses to move the object `what` to another institution unless the caller asks for it.
pub(crate) fn keep_institution(
    what: &str,
    known: Option<&InstitutionCode>,
    wanted: &InstitutionCode,
    take_over: bool,
) -> Result<(), Problem> {
    match known.filter(|known| *known != wanted && !take_over) {
        None => Ok(()),
        Some(known) => {
            let detail = format!(
                "The {what} belongs to the institution {known}, and not to {wanted}. Nothing was changed. To move it, send \
                 take_over=true."
            );
            Err(Problem::new(StatusCode::CONFLICT, "BELONGS_TO_ANOTHER_INSTITUTION", detail))
        }
    }
}

/// Creates the answer to the removal of the object `what` with this code.
pub(crate) fn removed(was_there: bool, what: &str, code: &str) -> Result<StatusCode, Problem> {
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found(what, code)) }
}
