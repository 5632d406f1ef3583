//! How soon a changed record can be searched: from the end of its commit until a search finds it, on a node whose catalogue
//! works as in the hub.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::{Catalogue, HarvestSettings, Page, Preparer, Raw, Report, Service};
use marc::marcxml::{Namespace, write};
use marc::{Leader, Record};
use rand::SeedableRng;
use rand::rngs::StdRng;
use runtime::{Clock as _, SystemClock};
use search::{Index, Search, plain};
use store::{Database, MasterKey, Store};

use super::INSTITUTION;

/// Changes that are measured of each kind.
const CHANGES: usize = 100;
/// The time between two searches.
const BETWEEN: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(30);

/// The waits, sorted.
pub(super) struct Waits {
    /// The node itself has harvested.
    pub(super) same_node: Vec<Duration>,
    /// Another node has, whose commits this one finds by asking.
    pub(super) other_node: Vec<Duration>,
}

/// Starts a node on the catalogue of a directory, and changes one record after the other.
pub(super) async fn measure(directory: &Path, settings: &HarvestSettings) -> Result<Waits, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut random = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut random);
    let database = Database::Sqlite(directory.join("consort.db"));
    let hub = Store::open(&database, key, random).await.map_err(|error| text(&error))?;
    let service = Service {
        database: database.clone(),
        hub,
        index: directory.join("index"),
        node: "bench".to_owned(),
        clock: Arc::new(SystemClock::default()),
    };
    let running = service.start().await?;
    let index = Arc::clone(&running.opened.index);
    let same_node = changes(&running.opened.catalogue, &index, settings, 0).await?;
    let other = Catalogue::open(&Catalogue::database(&database), None).await.map_err(|error| text(&error))?;
    let other_node = changes(&other, &index, settings, CHANGES).await?;
    other.close().await;
    running.stop().await;
    Ok(Waits { same_node, other_node })
}

async fn changes(
    catalogue: &Catalogue,
    index: &Arc<Index>,
    settings: &HarvestSettings,
    first: usize,
) -> Result<Vec<Duration>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let clock = SystemClock::default();
    let runs = catalogue.runs(INSTITUTION, 1).await.map_err(|error| text(&error))?;
    let run = runs.first().ok_or("there was no harvest")?.id;
    let lease = catalogue.lease(INSTITUTION, "bench-changes", clock.now()).await.map_err(|error| text(&error))?;
    let mut lease = lease.ok_or("the institution is being harvested")?;
    let mut preparer = Preparer::new(settings.clone());
    let mut waits = Vec::with_capacity(CHANGES);
    for number in first..first + CHANGES {
        let word = format!("changed{number}x");
        let incoming = preparer.prepare(raw(&word));
        let page = Page { records: vec![incoming], ..Page::default() };
        let mut report = Report::default();
        let committed = catalogue.commit_page(&mut lease, run, page, &mut report, clock.now()).await;
        committed.map_err(|error| text(&error))?;
        let begun = Instant::now();
        let query = plain::parse(&word).map_err(|error| text(&error))?;
        let search = Search { query: Some(query), limit: 1, ..Search::default() };
        while index.search(&search).map_err(|error| text(&error))?.total == 0 {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{word} is not found within {} s", PATIENCE.as_secs()));
            }
            tokio::time::sleep(BETWEEN).await;
        }
        waits.push(begun.elapsed());
    }
    catalogue.release(&lease).await.map_err(|error| text(&error))?;
    waits.sort_unstable();
    Ok(waits)
}

/// One record, each time with another title.
fn raw(word: &str) -> Raw {
    let leader: Leader = "00000cam a2200000 a 4500".parse().unwrap_or_default();
    let record = Record::builder().leader(leader).data("245", '1', '0', [('a', format!("The book {word}"))]).build();
    let metadata = write(&record, Namespace::Slim).content.into_bytes();
    Raw { identifier: "oai:bench:changing".to_owned(), datestamp: None, deleted: false, metadata: Some(metadata) }
}
