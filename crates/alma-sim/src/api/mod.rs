//! The REST API over the state, without HTTP types. A call has a method, path, query and body; an answer has a status,
//! headers and text. The server and an in-process caller use the same entry.

mod bibs;
mod conf;
mod fees;
mod holdings;
mod items;
mod jobs;
mod libraries;
mod loans;
mod requests;
mod routes;
mod sets;
mod tasks;
mod users;

use std::borrow::Cow;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::institution::{ApiKey, Area, Permission};
use crate::refusal::Refusal;
use crate::shape::Shape;
use crate::state::model::Id;
use crate::state::{Alma, Origin};
use crate::xml;

pub(crate) use routes::{Route, find};

/// A call as it came over the wire.
#[derive(Debug, Clone, Default)]
pub struct ApiCall {
    /// GET, POST, PUT, DELETE.
    pub method: String,
    /// Path, still encoded, from `/almaws` on.
    pub path: String,
    /// Query string, still encoded.
    pub query: String,
    /// Key from `Authorization: apikey ...`.
    pub key: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Exl-User-Pw`.
    pub user_password: Option<String>,
    /// Scheme, host and port the caller used: links and redirects stay on it.
    pub base: String,
    /// Body.
    pub body: Vec<u8>,
}

/// An answer, ready for the wire.
#[derive(Debug, Clone)]
pub struct ApiAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers, `Content-Type` included.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
}

impl ApiAnswer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<String>) -> ApiAnswer {
        ApiAnswer { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    pub(crate) fn json(status: u16, value: &Value) -> ApiAnswer {
        ApiAnswer::new(status, JSON, value.to_string())
    }
}

const JSON: &str = "application/json;charset=UTF-8";
const XML: &str = "application/xml;charset=UTF-8";

/// The answer of a handler.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A resource: its root element in XML, and its value.
    Resource(&'static str, Value),
    /// A resource as ready text: content type and text.
    Written(&'static str, String),
    NoContent,
    Redirect(String),
}

pub(crate) type Answer = Result<Reply, Refusal>;

/// A decoded call, as handlers read it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) raw: &'a ApiCall,
    /// The values of the path's placeholders.
    pub(crate) params: Vec<String>,
    query: Vec<(String, String)>,
}

impl Call<'_> {
    pub(crate) fn param(&self, at: usize) -> &str {
        self.params.get(at).map_or("", String::as_str)
    }

    /// A numeric id of the path.
    pub(crate) fn id(&self, at: usize) -> Option<Id> {
        self.param(at).trim().parse().ok()
    }

    pub(crate) fn query(&self, key: &str) -> Option<&str> {
        let found = self.query.iter().find(|(each, _)| each.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Booleans come as `true`, `True`, `TRUE`.
    pub(crate) fn flag(&self, key: &str, default: bool) -> bool {
        self.query(key).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }

    /// Answers with a resource, in the format that the caller wants.
    pub(crate) fn resource(&self, root: &'static str, shape: &Shape<'_>) -> Reply {
        if self.raw.wants_json() {
            let mut text = Vec::with_capacity(4_096);
            let whole = serde_json::to_writer(&mut text, shape).is_ok();
            return Reply::Written(JSON, String::from_utf8(text).ok().filter(|_| whole).unwrap_or_default());
        }
        Reply::Written(XML, xml::document(root, &shape.to_value()))
    }

    /// Answers with a list. An empty list has no list key.
    pub(crate) fn rows<'s>(&self, root: &'static str, key: &'s str, rows: Vec<Shape<'s>>, total: usize) -> Reply {
        let mut fields = Vec::with_capacity(2);
        if !rows.is_empty() {
            fields.push((key, Shape::Rows(rows)));
        }
        fields.push(("total_record_count", Shape::Count(total)));
        self.resource(root, &Shape::Fields(fields))
    }

    pub(crate) fn base(&self) -> &str {
        &self.raw.base
    }

    /// Returns the body in its JSON shape, whether it came as JSON or XML; an empty object if there is none.
    pub(crate) fn body(&self) -> Result<Value, Refusal> {
        let text = String::from_utf8_lossy(&self.raw.body);
        let text = text.trim();
        if text.is_empty() {
            return Ok(json!({}));
        }
        if text.starts_with('<') {
            return xml::parse(text)
                .map(|root| xml::to_json(&root))
                .map_err(|_| Refusal::new("401676", "No valid XML was given."));
        }
        serde_json::from_str(text).map_err(|error| Refusal::new("401652", format!("JSON parse error: {error}")))
    }

    /// Returns the body of a call that takes XML only.
    pub(crate) fn xml_body(&self, code: &str, message: &str) -> Result<xml::Element, Refusal> {
        let text = String::from_utf8_lossy(&self.raw.body);
        if text.trim_start().starts_with(['{', '[']) {
            return Err(Refusal::new("60105", "JSON is not supported for this API."));
        }
        xml::parse(&text).map_err(|_| Refusal::new(code, message))
    }

    /// `limit` and `offset`: 10 rows by default, 100 at most.
    pub(crate) fn page(&self, alma: &Alma) -> Result<(usize, usize), Refusal> {
        let number = |key: &str, default: usize| match self.query(key) {
            None => Ok(default),
            Some(text) => text.parse::<usize>().map_err(|_| Refusal::bad_parameter(key)),
        };
        let (limit, offset) = (number("limit", 10)?, number("offset", 0)?);
        if limit > 100 && alma.behaviour.strict_paging {
            return Err(Refusal::bad_parameter("limit"));
        }
        Ok((limit.min(100), offset))
    }
}

/// Returns the code of a coded field. XML bodies give it as plain text.
pub(crate) fn code_in<'a>(body: &'a Value, key: &str) -> &'a str {
    body[key]["value"].as_str().or_else(|| body[key].as_str()).unwrap_or_default()
}

/// Builds the answer of a list. An empty list has no list key.
pub(crate) fn list(root: &'static str, key: &str, rows: Vec<Value>, total: usize) -> Reply {
    let mut value = json!({});
    if !rows.is_empty() {
        value[key] = Value::Array(rows);
    }
    value["total_record_count"] = json!(total);
    Reply::Resource(root, value)
}

/// Splits a query string; a plus is a space.
pub(crate) fn split_query(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| match text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        true => percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned(),
        false => text.to_owned(),
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            pair.split_once('=').map_or((decode(pair), String::new()), |(key, value)| (decode(key), decode(value)))
        })
        .collect()
}

/// Splits and decodes a path; a trailing slash does not count.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.trim_end_matches('/')
        .trim_start_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

impl ApiCall {
    /// The key, from the header or the query.
    pub(crate) fn api_key(&self) -> Option<Cow<'_, str>> {
        let in_query = || split_query(&self.query).into_iter().find(|(key, _)| key == "apikey").map(|(_, value)| value);
        self.key.as_deref().map(Cow::Borrowed).or_else(|| in_query().map(Cow::Owned))
    }

    pub(crate) fn wants_json(&self) -> bool {
        let asked = if self.query.contains("format") { split_query(&self.query) } else { Vec::new() };
        match asked.iter().find(|(key, _)| key == "format").map(|(_, value)| value.as_str()) {
            Some("json") => true,
            Some("xml") => false,
            _ => self.accept.as_deref().is_some_and(|accept| accept.contains("json")),
        }
    }
}

/// Returns whether a key may make a call.
pub(crate) fn allowed(key: &ApiKey, route: &Route, call: &ApiCall) -> bool {
    let writes = call.method != "GET" && !call.query.contains("op=auth");
    match key.areas.get(&route.area) {
        Some(Permission::ReadWrite) => true,
        Some(Permission::Read) => !writes,
        // Task lists came later than the other areas; keys for both large areas cover them here.
        None => {
            route.area == Area::TaskLists && key.areas.contains_key(&Area::Users) && key.areas.contains_key(&Area::Bibs)
        }
    }
}

/// Executes a call on an institution's state.
pub(crate) fn run(alma: &mut Alma, route: &Route, params: Vec<String>, raw: &ApiCall, now: Timestamp) -> ApiAnswer {
    alma.now = now;
    alma.origin = Origin::Api;
    if raw.method != "GET" {
        alma.version += 1;
    }
    let call = Call { raw, params, query: split_query(&raw.query) };
    let answer = (route.handler)(alma, &call);
    alma.origin = Origin::Staff;
    match answer {
        Ok(reply) => write(reply, raw),
        Err(refusal) => refuse(&refusal, raw, Some(&tracking_id(alma))),
    }
}

fn tracking_id(alma: &mut Alma) -> String {
    format!("E01-{}", alma.next_id(1, 9))
}

fn write(reply: Reply, raw: &ApiCall) -> ApiAnswer {
    match reply {
        Reply::NoContent => ApiAnswer { status: 204, headers: Vec::new(), body: String::new() },
        Reply::Redirect(location) => {
            ApiAnswer { status: 302, headers: vec![("location", location)], body: String::new() }
        }
        Reply::Written(content_type, body) => ApiAnswer::new(200, content_type, body),
        Reply::Resource(_, value) if raw.wants_json() => ApiAnswer::json(200, &value),
        Reply::Resource(root, value) => ApiAnswer::new(200, XML, xml::document(root, &value)),
    }
}

/// Builds the error envelope in the format that the caller wants.
pub(crate) fn refuse(refusal: &Refusal, raw: &ApiCall, tracking: Option<&str>) -> ApiAnswer {
    envelope(refusal, raw.wants_json(), tracking)
}

/// Builds the error envelope as JSON or XML.
pub(crate) fn envelope(refusal: &Refusal, as_json: bool, tracking: Option<&str>) -> ApiAnswer {
    if as_json {
        let mut error = json!({"errorCode": refusal.code, "errorMessage": refusal.message});
        if let Some(id) = tracking {
            error["trackingId"] = json!(id);
        }
        let body = json!({"errorsExist": true, "errorList": {"error": [error]}, "result": null});
        return ApiAnswer::json(refusal.status, &body);
    }
    let id = tracking.map(|id| format!("<trackingId>{id}</trackingId>")).unwrap_or_default();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><web_service_result \
         xmlns=\"http://com/exlibris/urm/general/xmlbeans\"><errorsExist>true</errorsExist><errorList><error>\
         <errorCode>{}</errorCode><errorMessage>{}</errorMessage>{id}</error></errorList></web_service_result>",
        xml::escape(&refusal.code),
        xml::escape(&refusal.message)
    );
    ApiAnswer::new(refusal.status, XML, body)
}
