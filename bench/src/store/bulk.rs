//! A writer of many rows next to the hub's units: batches of 500 rows of 1 kB, a transaction each, one after the other. It
//! has a connection of its own, and on SQLite a file of its own, on PostgreSQL a schema of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio_postgres::NoTls;

use super::units::text;

const ROWS: u32 = 500;
const BYTES: usize = 1_000;

/// A writer in a thread of its own.
pub(super) struct Bulk {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64, String>>,
}

impl Bulk {
    /// Writes into a file. An earlier one of that name is replaced.
    pub(super) fn into_file(file: PathBuf) -> Result<Self, String> {
        Self::start(move |over| write_file(&file, over))
    }

    /// Writes to a server, into a schema. An earlier one is replaced.
    pub(super) fn into_server(url: String) -> Result<Self, String> {
        Self::start(move |over| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
            runtime.block_on(write_server(&url, over))
        })
    }

    fn start(work: impl FnOnce(&AtomicBool) -> Result<u64, String> + Send + 'static) -> Result<Self, String> {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::Builder::new().name("bulk".to_owned()).spawn(move || work(&seen)).map_err(text)?;
        Ok(Self { over, thread })
    }

    /// Ends it, and returns the number of rows that it has written.
    pub(super) fn end(self) -> Result<u64, String> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the bulk writer panicked".to_owned())?
    }
}

fn write_file(file: &Path, over: &AtomicBool) -> Result<u64, String> {
    let mut connection = Connection::open(file).map_err(text)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(text)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(text)?;
    connection
        .execute_batch("DROP TABLE IF EXISTS record; CREATE TABLE record (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        .map_err(text)?;
    let (body, mut rows) = ("x".repeat(BYTES), 0);
    while !over.load(Ordering::Relaxed) {
        let batch = connection.transaction().map_err(text)?;
        {
            let mut insert = batch.prepare_cached("INSERT INTO record (body) VALUES ($1)").map_err(text)?;
            for _ in 0..ROWS {
                insert.execute([&body]).map_err(text)?;
            }
        }
        batch.commit().map_err(text)?;
        rows += u64::from(ROWS);
    }
    Ok(rows)
}

async fn write_server(url: &str, over: &AtomicBool) -> Result<u64, String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(text)?;
    let connected = tokio::spawn(connection);
    client
        .batch_execute(
            "DROP SCHEMA IF EXISTS bulk CASCADE; CREATE SCHEMA bulk; \
             CREATE TABLE bulk.record (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body TEXT NOT NULL)",
        )
        .await
        .map_err(text)?;
    let insert = client.prepare("INSERT INTO bulk.record (body) SELECT unnest($1::TEXT[])").await.map_err(text)?;
    let (bodies, mut rows) = (vec!["x".repeat(BYTES); ROWS as usize], 0);
    while !over.load(Ordering::Relaxed) {
        rows += client.execute(&insert, &[&bodies]).await.map_err(text)?;
    }
    drop(client);
    connected.await.map_err(text)?.map_err(text)?;
    Ok(rows)
}
