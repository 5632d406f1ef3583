//! The bytes by which a compact record is stored.
//!
//! They are those of ISO 2709 without its directory, in UTF-8, and so without its limits of length: the leader, then
//! each field as its tag, both indicators and subfields, ended by a field terminator. A control field has no
//! indicators; a byte after the tag says so.

use super::CompactRecord;
use crate::{Leader, Tag};

const FIELD_END: char = '\u{1E}';
const DELIMITER: char = '\u{1F}';
const CONTROL: char = 'c';
const DATA: char = 'd';

/// The error for bytes that are not an encoded record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored record is damaged at byte {0}")]
pub struct DecodeError(pub usize);

impl CompactRecord {
    /// Appends the record in the form in which it is stored. The separators of ISO 2709 (U+001E, U+001F) can't occur in
    /// a record that was read; in one made in code they are left out.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.leader().as_bytes());
        for field in self.fields() {
            out.extend_from_slice(field.tag().as_str().as_bytes());
            if field.is_control() {
                push_char(out, CONTROL);
                push_text(out, field.text());
            } else {
                for c in [DATA, field.ind1(), field.ind2()] {
                    push_char(out, c);
                }
                for subfield in field.subfields() {
                    push_char(out, DELIMITER);
                    push_char(out, subfield.code);
                    push_text(out, subfield.value);
                }
            }
            push_char(out, FIELD_END);
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|error| DecodeError(error.valid_up_to()))?;
        let leader =
            text.get(..Leader::LENGTH).and_then(|leader| leader.parse::<Leader>().ok()).ok_or(DecodeError(0))?;
        let mut record = Self::default();
        record.restart(&leader);
        record.text.reserve(text.len());
        let mut rest = &text[Leader::LENGTH..];
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let (field, after) = rest.split_once(FIELD_END).ok_or(DecodeError(at))?;
            record.decode_field(field).ok_or(DecodeError(at))?;
            rest = after;
        }
        Ok(record)
    }

    fn decode_field(&mut self, field: &str) -> Option<()> {
        let tag = Tag::from_bytes(field.get(..3)?.as_bytes())?;
        let mut chars = field[3..].chars();
        if chars.next()? == CONTROL {
            self.text.push_str(chars.as_str());
            self.end_field(tag, None);
            return Some(());
        }
        let indicators = [chars.next()?, chars.next()?];
        if let Some(subfields) = chars.as_str().strip_prefix(DELIMITER) {
            for subfield in subfields.split(DELIMITER) {
                let mut chars = subfield.chars();
                let code = chars.next()?;
                self.text.push_str(chars.as_str());
                self.end_subfield(code);
            }
        }
        self.end_field(tag, Some(indicators));
        Some(())
    }
}

fn push_char(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    for piece in text.split([FIELD_END, DELIMITER]) {
        out.extend_from_slice(piece.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::DecodeError;
    use crate::{CompactRecord, Record};

    fn encoded() -> (CompactRecord, Vec<u8>) {
        let record = Record::builder()
            .control("001", "42")
            .data("245", '1', '4', [('a', "Überall :"), ('b', "")])
            .data("500", ' ', ' ', [] as [(char, &str); 0])
            .build();
        let compact = CompactRecord::from(&record);
        let mut bytes = Vec::new();
        compact.encode(&mut bytes);
        (compact, bytes)
    }

    #[test]
    fn stored_record_is_read_as_it_was_written() {
        let (compact, bytes) = encoded();
        assert_eq!(CompactRecord::decode(&bytes).unwrap(), compact);
    }

    #[test]
    fn damaged_bytes_are_an_error_that_names_the_place() {
        let (_, bytes) = encoded();
        assert_eq!(CompactRecord::decode(&bytes[..10]), Err(DecodeError(0)));
        assert_eq!(CompactRecord::decode(&bytes[..bytes.len() - 1]).unwrap_err(), DecodeError(bytes.len() - 7));
        assert_eq!(CompactRecord::decode(b"\xff"), Err(DecodeError(0)));
    }
}
