//! Calls that are repeated with the same `Idempotency-Key`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, DEAD, Hub, Recording, alma_with_users, placement};

async fn post(hub: &Hub, key: &str, path: &str, body: &Value) -> Answer {
    hub.send(hub.call(Method::POST, path).header("Idempotency-Key", key).json(body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.contains_key("idempotency-replayed")
}

/// Returns the number of requests.
async fn placed(hub: &Hub) -> usize {
    hub.get("/api/v1/requests").await.body["requests"].as_array().unwrap().len()
}

async fn repeated_placement_gets_the_same_answer_from_another_node(hub: Hub) {
    let hub = hub.set_up(DEAD).await;
    let other = hub.second_node().await;
    let path = "/api/v1/requests?wait=0";
    let first = post(&hub, "key-1", path, &placement("reader", "1")).await;
    assert_eq!((first.status, is_replayed(&first)), (201, false), "{}", first.text);
    for node in [&hub, &other] {
        let repeated = post(node, "key-1", path, &placement("reader", "1")).await;
        assert_eq!((repeated.status, is_replayed(&repeated)), (201, true));
        assert_eq!(repeated.text, first.text);
        for header in ["location", "etag", "content-type", "cache-control"] {
            assert_eq!(repeated.headers[header], first.headers[header], "{header}");
        }
    }
    assert_eq!(placed(&other).await, 1);
    for (path, body) in [(path, placement("reader", "2")), ("/api/v1/requests?wait=1", placement("reader", "1"))] {
        post(&other, "key-1", path, &body).await.is_problem(422, "IDEMPOTENCY_KEY_REUSED");
    }
    let second = post(&other, "key-2", path, &placement("reader", "2")).await;
    assert_eq!((second.status, is_replayed(&second)), (201, false));
    assert_eq!(placed(&hub).await, 2);
}

#[tokio::test]
async fn repeated_placement_gets_the_same_answer_from_another_node_on_sqlite() {
    repeated_placement_gets_the_same_answer_from_another_node(Hub::start().await).await;
}

#[tokio::test]
async fn repeated_placement_gets_the_same_answer_from_another_node_on_postgres() {
    repeated_placement_gets_the_same_answer_from_another_node(Hub::start_on_postgres().await).await;
}

async fn of_calls_at_the_same_moment_one_is_made(hub: Hub) {
    let hub = hub.set_up(DEAD).await;
    let other = hub.second_node().await;
    let body = placement("reader", "1");
    let calls = (0..8).map(|number| {
        let node = if number % 2 == 0 { &hub } else { &other };
        post(node, "key-1", "/api/v1/requests?wait=0", &body)
    });
    for answer in futures::future::join_all(calls).await {
        if answer.status != 201 {
            answer.is_problem(409, "CALL_UNDER_WAY");
        }
    }
    assert_eq!(placed(&hub).await, 1);
}

#[tokio::test]
async fn of_calls_at_the_same_moment_one_is_made_on_sqlite() {
    of_calls_at_the_same_moment_one_is_made(Hub::start().await).await;
}

#[tokio::test]
async fn of_calls_at_the_same_moment_one_is_made_on_postgres() {
    of_calls_at_the_same_moment_one_is_made(Hub::start_on_postgres().await).await;
}

#[tokio::test]
async fn call_under_way_is_named_and_its_answer_waits_for_a_caller_that_has_gone() {
    let alma = Recording::start_closed().await;
    let hub = Hub::with_institutions(&alma.base).await;
    let path = "/api/v1/institutions/01BORROW/check";
    let first = tokio::spawn(hub.call(Method::POST, path).header("Idempotency-Key", "key-1").send());
    alma.called().await;
    let repeated = post(&hub, "key-1", path, &json!({})).await;
    // The first call has no body, so this one is another call.
    repeated.is_problem(422, "IDEMPOTENCY_KEY_REUSED");
    let repeat = async || hub.send(hub.call(Method::POST, path).header("Idempotency-Key", "key-1")).await;
    let repeated = repeat().await;
    repeated.is_problem(409, "CALL_UNDER_WAY");
    assert_eq!(repeated.headers["retry-after"], "2");
    // The caller closes its connection before there is an answer.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    alma.open();
    let answer = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        loop {
            let answer = repeat().await;
            if answer.status != 409 {
                return answer;
            }
            assert_eq!(answer.body["code"], "CALL_UNDER_WAY");
            tokio::task::yield_now().await;
        }
    });
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, is_replayed(&answer)), (200, true), "{}", answer.text);
    let calls = alma.calls();
    assert_eq!(repeat().await.text, answer.text);
    assert_eq!(alma.calls(), calls, "a repeated call costs nothing");
}

#[tokio::test]
async fn refusal_is_repeated_and_a_key_without_form_is_refused() {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let blocked = post(&hub, "key-1", "/api/v1/requests", &placement("blocked", "1")).await;
    assert_eq!(blocked.status, 422, "{}", blocked.text);
    let repeated = post(&hub, "key-1", "/api/v1/requests", &placement("blocked", "1")).await;
    assert_eq!((repeated.status, is_replayed(&repeated), &repeated.text), (422, true, &blocked.text));
    assert_eq!(repeated.headers["content-type"], "application/problem+json");
    assert_eq!(placed(&hub).await, 1);
    for key in ["", &"x".repeat(256), "ä"] {
        let answer = post(&hub, key, "/api/v1/requests", &placement("reader", "2")).await;
        answer.is_problem(400, "INVALID_IDEMPOTENCY_KEY");
    }
    let twice =
        hub.call(Method::POST, "/api/v1/requests").header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    hub.send(twice.json(&placement("reader", "2"))).await.is_problem(400, "INVALID_IDEMPOTENCY_KEY");
    let without_key = hub.http.post(format!("{}/api/v1/requests", hub.base)).header("Idempotency-Key", "key-1");
    hub.send(without_key.json(&placement("blocked", "1"))).await.is_problem(401, "API_KEY_MISSING");
}

#[tokio::test]
async fn new_key_is_shown_once_however_often_the_call_is_repeated() {
    let hub = Hub::start().await;
    let body = json!({"name": "second-admin", "role": "consortium-admin"});
    let made = post(&hub, "key-1", "/api/v1/keys", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let key = made.body["key"].as_str().unwrap();
    for _ in 0..2 {
        let repeated = post(&hub, "key-1", "/api/v1/keys", &body).await;
        repeated.is_problem(409, "ALREADY_SHOWN");
        assert!(!repeated.text.contains(key), "{}", repeated.text);
    }
    assert_eq!(hub.get("/api/v1/keys").await.body["keys"].as_array().unwrap().len(), 1);
}
