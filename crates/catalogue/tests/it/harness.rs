//! Catalogues to test with: in a file of their own, and in a schema of a PostgreSQL database of their own on the server
//! that `CONSORT_TEST_POSTGRES` names.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use catalogue::{Catalogue, Harvest, HarvestError, HarvestSettings, Kind, Run};
use jiff::Timestamp;
use runtime::Clock;
use serde_json::{Value, json};
use store::Database;

use crate::source::Source;

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

/// A clock that a test sets.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// A catalogue and a source to harvest.
pub(crate) struct Fixture {
    pub(crate) catalogue: Catalogue,
    pub(crate) database: Database,
    pub(crate) source: Source,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) _dir: tempfile::TempDir,
}

pub(crate) const INST: &str = "01TEST";

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(Catalogue::path(dir.path()));
        Self::open(database, dir).await
    }

    pub(crate) async fn postgres() -> Self {
        let url = pg_cluster::test_database("catalogue").await.unwrap();
        Self::open(Database::Postgres(url.into()), tempfile::tempdir().unwrap()).await
    }

    async fn open(database: Database, dir: tempfile::TempDir) -> Self {
        let catalogue = Catalogue::open(&database, None).await.unwrap();
        let source = Source::start().await;
        Self { catalogue, database, source, clock: Arc::new(TestClock(AtomicI64::new(1_796_000_000))), _dir: dir }
    }

    /// Settings with this source, and further ones.
    pub(crate) fn settings(&self, further: &Value) -> HarvestSettings {
        let mut harvest = json!({"url": self.source.url(), "overlap_minutes": 0});
        harvest.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        HarvestSettings::read(json!({"harvest": harvest}).as_object().unwrap()).unwrap().unwrap()
    }

    pub(crate) async fn harvest(&self, kind: Kind) -> Run {
        self.harvest_with(kind, &self.settings(&json!({}))).await.unwrap()
    }

    pub(crate) async fn harvest_with(&self, kind: Kind, settings: &HarvestSettings) -> Result<Run, HarvestError> {
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&self.clock);
        let harvest = Harvest {
            catalogue: &self.catalogue,
            clock,
            client_clock: None,
            node: "node-1",
            institution: INST,
            settings,
        };
        harvest.run(kind, &stopped).await
    }

    /// Returns the state of a record, with its reason.
    pub(crate) async fn state(&self, id: &str) -> Option<(&'static str, Option<String>)> {
        let stored = self.catalogue.stored(INST, id).await.unwrap()?;
        Some((stored.state.name(), stored.reason))
    }
}
