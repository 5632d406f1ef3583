//! Fills a store with requests: copies of one that the hub took to the loan.

use std::path::PathBuf;
use std::sync::Arc;

use engine::Settings;
use jiff::SignedDuration;
use lending::{Request, RequestId, Status};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use store::{AuditEntry, Database, MasterKey, Store};
use tempfile::TempDir;
use uuid::Uuid;

use crate::quota::Act;
use crate::simulate::sim_setup::LENDERS;
use crate::world::{Messages, World, open_at};

/// How many requests each patron has.
pub(super) const PER_PATRON: usize = 10;
/// How many requests are written in one transaction.
const AT_ONCE: usize = 500;
/// The id of the first request, as a number.
const FIRST_ID: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0000;

/// A patron with requests.
pub(super) struct StoredPatron {
    pub(super) id: String,
    /// The digest by which the store finds the patron.
    pub(super) digest: String,
}

/// A data directory of a hub, with requests.
pub(super) struct Stock {
    dir: Arc<TempDir>,
    ids: Vec<RequestId>,
    patrons: Vec<StoredPatron>,
}

impl Stock {
    /// The directory above the hub's data directory.
    pub(super) fn dir(&self) -> Arc<TempDir> {
        Arc::clone(&self.dir)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.path().join("data/consort.db")
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = RequestId> {
        self.ids.iter().copied()
    }

    pub(super) fn patrons(&self) -> impl Iterator<Item = &StoredPatron> {
        self.patrons.iter()
    }
}

/// Writes so many requests into a new store.
pub(super) async fn fill(count: usize) -> Result<Stock, String> {
    let (request, audit) = loaned().await?;
    let dir = tempfile::tempdir().map_err(text)?;
    let data = dir.path().join("data");
    std::fs::create_dir(&data).map_err(text)?;
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::create(&data.join("master.key"), &mut rng).map_err(text)?;
    let store = Store::open(&Database::Sqlite(data.join("consort.db")), key, rng).await.map_err(text)?;
    let template = serde_json::to_value(&request).map_err(text)?;
    let ids: Vec<RequestId> = (0..count).map(|number| RequestId(Uuid::from_u128(FIRST_ID + number as u128))).collect();
    let mut numbered = ids.iter().copied().enumerate();
    loop {
        let some: Vec<_> = numbered.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        let mut unit = store.unit();
        for (number, id) in some {
            let copy = copy(&template, number, id)?;
            let entries: Vec<AuditEntry> =
                audit.iter().map(|entry| AuditEntry { request: id, ..entry.clone() }).collect();
            unit.insert_request(&copy, &entries, copy.placed_at).map_err(text)?;
        }
        store.commit(unit).await.map_err(text)?;
    }
    store.close().await;
    let dir = Arc::new(dir);
    let mut stock = Stock { dir, ids, patrons: Vec::new() };
    stock.patrons = patrons(&stock)?;
    Ok(stock)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Takes one request to the loan. Returns it with its audit.
async fn loaned() -> Result<(Request, Vec<AuditEntry>), String> {
    let world = World::open(1, Messages::All, Settings::default()).await?;
    world.until(open_at(world.now())).await?;
    let id = world.place_as(0, 0, &LENDERS[..1]).await?;
    world.settled().await?;
    for act in [Act::Send, Act::Receive, Act::Lend] {
        world.until(open_at(world.now() + SignedDuration::from_hours(24))).await?;
        act.work(&world.sim, &world.request(id).await?)?;
        world.until(world.now() + SignedDuration::from_mins(10)).await?;
    }
    let request = world.request(id).await?;
    if request.status != Status::Loaned {
        return Err(format!("the request stands at {}", request.status));
    }
    let timeline = world.engine.store().timeline(id).await.map_err(text)?;
    Ok((request, timeline.into_iter().map(|row| row.entry).collect()))
}

fn patron_id(number: usize) -> String {
    format!("patron-{}", number / PER_PATRON)
}

fn copy(template: &Value, number: usize, id: RequestId) -> Result<Request, String> {
    let mut document = template.clone();
    document["id"] = json!(id);
    document["patron"]["identifier"] = json!(patron_id(number));
    document["patron"]["verified"]["id"] = json!(patron_id(number));
    let mut request: Request = serde_json::from_value(document).map_err(text)?;
    request.placed_at += SignedDuration::from_secs(i64::try_from(number).unwrap_or_default());
    Ok(request)
}

/// Reads the digests of the patrons, which the bare handler asks for.
fn patrons(stock: &Stock) -> Result<Vec<StoredPatron>, String> {
    let file = Connection::open_with_flags(stock.file(), OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(text)?;
    let mut statement =
        file.prepare("SELECT patron_identifier_digest FROM patron_request WHERE id = ?1").map_err(text)?;
    let first = stock.ids.iter().enumerate().step_by(PER_PATRON);
    first
        .map(|(number, id)| {
            let digest = statement.query_row([id.to_string()], |row| row.get(0)).map_err(text)?;
            Ok(StoredPatron { id: patron_id(number), digest })
        })
        .collect()
}
