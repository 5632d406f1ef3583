//! The store's writer of many rows, next to the hub's units: batches of 500 rows of 1 kB, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::{BulkRecord, BulkStore};
use tokio::task::JoinHandle;

use super::units::text;

const ROWS: u64 = 500;
const BYTES: usize = 1_000;

/// A writer in a task of its own.
pub(super) struct Bulk {
    over: Arc<AtomicBool>,
    task: JoinHandle<Result<u64, String>>,
}

impl Bulk {
    pub(super) fn start(store: BulkStore) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(write(store, Arc::clone(&over)));
        Self { over, task }
    }

    /// Ends it, and returns the number of rows that it has written.
    pub(super) async fn end(self) -> Result<u64, String> {
        self.over.store(true, Ordering::Relaxed);
        self.task.await.map_err(text)?
    }
}

async fn write(store: BulkStore, over: Arc<AtomicBool>) -> Result<u64, String> {
    let (body, mut rows) = ("x".repeat(BYTES), 0);
    while !over.load(Ordering::Relaxed) {
        let record =
            |number: u64| BulkRecord { institution: "01LEND".into(), id: format!("{number:012}"), body: body.clone() };
        let batch: Vec<BulkRecord> = (rows..rows + ROWS).map(record).collect();
        store.put_records(&batch).await.map_err(text)?;
        rows += ROWS;
    }
    Ok(rows)
}
