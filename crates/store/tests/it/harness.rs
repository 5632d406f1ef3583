//! Stores to test with: a SQLite file of their own, and a PostgreSQL database of their own on the server that
//! `CONSORT_TEST_POSTGRES` names. `./test` starts one. Without it the PostgreSQL half fails.

use std::error::Error as _;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;
use store::{Database, Done, Error, MasterKey, Store, Unit};

/// Runs each test body on both databases.
macro_rules! both {
    ($($(#[$meta:meta])* async fn $name:ident($fixture:ident) $body:block)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "not every body uses all of them")]
            use super::*;

            async fn body($fixture: crate::harness::Fixture) $body

            $(#[$meta])*
            #[tokio::test]
            async fn sqlite() {
                body(crate::harness::Fixture::sqlite().await).await;
            }

            $(#[$meta])*
            #[tokio::test]
            async fn postgres() {
                body(crate::harness::Fixture::postgres().await).await;
            }
        })+
    };
}
pub(crate) use both;

/// A store, and what it takes to open it again.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) database: Database,
    pub(crate) key: MasterKey,
    _dir: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("consort.db"));
        Self::open(database, dir).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::open(empty_postgres().await, tempfile::tempdir().unwrap()).await
    }

    async fn open(database: Database, dir: tempfile::TempDir) -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let key = MasterKey::generate(&mut rng);
        let store = Store::open(&database, key.clone(), rng).await.unwrap();
        Self { store, database, key, _dir: dir }
    }

    /// The file of the embedded store.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match &self.database {
            Database::Sqlite(path) => Some(path.clone()),
            Database::Postgres(_) => None,
        }
    }
}

/// Commits a unit that `build` has filled.
pub(crate) async fn commit(store: &Store, build: impl FnOnce(&mut Unit)) -> Result<Done, Error> {
    let mut unit = store.unit();
    build(&mut unit);
    store.commit(unit).await
}

/// A database on the server with nothing in it.
pub(crate) async fn empty_postgres() -> Database {
    Database::Postgres(pg_cluster::test_database("store").await.unwrap().into())
}

/// Runs statements by a connection of their own, past the store; answers what the database says against them.
pub(crate) async fn behind_its_back(database: &Database, sql: &str) -> Result<(), String> {
    match database {
        Database::Sqlite(path) => {
            let file = rusqlite::Connection::open(path).map_err(|error| error.to_string())?;
            file.execute_batch(sql).map_err(|error| error.to_string())
        }
        Database::Postgres(url) => {
            // The error itself says "db error" alone.
            let describe = |error: tokio_postgres::Error| error.source().map_or_else(String::new, ToString::to_string);
            let (client, connection) =
                tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await.map_err(describe)?;
            // It ends when the client is dropped.
            let connected = tokio::spawn(connection);
            let ran = client.batch_execute(sql).await.map_err(describe);
            drop(client);
            connected.await.unwrap().map_err(describe)?;
            ran
        }
    }
}

/// Noon, and a number of seconds.
pub(crate) fn noon(seconds: i64) -> Timestamp {
    lending::example::noon() + SignedDuration::from_secs(seconds)
}
