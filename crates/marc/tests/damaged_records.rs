//! Damaged records of real catalogues. Each gives a repaired record with notes, or an error that contains the place.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test helpers stop at the first surprise")]

mod common;

use common::{data, reads, sound_records};
use marc::marcxml;
use marc::{Error, ErrorKind, Field, Place, Read, Record, Repair, RepairKind, WriteError, iso2709};

fn read_file(name: &str) -> Vec<Result<Read, Error>> {
    iso2709::read_all(&data(name)).collect()
}

fn kinds(read: &Read) -> Vec<&RepairKind> {
    read.repairs.iter().map(|repair| &repair.kind).collect()
}

/// Returns the result of reading a record as text for people.
fn story(result: &Result<Read, Error>) -> String {
    match result {
        Ok(read) => {
            let repairs: Vec<_> = read.repairs.iter().map(ToString::to_string).collect();
            format!("{} [{}]", read.record.title().unwrap_or_default(), repairs.join("; "))
        }
        Err(error) => error.to_string(),
    }
}

/// Returns one sound record as ISO 2709.
fn sound() -> (Vec<u8>, Record) {
    let record = reads("marc.dat").swap_remove(0).record;
    (iso2709::write(&record).unwrap().content, record)
}

fn only(bytes: &[u8]) -> Read {
    let mut reads: Vec<_> = iso2709::read_all(bytes).collect::<Result<_, _>>().unwrap();
    assert_eq!(reads.len(), 1);
    reads.swap_remove(0)
}

#[test]
fn every_record_of_the_damaged_file_is_repaired_or_named_in_an_error() {
    let stories: Vec<_> = read_file("bad_records.mrc").iter().map(story).collect();
    insta::assert_snapshot!(stories.join("\n"));
}

#[test]
fn field_with_a_blank_in_its_tag_is_left_out_and_the_rest_kept() {
    let reads = read_file("bad_indicator.dat");
    let read = reads[0].as_ref().unwrap();
    assert!(kinds(read).contains(&&RepairKind::FieldDropped { tag: "0 2".into() }), "{:?}", read.repairs);
    assert_eq!(read.record.title().as_deref(), Some("Aristocrats of color : the Black elite, 1880-1920"));
    assert_eq!(reads.len(), 1);
}

#[test]
fn subfield_code_with_a_diacritic_becomes_its_letter() {
    let reads = read_file("bad_subfield_code.dat");
    let read = reads[0].as_ref().unwrap();
    assert_eq!(read.record.title().as_deref(), Some("ActivePerl with ASP and ADO"));
    let code = RepairKind::SubfieldCode { found: "á".into(), used: 'a' };
    assert!(kinds(read).contains(&&code), "{:?}", read.repairs);
    assert!(kinds(read).contains(&&RepairKind::DirectoryPositions), "{:?}", read.repairs);
}

#[test]
fn subfield_code_that_was_lost_in_conversion_is_replaced() {
    let reads = read_file("utf8_invalid.mrc");
    let read = reads[0].as_ref().unwrap();
    let found = String::from(char::REPLACEMENT_CHARACTER);
    assert_eq!(kinds(read), [&RepairKind::SubfieldCode { found, used: '9' }]);
    assert_eq!(read.record.subfield("260", '9'), Some("bAssociation of Teacher Educators]"));
}

#[test]
fn invalid_utf8_is_marked_and_reported_with_its_field() {
    let (mut bytes, record) = sound();
    let field = bytes.windows(9).position(|window| window == b"pragmatic").unwrap();
    bytes[field] = 0xC3;
    let read = only(&bytes);
    let place = Place::Field("245".parse().unwrap());
    assert_eq!(read.repairs, [Repair { place, kind: RepairKind::InvalidText }]);
    assert_eq!(read.record.subfield("245", 'a'), Some("The \u{FFFD}ragmatic programmer :"));
    assert_eq!(read.record.fields.len(), record.fields.len());
}

