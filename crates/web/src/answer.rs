//! Answers that several resources have in common.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// Creates the answer to a PUT of an object at the address `place`: 201 if it is new, otherwise 200.
pub(crate) fn set_up<V: Serialize>(is_new: bool, place: String, view: V) -> Response {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, [(LOCATION, place)], Json(view)).into_response()
}

/// Creates the answer to the removal of the object `what` with this code.
pub(crate) fn removed(was_there: bool, what: &str, code: &str) -> Result<StatusCode, Problem> {
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found(what, code)) }
}
