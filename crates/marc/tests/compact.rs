//! The fast reader gives the same records as the thorough one, whatever it is given.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test helpers stop at the first surprise")]

mod common;

use common::{data, reads, sound_records};
use marc::marcxml::{self, Namespace};
use marc::{CompactRecord, ErrorKind, Field, Record, Subfield, iso2709};
use proptest::prelude::*;

const SLIM: &str = "http://www.loc.gov/MARC21/slim";

/// Reads a text with both readers, and returns the result they agree on.
fn both(xml: &str) -> Result<Record, ErrorKind> {
    let thorough = marcxml::read_one(xml);
    let mut compact = CompactRecord::default();
    let fast = marcxml::read_compact(xml.as_bytes(), &[], &mut compact);
    match (thorough, fast) {
        (Ok(read), Ok(repairs)) => {
            assert_eq!(compact, CompactRecord::from(&read.record), "{xml}");
            assert_eq!(compact.to_record(), read.record, "{xml}");
            assert_eq!(repairs, read.repairs, "{xml}");
            Ok(read.record)
        }
        (Err(thorough), Err(_)) => Err(thorough.kind),
        (thorough, fast) => panic!("{xml}\nthorough: {thorough:?}\nfast: {fast:?}"),
    }
}

/// Returns all records of a document, read by both readers.
fn both_all(xml: &str) -> Vec<Record> {
    let thorough: Vec<_> = marcxml::read_all(xml).collect();
    let mut records = marcxml::read_all_compact(xml.as_bytes()).unwrap();
    let mut compact = CompactRecord::default();
    let mut fast = Vec::new();
    while let Some(read) = records.read(&mut compact) {
        fast.extend(read.map(|repairs| (compact.to_record(), repairs)));
    }
    // In broken XML the thorough reader names the broken place, where the fast one may see the end of the collection.
    let thorough: Vec<_> = thorough.into_iter().flatten().map(|read| (read.record, read.repairs)).collect();
    assert_eq!(fast, thorough, "{xml}");
    fast.into_iter().map(|(record, _)| record).collect()
}

fn real_records() -> Vec<Record> {
    let mut records = sound_records();
    records.extend(reads("regression45.dat").into_iter().map(|read| read.record));
    for name in ["bad_records.mrc", "bad_indicator.dat", "bad_subfield_code.dat", "utf8_invalid.mrc"] {
        records.extend(iso2709::read_all(&data(name)).flatten().map(|read| read.record));
    }
    records
}

#[test]
fn every_real_record_is_read_the_same_by_both_readers() {
    let records = real_records();
    assert!(records.len() > 25, "{}", records.len());
    for namespace in [Namespace::Slim, Namespace::None] {
        for record in &records {
            let xml = marcxml::write(record, namespace).content;
            assert_eq!(both(&xml).unwrap().fields.len(), record.fields.len());
        }
        assert_eq!(both_all(&marcxml::write_collection(&records, namespace).content).len(), records.len());
    }
    for name in ["batch.xml", "utf8.xml", "bad_tag.xml"] {
        let xml = String::from_utf8(data(name)).unwrap();
        assert!(!both_all(&xml).is_empty(), "{name}");
        let _ = both(&xml);
    }
}

/// A record in MARCXML with these pieces: its start tag, and its fields.
fn record_xml(start: &str, end: &str, fields: &str) -> String {
    format!("{start}<leader>00000nam a2200000 i 4500</leader>{fields}{end}")
}

