//! Reads compact records from MARCXML: fast where the record has the usual form, thoroughly elsewhere.

use super::fast::{Scanner, is_suspicious};
use super::read::{Records, read_all};
use crate::{CompactRecord, Error, ErrorKind, Repair};

/// The largest record in bytes of MARCXML. The largest that a library system exports have some hundred thousand.
pub const LARGEST_RECORD: usize = 16 << 20;

/// The largest document in bytes.
const LARGEST_DOCUMENT: usize = 1 << 30;

/// Reads the first record of a text, such as the content of OAI-PMH's element `metadata`, and replaces `record` by it.
///
/// It gives the same record and the same repairs as [`read_one`](super::read_one). The prefixes are those that an
/// element around the text binds to the MARCXML namespace; declarations inside the text are found without them.
///
/// # Errors
/// If the bytes are not UTF-8, are more than [`LARGEST_RECORD`], or hold no record.
pub fn read_compact(xml: &[u8], prefixes: &[&str], record: &mut CompactRecord) -> Result<Vec<Repair>, Error> {
    let text = checked(xml, LARGEST_RECORD)?;
    // Each piece of text is checked, since the fast reader may not need the whole.
    if Scanner::new(text, 0, true).record(prefixes, record).is_some() {
        return Ok(Vec::new());
    }
    let none = Error { record: 1, offset: 0, kind: ErrorKind::NoRecord };
    let read = Records::within(text, prefixes).next().unwrap_or(Err(none))?;
    *record = CompactRecord::from(&read.record);
    Ok(read.repairs)
}

/// Reads all records of a document, such as a file with a `collection`; see [`CompactRecords::read`].
///
/// # Errors
/// If the bytes are not UTF-8, or more than a gibibyte.
pub fn read_all_compact(xml: &[u8]) -> Result<CompactRecords<'_>, Error> {
    let text = checked(xml, LARGEST_DOCUMENT)?;
    let suspicious = is_suspicious(xml);
    let mut scanner = Scanner::new(text, 0, suspicious);
    let mode = match scanner.start_of_collection() {
        Some(("collection", prefixes)) => Mode::Fast { at: scanner.position(), prefixes },
        _ => Mode::Thorough(Box::new(read_all(text))),
    };
    Ok(CompactRecords { text, suspicious, number: 0, mode })
}

/// The records of a document; see [`read_all_compact`].
#[derive(Debug)]
pub struct CompactRecords<'a> {
    text: &'a str,
    suspicious: bool,
    number: usize,
    mode: Mode<'a>,
}

#[derive(Debug)]
enum Mode<'a> {
    /// The next record is tried with the fast reader.
    Fast {
        at: usize,
        prefixes: Vec<&'a str>,
    },
    /// The document has another form than a collection of records.
    Thorough(Box<Records<'a>>),
    Ended,
}

impl CompactRecords<'_> {
    /// Replaces `record` by the next record, and returns its repairs; `None` at the end. A record that can't be read is
    /// an error, after which the next one is read, except where the XML itself is broken.
    pub fn read(&mut self, record: &mut CompactRecord) -> Option<Result<Vec<Repair>, Error>> {
        match &mut self.mode {
            Mode::Ended => None,
            Mode::Thorough(records) => {
                let read = records.next()?;
                Some(read.map(|read| {
                    *record = CompactRecord::from(&read.record);
                    read.repairs
                }))
            }
            Mode::Fast { at, prefixes } => {
                let mut scanner = Scanner::new(self.text, *at, self.suspicious);
                scanner.skip_space();
                if scanner.is_at_end() {
                    self.mode = Mode::Ended;
                    return None;
                }
                let start = scanner.position();
                self.number += 1;
                if scanner.record(prefixes, record).is_some() {
                    *at = scanner.position();
                    return Some(Ok(Vec::new()));
                }
                let mut thorough = Records::within(&self.text[start..], prefixes);
                let read = thorough.next();
                *at = start + thorough.byte();
                let ends = match &read {
                    None => true,
                    Some(read) => read.as_ref().is_err_and(|error| error.kind != ErrorKind::NoFields),
                };
                if ends {
                    self.mode = Mode::Ended;
                }
                Some(match read? {
                    Ok(read) => {
                        *record = CompactRecord::from(&read.record);
                        Ok(read.repairs)
                    }
                    Err(error) => Err(Error { record: self.number, offset: start + error.offset, kind: error.kind }),
                })
            }
        }
    }
}

fn checked(xml: &[u8], limit: usize) -> Result<&str, Error> {
    if xml.len() > limit {
        return Err(Error { record: 1, offset: limit, kind: ErrorKind::TooLarge { limit } });
    }
    std::str::from_utf8(xml).map_err(|error| Error { record: 1, offset: error.valid_up_to(), kind: ErrorKind::NotUtf8 })
}
