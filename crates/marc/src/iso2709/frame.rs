//! Finds where one record ends and the next begins.

use super::{FIELD_TERMINATOR, RECORD_TERMINATOR};
use crate::{Leader, Repair, RepairKind};

/// The bytes of one record.
pub(super) struct Frame<'a> {
    /// The bytes from the leader up to, not including, the record terminator.
    pub(super) body: &'a [u8],
    /// The distance to the next record.
    pub(super) consumed: usize,
    pub(super) repairs: Vec<Repair>,
}

impl<'a> Frame<'a> {
    /// Finds the end of the record that starts here. The terminator takes precedence over the declared length, which
    /// many exports compute in characters.
    pub(super) fn at(rest: &'a [u8]) -> Self {
        let declared = rest.get(..5).unwrap_or(rest);
        let length = digits(declared);
        let terminator = rest.iter().position(|byte| *byte == RECORD_TERMINATOR);
        let lost =
            length.filter(|length| terminator.is_none_or(|at| at >= *length) && ends_unterminated(rest, *length));

        let mut repairs = Vec::new();
        let (body, consumed) = match (lost, terminator) {
            (Some(length), _) => (&rest[..length - 1], length - 1),
            (None, Some(at)) => (&rest[..at], at + 1),
            (None, None) => (rest, rest.len()),
        };
        if consumed == body.len() {
            repairs.push(Repair::record(RepairKind::MissingRecordTerminator));
        }
        let actual = body.len() + 1;
        if length != Some(actual) {
            let declared = String::from_utf8_lossy(declared).into_owned();
            repairs.push(Repair::leader(RepairKind::RecordLength { declared, actual }));
        }
        Self { body, consumed, repairs }
    }
}

/// Returns whether a record of this length ends here with its last field but lacks its own terminator.
fn ends_unterminated(rest: &[u8], length: usize) -> bool {
    let Some(end) = length.checked_sub(1).filter(|end| *end > Leader::LENGTH) else { return false };
    rest.get(end - 1) == Some(&FIELD_TERMINATOR)
        && rest.get(end..).is_some_and(|next| next.len() > Leader::LENGTH && digits(&next[..5]).is_some())
}

/// Returns the start of the next record: blanks, line ends and fill bytes between records are skipped.
pub(super) fn skip_padding(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let fill = |byte: &u8| matches!(byte, b' ' | b'\r' | b'\n' | b'\t' | 0 | 0x1A);
    let Some(padding) = rest.iter().position(|byte| !fill(byte)) else { return bytes.len() };
    let blanks = rest[..padding].iter().rev().take_while(|byte| **byte == b' ').count();
    let leader = rest.get(padding..padding + 6);
    let has_length = leader.is_some_and(|head| digits(&head[..5]).is_some() && !head[5].is_ascii_digit());
    // A leader that is blank, or whose length is blank, begins with blanks that aren't padding.
    let blank_part = match blanks {
        _ if has_length => 0,
        Leader::LENGTH.. => Leader::LENGTH,
        _ => blanks.min(5),
    };
    from + padding - blank_part
}

/// Reads a number of fixed width that consists of ASCII digits only.
pub(super) fn digits(bytes: &[u8]) -> Option<usize> {
    bytes.iter().try_fold(0_usize, |number, byte| {
        byte.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(usize::from(byte - b'0')))
    })
}
