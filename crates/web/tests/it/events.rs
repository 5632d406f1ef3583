//! The stream of events: its order, its filter, and how a client continues.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{DEAD, Hub, KEY, alma_with_users, placement};

/// An event as a client reads it.
#[derive(Debug)]
struct Received {
    id: i64,
    kind: String,
    data: Value,
}

/// Returns the events of a stream's text.
fn events(text: &str) -> Vec<Received> {
    let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
    blocks
        .map(|block| {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
            let data = serde_json::from_str(&field("data:")).unwrap();
            Received { id: field("id:").parse().unwrap(), kind: field("event:"), data }
        })
        .collect()
}

/// Returns the events that a key sees after a position.
async fn seen_with(hub: &Hub, key: &str, after: i64) -> Vec<Received> {
    let call = hub.http.get(format!("{}/api/v1/events?seconds=0&after={after}", hub.base)).bearer_auth(key);
    let answer = hub.send(call).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    events(&answer.text)
}

/// Makes a key of an agency. Returns it.
async fn key(hub: &Hub, role: &str, agency: &str) -> String {
    let body = json!({"name": format!("{role}-{agency}"), "role": role, "agencies": [agency]});
    hub.post("/api/v1/keys", &body).await.body["key"].as_str().unwrap().to_owned()
}

/// Starts a hub with a second library, and a request of a blocked patron that has ended.
async fn hub_with_an_ended_request() -> (Hub, String) {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    for (path, body) in [
        ("agencies/LEND", json!({"name": "Lending College", "institution": "01LEND"})),
        ("institutions/01OTHER", crate::harness::institution(DEAD)),
        ("agencies/OTHER", json!({"name": "Other College", "institution": "01OTHER"})),
    ] {
        let answer = hub.put(&format!("/api/v1/{path}"), &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let id = hub.placed("blocked", "31999").await;
    hub.until(&format!("/api/v1/requests/{id}"), |request| request["status"] == "FINALISED").await;
    (hub, id)
}

#[tokio::test]
async fn events_of_a_request_come_in_order_with_a_sentence_for_the_patron() {
    let (hub, id) = hub_with_an_ended_request().await;
    let seen = seen_with(&hub, KEY, 0).await;
    assert!(seen.len() >= 2, "{seen:?}");
    assert!(seen.iter().zip(1..).all(|(event, position)| event.id == position && event.kind == "request.changed"));
    let versions: Vec<_> = seen.iter().map(|event| event.data["data"]["version"].as_i64().unwrap()).collect();
    assert!(versions.is_sorted_by(|before, after| before < after), "{versions:?}");
    let (first, last) = (&seen[0].data["data"], &seen.last().unwrap().data["data"]);
    assert_eq!((&first["request"], &first["status"]), (&json!(id), &json!("SUBMITTED_TO_DCB")));
    assert_eq!((&first["previous_status"], &first["message"]), (&Value::Null, &json!("checking-account")));
    assert_eq!((&last["status"], &last["outcome"]), (&json!("FINALISED"), &json!("CANCELLED")));
    assert_eq!(last["patron_message"], "Your library account is blocked. Please ask your library's staff.");
    let text = format!("{seen:?}");
    assert!(!text.contains("blocked\"") && !text.contains("Unpaid"), "no data of the patron: {text}");
    assert!(seen_with(&hub, KEY, seen.last().unwrap().id).await.is_empty());
}

#[tokio::test]
async fn key_sees_only_events_of_requests_at_which_its_agency_has_a_side() {
    let (hub, _) = hub_with_an_ended_request().await;
    let all = seen_with(&hub, KEY, 0).await.len();
    for (role, agency, expected) in [
        ("library-staff", "BORROW", all),
        ("read-only", "BORROW", all),
        ("discovery", "BORROW", all),
        // No copy was chosen, so the lender has no side.
        ("library-staff", "LEND", 0),
        ("library-staff", "OTHER", 0),
        ("discovery", "OTHER", 0),
    ] {
        let key = key(&hub, role, agency).await;
        assert_eq!(seen_with(&hub, &key, 0).await.len(), expected, "{role} of {agency}");
    }
}

#[tokio::test]
async fn client_continues_after_the_last_event_that_it_got() {
    let (hub, _) = hub_with_an_ended_request().await;
    let all = seen_with(&hub, KEY, 0).await;
    let call = hub.call(Method::GET, "/api/v1/events?seconds=0&after=0").header("Last-Event-ID", "1");
    assert_eq!(events(&hub.send(call).await.text).len(), all.len() - 1);
    let call = hub.call(Method::GET, "/api/v1/events?seconds=0").header("Last-Event-ID", "first");
    hub.send(call).await.is_problem(400, "INVALID_EVENT_ID");
    // A position that this hub never gave: its database was restored.
    hub.get("/api/v1/events?seconds=0&after=4000").await.is_problem(410, "EVENTS_REMOVED");
}

#[tokio::test]
async fn change_reaches_an_open_stream_at_this_and_at_another_node() {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let second = hub.second_node().await;
    let mut streams = Vec::new();
    for base in [&hub.base, &second.base] {
        let call = hub.http.get(format!("{base}/api/v1/events?seconds=60")).bearer_auth(KEY);
        let answer = call.header("Accept-Language", "de-CH, en;q=0.5").send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        streams.push(answer);
    }
    let answer = hub.post("/api/v1/requests?wait=0", &placement("reader", "31999")).await;
    let id = answer.body["id"].as_str().unwrap().to_owned();
    for mut stream in streams {
        let read = async {
            let mut text = String::new();
            while !text.contains(&id) || !text.ends_with("\n\n") {
                text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
            }
            text
        };
        let text = tokio::time::timeout(Duration::from_secs(30), read).await.unwrap();
        let first = &events(&text)[0];
        assert_eq!(first.data["data"]["patron_message"], "Ihre Bibliothek prüft Ihr Konto.");
    }
}

#[tokio::test]
async fn key_with_too_many_streams_is_refused() {
    let hub = Hub::start().await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(hub.call(Method::GET, "/api/v1/events?seconds=60").send().await.unwrap());
    }
    hub.get("/api/v1/events?seconds=0").await.is_problem(429, "TOO_MANY_STREAMS");
}

#[tokio::test]
async fn request_has_the_sentence_in_the_language_of_the_call() {
    let (hub, id) = hub_with_an_ended_request().await;
    let english = hub.get(&format!("/api/v1/requests/{id}")).await.body["patron_message"].clone();
    assert_eq!(english, "Your library account is blocked. Please ask your library's staff.");
    let call = hub.call(Method::GET, "/api/v1/requests").header("Accept-Language", "de");
    let german = hub.send(call).await.body["requests"][0]["patron_message"].clone();
    assert_eq!(german, "Ihr Bibliothekskonto ist gesperrt. Bitte wenden Sie sich an Ihre Bibliothek.");
}
