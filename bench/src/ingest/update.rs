//! `update`: a hundredth of the records changes, a thousandth is deleted, and the source fails in every way that it can.
//! Afterwards the catalogue must hold what the source holds, record by record.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::{Catalogue, Harvest, HarvestSettings, Kind, RecordState, Run};
use comfy_table::{Table, presets};
use futures::future::BoxFuture;
use jiff::Timestamp;
use marc::CompactRecord;
use runtime::SystemClock;
use sample_records::{Corpus, Faults, Options, Server};
use serde_json::json;
use store::Database;

use super::{INSTITUTION, PAGE};
use crate::Scale;
use crate::verdict::Verdict;

/// A busy server every 13 requests, a refused token every 29, and an answer that is cut off every 17.
const FAULTS: Faults =
    Faults { busy_every: Some(13), bad_token_every: Some(29), break_every: Some(17), repeat_from: None };

/// Waits for nothing: the server's faults pass at once.
#[derive(Debug)]
struct NoWait;

impl oai_pmh::Clock for NoWait {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Runs the benchmark.
pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let records = match scale {
        Scale::Full => 1_000_000,
        Scale::Quick => 30_000,
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(measure(records))
}

async fn measure(records: u64) -> Result<Verdict, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let corpus = Arc::new(Corpus::new(Options { records, ..Options::default() }));
    let address = ([127, 0, 0, 1], 0).into();
    let server = Server::start(Arc::clone(&corpus), address, PAGE, FAULTS).await.map_err(|error| text(&error))?;
    let directory = tempfile::tempdir().map_err(|error| text(&error))?;
    let database = Database::Sqlite(Catalogue::path(directory.path()));
    let catalogue = Catalogue::open(&database, None).await.map_err(|error| text(&error))?;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["harvest", "records", "s", "new", "changed", "deleted", "differ from the source"]);
    let mut differences = 0;
    for (kind, name) in [(Kind::Full, "full"), (Kind::Changes, "changes"), (Kind::Changes, "changes once more")] {
        let generation = if kind == Kind::Full { 0 } else { server.advance() };
        let begun = Instant::now();
        let run = harvest(&catalogue, server.url(), kind).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let differing = compare(&catalogue, &corpus, generation).await?;
        differences += differing;
        let report = &run.report;
        table.add_row([
            name.to_owned(),
            report.records.to_string(),
            format!("{seconds:.1}"),
            report.new.to_string(),
            report.changed.to_string(),
            report.deleted.to_string(),
            differing.to_string(),
        ]);
    }
    Ok(Verdict {
        table,
        notes: vec![format!("{} requests, some of them refused, busy or cut off.", server.requests())],
        figure: format!("{differences} records differ from the source after two updates of {records} with faults"),
        target: "0".to_owned(),
        met: differences == 0,
    })
}

async fn harvest(catalogue: &Catalogue, url: &str, kind: Kind) -> Result<Run, String> {
    let settings = json!({"harvest": {"url": url, "overlap_minutes": 0}});
    let settings = settings.as_object().map(HarvestSettings::read).ok_or("there are no settings")?;
    let settings = settings.map_err(|faults| format!("{faults:?}"))?.ok_or("there are no settings")?;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let harvest = Harvest {
        catalogue,
        clock: Arc::new(SystemClock::default()),
        client_clock: Some(Arc::new(NoWait)),
        node: "bench",
        institution: INSTITUTION,
        settings: &settings,
    };
    harvest.run(kind, &stopped).await.map_err(|error| error.to_string())
}

/// Counts the records whose state or content in the catalogue isn't the source's.
async fn compare(catalogue: &Catalogue, corpus: &Corpus, generation: u32) -> Result<u64, String> {
    let (mut differing, mut expected) = (0, CompactRecord::default());
    for index in 0..corpus.options().records {
        let sample = corpus.record(index, generation);
        let stored = catalogue.stored(INSTITUTION, &sample.control_number).await.map_err(|error| error.to_string())?;
        let unclosed = sample.damage == Some(sample_records::Damage::UnclosedElement);
        let same = match stored {
            // A record that was deleted before anybody harvested it is unknown.
            None => sample.deleted,
            Some(stored) if sample.deleted => stored.state == RecordState::Deleted,
            Some(stored) if unclosed => stored.state == RecordState::Failed,
            Some(stored) => {
                // The harvester replaces what isn't UTF-8.
                let text = String::from_utf8_lossy(&sample.marcxml);
                let is_read = marc::marcxml::read_compact(text.as_bytes(), &[], &mut expected).is_ok();
                let content = catalogue.content(stored.number).await.map_err(|error| error.to_string())?;
                is_read && stored.state == RecordState::Shown && content.is_some_and(|(found, _)| found == expected)
            }
        };
        differing += u64::from(!same);
    }
    Ok(differing)
}
