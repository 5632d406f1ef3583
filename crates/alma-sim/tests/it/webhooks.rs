//! Webhooks: a listener on a port, the challenge, signed messages, retries and disorder.

#![allow(clippy::disallowed_methods, reason = "the simulator's faults and webhooks take real time")]

use std::sync::Arc;

use alma_sim::{DeliveryStatus, WebhookProfile};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;

use crate::support::{BOOK, DESK, INST, TestAlma};

/// The messages that a listener got, and its answers.
#[derive(Debug, Default)]
struct Listener {
    answers: Mutex<Vec<u16>>,
    got: Mutex<Vec<(String, String)>>,
}

impl Listener {
    async fn start(answers: &[u16]) -> (Arc<Listener>, String) {
        let listener = Arc::new(Listener { answers: Mutex::new(answers.to_vec()), ..Listener::default() });
        let router =
            Router::new().route("/hook", axum::routing::get(challenge).post(message)).with_state(Arc::clone(&listener));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", socket.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(socket, router).await });
        (listener, url)
    }

    fn events(&self) -> Vec<String> {
        let got = self.got.lock();
        got.iter().map(|(_, body)| named(&serde_json::from_str(body).unwrap()).to_owned()).collect()
    }

    async fn wait_for(&self, count: usize) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while self.got.lock().len() < count {
            assert!(tokio::time::Instant::now() < deadline, "only {:?}", self.events());
            tokio::task::yield_now().await;
        }
    }
}

/// Returns the event's code, or the action if a message has no event.
fn named(message: &Value) -> &str {
    message["event"]["value"].as_str().or(message["action"].as_str()).unwrap()
}

async fn challenge(RawQuery(query): RawQuery) -> String {
    let text = query.unwrap_or_default();
    format!("{{\"challenge\":\"{}\"}}", text.trim_start_matches("challenge="))
}

async fn message(State(listener): State<Arc<Listener>>, headers: HeaderMap, body: String) -> StatusCode {
    let signature = headers["x-exl-signature"].to_str().unwrap().to_owned();
    listener.got.lock().push((signature, body));
    let mut answers = listener.answers.lock();
    let answer = if answers.is_empty() { 200 } else { answers.remove(0) };
    StatusCode::from_u16(answer).unwrap()
}

fn profile(url: &str) -> WebhookProfile {
    serde_json::from_value(serde_json::json!({"url": url, "secret": "s3cret"})).unwrap()
}

#[tokio::test]
async fn a_challenged_listener_gets_signed_messages_of_the_events_of_a_loan() {
    let alma = TestAlma::new().await;
    let (listener, url) = Listener::start(&[]).await;
    alma.sim().add_webhook(INST, profile(&url)).unwrap();
    alma.staff().place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    alma.staff().scan_in(BOOK, "BRANCH", DESK).unwrap();
    alma.staff().lend(BOOK, "jo.reader", "BRANCH", DESK).unwrap();
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    listener.wait_for(5).await;
    let expected = ["REQUEST_CREATED", "REQUEST_PLACED_ON_SHELF", "REQUEST_CLOSED", "LOAN_CREATED", "LOAN_RETURNED"];
    assert_eq!(listener.events(), expected);
    let got = listener.got.lock().clone();
    let returned: Value = serde_json::from_str(&got[4].1).unwrap();
    assert_eq!(returned["item_loan"]["loan_status"], "ACTIVE", "as the field has seen it");
    assert_eq!(returned["item_loan"]["return_date"], "2026-03-04T12:00:00.000Z");
    assert_eq!(returned["institution"]["value"], INST);
    assert_ne!(returned.to_string(), got[4].1, "the signature is over the bytes as sent");
    assert_eq!(got[4].0.len(), 44, "base64 of 32 bytes");
    let deliveries = alma.sim().deliveries(INST).unwrap();
    assert_eq!((deliveries[0].event.as_str(), deliveries[0].status), ("challenge", DeliveryStatus::Taken));
}

#[tokio::test]
async fn message_that_is_not_accepted_is_resent_after_one_three_and_six_hours() {
    let alma = TestAlma::new().await;
    let (listener, url) = Listener::start(&[500, 503, 500, 500]).await;
    alma.sim().add_webhook(INST, profile(&url)).unwrap();
    alma.staff().place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    listener.wait_for(1).await;
    for (hours, count) in [(1, 2), (3, 3), (6, 4)] {
        // The attempt must be on record before time moves on.
        while alma.sim().deliveries(INST).unwrap().len() < count {
            tokio::task::yield_now().await;
        }
        alma.sim().advance(jiff::SignedDuration::from_hours(hours));
        listener.wait_for(count).await;
    }
    while alma.sim().deliveries(INST).unwrap().len() < 5 {
        tokio::task::yield_now().await;
    }
    let deliveries = alma.sim().deliveries(INST).unwrap();
    let statuses: Vec<_> = deliveries.iter().skip(1).map(|delivery| delivery.status).collect();
    use DeliveryStatus::{Failed, GivenUp};
    assert_eq!(statuses, [Failed, Failed, Failed, GivenUp]);
}

