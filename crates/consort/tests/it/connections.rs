//! A hub with slow, silent or many clients: it answers the others, and it stops in time.

#![allow(
    clippy::disallowed_methods,
    reason = "a test checks how long the hub takes to answer, and another has a slow client"
)]

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

use crate::patience::{PATIENCE, eventually};
use crate::program::{BORROWER, KEY, LENDER, Processes, free_port, placement};

/// The time within which a hub stops, whatever clients and libraries do.
const LONGEST_STOP: Duration = Duration::from_secs(10);
/// How long a slow client takes from one byte to the next.
const SLOW: Duration = Duration::from_millis(50);
const HALF: &[u8] = b"GET /health HTTP/1.1\r\nHo";

/// Opens a connection and sends these bytes.
fn send(at: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Reads until the hub closes the connection.
fn to_the_end(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the hub never closes the connection"),
        // A reset connection counts as closed, too.
        _ => String::from_utf8_lossy(&all).into_owned(),
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {KEY}\r\n\r\n").into_bytes()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let head = "content-type: application/json\r\ncontent-length: 100";
    format!("POST {path} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {KEY}\r\n{head}\r\n\r\n{body}").into_bytes()
}

async fn health(processes: &Processes) -> u16 {
    processes.answer_at(Method::GET, "/health", KEY, None).await.0
}

#[tokio::test]
async fn hub_stops_within_ten_seconds_whatever_its_clients_send() {
    let mut processes = Processes::start().await;
    let hub = processes.hub;
    let _open = [
        send(hub, b""),
        send(hub, HALF),
        send(hub, &post("/api/v1/requests", "{\"agency\"")),
        send(hub, &post(&format!("/webhooks/{LENDER}"), "{")),
        send(hub, &get("/health")),
    ];
    assert_eq!(health(&processes).await, 200);
    processes.signal(Signal::TERM);
    let (status, took) = processes.hub_ends().await;
    assert!(status.success(), "{status}");
    assert!(took < LONGEST_STOP, "{took:?}");
}

#[tokio::test]
async fn calls_that_wait_for_a_change_are_answered_when_the_hub_stops() {
    let mut processes = Processes::start().await;
    let id = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await["id"].clone();
    let known = processes.until(id.as_str().unwrap(), "REQUEST_PLACED_AT_BORROWING_AGENCY").await["version"].clone();
    // The second patron's library delays its answers for longer than a stop may take.
    let slow = json!({"call": "*", "times": 1000, "fault": {"kind": "delay", "ms": 40_000, "before": false}});
    processes.control(Method::POST, BORROWER, "faults", &slow).await;
    let waiting =
        send(processes.hub, &get(&format!("/api/v1/requests/{}?after_version={known}&wait=30", id.as_str().unwrap())));
    let body = placement("01LEND-M002").to_string();
    let placing = send(
        processes.hub,
        format!(
            "POST /api/v1/requests?wait=30 HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
    eventually("the second request is placed", async || {
        let answer = processes.api(Method::GET, "/requests", None).await;
        let listed = answer["requests"].as_array().map_or(0, Vec::len);
        if listed < 2 { Err(answer) } else { Ok(()) }
    })
    .await;
    processes.signal(Signal::TERM);
    // The time is measured because the test compares it with the longest that a stop may take.
    let begun = Instant::now();
    let (waited, placed) =
        tokio::task::spawn_blocking(move || (to_the_end(waiting), to_the_end(placing))).await.unwrap();
    assert!(waited.starts_with("HTTP/1.1 200") && waited.contains("\"timeline\""), "{waited}");
    assert!(placed.starts_with("HTTP/1.1 201") && placed.contains("SUBMITTED_TO_DCB"), "{placed}");
    assert!(begun.elapsed() < LONGEST_STOP, "{:?}", begun.elapsed());
    // The stop aborts the call to the slow library too.
    let (status, took) = processes.hub_ends().await;
    assert!(status.success(), "{status}");
    assert!(took < LONGEST_STOP, "{took:?}");
}

#[tokio::test]
async fn half_open_connections_keep_no_call_from_its_answer() {
    let mut processes = Processes::start().await;
    for (barcode, script) in
        [("01LEND-M001", "exec \"$0\" \"$@\""), ("01LEND-M002", "ulimit -n 256; exec \"$0\" \"$@\"")]
    {
        processes.stop_hub().await;
        processes.start_hub_by(script).await;
        let half_open: Vec<TcpStream> = (0..400).map(|_| send(processes.hub, HALF)).collect();
        for _ in 0..3 {
            // The call uses a connection of its own, as a monitoring program does.
            let hub = processes.hub;
            let call = b"GET /health HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n";
            let said = tokio::task::spawn_blocking(move || to_the_end(send(hub, call))).await.unwrap();
            assert!(said.starts_with("HTTP/1.1 200"), "{script}: {said}");
        }
        processes.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
        processes.signal(Signal::TERM);
        let (status, took) = processes.hub_ends().await;
        assert!(status.success() && took < LONGEST_STOP, "{script}: {status} {took:?}");
        drop(half_open);
    }
}

#[tokio::test]
async fn header_and_body_that_do_not_arrive_are_not_waited_for() {
    let processes =
        Processes::start_with("error", None, "[http]\nheader_seconds = 1\nbody_seconds = 1\nidle_seconds = 2\n").await;
    let hub = processes.hub;
    let webhook = format!("/webhooks/{LENDER}");
    let stalled = [post("/api/v1/requests", "{\"agency\""), post(&webhook, "{")];
    let said = tokio::task::spawn_blocking(move || {
        let silent = [send(hub, b""), send(hub, HALF)].map(to_the_end);
        let stopped = stalled.clone().map(|call| to_the_end(send(hub, &call)));
        let trickled = stalled.map(|call| {
            let stream = send(hub, &call);
            let mut writes = stream.try_clone().unwrap();
            let (answered, until_answered) = std::sync::mpsc::channel::<()>();
            // A slow client: one more byte for each time that no answer has come.
            let trickle = std::thread::spawn(move || {
                while writes.write_all(b" ").is_ok()
                    && until_answered.recv_timeout(SLOW) == Err(RecvTimeoutError::Timeout)
                {}
            });
            let mut said = [0; 12];
            (&stream).read_exact(&mut said).unwrap();
            drop(answered);
            let _ = stream.shutdown(Shutdown::Both);
            trickle.join().unwrap();
            String::from_utf8_lossy(&said).into_owned()
        });
        (silent, stopped, trickled)
    });
    let (silent, stopped, trickled) = said.await.unwrap();
    assert_eq!(silent, ["", ""]);
    for said in stopped {
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("BODY_TOO_SLOW"), "{said}");
    }
    assert_eq!(trickled, ["HTTP/1.1 408", "HTTP/1.1 408"]);
    assert_eq!(health(&processes).await, 200);
}

/// Returns an address of this machine that other machines can use.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent. The system only chooses the route.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    TcpStream::connect_timeout(&SocketAddr::new(address, 9), Duration::from_secs(1))
        .map_or_else(
            |error| (error.kind() == std::io::ErrorKind::ConnectionRefused).then_some(address),
            |_| Some(address),
        )
        .filter(|address| !address.is_loopback())
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_proxies_and_this_machine_have_more() {
    let Some(address) = own_address() else {
        println!("left out: this machine has no address but the loopback's");
        return;
    };
    let mut processes = Processes::start_with("error", None, "[http]\nconnections_per_address = 2\n").await;
    let id = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await["id"].clone();
    let wait = get(&format!("/api/v1/requests/{}?after_version=100000&wait=30", id.as_str().unwrap()));
    for (proxies, expected) in [("[]", "HTTP/1.1 503"), (&*format!("[\"{address}\"]"), "HTTP/1.1 200")] {
        processes.stop_hub().await;
        processes.hub = free_port();
        let port = processes.hub.port();
        let env = format!("CONSORT_LISTEN=0.0.0.0:{port} CONSORT_HTTP__PROXIES='{proxies}'");
        processes.start_hub_by(&format!("{env} exec \"$0\" \"$@\"")).await;
        let _local: Vec<TcpStream> = (0..5).map(|_| send(processes.hub, &wait)).collect();
        let other = SocketAddr::new(address, port);
        let _waiting = [send(other, &wait), send(other, &wait)];
        // The earlier connections have been accepted by then.
        assert_eq!(health(&processes).await, 200);
        let said = tokio::task::spawn_blocking(move || {
            let mut stream = send(other, b"GET /health HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n");
            let mut all = Vec::new();
            // A reset may follow a refusal.
            let _ = stream.read_to_end(&mut all);
            String::from_utf8_lossy(&all).into_owned()
        });
        let said = said.await.unwrap();
        assert!(said.starts_with(expected), "{proxies}: {said}");
        assert_eq!(health(&processes).await, 200);
    }
}
