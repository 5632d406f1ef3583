//! Consort's side: the catalogue's harvest into its database.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::{Catalogue, Harvest, HarvestSettings, Kind, Run};
use runtime::{Clock as _, SystemClock};
use search::Index;
use serde_json::json;
use store::Database;

use super::INSTITUTION;
use super::figures::{After, Figures, Stage, cpu_seconds};
use crate::memory;

/// The time between two measurements of memory.
const EVERY: Duration = Duration::from_millis(50);

/// Harvests a source.
pub(super) fn harvest(url: &str) -> Result<Figures, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(all(url))
}

async fn all(url: &str) -> Result<Figures, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let database = Database::Sqlite(Catalogue::path(directory.path()));
    let catalogue = Catalogue::open(&database, None).await.map_err(|error| error.to_string())?;
    let (run, harvest) = measured(run(&catalogue, url)).await?;
    let clock = SystemClock::default();
    let grouped = async { catalogue.group_all("bench", || clock.now()).await.map_err(|error| error.to_string()) };
    let (_, grouping) = measured(grouped).await?;
    let index = Arc::new(Index::open(&directory.path().join("index")).map_err(|error| error.to_string())?);
    let indexed = async { catalogue.index_changes(&index, &[]).await.map_err(|error| error.to_string()) };
    let (_, indexing) = measured(indexed).await?;
    let groups = catalogue.groups().await.map_err(|error| error.to_string())?;
    let failed = run.report.failures();
    Ok(Figures {
        records: run.report.records.saturating_sub(failed),
        failed,
        seconds: harvest.seconds,
        cpu_seconds: harvest.cpu_seconds,
        memory_mb: harvest.memory_mb,
        after: After { grouping, indexing, groups },
    })
}

/// Measures a stage. Memory is the largest seen.
async fn measured<T>(stage: impl Future<Output = Result<T, String>>) -> Result<(T, Stage), String> {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    tokio::pin!(stage);
    let (mut memory_mb, mut clock) = (0, tokio::time::interval(EVERY));
    let done = loop {
        tokio::select! {
            done = &mut stage => break done?,
            _ = clock.tick() => memory_mb = memory_mb.max(memory::of_this_process()),
        }
    };
    let stage = Stage { seconds: begun.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds() - cpu, memory_mb };
    Ok((done, stage))
}

async fn run(catalogue: &Catalogue, url: &str) -> Result<Run, String> {
    let settings = json!({"harvest": {
        "url": url,
        "holdings": {"tag": "852", "id": "8", "library": "b", "location": "c", "call_number": "h"},
        "items": {"tag": "ITM", "id": "i", "holding": "h", "barcode": "a", "library": "b", "location": "c", "material_type": "m"},
    }});
    let settings = settings.as_object().map(HarvestSettings::read).ok_or("there are no settings")?;
    let settings = settings.map_err(|faults| format!("{faults:?}"))?.ok_or("there are no settings")?;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let harvest = Harvest {
        catalogue,
        clock: Arc::new(SystemClock::default()),
        client_clock: None,
        node: "bench",
        institution: INSTITUTION,
        settings: &settings,
    };
    harvest.run(Kind::Full, &stopped).await.map_err(|error| error.to_string())
}
