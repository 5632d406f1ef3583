//! `retention`: a pass over many finished requests whose patrons' data is to be erased, and over the log of reads, while others
//! commit units of lifecycles and read requests. It measures how long those wait.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::{Engine, Ids, Settings, SystemClock};
use jiff::{SignedDuration, Timestamp};
use lending::{Outcome, Request, RequestId, Side, Status, VerifiedPatron, example};
use pg_cluster::Cluster;
use store::{AuditEntry, Database, PatronRead, RequestFilter, Store};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Scale;
use crate::live::databases::peer_at;
use crate::store::{Callers, open};
use crate::verdict::{Verdict, table};
use crate::webhooks::{at, ms};

/// The longest time that a unit of the hub may wait.
const MOST_WAIT: Duration = Duration::from_millis(250);
/// How many callers commit units meanwhile, and how many read.
const CALLERS: u64 = 4;
const READERS: u64 = 2;
/// The pause of a caller between two units, and of a reader between two reads.
const PAUSE: Duration = Duration::from_millis(20);
/// How many requests a patron has.
const PER_PATRON: u64 = 10;
/// How many requests are written in one transaction.
const AT_ONCE: u64 = 500;
const FIRST_ID: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0000;
/// The time for which patrons' data is kept.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// What was measured on one database.
struct Line {
    database: &'static str,
    requests: u64,
    seconds: f64,
    /// Waits during the pass and, for as long as a part of it, before: sorted.
    units: [Vec<Duration>; 2],
    reads: [Vec<Duration>; 2],
}

impl Line {
    fn longest_unit(&self) -> Duration {
        at(&self.units[1], 100)
    }
}

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let count = match scale {
        Scale::Full => 1_000_000,
        Scale::Quick => 20_000,
    };
    let runtime = tokio::runtime::Runtime::new().map_err(text)?;
    let dir = tempfile::tempdir().map_err(text)?;
    let sqlite = Database::Sqlite(dir.path().join("consort.db"));
    let on_sqlite = runtime.block_on(measure("SQLite", &sqlite, count))?;
    drop(dir);
    let cluster = Cluster::start_durable()?;
    let url = cluster.url("postgres");
    let on_postgres = runtime.block_on(measure("PostgreSQL", &Database::Postgres(url.clone().into()), count))?;
    let server = runtime.block_on(peer_at(&url))?;
    Ok(verdict(&[on_sqlite, on_postgres], vec![server]))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn measure(database: &'static str, place: &Database, count: u64) -> Result<Line, String> {
    let store = open(place).await?;
    fill(&store, count).await?;
    let settings = Settings { node: "node-1".to_owned(), retention: Some(KEPT), ..Settings::default() };
    let clock = Arc::new(SystemClock::default());
    let engine = Arc::new(Engine::new(store.clone(), settings, clock, Ids::seeded(1)));
    let mut load = Load::prepare(&store, count).await?;
    let before = load.during(tokio::time::sleep(Duration::from_secs(5))).await?;
    let begun = Instant::now();
    let now = ended_at(count) + SignedDuration::from_hours(24 * 60);
    let during = load.during(engine.run_retention(now)).await?;
    let seconds = begun.elapsed().as_secs_f64();
    check_erased(&store, count).await?;
    store.close().await;
    let [(units_before, reads_before), (units, reads)] = [before, during];
    Ok(Line { database, requests: count, seconds, units: [units_before, units], reads: [reads_before, reads] })
}

/// Checks that the pass has erased and removed what it should.
async fn check_erased(store: &Store, count: u64) -> Result<(), String> {
    let left = store.finished_requests(Timestamp::MAX, &store::FinishedCursor::default(), 1).await.map_err(text)?.0;
    let reads = store.patron_reads(None, None, 1).await.map_err(text)?;
    let kept = store.request(id(count - 1)).await.map_err(text)?.ok_or("a request is missing")?;
    if left.is_empty() && reads.is_empty() && kept.request.anonymised_at.is_some() {
        return Ok(());
    }
    Err("the pass has left patrons' data".to_owned())
}

fn id(number: u64) -> RequestId {
    RequestId(Uuid::from_u128(FIRST_ID + u128::from(number)))
}

fn ended_at(number: u64) -> Timestamp {
    example::noon() + SignedDuration::from_secs(i64::try_from(number).unwrap_or_default())
}

/// A request that has ended.
fn finished(number: u64) -> Request {
    let patron = format!("patron-{}", number / PER_PATRON);
    let mut request = Request { id: id(number), ..example::placed() };
    request.placed_at = ended_at(number);
    (request.status, request.status_since) = (Status::Finalised, ended_at(number));
    request.outcome = Some(Outcome::Supplied);
    request.title = Some(lending::Title { title: format!("A Title of Some Length, Volume {number}"), author: None });
    request.patron.identifier = patron.as_str().into();
    request.patron.verified = Some(VerifiedPatron { id: patron.as_str().into(), ..example::verified() });
    request
}

fn entry(request: RequestId, at: Timestamp) -> AuditEntry {
    AuditEntry {
        request,
        at,
        event: "placed".to_owned(),
        actor: "discovery".to_owned(),
        from: None,
        to: None,
        reason: None,
        note: Some("A note of staff.".to_owned()),
        evidence: None,
    }
}

