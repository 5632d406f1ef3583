//! Bulk writes, such as those of a harvest, in a database of their own: on SQLite a file next to the hub's, on PostgreSQL
//! a schema. They never wait for the hub's units, nor these for them, and leave them most of the machine.
//!
//! A batch is written as a whole or not at all, and batches survive in their order. After a loss of power the last ones may
//! be missing: whoever writes them can harvest again, and so nobody waits for the disk.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lending::InstitutionCode;
use secrecy::SecretString;

use crate::database::{Database, Store, cannot, create_private};
use crate::error::Error;
use crate::postgres::Postgres;
use crate::sql::{Query, Row, Value, values};
use crate::sqlite::{Durability, Sqlite};
use crate::unit::Step;

/// While the hub's units are written, a batch is followed by a rest of so many times the time that it took.
const REST: u32 = 4;
/// A rest is no longer than this, however long a batch took.
const LONGEST_REST: Duration = Duration::from_secs(2);

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS record (\
         institution TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (institution, id))";

/// Settings of a server's connections. A batch that is answered may still be lost with the server, not torn.
const SETTINGS: &str = "-c search_path=catalogue -c synchronous_commit=off";

/// A record of an institution, as it was harvested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BulkRecord {
    /// The institution whose it is.
    pub institution: InstitutionCode,
    /// Its id there.
    pub id: String,
    /// Its text.
    pub body: String,
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
    /// The hub's store, which comes first.
    hub: Store,
}

impl BulkStore {
    /// Opens the database for bulk writes that belongs to the hub's `store` in `database`, and creates it if need be.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence.
    pub async fn open(store: &Store, database: &Database) -> Result<Self, Error> {
        let backend = match database {
            Database::Sqlite(path) => Backend::Sqlite(open_file(&Self::path(path)).await?),
            Database::Postgres(url) => Backend::Postgres(open_schema(url).await?),
        };
        Ok(Self { backend, hub: store.clone() })
    }

    /// Returns the file for bulk writes that belongs to the hub's file: `consort-catalogue.db` next to `consort.db`.
    pub fn path(hub: &Path) -> PathBuf {
        let stem = hub.file_stem().unwrap_or_default().to_string_lossy();
        hub.with_file_name(format!("{stem}-catalogue.db"))
    }

    /// Writes a batch of records, each in place of an earlier one with its id. While the hub writes too, it returns after
    /// a rest.
    pub async fn put_records(&self, records: &[BulkRecord]) -> Result<(), Error> {
        let sql = "INSERT INTO record (institution, id, body) VALUES ($1, $2, $3) \
                   ON CONFLICT (institution, id) DO UPDATE SET body = excluded.body";
        let steps = records
            .iter()
            .map(|record| Step::plain(sql, values![&record.institution, record.id.as_str(), record.body.as_str()]));
        self.write(steps.collect()).await
    }

    /// Returns a record.
    pub async fn record(&self, institution: &InstitutionCode, id: &str) -> Result<Option<BulkRecord>, Error> {
        let sql = "SELECT body FROM record WHERE institution = $1 AND id = $2";
        let rows = self.read(sql, values![institution, id]).await?;
        rows.first()
            .map(|row| Ok(BulkRecord { institution: institution.clone(), id: id.to_owned(), body: row.text("body")? }))
            .transpose()
    }

    /// Waits until everything is written, and closes the connections.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(file) => file.close().await,
            Backend::Postgres(server) => server.close(),
        }
    }

    #[allow(clippy::disallowed_methods, reason = "the pace of the writer, which nothing is decided by")]
    async fn write(&self, steps: Vec<Step>) -> Result<(), Error> {
        let (units, begun) = (self.hub.commits(), Instant::now());
        match &self.backend {
            Backend::Sqlite(file) => file.commit(steps).await?,
            Backend::Postgres(server) => server.commit(steps).await?,
        };
        if self.hub.commits() > units {
            tokio::time::sleep((begun.elapsed() * REST).min(LONGEST_REST)).await;
        }
        Ok(())
    }

    async fn read(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        let queries: Vec<Query> = vec![(sql, values)];
        let rows = match &self.backend {
            Backend::Sqlite(file) => file.read(queries).await?,
            Backend::Postgres(server) => server.read(queries).await?,
        };
        Ok(rows.into_iter().next().unwrap_or_default())
    }
}

async fn open_file(path: &Path) -> Result<Sqlite, Error> {
    create_private(path)?;
    let file = Sqlite::open(path, 1, None, Durability::Ordered).map_err(|error| cannot(path, &error))?;
    file.run_script(SCHEMA.to_owned()).await?;
    Ok(file)
}

async fn open_schema(url: &SecretString) -> Result<Postgres, Error> {
    let server = Postgres::open_with(url, SETTINGS).await?;
    // Two nodes that create it at the same time: one waits for the other.
    let lock = "SELECT pg_advisory_xact_lock(1129270868)";
    server.run_script(&format!("{lock}; CREATE SCHEMA IF NOT EXISTS catalogue; {SCHEMA}")).await?;
    Ok(server)
}
