//! The answer with a page.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};

use crate::failure::Failure;

/// What a handler of a page returns.
pub(crate) type Page = Result<Response, Failure>;

/// Returns the answer with a page.
///
/// # Errors
///
/// [`Failure::Internal`] if the template can't be written.
pub(crate) fn show(page: &impl Template) -> Page {
    Ok(Html(page.render()?).into_response())
}
