//! No input makes reading panic, and every record that was read can be written.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test helpers stop at the first surprise")]

mod common;

use common::{data, sound_records};
use marc::marcxml::{self, Namespace};
use marc::{Field, Record, Subfield, iso2709};
use proptest::prelude::*;

/// Reads the bytes as ISO 2709, and checks that every record survives MARCXML.
fn read_and_rewrite(bytes: &[u8]) -> Result<(), TestCaseError> {
    for read in iso2709::read_all(bytes).flatten() {
        let written = marcxml::write(&read.record, Namespace::None);
        let reread = marcxml::read_one(&written.content).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(reread.record.fields.len(), read.record.fields.len());
        if written.repairs.is_empty() {
            prop_assert_eq!(&reread.record, &read.record);
        }
        let _ = (read.record.title(), read.record.author(), read.record.isbns());
    }
    Ok(())
}

fn files() -> impl Strategy<Value = Vec<u8>> {
    let names = ["marc.dat", "marc8.dat", "diacritic.dat", "bad_records.mrc", "bad_indicator.dat", "utf8_invalid.mrc"];
    prop::sample::select(names.map(data).to_vec())
}

fn text() -> impl Strategy<Value = String> {
    "[ -~À-ɏα-ωа-я\u{4e00}-\u{4eff}]{0,30}"
}

fn field() -> impl Strategy<Value = Field> {
    let control = ("00[1-9]", text()).prop_map(|(tag, data)| Field::Control { tag: tag.parse().expect("a tag"), data });
    let indicator = || prop::sample::select(vec![' ', '0', '1', '4', 'z']);
    let subfields = prop::collection::vec((prop::char::range('a', 'z'), text()), 0..5);
    let data = ("[1-9][0-9]{2}", indicator(), indicator(), subfields).prop_map(|(tag, ind1, ind2, subfields)| {
        let subfields = subfields.into_iter().map(|(code, value)| Subfield::new(code, value)).collect();
        Field::Data { tag: tag.parse().expect("a tag"), ind1, ind2, subfields }
    });
    prop_oneof![1 => control, 3 => data]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_and_rewrite(&bytes)?;
        let _ = marcxml::read_all(&String::from_utf8_lossy(&bytes)).count();
    }

    #[test]
    fn random_bytes_behind_a_leader_never_panic(
        bytes in prop::collection::vec(prop::sample::select(b"0123459 ab\x1b\x1d\x1e\x1f\xe1\xc3$(".to_vec()), 0..200)
    ) {
        read_and_rewrite(&[b"00120cam  2200049   4500245000900000".as_slice(), &bytes].concat())?;
    }

    #[test]
    fn mutated_records_never_panic(
        mut bytes in files(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..12),
    ) {
        for (index, byte, change) in changes {
            let at = index.index(bytes.len());
            match change {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(30)),
            }
        }
        read_and_rewrite(&bytes)?;
    }

    #[test]
    fn mutated_marcxml_never_panics(
        index in any::<prop::sample::Index>(),
        piece in prop::sample::select(vec!["<", ">", "&", "\"", "</record>", "<record>", "&#0;", "<![CDATA[", "\u{0}"]),
    ) {
        let mut xml = String::from_utf8(data("batch.xml")).expect("UTF-8");
        let at = index.index(xml.len());
        prop_assume!(xml.is_char_boundary(at));
        xml.insert_str(at, piece);
        for read in marcxml::read_all(&xml).flatten() {
            prop_assert!(!read.record.fields.is_empty());
        }
    }

    #[test]
    fn records_survive_both_formats(fields in prop::collection::vec(field(), 1..12)) {
        let record = Record { fields, ..Record::default() };
        let xml = marcxml::write(&record, Namespace::Slim).content;
        let read = marcxml::read_one(&xml).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.record, &record);
        prop_assert!(read.repairs.is_empty());

        let written = iso2709::write(&record).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let read = iso2709::read_all(&written.content).next();
        let read = read.ok_or_else(|| TestCaseError::fail("no record"))?;
        let read = read.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read.record.fields, &record.fields);
        prop_assert!(read.repairs.is_empty(), "{:?}", read.repairs);
    }
}

#[test]
fn records_cut_at_any_byte_never_panic() {
    for record in sound_records().into_iter().take(3) {
        let bytes = iso2709::write(&record).unwrap().content;
        for end in 0..bytes.len() {
            for read in iso2709::read_all(&bytes[..end]).flatten() {
                assert!(!read.repairs.is_empty(), "cut at {end}");
            }
        }
    }
}