#[test]
fn unusual_forms_of_xml_are_read_the_same() {
    let fields = [
        "<controlfield tag='001'>1</controlfield>",
        "<controlfield  tag = \"001\" >1</controlfield >",
        "<controlfield tag=\"001\"><!-- no --> 1<![CDATA[ <2> & ]]></controlfield>",
        "<controlfield tag=\"001\">a&amp;b&lt;&gt;&quot;&apos;&#233;&#xE9;&#x1F469;</controlfield>",
        "<controlfield tag=\"001\">&#0;&#x1;&#xFFFF;</controlfield>",
        "<controlfield tag=\"001\">&eacute;</controlfield>",
        "<controlfield tag=\"001\">&#+65;&#x;</controlfield>",
        "<controlfield tag=\"001\">a\r\nb\rc</controlfield>",
        "<controlfield tag=\"001\"/>",
        "<controlfield tag=\"1\">x</controlfield>",
        "<controlfield tag=\"016\">x</controlfield>",
        "<controlfield>x</controlfield>",
        "<controlfield tag=\"001\" tag=\"002\">x</controlfield>",
        "<controlfield tag=\"001\">x</controlfield><leader>second</leader>",
        "<controlfield tag=\"001\">x\u{FFFE}</controlfield>",
        "<datafield ind2='4' ind1='1' tag='245'><subfield code='a'>T</subfield></datafield>",
        "<datafield tag=\"245\" ind1=\"1\" ind2=\"4\">\n <subfield\n code=\"a\">T</subfield>\n</datafield>\n",
        "<datafield tag=\"245\" ind1=\"#\" ind2=\"\"><subfield code=\"ab\">T</subfield></datafield>",
        "<datafield tag=\"245\" ind1=\"1\" ind2=\"4\"></datafield>",
        "<datafield tag=\"245\" ind1=\"1\" ind2=\"4\"/>",
        "<datafield tag=\"245\" ind1=\"1\" ind2=\"4\">loose<subfield code=\"a\">T</subfield></datafield>",
        "<datafield tag=\"245\" ind1=\"1\" ind2=\"4\"><subfield code=\"a\">T<i>talic</i></subfield></datafield>",
        "<datafield tag=\"001\" ind1=\" \" ind2=\" \"><subfield code=\"a\">T</subfield></datafield>",
        "<datafield tag=\"24é\" ind1=\"1\" ind2=\"4\"><subfield code=\"a\">T</subfield></datafield>",
        "<datafield tag=\"245\" ind1=\"é\" ind2=\"4\"><subfield code=\"é\">T</subfield></datafield>",
        "<datafield tag=\"245\" ind1=\"1\" ind2=\"4\"><subfield code=\"a\">T</subfield></record>",
        "<datafield tag=\"245\" ind1=\"1\" ind2=\"4\"><subfield code=\"a\">T</subfieldx></datafield>",
        "<subfield code=\"a\">outside</subfield><controlfield tag=\"001\">1</controlfield>",
        "<extra/><controlfield tag=\"001\">1</controlfield>",
        "<?pi data?><controlfield tag=\"001\">1</controlfield>",
        "",
    ];
    for field in fields {
        let _ = both(&record_xml("<record>", "</record>", field));
        let slim = record_xml(&format!("<record xmlns=\"{SLIM}\" type='Bibliographic'>"), "</record>", field);
        let _ = both(&slim);
        let _ = both_all(&format!("<?xml version=\"1.0\"?>\n<collection xmlns=\"{SLIM}\">\n{slim}{slim}</collection>"));
    }
}

#[test]
fn namespaces_decide_which_record_is_marc() {
    let field = "<controlfield tag=\"001\">1</controlfield>";
    let prefixed = "<m:leader>00000nam a2200000 i 4500</m:leader><m:controlfield tag=\"001\">1</m:controlfield>";
    assert!(both(&format!("<m:record xmlns:m=\"{SLIM}\">{prefixed}</m:record>")).is_ok());
    assert!(both(&format!("<m:record xmlns:m=\"http://example.org/\">{prefixed}</m:record>")).is_err());
    assert!(both(&format!("<m:record>{prefixed}</m:record>")).is_err());
    assert!(both(&record_xml("<record xmlns=\"http://example.org/\">", "</record>", field)).is_err());
    assert!(both(&record_xml("<record xmlns:xsi=\"http://example.org/\" xsi:a=\"b\">", "</record>", field)).is_ok());
    assert_eq!(
        both_all(&format!("<m:collection xmlns:m=\"{SLIM}\"><m:record>{prefixed}</m:record></m:collection>")).len(),
        1
    );
    assert_eq!(
        both_all(&format!(
            "<collection xmlns=\"http://example.org/\">{}</collection>",
            record_xml("<record>", "</record>", field)
        ))
        .len(),
        0
    );
}

#[test]
fn prefix_that_is_bound_outside_the_text_is_known() {
    let xml = "<marc:record><marc:leader>00000nam a2200000 i 4500</marc:leader>\
        <marc:controlfield tag=\"001\">7</marc:controlfield></marc:record>";
    let unusual = xml.replace("<marc:leader>", "<!-- by hand --><marc:leader>");
    let mut record = CompactRecord::default();
    for xml in [xml, &unusual] {
        assert_eq!(marcxml::read_compact(xml.as_bytes(), &["marc"], &mut record), Ok(Vec::new()));
        assert_eq!(record.control_number(), Some("7"));
        assert!(marcxml::read_compact(xml.as_bytes(), &["other"], &mut record).is_err());
    }
}

