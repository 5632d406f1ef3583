//! ISO 2709, the exchange format of MARC 21: leader, directory, fields.
//!
//! Source: "MARC 21 Specifications for Record Structure, Character Sets, and Exchange Media", Library of Congress.

mod directory;
mod fields;
mod frame;
mod write;

use directory::Directory;
use fields::Coding;
pub(crate) use fields::{indicator, is_indicator, subfield_code};
use frame::Frame;
pub use write::write;

use crate::{Error, ErrorKind, Leader, Read, Record, Repair, RepairKind};

const SUBFIELD_DELIMITER: u8 = 0x1F;
const FIELD_TERMINATOR: u8 = 0x1E;
const RECORD_TERMINATOR: u8 = 0x1D;

/// Reads all records of a file, one at a time. A damaged record gives an error, and the next one is still read.
///
/// Text is decoded as UTF-8 or MARC-8, as leader position 09 declares. If the bytes prove that wrong, they decide.
#[must_use]
pub fn read_all(bytes: &[u8]) -> Records<'_> {
    Records { bytes, offset: 0, number: 0 }
}

/// The records of a file; see [`read_all`].
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: &'a [u8],
    offset: usize,
    number: usize,
}

impl Iterator for Records<'_> {
    type Item = Result<Read, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = frame::skip_padding(self.bytes, self.offset);
        let frame = Frame::at(self.bytes.get(start..).filter(|rest| !rest.is_empty())?);
        self.offset = start + frame.consumed;
        self.number += 1;
        Some(read(&frame, self.number).map_err(|(at, kind)| Error { record: self.number, offset: start + at, kind }))
    }
}

/// Reads one record. An error contains its position in the record.
fn read(frame: &Frame<'_>, number: usize) -> Result<Read, (usize, ErrorKind)> {
    let body = frame.body;
    if body.len() <= Leader::LENGTH {
        return Err((0, ErrorKind::TooShort { length: body.len() }));
    }
    let (leader_bytes, _) = body.split_at(Leader::LENGTH);
    let leader_text = String::from_utf8_lossy(leader_bytes);
    let mut repairs = frame.repairs.clone();
    if !leader_bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        repairs.push(Repair::leader(RepairKind::Leader { found: leader_text.to_string() }));
    }

    let directory = Directory::find(body, &mut repairs).ok_or((Leader::LENGTH, ErrorKind::NoDirectory))?;
    let coding = Coding::of(leader_bytes[9], directory.data, &mut repairs);
    let entries = directory.entries.len();
    let raw = directory.into_fields(&mut repairs);
    let fields: Vec<_> = raw.into_iter().filter_map(|raw| fields::read(&raw, coding, &mut repairs)).collect();
    if fields.is_empty() {
        let kind = if entries == 0 { ErrorKind::NoFields } else { ErrorKind::DirectoryUnusable { entries } };
        return Err((Leader::LENGTH, kind));
    }
    Ok(Read { number, record: Record { leader: Leader::repaired(&leader_text), fields }, repairs })
}