#[tokio::test]
async fn messages_are_lost_doubled_and_turned_round_on_order() {
    let alma = TestAlma::new().await;
    let (listener, url) = Listener::start(&[]).await;
    let profile = WebhookProfile {
        delay_s: 60,
        lose_every: Some(3),
        duplicate_every: Some(2),
        newest_first: true,
        actions: vec!["LOAN".to_owned()],
        ..profile(&url)
    };
    alma.sim().add_webhook(INST, profile).unwrap();
    alma.staff().lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    alma.staff().renew(BOOK).unwrap();
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    while alma.sim().deliveries(INST).unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    alma.sim().advance(jiff::SignedDuration::from_secs(60));
    listener.wait_for(3).await;
    assert_eq!(listener.events(), ["LOAN_RENEWED", "LOAN_RENEWED", "LOAN_CREATED"]);
    let lost =
        alma.sim().deliveries(INST).unwrap().into_iter().find(|delivery| delivery.status == DeliveryStatus::Lost);
    assert_eq!(lost.map(|delivery| delivery.event).as_deref(), Some("LOAN_RETURNED"));
}

#[tokio::test]
async fn changes_without_a_profile_are_never_sent_later() {
    let alma = TestAlma::new().await;
    let (listener, url) = Listener::start(&[]).await;
    let loans = || WebhookProfile { actions: vec!["LOAN".to_owned()], ..profile(&url) };
    alma.sim().add_webhook(INST, loans()).unwrap();
    alma.staff().lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    listener.wait_for(1).await;
    alma.sim().remove_webhooks(INST).unwrap();
    alma.staff().renew(BOOK).unwrap();
    alma.sim().add_webhook(INST, loans()).unwrap();
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    listener.wait_for(2).await;
    assert_eq!(listener.events(), ["LOAN_CREATED", "LOAN_RETURNED"]);
}

#[tokio::test]
async fn end_of_a_job_is_sent_as_message_with_its_run() {
    let alma = TestAlma::new().await;
    let (listener, url) = Listener::start(&[]).await;
    alma.sim().add_webhook(INST, profile(&url)).unwrap();
    let published = alma.staff().publish();
    listener.wait_for(1).await;
    let message: Value = serde_json::from_str(&listener.got.lock()[0].1).unwrap();
    assert_eq!((message["action"].as_str(), &message["event"]), (Some("JOB_END"), &Value::Null));
    let run = &message["job_instance"];
    assert_eq!((run["status"]["value"].as_str(), run["progress"].as_u64()), (Some("COMPLETED_SUCCESS"), Some(100)));
    assert_eq!(run["counter"][0]["value"], published.to_string());
    assert_eq!(run["job_info"]["category"]["value"], "PUBLISHING");
}

#[tokio::test]
async fn letters_are_sent_as_messages_where_staff_activated_them() {
    let alma = TestAlma::new().await;
    let (listener, url) = Listener::start(&[]).await;
    let only = WebhookProfile { actions: vec!["NOTIFICATION".to_owned(), "JOB_END".to_owned()], ..profile(&url) };
    alma.sim().add_webhook(INST, only).unwrap();
    let hold = alma.staff().place_hold("jo.reader", BOOK, "MAIN").unwrap();
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    alma.staff().cancel(&hold, "CannotBeFulfilled").unwrap();
    let letters = ["FulPlaceOnHoldShelfLetter", "FulCancelRequestLetter", "FulItemChangeDueDateLetter"];
    alma.staff().set_behaviour(|behaviour| behaviour.letters = letters.map(str::to_owned).into());
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    let hold = alma.staff().place_hold("jo.reader", BOOK, "MAIN").unwrap();
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    alma.staff().cancel(&hold, "CannotBeFulfilled").unwrap();
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    alma.staff().lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    alma.staff().set_due(BOOK, "2026-04-01T20:00:00Z".parse().unwrap()).unwrap();
    alma.staff().publish();
    listener.wait_for(4).await;
    assert_eq!(listener.events(), [letters[0], letters[1], letters[2], "JOB_END"], "none while it was not active");
    let first: Value = serde_json::from_str(&listener.got.lock()[0].1).unwrap();
    assert_eq!(first["notification"]["receiver"]["primary_id"], "jo.reader");
    assert_eq!(first["notification"]["request"]["request_id"], hold);
}
