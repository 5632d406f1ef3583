//! Measures the store alone: durable units like those of a lifecycle, from 1, 16 and 64 callers. On SQLite it is compared
//! with a bare loop over rusqlite that does the same statements with the same values, on PostgreSQL with pgbench.
//!
//! What is compared is measured in turn, in several rounds, and the medians count: so a machine that becomes slower makes
//! all slower alike.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

mod bare;
mod bulk;
mod callers;
mod pgbench;
mod units;

use std::time::{Duration, Instant};

use pg_cluster::Cluster;
use store::{BulkStore, Database};

use self::bare::Bare;
use self::bulk::Bulk;
pub(crate) use self::callers::Callers;
use self::pgbench::Pgbench;
pub(crate) use self::units::{Caller, open};
use crate::Scale;
use crate::live::databases::peer_at;
use crate::verdict::{Verdict, peer, table};

/// How many callers there are in each measurement.
const CALLERS: [u64; 3] = [1, 16, 64];
/// How many there are next to the bulk writer.
const WITH_BULK: u64 = 16;
/// The least share of the bare loop's rate, for each number of callers.
const LEAST_SQLITE: [Option<f64>; 3] = [Some(0.6), Some(2.0), None];
/// The least share of pgbench's rate with as many clients.
const LEAST_POSTGRES: [Option<f64>; 3] = [Some(1.0), Some(1.0), None];
/// The least share of the rate that is left next to the bulk writer.
const LEAST_WITH_BULK: f64 = 0.8;

#[derive(Clone, Copy, Debug)]
struct Plan {
    rounds: u32,
    /// How long each measurement is.
    length: Duration,
}

/// One comparison.
#[derive(Debug)]
struct Line {
    store: &'static str,
    callers: String,
    rate: f64,
    compared_with: String,
    its_rate: f64,
    least: Option<f64>,
}

impl Line {
    fn ratio(&self) -> f64 {
        self.rate / self.its_rate
    }

    fn met(&self) -> bool {
        self.least.is_none_or(|least| self.ratio() >= least)
    }
}

/// The rates of a database in units per second, one for each round.
#[derive(Default)]
struct Rates {
    callers: [Vec<f64>; 3],
    with_bulk: Vec<f64>,
    bulk: Vec<f64>,
}

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let plan = match scale {
        Scale::Full => Plan { rounds: 5, length: Duration::from_secs(3) },
        Scale::Quick => Plan { rounds: 3, length: Duration::from_millis(500) },
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let cluster = Cluster::start_durable()?;
    let (mut lines, mut notes) = runtime.block_on(sqlite(plan))?;
    let (of_server, notes_of_server) = runtime.block_on(postgres(plan, &cluster.url("postgres")))?;
    lines.extend(of_server);
    notes.extend(notes_of_server);
    Ok(verdict(&lines, notes))
}

/// Returns the units per second that a database does for 16 callers which do nothing else.
pub(crate) async fn bare_units(database: &Database) -> Result<f64, String> {
    let store = units::open(database).await?;
    let rate = Callers::new(store.clone()).measure(WITH_BULK, Duration::from_secs(3)).await;
    store.close().await;
    rate
}

async fn sqlite(plan: Plan) -> Result<(Vec<Line>, Vec<String>), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = |name: &str| dir.path().join(name);
    let database = Database::Sqlite(file("store.db"));
    let store = units::open(&database).await?;
    let bulk = bulk::open(&store, &database).await?;
    let mut callers = Callers::new(store.clone());
    let mut bare = Bare::prepare(&file("bare.db"), plan.rounds.into()).await?;
    let (mut rates, mut of_bare) = (Rates::default(), Vec::new());
    for _ in 0..plan.rounds {
        of_bare.push(bare.measure(plan.length)?);
        for (rates, count) in rates.callers.iter_mut().zip(CALLERS) {
            rates.push(callers.measure(count, plan.length).await?);
        }
        with_bulk(&mut callers, &bulk, plan.length, &mut rates).await?;
    }
    bulk.close().await;
    store.close().await;
    let its_rate = median(of_bare);
    let compared = CALLERS.map(|_| ("the bare loop".to_owned(), its_rate));
    Ok((rates.lines("SQLite", compared, LEAST_SQLITE), vec![peer("SQLite", rusqlite::version())]))
}

