//! Measures the cost of a tick of the hub's loop, on stores into which requests and their polls are written directly.
//! None of the polls is due.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use lending::{InstitutionCode, Request, RequestId, Side};
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{Claim, Database, MasterKey, NewIntent, Store, Work};
use tempfile::TempDir;
use uuid::Uuid;

use crate::simulate::sim_setup::{self, BORROWER, LENDERS};

const TICKS: usize = 2_001;
const BATCH: usize = 5_000;

pub(super) struct Ticks {
    pub(super) open: usize,
    pub(super) median: Duration,
    pub(super) resident_mb: u64,
}

/// A store with a given number of open requests.
struct Filled {
    store: Store,
    resident_mb: u64,
    took: Vec<Duration>,
    _dir: TempDir,
}

/// Runs one tick on each store in turn, so that a machine that becomes slower slows all of them equally.
pub(super) async fn measure(sizes: &[usize]) -> Result<Vec<Ticks>, String> {
    let now = Timestamp::from_second(1_800_000_000).map_err(|error| error.to_string())?;
    let mut stores = Vec::new();
    for open in sizes {
        stores.push(filled(*open, now).await?);
    }
    for number in 0..TICKS {
        let now = now + SignedDuration::from_millis(i64::try_from(number).unwrap_or_default());
        for filled in &mut stores {
            let took = tick(&filled.store, now).await?;
            filled.took.push(took);
        }
    }
    let ticks = sizes.iter().zip(stores).map(|(open, mut filled)| {
        filled.took.sort_unstable();
        Ticks { open: *open, median: filled.took[TICKS / 2], resident_mb: filled.resident_mb }
    });
    Ok(ticks.collect())
}

async fn filled(open: usize, now: Timestamp) -> Result<Filled, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    let database = Database::Sqlite(dir.path().join("consort.db"));
    let store = Store::open(&database, key, rng).await.map_err(|error| error.to_string())?;
    fill(&store, open, now).await.map_err(|error| error.to_string())?;
    Ok(Filled { store, resident_mb: resident_mb(), took: Vec::with_capacity(TICKS), _dir: dir })
}

async fn tick(store: &Store, now: Timestamp) -> Result<Duration, String> {
    let claim = Claim {
        owner: "bench",
        now,
        lease: Duration::from_secs(30),
        limit: 64,
        max_per_institution: 16,
        max_polls: 48,
        max_polls_per_institution: 8,
    };
    let begun = Instant::now();
    let lists = store.claim_batch_polls("bench", now, Duration::from_secs(30), 8).await;
    lists.map_err(|error| error.to_string())?;
    let claimed = store.claim(&claim).await.map_err(|error| error.to_string())?;
    let (held_back, _) = store.due(now).await.map_err(|error| error.to_string())?;
    let took = begun.elapsed();
    if claimed.intents.is_empty() && !held_back { Ok(took) } else { Err("something was due".to_owned()) }
}

/// Writes requests with a poll of each side. The polls are due between one hour and one day later.
async fn fill(store: &Store, open: usize, now: Timestamp) -> Result<(), store::Error> {
    let mut written = 0;
    while written < open {
        let mut unit = store.unit();
        for number in written..open.min(written + BATCH) {
            let id = RequestId(Uuid::from_u128(number as u128 + 1));
            unit.insert_request(&request(id, number, now), &[], now)?;
            for (side, institution) in [(Side::Lender, LENDERS[number % 2]), (Side::Borrower, BORROWER)] {
                let seconds = 3_600 + (number * 7_919) % 82_800;
                let poll = NewIntent {
                    id: Uuid::from_u128(((number as u128 + 1) << 64) + side as u128),
                    request: id,
                    work: Work::Poll(side),
                    institution: InstitutionCode::from(institution),
                    due_at: now + SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default()),
                    on_list: None,
                };
                unit.add_intent(&poll, now);
            }
        }
        store.commit(unit).await?;
        written += BATCH;
    }
    Ok(())
}

fn request(id: RequestId, number: usize, now: Timestamp) -> Request {
    Request::new(id, now, sim_setup::asking(&sim_setup::one_of_many(number)), sim_setup::pickup(), Vec::new())
}

/// Returns the resident memory (Linux; 0 elsewhere).
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1_024
}
