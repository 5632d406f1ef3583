//! Nodes and their PostgreSQL as real processes: one node is paused past its lease, or the server stops while the nodes
//! work. The result is judged from outside: by the public API and the simulated Almas.

#![expect(
    clippy::disallowed_methods,
    reason = "a test queries the database of the hub as another program does, and one checks how long an answer takes"
)]

use std::time::{Duration, Instant};

use pg_cluster::Cluster;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::patience::eventually;
use crate::program::{BORROWER, DESK, KEY, LENDER, Processes, complaint, consort, free_port, placement, postgres};

const HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const LOAN: &str = "POST /users/{user_id}/loans";
const ITEM: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items";
/// The objects that could be left behind, or be created twice.
const COUNTED: [&str; 5] = ["bibs", "holdings", "items", "requests", "loans"];

#[tokio::test]
async fn a_stopped_node_resumed_past_its_lease_doubles_nothing() {
    let database = postgres().await;
    let mut processes = Processes::start_with("warn", Some(&database), "lease_ms = 1000\n").await;
    let (first, barcode) = (processes.hub, "01LEND-M001");
    let before = processes.sim(BORROWER, "counts").await;
    // The hold is made at once and its answer is delayed, so the node is paused during a call.
    delay(&processes, LENDER, HOLD, 5_000, 1).await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    until_lender_has_a_hold(&processes).await;
    processes.signal(Signal::STOP);

    let (second, _process) = processes.start_node("second").await;
    processes.hub = second;
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    processes.signal(Signal::CONT);
    eventually("the first node logs that it has lost its lease", async || {
        let log = processes.log();
        if log.contains("the lease of this was lost") { Ok(()) } else { Err(log) }
    })
    .await;
    processes.hub = first;
    assert_eq!(processes.request(&id).await["status"], "REQUEST_PLACED_AT_BORROWING_AGENCY");
    // The resumed node works on.
    assert_eq!(to_the_end(&processes, &id, barcode).await["outcome"], "SUPPLIED");

    let (at_lender, at_borrower) = (processes.sim(LENDER, "calls").await, processes.sim(BORROWER, "calls").await);
    assert_eq!((made(&at_lender, HOLD), made(&at_borrower, HOLD)), (1, 1), "one hold on each side");
    assert_eq!((made(&at_lender, LOAN), made(&at_borrower, ITEM)), (1, 1), "one loan and one virtual item");
    assert_as_before(&processes, &before).await;
}

#[tokio::test]
async fn hub_continues_after_postgresql_was_stopped_and_restarted() {
    const REQUESTS: usize = 8;
    let Some(cluster) = cluster() else { return };
    let processes = Processes::start_with("error", Some(&cluster.url("postgres")), "lease_ms = 1000\n").await;
    let before = processes.sim(BORROWER, "counts").await;
    // The delay makes work in progress last for a while.
    delay(&processes, LENDER, "*", 50, 10_000).await;
    delay(&processes, BORROWER, "*", 50, 10_000).await;
    let accepted = placed(&processes, REQUESTS).await;
    until_lender_has_a_hold(&processes).await;
    cluster.stop_at_once().unwrap();
    assert_refuses_clearly(&processes, &accepted[0].0).await;
    cluster.restart().unwrap();

    for (id, _) in &accepted {
        eventually("the hub answers after the restart", async || {
            let (status, said) = processes.answer(Method::GET, &format!("/requests/{id}"), KEY, None).await;
            if status == 200 { Ok(()) } else { Err(format!("{status} {said}")) }
        })
        .await;
        processes.until(id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    }
    let amid = processes.sim(BORROWER, "counts").await;
    for what in ["bibs", "holdings", "items", "requests"] {
        let more = amid[what].as_u64().zip(before[what].as_u64()).map(|(now, then)| now - then);
        assert_eq!(more, Some(REQUESTS as u64), "{what} at the borrower");
    }
    assert_eq!(processes.sim(LENDER, "counts").await["requests"], REQUESTS);
    for institution in [LENDER, BORROWER] {
        processes.control(Method::DELETE, institution, "faults", &json!({})).await;
    }
    assert_name_is_held_once_more(&processes, &cluster.url("postgres")).await;
    for (id, barcode) in &accepted {
        assert_eq!(to_the_end(&processes, id, barcode).await["outcome"], "SUPPLIED");
    }
    assert_as_before(&processes, &before).await;
}

#[tokio::test]
async fn hub_continues_after_postgresql_stood_still_past_the_leases() {
    const REQUESTS: usize = 4;
    let Some(cluster) = cluster() else { return };
    let processes = Processes::start_with("error", Some(&cluster.url("postgres")), "lease_ms = 1000\n").await;
    let before = processes.sim(BORROWER, "counts").await;
    delay(&processes, LENDER, "*", 50, 10_000).await;
    let accepted = placed(&processes, REQUESTS).await;
    until_lender_has_a_hold(&processes).await;
    cluster.stand_still().unwrap();
    // The hub answers after three seconds, when the leases have run out.
    let (status, said) = processes.answer_at(Method::GET, "/health", KEY, None).await;
    assert_eq!(status, 503, "{said}");
    assert!(said.contains("STORE_UNAVAILABLE") && said.contains("database"), "{said}");
    cluster.go_on().unwrap();

    for (id, _) in &accepted {
        processes.until(id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    }
    assert_eq!(processes.sim(LENDER, "counts").await["requests"], REQUESTS, "one hold for each");
    assert_eq!(processes.answer_at(Method::GET, "/health", KEY, None).await.0, 200);
    for (id, barcode) in &accepted {
        assert_eq!(to_the_end(&processes, id, barcode).await["outcome"], "SUPPLIED");
    }
    assert_as_before(&processes, &before).await;
}

/// Starts a PostgreSQL cluster that a test may stop.
fn cluster() -> Option<Cluster> {
    Cluster::start().inspect_err(|reason| println!("left out: {reason}")).ok()
}

/// Places this many requests. Returns the id and the barcode of each.
async fn placed(processes: &Processes, count: usize) -> Vec<(String, String)> {
    let mut accepted = Vec::new();
    for number in 1..=count {
        let barcode = format!("01LEND-M{number:03}");
        let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement(&barcode))).await;
        accepted.push((placed["id"].as_str().unwrap().to_owned(), barcode));
    }
    accepted
}

