//! Fuzz targets for MARC in its forms: a record that was read and written reads the same again.

use marc::marcxml::Namespace;
use marc::{Field, Read, Record};

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
