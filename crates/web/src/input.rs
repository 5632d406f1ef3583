//! Reading a JSON body: all faults at once, each by its field, and none of them quotes a value, which may be a key
//! or a patron's number.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::path::{NO_CODE, is_code};
use crate::problem::{FieldError, Problem};
use crate::state::USUAL_BODY_TIME;

/// The largest body, in bytes.
pub(crate) const MAX_BYTES: usize = 64 * 1_024;
/// How long a body may take to arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyTime(pub(crate) Duration);

/// The longest text, in characters.
const LONGEST_TEXT: usize = 500;

/// The fields of a JSON object, read one by one. What is never asked for is a fault.
#[derive(Debug)]
pub(crate) struct Fields {
    place: String,
    table: Map<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<FieldError>,
}

impl Fields {
    fn new(place: String, table: Map<String, Value>) -> Self {
        Self { place, table, known: Vec::new(), faults: Vec::new() }
    }

    /// No body at all, where one may be left out.
    pub(crate) fn none() -> Self {
        Self::new(String::new(), Map::new())
    }

    pub(crate) fn error(&mut self, key: &str, code: &'static str, message: impl Into<String>) {
        let field = format!("{}{key}", self.place);
        self.faults.push(FieldError::new(field, code, message));
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key).filter(|value| !value.is_null())
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, key: &'static str) -> String {
        match self.take(key) {
            None => {
                self.error(key, "MISSING", "It is missing.");
                String::new()
            }
            Some(value) => self.as_text(key, value).unwrap_or_default(),
        }
    }

    /// A text that may be left out.
    pub(crate) fn optional_text(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        self.as_text(key, value)
    }

    /// An identifier in a library's system that must be there.
    pub(crate) fn identifier(&mut self, key: &'static str) -> String {
        let text = self.text(key);
        self.checked_identifier(key, text)
    }

    /// An identifier in a library's system that may be left out.
    pub(crate) fn optional_identifier(&mut self, key: &'static str) -> Option<String> {
        let text = self.optional_text(key)?;
        Some(self.checked_identifier(key, text))
    }

    /// An empty text is a fault that was noted already.
    fn checked_identifier(&mut self, key: &str, text: String) -> String {
        if !text.is_empty()
            && let Err(reason) = lending::check_identifier(&text)
        {
            self.error(key, reason.code(), reason.to_string());
            return String::new();
        }
        text
    }

    /// A code of the hub's own that must be there.
    pub(crate) fn code(&mut self, key: &'static str) -> String {
        let text = self.text(key);
        if !text.is_empty() && !is_code(&text) {
            self.error(key, "INVALID_CODE", NO_CODE);
            return String::new();
        }
        text
    }

    fn as_text(&mut self, key: &str, value: Value) -> Option<String> {
        let Value::String(text) = value else {
            self.wrong_type(key, "text", &value);
            return None;
        };
        match checked_text(&text) {
            Ok(text) => Some(text),
            Err((code, message)) => {
                self.error(key, code, message);
                None
            }
        }
    }

    /// An object whose keys are somebody else's to judge.
    pub(crate) fn object(&mut self, key: &'static str) -> Map<String, Value> {
        match self.take(key) {
            Some(Value::Object(table)) => return table,
            Some(other) => self.wrong_type(key, "an object", &other),
            None => self.error(key, "MISSING", "It is missing."),
        }
        Map::new()
    }

    /// An object that may be left out, whose keys are somebody else's to judge.
    pub(crate) fn optional_object(&mut self, key: &'static str) -> Map<String, Value> {
        match self.take(key) {
            Some(Value::Object(table)) => return table,
            Some(other) => self.wrong_type(key, "an object", &other),
            None => {}
        }
        Map::new()
    }

    /// Yes or no; no where it is left out.
    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        match self.take(key) {
            Some(Value::Bool(yes)) => return yes,
            Some(other) => self.wrong_type(key, "true or false", &other),
            None => {}
        }
        false
    }

    /// A date as `YYYY-MM-DD`, which may be left out.
    pub(crate) fn date(&mut self, key: &'static str) -> Option<jiff::civil::Date> {
        let text = self.optional_text(key)?;
        let date = text.parse().ok();
        if date.is_none() {
            self.error(key, "INVALID_DATE", "It must be a date such as 2026-12-31.");
        }
        date
    }

    /// Whether something is there under this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| !value.is_null())
    }

    /// An object that may be left out, read by `read`.
    pub(crate) fn optional<T>(&mut self, key: &'static str, read: impl Fn(&mut Self) -> T) -> Option<T> {
        if !self.has(key) {
            self.known.push(key);
            return None;
        }
        let table = self.object(key);
        let mut inner = Self::new(format!("{}{key}.", self.place), table);
        let read = read(&mut inner);
        self.faults.extend(inner.finish());
        Some(read)
    }

    /// A list of at most `most` objects, each read by `read`.
    pub(crate) fn list<T>(&mut self, key: &'static str, most: usize, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        let values = match self.take(key) {
            Some(Value::Array(values)) => values,
            Some(other) => {
                self.wrong_type(key, "a list", &other);
                return Vec::new();
            }
            None => {
                self.error(key, "MISSING", "It is missing.");
                return Vec::new();
            }
        };
        if values.len() > most {
            self.error(key, "TOO_MANY", format!("It has more than {most} entries."));
            return Vec::new();
        }
        let mut list = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let place = format!("{}{key}[{index}]", self.place);
            match value {
                Value::Object(table) => {
                    let mut inner = Self::new(format!("{place}."), table);
                    list.push(read(&mut inner));
                    self.faults.extend(inner.finish());
                }
                other => self.faults.push(FieldError::new(place, "WRONG_TYPE", wrong_type("an object", &other))),
            }
        }
        list
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, found: &Value) {
        self.error(key, "WRONG_TYPE", wrong_type(wanted, found));
    }

    /// All faults; what was not asked for is one, most likely of spelling.
    pub(crate) fn finish(mut self) -> Vec<FieldError> {
        let known = self.known.join(", ");
        let unknown: Vec<String> = self.table.keys().map(|key| key.chars().take(64).collect()).collect();
        for key in unknown {
            self.error(&key, "UNKNOWN_FIELD", format!("There is no such field here. Fields are: {known}."));
        }
        self.faults
    }
}

