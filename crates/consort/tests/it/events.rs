//! Events across the ends of processes: a hub that is killed while it sends one, and streams at a hub that stops.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::program::{KEY, Processes, placement, postgres};

/// The longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest time from a node's stop to the end of its streams.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A receiver that answers no message until it is opened.
struct Receiver {
    url: String,
    messages: mpsc::UnboundedReceiver<(String, Value)>,
    open: watch::Sender<bool>,
}

type Taking = (mpsc::UnboundedSender<(String, Value)>, watch::Receiver<bool>);

async fn take(State((sender, mut open)): State<Taking>, headers: HeaderMap, body: String) -> StatusCode {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let _ = sender.send((id, serde_json::from_str(&body).unwrap()));
    let _ = open.wait_for(|open| *open).await;
    StatusCode::NO_CONTENT
}

impl Receiver {
    async fn start() -> Self {
        let (sender, messages) = mpsc::unbounded_channel();
        let (open, opened) = watch::channel(false);
        let router = axum::Router::new().route("/events", post(take)).with_state((sender, opened));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, messages, open }
    }

    async fn next(&mut self) -> (String, Value) {
        tokio::time::timeout(PATIENCE, self.messages.recv()).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn hub_killed_while_it_sends_an_event_sends_it_once_more_and_the_others_in_order() {
    let mut processes = Processes::start().await;
    let mut receiver = Receiver::start().await;
    let body = json!({"name": "catalogue", "url": receiver.url, "role": "consortium-admin"});
    processes.api(Method::POST, "/subscriptions", Some(&body)).await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    let (first, body) = receiver.next().await;
    // The message was sent, and its answer never comes.
    processes.kill_hub().await;
    let (once_more, same) = receiver.next().await;
    assert_eq!((&first, &body), (&once_more, &same));
    receiver.open.send(true).unwrap();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let mut versions = vec![body["data"]["version"].as_i64().unwrap()];
    loop {
        let (message, body) = receiver.next().await;
        let version = body["data"]["version"].as_i64().unwrap();
        assert_eq!(message, format!("{id}.{version}"));
        versions.push(version);
        if body["data"]["status"] == "REQUEST_PLACED_AT_BORROWING_AGENCY" {
            break;
        }
    }
    assert!(versions.is_sorted_by(|before, after| before < after), "{versions:?}");
}

/// Reads events of a stream until one has this text. Returns the id of the last one.
async fn read_until(stream: &mut reqwest::Response, text: &str) -> String {
    let reading = async {
        let mut read = String::new();
        loop {
            read += std::str::from_utf8(&stream.chunk().await.unwrap().expect("the stream goes on")).unwrap();
            let complete = read.rfind("\n\n").map_or("", |end| &read[..end]);
            if let Some(block) = complete.split("\n\n").find(|block| block.contains(text)) {
                let id = block.lines().find_map(|line| line.strip_prefix("id:"));
                return id.unwrap().trim().to_owned();
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap()
}

async fn open(processes: &Processes, at: std::net::SocketAddr, after: Option<&str>) -> reqwest::Response {
    let call = processes.http.get(format!("http://{at}/api/v1/events")).bearer_auth(KEY).timeout(PATIENCE);
    let call = after.into_iter().fold(call, |call, after| call.header("Last-Event-ID", after));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer
}

#[tokio::test]
async fn stream_ends_at_once_when_its_node_stops_and_continues_at_another_node_without_a_gap() {
    let database = postgres().await;
    let mut processes = Processes::start_with("error", Some(&database), "").await;
    let (second, _process) = processes.start_node("second").await;
    let first = processes.hub;
    let mut here = open(&processes, first, None).await;
    let mut there = open(&processes, second, None).await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    let last = read_until(&mut here, "SUBMITTED_TO_DCB").await;
    // The change was made at the first node.
    read_until(&mut there, &id).await;
    processes.signal(Signal::TERM);
    let ended = async {
        // What was on its way may still come.
        while let Ok(Some(_)) = here.chunk().await {}
    };
    tokio::time::timeout(AT_ONCE, ended).await.expect("the stream ends with its node");
    let (status, _) = processes.hub_ends().await;
    assert!(status.success(), "{status}");
    processes.hub = second;
    let mut resumed = open(&processes, second, Some(&last)).await;
    let next: i64 = read_until(&mut resumed, &id).await.parse().unwrap();
    assert_eq!(next, last.parse::<i64>().unwrap() + 1, "the events come without a gap");
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    read_until(&mut there, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
}
