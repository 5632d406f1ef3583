//! Writes records as ISO 2709 in UTF-8.

use super::{FIELD_TERMINATOR, RECORD_TERMINATOR, SUBFIELD_DELIMITER, indicator, subfield_code};
use crate::{Field, Leader, Record, Repair, RepairKind, Tag, WriteError, Written};

const FIELD_LIMIT: usize = 9_999;
const RECORD_LIMIT: usize = 99_999;

/// Writes a record. Delimiters within text are left out with a note.
///
/// # Errors
/// If a field or the record is longer than the format allows.
pub fn write(record: &Record) -> Result<Written<Vec<u8>>, WriteError> {
    let mut repairs = Vec::new();
    let mut directory = String::new();
    let mut data = Vec::new();
    for field in &record.fields {
        let (tag, start) = (field.tag(), data.len());
        push_field(&mut data, field, &mut repairs);
        let length = data.len() - start;
        if length > FIELD_LIMIT {
            return Err(WriteError::FieldTooLong { tag, length });
        }
        directory.push_str(&format!("{tag}{length:04}{start:05}"));
    }
    let base = Leader::LENGTH + directory.len() + 1;
    let length = base + data.len() + 1;
    if length > RECORD_LIMIT {
        return Err(WriteError::RecordTooLong { length });
    }
    let mut content = record.leader.for_exchange(length, base).into_bytes();
    content.extend_from_slice(directory.as_bytes());
    content.push(FIELD_TERMINATOR);
    content.append(&mut data);
    content.push(RECORD_TERMINATOR);
    Ok(Written { content, repairs })
}

fn push_field(out: &mut Vec<u8>, field: &Field, repairs: &mut Vec<Repair>) {
    match field {
        Field::Control { tag, data } => push_text(out, data, *tag, repairs),
        Field::Data { tag, ind1, ind2, subfields } => {
            push_indicator(out, *ind1, *tag, repairs);
            push_indicator(out, *ind2, *tag, repairs);
            for subfield in subfields {
                out.push(SUBFIELD_DELIMITER);
                let code = subfield_code(subfield.code, *tag, repairs);
                push_text(out, code.encode_utf8(&mut [0; 4]), *tag, repairs);
                push_text(out, &subfield.value, *tag, repairs);
            }
        }
    }
    out.push(FIELD_TERMINATOR);
}

fn push_indicator(out: &mut Vec<u8>, found: char, tag: Tag, repairs: &mut Vec<Repair>) {
    let printable = matches!(found, ' '..='~');
    let indicator = if printable { found } else { indicator(Some(found), tag, repairs) };
    out.extend(indicator.encode_utf8(&mut [0; 4]).bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str, tag: Tag, repairs: &mut Vec<Repair>) {
    let before = out.len();
    out.extend(text.bytes().filter(|byte| !(RECORD_TERMINATOR..=SUBFIELD_DELIMITER).contains(byte)));
    let count = text.len() - (out.len() - before);
    if count > 0 {
        repairs.push(Repair::field(tag, RepairKind::ForbiddenCharacters { count }));
    }
}
