//! Forms: read only if they come from a page of this hub.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use subtle::ConstantTimeEq as _;

use crate::failure::Failure;
use crate::state::Desk;
use crate::visitor::Visitor;

/// The most fields of a form.
const MOST_FIELDS: usize = 2_000;

/// The fields of a form, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads the fields of a form or of a query.
    ///
    /// # Errors
    ///
    /// [`Failure::UnreadableForm`] if they aren't well formed, or too many.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Failure> {
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).map_err(|_| Failure::UnreadableForm)?;
        if fields.len() > MOST_FIELDS { Err(Failure::UnreadableForm) } else { Ok(Self(fields)) }
    }

    /// Returns the value of a field without blanks around it, and nothing for one that is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// Returns all fields, for a page that keeps them.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        self.0.clone()
    }

    /// Returns the value of a field that isn't blank.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Returns all values of a field that may be given several times.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
    }
}

/// A form of somebody who has signed in.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) visitor: Visitor,
    pub(crate) fields: Fields,
}

impl FromRequest<Desk> for Form {
    type Rejection = Failure;

    async fn from_request(call: Request, desk: &Desk) -> Result<Self, Failure> {
        let (mut parts, body) = call.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, desk).await?;
        let OpenForm(fields) = OpenForm::from_request(Request::from_parts(parts, body), desk).await?;
        let is_own = bool::from(fields.text("csrf").as_bytes().ct_eq(visitor.csrf.as_bytes()));
        if is_own { Ok(Self { visitor, fields }) } else { Err(Failure::ForeignForm) }
    }
}

/// A form of anybody, such as that of the sign-in page.
#[derive(Debug)]
pub(crate) struct OpenForm(pub(crate) Fields);

impl FromRequest<Desk> for OpenForm {
    type Rejection = Failure;

    async fn from_request(call: Request, desk: &Desk) -> Result<Self, Failure> {
        if !is_same_origin(call.headers()) {
            return Err(Failure::ForeignForm);
        }
        let body = Bytes::from_request(call, desk).await.map_err(|_| Failure::UnreadableForm)?;
        Fields::read(&body).map(Self)
    }
}

/// Returns whether a form comes from a page of this hub, as far as the browser says it. Browsers since 2023 send
/// `Sec-Fetch-Site`, all send `Origin` with a form; a program that sends neither has no reader's cookies.
fn is_same_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    match (text(ORIGIN), text(HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, sent)| sent.eq_ignore_ascii_case(host)),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// Returns a path to which a reader is sent, if it is one of this hub's own. Another site's address would let that site
/// look like this hub.
pub(crate) fn own_path(path: &str) -> &str {
    let is_own = path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t']);
    if is_own { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_of_this_origin_are_read() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>()
        };
        for (sent, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "https://desk.example.org"), ("host", "desk.example.org")], true),
            (&[("origin", "https://evil.example.org"), ("host", "desk.example.org")], false),
            (&[("origin", "null"), ("host", "desk.example.org")], false),
            (&[], true),
        ] {
            assert_eq!(is_same_origin(&headers(sent)), expected, "{sent:?}");
        }
    }

    #[test]
    fn reader_is_sent_to_own_pages_alone() {
        for (path, expected) in [
            ("/requests/1?tab=x", "/requests/1?tab=x"),
            ("//evil.example.org", "/"),
            ("/\\evil.example.org", "/"),
            ("https://evil.example.org", "/"),
            ("", "/"),
        ] {
            assert_eq!(own_path(path), expected);
        }
    }
}
