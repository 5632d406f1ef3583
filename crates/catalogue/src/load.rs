//! Loads records from files: ISO 2709, or MARCXML.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;
use marc::CompactRecord;

use crate::database::Catalogue;
use crate::error::Error;
use crate::prepare::Preparer;
use crate::records::{Page, SetAside};
use crate::settings::HarvestSettings;
use crate::sources::{Kind, Run, RunEnd, RunState};

/// Bytes of a file that are read at a time.
const CHUNK: usize = 4 << 20;
/// The largest piece of a file that must be in memory at once: a record of ISO 2709 has 99,999 bytes, and MARCXML is read
/// as a whole.
const LARGEST_XML: u64 = 1 << 30;
/// Records that are stored together.
const TOGETHER: usize = 2_000;

/// Why a file can't be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file.
    #[error("the file can't be read: {0}")]
    File(#[from] io::Error),
    /// The file isn't MARC.
    #[error("{0}")]
    NotMarc(String),
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] Error),
}

/// The records of a file, some at a time.
struct Batch<'a> {
    catalogue: &'a Catalogue,
    preparer: Preparer,
    page: Page,
}

impl Catalogue {
    /// Loads the records of a file for an institution. Each takes the place of an earlier one with its id (001).
    ///
    /// # Errors
    ///
    /// What was stored stays. The same file can be loaded once more.
    pub async fn load_file(
        &self,
        path: &Path,
        institution: &str,
        settings: HarvestSettings,
        owner: &str,
        now: impl Fn() -> Timestamp,
    ) -> Result<Run, LoadError> {
        let mut file = File::open(path)?;
        let lease = self.lease(institution, owner, now()).await?;
        let mut lease = lease.ok_or_else(|| Error::InUse(institution.to_owned()))?;
        let id = self.begin_run(&mut lease, Kind::File, "", now()).await?;
        let run = self.run(id).await?;
        let mut run = run.ok_or_else(|| Error::Damaged { record: id, what: "its run is missing".to_owned() })?;
        let mut batch = Batch { catalogue: self, preparer: Preparer::new(settings), page: Page::default() };
        let result = batch.all(&mut file, &mut lease, &mut run, &now).await;
        if let Err(error) = &result {
            run.report.error = Some(error.to_string());
        }
        let state = if result.is_ok() { RunState::Done } else { RunState::Failed };
        let end = RunEnd { kind: Kind::File, state, report: &run.report, next_from: None, forget_checkpoint: false };
        self.end_run(&lease, id, end, now()).await?;
        self.release(&lease).await?;
        result?;
        Ok(self.run(id).await?.unwrap_or(run))
    }
}

impl Batch<'_> {
    async fn all(
        &mut self,
        file: &mut File,
        lease: &mut crate::sources::SourceLease,
        run: &mut Run,
        now: &impl Fn() -> Timestamp,
    ) -> Result<(), LoadError> {
        let mut buffer = Vec::new();
        let length = file.metadata()?.len();
        let mut is_at_end = fill(file, &mut buffer)?;
        let start = buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&buffer).trim_ascii_start();
        match start.first() {
            None => return Err(LoadError::NotMarc("the file is empty".to_owned())),
            Some(b'<') => {
                if length > LARGEST_XML {
                    let what = "the file has more than a gibibyte; split it, or convert it to ISO 2709";
                    return Err(LoadError::NotMarc(what.to_owned()));
                }
                file.read_to_end(&mut buffer)?;
                self.xml(&buffer, lease, run, now).await?;
            }
            Some(b'0'..=b'9') => loop {
                // Whole records only; the last one of the file may lack its end.
                let end = buffer.iter().rposition(|byte| *byte == 0x1d).map_or(0, |last| last + 1);
                let end = if is_at_end { buffer.len() } else { end };
                for read in marc::iso2709::read_all(&buffer[..end]) {
                    match read {
                        Ok(read) => self.add(CompactRecord::from(&read.record), !read.repairs.is_empty()),
                        Err(error) => self.set_aside(crate::prepare::reason(&error), None),
                    }
                    if self.page.records.len() >= TOGETHER {
                        self.store(lease, run, now).await?;
                    }
                }
                buffer.drain(..end);
                if is_at_end {
                    break;
                }
                if buffer.len() > 4 * CHUNK {
                    let what = "the file has megabytes without the end of a record, so it is no ISO 2709";
                    return Err(LoadError::NotMarc(what.to_owned()));
                }
                is_at_end = fill(file, &mut buffer)?;
            },
            Some(_) => {
                let what =
                    "the file is neither ISO 2709, which begins with five digits, nor MARCXML, which begins with <";
                return Err(LoadError::NotMarc(what.to_owned()));
            }
        }
        self.store(lease, run, now).await
    }

    async fn xml(
        &mut self,
        bytes: &[u8],
        lease: &mut crate::sources::SourceLease,
        run: &mut Run,
        now: &impl Fn() -> Timestamp,
    ) -> Result<(), LoadError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut records =
            marc::marcxml::read_all_compact(bytes).map_err(|error| LoadError::NotMarc(error.to_string()))?;
        let mut record = CompactRecord::default();
        while let Some(read) = records.read(&mut record) {
            match read {
                Ok(repairs) => self.add(record.clone(), !repairs.is_empty()),
                Err(error) => self.set_aside(crate::prepare::reason(&error), None),
            }
            if self.page.records.len() >= TOGETHER {
                self.store(lease, run, now).await?;
            }
        }
        Ok(())
    }

    fn add(&mut self, record: CompactRecord, repaired: bool) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        match self.preparer.prepare_record(record, repaired) {
            Ok(incoming) => self.page.records.push(incoming),
            Err(reason) => self.set_aside(reason, Some(bytes)),
        }
    }

    fn set_aside(&mut self, reason: String, bytes: Option<Vec<u8>>) {
        self.page.set_aside.push(SetAside { local_id: None, reason, bytes });
    }

    async fn store(
        &mut self,
        lease: &mut crate::sources::SourceLease,
        run: &mut Run,
        now: &impl Fn() -> Timestamp,
    ) -> Result<(), LoadError> {
        let page = std::mem::take(&mut self.page);
        Ok(self.catalogue.commit_page(lease, run.id, page, &mut run.report, now()).await?)
    }
}

/// Reads a further chunk. Returns whether the file has ended.
fn fill(file: &mut File, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let read = Read::by_ref(file).take(CHUNK as u64).read_to_end(buffer)?;
    Ok(read < CHUNK)
}
