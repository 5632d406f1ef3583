//! Consort's side: harvest, read, identifiers and match keys, and a table in SQLite.

use std::time::Instant;

use marc::CompactRecord;
use oai_pmh::{Client, Event, Record, Selection};
use rusqlite::{Connection, params};

use super::figures::{Figures, anonymous_mb, cpu_seconds};

/// Pages that are committed together.
const TOGETHER: u64 = 20;

/// Harvests a source.
pub(super) fn harvest(url: &str) -> Result<Figures, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(all(url))
}

async fn all(url: &str) -> Result<Figures, String> {
    let begun = Instant::now();
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut table = Records::open(&directory.path().join("records.db")).map_err(|error| error.to_string())?;
    let client = Client::builder(url).build().map_err(|error| error.to_string())?;
    let mut harvest = client.harvest(Selection { metadata_prefix: "marc21".to_owned(), ..Selection::default() });
    let (mut records, mut failed, mut pages, mut memory_mb) = (0, 0, 0_u64, 0);
    while let Some(event) = harvest.next().await.map_err(|error| error.to_string())? {
        match event {
            Event::Record(record) => match table.add(&record) {
                Ok(true) => records += 1,
                Ok(false) => failed += 1,
                Err(error) => return Err(error.to_string()),
            },
            Event::SetAside(_) => failed += 1,
            Event::Page(checkpoint) => {
                pages += 1;
                if pages.is_multiple_of(TOGETHER) || checkpoint.complete {
                    table.commit().map_err(|error| error.to_string())?;
                    memory_mb = memory_mb.max(anonymous_mb());
                }
            }
            Event::Retrying { .. } | Event::Restarted { .. } => {}
        }
    }
    Ok(Figures { records, failed, seconds: begun.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds(), memory_mb })
}

/// A table of records with their keys, as the peer has it.
struct Records {
    file: Connection,
    record: CompactRecord,
    encoded: Vec<u8>,
}

impl Records {
    fn open(path: &std::path::Path) -> rusqlite::Result<Self> {
        let file = Connection::open(path)?;
        file.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE record (id TEXT PRIMARY KEY, datestamp TEXT, keys TEXT, identifiers TEXT, marc BLOB);
             BEGIN",
        )?;
        Ok(Self { file, record: CompactRecord::default(), encoded: Vec::new() })
    }

    /// Adds a record. Returns whether it could be read.
    fn add(&mut self, record: &Record) -> rusqlite::Result<bool> {
        let Some(xml) = &record.metadata else { return Ok(true) };
        if marc::marcxml::read_compact(xml, &[], &mut self.record).is_err() {
            return Ok(false);
        }
        let (keys, identifiers) =
            (format!("{:?}", self.record.match_keys()), format!("{:?}", self.record.identifiers()));
        let stamp = record.datestamp.map(|at| at.to_string());
        self.encoded.clear();
        self.record.encode(&mut self.encoded);
        let mut statement = self.file.prepare_cached("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)")?;
        statement.execute(params![record.identifier, stamp, keys, identifiers, self.encoded])?;
        Ok(true)
    }

    fn commit(&self) -> rusqlite::Result<()> {
        self.file.execute_batch("COMMIT; BEGIN")
    }
}
