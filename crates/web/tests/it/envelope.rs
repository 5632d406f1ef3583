//! Every failure is reported in one envelope.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::harness::{DEAD, Hub, placement};

async fn post(hub: &Hub, media_type: &str, body: &str) -> crate::harness::Answer {
    let call = hub.call(Method::POST, "/api/v1/requests").header(CONTENT_TYPE, media_type).body(body.to_owned());
    hub.send(call).await
}

#[tokio::test]
async fn broken_json_is_reported_with_its_position() {
    let hub = Hub::start().await;
    let answer = post(&hub, "application/json", "{\"patron\": secret-reader}").await;
    answer.is_problem(400, "INVALID_JSON");
    assert!(answer.body["detail"].as_str().unwrap().contains("line 1, column 12"), "{}", answer.text);
    assert!(!answer.text.contains("secret-reader"));
    post(&hub, "application/json", "").await.is_problem(400, "BODY_MISSING");
}

#[tokio::test]
async fn body_of_another_type_is_refused() {
    let hub = Hub::start().await;
    post(&hub, "text/plain", "{}").await.is_problem(415, "NOT_JSON");
    let answer = hub.send(hub.call(Method::POST, "/api/v1/requests").body("{}")).await;
    answer.is_problem(415, "NOT_JSON");
    post(&hub, "application/json; charset=utf-8", "[]").await.is_problem(422, "INVALID_REQUEST");
}

#[tokio::test]
async fn large_body_is_refused() {
    let hub = Hub::start().await;
    let body = format!("{{\"patron\": \"{}\"}}", "x".repeat(64 * 1_024));
    post(&hub, "application/json", &body).await.is_problem(413, "BODY_TOO_LARGE");
}

#[tokio::test]
async fn unknown_fields_wrong_types_and_missing_ones_are_reported_together() {
    let hub = Hub::start().await;
    let body = json!({"agency": 7, "patrn": "reader", "copies": [{"institution": "01LEND", "barcode": true}]});
    let answer = hub.post("/api/v1/requests?wiat=3", &body).await;
    answer.is_problem(422, "INVALID_REQUEST");
    assert_eq!(
        answer.errors(),
        [
            ("wiat", "UNKNOWN_PARAMETER"),
            ("agency", "WRONG_TYPE"),
            ("patron", "MISSING"),
            ("pickup_location", "MISSING"),
            ("copies[0].barcode", "WRONG_TYPE"),
            ("patrn", "UNKNOWN_FIELD"),
        ]
    );
    assert!(
        answer
            .text
            .contains("Fields are: agency, patron, pickup_location, title, copies, volume, needed_until, expedited."),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn unknown_route_and_wrong_method_are_distinguished() {
    let hub = Hub::start().await;
    hub.get("/api/v1/reqests").await.is_problem(404, "UNKNOWN_ROUTE");
    hub.get("/").await.is_problem(404, "UNKNOWN_ROUTE");
    let answer = hub.send(hub.call(Method::PATCH, "/api/v1/requests")).await;
    answer.is_problem(405, "METHOD_NOT_ALLOWED");
    let allowed = answer.headers["allow"].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn unknown_path_is_reported() {
    let hub = Hub::start().await;
    hub.get("/api/v1/requests/4711").await.is_problem(400, "INVALID_ID");
    hub.get("/api/v1/requests/%FF").await.is_problem(400, "INVALID_ID");
    hub.get("/api/v1/institutions/a%00b").await.is_problem(400, "INVALID_CODE");
    let unknown = uuid::Uuid::nil();
    hub.get(&format!("/api/v1/requests/{unknown}")).await.is_problem(404, "NOT_FOUND");
    hub.delete(&format!("/api/v1/requests/{unknown}")).await.is_problem(404, "NOT_FOUND");
    for act in ["poll", "resume"] {
        let call = hub.call(Method::POST, &format!("/api/v1/requests/{unknown}/{act}"));
        hub.send(call).await.is_problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn missing_store_is_reported_as_temporary() {
    let hub = Hub::with_institutions(DEAD).await;
    hub.store.close().await;
    let answer = hub.get("/api/v1/requests").await;
    answer.is_problem(503, "STORE_UNAVAILABLE");
    assert_eq!(answer.headers["retry-after"], "5");
    hub.post("/api/v1/requests", &placement("reader", "1")).await.is_problem(503, "STORE_UNAVAILABLE");
    hub.get("/health").await.is_problem(503, "STORE_UNAVAILABLE");
    hub.get("/health/ready").await.is_problem(503, "STORE_UNAVAILABLE");
    assert_eq!(hub.get("/health/live").await.status, 200, "the hub still runs");
}
