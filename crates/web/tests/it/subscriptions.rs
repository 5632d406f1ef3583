//! Subscriptions: made over the API, and served with signed messages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::harness::{Answer, Hub, alma_with_users, placement, serve};

/// A message that a receiver got.
#[derive(Debug)]
struct Message {
    headers: HeaderMap,
    body: String,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn data(&self) -> Value {
        serde_json::from_str::<Value>(&self.body).unwrap()["data"].clone()
    }
}

/// The answers that a receiver still gives before it answers 204.
type Answers = Arc<Mutex<VecDeque<StatusCode>>>;

/// A receiver of messages.
struct Receiver {
    url: String,
    messages: mpsc::UnboundedReceiver<Message>,
}

async fn take(
    State((sender, answers)): State<(mpsc::UnboundedSender<Message>, Answers)>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let _ = sender.send(Message { headers, body });
    answers.lock().pop_front().unwrap_or(StatusCode::NO_CONTENT)
}

impl Receiver {
    async fn start(answers: impl IntoIterator<Item = StatusCode>) -> Self {
        let (sender, messages) = mpsc::unbounded_channel();
        let answers: Answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        let router = axum::Router::new().route("/events", post(take)).with_state((sender, answers));
        Self { url: format!("{}/events", serve(router).await), messages }
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(Duration::from_secs(30), self.messages.recv()).await.unwrap().unwrap()
    }
}

async fn subscribe(hub: &Hub, name: &str, url: &str, agency: &str) -> Answer {
    let body = json!({"name": name, "url": url, "role": "discovery", "agencies": [agency], "language": "de"});
    hub.post("/api/v1/subscriptions", &body).await
}

async fn hub() -> Hub {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let other = json!({"name": "Lending College", "institution": "01LEND"});
    assert_eq!(hub.put("/api/v1/agencies/LEND", &other).await.status, 201);
    hub
}

#[tokio::test]
async fn changes_arrive_in_order_and_signed_with_both_secrets_during_a_rotation() {
    let hub = hub().await;
    let mut receiver = Receiver::start([]).await;
    let made = subscribe(&hub, "catalogue", &receiver.url, "BORROW").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let first = made.body["secret"].as_str().unwrap().to_owned();
    let rotated = hub.post("/api/v1/subscriptions/catalogue/rotate", &json!({"overlap_hours": 1})).await;
    let second = rotated.body["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let id = hub.placed("blocked", "31999").await;
    let mut last = 0;
    loop {
        let message = receiver.next().await;
        let data = message.data();
        let version = data["version"].as_i64().unwrap();
        assert!(version > last, "{data}");
        last = version;
        let (message_id, seconds) = (message.header("webhook-id"), message.header("webhook-timestamp"));
        assert_eq!(message_id, format!("{id}.{version}"));
        let secrets = [second.as_str().into(), first.as_str().into()];
        let expected = deliveries::sign(&secrets, message_id, seconds.parse().unwrap(), &message.body);
        assert_eq!(message.header("webhook-signature"), expected);
        if data["status"] == "FINALISED" {
            assert_eq!(
                data["patron_message"],
                "Ihr Bibliothekskonto ist gesperrt. Bitte wenden Sie sich an Ihre Bibliothek."
            );
            break;
        }
    }
    // The secrets are in no later answer.
    let shown = hub.get("/api/v1/subscriptions/catalogue").await.text + &hub.get("/api/v1/audit").await.text;
    assert!(!shown.contains(&first) && !shown.contains(&second), "{shown}");
}

#[tokio::test]
async fn refused_message_is_sent_once_more_and_another_agencys_subscription_gets_nothing() {
    let hub = hub().await;
    let mut failing = Receiver::start([StatusCode::INTERNAL_SERVER_ERROR]).await;
    let mut other = Receiver::start([]).await;
    assert_eq!(subscribe(&hub, "failing", &failing.url, "BORROW").await.status, 201);
    assert_eq!(subscribe(&hub, "other", &other.url, "LEND").await.status, 201);
    hub.post("/api/v1/requests?wait=0", &placement("reader", "31999")).await;
    let (first, second) = (failing.next().await, failing.next().await);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);
    assert!(other.messages.try_recv().is_err());
}

