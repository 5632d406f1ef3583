//! Classifies answers: the requested data, a refusal, or an answer that isn't Alma's.
//!
//! Status and `Content-Type` aren't enough: refusals are mostly 400, and the gateway refuses a key in XML even if the
//! call asked for JSON. So the first character of a body that isn't blank decides.

use std::time::Duration;

use serde_json::Value;

use crate::call::Call;
use crate::code::Code;
use crate::error::{Error, Limit, Result, Silence};
use crate::xml;

/// An HTTP answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: String,
}

/// One error of Alma's envelope.
#[derive(Debug, Clone, PartialEq)]
struct Envelope {
    code: Code,
    message: String,
    tracking_id: Option<String>,
}

/// Returns an answer that can contain the requested data, and an error for any other.
pub(crate) fn judge(call: &Call, reply: Reply) -> Result<Reply> {
    let operation = call.operation;
    let envelope = envelope(&reply.body);
    match reply.status {
        200..=299 if envelope.is_none() => pass(call, reply),
        302 if call.follows_redirect => Ok(reply),
        300..=399 => Err(Error::InvalidResponse { operation, what: "a redirect where none is expected".to_owned() }),
        500..=599 if !envelope.as_ref().is_some_and(is_limit) => {
            let code = envelope.map(|error| error.code);
            Err(call.silent(Silence::InternalError { http_status: reply.status, code }, None))
        }
        429 if envelope.is_none() => {
            Err(Error::RateLimited { operation, limit: Limit::PerSecond, retry_after: reply.retry_after })
        }
        status => Err(match envelope {
            Some(envelope) => refusal(call, status, envelope, reply.retry_after),
            None => unexplained(call, status, &reply.body),
        }),
    }
}

fn pass(call: &Call, reply: Reply) -> Result<Reply> {
    if is_html(&reply.body) {
        return Err(Error::InvalidResponse { operation: call.operation, what: wrong_host(reply.status) });
    }
    Ok(reply)
}

fn is_limit(envelope: &Envelope) -> bool {
    matches!(envelope.code, Code::PerSecondThreshold | Code::DailyThreshold)
}

fn refusal(call: &Call, http_status: u16, envelope: Envelope, retry_after: Option<Duration>) -> Error {
    let operation = call.operation;
    let Envelope { code, message, tracking_id } = envelope;
    let message = call.without_private_parts(message);
    match code {
        Code::DailyThreshold => Error::RateLimited { operation, limit: Limit::PerDay, retry_after },
        Code::PerSecondThreshold => Error::RateLimited { operation, limit: Limit::PerSecond, retry_after },
        _ if http_status == 429 => Error::RateLimited { operation, limit: Limit::PerSecond, retry_after },
        code if code.is_about_the_key() || matches!(http_status, 401 | 403) => {
            Error::Unauthorized { operation, code, message, http_status }
        }
        code if call.absent.contains(&code) => Error::NotFound { operation, code, message },
        // Alma's refusals are 400. A 404 with a general code, or with a gateway's own word such as ROUTING_ERROR,
        // proves nothing about the record.
        code if http_status == 404 && code.is_general() => {
            call.silent(Silence::Unexplained { http_status, code: Some(code) }, None)
        }
        code => Error::Refused { operation, code, message, tracking_id, http_status },
    }
}

/// Creates the error for a status 4xx whose body isn't Alma's.
fn unexplained(call: &Call, http_status: u16, body: &str) -> Error {
    let operation = call.operation;
    let code = Code::Other(String::new());
    // A write that a gateway answers with a page for 404 may have been carried out.
    if is_html(body) && (call.repeatable || http_status != 404) {
        return Error::InvalidResponse { operation, what: wrong_host(http_status) };
    }
    match http_status {
        401 | 403 => {
            Error::Unauthorized { operation, code, message: format!("HTTP status {http_status}"), http_status }
        }
        404 => call.silent(Silence::Unexplained { http_status, code: None }, None),
        408 => call.silent(Silence::TimedOut, None),
        _ => {
            Error::InvalidResponse { operation, what: format!("HTTP status {http_status} without Alma's explanation") }
        }
    }
}

fn wrong_host(http_status: u16) -> String {
    format!("an HTML page (HTTP status {http_status}): the wrong host, or a proxy in between")
}

fn is_html(body: &str) -> bool {
    let head: String = body.trim_start_matches('\u{feff}').trim_start().chars().take(15).collect();
    let head = head.to_ascii_lowercase();
    head.starts_with("<html") || head.starts_with("<!doctype html")
}

/// Reads the first error of an error body, in JSON or XML.
fn envelope(body: &str) -> Option<Envelope> {
    let body = body.trim_start_matches('\u{feff}').trim_start();
    match body.chars().next()? {
        '{' => serde_json::from_str(body).ok().and_then(|value: Value| envelope_in_json(&value)),
        '<' => envelope_in_xml(body),
        _ => None,
    }
}

fn envelope_in_json(body: &Value) -> Option<Envelope> {
    let body = body.get("web_service_result").unwrap_or(body);
    let errors = body.get("errorList")?;
    let errors = errors.get("error").unwrap_or(errors);
    let error = errors.get(0).unwrap_or(errors);
    let text = |key: &str| error.get(key).and_then(crate::lenient::scalar);
    let code = text("errorCode")?;
    Some(Envelope {
        code: Code::from(code.as_str()),
        message: text("errorMessage").unwrap_or_default(),
        tracking_id: text("trackingId"),
    })
}

fn envelope_in_xml(body: &str) -> Option<Envelope> {
    let root = xml::read(body).ok().filter(|root| root.name == "web_service_result")?;
    let error = root.open("errorList")?.open("error")?;
    Some(Envelope {
        code: Code::from(error.text("errorCode")?.as_str()),
        message: error.text("errorMessage").unwrap_or_default(),
        tracking_id: error.text("trackingId"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_found_in_every_envelope() {
        let plain = r#"{"errorsExist":true,"errorList":{"error":[{"errorCode":"401861","errorMessage":"m","trackingId":"t"}]}}"#;
        let single = r#" {"errorList":{"error":{"errorCode":401861,"errorMessage":"m","trackingId":"t"}}}"#;
        let wrapped = r#"{"web_service_result":{"errorsExist":true,"errorList":{"error":{"errorCode":"401861","errorMessage":"m","trackingId":"t"}}}}"#;
        let xml = "<?xml version=\"1.0\"?>\n<web_service_result xmlns=\"http://com/exlibris/urm/general/xmlbeans\"><errorsExist>true</errorsExist>\
                   <errorList><error><errorCode>401861</errorCode><errorMessage>m</errorMessage><trackingId>t</trackingId></error></errorList></web_service_result>";
        let expected =
            Envelope { code: Code::UserNotFound, message: "m".to_owned(), tracking_id: Some("t".to_owned()) };
        for body in [plain, single, wrapped, xml] {
            assert_eq!(envelope(body), Some(expected.clone()), "{body}");
        }
    }

    #[test]
    fn records_cut_bodies_and_pages_are_no_error_envelopes() {
        for body in ["", "{\"pid\":1}", "{\"errorList\":{\"error\":[{\"errorCo", "<html></html>", "<bib/>", "null"] {
            assert_eq!(envelope(body), None, "{body}");
        }
    }

    #[test]
    fn a_page_is_known_by_its_beginning() {
        assert!(is_html("\n <!DOCTYPE HTML PUBLIC"));
        assert!(is_html("<HTML>"));
        assert!(!is_html("<bib/>"));
        assert!(!is_html("é"));
    }
}