/// A text without blanks around it that every library system and database can take; else code and message.
pub(crate) fn checked_text(text: &str) -> Result<String, (&'static str, String)> {
    let text = text.trim();
    if text.is_empty() {
        Err(("EMPTY", "It is empty.".to_owned()))
    } else if text.chars().count() > LONGEST_TEXT {
        Err(("TOO_LONG", format!("It has more than {LONGEST_TEXT} characters.")))
    } else if text.chars().any(char::is_control) {
        Err(("CONTROL_CHARACTER", "It holds a control character, such as a line break.".to_owned()))
    } else {
        Ok(text.to_owned())
    }
}

fn wrong_type(wanted: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("It must be {wanted}, but is {found}.")
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(call: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(call.headers()) {
            return Err(not_json());
        }
        parse(&bytes(call, state).await?)
    }
}

impl<S: Send + Sync> OptionalFromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(call: Request, state: &S) -> Result<Option<Self>, Problem> {
        let json = is_json(call.headers());
        let bytes = bytes(call, state).await?;
        match (bytes.is_empty(), json) {
            (true, _) => Ok(None),
            (false, false) => Err(not_json()),
            (false, true) => parse(&bytes).map(Some),
        }
    }
}

/// A body as it came, of `MOST` bytes at most.
#[derive(Debug)]
pub(crate) struct RawBody<const MOST: usize>(pub(crate) Bytes);

impl<const MOST: usize, S: Send + Sync> FromRequest<S> for RawBody<MOST> {
    type Rejection = Problem;

    async fn from_request(call: Request, state: &S) -> Result<Self, Problem> {
        limited_bytes(call, state, MOST, "TOO_LARGE").await.map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(media_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn not_json() -> Problem {
    let detail = "The body must be JSON, and the header Content-Type must say so: application/json.";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "NOT_JSON", detail)
}

async fn bytes<S: Send + Sync>(call: Request, state: &S) -> Result<Bytes, Problem> {
    limited_bytes(call, state, MAX_BYTES, "BODY_TOO_LARGE").await
}

/// The whole body, which the router limits to `most` bytes, within the time for it.
async fn limited_bytes<S: Send + Sync>(
    call: Request,
    state: &S,
    most: usize,
    too_large: &'static str,
) -> Result<Bytes, Problem> {
    let time = call.extensions().get::<BodyTime>().map_or(USUAL_BODY_TIME, |time| time.0);
    match tokio::time::timeout(time, Bytes::from_request(call, state)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("The body is larger than {} kB.", most / 1_024);
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, too_large, detail))
        }
        Ok(Err(_)) => Err(Problem::bad_request("BODY_CUT_OFF", "The body did not arrive whole.")),
        Err(_) => {
            let detail = format!("The body did not arrive within {} seconds.", time.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "BODY_TOO_SLOW", detail))
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Fields, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(table)) => Ok(Fields::new(String::new(), table)),
        Ok(other) => {
            Err(Problem::invalid(vec![FieldError::new("body", "WRONG_TYPE", wrong_type("an object", &other))]))
        }
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let detail = format!("The body is no valid JSON: the fault is at line {line}, column {column}.");
            Err(Problem::bad_request("INVALID_JSON", detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: &Value) -> Fields {
        parse(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn all_errors_are_reported_at_once_and_no_value_is_quoted() {
        let mut fields = fields(&json!({
            "patron": 4_711, "agency": " ", "copies": [{"barcode": ["secret-1"], "colour": "secret-2"}, "secret-3"],
        }));
        fields.text("patron");
        fields.text("agency");
        fields.text("pickup_location");
        fields.list("copies", 20, |copy| copy.optional_text("barcode"));
        let faults = fields.finish();
        let reported: Vec<_> = faults.iter().map(|fault| (fault.field.as_str(), &*fault.code)).collect();
        assert_eq!(
            reported,
            [
                ("patron", "WRONG_TYPE"),
                ("agency", "EMPTY"),
                ("pickup_location", "MISSING"),
                ("copies[0].barcode", "WRONG_TYPE"),
                ("copies[0].colour", "UNKNOWN_FIELD"),
                ("copies[1]", "WRONG_TYPE"),
            ]
        );
        let messages: String = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert!(!messages.contains("secret") && !messages.contains("4711"), "{messages}");
    }

    #[test]
    fn text_that_no_database_would_take_is_refused() {
        let mut fields = fields(&json!({"name": "a\u{0}b", "long": "x".repeat(501)}));
        assert_eq!(fields.text("name"), "");
        assert_eq!(fields.text("long"), "");
        let codes: Vec<_> = fields.finish().iter().map(|fault| fault.code.clone()).collect();
        assert_eq!(codes, ["CONTROL_CHARACTER", "TOO_LONG"]);
    }
}
