//! Reads the content of a field: indicators, subfields, text.

use std::borrow::Cow;

use super::{SUBFIELD_DELIMITER, directory};
use crate::{Field, Repair, RepairKind, Subfield, Tag, marc8};

/// The encoding of a record's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Utf8,
    Marc8,
}

impl Coding {
    /// Returns the encoding that leader position 09 declares, unless the data prove otherwise: MARC-8 puts diacritics
    /// before ASCII letters, which UTF-8 never does.
    pub(super) fn of(declared: u8, data: &[u8], repairs: &mut Vec<Repair>) -> Self {
        let plain = data.is_ascii() && !data.contains(&marc8::ESCAPE);
        let wrong = || Repair::leader(RepairKind::Encoding { declared: char::from(declared) });
        match declared {
            b'a' => Self::Utf8,
            b' ' if plain => Self::Marc8,
            _ => {
                let utf8 = !data.is_ascii() && !data.contains(&marc8::ESCAPE) && std::str::from_utf8(data).is_ok();
                if utf8 || declared != b' ' {
                    repairs.push(wrong());
                }
                if utf8 { Self::Utf8 } else { Self::Marc8 }
            }
        }
    }

    fn decode(self, bytes: &[u8], tag: Tag, repairs: &mut Vec<Repair>) -> String {
        match self {
            Self::Utf8 => {
                let text = String::from_utf8_lossy(bytes);
                if matches!(text, Cow::Owned(_)) {
                    repairs.push(Repair::field(tag, RepairKind::InvalidText));
                }
                text.into_owned()
            }
            Self::Marc8 => {
                let decoded = marc8::decode(bytes);
                if decoded.undefined {
                    repairs.push(Repair::field(tag, RepairKind::InvalidText));
                }
                for set in decoded.unsupported {
                    repairs.push(Repair::field(tag, RepairKind::UnsupportedCharacterSet { set }));
                }
                decoded.text
            }
        }
    }
}

/// Reads one field. Returns `None` and notes a repair if its tag is unusable.
pub(super) fn read(raw: &directory::RawField<'_>, coding: Coding, repairs: &mut Vec<Repair>) -> Option<Field> {
    let Some(tag) = Tag::from_bytes(raw.tag) else {
        repairs.push(Repair::directory(directory::dropped(raw.tag)));
        return None;
    };
    let delimited = raw.data.contains(&SUBFIELD_DELIMITER);
    if tag.is_control() || !(delimited || tag.is_numeric()) {
        return Some(Field::Control { tag, data: control(raw.data, tag, coding, repairs) });
    }
    Some(data_field(raw.data, tag, coding, repairs))
}

fn control(data: &[u8], tag: Tag, coding: Coding, repairs: &mut Vec<Repair>) -> String {
    if !data.contains(&SUBFIELD_DELIMITER) {
        return coding.decode(data, tag, repairs);
    }
    repairs.push(Repair::field(tag, RepairKind::DelimiterInControlField));
    let text: Vec<u8> = data.iter().copied().filter(|byte| *byte != SUBFIELD_DELIMITER).collect();
    coding.decode(&text, tag, repairs)
}

fn data_field(data: &[u8], tag: Tag, coding: Coding, repairs: &mut Vec<Repair>) -> Field {
    let mut pieces = data.split(|byte| *byte == SUBFIELD_DELIMITER);
    let head = coding.decode(pieces.next().unwrap_or_default(), tag, repairs);
    let mut subfields = Vec::new();

    let mut rest = head.as_str();
    let has_indicators = head.chars().take(2).filter(|c| is_indicator(*c)).count() == 2;
    let (mut ind1, mut ind2) = (' ', ' ');
    if has_indicators || data.contains(&SUBFIELD_DELIMITER) {
        let mut characters = head.chars();
        ind1 = indicator(characters.next(), tag, repairs);
        ind2 = indicator(characters.next(), tag, repairs);
        rest = characters.as_str();
    }
    let unexpected = rest.trim();
    if unexpected.contains(char::is_alphanumeric) {
        repairs.push(Repair::field(tag, RepairKind::UnexpectedText));
        subfields.push(Subfield::new('a', rest));
    } else if !unexpected.is_empty() {
        repairs.push(Repair::field(tag, RepairKind::ForbiddenCharacters { count: unexpected.chars().count() }));
    }
    for piece in pieces {
        let text = coding.decode(piece, tag, repairs);
        let mut characters = text.chars();
        match characters.next() {
            Some(code) => subfields.push(Subfield::new(subfield_code(code, tag, repairs), characters.as_str())),
            None => repairs.push(Repair::field(tag, RepairKind::EmptySubfield)),
        }
    }
    Field::Data { tag, ind1, ind2, subfields }
}

/// Returns whether the character is a valid indicator: blank, a digit, a lower-case letter, or the fill character.
pub(crate) fn is_indicator(c: char) -> bool {
    matches!(c, ' ' | '|') || c.is_ascii_digit() || c.is_ascii_lowercase()
}

/// Returns the indicator, or a blank with a note.
pub(crate) fn indicator(found: Option<char>, tag: Tag, repairs: &mut Vec<Repair>) -> char {
    match found {
        Some(c) if is_indicator(c) => c,
        _ => {
            let found = found.map(String::from).unwrap_or_default();
            repairs.push(Repair::field(tag, RepairKind::Indicator { found }));
            ' '
        }
    }
}

/// Returns the code if it is valid. Otherwise notes a repair and returns the letter it was made from, or `9`, which
/// MARC 21 leaves to local use.
pub(crate) fn subfield_code(found: char, tag: Tag, repairs: &mut Vec<Repair>) -> char {
    if found.is_ascii_graphic() {
        return found;
    }
    let used = marc8::base_letter(found).filter(char::is_ascii_graphic).unwrap_or('9');
    repairs.push(Repair::field(tag, RepairKind::SubfieldCode { found: found.to_string(), used }));
    used
}
