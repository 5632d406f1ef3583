//! Plants secrets and personal data, and searches for them where they must not be: in the log at its most verbose
//! level, in the audit, in the API's errors, in the metrics and traces, in the database's files.

use std::path::Path;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::json;

use crate::patience::eventually;
use crate::program::{BORROWER, DESK, KEY, LENDER, Processes, consort, dir_file, key_of, placement};

const FIRST_NAME: &str = "Canaryna";
const LAST_NAME: &str = "Kanarienvogel";
const CARD: &str = "01BORROW-P001";
const EMAIL: &str = "jo.reader@01borrow_inst.example.org";
const PRIMARY_ID: &str = "jo.reader";
const SECRET: &str = "canary-secret-of-the-webhook";

/// Returns all planted texts, each with its kind.
fn canaries() -> Vec<(&'static str, String)> {
    vec![
        ("the lender's API key", key_of(LENDER)),
        ("the borrower's API key", key_of(BORROWER)),
        ("the hub's API key", KEY.to_owned()),
        ("the webhook's secret", SECRET.to_owned()),
        ("the patron's first name", FIRST_NAME.to_owned()),
        ("the patron's last name", LAST_NAME.to_owned()),
        ("the patron's card", CARD.to_owned()),
        ("the patron's e-mail address", EMAIL.to_owned()),
        ("the patron's id", PRIMARY_ID.to_owned()),
    ]
}

fn assert_none(place: &str, text: &str) {
    let text = text.to_lowercase();
    for (what, canary) in canaries() {
        let at = text.find(&canary.to_lowercase());
        let around = at.map(|at| text[at.saturating_sub(200)..].chars().take(400).collect::<String>());
        assert_eq!(around, None, "{what} is in {place}");
    }
}

/// A collector that receives traces (OTLP over HTTP) and keeps them.
struct Collector {
    address: String,
    received: Arc<Mutex<Vec<u8>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Collector {
    async fn start() -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::clone(&received);
        let take =
            axum::routing::post(async move |body: axum::body::Bytes| kept.lock().unwrap().extend_from_slice(&body));
        let router = axum::Router::new().route("/v1/traces", take);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, received, serving }
    }

    /// Returns the received data. They are Protobuf, which contains text unencoded.
    fn received(&self) -> String {
        String::from_utf8_lossy(&self.received.lock().unwrap()).into_owned()
    }
}

/// Takes a request from a card's number to the return. Some answers get lost, and one is unintelligible.
async fn lend_by_card(processes: &Processes) -> String {
    // The borrower's Alma sends messages about its holds and loans, with the patron's id.
    let secret = json!({"secret": SECRET});
    processes.api(Method::PUT, &format!("/institutions/{BORROWER}/webhook"), Some(&secret)).await;
    let hook = json!({"url": format!("http://{}/webhooks/{BORROWER}", processes.hub), "secret": SECRET});
    processes.control(Method::POST, BORROWER, "webhooks", &hook).await;

    // Up to the loan at both sides, with the card's number. Some answers get lost, and one is unintelligible.
    for call in ["POST /users", "POST /bibs"] {
        let fault = json!({"call": call, "times": 1, "fault": {"kind": "drop_after"}});
        processes.control(Method::POST, LENDER, "faults", &fault).await;
        processes.control(Method::POST, BORROWER, "faults", &fault).await;
    }
    let html = json!({"call": "GET /users/{user_id}", "times": 1, "fault": {"kind": "html"}});
    processes.control(Method::POST, BORROWER, "faults", &html).await;
    let mut by_card = placement("01LEND-M001");
    by_card["patron"] = json!(CARD);
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&by_card)).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    processes.staff(LENDER, "scan-in", &json!({"barcode": "01LEND-M001", "library": "MAIN", "desk": DESK})).await;
    processes.until(&id, "PICKUP_TRANSIT").await;
    let here = processes.request(&id).await["borrower"]["barcode"].as_str().unwrap().to_owned();
    let at_desk = json!({"barcode": here, "library": "MAIN", "desk": DESK, "user": PRIMARY_ID});
    processes.staff(BORROWER, "scan-in", &at_desk).await;
    processes.until_without_poll(&id, "READY_FOR_PICKUP").await;
    processes.staff(BORROWER, "loan", &at_desk).await;
    processes.until_without_poll(&id, "LOANED").await;
    processes.staff(BORROWER, "scan-in", &at_desk).await;
    processes.until_without_poll(&id, "RETURN_TRANSIT").await;
    id
}

/// Makes calls that the hub refuses. Returns all its answers.
async fn make_mistakes(processes: &Processes) -> String {
    // A second request for the same patron, by e-mail, which the hub refuses; and other faulty calls.
    let mut second = placement("01LEND-M001");
    second["patron"] = json!(EMAIL);
    let (status, said) = processes.answer(Method::POST, "/requests", KEY, Some(&second)).await;
    assert!(status == 409 || status == 422, "{status} {said}");
    let mut errors = said;
    let wrong_key = format!("{KEY}-wrong");
    errors.push_str(&processes.answer(Method::GET, "/requests", &wrong_key, None).await.1);
    let (status, said) = processes
        .answer(
            Method::PUT,
            &format!("/institutions/{LENDER}"),
            KEY,
            Some(&json!({
                "name": "X", "kind": "alma", "api_key": key_of(LENDER), "settings": {"base_url": "nonsense"},
            })),
        )
        .await;
    assert_eq!(status, 422, "{said}");
    errors.push_str(&said);
    let shown = processes.answer(Method::GET, &format!("/institutions/{LENDER}"), KEY, None).await.1;
    assert!(!shown.contains(&key_of(LENDER)), "a key that was put in comes out again");
    errors
}

