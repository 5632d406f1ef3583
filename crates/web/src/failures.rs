//! The failures of each operation, for the OpenAPI document: the statuses that it may answer, each with its codes.
//!
//! Most follow from the form of an operation: one with a body may get a broken body. The others are in a table. The tests
//! of the API compare every answer that they get with the document.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::problem::MEDIA_TYPE;

/// The code that stands for those of library systems and rules, which the hub doesn't define alone.
const OTHERS: &str = "*";

/// The failures that don't follow from the form of an operation: its id, the status, and the codes.
const OF_OPERATIONS: &[(&str, u16, &[&str])] = &[
    ("place_request", 409, &["DUPLICATE_REQUEST"]),
    ("place_request", 422, &["PATRON_BLOCKED", "NO_CANDIDATE_LEFT", OTHERS]),
    ("place_request", 503, &["CATALOGUE_UNAVAILABLE"]),
    ("preview_request", 503, &["CATALOGUE_UNAVAILABLE"]),
    ("cancel_request", 409, &["NOT_ALLOWED"]),
    ("resume_request", 409, &["NOT_ALLOWED"]),
    ("choose_supplier", 409, &["NOT_ALLOWED"]),
    ("choose_supplier", 422, &["NO_CANDIDATE_LEFT", OTHERS]),
    ("choose_supplier", 502, &["SYSTEM_GIVES_NO_ANSWER"]),
    ("change_pickup_location", 409, &["NOT_ALLOWED"]),
    ("report_found", 409, &["NOT_ALLOWED"]),
    ("report_damage", 409, &["NOT_ALLOWED"]),
    ("settle_loss", 409, &["NOT_ALLOWED"]),
    ("preview_end", 409, &["NOT_ALLOWED"]),
    ("end_request", 409, &["NOT_ALLOWED"]),
    ("undo_last_action", 409, &["NOT_ALLOWED"]),
    ("delete_institution", 409, &["STILL_REFERRED_TO"]),
    ("check_institution", 409, &["UNDER_WAY"]),
    ("check_institution", 422, &["INVALID_REQUEST"]),
    ("get_institution_codes", 409, &["UNDER_WAY"]),
    ("get_institution_codes", 502, &["SYSTEM_GIVES_NO_ANSWER"]),
    ("list_orphans", 409, &["UNDER_WAY"]),
    ("list_orphans", 502, &["SYSTEM_GIVES_NO_ANSWER"]),
    ("remove_orphans", 409, &["UNDER_WAY"]),
    ("remove_orphans", 502, &["SYSTEM_GIVES_NO_ANSWER"]),
    ("get_quota", 502, &["SYSTEM_GIVES_NO_ANSWER"]),
    ("put_agency", 409, &["BELONGS_TO_ANOTHER_INSTITUTION", "STILL_REFERRED_TO"]),
    ("delete_agency", 409, &["STILL_REFERRED_TO"]),
    ("put_pickup_location", 409, &["BELONGS_TO_ANOTHER_INSTITUTION", "STILL_REFERRED_TO"]),
    ("get_work", 403, &["PATRON_NOT_NAMED", "PATRON_NOT_SHOWN"]),
    ("get_statistics", 403, &["PATRON_NOT_NAMED", "PATRON_NOT_SHOWN"]),
    ("list_cases", 403, &["PATRON_NOT_NAMED", "PATRON_NOT_SHOWN"]),
    ("send_request_message", 409, &["NOT_ALLOWED", "TOO_MANY_MESSAGES"]),
    ("put_view", 409, &["TOO_MANY_VIEWS"]),
    ("list_requests", 403, &["PATRON_NOT_NAMED", "PATRON_NOT_SHOWN"]),
    ("get_request", 403, &["PATRON_NOT_SHOWN"]),
    ("create_subscription", 403, &["MORE_THAN_OWN_ROLE"]),
    ("create_subscription", 409, &["SUBSCRIPTION_EXISTS", "TOO_MANY_SUBSCRIPTIONS"]),
    ("follow_events", 400, &["INVALID_EVENT_ID"]),
    ("follow_events", 410, &["EVENTS_REMOVED"]),
    ("follow_events", 429, &["TOO_MANY_STREAMS"]),
    ("undo_last_action", 403, &["NOT_YOUR_ACT"]),
    ("get_catalogue", 409, &["NO_CATALOGUE"]),
    ("search_catalogue", 409, &["NO_CATALOGUE"]),
    ("get_title", 409, &["NO_CATALOGUE"]),
    ("get_title_availability", 409, &["NO_CATALOGUE"]),
    ("get_record_availability", 409, &["NO_CATALOGUE"]),
    ("complete_search", 409, &["NO_CATALOGUE"]),
    ("request_harvest", 409, &["NO_CATALOGUE", "NO_HARVEST_SETTINGS"]),
    ("list_harvests", 409, &["NO_CATALOGUE"]),
    ("explain_record", 409, &["NO_CATALOGUE"]),
    ("list_set_aside", 409, &["NO_CATALOGUE"]),
    ("get_health", 401, &["API_KEY_UNKNOWN"]),
    ("create_key", 403, &["MORE_THAN_OWN_ROLE"]),
    ("create_key", 409, &["KEY_NOT_AVAILABLE"]),
    ("rotate_key", 403, &["MORE_THAN_OWN_ROLE"]),
    ("rotate_key", 409, &["KEY_NOT_AVAILABLE"]),
    ("add_user", 403, &["MORE_THAN_OWN_ROLE"]),
    ("add_user", 409, &["USER_EXISTS"]),
    ("change_own_password", 403, &["WRONG_PASSWORD"]),
    ("change_own_password", 409, &["NOT_A_USER"]),
    ("set_up_own_totp", 403, &["WRONG_PASSWORD"]),
    ("set_up_own_totp", 409, &["NOT_A_USER"]),
    ("revoke_key", 409, &["KEY_NOT_AVAILABLE"]),
    ("export_patron", 404, &["NOT_FOUND"]),
    ("erase_patron", 404, &["NOT_FOUND"]),
    ("erase_patron", 409, &["PATRON_DATA_NEEDED"]),
    ("take_message", 400, &["UNREADABLE_MESSAGE", "BODY_CUT_OFF"]),
    ("take_message", 401, &["WRONG_SIGNATURE"]),
    ("take_message", 403, &["OTHER_INSTITUTION"]),
    ("take_message", 408, &["BODY_TOO_SLOW"]),
    ("take_message", 413, &["TOO_LARGE"]),
];

