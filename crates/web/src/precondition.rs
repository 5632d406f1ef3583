//! Conditions on the version of an object (RFC 9110): `ETag`, `If-Match`, and `If-None-Match: *`.
//!
//! A change with `If-Match` is made only if the object is as its caller has read it. The store checks the version once
//! more in the unit of work that changes the object, so that of two changes of one version only one is made.

use axum::extract::FromRequestParts;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::{Expected, Stored};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::problem::Problem;

/// How many bytes of a digest are in a tag.
const DIGEST_BYTES: usize = 12;

/// A strong entity tag, with its quotes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tag(String);

impl Tag {
    /// Returns the tag of an object in this version. The digest distinguishes it from an object that was created under the
    /// same code after a removal, since versions then begin anew.
    pub(crate) fn of(version: i64, view: &impl Serialize) -> Self {
        let digest = Sha256::digest(serde_json::to_vec(view).unwrap_or_default());
        let digest: String = digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("\"{version}-{digest}\""))
    }

    /// Returns the tag of an object without a version: of everything about it that can be changed.
    pub(crate) fn of_content(content: &impl Serialize) -> Self {
        let Self(tag) = Self::of(0, content);
        Self(tag.replacen("0-", "", 1))
    }

    /// Returns the tag of a request. Its id is never used for another one, so the version suffices.
    pub(crate) fn of_request(version: i64) -> Self {
        Self(format!("\"{version}\""))
    }

    pub(crate) fn into_header(self) -> String {
        self.0
    }
}

/// The tags that a caller accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Tags {
    /// Those of any existing object.
    Any,
    /// One of these. Weak tags are left out, since they never match here.
    These(Vec<Tag>),
}

impl Tags {
    fn contain(&self, tag: &Tag) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.contains(tag),
        }
    }
}

/// The header `If-Match` of a call, if it has one.
#[derive(Clone, Debug)]
pub(crate) struct IfMatch(Option<Tags>);

/// Whether a call has the header `If-None-Match: *`: it creates an object, and changes none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IfNoneMatch(bool);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(text) = text_of(parts, &IF_MATCH)? else { return Ok(Self(None)) };
        let tags = tags(&text).ok_or_else(|| {
            let detail = "If-Match must be *, or tags in quotes as the header ETag gives them, such as \"7\".";
            Problem::bad_request("INVALID_PRECONDITION", detail)
        })?;
        Ok(Self(Some(tags)))
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match text_of(parts, &IF_NONE_MATCH)?.as_deref().map(str::trim) {
            None => Ok(Self(false)),
            Some("*") => Ok(Self(true)),
            Some(_) => {
                let detail = "If-None-Match must be * here: the call then creates the object, and changes none.";
                Err(Problem::bad_request("INVALID_PRECONDITION", detail))
            }
        }
    }
}

fn text_of(parts: &Parts, name: &HeaderName) -> Result<Option<String>, Problem> {
    let values: Result<Vec<&str>, _> = parts.headers.get_all(name).iter().map(|value| value.to_str()).collect();
    let values = values.map_err(|_| {
        Problem::bad_request("INVALID_PRECONDITION", format!("The header {name} has a character that isn't allowed."))
    })?;
    // Several headers of one name are one list (RFC 9110, 5.3).
    Ok((!values.is_empty()).then(|| values.join(",")))
}

