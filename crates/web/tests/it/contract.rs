//! Compares the answers that tests get with the OpenAPI document: a status or a code that it doesn't name is a fault, of
//! the document or of the hub.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use axum::http::StatusCode;
use serde_json::Value;

use crate::harness::Answer;

/// Codes of answers to calls that are no operation of the API.
const NO_OPERATION: [&str; 2] = ["UNKNOWN_ROUTE", "METHOD_NOT_ALLOWED"];

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::from_str(&web::openapi().to_json().unwrap()).unwrap())
}

/// Returns the operation of a call, if it is one.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let (_, operations) = document()["paths"].as_object()?.iter().find(|(template, _)| fits(template))?;
    operations.get(method.to_lowercase())
}

/// Returns the codes that the document names for a failure; `None` if there are others, too.
fn codes(response: &Value) -> Option<Vec<&str>> {
    let code = &response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"];
    code["enum"].as_array().map(|codes| codes.iter().filter_map(Value::as_str).collect())
}

/// Checks that the document names the status of an answer and its code.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else { return };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{method} {path} answers {}, which isn't documented: {}", answer.status, answer.text);
    if let (true, Some(codes)) = (answer.status >= 400, codes(response)) {
        let code = answer.body["code"].as_str().unwrap_or_default();
        assert!(codes.contains(&code), "{method} {path} answers {code}, and the document names {codes:?}");
    }
}

#[test]
fn every_failure_of_every_operation_has_its_codes_and_an_example() {
    let mut checked = 0;
    for operations in document()["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            let id = &operation["operationId"];
            let responses = operation["responses"].as_object().unwrap();
            assert!(!responses.contains_key("default"), "{id}: a default would document any answer");
            for (status, response) in responses.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
                let content = &response["content"]["application/problem+json"];
                assert_eq!(content["example"]["status"].to_string(), *status, "{id}");
                let code = content["example"]["code"].as_str().unwrap();
                assert!(codes(response).is_none_or(|codes| codes.contains(&code)), "{id} {status}");
                checked += 1;
            }
            assert!(operation["security"].is_array(), "{id} says whether it needs a key");
        }
    }
    assert!(checked > 200, "{checked}");
}

/// Returns the failures that the handlers' source names, with their status.
fn failures_in_the_source() -> BTreeSet<(u16, String)> {
    let constant = |text: &str| {
        let name = |status: &StatusCode| status.canonical_reason().unwrap_or_default().to_uppercase().replace(' ', "_");
        (400..600).filter_map(|number| StatusCode::from_u16(number).ok()).find(|status| name(status) == text)
    };
    let code = |text: &str| {
        let code = text.trim_start().strip_prefix('"')?.split('"').next()?;
        code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_').then(|| code.to_owned())
    };
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for rest in text.split("StatusCode::").skip(1) {
            let Some((name, after)) = rest.split_once(',') else { continue };
            if let (Some(status), Some(code)) = (constant(name), code(after)) {
                found.insert((status.as_u16(), code));
            }
        }
        for rest in text.split("bad_request(").skip(1) {
            found.extend(code(rest).map(|code| (400, code)));
        }
    }
    found
}

#[test]
fn every_failure_of_the_handlers_is_in_the_document() {
    let found = failures_in_the_source();
    assert!(found.len() > 25, "only {found:?}");
    let mut documented = BTreeSet::new();
    for operations in document()["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let codes = codes(response).unwrap_or_default();
                documented.extend(codes.into_iter().map(|code| (status.parse().unwrap(), code.to_owned())));
            }
        }
    }
    let missing: Vec<_> =
        found.difference(&documented).filter(|(_, code)| !NO_OPERATION.contains(&code.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
