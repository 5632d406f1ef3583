//! Stores to test with: a SQLite file of their own, and a PostgreSQL database of their own on the server that
//! `CONSORT_TEST_POSTGRES` names. `./test` starts one; without it the PostgreSQL half says that it is left out.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::{Database, MasterKey, Store};

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

/// A database on the server with nothing in it.
pub(crate) async fn empty_postgres() -> Option<Database> {
    let Ok(server) = std::env::var("CONSORT_TEST_POSTGRES") else {
        println!("left out: CONSORT_TEST_POSTGRES names no server; ./test starts one");
        return None;
    };
    let name = format!("store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect(&server).await.unwrap();
    // A process that had this number before may have left one behind.
    for sql in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
    }
    let (base, _) = server.rsplit_once('/').unwrap();
    Some(Database::Postgres(format!("{base}/{name}").into()))
}

/// Noon, and a number of seconds.
pub(crate) fn noon(seconds: i64) -> Timestamp {
    lending::example::noon() + SignedDuration::from_secs(seconds)
}
