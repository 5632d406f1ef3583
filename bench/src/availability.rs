//! Measures how long a question for the availability of a title takes, and how many calls it makes.
//!
//! Twenty records of one title are at ten institutions whose Almas take 300 ms for each answer. The hub asks all of them at
//! once, so that the whole question takes as long as the slowest answer and little more. Each question is cold: the hub has
//! forgotten the answers to the last one. It knows which locations are hidden, which it reads once an hour, and has called
//! for some seconds, so that it knows how many calls other applications make.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::availability::{Availability, Record, Settings};
use alma_sim::{Bib, Fault, FaultKind, Holding, Item, Server, Sim, SimOptions, presets};
use engine::{Engine, Ids, SystemClock};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use store::{Database, Institution, MasterKey, Store};

use crate::Scale;
use crate::verdict::{Verdict, table};

const INSTITUTIONS: usize = 10;
const RECORDS_OF_EACH: usize = 2;
/// How long each Alma takes for an answer.
const SLOW: Duration = Duration::from_millis(300);
/// What the hub may need besides the slowest answer.
const OWN_PART: Duration = Duration::from_millis(20);
/// How long the hub has asked before the measurement begins.
const UNTIL_KNOWN: Duration = Duration::from_secs(4);
const ITEMS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items";

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let questions = match scale {
        Scale::Full => 300,
        Scale::Quick => 30,
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(measure(questions))
}

async fn measure(questions: usize) -> Result<Verdict, String> {
    let sim = Sim::new(&SimOptions::default());
    let records = seed(&sim)?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::start(sim.clone(), listen).await.map_err(|error| error.to_string())?;
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let availability = node(&Database::Sqlite(dir.path().join("consort.db")), &server.base_url()).await?;
    let asking = availability.ordinary();
    // The first question reads the locations and opens the connections.
    availability.of(&records, asking).await;
    for code in codes() {
        let slow = FaultKind::Delay { ms: 300, before: false };
        sim.arm(&code, Fault::always("*", slow)).map_err(|error| error.to_string())?;
    }
    // A client that begins to call leaves half of the calls to unknown applications for three seconds.
    let begun = Instant::now();
    while begun.elapsed() < UNTIL_KNOWN {
        records.iter().for_each(|record| availability.forget(record));
        availability.of(&records, asking).await;
    }
    let before = calls(&sim)?;
    let mut cold = Vec::with_capacity(questions);
    let mut warm = Vec::with_capacity(questions);
    for _ in 0..questions {
        for record in &records {
            availability.forget(record);
        }
        for times in [&mut cold, &mut warm] {
            let begun = Instant::now();
            let report = availability.of(&records, asking).await;
            times.push(begun.elapsed());
            if let Some(missing) = report.records.iter().find_map(|record| record.missing.as_ref()) {
                return Err(format!("an institution did not answer: {}", missing.sentence()));
            }
        }
    }
    let after = calls(&sim)?;
    let spent = (after.0 - before.0, after.1 - before.1);
    Ok(verdict(questions, spent, cold, warm))
}

fn codes() -> Vec<String> {
    (1..=INSTITUTIONS).map(|number| format!("01L{number:02}_INST")).collect()
}

/// Makes the institutions and their records of the title, each with a copy.
fn seed(sim: &Sim) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    for code in codes() {
        let new = presets::empty_university(&code, &key(&code));
        sim.add_institution(new).map_err(|refusal| refusal.to_string())?;
        let staff = sim.staff(&code).map_err(|refusal| refusal.to_string())?;
        for number in 0..RECORDS_OF_EACH {
            let item = Item::new(&format!("{code}-{number}"));
            let bib = Bib::new("Cats & dogs").holding(Holding::new("MAIN", "stacks").item(item));
            let bib = staff.add_bib(bib).map_err(|refusal| refusal.to_string())?;
            records.push(Record { institution: code.as_str().into(), bib: bib.as_str().into() });
        }
    }
    Ok(records)
}

/// Makes a node that knows the institutions.
async fn node(database: &Database, almas: &str) -> Result<Availability, String> {
    let mut rng = StdRng::seed_from_u64(1);
    let master = MasterKey::generate(&mut rng);
    let store = Store::open(database, master, rng).await.map_err(|error| error.to_string())?;
    let mut unit = store.unit();
    for code in codes() {
        let settings = json!({
            "base_url": almas, "sharing_library": "SHARING", "virtual_library": "DCB_LIB",
            "virtual_location": "dcbvirtual", "virtual_item_policy": "DCB",
            "circulation_desks": {"MAIN": "DEFAULT_CIRC_DESK", "DCB_LIB": "DEFAULT_CIRC_DESK", "SHARING": "DEFAULT_CIRC_DESK"},
            "patron_types": {"UNDRGRD": "undergraduate"}, "user_groups": {"undergraduate": "DCB"},
            "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
        });
        let (name, credentials) = (code.clone(), key(&code).into());
        let code = code.as_str().into();
        let institution = Institution { code, name, kind: "alma".to_owned(), settings, credentials };
        unit.put_institution(&institution, jiff::Timestamp::now()).map_err(|error| error.to_string())?;
    }
    store.commit(unit).await.map_err(|error| error.to_string())?;
    let clock = Arc::new(SystemClock::default());
    let (runtime, systems) = Engine::new(store, engine::Settings::default(), clock, Ids::seeded(1)).shared();
    Ok(Availability::new(runtime, systems, Settings::default()))
}

fn key(code: &str) -> String {
    format!("key-of-{code}")
}

/// Returns the number of all calls, and of those that read items.
fn calls(sim: &Sim) -> Result<(u64, u64), String> {
    let (mut all, mut items) = (0, 0);
    for code in codes() {
        let counts = sim.calls(&code).map_err(|refusal| refusal.to_string())?;
        all += counts.values().sum::<u64>();
        items += counts.get(ITEMS).copied().unwrap_or_default();
    }
    Ok((all, items))
}

fn verdict(questions: usize, (all, items): (u64, u64), mut cold: Vec<Duration>, mut warm: Vec<Duration>) -> Verdict {
    let records = u64::try_from(questions * INSTITUTIONS * RECORDS_OF_EACH).unwrap_or(u64::MAX);
    let mut rows = table(&["question", "questions", "p50", "p99", "calls", "calls for each record"]);
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1_000.0);
    let mut row = |name: &str, times: &mut Vec<Duration>, calls: u64| {
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
        let each = format!("{}.{:02}", calls / records, calls * 100 / records % 100);
        rows.add_row([name.to_owned(), questions.to_string(), ms(at(50)), ms(at(99)), calls.to_string(), each]);
        at(99)
    };
    let p99 = row("cold", &mut cold, all);
    row("remembered", &mut warm, 0);
    Verdict {
        table: rows,
        notes: vec![format!("{items} of {all} calls read lists of items.")],
        figure: format!("{:.1} ms over the slowest answer at p99, {all} calls for {records} records", {
            p99.saturating_sub(SLOW).as_secs_f64() * 1_000.0
        }),
        target: format!("at most {} ms, one call for each record", OWN_PART.as_millis()),
        met: p99 <= SLOW + OWN_PART && all == records,
    }
}
