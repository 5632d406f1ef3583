//! Sound records of real catalogues: read, and written in every form without loss.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test helpers stop at the first surprise")]

mod common;

use common::{SOUND, data, reads, sound_records};
use marc::marcxml::{self, Namespace};
use marc::{Error, Read, Record, iso2709};

fn xml_reads(name: &str) -> Vec<Read> {
    let xml = String::from_utf8(data(name)).unwrap();
    marcxml::read_all(&xml).collect::<Result<_, _>>().unwrap()
}

/// Returns all records without anything unusual in them once they are read, from both formats.
fn all() -> Vec<Record> {
    let mut records = sound_records();
    records.extend(reads("regression45.dat").into_iter().map(|read| read.record));
    records.extend(["batch.xml", "utf8.xml"].iter().flat_map(|name| xml_reads(name)).map(|read| read.record));
    records
}

#[test]
fn sound_files_are_read_whole_and_without_repairs() {
    for (name, count) in SOUND {
        let reads = reads(name);
        assert_eq!(reads.len(), count, "{name}");
        for (index, read) in reads.iter().enumerate() {
            assert_eq!(read.number, index + 1, "{name}");
            assert!(read.repairs.is_empty(), "{name}: {:?}", read.repairs);
            assert!(read.record.title().is_some(), "{name}");
        }
    }
}

#[test]
fn records_survive_marcxml_with_and_without_namespace() {
    for record in all() {
        for namespace in [Namespace::Slim, Namespace::None] {
            let written = marcxml::write(&record, namespace);
            assert!(written.repairs.is_empty(), "{:?}", written.repairs);
            let read = marcxml::read_one(&written.content).unwrap();
            assert_eq!(read.record, record);
            assert!(read.repairs.is_empty(), "{:?}", read.repairs);
        }
    }
}

#[test]
fn a_collection_keeps_every_record_in_order() {
    let records = all();
    let xml = marcxml::write_collection(&records, Namespace::Slim).content;
    let read: Vec<_> =
        marcxml::read_all(&xml).map(|read| read.map(|read| read.record)).collect::<Result<_, _>>().unwrap();
    assert_eq!(read, records);
}

#[test]
fn records_survive_iso_2709() {
    for record in all() {
        let written = iso2709::write(&record).unwrap();
        assert!(written.repairs.is_empty(), "{:?}", written.repairs);
        let reads: Vec<_> = iso2709::read_all(&written.content).collect::<Result<_, Error>>().unwrap();
        assert_eq!(reads.len(), 1);
        assert!(reads[0].repairs.is_empty(), "{:?}", reads[0].repairs);
        assert_eq!(reads[0].record.fields, record.fields);
        assert_eq!(reads[0].record.leader.as_str()[5..12], record.leader.as_str()[5..12]);
        assert_eq!(iso2709::write(&reads[0].record).unwrap().content, written.content);
    }
}

#[test]
fn unicode_records_are_written_byte_for_byte_as_they_were_read() {
    for name in ["diacritic.dat", "multi_isbn.dat", "utf8_errors.dat"] {
        let written: Vec<u8> =
            reads(name).iter().flat_map(|read| iso2709::write(&read.record).unwrap().content).collect();
        assert!(written == data(name), "{name}");
    }
}

#[test]
fn marc8_diacritics_are_read_as_unicode() {
    let record = &reads("marc8.dat")[0].record;
    assert_eq!(record.subfield("240", 'a'), Some("De la solitude à la communauté."));
    assert_eq!(record.subfield("730", 'a'), Some("De la solitude à la communauté."));
    assert_eq!(record.leader.at(9), 'a');
}

#[test]
fn utf8_diacritics_stay_as_they_are() {
    let contents = reads("diacritic.dat")[0].record.subfield("505", 'a').unwrap().to_owned();
    assert!(contents.contains("Eva Hemmungs Wirte\u{301}n"), "{contents}");
}

#[test]
fn titles_authors_and_numbers_are_found() {
    let record = &reads("marc.dat")[0].record;
    assert_eq!(record.title().as_deref(), Some("The pragmatic programmer : from journeyman to master"));
    assert_eq!(record.author().as_deref(), Some("Hunt, Andrew"));
    assert_eq!(record.control_number(), Some("11778504"));
    assert_eq!(record.isbns().iter().map(marc::Isbn::as_str).collect::<Vec<_>>(), ["020161622X"]);

    let several = &reads("multi_isbn.dat")[0].record;
    assert_eq!(
        several.isbns().iter().map(marc::Isbn::as_str).collect::<Vec<_>>(),
        ["0914378287", "0914378295", "0914378260"]
    );
}

#[test]
fn marcxml_with_prefixes_is_read() {
    let reads = xml_reads("batch.xml");
    assert_eq!(reads.len(), 2);
    assert!(reads.iter().all(|read| read.repairs.is_empty()));
    assert_eq!(reads[0].record.title().as_deref(), Some("The Great Ray Charles"));
    assert_eq!(reads[0].record.subfield("511", 'a'), Some("Ray Charles, piano & celeste."));

    assert_eq!(xml_reads("utf8.xml")[0].record.subfield("505", 't'), Some("Préludes"));
}
