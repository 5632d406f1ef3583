//! Authentication of callers.

use reqwest::Method;

use crate::harness::{Hub, KEY};

#[tokio::test]
async fn call_without_key_is_answered_with_how_to_send_one() {
    let hub = Hub::start().await;
    for path in ["/api/v1/requests", "/api/v1/institutions", "/api/v1/agencies", "/api/v1/pickup-locations"] {
        let answer = hub.send(hub.http.get(format!("{}{path}", hub.base))).await;
        answer.is_problem(401, "API_KEY_MISSING");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert!(answer.body["detail"].as_str().unwrap().contains("Authorization: Bearer KEY"));
    }
}

#[tokio::test]
async fn every_route_under_api_v1_and_the_metrics_need_a_key() {
    let hub = Hub::start().await;
    let document = hub.get("/api/openapi.json").await.body;
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let url =
                format!("{}{}", hub.base, path.replace("{id}", &uuid::Uuid::nil().to_string()).replace("{code}", "X"));
            let answer = hub.send(hub.http.request(method, url)).await;
            let guarded = path.starts_with("/api/v1/") || path == "/metrics";
            // A webhook address answers 401 for another reason: the signature is missing.
            assert_eq!(answer.body["code"] == "API_KEY_MISSING", guarded, "{path}: {}", answer.text);
            asked += 1;
        }
    }
    assert!(asked > 15, "only {asked} operations");
}

#[tokio::test]
async fn wrong_key_is_refused_and_not_repeated() {
    let hub = Hub::start().await;
    for wrong in ["another-key", &KEY[1..], &KEY.to_uppercase()] {
        let answer = hub.send(hub.http.get(format!("{}/api/v1/requests", hub.base)).bearer_auth(wrong)).await;
        answer.is_problem(401, "API_KEY_UNKNOWN");
        assert!(!answer.text.contains(wrong));
    }
    let answer = hub.send(hub.http.get(format!("{}/api/v1/requests", hub.base)).bearer_auth("")).await;
    answer.is_problem(401, "API_KEY_MISSING");
    let answer =
        hub.send(hub.http.get(format!("{}/api/v1/requests", hub.base)).basic_auth("discovery", Some(KEY))).await;
    answer.is_problem(401, "API_KEY_MISSING");
}

#[tokio::test]
async fn health_and_document_need_no_key() {
    let hub = Hub::start().await;
    let health = hub.send(hub.http.get(format!("{}/health", hub.base))).await;
    assert_eq!((health.status, health.text.as_str()), (200, r#"{"status":"ok"}"#));
    let with_key = hub.get("/health").await;
    let details = r#"{"status":"ok","open_intents":0,"systems_down":[],"polls_failing":[],"polling_paused":[]}"#;
    assert_eq!(with_key.text, details);
    for probe in ["live", "ready"] {
        let answer = hub.send(hub.http.get(format!("{}/health/{probe}", hub.base))).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"status":"ok"}"#), "{probe}");
    }
    let document = hub.send(hub.http.get(format!("{}/api/openapi.json", hub.base))).await;
    assert_eq!((document.status, &document.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert!(document.body["paths"]["/api/v1/requests"].is_object());
}