#[test]
fn unexpected_character_between_indicators_and_subfields_is_left_out() {
    let reads = reads("regression45.dat");
    let damaged: Vec<_> = reads.iter().filter(|read| !read.repairs.is_empty()).collect();
    assert_eq!((reads.len(), damaged.len()), (12, 11));
    for read in damaged {
        assert_eq!(kinds(read), [&RepairKind::ForbiddenCharacters { count: 1 }]);
        assert_eq!(read.record.subfield("752", 'a'), Some("Russian Federation"));
    }
}

#[test]
fn numeric_tag_without_its_zero_gets_it_back() {
    let xml = String::from_utf8(data("bad_tag.xml")).unwrap();
    let read = marcxml::read_one(&xml).unwrap();
    assert!(kinds(&read).contains(&&RepairKind::Tag { found: "42".into() }), "{:?}", read.repairs);
    assert_eq!(read.record.subfield("042", 'a'), Some("dc"));
    assert!(matches!(kinds(&read)[..], [.., RepairKind::Leader { .. }]), "{:?}", read.repairs);
    assert_eq!(read.record.title().as_deref(), Some("The Untamed"));
}

#[test]
fn wrong_lengths_in_the_leader_are_corrected() {
    let (bytes, record) = sound();
    for (position, text) in [(0, "99999"), (0, "00030"), (0, "     "), (12, "00000"), (12, "99999"), (12, "     ")] {
        let mut damaged = bytes.clone();
        damaged[position..position + 5].copy_from_slice(text.as_bytes());
        let read = only(&damaged);
        assert_eq!(read.record.fields, record.fields, "{position} {text:?}");
        assert_eq!(read.repairs.len(), 1, "{:?}", read.repairs);
        assert_eq!(read.repairs[0].place, Place::Leader);
    }
}

#[test]
fn leader_of_blanks_alone_still_gives_the_fields() {
    let (mut bytes, record) = sound();
    bytes[..24].fill(b' ');
    assert_eq!(only(&bytes).record.fields, record.fields);
}

#[test]
fn missing_end_of_record_is_repaired_between_and_behind_records() {
    let (bytes, record) = sound();
    let unended = &bytes[..bytes.len() - 1];
    for file in [[unended, &bytes[..]].concat(), [&bytes[..], unended].concat()] {
        let reads: Vec<_> = iso2709::read_all(&file).collect::<Result<_, _>>().unwrap();
        assert_eq!(reads.len(), 2);
        assert!(reads.iter().all(|read| read.record.fields == record.fields));
        let repaired: Vec<_> = reads.iter().filter(|read| !read.repairs.is_empty()).collect();
        assert_eq!(repaired.len(), 1);
        assert_eq!(kinds(repaired[0]), [&RepairKind::MissingRecordTerminator]);
    }
}

#[test]
fn record_behind_an_unreadable_one_is_read() {
    let (bytes, record) = sound();
    let file = [b"00010junk\x1d".as_slice(), b"\r\n", &bytes].concat();
    let results: Vec<_> = iso2709::read_all(&file).collect();
    let expected = Error { record: 1, offset: 0, kind: ErrorKind::TooShort { length: 9 } };
    assert_eq!(results[0].as_ref().unwrap_err(), &expected);
    let read = results[1].as_ref().unwrap();
    assert_eq!((read.number, &read.record.fields), (2, &record.fields));
}

#[test]
fn errors_name_the_record_and_the_byte() {
    let (bytes, _) = sound();
    let file = [bytes.as_slice(), b"00026     2200025   4500\x1e\x1d"].concat();
    let error = iso2709::read_all(&file).nth(1).unwrap().unwrap_err();
    assert_eq!(error.to_string(), format!("record 2, byte {}: the record has no fields", bytes.len() + 24));
}