fn read(number: u64) -> PatronRead {
    let at = ended_at(number);
    PatronRead {
        id: Uuid::from_u128(FIRST_ID + u128::from(number)),
        at,
        actor: "desk".to_owned(),
        origin: "192.0.2.1".to_owned(),
        operation: "get_request".to_owned(),
        requests: vec![id(number)],
        agency: "BORROW".into(),
        shown: "full".to_owned(),
        reason: None,
    }
}

/// Writes so many ended requests, each with an entry of the audit and a read, and a virtual patron for each patron.
async fn fill(store: &Store, count: u64) -> Result<(), String> {
    let mut first = 0;
    while first < count {
        let mut unit = store.unit();
        for number in first..(first + AT_ONCE).min(count) {
            let request = finished(number);
            unit.insert_request(&request, &[entry(request.id, ended_at(number))], ended_at(number)).map_err(text)?;
            unit.insert_patron_read(&read(number)).map_err(text)?;
            if number % PER_PATRON == 0 {
                let patron = (&request.patron.institution, &request.patron.identifier);
                let virtual_id = format!("virtual-{number}").as_str().into();
                unit.put_virtual_patron(patron, &"01NOWHERE".into(), Side::Lender, &virtual_id, ended_at(number))
                    .map_err(text)?;
            }
        }
        store.commit(unit).await.map_err(text)?;
        first += AT_ONCE;
    }
    Ok(())
}

/// The waits of units and of reads, sorted.
type Waits = (Vec<Duration>, Vec<Duration>);

/// Callers that commit units like those of lifecycles, and readers.
struct Load {
    store: Store,
    count: u64,
    callers: Option<Vec<crate::store::Caller>>,
}

impl Load {
    async fn prepare(store: &Store, count: u64) -> Result<Self, String> {
        let (_, callers) = Callers::new(store.clone()).prepare(CALLERS).await?;
        Ok(Self { store: store.clone(), count, callers: Some(callers) })
    }

    /// Runs the load until `work` has ended.
    async fn during(&mut self, work: impl Future<Output = ()>) -> Result<Waits, String> {
        let ended = Arc::new(AtomicBool::new(false));
        let mut committing = JoinSet::new();
        for mut caller in self.callers.take().unwrap_or_default() {
            let (store, ended) = (self.store.clone(), Arc::clone(&ended));
            committing.spawn(async move {
                let mut waits = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    tokio::time::sleep(PAUSE).await;
                    let begun = Instant::now();
                    store.commit(caller.next(&store)?).await.map_err(text)?;
                    waits.push(begun.elapsed());
                }
                Ok::<_, String>((caller, waits))
            });
        }
        let mut reading = JoinSet::new();
        for reader in 0..READERS {
            reading.spawn(read_until(self.store.clone(), Arc::clone(&ended), reader, self.count));
        }
        work.await;
        ended.store(true, Ordering::Relaxed);
        let (mut units, mut reads, mut callers) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(done) = committing.join_next().await {
            let (caller, waits) = done.map_err(text)??;
            callers.push(caller);
            units.extend(waits);
        }
        while let Some(done) = reading.join_next().await {
            reads.extend(done.map_err(text)??);
        }
        self.callers = Some(callers);
        units.sort_unstable();
        reads.sort_unstable();
        Ok((units, reads))
    }
}

/// Reads a request, and a page of requests, in turn.
async fn read_until(store: Store, ended: Arc<AtomicBool>, reader: u64, count: u64) -> Result<Vec<Duration>, String> {
    let (mut waits, mut number) = (Vec::new(), reader);
    while !ended.load(Ordering::Relaxed) {
        tokio::time::sleep(PAUSE).await;
        number = (number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(7)) % count;
        let begun = Instant::now();
        store.shown_request(id(number)).await.map_err(text)?;
        store.list(&RequestFilter::default()).await.map_err(text)?;
        waits.push(begun.elapsed());
    }
    Ok(waits)
}

fn verdict(lines: &[Line], notes: Vec<String>) -> Verdict {
    let mut rows = table(&[
        "database",
        "requests",
        "pass, s",
        "waits of",
        "before: p50",
        "p99",
        "longest",
        "during: p50",
        "p99",
        "longest",
    ]);
    for line in lines {
        for (what, [before, during]) in [("units", &line.units), ("reads", &line.reads)] {
            let [before, during] = [before, during].map(|waits| [50, 99, 100].map(|share| ms(at(waits, share))));
            let first = [line.database.to_owned(), line.requests.to_string(), format!("{:.0}", line.seconds)];
            rows.add_row(first.into_iter().chain([what.to_owned()]).chain(before).chain(during));
        }
    }
    let longest = lines.iter().map(|line| format!("{} {}", line.database, ms(line.longest_unit())));
    Verdict {
        table: rows,
        notes,
        figure: format!("the longest wait of a unit: {}", longest.collect::<Vec<_>>().join(", ")),
        target: format!("at most {}", ms(MOST_WAIT)),
        met: lines.iter().all(|line| line.longest_unit() <= MOST_WAIT),
    }
}