/// Checks that the hub refuses every kind of call soon and with an explanation. None may hang or be a fault of the hub.
async fn assert_refuses_clearly(processes: &Processes, id: &str) {
    /// A time well within the patience of callers.
    const SOON: Duration = Duration::from_secs(8);
    let body = placement("01LEND-M020");
    let calls = [
        (Method::GET, "/api/v1/requests".to_owned(), None),
        (Method::GET, format!("/api/v1/requests/{id}"), None),
        (Method::POST, "/api/v1/requests?wait=0".to_owned(), Some(&body)),
        (Method::POST, format!("/api/v1/requests/{id}/poll"), None),
        (Method::DELETE, format!("/api/v1/requests/{id}?by=patron"), None),
        (Method::GET, "/health".to_owned(), None),
    ];
    let all = calls.iter().map(async |(method, path, body)| {
        // The time is measured because the test checks it: a refusal must come soon.
        let begun = Instant::now();
        let (status, said) = processes.answer_at(method.clone(), path, KEY, *body).await;
        assert_eq!(status, 503, "{method} {path}: {said}");
        assert!(begun.elapsed() < SOON, "{method} {path} took {:?}", begun.elapsed());
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["code"], "STORE_UNAVAILABLE", "{said}");
        let detail = said["detail"].as_str().unwrap();
        assert!(detail.starts_with("The hub"), "{detail}");
        // A server that is down refuses at once. An answer of a paused one is awaited as long as a caller may wait.
        let says = ["database can't be used", "database doesn't answer"];
        assert!(says.iter().any(|words| detail.contains(words)), "{detail}");
        assert!(!detail.contains("pool"), "{detail}");
    });
    futures::future::join_all(all).await;
}

/// Waits until the connection that receives other nodes' notifications, and holds this node's name, exists again.
async fn assert_name_is_held_once_more(processes: &Processes, database: &str) {
    let server = pg_cluster::connect(database).await.unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    eventually("the node takes its name after the restart", async || {
        let locks: i64 = server.query_one(held, &[]).await.unwrap().get(0);
        if locks > 0 { Ok(()) } else { Err("no advisory lock") }
    })
    .await;
    let config = std::fs::read_to_string(&processes.config).unwrap();
    let elsewhere = processes.dir.path().join("same-name.toml");
    std::fs::write(&elsewhere, config.replace(&processes.hub.to_string(), &free_port().to_string())).unwrap();
    let said = complaint(&consort(&["serve", "--config", elsewhere.to_str().unwrap()]));
    assert!(said.contains("runs as the node \"hub\""), "{said}");
}

/// Takes a request from the lender's shelf to the patron and back, without any fault.
async fn to_the_end(processes: &Processes, id: &str, barcode: &str) -> Value {
    let scan = |barcode: &str| json!({"barcode": barcode, "library": "MAIN", "desk": DESK});
    processes.staff(LENDER, "scan-in", &scan(barcode)).await;
    let sent = processes.until(id, "PICKUP_TRANSIT").await;
    let here = sent["borrower"]["barcode"].as_str().unwrap();
    processes.staff(BORROWER, "scan-in", &scan(here)).await;
    processes.until(id, "READY_FOR_PICKUP").await;
    let lent = json!({"barcode": here, "user": "jo.reader", "library": "MAIN", "desk": DESK});
    processes.staff(BORROWER, "loan", &lent).await;
    processes.until(id, "LOANED").await;
    processes.staff(BORROWER, "scan-in", &scan(here)).await;
    processes.until(id, "RETURN_TRANSIT").await;
    processes.staff(LENDER, "scan-in", &scan(barcode)).await;
    processes.until(id, "FINALISED").await
}

async fn assert_as_before(processes: &Processes, before: &Value) {
    let after = processes.sim(BORROWER, "counts").await;
    for what in COUNTED {
        assert_eq!(after[what], before[what], "{what} at the borrower");
    }
    let at_lender = processes.sim(LENDER, "counts").await;
    assert_eq!((&at_lender["requests"], &at_lender["loans"]), (&json!(0), &json!(0)));
}

async fn delay(processes: &Processes, institution: &str, call: &str, ms: u64, times: u64) {
    let fault = json!({"call": call, "times": times, "fault": {"kind": "delay", "ms": ms, "before": false}});
    processes.control(Method::POST, institution, "faults", &fault).await;
}

async fn until_lender_has_a_hold(processes: &Processes) {
    eventually("the lender has a hold", async || {
        let counts = processes.sim(LENDER, "counts").await;
        if counts["requests"] != 0 { Ok(()) } else { Err(counts) }
    })
    .await;
}

fn made(calls: &Value, endpoint: &str) -> u64 {
    calls["calls"][endpoint].as_u64().unwrap_or_default()
}
