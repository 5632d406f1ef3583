//! Fuzz targets for MARC in its forms: a record that was read and written reads the same again.

use grouping::{Keys, Verdict};
use marc::marcxml::Namespace;
use marc::{CompactRecord, Field, Read, Record};

/// The largest number of records in one input. Each is read or refused, and the reader goes on to the next.
const MOST_RECORDS: usize = 10_000;

/// ISO 2709 files.
pub fn marc_iso2709(data: &[u8]) {
    for read in marc::iso2709::read_all(data).take(MOST_RECORDS) {
        match read {
            Ok(read) => holds(&read),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// MARCXML, alone or in a collection.
pub fn marcxml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for read in marc::marcxml::read_all(&text).take(MOST_RECORDS) {
        match read {
            Ok(read) => holds(&read),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// MARCXML in the envelope of OAI-PMH. The reader finds the records whatever surrounds them, and no more than there
/// are.
pub fn oai_envelope(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = marc::marcxml::read_all(&text).take(MOST_RECORDS).filter(Result::is_ok).count();
    assert!(found <= text.matches("record").count(), "{found} records");
    marcxml(data);
}

/// MARCXML by the fast reader: it gives the same record as the thorough one, or both refuse the text. The keys of the
/// record agree with themselves, and its stored form is read as it was written.
pub fn marcxml_compact(data: &[u8]) {
    let mut record = CompactRecord::default();
    let read = marc::marcxml::read_compact(data, &[], &mut record);
    if let Ok(text) = std::str::from_utf8(data) {
        match (&read, marc::marcxml::read_one(text)) {
            (Ok(repairs), Ok(thorough)) => {
                assert_eq!((&record.to_record(), repairs), (&thorough.record, &thorough.repairs), "the readers differ");
                compact_holds(&record);
            }
            (Err(error), Err(_)) => assert!(!error.to_string().is_empty()),
            (fast, thorough) => panic!("only one reader accepts it: {fast:?}, {thorough:?}"),
        }
    }
    if let Ok(mut records) = marc::marcxml::read_all_compact(data) {
        for _ in 0..MOST_RECORDS {
            match records.read(&mut record) {
                Some(Ok(_)) => compact_holds(&record),
                Some(Err(_)) => {}
                None => break,
            }
        }
    }
}

fn compact_holds(record: &CompactRecord) {
    let mut stored = Vec::new();
    record.encode(&mut stored);
    assert_eq!(CompactRecord::decode(&stored).as_ref(), Ok(record), "it is stored otherwise than it is");
    let keys = Keys::of(record);
    let _ = (keys.lookups(), grouping::quality(record), record.title(), record.author());
    assert_ne!(grouping::judge(&keys, &keys).verdict, Verdict::Different, "a record contradicts itself");
}

fn holds(read: &Read) {
    let record = &read.record;
    let _ = (record.title(), record.author(), record.isbns(), record.control_number());
    let written = marc::marcxml::write(record, Namespace::None);
    let reread = marc::marcxml::read_one(&written.content).expect("what was written can't be read");
    if written.repairs.is_empty() {
        same(record, &reread.record);
    }
    if let Ok(written) = marc::iso2709::write(record)
        && written.repairs.is_empty()
        // Without subfields, ISO 2709 doesn't distinguish a data field from a control field.
        && !record.fields.iter().any(|field| matches!(field, Field::Data { subfields, .. } if subfields.is_empty()))
    {
        let reread = marc::iso2709::read_all(&written.content).next();
        same(record, &reread.expect("nothing was written").expect("what was written can't be read").record);
    }
}

/// Compares the fields only. The leader holds lengths and the encoding, which differ by form.
fn same(first: &Record, second: &Record) {
    assert_eq!(first.fields, second.fields, "it reads otherwise than it was written");
}
