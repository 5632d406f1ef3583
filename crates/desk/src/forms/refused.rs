//! A form that was refused: shown once more, with what is wrong and all that was typed.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use crate::api::Problem;
use crate::failure::Failure;
use crate::forms::form_page::FormPage;
use crate::page::{Page, show};

/// Returns the problem as a failure of the page, or lets it be shown in the form.
///
/// # Errors
///
/// The problem, if there is no such object or the hub itself failed.
pub(crate) fn refusal(problem: Problem) -> Result<Problem, Failure> {
    if problem.status >= 500 && problem.status != 502 || problem.is_missing() {
        Err(problem.into())
    } else {
        Ok(problem)
    }
}

/// Shows the form once more.
pub(crate) fn show_refused(page: &FormPage, status: u16) -> Page {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    Ok((status, show(page)?).into_response())
}
