//! What a path names: a request by its id, anything else by its code.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use lending::RequestId;

use crate::problem::Problem;

/// The id of a request in a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathId(pub(crate) RequestId);

/// A code in a path.
#[derive(Clone, Debug)]
pub(crate) struct PathCode(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bad = || {
            Problem::bad_request("INVALID_ID", "The path names no request: an id is a UUID, such as the list shows.")
        };
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| bad())?;
        text.parse().map(Self).map_err(|_| bad())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathCode {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text);
        text.ok().filter(|text| is_code(text)).map(Self).ok_or_else(|| {
            let detail = format!("The path holds no code. {NO_CODE}");
            Problem::bad_request("INVALID_CODE", detail)
        })
    }
}

/// What a code is.
pub(crate) const NO_CODE: &str = "A code has 1 to 64 letters, digits and the signs . _ : -, and isn't \".\" or \"..\".";

/// Codes need no encoding in a path and none in a log. `.` and `..` would address another object.
pub(crate) fn is_code(text: &str) -> bool {
    !matches!(text, "." | "..")
        && (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_a_segment_of_a_path_as_it_stands() {
        for text in ["01LEND_INST", "a.b:c-d", "...", &"x".repeat(64)] {
            assert!(is_code(text), "{text}");
        }
        for text in ["", ".", "..", "a/b", "a b", "a%2e", "é", &"x".repeat(65)] {
            assert!(!is_code(text), "{text}");
        }
    }
}
