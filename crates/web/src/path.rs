//! The parts of a path that name an object: a request's id, or the code of any other object.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use lending::RequestId;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, Required};

use crate::problem::Problem;

/// The id of a request in a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathId(pub(crate) RequestId);

/// A code in a path.
#[derive(Clone, Debug)]
pub(crate) struct PathCode(pub(crate) String);

/// The code of an institution and the id of a record there, in a path.
#[derive(Clone, Debug)]
pub(crate) struct PathRecord {
    pub(crate) code: String,
    pub(crate) record: String,
}

impl IntoParams for PathRecord {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let schema = schema.max_length(Some(LONGEST_RECORD)).pattern(Some(RECORD_PATTERN)).examples(["990001"]);
        let mut parameters = PathCode::into_params(place);
        parameters.push(in_path("record", "The record's id there.", schema));
        parameters
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathRecord {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let is_record = |text: &str| {
            (1..=LONGEST_RECORD).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
                && text.trim() == text
                && !matches!(text, "." | "..")
        };
        let read = Path::<(String, String)>::from_request_parts(parts, state).await.ok();
        let named = read.filter(|Path((code, record))| is_code(code) && is_record(record));
        named.map(|Path((code, record))| Self { code, record }).ok_or_else(|| {
            let detail = format!(
                "The path names no record. {NO_CODE} The id of a record has 1 to {LONGEST_RECORD} printable ASCII characters."
            );
            Problem::bad_request("INVALID_CODE", detail)
        })
    }
}

/// The longest id of a record, in characters.
const LONGEST_RECORD: usize = 128;

/// The form of a record's id, for the OpenAPI document.
const RECORD_PATTERN: &str = r"^(?!\.{1,2}$)[!-~]([ -~]{0,126}[!-~])?$";

impl IntoParams for PathId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let format = Some(SchemaFormat::KnownFormat(KnownFormat::Uuid));
        vec![in_path("id", "The request's id.", ObjectBuilder::new().schema_type(Type::String).format(format))]
    }
}

impl IntoParams for PathCode {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let schema = schema.max_length(Some(LONGEST_CODE)).pattern(Some(CODE_PATTERN)).examples(["01NORTH_INST"]);
        vec![in_path("code", "Its code.", schema)]
    }
}

fn in_path(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.description(Some(description)).schema(Some(schema)).build()
}

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

/// The longest code, in characters.
pub(crate) const LONGEST_CODE: usize = 64;

/// [`is_code`] as a regular expression, for the OpenAPI document.
pub(crate) const CODE_PATTERN: &str = r"^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,64}$";

/// The message about the form of a code, for callers that sent something else.
pub(crate) const NO_CODE: &str = "A code has 1 to 64 letters, digits and the signs . _ : -, and isn't \".\" or \"..\".";

/// Returns whether a text is a code. A code needs no encoding in a path or a log. `.` and `..` would address another
/// object.
pub(crate) fn is_code(text: &str) -> bool {
    !matches!(text, "." | "..")
        && (1..=LONGEST_CODE).contains(&text.len())
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
