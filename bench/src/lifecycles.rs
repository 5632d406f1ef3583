//! Runs whole lifecycles at full speed. Commits are durable, the hub is a process of its own, and the Almas are on
//! loopback and send messages. Staff act as soon as an Alma shows that there is something to do.
//!
//! The ceiling is the same number of bare calls and of bare durable units. A bare call: reqwest calls an axum handler that
//! returns a stored value, over the same number of connections. A bare unit: one of `bench store`.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ::store::Database;
use alma_sim::{Server, Sim, SimClock, WebhookProfile};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Scale;
use crate::live::calls;
use crate::live::databases::Databases;
use crate::live::hub::{HubProcess, Setup, cpu_of};
use crate::simulate::sim_setup::{self, BORROWER, DESK, LENDERS};
use crate::store;
use crate::verdict::{Verdict, table};

/// The least lifecycles a second on SQLite and on PostgreSQL, whose server shares the processors.
const LEAST: [f64; 2] = [80.0, 60.0];
/// The most processor time of the hub for a lifecycle, in milliseconds.
const HUB_CPU_MS: f64 = 10.0;
const UNITS: f64 = 17.0;
const CALLS: f64 = 13.0;
/// Staff look at their screens so often. Each look goes through everything that is under way: at every 4 ms it cost twice
/// as much as the simulated Almas' answers.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(25);
/// How long a book waits on the hold shelf, is with its patron, and travels home. Without these the next act follows
/// within milliseconds. Its message then overtakes the one before, which costs calls that no library has seen.
const EACH_STAY: Duration = Duration::from_secs(1);
const IN_FLIGHT: usize = 500;
/// How many books a patron borrows, as in a year: the virtual patron is made for the first.
const BOOKS_EACH: usize = 30;
const PLACING: usize = 8;
const CONNECTIONS: usize = 16;
const SECRET: &str = "secret-of-the-benchmark";
const PATIENCE: Duration = Duration::from_secs(240);
/// The settings by which the hub polls so rarely that it learns of every change from a message.
const SETTINGS: &str = "batch_poll_interval_ms = 600000\npoll_interval_initial_ms = 600000\npoll_interval_max_ms = 600000\nworkers = 256\nworkers_per_institution = 128\n";

struct Measured {
    store: &'static str,
    lifecycles: usize,
    took: Duration,
    calls: u64,
    /// The number of calls by endpoint.
    by_endpoint: BTreeMap<String, u64>,
    hub_cpu: f64,
    others_cpu: f64,
    commits: u64,
    bare_calls: f64,
    bare_units: f64,
}

