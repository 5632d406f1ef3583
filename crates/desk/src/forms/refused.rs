//! A form that was refused: shown once more, with what is wrong and all that was typed.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use crate::api::Problem;
use crate::failure::Failure;
use crate::forms::form_page::{FormPage, Note};
use crate::page::{Page, show};

/// The status of a call whose `If-Match` or `If-None-Match` doesn't hold.
const VERSION_DIFFERS: u16 = 412;

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

/// Shows the form of a new object that the API has refused.
///
/// # Errors
///
/// As [`refusal`].
pub(crate) fn show_refused_new(page: FormPage, problem: Problem) -> Page {
    let note = Note::bad(page.frame.texts.say("code-taken"));
    with_problem(page, problem, note)
}

/// Shows the form of a changed object that the API has refused. `tag` is the present version: once the reader has seen that
/// somebody else changed the object, the next attempt replaces it.
///
/// # Errors
///
/// As [`refusal`].
pub(crate) fn show_refused_change(mut page: FormPage, problem: Problem, tag: String) -> Page {
    let note = Note::warn(page.frame.texts.say("changed-by-other"));
    if problem.status == VERSION_DIFFERS {
        page.tag = tag;
    }
    with_problem(page, problem, note)
}

/// Shows the form with the faults of a problem, and with `note` if the object's version was not the expected one.
fn with_problem(mut page: FormPage, problem: Problem, note: Note) -> Page {
    let problem = refusal(problem)?;
    page.fail(&problem);
    if problem.status == VERSION_DIFFERS {
        page.note = Some(note);
    }
    show_refused(&page, problem.status)
}

/// Shows the form with the faults that it has before anything was sent.
pub(crate) fn show_faults(mut page: FormPage) -> Page {
    page.note = Some(Note::bad(page.frame.texts.say("fault-in-fields")));
    show_refused(&page, 422)
}

/// Shows the form once more.
pub(crate) fn show_refused(page: &FormPage, status: u16) -> Page {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    Ok((status, show(page)?).into_response())
}
