//! HTTP in front of the simulator: `/almaws/v1` (REST), `/view/oai` (OAI-PMH), `/sim` (control).

#![allow(clippy::disallowed_methods, reason = "the simulator's faults and webhooks take real time")]

mod network_faults;
mod server;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::api::{ApiAnswer, ApiCall, segments, split_query};
use crate::control;
use crate::desk;
use crate::oai;
use crate::sim::{Outcome, Sim, wrong_host};

pub(crate) use network_faults::NetworkFaults;
pub use server::Server;

/// Largest body taken.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// The simulator as an axum router. Faults that close the connection need [`Server`]; here they answer 502.
pub fn router(sim: Sim) -> Router {
    Router::new().fallback(answer).with_state(sim)
}

async fn answer(State(sim): State<Sim>, request: Request) -> Response {
    let network_faults =
        request.extensions().get::<axum::extract::ConnectInfo<NetworkFaults>>().map(|info| info.0.clone());
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return respond(ApiAnswer::new(413, "text/plain", "too large"));
    };
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let base = format!("http://{}", text(&head.headers, header::HOST.as_str()).unwrap_or("localhost"));
    if path.starts_with("/almaws/v1") {
        let call = api_call(head.method.as_str(), path, query, base, &head.headers, &body);
        return rest(&sim, call, network_faults).await;
    }
    if let Some(rest) = path.strip_prefix("/view/oai") {
        return respond(oai::answer(&sim, rest, &read_oai(query, &body), &base));
    }
    if let Some(page) = desk::page(&sim, head.method.as_str(), path) {
        return respond(page);
    }
    if let Some(rest) = path.strip_prefix("/sim/") {
        return respond(control_answer(&sim, head.method.as_str(), rest, query, &body));
    }
    if path.contains("/almaws/") {
        return respond(wrong_host());
    }
    respond(ApiAnswer::new(404, "text/html;charset=utf-8", "<html><body>HTTP Status 404</body></html>"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn api_call(method: &str, path: &str, query: &str, base: String, headers: &HeaderMap, body: &Bytes) -> ApiCall {
    let owned = |name: &str| text(headers, name).map(str::to_owned);
    let scheme = text(headers, "authorization").and_then(|value| value.split_once(' '));
    let key = scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("apikey")).map(|(_, key)| key.trim().to_owned());
    ApiCall {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        key,
        accept: owned("accept"),
        content_type: owned("content-type"),
        user_password: owned("exl-user-pw"),
        base,
        body: body.to_vec(),
    }
}

/// OAI-PMH takes its arguments from the query of a GET or the form of a POST.
fn read_oai(query: &str, body: &Bytes) -> String {
    if body.is_empty() { query.to_owned() } else { String::from_utf8_lossy(body).into_owned() }
}

async fn rest(sim: &Sim, call: ApiCall, network_faults: Option<NetworkFaults>) -> Response {
    let planned = match sim.plan(&call) {
        Ok(planned) => planned,
        Err(answer) => return respond(*answer),
    };
    if planned.wait_before.is_zero() {
        return deliver(sim.execute(&planned, &call), network_faults).await;
    }
    // Work that waits has a task of its own, so that a caller who gives up waiting does not undo the work.
    let worker = sim.clone();
    let work = tokio::spawn(async move {
        tokio::time::sleep(planned.wait_before).await;
        worker.execute(&planned, &call)
    });
    match work.await {
        Ok(outcome) => deliver(outcome, network_faults).await,
        Err(_) => respond(ApiAnswer::new(500, "text/html;charset=utf-8", "<html><body>HTTP Status 500</body></html>")),
    }
}

/// Sends an answer, or cuts the connection.
async fn deliver(outcome: Outcome, network_faults: Option<NetworkFaults>) -> Response {
    if !outcome.wait_after.is_zero() {
        tokio::time::sleep(outcome.wait_after).await;
    }
    match outcome.answer {
        Some(answer) => respond(answer),
        None => {
            if let Some(network_faults) = network_faults {
                network_faults.cut(outcome.reset);
            }
            respond(ApiAnswer::new(502, "text/plain", "the connection was to be closed"))
        }
    }
}

fn control_answer(sim: &Sim, method: &str, path: &str, query: &str, body: &Bytes) -> ApiAnswer {
    let mut parsed: Value = match body.is_empty() {
        true => json!({}),
        false => match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(error) => {
                return ApiAnswer::json(400, &json!({"code": "SIM", "message": error.to_string()}));
            }
        },
    };
    if let (true, Value::Object(fields)) = (method == "GET", &mut parsed) {
        fields.extend(split_query(query).into_iter().map(|(key, text)| (key, Value::String(text))));
    }
    let path = segments(path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match control::act(sim, method, &path, &parsed) {
        Ok(value) => ApiAnswer::json(200, &value),
        Err(refusal) => ApiAnswer::json(refusal.status, &json!({"code": refusal.code, "message": refusal.message})),
    }
}

fn respond(answer: ApiAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
