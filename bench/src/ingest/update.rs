//! `update`: a hundredth of the records changes, a thousandth is deleted, and the source fails in every way that it can.
//! Afterwards the catalogue and the search index must hold what the source holds, record by record, and a changed record can
//! be searched within a second of its commit.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::{Catalogue, Harvest, HarvestSettings, Kind, RecordState, Run};
use comfy_table::{Table, presets};
use futures::future::BoxFuture;
use jiff::Timestamp;
use marc::CompactRecord;
use runtime::{Clock as _, SystemClock};
use sample_records::{Corpus, Faults, Options, Server};
use search::Index;
use serde_json::json;
use store::Database;

use super::{INSTITUTION, PAGE, searchable};
use crate::Scale;
use crate::verdict::Verdict;
use crate::webhooks::{at, ms};

/// A busy server every 13 requests, a refused token every 29, and an answer that is cut off every 17.
const FAULTS: Faults =
    Faults { busy_every: Some(13), bad_token_every: Some(29), break_every: Some(17), repeat_from: None };

/// The longest time from a commit until a search finds the change.
const MOST_WAIT: Duration = Duration::from_secs(1);

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
    let path = directory.path().join("index");
    let index = Arc::new(Index::open(&path).map_err(|error| text(&error))?);
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "harvest",
        "records",
        "s",
        "new",
        "changed",
        "deleted",
        "differ in the store",
        "titles differ in the index",
    ]);
    let (mut differences, mut in_index) = (0, 0);
    for (kind, name) in [(Kind::Full, "full"), (Kind::Changes, "changes"), (Kind::Changes, "changes once more")] {
        let generation = if kind == Kind::Full { 0 } else { server.advance() };
        let begun = Instant::now();
        let run = harvest(&catalogue, server.url(), kind).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let clock = SystemClock::default();
        catalogue.group_all("bench", || clock.now()).await.map_err(|error| text(&error))?;
        catalogue.index_changes(&index, &[]).await.map_err(|error| text(&error))?;
        let differing = compare(&catalogue, &index, &corpus, generation).await?;
        differences += differing.records;
        in_index += differing.titles;
        let report = &run.report;
        table.add_row([
            name.to_owned(),
            report.records.to_string(),
            format!("{seconds:.1}"),
            report.new.to_string(),
            report.changed.to_string(),
            report.deleted.to_string(),
            differing.records.to_string(),
            differing.titles.to_string(),
        ]);
    }
    catalogue.release_all_of("bench").await.map_err(|error| text(&error))?;
    catalogue.close().await;
    index.close_writer().map_err(|error| text(&error))?;
    drop(index);
    let waits = searchable::measure(directory.path(), &settings(server.url())?).await?;
    let longest = at(&waits.same_node, 100).max(at(&waits.other_node, 100));
    let wait = |name: &str, waits: &[Duration]| {
        let (p50, p99, longest) = (ms(at(waits, 50)), ms(at(waits, 99)), ms(at(waits, 100)));
        format!("a change that {name} has committed is found after {p50} (p50), {p99} (p99), {longest} (longest)")
    };
    Ok(Verdict {
        table,
        notes: vec![
            format!("{} requests, some of them refused, busy or cut off.", server.requests()),
            wait("this node", &waits.same_node),
            wait("another node", &waits.other_node),
        ],
        figure: format!(
            "{differences} records and {in_index} titles of the index differ from the source after two updates of {records} \
             with faults; changes are searchable after {} at most",
            ms(longest)
        ),
        target: format!("0, 0, {}", ms(MOST_WAIT)),
        met: differences == 0 && in_index == 0 && longest <= MOST_WAIT,
    })
}

fn settings(url: &str) -> Result<HarvestSettings, String> {
    let settings = json!({"harvest": {"url": url, "overlap_minutes": 0}});
    let settings = settings.as_object().map(HarvestSettings::read).ok_or("there are no settings")?;
    settings.map_err(|faults| format!("{faults:?}"))?.ok_or_else(|| "there are no settings".to_owned())
}

async fn harvest(catalogue: &Catalogue, url: &str, kind: Kind) -> Result<Run, String> {
    let settings = settings(url)?;
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

/// What differs from the source.
struct Differences {
    records: u64,
    titles: u64,
}

/// Counts the records whose state or content in the catalogue isn't the source's, and the titles of the index that don't
/// show a record of the source as it is, or that are missing or too many.
async fn compare(
    catalogue: &Catalogue,
    index: &Index,
    corpus: &Corpus,
    generation: u32,
) -> Result<Differences, String> {
    let (mut records, mut titles, mut displayed) = (0, 0, 0_u64);
    let mut expected = CompactRecord::default();
    for number in 0..corpus.options().records {
        let sample = corpus.record(number, generation);
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
                let id = stored.edition.unwrap_or_default().to_string();
                let shown = index.title(&id, true).map_err(|error| error.to_string())?.and_then(|found| found.record);
                match shown {
                    None => titles += 1,
                    Some(shown) if shown.control_number() == expected.control_number() => {
                        displayed += 1;
                        titles += u64::from(shown != expected);
                    }
                    // Another record of the group stands for it.
                    Some(_) => {}
                }
                is_read && stored.state == RecordState::Shown && content.is_some_and(|(found, _)| found == expected)
            }
        };
        records += u64::from(!same);
    }
    titles += index.titles().abs_diff(displayed);
    Ok(Differences { records, titles })
}