async fn postgres(plan: Plan, url: &str) -> Result<(Vec<Line>, Vec<String>), String> {
    let database = Database::Postgres(url.to_owned().into());
    let store = units::open(&database).await?;
    let bulk = bulk::open(&store, &database).await?;
    let mut callers = Callers::new(store.clone());
    let pgbench = Pgbench::prepare(url, &store).await?;
    let (mut rates, mut of_pgbench) = (Rates::default(), [const { Vec::new() }; 3]);
    for _ in 0..plan.rounds {
        for (at, count) in CALLERS.into_iter().enumerate() {
            of_pgbench[at].push(pgbench.measure(&mut callers, count, plan.length).await?);
            rates.callers[at].push(callers.measure(count, plan.length).await?);
        }
        with_bulk(&mut callers, &bulk, plan.length, &mut rates).await?;
    }
    bulk.close().await;
    store.close().await;
    let mut of_pgbench = of_pgbench.map(median).into_iter();
    let compared = CALLERS.map(|count| (format!("pgbench, {count}"), of_pgbench.next().unwrap_or(f64::NAN)));
    Ok((rates.lines("PostgreSQL", compared, LEAST_POSTGRES), vec![peer_at(url).await?]))
}

/// Measures callers while a bulk writer is at work.
async fn with_bulk(callers: &mut Callers, bulk: &BulkStore, length: Duration, rates: &mut Rates) -> Result<(), String> {
    let begun = Instant::now();
    let writer = Bulk::start(bulk.clone());
    let rate = callers.measure(WITH_BULK, length).await;
    let rows = writer.end().await?;
    rates.bulk.push(rows as f64 / begun.elapsed().as_secs_f64());
    rates.with_bulk.push(rate?);
    Ok(())
}

impl Rates {
    /// Compares the medians with those of something else, and those next to the bulk writer with those without it.
    fn lines(self, store: &'static str, compared: [(String, f64); 3], least: [Option<f64>; 3]) -> Vec<Line> {
        let alone = self.callers.map(median);
        let without_bulk = CALLERS.iter().position(|count| *count == WITH_BULK).map_or(f64::NAN, |at| alone[at]);
        let mut lines = Vec::new();
        for (at, (compared_with, its_rate)) in compared.into_iter().enumerate() {
            let (callers, rate, least) = (CALLERS[at].to_string(), alone[at], least[at]);
            lines.push(Line { store, callers, rate, compared_with, its_rate, least });
        }
        lines.push(Line {
            store,
            callers: format!("{WITH_BULK}, next to {:.0} rows/s of 1 kB", median(self.bulk)),
            rate: median(self.with_bulk),
            compared_with: "no bulk writer".to_owned(),
            its_rate: without_bulk,
            least: Some(LEAST_WITH_BULK),
        });
        lines
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

fn verdict(lines: &[Line], notes: Vec<String>) -> Verdict {
    let mut rows = table(&["store", "callers", "units/s", "compared with", "units/s", "ratio", "at least"]);
    for line in lines {
        rows.add_row([
            line.store.to_owned(),
            line.callers.clone(),
            format!("{:.0}", line.rate),
            line.compared_with.clone(),
            format!("{:.0}", line.its_rate),
            format!("{:.2}", line.ratio()),
            line.least.map_or_else(String::new, |least| format!("{least:.1}")),
        ]);
    }
    let judged = || lines.iter().filter_map(|line| Some((line.ratio(), line.least?)));
    // For each database: one caller, sixteen, and those next to the bulk writer.
    let in_words = |figures: Vec<String>| match figures.as_slice() {
        [one, many, with_bulk, its_one, its_many, its_with_bulk] => format!(
            "SQLite {one} of the bare loop with 1 caller, {many} with 16, {with_bulk} of that next to a bulk writer, \
             PostgreSQL {its_one} of pgbench with 1, {its_many} with 16, {its_with_bulk} of that next to a bulk writer"
        ),
        _ => figures.join(", "),
    };
    Verdict {
        table: rows,
        notes,
        figure: in_words(judged().map(|(ratio, _)| format!("{ratio:.2}")).collect()),
        target: format!("at least {}", judged().map(|(_, least)| format!("{least:.1}")).collect::<Vec<_>>().join(", ")),
        met: lines.iter().all(Line::met),
    }
}
