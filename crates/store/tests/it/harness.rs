//! Stores to test with: a SQLite file of their own, and a PostgreSQL database of their own on the server that
//! `CONSORT_TEST_POSTGRES` names. `./test` starts one; without it the PostgreSQL half says that it is left out.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

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
                if let Some(fixture) = crate::harness::Fixture::postgres().await {
                    body(fixture).await;
                }
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

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("consort.db"));
        Self::open(database, dir).await
    }

    pub(crate) async fn postgres() -> Option<Self> {
        Some(Self::open(empty_postgres().await?, tempfile::tempdir().unwrap()).await)
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
pub(crate) async fn empty_postgres() -> Option<Database> {
    let Ok(server) = std::env::var("CONSORT_TEST_POSTGRES") else {
        println!("left out: CONSORT_TEST_POSTGRES names no server; ./test starts one");
        return None;
    };
    let name = format!("store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = Database::Postgres(server.clone().into());
    // A process that had this number before may have left one behind. A database is made outside a transaction, so each
    // is sent alone.
    for sql in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        behind_its_back(&admin, &sql).await.unwrap();
    }
    let (base, _) = server.rsplit_once('/').unwrap();
    Some(Database::Postgres(format!("{base}/{name}").into()))
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
