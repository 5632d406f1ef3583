//! A server that gives the answers of a test and records the requests.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use alma::{Client, ClientBuilder, RetryPolicy, Timeouts};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) const KEY: &str = "l7xx-canary-key-0123456789";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, not decoded, without `/almaws/v1`.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) struct Fake {
    pub(crate) base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    /// Starts a server. `answer` receives the request and the number of earlier ones, and returns the answer.
    pub(crate) async fn start(answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        let app = Router::new().fallback(move |request: Request| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let target = parts.uri.path_and_query().unwrap().as_str();
                let request = Seen {
                    method: parts.method.to_string(),
                    target: target.strip_prefix("/almaws/v1").unwrap_or(target).to_owned(),
                    headers: parts.headers,
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                let before = {
                    let mut log = log.lock();
                    log.push(request.clone());
                    log.len() - 1
                };
                answer(&request, before)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base, seen }
    }

    /// Starts a server that answers every request with this fixture.
    pub(crate) async fn answering(name: &'static str) -> Self {
        Self::start(move |_, _| ok(&fixture(name))).await
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        builder(&self.base)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// Returns the only request that came.
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

/// Creates a client with short waits.
pub(crate) fn builder(base: &str) -> ClientBuilder {
    let millisecond = Duration::from_millis(1);
    Client::builder(base, KEY.to_owned().into())
        .calls_per_second(NonZeroU32::new(10_000).unwrap())
        .retries(RetryPolicy { attempts: 3, throttled_attempts: 4, base: millisecond, cap: 5 * millisecond })
        .seed(7)
}

pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

pub(crate) fn ok(body: &str) -> Response {
    answer(200, body)
}

/// Creates an answer whose type follows from its body, as Alma's would.
pub(crate) fn answer(status: u16, body: &str) -> Response {
    let kind = match body.trim_start().chars().next() {
        Some('<') if body.contains("<html") => "text/html",
        Some('<') => "application/xml;charset=UTF-8",
        _ => "application/json;charset=UTF-8",
    };
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, kind)
        .header("X-Exl-Api-Remaining", "424242")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn redirect(location: &str) -> Response {
    Response::builder().status(302).header(header::LOCATION, location).body(Body::empty()).unwrap()
}

pub(crate) fn refusal(code: &str) -> Response {
    let body = serde_json::json!({
        "errorsExist": true,
        "errorList": {"error": [{"errorCode": code, "errorMessage": "Said by a test.", "trackingId": "E01-1"}]},
        "result": null,
    });
    answer(400, &body.to_string())
}

/// The treatment of a connection after the server has read the whole request.
#[derive(Clone, Copy)]
pub(crate) enum Breakage {
    /// Closes it.
    Close,
    /// Sends the head and a part of the body of an answer, and closes it.
    CloseInBody,
    /// Keeps it open and sends nothing.
    SayNothing,
}

/// Starts a server whose answers get lost. Counts the requests.
pub(crate) struct Broken {
    pub(crate) base: String,
    requests: Arc<Mutex<u32>>,
}

impl Broken {
    pub(crate) async fn start(breakage: Breakage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(0));
        let count = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                *count.lock() += 1;
                match breakage {
                    Breakage::Close => {}
                    Breakage::CloseInBody => {
                        let head =
                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"pid\"";
                        socket.write_all(head.as_bytes()).await.unwrap();
                    }
                    Breakage::SayNothing => silent.push(socket),
                }
            }
        });
        Self { base, requests }
    }

    pub(crate) fn client(&self) -> Client {
        let short = Duration::from_millis(300);
        builder(&self.base)
            .timeouts(Timeouts { connect: Duration::from_secs(5), first_byte: short, whole: 2 * short })
            .build()
            .unwrap()
    }

    pub(crate) fn requests(&self) -> u32 {
        *self.requests.lock()
    }
}

/// Returns the address of a port on which nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