/// Reads a list of tags.
fn tags(text: &str) -> Option<Tags> {
    let mut rest = text.trim();
    if rest == "*" {
        return Some(Tags::Any);
    }
    let mut tags = Vec::new();
    loop {
        let (is_weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if !is_weak {
            tags.push(Tag(format!("\"{tag}\"")));
        }
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(Tags::These(tags));
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

impl IfMatch {
    /// Returns the state in which a change must find an object that is in the state `known` now.
    ///
    /// # Errors
    ///
    /// The object isn't as the caller demands.
    pub(crate) fn expected(&self, known: Option<(i64, Tag)>) -> Result<Expected, Problem> {
        match (&self.0, known) {
            (None, _) => Ok(Expected::Anything),
            (Some(tags), Some((version, tag))) if tags.contain(&tag) => Ok(Expected::Version(version)),
            (Some(_), _) => Err(Problem::precondition_failed()),
        }
    }

    /// Returns whether there is a condition on an object without a version, which then holds.
    ///
    /// # Errors
    ///
    /// The object isn't as the caller demands.
    pub(crate) fn is_met(&self, tag: &Tag) -> Result<bool, Problem> {
        match &self.0 {
            None => Ok(false),
            Some(tags) if tags.contain(tag) => Ok(true),
            Some(_) => Err(Problem::precondition_failed()),
        }
    }

    /// Returns the version that a request must have, if only that one will do.
    ///
    /// # Errors
    ///
    /// The request has another version.
    pub(crate) fn version(&self, stored: &Stored) -> Result<Option<i64>, Problem> {
        match &self.0 {
            None => Ok(None),
            Some(tags) if tags.contain(&Tag::of_request(stored.version)) => Ok(Some(stored.version)),
            Some(_) => Err(Problem::precondition_failed()),
        }
    }
}

impl IfNoneMatch {
    /// Adds this condition to `expected`.
    ///
    /// # Errors
    ///
    /// The caller wants to create an object that exists.
    pub(crate) fn and(self, expected: Expected, exists: bool) -> Result<Expected, Problem> {
        match (self.0, exists) {
            (true, true) => Err(Problem::precondition_failed()),
            (true, false) => Ok(Expected::Nothing),
            (false, _) => Ok(expected),
        }
    }
}

/// Converts the failure of a unit with a condition on a version: a conflict is a failed condition.
pub(crate) fn failed(expected: Expected, error: store::Error) -> Problem {
    match (expected, error) {
        (Expected::Version(_) | Expected::Nothing, store::Error::Conflict) => Problem::precondition_failed(),
        (_, other) => other.into(),
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "Makes the change only if the object still has this ETag; otherwise 412 (`PRECONDITION_FAILED`).";
        let tag = r#"(W/)?"[!#-~]*""#;
        vec![header("If-Match", about, "\"7\"", &format!("^(\\*|{tag}( *, *{tag})*)$"))]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "`*` creates the object, and refuses to change one that exists (412, `PRECONDITION_FAILED`).";
        vec![header("If-None-Match", about, "*", r"^\*$")]
    }
}

/// Converts the failure of a unit with a condition on an object without a version.
pub(crate) fn unmet(has_condition: bool, error: store::Error) -> Problem {
    let expected = if has_condition { Expected::Version(0) } else { Expected::Anything };
    failed(expected, error)
}

/// Describes a header of a call.
pub(crate) fn header(name: &str, about: &str, example: &str, pattern: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples([example]);
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
    parameter.description(Some(about)).schema(Some(schema)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_in_every_notation_and_weak_ones_never_match() {
        let tag = |text: &str| Tag(format!("\"{text}\""));
        assert_eq!(tags(" * "), Some(Tags::Any));
        assert_eq!(tags(r#""7""#), Some(Tags::These(vec![tag("7")])));
        assert_eq!(tags(r#""7" ,W/"8", "a,b""#), Some(Tags::These(vec![tag("7"), tag("a,b")])));
        for wrong in ["", "7", r#""7"#, r#""7" "8""#, r#""7","#, r#"*,"7""#, r#"w/"7""#] {
            assert_eq!(tags(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tag_changes_with_the_version_and_with_the_content() {
        let tag = Tag::of(1, &"a view");
        assert_eq!(tag, Tag::of(1, &"a view"));
        assert_ne!(tag, Tag::of(2, &"a view"));
        assert_ne!(tag, Tag::of(1, &"another view"));
    }
}
