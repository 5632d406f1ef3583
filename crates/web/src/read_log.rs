//! Collects reads of patron data, and writes them in batches.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use lending::RequestId;
use parking_lot::Mutex;
use store::{PatronRead, Store};
use tracing::error;

/// How long reads are collected before they are written. A crash loses those of this time.
const COLLECTED_FOR: Duration = Duration::from_millis(500);
/// The number of reads that wait at most, if the store can't be written to. Older ones are dropped then, with an error in
/// the log.
const MOST_WAITING: usize = 10_000;

/// The reads that are not written yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadLog(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    reads: Vec<PatronRead>,
    /// What the reads of this batch have shown to whom: the same once more adds nothing.
    known: HashSet<(String, Vec<RequestId>, String, Option<String>)>,
    /// Whether a task will write them.
    is_scheduled: bool,
}

impl ReadLog {
    /// Adds a read. It is written within a second. The same read once more within a batch counts once.
    #[allow(clippy::disallowed_methods, reason = "reads are collected by the machine's clock")]
    pub(crate) fn add(&self, store: &Store, read: PatronRead) {
        let mut waiting = self.0.lock();
        if !waiting.known.insert((read.actor.clone(), read.requests.clone(), read.shown.clone(), read.reason.clone())) {
            return;
        }
        waiting.reads.push(read);
        if std::mem::replace(&mut waiting.is_scheduled, true) {
            return;
        }
        drop(waiting);
        let (log, store) = (self.clone(), store.clone());
        tokio::spawn(async move {
            tokio::time::sleep(COLLECTED_FOR).await;
            log.write(&store).await;
        });
    }

    /// Writes what was collected. What can't be written stays, and is written with the next reads.
    pub(crate) async fn write(&self, store: &Store) {
        let reads = {
            let mut waiting = self.0.lock();
            waiting.is_scheduled = false;
            waiting.known.clear();
            std::mem::take(&mut waiting.reads)
        };
        if reads.is_empty() {
            return;
        }
        let mut unit = store.unit();
        let built = reads.iter().try_for_each(|read| unit.insert_patron_read(read));
        let written = match built {
            Ok(()) => store.commit(unit).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            error!(%error, reads = reads.len(), "reads of patron data can't be written; they are tried with the next ones");
            let mut waiting = self.0.lock();
            let later = std::mem::replace(&mut waiting.reads, reads);
            waiting.reads.extend(later);
            let excess = waiting.reads.len().saturating_sub(MOST_WAITING);
            waiting.reads.drain(..excess);
        }
    }
}