#[test]
fn damaged_record_in_a_collection_leaves_the_others_whole() {
    let good = record_xml("<record>", "</record>", "<controlfield tag=\"001\">1</controlfield>");
    let bad = record_xml("<record>", "</record>", "<datafield tag=\"2\" ind1=\"\"><subfield>x</subfield></datafield>");
    let empty = "<record></record>";
    let xml = format!("<collection>{good}<!-- c -->{bad}{good}{empty}\n{good}</collection>");
    assert_eq!(both_all(&xml).len(), 4);
    let mut records = marcxml::read_all_compact(xml.as_bytes()).unwrap();
    let mut record = CompactRecord::default();
    let mut failures = Vec::new();
    while let Some(read) = records.read(&mut record) {
        failures.extend(read.err().map(|error| (error.record, error.kind)));
    }
    assert_eq!(failures, [(4, ErrorKind::NoFields)]);
}

#[test]
fn bytes_that_are_no_text_and_texts_beyond_the_limit_are_refused() {
    let mut record = CompactRecord::default();
    let refused = marcxml::read_compact(b"<record>\xff</record>", &[], &mut record).unwrap_err();
    assert_eq!((refused.kind, refused.offset), (ErrorKind::NotUtf8, 8));
    let large = vec![b' '; marcxml::LARGEST_RECORD + 1];
    let refused = marcxml::read_compact(&large, &[], &mut record).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::TooLarge { limit: marcxml::LARGEST_RECORD });
}

fn text() -> impl Strategy<Value = String> {
    "[ -~À-ɏα-ωа-я\u{4e00}-\u{4eff}\t\n\r]{0,20}"
}

fn field() -> impl Strategy<Value = Field> {
    let control = ("00[1-9]", text()).prop_map(|(tag, data)| Field::Control { tag: tag.parse().expect("a tag"), data });
    let subfields = prop::collection::vec((prop::char::range('!', '~'), text()), 0..4);
    let data = ("[1-9][0-9]{2}", "[ 0-9a-z]{2}", subfields).prop_map(|(tag, indicators, subfields)| {
        let subfields = subfields.into_iter().map(|(code, value)| Subfield::new(code, value)).collect();
        let mut indicators = indicators.chars();
        let mut indicator = || indicators.next().expect("two indicators");
        Field::Data { tag: tag.parse().expect("a tag"), ind1: indicator(), ind2: indicator(), subfields }
    });
    prop_oneof![1 => control, 3 => data]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn generated_records_are_read_the_same(fields in prop::collection::vec(field(), 1..8)) {
        let record = Record { fields, ..Record::default() };
        let xml = marcxml::write(&record, Namespace::Slim).content;
        prop_assert_eq!(both(&xml), Ok(record.clone()));
        let mut bytes = Vec::new();
        CompactRecord::from(&record).encode(&mut bytes);
        prop_assert_eq!(CompactRecord::decode(&bytes).map(|record| record.to_record()), Ok(record));
    }

    #[test]
    fn mutated_marcxml_is_read_the_same(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![
            "<", ">", "&", "\"", "'", " ", "/", "</record>", "<record>", "&#0;", "&amp;", "<![CDATA[", "]]>", "<!--", "-->",
            "\u{0}", "\r", "\u{FFFF}", "é", "<leader>", "<subfield code=\"a\">", "</datafield>", "xmlns=\"x\"", "tag=\"1\"",
        ]), 0..20_usize), 1..4),
        prefixed in any::<bool>(),
    ) {
        let mut xml = if prefixed {
            String::from_utf8(data("batch.xml")).expect("UTF-8")
        } else {
            marcxml::write_collection(&reads("diacritic.dat").iter().map(|read| read.record.clone()).collect::<Vec<_>>(), Namespace::Slim).content
        };
        for (index, piece, removed) in changes {
            let at = index.index(xml.len());
            let end = (at + removed).min(xml.len());
            if xml.is_char_boundary(at) && xml.is_char_boundary(end) {
                xml.replace_range(at..end, piece);
            }
        }
        let _ = both(&xml);
        for (start, _) in xml.match_indices("<record").chain(xml.match_indices("<marc:record")) {
            let _ = both(&xml[start..]);
        }
        let _ = both_all(&xml);
    }
}