/// Starts a receiver that reads messages and never answers. Returns its address and the messages.
async fn start_silent() -> (String, mpsc::UnboundedReceiver<String>) {
    let (sender, messages) = mpsc::unbounded_channel();
    let take = async move |body: String| {
        let _ = sender.send(body);
        std::future::pending::<StatusCode>().await
    };
    (format!("{}/events", serve(axum::Router::new().route("/events", post(take))).await), messages)
}

#[tokio::test]
async fn receiver_that_never_answers_does_not_delay_another_one() {
    let hub = hub().await;
    let (silent, mut taken) = start_silent().await;
    let mut quick = Receiver::start([]).await;
    assert_eq!(subscribe(&hub, "silent", &silent, "BORROW").await.status, 201);
    assert_eq!(subscribe(&hub, "quick", &quick.url, "BORROW").await.status, 201);
    hub.post("/api/v1/requests?wait=0", &placement("blocked", "31999")).await;
    tokio::time::timeout(Duration::from_secs(10), taken.recv()).await.unwrap().unwrap();
    // All of these arrive while the first message to the other receiver is on its way: that one has 15 seconds for its answer.
    let all = async {
        while quick.next().await.data()["status"] != "FINALISED" {}
        hub.post("/api/v1/requests?wait=0", &placement("blocked", "32000")).await;
        while quick.next().await.data()["status"] != "FINALISED" {}
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.unwrap();
    let metrics = hub.get("/metrics").await.text;
    let value = |metric: &str| {
        let line =
            metrics.lines().find(|line| line.starts_with(metric)).unwrap_or_else(|| panic!("{metric}: {metrics}"));
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(value("consort_event_queue_length{subscription=\"silent\"}") >= 2, "{metrics}");
    assert_eq!(value("consort_event_queue_length{subscription=\"quick\"}"), 0);
    assert_eq!(value("consort_event_dead_letters{subscription=\"silent\"}"), 0);
    assert_eq!(value("consort_event_subscriptions_stopped"), 0);
    assert!(value("consort_event_attempts_total{result=\"arrived\"}") >= 4, "{metrics}");
}

#[tokio::test]
async fn receiver_that_answers_gone_gets_no_more() {
    let hub = hub().await;
    let mut receiver = Receiver::start([StatusCode::GONE]).await;
    assert_eq!(subscribe(&hub, "gone", &receiver.url, "BORROW").await.status, 201);
    hub.placed("reader", "31999").await;
    receiver.next().await;
    let stopped = async { while hub.get("/api/v1/subscriptions/gone").await.body["active"] == true {} };
    tokio::time::timeout(Duration::from_secs(30), stopped).await.unwrap();
    assert!(hub.get("/metrics").await.text.contains("consort_event_subscriptions_stopped 1\n"));
    // It continues when it is active again.
    let answer = hub.put("/api/v1/subscriptions/gone", &json!({"active": true})).await;
    assert_eq!((answer.status, &answer.body["active"]), (200, &json!(true)));
    receiver.next().await;
}

#[tokio::test]
async fn faults_of_a_subscription_are_answered_at_once() {
    let hub = hub().await;
    let url = "https://events.example.org/";
    let bad = json!({"name": "a b", "url": "ftp://example.org", "role": "discovery", "agencies": ["NONE"]});
    let answer = hub.post("/api/v1/subscriptions", &bad).await;
    let mut errors = answer.is_problem(422, "INVALID_REQUEST").errors();
    errors.sort_unstable();
    assert_eq!(errors, [("agencies[0]", "UNKNOWN_AGENCY"), ("name", "INVALID_NAME"), ("url", "INVALID_ADDRESS")]);
    assert_eq!(subscribe(&hub, "one", url, "BORROW").await.status, 201);
    subscribe(&hub, "one", url, "BORROW").await.is_problem(409, "SUBSCRIPTION_EXISTS");
    let body = json!({"name": "admin", "role": "library-admin", "agencies": ["BORROW"]});
    let key = hub.post("/api/v1/keys", &body).await.body["key"].as_str().unwrap().to_owned();
    for private in ["https://10.0.0.1/", "http://events.example.org/"] {
        let body = json!({"name": "two", "url": private, "role": "discovery", "agencies": ["BORROW"]});
        let call = hub.call(Method::POST, "/api/v1/subscriptions").bearer_auth(&key).json(&body);
        let call = call.build().unwrap();
        // The second key is the one that counts.
        let mut call = call;
        call.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        let answer = hub.http.execute(call).await.unwrap();
        assert_eq!(answer.status(), 422, "{private}");
    }
}
