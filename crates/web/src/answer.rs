//! Answers that several resources have in common.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use lending::InstitutionCode;
use serde::Serialize;

use crate::input::input;
use crate::problem::Problem;

/// Creates the answer to a PUT of an object at the address `place`: 201 if it is new, otherwise 200.
pub(crate) fn set_up<V: Serialize>(is_new: bool, place: String, view: V) -> Response {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, [(LOCATION, place)], Json(view)).into_response()
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
