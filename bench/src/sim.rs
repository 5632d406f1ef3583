//! Measures the simulated Alma under load, next to a bare axum handler that answers the same JSON from memory.
//!
//! The server and the load each run on a runtime with one thread, in both measurements, so that on two cores neither
//! slows the other. Each call is for another item, and each must succeed.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alma_sim::{Bib, Holding, Item, Server, Sim, SimOptions, User, presets};
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::Scale;
use crate::load::{self, Measured};
use crate::verdict::{Verdict, peer, table};

const INSTITUTION: &str = "01BENCH_INST";
const KEY: &str = "bench";
const CONNECTIONS: usize = 16;
const PER_BIB: usize = 4;
/// The smallest share of the bare handler's rate that reads must reach.
const TARGET: f64 = 0.40;

/// Calls of one kind.
struct Kind {
    name: &'static str,
    read: bool,
    calls: Vec<Vec<u8>>,
    wanted: fn(u16) -> bool,
}

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let (items, reads, writes) = match scale {
        Scale::Full => (1_000_000, 60_000, 20_000),
        // As many reads as take half a second at least: the rate of a tenth of a second varies by a fifth between runs.
        Scale::Quick => (100_000, 40_000, 10_000),
    };
    let begun = Instant::now();
    let before = resident();
    let sim = Sim::new(&SimOptions::default());
    sim.add_institution(presets::empty_university(INSTITUTION, KEY)).map_err(|error| error.to_string())?;
    fill(&sim, items)?;
    let loaded = begun.elapsed();
    let grown = resident().saturating_sub(before);
    let address = serve_sim(sim.clone())?;
    let same = Same::default();
    let bare = serve_bare(Arc::clone(&same))?;
    let load = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;

    let mut rows = table(&["call", "calls/s", "p99", "bytes", "bare handler/s", "share"]);
    let mut least = (f64::MAX, "");
    for kind in kinds(&sim, items, reads, writes)? {
        let calls = Arc::new(kind.calls);
        let count = calls.len();
        let measured = load
            .block_on(load::run(address, CONNECTIONS, calls, kind.wanted))
            .map_err(|reason| format!("{}: {reason}", kind.name))?;
        *same.write() = Arc::new(serde_json::from_slice(&measured.body).unwrap_or_default());
        let plain = Arc::new(vec![bare_call(); count]);
        let baseline = load.block_on(load::run(bare, CONNECTIONS, plain, |status| status == 200))?;
        let share = measured.rate / baseline.rate;
        if kind.read && share < least.0 {
            least = (share, kind.name);
        }
        rows.add_row(row(kind.name, &measured, &baseline, share));
    }
    Ok(Verdict {
        table: rows,
        notes: vec![
            format!(
                "{items} items loaded in {:.1} s, {} MB resident for them; {CONNECTIONS} connections",
                loaded.as_secs_f64(),
                grown / 1_000
            ),
            peer("axum", locked_version(include_str!("../../Cargo.lock"), "axum").unwrap_or("of an unknown version")),
        ],
        figure: format!("reads at least {:.3} of the bare handler's rate ({})", least.0, least.1),
        target: format!("at least {TARGET:.2}"),
        met: least.0 >= TARGET,
    })
}

/// The version of a package that Cargo.lock names.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("\nname = \"{package}\"\nversion = \""))?;
    rest.split_once('"').map(|(version, _)| version)
}

fn row(name: &str, measured: &Measured, baseline: &Measured, share: f64) -> Vec<String> {
    vec![
        name.to_owned(),
        format!("{:.0}", measured.rate),
        format!("{:.2} ms", measured.p99.as_secs_f64() * 1_000.0),
        measured.body.len().to_string(),
        format!("{:.0}", baseline.rate),
        format!("{share:.2}"),
    ]
}