/// Rounds as the table does.
fn tenths(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

impl Measured {
    fn rate(&self) -> f64 {
        self.lifecycles as f64 / self.took.as_secs_f64()
    }

    fn each(&self, what: f64) -> f64 {
        what / self.lifecycles as f64
    }

    /// Returns the number of lifecycles per second if its calls and units, one after the other, were all the work.
    fn ceiling(&self) -> f64 {
        let calls = self.each(self.calls as f64) / self.bare_calls;
        let units = self.each(self.commits as f64) / self.bare_units;
        1.0 / (calls + units)
    }

    fn met(&self, least: f64) -> bool {
        self.rate() >= least
            && self.each(self.hub_cpu) * 1_000.0 <= HUB_CPU_MS
            && tenths(self.each(self.commits as f64)) <= UNITS
            && tenths(self.each(self.calls as f64)) <= CALLS
    }
}

pub(crate) fn run(scale: Scale, database: Option<&str>) -> Result<Verdict, String> {
    let lifecycles = match scale {
        Scale::Full => 3_000,
        Scale::Quick => 150,
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let mut databases = Databases::open_durable(database)?;
    runtime.block_on(async {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let bare_units = store::bare_units(&Database::Sqlite(dir.path().join("bare.db"))).await?;
        let embedded = Measured { bare_units, ..measure("SQLite", lifecycles, None).await? };
        let (name, bare) = (databases.make().await?, databases.make().await?);
        let bare_units = store::bare_units(&Database::Postgres(databases.url(&bare).into())).await?;
        let postgres = measure("PostgreSQL", lifecycles, Some((&databases, &name))).await?;
        let postgres = Measured { bare_units, ..postgres };
        for name in [&name, &bare] {
            databases.drop(name).await?;
        }
        let mut verdict = verdict(&[embedded, postgres]);
        verdict.notes.push(databases.peer().await?);
        Ok(verdict)
    })
}

async fn measure(
    store: &'static str,
    lifecycles: usize,
    database: Option<(&Databases, &str)>,
) -> Result<Measured, String> {
    let sim = sim_setup::build_for(SimClock::Real, lifecycles, lifecycles.div_ceil(BOOKS_EACH))?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::start(sim.clone(), listen).await.map_err(|error| error.to_string())?;
    let url = database.map(|(databases, name)| databases.url(name));
    let setup = Setup { database: url, engine: SETTINGS.to_owned() };
    let hub = HubProcess::start(setup).await?;
    hub.introduce(&server.base_url()).await?;
    for code in [LENDERS[0], BORROWER] {
        let path = format!("/api/v1/institutions/{code}/webhook");
        hub.client.put(&path, &json!({"secret": SECRET})).await.map_err(|failure| failure.to_string())?;
        let profile = WebhookProfile::new(&format!("http://{}/webhooks/{code}", hub.address), SECRET);
        let actions = ["LOAN", "REQUEST", "ITEM"].map(str::to_owned).into();
        let added = sim.add_webhook(code, WebhookProfile { actions, at_once: 16, ..profile });
        added.map_err(|error| error.to_string())?;
        let staff = sim.staff(code).map_err(|error| error.to_string())?;
        staff.set_behaviour(|site| site.circulation_raises_item_events = true);
    }
    let before = (Instant::now(), calls(&sim)?, hub.cpu(), cpu_of("self"), hub.commits().await?);
    play(&sim, &hub, lifecycles).await?;
    let took = before.0.elapsed();
    let measured = Measured {
        store,
        lifecycles,
        took,
        calls: calls(&sim)? - before.1,
        by_endpoint: by_endpoint(&sim)?,
        hub_cpu: hub.cpu() - before.2,
        others_cpu: cpu_of("self") - before.3,
        commits: hub.commits().await? - before.4,
        bare_calls: 0.0,
        bare_units: 0.0,
    };
    drop(hub);
    Ok(Measured { bare_calls: bare_calls().await?, ..measured })
}

/// Returns the number of calls that the Almas counted, by endpoint.
fn by_endpoint(sim: &Sim) -> Result<BTreeMap<String, u64>, String> {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for code in [LENDERS[0], BORROWER] {
        for (call, count) in sim.calls(code).map_err(|error| error.to_string())? {
            *all.entry(call).or_default() += count;
        }
    }
    Ok(all)
}

/// Lets patrons place requests while there is room, and staff do everything that their Alma shows.
async fn play(sim: &Sim, hub: &HubProcess, lifecycles: usize) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    let mut placing = JoinSet::new();
    let patrons = lifecycles.div_ceil(BOOKS_EACH);
    let (mut placed, mut books) = (0, Books::default());
    loop {
        while placed < lifecycles && placed - books.home.len() < IN_FLIGHT && placing.len() < PLACING {
            let (client, number) = (hub.client.clone(), placed);
            placing.spawn(async move {
                let copy = json!({"institution": LENDERS[0], "barcode": sim_setup::barcode(LENDERS[0], number)});
                let body = json!({
                    "agency": "BORROW", "patron": sim_setup::one_of_many(number % patrons), "pickup_location": "BORROW-MAIN",
                    "copies": [copy],
                });
                client.call(Method::POST, "/api/v1/requests?wait=0", Some(&body)).await.map(drop)
            });
            placed += 1;
        }
        while let Some(ended) = placing.try_join_next() {
            ended.map_err(|error| error.to_string())?.map_err(|failure| failure.to_string())?;
        }
        act(sim, &mut books)?;
        let left = sim.staff(BORROWER).map_err(|error| error.to_string())?.counts()["items"].clone();
        if books.home.len() == lifecycles && left == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            let home = books.home.len();
            return Err(format!("{home} of {lifecycles} came home, {left} virtual items are left"));
        }
        tokio::time::sleep(BETWEEN_ROUNDS).await;
    }
}

/// Where books are: on the hold shelf, with a patron, on the way home, at home. By barcode, with the time since when.
#[derive(Default)]
struct Books {
    shelved: BTreeMap<String, Instant>,
    kept: BTreeMap<String, Instant>,
    returned: BTreeMap<String, Instant>,
    home: BTreeSet<String>,
}

/// Returns whether a stay is over that began when the book was first seen there.
fn is_over(since: &mut BTreeMap<String, Instant>, barcode: &str) -> bool {
    match since.get(barcode) {
        Some(since) => since.elapsed() >= EACH_STAY,
        None => {
            since.insert(barcode.to_owned(), Instant::now());
            false
        }
    }
}

