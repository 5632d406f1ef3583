//! Reads the directory, which assigns the bytes of a record to its fields.

use std::collections::BTreeSet;

use super::{FIELD_TERMINATOR, frame::digits};
use crate::{Leader, Repair, RepairKind};

const ENTRY: usize = 12;

/// The directory of a record and the data that it points into.
pub(super) struct Directory<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    /// All fields, each with its terminator.
    pub(super) data: &'a [u8],
}

pub(super) struct Entry<'a> {
    tag: &'a [u8],
    /// Start and length in the data, if both are numbers.
    position: Option<(usize, usize)>,
}

/// A field whose bytes are known and not decoded yet.
pub(super) struct RawField<'a> {
    pub(super) tag: &'a [u8],
    /// The field's bytes without the field terminator.
    pub(super) data: &'a [u8],
}

impl<'a> Directory<'a> {
    /// Finds the directory of a record that is longer than a leader.
    pub(super) fn find(body: &'a [u8], repairs: &mut Vec<Repair>) -> Option<Self> {
        let declared = &body[12..17];
        let base = digits(declared).filter(|base| is_base(body, *base)).map_or_else(
            || {
                let end = body[Leader::LENGTH..].iter().position(|byte| *byte == FIELD_TERMINATOR)?;
                Some(Leader::LENGTH + end + 1)
            },
            Some,
        )?;
        if digits(declared) != Some(base) {
            let declared = String::from_utf8_lossy(declared).into_owned();
            repairs.push(Repair::leader(RepairKind::BaseAddress { declared, actual: base }));
        }
        let chunks = body[Leader::LENGTH..base - 1].chunks_exact(ENTRY);
        if !chunks.remainder().is_empty() {
            repairs.push(Repair::directory(RepairKind::DirectoryRest { bytes: chunks.remainder().len() }));
        }
        Some(Self { entries: chunks.map(Entry::parse).collect(), data: &body[base..] })
    }

    /// Returns the fields that the directory points to, in its order.
    pub(super) fn into_fields(self, repairs: &mut Vec<Repair>) -> Vec<RawField<'a>> {
        let Self { entries, data } = self;
        let pieces: Vec<&[u8]> = split_fields(data, &entries);
        let mut starts = BTreeSet::new();
        let exact: Vec<Option<&[u8]>> = entries
            .iter()
            .map(|entry| entry.exact(data).filter(|_| entry.position.is_some_and(|(start, _)| starts.insert(start))))
            .collect();
        let found = exact.iter().flatten().count();
        if found < entries.len() {
            repairs.push(Repair::directory(RepairKind::DirectoryPositions));
            if entries.len() == pieces.len() {
                return in_order(entries, pieces);
            }
        }
        if found < pieces.len() {
            repairs.push(Repair::directory(RepairKind::UnlistedFields { fields: pieces.len() - found }));
        }
        let mut fields = Vec::new();
        for (entry, exact) in entries.iter().zip(exact) {
            match exact {
                Some(data) => fields.push(RawField { tag: entry.tag, data }),
                None => repairs.push(Repair::directory(dropped(entry.tag))),
            }
        }
        fields
    }
}

impl<'a> Entry<'a> {
    fn parse(entry: &'a [u8]) -> Self {
        let (tag, position) = entry.split_at(3);
        let (length, start) = position.split_at(4);
        Self { tag, position: digits(start).zip(digits(length)) }
    }

    /// Returns the field's bytes if the entry points at exactly one field. The last field may lack its terminator.
    fn exact(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        let (start, length) = self.position?;
        let end = start + length.checked_sub(1)?;
        let field = data.get(start..end)?;
        let begins = start == 0 || data.get(start - 1) == Some(&FIELD_TERMINATOR);
        let ends = data.get(end).is_none_or(|byte| *byte == FIELD_TERMINATOR);
        (begins && ends && !field.contains(&FIELD_TERMINATOR)).then_some(field)
    }
}

pub(super) fn dropped(tag: &[u8]) -> RepairKind {
    RepairKind::FieldDropped { tag: String::from_utf8_lossy(tag).into_owned() }
}

/// Matches entries and fields by their order when positions can't be trusted.
fn in_order<'a>(mut entries: Vec<Entry<'a>>, pieces: Vec<&'a [u8]>) -> Vec<RawField<'a>> {
    if entries.iter().all(|entry| entry.position.is_some()) {
        entries.sort_by_key(|entry| entry.position);
    }
    entries.into_iter().zip(pieces).map(|(entry, data)| RawField { tag: entry.tag, data }).collect()
}

/// Returns the fields that have their terminator, and a last one without if the directory lists it.
fn split_fields<'a>(data: &'a [u8], entries: &[Entry<'_>]) -> Vec<&'a [u8]> {
    let mut pieces: Vec<_> = data.split(|byte| *byte == FIELD_TERMINATOR).collect();
    let vouched =
        entries.iter().any(|entry| entry.position.is_some_and(|(start, length)| start + length == data.len() + 1));
    if data.last().is_none_or(|byte| *byte == FIELD_TERMINATOR) || !vouched {
        pieces.pop();
    }
    pieces
}

/// Returns whether the data can start here: after a terminator and a directory of whole, numeric entries.
fn is_base(body: &[u8], base: usize) -> bool {
    let Some(directory) = base.checked_sub(1).and_then(|end| body.get(Leader::LENGTH..end)) else { return false };
    body.get(base - 1) == Some(&FIELD_TERMINATOR)
        && directory.len().is_multiple_of(ENTRY)
        && directory.chunks_exact(ENTRY).all(|entry| digits(&entry[3..]).is_some())
}
