//! A database apart from the hub's own, for bulk writes such as those of a harvest: on SQLite a file, on PostgreSQL a
//! schema. Its writes never wait for the hub's units, nor these for them, and they leave the hub most of the machine.
//!
//! Whoever owns the tables (crate `catalogue`) brings their schema and its statements; this module runs them.
//! A batch of statements is done as a whole or not at all.

use std::path::Path;
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::database::{Database, Store, cannot, create_private};
use crate::error::Error;
use crate::postgres::Postgres;
use crate::schema::{self, SchemaVersion};
use crate::sql::{Query, Row, Value};
use crate::sqlite::{Durability, Sqlite};
use crate::unit::{Done, Expect, Step};

/// While the hub's units are written, a batch is followed by a rest of so many times the time that it took.
const REST: u32 = 4;
/// A rest is no longer than this, however long a batch took.
const LONGEST_REST: Duration = Duration::from_secs(2);
/// Threads that read the embedded database.
const READERS: usize = 2;
/// Connections to a server.
const CONNECTIONS: usize = 6;

/// One statement as each of the two databases takes it. Most statements are the same text for both.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    /// The text for SQLite.
    pub sqlite: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// Statements that are done as a whole or not at all. [`BulkStore::batch`] begins one.
#[derive(Debug)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    steps: Vec<Step>,
    is_postgres: bool,
}

impl Batch {
    /// Adds a statement that may touch any number of rows.
    pub fn run(&mut self, sql: impl Into<Sql>, values: Vec<Value>) {
        self.step(sql.into(), values, Expect::Anything);
    }

    /// Adds a statement that must touch or find one row, or else nothing of the batch is done.
    pub fn run_on_one(&mut self, sql: impl Into<Sql>, values: Vec<Value>, otherwise: Error) {
        self.step(sql.into(), values, Expect::One(otherwise));
    }

    /// Adds a statement for each of many rows. SQLite runs its text once for each; PostgreSQL runs its own once, with a
    /// list for each column (`unnest($1, $2)`).
    pub fn run_for_each(&mut self, sql: Sql, rows: Vec<Vec<Value>>) {
        let Some(first) = rows.first() else { return };
        if self.is_postgres {
            let mut columns: Vec<Vec<Value>> = first.iter().map(|_| Vec::with_capacity(rows.len())).collect();
            for row in rows {
                for (column, value) in columns.iter_mut().zip(row) {
                    column.push(value);
                }
            }
            self.step(sql, columns.into_iter().map(Value::List).collect(), Expect::Anything);
        } else {
            let mut rows = rows.into_iter();
            let values = rows.next().unwrap_or_default();
            let mut step = Step::plain(sql.sqlite, values);
            step.further = rows.collect();
            self.steps.push(step);
        }
    }

    /// Returns whether it has nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Waits until no other batch holds the lock of this name, and holds it until this one ends. SQLite's writer is alone
    /// already.
    pub fn lock(&mut self, name: &str) {
        if self.is_postgres {
            let values = vec![Value::Int(crate::unit::lock_number(name))];
            self.steps.push(Step { postgres_only: true, ..Step::plain("SELECT pg_advisory_xact_lock($1)", values) });
        }
    }

    fn step(&mut self, sql: Sql, values: Vec<Value>, expect: Expect) {
        let text = if self.is_postgres { sql.postgres } else { sql.sqlite };
        self.steps.push(Step { expect, ..Step::plain(text, values) });
    }
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// A database for bulk writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BulkStore {
    backend: Backend,
    /// The hub's store, whose units come first.
    hub: Option<Store>,
}

impl BulkStore {
    /// Opens the database and brings its tables up to date. `name` is the schema on a server; `hub` is the hub's store if
    /// this process runs the hub.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence.
    pub async fn open(
        database: &Database,
        name: &'static str,
        versions: &[SchemaVersion],
        hub: Option<Store>,
    ) -> Result<Self, Error> {
        let store = match database {
            Database::Sqlite(path) => {
                create_private(path)?;
                let file = Sqlite::open(path, READERS, None, Durability::Ordered);
                Self { backend: Backend::Sqlite(file.map_err(|error| cannot(path, &error))?), hub }
            }
            Database::Postgres(url) => Self { backend: Backend::Postgres(open_schema(url, name).await?), hub },
        };
        schema::run_all(&store, versions).await?;
        Ok(store)
    }

    /// Opens the file or schema to read it next to a process that writes. It must be there, with these tables.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence.
    pub async fn open_to_read(
        database: &Database,
        name: &'static str,
        versions: &[SchemaVersion],
    ) -> Result<Self, Error> {
        let backend = match database {
            Database::Sqlite(path) if !path.exists() => return Err(cannot(path, &"there is no such file")),
            Database::Sqlite(path) => {
                Backend::Sqlite(Sqlite::open_to_read(path).map_err(|error| cannot(path, &error))?)
            }
            Database::Postgres(url) => Backend::Postgres(open_schema(url, name).await?),
        };
        let store = Self { backend, hub: None };
        schema::check_all(&store, versions).await?;
        Ok(store)
    }

