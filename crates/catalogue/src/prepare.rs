//! Makes what is stored of what was fetched: a record is read, its copies are taken out, the rules judge it, and it is
//! packed.

use jiff::Timestamp;
use marc::CompactRecord;

use crate::copies::Copies;
use crate::digest::digest;
use crate::packing::Packer;
use crate::records::{Content, Incoming};
use crate::rules::judge;
use crate::settings::HarvestSettings;
use crate::sources::json;

/// The longest id of a record, in bytes.
const LONGEST_ID: usize = 250;

/// A record as the source sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raw {
    /// The source's identifier.
    pub identifier: String,
    /// The source's datestamp.
    pub datestamp: Option<Timestamp>,
    /// Whether the source says that it was deleted.
    pub deleted: bool,
    /// The record as MARCXML.
    pub metadata: Option<Vec<u8>>,
}

impl From<oai_pmh::Record> for Raw {
    fn from(record: oai_pmh::Record) -> Self {
        let oai_pmh::Record { identifier, datestamp, deleted, metadata, .. } = record;
        Self { identifier, datestamp, deleted, metadata }
    }
}

/// Returns the record's id within its source: Alma's MMS id is the part of an OAI identifier after the last colon.
pub(crate) fn local_id(identifier: &str) -> String {
    let id = identifier.trim();
    let id = id.rsplit(':').next().filter(|part| !part.is_empty()).unwrap_or(id);
    if id.len() <= LONGEST_ID {
        return id.to_owned();
    }
    // Two long ids must not become one.
    format!("{:016x}", digest([id.as_bytes()]))
}

/// Prepares the records of one institution. It keeps its memory between them.
#[derive(Debug)]
pub struct Preparer {
    settings: HarvestSettings,
    record: CompactRecord,
    packer: Packer,
}

impl Preparer {
    /// Creates one for an institution's settings.
    pub fn new(settings: HarvestSettings) -> Self {
        Self { settings, record: CompactRecord::default(), packer: Packer::default() }
    }

    /// Prepares a record of a harvest.
    pub fn prepare(&mut self, raw: Raw) -> Incoming {
        let Raw { identifier, datestamp, deleted, metadata } = raw;
        let local_id = local_id(&identifier);
        let content = match metadata {
            _ if deleted => Content::Deleted,
            None => Content::Failed { reason: "the source sent no record".to_owned(), bytes: Vec::new() },
            Some(xml) => match marc::marcxml::read_compact(&xml, &[], &mut self.record) {
                Ok(repairs) => self.content(!repairs.is_empty()),
                Err(error) => Content::Failed { reason: reason(&error), bytes: xml },
            },
        };
        Incoming { local_id, datestamp, content }
    }

    /// Prepares a record of a file. Its id is that of field 001.
    ///
    /// # Errors
    ///
    /// The reason, if it has no id.
    pub fn prepare_record(&mut self, record: CompactRecord, repaired: bool) -> Result<Incoming, String> {
        let local_id = record.control_number().map(local_id).ok_or("the record has no control number (001)")?;
        self.record = record;
        let content = self.content(repaired);
        Ok(Incoming { local_id, datestamp: None, content })
    }

    /// Returns a record that is there and can't be read.
    pub(crate) fn failed(&self, local_id: String, reason: String, bytes: Vec<u8>) -> Incoming {
        Incoming { local_id, datestamp: None, content: Content::Failed { reason, bytes } }
    }

    fn content(&mut self, repaired: bool) -> Content {
        let mut copies = self.settings.copies.take_from(&mut self.record);
        let suppressed_by = judge(&self.settings, &self.record, &mut copies);
        let marc = self.packer.pack(&self.record);
        let copies = (copies != Copies::default()).then(|| json(&copies));
        let keys = crate::keys::of(&self.record);
        let digest = digest([self.packer.encoded(), copies.as_deref().unwrap_or_default().as_bytes()]);
        Content::Marc { marc, keys, copies, suppressed_by, digest, repaired }
    }
}

/// Returns the reason of a failure without the place in its record, so that reports can count equal ones.
pub(crate) fn reason(error: &marc::Error) -> String {
    error.kind.to_string()
}
