//! The embedded database: one connection that writes, and a few that read.
//!
//! A pool of SQLx asks a connection whether it is alive before and after each use. To a file that says nothing, and each
//! question, like each statement, is two switches between threads, which cost far more than what SQLite does meanwhile. So
//! connections are kept here, and statements of a transaction whose outcome nobody waits for go with the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use sea_query::Values;
use sea_query_sqlx::SqlxValues;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Either};
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

use crate::error::Error;

/// How long a caller waits for the others.
const PATIENCE: Duration = Duration::from_secs(30);

/// The connections to one file.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    writer: Arc<Mutex<Kept>>,
    readers: Arc<[Mutex<Kept>]>,
    next: Arc<AtomicUsize>,
    /// Held as long as anybody has the store.
    _lock: Option<Arc<std::fs::File>>,
}

/// A connection, opened again where it has broken.
#[derive(Debug)]
struct Kept {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    /// Whether a transaction was begun and not ended.
    begun: bool,
    closed: bool,
}

impl Kept {
    fn new(options: SqliteConnectOptions) -> Self {
        Self { options, connection: None, begun: false, closed: false }
    }

    async fn open(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        if self.closed {
            return Err(sqlx::Error::PoolClosed);
        }
        if self.connection.is_none() {
            self.begun = false;
            self.connection = Some(SqliteConnection::connect_with(&self.options).await?);
        }
        self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    /// Runs statements, one after the other; answers the rows of all of them, and how many each has touched.
    async fn run(&mut self, sql: String, values: Vec<sea_query::Value>) -> sqlx::Result<(Vec<SqliteRow>, Vec<u64>)> {
        let connection = self.open().await?;
        let (mut rows, mut touched) = (Vec::new(), Vec::new());
        let query = sqlx::query_with(AssertSqlSafe(sql), SqlxValues(Values(values)));
        let ran = async {
            #[allow(deprecated, reason = "the one call that runs several statements with values")]
            let mut results = query.fetch_many(connection);
            while let Some(result) = results.try_next().await? {
                match result {
                    Either::Left(done) => touched.push(done.rows_affected()),
                    Either::Right(row) => rows.push(row),
                }
            }
            Ok(())
        };
        match ran.await {
            Ok(()) => Ok((rows, touched)),
            Err(error) => {
                if matches!(error, sqlx::Error::WorkerCrashed) {
                    self.connection = None;
                }
                Err(error)
            }
        }
    }

    async fn roll_back(&mut self) -> sqlx::Result<()> {
        if self.begun && self.connection.is_some() {
            let rolled_back = self.run("ROLLBACK".to_owned(), Vec::new()).await;
            // Where a commit failed for want of disk SQLite has rolled back by itself: there is nothing to roll back then.
            if let Err(error @ (sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed)) = rolled_back {
                return Err(error);
            }
        }
        self.begun = false;
        Ok(())
    }

    async fn close(&mut self) {
        self.closed = true;
        if let Some(connection) = self.connection.take() {
            // The file is whole without it too.
            let _ = connection.close().await;
        }
    }
}

impl Embedded {
    /// Opens the file for one that writes and `readers` that read.
    pub(crate) async fn open(
        writes: SqliteConnectOptions,
        reads: SqliteConnectOptions,
        readers: usize,
        lock: Option<Arc<std::fs::File>>,
    ) -> sqlx::Result<Self> {
        let mut writer = Kept::new(writes);
        writer.open().await?;
        let mut all = Vec::new();
        for _ in 0..readers.max(1) {
            let mut reader = Kept::new(reads.clone());
            reader.open().await?;
            all.push(Mutex::new(reader));
        }
        Ok(Self { writer: Arc::new(Mutex::new(writer)), readers: all.into(), next: Arc::default(), _lock: lock })
    }

    async fn reader(&self) -> sqlx::Result<MutexGuard<'_, Kept>> {
        if let Some(free) = self.readers.iter().find_map(|reader| reader.try_lock().ok()) {
            return Ok(free);
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        tokio::time::timeout(PATIENCE, self.readers[next].lock()).await.map_err(|_| sqlx::Error::PoolTimedOut)
    }

