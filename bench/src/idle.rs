//! What waits and nothing happens to: what a tick of the hub's loop costs with so many open requests, and what they cost in
//! calls in a day.
//!
//! The first is measured on stores into which requests and their looks are written directly, none of them due. The second
//! is a month's middle: requests that wait at the lender's desk and are sent by nobody, for a day, with webhooks.

use std::time::{Duration, Instant};

use engine::Settings;
use jiff::{SignedDuration, Timestamp};
use lending::{InstitutionCode, Request, RequestId, Side};
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{Claim, Database, MasterKey, NewIntent, Store, Work};
use uuid::Uuid;

use crate::Scale;
use crate::simulate::house::{self, BORROWER, LENDERS};
use crate::spending::calls_of_a_day;
use crate::verdict::{Verdict, table};

/// Calls for each request in a day: with so many open requests, at most so many.
const TARGETS: [(usize, f64); 2] = [(1_000, 1.0), (100_000, 0.1)];
/// By how much the cost of a tick may differ between the smallest and the largest store.
const FLAT: f64 = 1.1;
const TICKS: usize = 2_001;
const BATCH: usize = 5_000;

struct Ticks {
    open: usize,
    median: Duration,
    resident_mb: u64,
}

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let (sizes, waiting): (&[usize], usize) = match scale {
        Scale::Full => (&[1_000, 10_000, 100_000, 1_000_000], 1_000),
        Scale::Quick => (&[1_000, 10_000, 50_000], 60),
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut ticks = Vec::new();
        for open in sizes {
            ticks.push(tick(*open).await?);
        }
        let calls = calls_of_a_day(waiting, Settings::default()).await?;
        Ok(verdict(&ticks, waiting, calls))
    })
}

async fn tick(open: usize) -> Result<Ticks, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    let database = Database::Sqlite(dir.path().join("consort.db"));
    let store = Store::open(&database, key, rng).await.map_err(|error| error.to_string())?;
    let now = Timestamp::from_second(1_800_000_000).map_err(|error| error.to_string())?;
    fill(&store, open, now).await.map_err(|error| error.to_string())?;
    let mut took = Vec::with_capacity(TICKS);
    for number in 0..TICKS {
        let now = now + SignedDuration::from_millis(i64::try_from(number).unwrap_or_default());
        let claim = Claim {
            owner: "bench",
            now,
            lease: Duration::from_secs(30),
            limit: 64,
            per_institution: 16,
            looks: 48,
            looks_per_institution: 8,
            except: &[],
        };
        let begun = Instant::now();
        let lists = store.claim_sweeps("bench", now, Duration::from_secs(30), 8).await;
        lists.map_err(|error| error.to_string())?;
        let claimed = store.claim(&claim).await.map_err(|error| error.to_string())?;
        store.next_due(now).await.map_err(|error| error.to_string())?;
        took.push(begun.elapsed());
        if !claimed.intents.is_empty() {
            return Err("something was due".to_owned());
        }
    }
    took.sort_unstable();
    Ok(Ticks { open, median: took[TICKS / 2], resident_mb: resident_mb() })
}

/// Requests with a look at each side, due between one hour and a day later.
async fn fill(store: &Store, open: usize, now: Timestamp) -> Result<(), store::Error> {
    let mut written = 0;
    while written < open {
        let mut tx = store.begin().await?;
        for number in written..open.min(written + BATCH) {
            let id = RequestId(Uuid::from_u128(number as u128 + 1));
            tx.insert_request(&request(id, number, now), now).await?;
            for (side, institution) in [(Side::Lender, LENDERS[number % 2]), (Side::Borrower, BORROWER)] {
                let seconds = 3_600 + (number * 7_919) % 82_800;
                let look = NewIntent {
                    id: Uuid::from_u128(((number as u128 + 1) << 64) + side as u128),
                    request: id,
                    work: Work::Watch(side),
                    institution: InstitutionCode::from(institution),
                    due_at: now + SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default()),
                    on_list: None,
                };
                tx.add_intent(&look, now).await?;
            }
        }
        tx.commit().await?;
        written += BATCH;
    }
    Ok(())
}

fn request(id: RequestId, number: usize, now: Timestamp) -> Request {
    Request::new(id, now, house::asking(&house::one_of_many(number)), house::pickup(), Vec::new())
}

/// Resident memory (Linux; 0 elsewhere).
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1_024
}

fn verdict(ticks: &[Ticks], waiting: usize, calls: f64) -> Verdict {
    let mut rows = table(&["open requests", "a tick", "ratio", "memory of the process"]);
    let first = ticks.first().map_or(Duration::ZERO, |one| one.median);
    let ratio = |one: &Ticks| one.median.as_secs_f64() / first.as_secs_f64();
    for one in ticks {
        rows.add_row([
            one.open.to_string(),
            format!("{:.0} µs", one.median.as_secs_f64() * 1e6),
            format!("{:.2}", ratio(one)),
            format!("{} MB", one.resident_mb),
        ]);
    }
    let worst = ticks.iter().map(ratio).fold(1.0, f64::max);
    let [(few, most_each), (many, least_each)] = TARGETS;
    Verdict {
        table: rows,
        notes: vec![format!(
            "{waiting} requests waited a day at one desk; the calls of {many} at {least_each} each are not measured"
        )],
        figure: format!(
            "{calls:.2} calls for each of {waiting} requests in a day; a tick costs up to {worst:.2} times as much"
        ),
        target: format!("at most {most_each} at {few}, {least_each} at {many}; at most {FLAT} times"),
        // Not while the calls of the many are unknown.
        met: false,
    }
}
