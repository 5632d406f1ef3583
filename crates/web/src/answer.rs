//! Answers that several resources give alike.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// The answer to setting something up at the address `place`: 201 if it is new, otherwise 200.
pub(crate) fn set_up<V: Serialize>(is_new: bool, place: String, view: V) -> Response {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, [(LOCATION, place)], Json(view)).into_response()
}

/// The answer to removing the thing `what` with this code.
pub(crate) fn removed(was_there: bool, what: &str, code: &str) -> Result<StatusCode, Problem> {
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found(what, code)) }
}