    /// Runs a statement that reads.
    pub(crate) async fn read(&self, sql: String, values: SqlxValues) -> sqlx::Result<Vec<SqliteRow>> {
        Ok(self.reader().await?.run(sql, values.0.0).await?.0)
    }

    /// Takes the writer. The transaction begins with its first statement.
    pub(crate) async fn begin(&self) -> sqlx::Result<EmbeddedTx> {
        let writer = Arc::clone(&self.writer).lock_owned();
        let mut writer = tokio::time::timeout(PATIENCE, writer).await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        writer.roll_back().await?;
        if writer.closed {
            return Err(sqlx::Error::PoolClosed);
        }
        Ok(EmbeddedTx { writer: Some(writer), waiting: Waiting::default(), failed: false })
    }

    pub(crate) async fn close(&self) {
        for reader in self.readers.iter() {
            reader.lock().await.close().await;
        }
        self.writer.lock().await.close().await;
    }
}

/// What a statement means that doesn't touch exactly one row.
pub(crate) type OnMismatch = Option<fn() -> Error>;

/// Statements that go with the next one.
#[derive(Debug, Default)]
struct Waiting {
    sql: String,
    values: Vec<sea_query::Value>,
    each: Vec<OnMismatch>,
}

/// A transaction on the embedded database.
#[derive(Debug)]
pub(crate) struct EmbeddedTx {
    writer: Option<OwnedMutexGuard<Kept>>,
    waiting: Waiting,
    /// Whether a statement has failed: nothing follows then but the rolling back, as on PostgreSQL.
    failed: bool,
}

impl EmbeddedTx {
    /// Lets a statement go with the next one.
    pub(crate) fn defer(&mut self, sql: &str, values: SqlxValues, otherwise: OnMismatch) {
        self.waiting.sql.push_str(sql);
        self.waiting.sql.push(';');
        self.waiting.values.extend(values.0.0);
        self.waiting.each.push(otherwise);
    }

    /// Runs a statement and those that wait; answers its rows and how many it touched.
    pub(crate) async fn run(&mut self, sql: &str, values: SqlxValues) -> Result<(Vec<SqliteRow>, u64), Error> {
        let Waiting { sql: before, values: mut all, each } = std::mem::take(&mut self.waiting);
        let writer = self.writer.as_mut().filter(|_| !self.failed).ok_or_else(ended)?;
        self.failed = true;
        all.extend(values.0.0);
        let begins = !writer.begun;
        let sql = format!("{}{before}{sql}", if begins { "BEGIN IMMEDIATE;" } else { "" });
        // From here on it is rolled back, whatever comes.
        writer.begun = true;
        let (rows, touched) = writer.run(sql, all).await?;
        for (touched, otherwise) in touched.iter().skip(usize::from(begins)).zip(&each) {
            if let Some(otherwise) = otherwise
                && *touched != 1
            {
                return Err(otherwise());
            }
        }
        self.failed = false;
        Ok((rows, touched.last().copied().unwrap_or_default()))
    }

    /// Runs statements without values, as they are.
    pub(crate) async fn run_script(&mut self, sql: &str) -> Result<(), Error> {
        self.run(sql, SqlxValues(Values(Vec::new()))).await.map(drop)
    }

    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        if self.failed {
            return Err(ended());
        }
        // What waits must have gone well before anything is committed.
        if self.waiting.each.iter().any(Option::is_some) {
            self.run("", SqlxValues(Values(Vec::new()))).await?;
        }
        if !self.waiting.each.is_empty() || self.writer.as_ref().is_some_and(|writer| writer.begun) {
            self.run_script("COMMIT").await?;
        }
        if let Some(writer) = &mut self.writer {
            writer.begun = false;
        }
        Ok(())
    }
}

fn ended() -> Error {
    Error::Unavailable { what: "a statement of the transaction has failed before".to_owned() }
}

impl Drop for EmbeddedTx {
    fn drop(&mut self) {
        // Whoever takes the writer next does it otherwise.
        if let Some(mut writer) = self.writer.take().filter(|writer| writer.begun)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { writer.roll_back().await });
        }
    }
}