/// Checks that the files of the store contain the request and none of the planted texts.
fn assert_store_has_none(data: &Path, id: &str) {
    let database = std::fs::read(data.join("consort.db")).expect("the store is there");
    // Files that SQLite leaves if the hub was killed.
    let logs = ["consort.db-wal", "consort.db-shm"].map(|file| std::fs::read(data.join(file)).unwrap_or_default());
    let text = String::from_utf8_lossy(&[database, logs.concat()].concat()).into_owned();
    assert!(text.contains(id) && text.contains("lent_at_lender"), "the store contains the request");
    assert_none("the store", &text);
}

/// Starts hubs with this hub's configuration, each time with another fault in it. Returns what they say.
fn complaints_about_configurations(processes: &Processes) -> String {
    let good = std::fs::read_to_string(&processes.config).unwrap();
    assert!(good.contains(KEY), "the configuration contains a key");
    let faults = [
        good.replace(&format!("{KEY}\""), KEY),
        good.replace(&format!("\"{KEY}\""), &format!("[\"{KEY}\"]")),
        good.replace("[engine]", &format!("secret = {SECRET}\n[engine]")),
        good.replace("poll_interval_initial_ms = 60000", &format!("poll_interval_initial_ms = \"{SECRET}\"")),
        format!("database = \"postgres://{CARD}:{SECRET}@127.0.0.1:1/hub\"\n{good}"),
    ];
    let file = dir_file(&processes.dir, "faulty.toml");
    let mut said = String::new();
    for fault in faults {
        assert_ne!(fault, good);
        std::fs::write(&file, fault).unwrap();
        for command in [&["--log", "trace", "serve"][..], &["doctor"], &["audit", "verify"]] {
            let output = consort(&[command, &["--config", file.to_str().unwrap()]].concat());
            assert!(!output.status.success(), "{command:?}");
            assert!(!output.stderr.is_empty() || !output.stdout.is_empty(), "{command:?} says nothing");
            said.push_str(&String::from_utf8_lossy(&output.stdout));
            said.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    said
}

#[tokio::test]
async fn no_secret_and_no_person_is_in_log_audit_errors_or_database() {
    let collector = Collector::start().await;
    let mut processes = Processes::start_watched("trace", &collector.address).await;
    let name = json!({"first_name": FIRST_NAME, "last_name": LAST_NAME});
    processes.control(Method::PATCH, BORROWER, "users/jo.reader", &name).await;
    let id = lend_by_card(&processes).await;
    let errors = make_mistakes(&processes).await;

    assert_none("the API's errors", &errors);
    let (_, metrics) = processes.answer_at(Method::GET, "/metrics", KEY, None).await;
    assert!(metrics.contains("priority=\"circulation\"") && metrics.contains("POST /users/{user}/loans"), "{metrics}");
    assert_none("the metrics", &metrics);
    let quota = processes.answer(Method::GET, &format!("/institutions/{BORROWER}/quota"), KEY, None).await.1;
    assert!(quota.contains("by_endpoint"), "{quota}");
    assert_none("the quota", &quota);
    let timeline = processes.request(&id).await["timeline"].to_string();
    assert!(timeline.contains("lent_at_lender"), "{timeline}");
    assert!(timeline.contains("observed_at_borrower"), "{timeline}");
    assert_none("the audit", &timeline);
    // The hub sends its traces in batches.
    for expected in ["POST /users/{user}/loans", "effect lend", "/api/v1/requests", "circulation"] {
        eventually(&format!("{expected} is in a trace"), async || {
            let traces = collector.received();
            if traces.contains(expected) { Ok(()) } else { Err(format!("{} bytes without it", traces.len())) }
        })
        .await;
    }
    processes.stop_hub().await;
    let log = processes.log();
    assert!(log.contains("TRACE") && log.len() > 10_000, "the log is not at its loudest: {} bytes", log.len());
    assert_none("the log", &log);
    let traces = collector.received();
    assert_none("the traces", &traces);
    assert_store_has_none(&dir_file(&processes.dir, "data"), &id);
    let complaints = complaints_about_configurations(&processes);
    assert_none("the complaints about a configuration", &complaints);
}

#[tokio::test]
async fn audit_is_verified_while_the_hub_runs() {
    let processes = Processes::start().await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M002"))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let config = processes.config.to_str().unwrap();
    let said = processes.output(&["audit", "verify", "--config", config]);
    assert!(said.contains("The audit is whole: 1 requests"), "{said}");
    let one = processes.output(&["audit", "verify", "--config", config, "--request", &id]);
    assert!(one.contains("The audit is whole"), "{one}");
    let none = uuid();
    let output = processes.consort(&["audit", "verify", "--config", config, "--request", &none]);
    assert!(crate::program::complaint(&output).contains(&none));
}

fn uuid() -> String {
    "00000000-0000-7000-8000-000000000001".to_owned()
}