#[test]
fn record_whose_fields_cannot_be_distinguished_is_an_error() {
    let first = |bytes: &[u8]| iso2709::read_all(bytes).next().unwrap().unwrap_err().kind;
    assert_eq!(first(b"00030nam a2200000 i 4500abcde\x1d"), ErrorKind::NoDirectory);
    let unusable = first(b"00000nam a2200000 i 4500?!?000400000\x1eabc\x1e\x1d");
    assert_eq!(unusable, ErrorKind::DirectoryUnusable { entries: 1 });
}

#[test]
fn padding_between_records_is_no_record() {
    let (bytes, _) = sound();
    let file = [b"\r\n".as_slice(), &bytes, b"\n   \0\0", &bytes, b"\x1a   \n"].concat();
    let reads: Vec<_> = iso2709::read_all(&file).collect::<Result<_, _>>().unwrap();
    assert_eq!(reads.len(), 2);
    assert!(reads.iter().all(|read| read.repairs.is_empty()));
    assert_eq!(iso2709::read_all(b"").count(), 0);
}

#[test]
fn utf8_in_a_record_that_announces_marc8_is_read_as_utf8() {
    let (mut bytes, record) = {
        let record = reads("diacritic.dat").swap_remove(0).record;
        (iso2709::write(&record).unwrap().content, record)
    };
    bytes[9] = b' ';
    let read = only(&bytes);
    assert_eq!(read.record, record);
    assert_eq!(kinds(&read), [&RepairKind::Encoding { declared: ' ' }]);
}

#[test]
fn bad_indicators_become_blank() {
    let record = Record::builder().data("245", '1', '0', [('a', "Title")]).build();
    let mut bytes = iso2709::write(&record).unwrap().content;
    let field = bytes.windows(3).position(|window| window == b"10\x1f").unwrap();
    bytes[field] = b'#';
    let read = only(&bytes);
    assert!(matches!(&read.record.fields[0], Field::Data { ind1: ' ', ind2: '0', .. }), "{:?}", read.record);
    assert_eq!(kinds(&read), [&RepairKind::Indicator { found: "#".into() }]);
}

#[test]
fn text_without_subfields_becomes_subfield_a() {
    let bytes = b"00000nam a2200000 i 4500245001000000\x1eJust text\x1e\x1d";
    assert_eq!(only(bytes).record.subfield("245", 'a'), Some("Just text"));
}

#[test]
fn directory_that_names_one_field_many_times_is_not_followed() {
    let field = format!("10\u{1f}a{}\u{1e}", "x".repeat(5_000));
    let entries = format!("245{:04}00000", field.len()).repeat(1_000);
    let bytes = format!("00000nam a2200000 i 4500{entries}\u{1e}{field}\u{1d}");
    assert_eq!(only(bytes.as_bytes()).record.fields.len(), 1);
}

#[test]
fn record_too_long_for_iso_2709_is_refused() {
    let long = Record::builder().data("520", ' ', ' ', [('a', "x".repeat(10_000))]).build();
    assert_eq!(
        iso2709::write(&long).unwrap_err(),
        WriteError::FieldTooLong { tag: "520".parse().unwrap(), length: 10_005 }
    );
    let field = Field::Data {
        tag: "520".parse().unwrap(),
        ind1: ' ',
        ind2: ' ',
        subfields: vec![marc::Subfield::new('a', "x".repeat(9_000))],
    };
    let many = Record { fields: vec![field; 12], ..Record::default() };
    assert!(matches!(iso2709::write(&many), Err(WriteError::RecordTooLong { .. })));
}

#[test]
fn cut_off_record_keeps_its_whole_fields() {
    for record in sound_records() {
        let bytes = iso2709::write(&record).unwrap().content;
        let cut = &bytes[..bytes.len() - 60];
        let read = only(cut);
        assert!(!read.repairs.is_empty());
        assert!(read.record.fields.iter().all(|field| record.fields.contains(field)), "{:?}", read.repairs);
        assert!(!read.record.fields.is_empty());
    }
}