    /// Begins a batch. It reaches the database with [`BulkStore::commit`].
    pub fn batch(&self) -> Batch {
        Batch { steps: Vec::new(), is_postgres: self.is_postgres() }
    }

    /// Does a batch, as a whole or not at all. While the hub writes too, it returns after a rest.
    ///
    /// # Errors
    ///
    /// What the batch's statements name; nothing of it is done then.
    #[allow(clippy::disallowed_methods, reason = "the pace of the writer, which nothing is decided by")]
    pub async fn commit(&self, batch: Batch) -> Result<Done, Error> {
        if batch.is_empty() {
            return Ok(Done(Vec::new()));
        }
        let (units, begun) = (self.hub_commits(), Instant::now());
        let done = match &self.backend {
            Backend::Sqlite(file) => file.commit(batch.steps).await?,
            Backend::Postgres(server) => server.commit(batch.steps).await?,
        };
        if self.hub_commits() > units {
            tokio::time::sleep((begun.elapsed() * REST).min(LONGEST_REST)).await;
        }
        Ok(done)
    }

    /// Runs a statement that reads.
    pub async fn read(&self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        Ok(self.read_all(vec![(sql.into(), values)]).await?.pop().unwrap_or_default())
    }

    /// Runs statements that read, handed over together; answers the rows of each.
    pub async fn read_all(&self, queries: Vec<(Sql, Vec<Value>)>) -> Result<Vec<Vec<Row>>, Error> {
        let queries = self.chosen(queries);
        match &self.backend {
            Backend::Sqlite(file) => file.read(queries).await,
            Backend::Postgres(server) => server.read(queries).await,
        }
    }

    /// Runs a short statement that reads between two commits, on the connection whose cache holds what was written last.
    pub async fn lookup(&self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        Ok(self.lookup_all(vec![(sql.into(), values)]).await?.pop().unwrap_or_default())
    }

    /// Runs short statements that read between two commits; answers the rows of each.
    pub async fn lookup_all(&self, queries: Vec<(Sql, Vec<Value>)>) -> Result<Vec<Vec<Row>>, Error> {
        let queries = self.chosen(queries);
        match &self.backend {
            Backend::Sqlite(file) => file.lookup(queries).await,
            Backend::Postgres(server) => server.read(queries).await,
        }
    }

    /// Writes the embedded database, as it is at this moment, into a new file that only this user may read.
    ///
    /// # Errors
    ///
    /// The file is there already or can't be written; the database is on a server, whose own tools save it.
    pub async fn back_up(&self, file: &Path) -> Result<(), Error> {
        if self.is_postgres() {
            let what = "the database is on a PostgreSQL server; save it with pg_dump".to_owned();
            return Err(Error::CannotOpen { place: file.display().to_string(), what });
        }
        crate::copy::save_into(file, async |name| self.read("VACUUM INTO $1", vec![Value::Text(name)]).await.map(drop))
            .await
    }

    /// Waits until everything is written, and closes the connections.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(file) => file.close().await,
            Backend::Postgres(server) => server.close(),
        }
    }

    /// Returns whether the database is a schema on a server.
    pub fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }

    fn chosen(&self, queries: Vec<(Sql, Vec<Value>)>) -> Vec<Query> {
        let pick = |sql: Sql| if self.is_postgres() { sql.postgres } else { sql.sqlite };
        queries.into_iter().map(|(sql, values)| (pick(sql), values)).collect()
    }

    fn hub_commits(&self) -> u64 {
        self.hub.as_ref().map_or(0, Store::commits)
    }
}

impl schema::Scripts for BulkStore {
    async fn run_script(&self, sql: &str, lock: &str) -> Result<(), Error> {
        match &self.backend {
            Backend::Sqlite(file) => file.run_script(sql.to_owned()).await,
            Backend::Postgres(server) => server.run_script(&format!("{lock}{sql}")).await,
        }
    }

    async fn version(&self) -> Result<Vec<Row>, Error> {
        self.lookup(schema::VERSION, Vec::new()).await
    }

    fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }
}

async fn open_schema(url: &SecretString, name: &'static str) -> Result<Postgres, Error> {
    // A batch that is answered may still be lost with the server, not torn: whoever wrote it harvests from the checkpoint
    // that the database has.
    let settings = format!("-c search_path={name} -c synchronous_commit=off");
    let server = Postgres::open_with(url, &settings, CONNECTIONS).await?;
    // Two nodes that create it at the same time: one waits for the other.
    let lock = "SELECT pg_advisory_xact_lock(1129270868)";
    server.run_script(&format!("{lock}; CREATE SCHEMA IF NOT EXISTS {name}")).await?;
    Ok(server)
}
