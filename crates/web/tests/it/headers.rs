//! Headers of answers, and calls from browsers.

use reqwest::Method;
use web::WebState;

use crate::harness::{DEAD, Hub, placement};

#[tokio::test]
async fn no_answer_may_be_stored_or_its_type_guessed() {
    let hub = Hub::with_institutions(DEAD).await;
    let request = hub.placed("reader", "1").await;
    let mut answers = vec![hub.post("/api/v1/requests", &placement("nobody", "1")).await];
    for path in [
        "/api/v1/requests",
        &format!("/api/v1/requests/{request}"),
        "/api/v1/institutions/01BORROW",
        "/api/v1/none",
        "/health",
        "/metrics",
        "/webhooks/01BORROW?challenge=x",
    ] {
        answers.push(hub.get(path).await);
    }
    answers.push(hub.send(hub.http.get(format!("{}/api/v1/requests", hub.base))).await);
    for answer in answers {
        assert_eq!(answer.headers["cache-control"], "no-store", "{}", answer.text);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{}", answer.text);
    }
    let document = hub.get("/api/openapi.json").await;
    assert_eq!(document.headers["cache-control"], "public, max-age=300", "it holds no data");
    assert_eq!(document.headers["x-content-type-options"], "nosniff");
}

/// Asks from a page of `origin` whether it may place a request.
async fn preflight(hub: &Hub, origin: &str) -> crate::harness::Answer {
    let call = hub.http.request(Method::OPTIONS, format!("{}/api/v1/requests", hub.base));
    let call = call.header("Origin", origin).header("Access-Control-Request-Method", "POST");
    hub.send(call.header("Access-Control-Request-Headers", "authorization,content-type,idempotency-key")).await
}

#[tokio::test]
async fn only_pages_of_the_named_origins_may_call_the_api() {
    const ORIGIN: &str = "https://discovery.example.org";
    let origins = |state: WebState| state.with_cors_origins([ORIGIN.parse().unwrap()]);
    let hub = Hub::start_with(origins).await;
    let allowed = preflight(&hub, ORIGIN).await;
    assert_eq!((allowed.status, &allowed.headers["access-control-allow-origin"]), (200, &ORIGIN.parse().unwrap()));
    let headers = allowed.headers["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("idempotency-key") && headers.contains("if-match"), "{headers}");
    assert!(!allowed.headers.contains_key("access-control-allow-credentials"));
    for other in ["https://evil.example", "http://discovery.example.org", "null"] {
        assert!(!preflight(&hub, other).await.headers.contains_key("access-control-allow-origin"), "{other}");
    }
    let call = hub.call(Method::GET, "/api/v1/requests").header("Origin", ORIGIN);
    let answer = hub.send(call).await;
    assert_eq!((answer.status, &answer.headers["access-control-allow-origin"]), (200, &ORIGIN.parse().unwrap()));
    // A page gets to see that its key is missing.
    let refused = hub.send(hub.http.get(format!("{}/api/v1/requests", hub.base)).header("Origin", ORIGIN)).await;
    assert_eq!((refused.status, &refused.headers["access-control-allow-origin"]), (401, &ORIGIN.parse().unwrap()));

    let without = Hub::start().await;
    let refused = preflight(&without, ORIGIN).await;
    assert!(!refused.headers.contains_key("access-control-allow-origin"), "{:?}", refused.headers);
}
