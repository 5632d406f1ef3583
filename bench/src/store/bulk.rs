//! The store's writer of many rows, next to the hub's units: batches of 500 rows of 1 kB, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::{BulkStore, Database, SchemaVersion, Sql, Store, Value};
use tokio::task::JoinHandle;

use super::units::text;

const ROWS: u64 = 500;
const BYTES: usize = 1_000;

const TABLES: &[SchemaVersion] = &[SchemaVersion {
    both: "CREATE TABLE record (id TEXT PRIMARY KEY, body TEXT NOT NULL);",
    sqlite: "",
    postgres: "",
}];
const PUT: Sql = Sql {
    sqlite: "INSERT INTO record (id, body) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    postgres: "INSERT INTO record (id, body) SELECT * FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[])) \
               ON CONFLICT (id) DO UPDATE SET body = excluded.body",
};

/// Opens a database for bulk writes, next to the hub's.
pub(super) async fn open(hub: &Store, database: &Database) -> Result<BulkStore, String> {
    let own = match database {
        Database::Sqlite(path) => Database::Sqlite(path.with_extension("bulk.db")),
        server @ Database::Postgres(_) => server.clone(),
    };
    BulkStore::open(&own, "bulk", TABLES, Some(hub.clone())).await.map_err(text)
}

/// A writer in a task of its own.
pub(super) struct Bulk {
    over: Arc<AtomicBool>,
    task: JoinHandle<Result<u64, String>>,
}

impl Bulk {
    pub(super) fn start(store: BulkStore) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(write(store, Arc::clone(&over)));
        Self { over, task }
    }

    /// Ends it, and returns the number of rows that it has written.
    pub(super) async fn end(self) -> Result<u64, String> {
        self.over.store(true, Ordering::Relaxed);
        self.task.await.map_err(text)?
    }
}

async fn write(store: BulkStore, over: Arc<AtomicBool>) -> Result<u64, String> {
    let (body, mut rows) = ("x".repeat(BYTES), 0);
    while !over.load(Ordering::Relaxed) {
        let record = |number: u64| vec![Value::from(format!("{number:012}")), Value::from(body.as_str())];
        let mut batch = store.batch();
        batch.run_for_each(PUT, (rows..rows + ROWS).map(record).collect());
        store.commit(batch).await.map_err(text)?;
        rows += ROWS;
    }
    Ok(rows)
}