/// Performs every action that staff of both libraries can do now.
fn act(sim: &Sim, books: &mut Books) -> Result<(), String> {
    let lender = sim.staff(LENDERS[0]).map_err(|error| error.to_string())?;
    let borrower = sim.staff(BORROWER).map_err(|error| error.to_string())?;
    let lent: BTreeSet<String> = lender.loans().into_iter().map(|loan| loan.barcode).collect();
    let theirs = borrower.loans();
    for hold in borrower.requests() {
        let Some(barcode) = hold.barcode else { continue };
        // The item may be gone since the list was made.
        let Ok(item) = borrower.item(&barcode) else { continue };
        match item.process_type.as_str() {
            "TRANSIT" => drop(borrower.scan_in(&barcode, "MAIN", DESK)),
            "HOLDSHELF" if !is_over(&mut books.shelved, &barcode) => {}
            "HOLDSHELF" => drop(borrower.lend(&barcode, &hold.user, "MAIN", DESK)),
            // The virtual item has its hold, so the lender's staff see their hold too.
            _ => {
                if lender.item(&barcode).is_ok_and(|item| item.process_type.is_empty())
                    && !books.home.contains(&barcode)
                {
                    drop(lender.scan_in(&barcode, "MAIN", DESK));
                }
            }
        }
    }
    for loan in &theirs {
        // The patron reads fast, but doesn't return the book before the lender's loan is made.
        if lent.contains(&loan.barcode) && is_over(&mut books.kept, &loan.barcode) {
            drop(borrower.scan_in(&loan.barcode, "MAIN", DESK));
        }
    }
    let out: BTreeSet<&String> = theirs.iter().map(|loan| &loan.barcode).collect();
    for barcode in &lent {
        let returned = !out.contains(barcode)
            && borrower.item(barcode).is_ok_and(|item| !matches!(item.process_type.as_str(), "LOAN" | "HOLDSHELF"));
        let arrived = returned && is_over(&mut books.returned, barcode);
        if arrived && lender.scan_in(barcode, "MAIN", DESK).is_ok() {
            books.home.insert(barcode.clone());
        }
    }
    Ok(())
}

/// Returns the calls per second of a client and a server that do nothing else.
async fn bare_calls() -> Result<f64, String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let answer = json!({"title": "x".repeat(1_500)});
    let router = axum::Router::new().route(
        "/",
        axum::routing::get(move || {
            let answer = answer.clone();
            async move { axum::Json(answer) }
        }),
    );
    let serving = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    let client = scenarios::http_client().map_err(|failure| failure.to_string())?;
    let calls = Arc::new(AtomicUsize::new(0));
    let (begun, length) = (Instant::now(), Duration::from_secs(3));
    let mut running = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (client, calls) = (client.clone(), Arc::clone(&calls));
        running.spawn(async move {
            while begun.elapsed() < length {
                let answer = client.get(format!("http://{address}/")).send().await?;
                answer.json::<serde_json::Value>().await?;
                calls.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, reqwest::Error>(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    }
    let rate = calls.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    serving.abort();
    Ok(rate)
}

fn verdict(measured: &[Measured]) -> Verdict {
    let mut rows = table(&[
        "store",
        "lifecycles",
        "per second",
        "calls each",
        "units each",
        "hub's CPU each",
        "Almas' and staff's",
        "of the ceiling",
    ]);
    for one in measured {
        let ms = |seconds: f64| format!("{:.1} ms", one.each(seconds) * 1_000.0);
        rows.add_row([
            one.store.to_owned(),
            one.lifecycles.to_string(),
            format!("{:.1}", one.rate()),
            format!("{:.1}", one.each(one.calls as f64)),
            format!("{:.1}", one.each(one.commits as f64)),
            ms(one.hub_cpu),
            ms(one.others_cpu),
            format!("{:.0} %", 100.0 * one.rate() / one.ceiling()),
        ]);
    }
    let bare = measured.iter().map(|one| format!("{:.0} calls and {:.0} units", one.bare_calls, one.bare_units));
    let bare = bare.collect::<Vec<_>>().join(", ");
    let figures = measured.iter().map(|one| {
        format!(
            "{} {:.1}/s, {:.1} ms of the hub, {:.1} units, {:.1} calls",
            one.store,
            one.rate(),
            one.each(one.hub_cpu) * 1_000.0,
            one.each(one.commits as f64),
            one.each(one.calls as f64)
        )
    });
    let figure = figures.collect::<Vec<_>>().join("; ");
    let calls = measured.iter().map(|one| {
        let calls = one.by_endpoint.iter().filter(|(_, count)| **count > 0);
        let calls = calls.map(|(call, count)| format!("  {:.2} {call}", one.each(*count as f64)));
        format!("{}, calls each:\n{}", one.store, calls.collect::<Vec<_>>().join("\n"))
    });
    let calls: Vec<String> = calls.collect();
    Verdict {
        table: rows,
        notes: vec![format!("bare, per second: {bare}; hub, Almas and staff share the processors")]
            .into_iter()
            .chain(calls)
            .collect(),
        figure,
        target: format!(
            "at least {} and {}/s, at most {HUB_CPU_MS} ms of the hub, {UNITS} units, {CALLS} calls",
            LEAST[0], LEAST[1]
        ),
        met: measured.iter().zip(LEAST).all(|(one, least)| one.met(least)),
    }
}