fn fill(sim: &Sim, items: usize) -> Result<(), String> {
    let staff = sim.staff(INSTITUTION).map_err(|error| error.to_string())?;
    for number in 0..READERS {
        staff
            .add_user(&User::new(&reader(number)).group("UNDRGRD").expires("2039-12-31"))
            .map_err(|error| error.to_string())?;
    }
    for number in 0..items / PER_BIB {
        let mut holding = Holding::new("MAIN", "stacks");
        for copy in 0..PER_BIB {
            holding = holding.item(Item::new(&barcode(number * PER_BIB + copy)));
        }
        staff
            .add_bib(Bib::new(&format!("Title number {number}")).holding(holding))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The number of readers. There are many, as in reality, since Alma reads a user's other requests with each new one.
const READERS: usize = 1_000;

fn reader(at: usize) -> String {
    format!("reader-{}", at % READERS)
}

fn barcode(number: usize) -> String {
    format!("B{number:08}")
}

fn kinds(sim: &Sim, items: usize, reads: usize, writes: usize) -> Result<Vec<Kind>, String> {
    let staff = sim.staff(INSTITUTION).map_err(|error| error.to_string())?;
    // The items lie far from each other, so that the machine's caches don't improve the result.
    let spread = |at: usize| (at * 7_919) % items;
    let mut paths = Vec::with_capacity(reads.max(3 * writes));
    for at in 0..reads.max(3 * writes) {
        let item = staff.item(&barcode(spread(at))).map_err(|error| error.to_string())?;
        paths.push(format!("/bibs/{}/holdings/{}/items/{}", item.mms_id, item.holding_id, item.pid));
    }
    let some = |count: usize, path: &dyn Fn(usize) -> String| (0..count).map(|at| get_call(&path(at))).collect();
    let hold = json!({"request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": "SHARING"});
    let loan = json!({"circ_desk": {"value": "DEFAULT_CIRC_DESK"}, "library": {"value": "MAIN"}});
    let desk = "library=MAIN&circ_desk=DEFAULT_CIRC_DESK";
    let ok: fn(u16) -> bool = |status| status == 200;
    let pid = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let kind = |name, read, calls, wanted| Kind { name, read, calls, wanted };
    Ok(vec![
        kind("GET user", true, some(reads, &|at| format!("/users/{}", reader(at))), ok),
        kind(
            "GET item by barcode",
            true,
            some(reads, &|at| format!("/items?item_barcode={}", barcode(spread(at)))),
            |s| s == 302,
        ),
        kind("GET item", true, some(reads, &|at| paths[at].clone()), ok),
        kind("GET item's requests", true, some(reads, &|at| format!("{}/requests?request_type=HOLD", paths[at])), ok),
        kind(
            "POST hold",
            false,
            (0..writes).map(|at| post(&format!("{}/requests?user_id={}", paths[at], reader(at)), &hold)).collect(),
            ok,
        ),
        kind(
            "POST scan-in",
            false,
            (0..writes).map(|at| post(&format!("{}?op=scan&{desk}", paths[writes + at]), &Value::Null)).collect(),
            ok,
        ),
        kind(
            "POST loan",
            false,
            (0..writes)
                .map(|at| {
                    post(&format!("/users/{}/loans?item_pid={}", reader(at), pid(&paths[2 * writes + at])), &loan)
                })
                .collect(),
            ok,
        ),
        kind("GET item's loans", true, some(writes, &|at| format!("{}/loans", paths[2 * writes + at])), ok),
        kind(
            "GET desk's task list",
            true,
            some(writes / 10, &|_| format!("/task-lists/requested-resources?{desk}&limit=100")),
            ok,
        ),
        kind("GET libraries", true, some(reads, &|_| "/conf/libraries".to_owned()), ok),
    ])
}

fn get_call(path: &str) -> Vec<u8> {
    format!(
        "GET /almaws/v1{path} HTTP/1.1\r\nHost: sim\r\nAuthorization: apikey {KEY}\r\nAccept: application/json\r\n\r\n"
    )
    .into_bytes()
}

fn post(path: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    format!(
        "POST /almaws/v1{path} HTTP/1.1\r\nHost: sim\r\nAuthorization: apikey {KEY}\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn bare_call() -> Vec<u8> {
    b"GET / HTTP/1.1\r\nHost: bare\r\nAccept: application/json\r\n\r\n".to_vec()
}

/// Runs a server on a thread and a runtime of its own.
fn on_its_own<F>(
    name: &str,
    serve: impl FnOnce(std::sync::mpsc::Sender<SocketAddr>) -> F + Send + 'static,
) -> Result<SocketAddr, String>
where
    F: Future<Output = ()>,
{
    let (started, address_of) = std::sync::mpsc::channel();
    let serve = move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(serve(started));
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(serve).map_err(|error| error.to_string())?;
    address_of.recv_timeout(Duration::from_secs(10)).map_err(|_| "a server did not start".to_owned())
}

fn serve_sim(sim: Sim) -> Result<SocketAddr, String> {
    on_its_own("sim", |started| async move {
        if let Ok(server) = Server::start(sim, SocketAddr::from(([127, 0, 0, 1], 0))).await {
            let _ = started.send(server.addr());
            std::future::pending::<()>().await;
        }
    })
}

/// The answer of the bare handler.
type Same = Arc<RwLock<Arc<Value>>>;

/// Returns a stored value: the least work that axum can do, without key, limits, look-up or decision.
fn serve_bare(same: Same) -> Result<SocketAddr, String> {
    on_its_own("bare", |started| async move {
        let answer = |State(same): State<Same>| async move {
            let answer = Arc::clone(&same.read());
            Json(&*answer).into_response()
        };
        let router = Router::new().route("/", get(answer)).with_state(same);
        if let Ok(listener) = tokio::net::TcpListener::bind("127.0.0.1:0").await
            && let Ok(address) = listener.local_addr()
        {
            let _ = started.send(address);
            let _ = axum::serve(listener, router).await;
        }
    })
}

/// Returns the resident memory in kB (Linux; 0 elsewhere).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_of_a_package_is_read_from_cargo_lock() {
        let lock = "version = 4\n\n[[package]]\nname = \"axum-core\"\nversion = \"0.5.5\"\n\n[[package]]\nname = \"axum\"\nversion = \"0.8.9\"\n";
        assert_eq!(locked_version(lock, "axum"), Some("0.8.9"));
        assert_eq!(locked_version(lock, "actix"), None);
    }
}