/// Operations that name an object and don't fail if it doesn't exist, since the addresses of webhooks reveal no
/// institution. A PUT creates its object, and answers 404 if it is another agency's.
const WITHOUT_404: &[&str] = &["answer_challenge", "take_message"];

/// Operations that don't need the database.
const WITHOUT_STORE: &[&str] = &["get_liveness", "get_openapi", "answer_challenge"];

/// Operations that a supervisor calls, which have no limit of calls.
const WITHOUT_LIMIT: &[&str] = &["get_liveness", "get_readiness"];

/// The codes of each status.
type Codes = BTreeMap<u16, Vec<&'static str>>;

/// Describes all failures of an operation. `needs_key` says whether it needs an API key.
pub(crate) fn describe(operation: &mut Operation, method: &str, needs_key: bool) {
    for (status, codes) in codes_of(operation, method, needs_key) {
        let response = operation.responses.responses.entry(status.to_string());
        let response = response.or_insert_with(|| RefOr::T(ResponseBuilder::new().description(words(status)).build()));
        if let RefOr::T(response) = response {
            add_codes(response, status, &codes);
        }
    }
}

fn codes_of(operation: &Operation, method: &str, needs_key: bool) -> Codes {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let mut codes = Codes::new();
    let mut add = |status: u16, more: &[&'static str]| codes.entry(status).or_default().extend(more);
    add(500, &["INTERNAL"]);
    add(503, &["TIMED_OUT", "TOO_MANY_CONNECTIONS"]);
    if !WITHOUT_STORE.contains(&id) {
        add(503, &["STORE_UNAVAILABLE"]);
    }
    if !WITHOUT_LIMIT.contains(&id) {
        add(429, &["TOO_MANY_CALLS"]);
    }
    if needs_key {
        add(401, &["API_KEY_MISSING", "API_KEY_UNKNOWN"]);
        add(403, &["ROLE_NOT_ALLOWED", "SIDE_NOT_ALLOWED", "SHARED_INSTITUTION"]);
    }
    for (name, place) in parameters(operation) {
        match (name, place) {
            ("id", ParameterIn::Path) => {
                add(400, &["INVALID_ID"]);
                add(403, &["PATRON_NOT_NAMED", "PATRON_NOT_SHOWN"]);
            }
            ("code", ParameterIn::Path) => add(400, &["INVALID_CODE"]),
            (_, ParameterIn::Query) => {
                add(400, &["INVALID_QUERY"]);
                add(422, &["INVALID_REQUEST"]);
            }
            ("If-Match" | "If-None-Match", ParameterIn::Header) => {
                add(400, &["INVALID_PRECONDITION"]);
                add(412, &["PRECONDITION_FAILED"]);
            }
            ("Idempotency-Key", ParameterIn::Header) => {
                add(400, &["INVALID_IDEMPOTENCY_KEY", "BODY_CUT_OFF"]);
                add(408, &["BODY_TOO_SLOW"]);
                add(409, &["CALL_UNDER_WAY", "ALREADY_SHOWN", "ANSWER_NOT_AVAILABLE"]);
                add(413, &["BODY_TOO_LARGE"]);
                add(422, &["IDEMPOTENCY_KEY_REUSED"]);
            }
            _ => {}
        }
        if place == &ParameterIn::Path && !WITHOUT_404.contains(&id) {
            add(404, &["NOT_FOUND"]);
        }
    }
    let has_json = operation.request_body.is_some() && needs_key;
    if has_json {
        add(400, &["INVALID_JSON", "BODY_MISSING", "BODY_CUT_OFF"]);
        add(408, &["BODY_TOO_SLOW"]);
        add(413, &["BODY_TOO_LARGE"]);
        add(415, &["NOT_JSON"]);
        add(422, &["INVALID_REQUEST"]);
    }
    if needs_key && method != "get" {
        add(409, &["CONFLICT"]);
    }
    for (_, status, more) in OF_OPERATIONS.iter().filter(|(of, _, _)| *of == id) {
        add(*status, more);
    }
    for codes in codes.values_mut() {
        codes.sort_unstable();
        codes.dedup();
    }
    codes
}

/// Returns the names of an operation's parameters, and where they are.
fn parameters(operation: &Operation) -> Vec<(&str, &ParameterIn)> {
    let all = operation.parameters.iter().flatten();
    all.filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some((parameter.name.as_str(), &parameter.parameter_in)),
        RefOr::Ref(_) => None,
    })
    .collect()
}

