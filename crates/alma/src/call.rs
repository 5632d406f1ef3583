//! The description of one call to Alma, before it is sent.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;

use crate::code::Code;
use crate::error::{Error, Result, Silence};

/// The characters to encode: all but those that RFC 3986 never reserves. Identifiers may contain `/ # ? % & @ +` and
/// blanks.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The body of a call.
#[derive(Clone)]
pub(crate) enum Body {
    None,
    Json(Value),
    Xml(String),
}

/// A call: its purpose, address and content, and whether it may be repeated.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    /// Method and path with placeholders, such as `GET /users/{user}`.
    pub(crate) endpoint: &'static str,
    pub(crate) body: Body,
    pub(crate) password: Option<SecretString>,
    /// Whether a second call has no further effect, so that the call may be repeated after it was sent.
    pub(crate) repeatable: bool,
    pub(crate) follows_redirect: bool,
    /// The codes that mean that the addressed record doesn't exist.
    pub(crate) absent: &'static [Code],
    segments: Vec<String>,
    query: Vec<(&'static str, String)>,
    private: Vec<String>,
}

impl Call {
    /// Creates a call of `endpoint`, with `segments` in place of its placeholders, in order. Reading calls may be
    /// repeated.
    pub(crate) fn new(operation: &'static str, endpoint: &'static str, segments: &[&str]) -> Self {
        Self {
            operation,
            endpoint,
            body: Body::None,
            password: None,
            repeatable: endpoint.starts_with("GET "),
            follows_redirect: false,
            absent: &[],
            segments: segments.iter().map(|&segment| segment.to_owned()).collect(),
            query: Vec::new(),
            private: Vec::new(),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers pass ids by reference and flags by value")]
    pub(crate) fn query(mut self, key: &'static str, value: impl ToString) -> Self {
        self.query.push((key, value.to_string()));
        self
    }

    pub(crate) fn query_if(self, key: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    pub(crate) fn xml(mut self, body: String) -> Self {
        self.body = Body::Xml(body);
        self
    }

    pub(crate) fn absent(mut self, codes: &'static [Code]) -> Self {
        self.absent = codes;
        self
    }

    /// Marks a value as personal. The client removes it from Alma's messages before they are shown.
    pub(crate) fn private(mut self, value: impl AsRef<str>) -> Self {
        self.private.push(value.as_ref().to_owned());
        self
    }

    pub(crate) fn method(&self) -> Method {
        match self.endpoint.split_once(' ').map(|(method, _)| method) {
            Some("POST") => Method::POST,
            Some("PUT") => Method::PUT,
            Some("DELETE") => Method::DELETE,
            _ => Method::GET,
        }
    }

    /// Returns path and query, encoded.
    pub(crate) fn target(&self) -> Result<String> {
        let (_, path) = self.endpoint.split_once(' ').unwrap_or_default();
        let mut segments = self.segments.iter();
        let mut target = String::new();
        for part in path.split('/').skip(1) {
            let part = if part.starts_with('{') { segments.next().map_or("", String::as_str) } else { part };
            // A URL drops such segments, so the call would reach another address: a list, or the record above. A
            // gateway that decodes the slash of an identifier before it reads the path would do the same within a
            // segment.
            if part.trim().is_empty() || part.split(['/', '\\']).any(|piece| matches!(piece.trim(), "." | "..")) {
                let what = "an identifier is blank or consists of dots";
                return Err(Error::InvalidRequest { operation: self.operation, what });
            }
            let _ = write!(target, "/{}", utf8_percent_encode(part, ESCAPED));
        }
        for (nth, (key, value)) in self.query.iter().enumerate() {
            let _ = write!(target, "{}{key}={}", if nth == 0 { '?' } else { '&' }, utf8_percent_encode(value, ESCAPED));
        }
        Ok(target)
    }

    /// Creates the error for a call that was sent and got no usable answer.
    pub(crate) fn silent(&self, reason: Silence, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let operation = self.operation;
        if self.repeatable {
            Error::Unavailable { operation, reason, source }
        } else {
            Error::Unclear { operation, reason, source }
        }
    }

    /// Creates the error for an answer of success that can't be read.
    pub(crate) fn unreadable(&self, what: String) -> Error {
        let operation = self.operation;
        if self.repeatable {
            Error::InvalidResponse { operation, what }
        } else {
            Error::Unclear { operation, reason: Silence::UnreadableAnswer { what }, source: None }
        }
    }

    /// Creates the error for an answer of success whose record lacks an indispensable part.
    pub(crate) fn no_record(&self, what: String) -> Error {
        if self.repeatable { Error::Unreadable { operation: self.operation, what } } else { self.unreadable(what) }
    }

    /// Removes the identifiers of users that the call contains from Alma's message.
    pub(crate) fn without_private_parts(&self, message: String) -> String {
        let values = self.private.iter().filter(|value| !value.is_empty());
        values.fold(message, |message, value| without_word(&message, value))
    }
}

/// Removes `word` from `text`, in whatever case Alma quotes it. Only whole words are removed, since short identifiers
/// are part of many words.
fn without_word(text: &str, word: &str) -> String {
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let part_of_word = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
    let mut kept = String::new();
    let mut from = 0;
    for (at, found) in lower.match_indices(&word) {
        let end = at + found.len();
        if !part_of_word(lower[..at].chars().next_back()) && !part_of_word(lower[end..].chars().next()) {
            kept.push_str(&text[from..at]);
            kept.push_str("[redacted]");
            from = end;
        }
    }
    kept.push_str(&text[from..]);
    kept
}

/// Encodes a password for the header `Exl-User-Pw`.
pub(crate) fn header_encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_values_are_encoded_so_that_none_changes_the_address() {
        let call = Call::new("read", "GET /users/{user}/loans/{loan}", &["a/b c#d?e%f&g@h+ü", "1"])
            .query("q", "100_4230375+02&x=y");
        assert_eq!(
            call.target().unwrap(),
            "/users/a%2Fb%20c%23d%3Fe%25f%26g%40h%2B%C3%BC/loans/1?q=100_4230375%2B02%26x%3Dy"
        );
    }

    #[test]
    fn an_identifier_that_would_vanish_from_the_address_is_refused() {
        for id in ["", ".", "..", "../1", "1/..", "1/../2", "..\\1", "1/./2"] {
            let call = Call::new("delete a user", "DELETE /users/{user}", &[id]);
            assert!(matches!(call.target(), Err(Error::InvalidRequest { .. })), "{id}");
        }
    }

    #[test]
    fn an_identifier_with_dots_that_names_one_segment_is_sent() {
        for (id, sent) in
            [("...", "/users/..."), ("a.b", "/users/a.b"), ("1/2", "/users/1%2F2"), ("%2e%2e", "/users/%252e%252e")]
        {
            assert_eq!(Call::new("read a user", "GET /users/{user}", &[id]).target().unwrap(), sent);
        }
    }

    #[test]
    fn users_are_taken_out_of_messages_in_any_case_and_as_whole_words() {
        let shown = |id: &str, message: &str| {
            Call::new("read a user", "GET /users/{user}", &[id]).private(id).without_private_parts(message.to_owned())
        };
        assert_eq!(shown("Nobody", "User nobody was not found: NOBODY."), "User [redacted] was not found: [redacted].");
        assert_eq!(shown("a", "User a was not found."), "User [redacted] was not found.");
        assert_eq!(shown("é+", "é+ é+é"), "[redacted] é+é");
    }
}
