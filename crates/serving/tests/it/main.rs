//! Tests of a server on a loopback port, with clients that misbehave.

#![allow(clippy::disallowed_methods, reason = "time-outs of connections run by the machine's clock")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serving::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Longer than any step here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// A limit that a test reaches.
const SHORT: Duration = Duration::from_millis(300);
/// A limit that no test reaches.
const LARGE_LIST: Duration = Duration::from_secs(600);
/// More bytes than can be on the way between a server and its client.
const LARGE: usize = 100_000_000;
const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nhost: hub\r\n\r\n";
const HALF: &[u8] = b"GET /hello HTTP/1.1\r\nho";

struct Server {
    at: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

fn long() -> Limits {
    Limits { header: LARGE_LIST, idle: LARGE_LIST, write: LARGE_LIST, stop: LARGE_LIST, ..Limits::default() }
}

async fn start(limits: Limits) -> Server {
    let router = Router::new()
        .route("/hello", get(async || "hello"))
        .route("/slow", get(async || tokio::time::sleep(SHORT).await))
        .route("/large", get(async || vec![b'x'; LARGE]))
        .route("/never", get(std::future::pending::<()>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let stopped = async {
        let _ = stopped.await;
    };
    Server { at, stop: Some(stop), serving: tokio::spawn(serving::serve(listener, router, limits, stopped)) }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// Stops the server. Returns how long that took.
    async fn stop(mut self) -> Duration {
        let begun = Instant::now();
        self.stop.take().unwrap().send(()).unwrap();
        timeout(PATIENCE, self.serving).await.expect("it stops").unwrap();
        begun.elapsed()
    }
}

/// Reads until the server closes the connection.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A reset connection counts as closed, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the server closes the connection");
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads one answer with the body `hello`.
async fn answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = async {
        while !all.ends_with(b"\r\n\r\nhello") {
            assert_ne!(stream.read_buf(&mut all).await.unwrap(), 0, "closed: {}", String::from_utf8_lossy(&all));
        }
    };
    timeout(PATIENCE, read).await.expect("an answer");
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn header_that_does_not_end_is_not_waited_for() {
    let server = start(Limits { header: SHORT, ..long() }).await;
    let mut half = server.send(HALF).await;
    assert_eq!(to_the_end(&mut half).await, "");

    // Sending byte by byte doesn't help the client.
    let (mut reads, mut writes) = server.send(HALF).await.into_split();
    let trickle = tokio::spawn(async move {
        while writes.write_all(b"o").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, reads.read_to_end(&mut all)).await.expect("the server closes the connection");
    assert!(all.is_empty(), "{}", String::from_utf8_lossy(&all));
    timeout(PATIENCE, trickle).await.unwrap().unwrap();
}

#[tokio::test]
async fn connection_without_a_request_is_closed_and_one_in_use_is_not() {
    let server = start(Limits { idle: SHORT, ..long() }).await;
    assert_eq!(to_the_end(&mut server.connect().await).await, "");

    let mut used = server.send(HELLO).await;
    answer(&mut used).await;
    used.write_all(b"GET /slow HTTP/1.1\r\nhost: hub\r\n\r\n").await.unwrap();
    let end = to_the_end(&mut used).await;
    assert!(end.starts_with("HTTP/1.1 200"), "an answer that takes its time arrives: {end}");
}

#[tokio::test]
async fn time_for_a_header_begins_with_its_first_byte() {
    let server = start(Limits { header: SHORT, ..long() }).await;
    let mut used = server.send(HELLO).await;
    for _ in 0..3 {
        answer(&mut used).await;
        // The limit of the previous request must not end this pause.
        tokio::time::sleep(SHORT * 2).await;
        used.write_all(HELLO).await.unwrap();
    }
    answer(&mut used).await;
}

#[tokio::test]
async fn answer_that_nobody_reads_is_given_up() {
    let server = start(Limits { write: SHORT, ..long() }).await;
    let mut unread = server.send(b"GET /large HTTP/1.1\r\nhost: hub\r\n\r\n").await;
    unread.read_exact(&mut [0; 1]).await.unwrap();
    // The stop waits for answers that clients are reading.
    server.stop().await;
    assert!(to_the_end(&mut unread).await.len() < LARGE);
}

async fn to_the_end_or_hello(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read =
        async { while !all.ends_with(b"hello") && stream.read_buf(&mut all).await.is_ok_and(|read| read > 0) {} };
    timeout(PATIENCE, read).await.expect("an answer or the end");
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn address_with_all_its_connections_is_refused_with_a_reason_and_others_are_served() {
    let server = start(Limits { per_address: 2, loopback_is_exempt: false, ..long() }).await;
    let busy = b"GET /never HTTP/1.1\r\nhost: hub\r\n\r\n";
    let first = (server.send(busy).await, server.send(busy).await);
    let refused = loop {
        // The two connections count as new until their requests have arrived.
        let said = to_the_end_or_hello(&mut server.send(HELLO).await).await;
        if !said.is_empty() {
            break said;
        }
    };
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("TOO_MANY_CONNECTIONS"), "{refused}");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(server.at).await.unwrap();
    other.write_all(HELLO).await.unwrap();
    answer(&mut other).await;
    drop(first);
}

#[tokio::test]
async fn silent_connections_keep_no_request_out() {
    let server = start(Limits { connections: 20, ..long() }).await;
    let mut silent = Vec::new();
    for number in 0..100 {
        silent.push(if number % 2 == 0 { server.send(HALF).await } else { server.connect().await });
    }
    let mut client = server.send(HELLO).await;
    answer(&mut client).await;
}

#[tokio::test]
async fn stop_waits_for_answers_and_for_nothing_else() {
    let server = start(long()).await;
    let mut half = server.send(HALF).await;
    let mut silent = server.connect().await;
    let mut used = server.send(HELLO).await;
    answer(&mut used).await;
    let mut slow = server.send(b"GET /slow HTTP/1.1\r\nhost: hub\r\n\r\n").await;
    // Its request has arrived once a later request has been answered.
    answer(&mut server.send(HELLO).await).await;
    let at = server.at;
    server.stop().await;
    assert!(to_the_end(&mut slow).await.starts_with("HTTP/1.1 200"));
    for stream in [&mut half, &mut silent, &mut used] {
        assert_eq!(to_the_end(stream).await, "");
    }
    assert!(TcpStream::connect(at).await.is_err(), "the port is free");
}

#[tokio::test]
async fn stop_breaks_off_an_answer_that_takes_too_long() {
    let server = start(Limits { stop: SHORT, ..long() }).await;
    let mut never = server.send(b"GET /never HTTP/1.1\r\nhost: hub\r\n\r\n").await;
    answer(&mut server.send(HELLO).await).await;
    let took = server.stop().await;
    assert!(took < PATIENCE, "{took:?}");
    assert_eq!(to_the_end(&mut never).await, "");
}