/// Adds the problem with these codes as the response's content.
fn add_codes(response: &mut Response, status: u16, codes: &[&'static str]) {
    let known: Vec<&str> = codes.iter().copied().filter(|code| *code != OTHERS).collect();
    let code = ObjectBuilder::new().schema_type(Type::String);
    let code = if known.len() == codes.len() {
        code.enum_values(Some(known.clone()))
    } else {
        code.description(Some("One of the examples, or the code of a refusal by a library's system or rules."))
            .examples(known.iter().copied())
    };
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(ObjectBuilder::new().schema_type(Type::Object).property("code", code));
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example(status, known.first())));
    response.content.insert(MEDIA_TYPE.to_owned(), RefOr::T(content.build()));
}

fn example(status: u16, code: Option<&&str>) -> Value {
    json!({
        "type": "about:blank",
        "title": title(status),
        "status": status,
        "detail": words(status),
        "code": code.unwrap_or(&"REFUSED"),
    })
}

fn title(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

/// Returns what a status means, for operations that say nothing of their own.
fn words(status: u16) -> &'static str {
    match status {
        400 => "A part of the call can't be read.",
        401 => "The API key is missing or unknown.",
        403 => "The caller may not do this.",
        404 => "There is none.",
        408 => "The body did not arrive in time.",
        409 => "The state doesn't allow it, or another call was made at the same moment; the detail says why.",
        410 => "It is removed.",
        412 => "It isn't in the state that `If-Match` or `If-None-Match` demands.",
        413 => "The body is too large.",
        415 => "The body isn't JSON.",
        422 => "Faults of the input, all at once.",
        429 => "The caller has made too many calls. `Retry-After` says when to try again.",
        500 => "The hub failed at this, by a fault of its own.",
        502 => "The library's system gives no answer.",
        503 => "The hub or its database can't take the call now. `Retry-After` says when to try again.",
        _ => "It was not done.",
    }
}
