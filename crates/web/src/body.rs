//! Reads bodies: limits their size and the time they take, and checks that they are JSON.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::field::wrong_type;
use crate::problem::{FieldError, Problem};
use crate::state::USUAL_BODY_TIME;

/// The largest body, in bytes.
pub(crate) const MAX_BYTES: usize = 64 * 1_024;

/// How long a body may take to arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyTime(pub(crate) Duration);

/// A body as it was received, of `MOST` bytes at most.
#[derive(Debug)]
pub(crate) struct RawBody<const MOST: usize>(pub(crate) Bytes);

impl<const MOST: usize, S: Send + Sync> FromRequest<S> for RawBody<MOST> {
    type Rejection = Problem;

    async fn from_request(call: Request, state: &S) -> Result<Self, Problem> {
        limited_bytes(call, state, MOST, "TOO_LARGE").await.map(Self)
    }
}

/// Returns the JSON object in the body; an empty one if there is no body.
pub(crate) async fn json_object<S: Send + Sync>(
    call: Request,
    state: &S,
) -> Result<Option<Map<String, Value>>, Problem> {
    let json = is_json(call.headers());
    let bytes = limited_bytes(call, state, MAX_BYTES, "BODY_TOO_LARGE").await?;
    match (bytes.is_empty(), json) {
        (true, _) => Ok(None),
        (false, false) => Err(not_json()),
        (false, true) => parse(&bytes).map(Some),
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

/// Reads the whole body, which the router limits to `most` bytes, within the time for it.
pub(crate) async fn limited_bytes<S: Send + Sync>(
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

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(table)) => Ok(table),
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
