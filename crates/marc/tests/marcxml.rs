//! MARCXML as other systems write it, and in forms that must never make the reader fail.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test helpers stop at the first surprise")]

use marc::marcxml::{self, Namespace};
use marc::{Error, ErrorKind, Read, Record, RepairKind};

const ALMA: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<bib><mms_id>99123</mms_id><title>Emma &amp; co</title><record>
  <leader>00714nam a2200193 a 4500</leader>
  <controlfield tag="001">99123</controlfield>
  <datafield ind1="1" ind2="0" tag="245"><subfield code="a">Emma &amp; &lt;co&gt; /</subfield></datafield>
</record></bib>"#;

fn kinds(read: &Read) -> Vec<&RepairKind> {
    read.repairs.iter().map(|repair| &repair.kind).collect()
}

fn failure(xml: &str) -> ErrorKind {
    marcxml::read_one(xml).unwrap_err().kind
}

fn wrap(fields: &str) -> String {
    format!("<record><leader>00000nam a2200000 i 4500</leader>{fields}</record>")
}

#[test]
fn record_without_namespace_is_found_in_its_envelope() {
    let read = marcxml::read_one(ALMA).unwrap();
    assert!(read.repairs.is_empty(), "{:?}", read.repairs);
    assert_eq!(read.record.control_number(), Some("99123"));
    assert_eq!(read.record.title().as_deref(), Some("Emma & <co>"));
}

#[test]
fn byte_order_mark_is_no_obstacle() {
    assert_eq!(marcxml::read_one(&format!("\u{FEFF}{ALMA}")).unwrap(), marcxml::read_one(ALMA).unwrap());
}

#[test]
fn record_is_found_inside_records_of_another_format() {
    let marc = r#"<record xmlns="http://www.loc.gov/MARC21/slim"><leader>00000nam a2200000 i 4500</leader>
        <controlfield tag="001">7</controlfield></record>"#;
    let with = format!(
        r#"<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords>
        <record><header/><metadata>{marc}</metadata></record>
        <record><header status="deleted"/></record>
        <record><header/><metadata>{marc}</metadata></record></ListRecords></OAI-PMH>"#
    );
    let without = with.replace(r#" xmlns="http://www.openarchives.org/OAI/2.0/""#, "");
    assert_eq!(marcxml::read_all(&with).filter_map(Result::ok).count(), 2);
    assert_eq!(marcxml::read_all(&without).filter_map(Result::ok).count(), 2);
}

#[test]
fn markup_quotes_and_scripts_survive_writing_and_reading() {
    let titles = ["R&D <in> \"quotes\" & 'more'", "Война и мир", "戦争と平和", "שלום", "👩‍🚀 a\tb\nc\rd", "]]> &amp;"];
    for title in titles {
        let record = Record::builder().data("245", '0', '0', [('a', title)]).build();
        for namespace in [Namespace::Slim, Namespace::None] {
            let xml = marcxml::write(&record, namespace).content;
            assert_eq!(marcxml::read_one(&xml).unwrap().record.subfield("245", 'a'), Some(title), "{xml}");
        }
        let bytes = marc::iso2709::write(&record).unwrap().content;
        let read = marc::iso2709::read_all(&bytes).next().unwrap().unwrap();
        assert_eq!(read.record.subfield("245", 'a'), Some(title));
    }
}

#[test]
fn written_record_is_as_alma_takes_it() {
    let record = Record::builder().control("001", "1").data("245", '0', '4', [('a', "Ä & <b> \"c\"")]).build();
    insta::assert_snapshot!(marcxml::write(&record, Namespace::None).content);
    insta::assert_snapshot!(marcxml::write_collection([&record], Namespace::Slim).content);
}

#[test]
fn control_characters_are_left_out_with_a_note() {
    let record = Record::builder().data("245", '0', '0', [('a', "a\u{0}b\u{1f}c\u{FFFF}d")]).build();
    let written = marcxml::write(&record, Namespace::None);
    assert_eq!(marcxml::read_one(&written.content).unwrap().record.title().as_deref(), Some("abcd"));
    assert_eq!(written.repairs.len(), 1);
    assert_eq!(written.repairs[0].to_string(), "field 245: 3 characters left out that the format cannot hold");

    let referenced = wrap(r#"<controlfield tag="001">1&#x1;2</controlfield>"#);
    match marcxml::read_one(&referenced) {
        Ok(read) => {
            assert_eq!(read.record.control_number(), Some("12"));
            assert_eq!(kinds(&read), [&RepairKind::ForbiddenCharacters { count: 1 }]);
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn document_types_are_refused() {
    let bomb =
        r#"<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><record><leader>&b;</leader></record>"#;
    assert_eq!(failure(bomb), ErrorKind::DocumentType);
    assert_eq!(marcxml::read_all(bomb).count(), 1);
}

#[test]
fn unknown_entities_are_named() {
    let xml = wrap(r#"<controlfield tag="001">&eacute;</controlfield>"#);
    assert_eq!(failure(&xml), ErrorKind::UnknownEntity("eacute".into()));
}

#[test]
fn character_data_sections_are_text() {
    let xml = wrap(
        r#"<datafield tag="245" ind1="0" ind2="0"><subfield code="a"><![CDATA[R&D]]> &#233;</subfield></datafield>"#,
    );
    assert_eq!(marcxml::read_one(&xml).unwrap().record.title().as_deref(), Some("R&D é"));
}

#[test]
fn broken_documents_are_errors_that_end_the_reading() {
    assert_eq!(failure(ALMA.split("</datafield>").next().unwrap()), ErrorKind::Truncated);
    assert!(matches!(failure(&ALMA[..ALMA.len() - 20]), ErrorKind::Syntax(_)));
    assert!(matches!(failure(&ALMA.replace("</subfield>", "</sub>")), ErrorKind::Syntax(_)));
    assert_eq!(failure(""), ErrorKind::NoRecord);
    assert_eq!(failure("<html><body>Unauthorized</body></html>"), ErrorKind::NoRecord);
    let two = format!("<collection>{}<record></collection>", wrap(r#"<controlfield tag="001">1</controlfield>"#));
    let results: Vec<_> = marcxml::read_all(&two).collect();
    assert!(results[0].is_ok());
    assert!(matches!(&results[1..], [Err(Error { record: 2, kind: ErrorKind::Syntax(_), .. })]), "{results:?}");
}

#[test]
fn record_without_fields_is_an_error_and_the_next_is_read() {
    let xml = format!("<collection><record/>{}</collection>", wrap(r#"<controlfield tag="001">1</controlfield>"#));
    let results: Vec<_> = marcxml::read_all(&xml).collect();
    assert_eq!(results[0].as_ref().unwrap_err().kind, ErrorKind::NoFields);
    assert_eq!(results[1].as_ref().unwrap().number, 2);
    assert_eq!(results.len(), 2);
}

#[test]
fn missing_and_wrong_attributes_are_repaired_with_notes() {
    let read = marcxml::read_one(&wrap(
        r##"<datafield tag="245" ind1="" ind2="#"><subfield>x</subfield></datafield>
           <datafield tag="2&lt;5"><subfield code="a">lost</subfield></datafield><extra/>"##,
    ))
    .unwrap();
    assert_eq!(read.record.subfield("245", '9'), Some("x"));
    assert_eq!(read.record.fields.len(), 1);
    assert_eq!(
        kinds(&read),
        [
            &RepairKind::Indicator { found: String::new() },
            &RepairKind::Indicator { found: "#".into() },
            &RepairKind::SubfieldCode { found: String::new(), used: '9' },
            &RepairKind::FieldDropped { tag: "2<5".into() },
            &RepairKind::UnknownElement { name: "extra".into() },
        ]
    );
}

#[test]
fn field_is_control_or_data_by_its_tag_whatever_its_element_is_called() {
    let xml = "<record><leader>00000nam a2200000 a 4500</leader><controlfield tag=\"016\">100813</controlfield>\
        <datafield tag=\"001\" ind1=\" \" ind2=\" \"><subfield code=\"a\">99</subfield><subfield code=\"b\">8</subfield>\
        </datafield></record>";
    let read = marcxml::read_one(xml).unwrap();
    assert_eq!(read.record.subfield("016", 'a'), Some("100813"));
    assert_eq!(read.record.control("001"), Some("998"));
    let kinds: Vec<_> = read.repairs.iter().map(|repair| repair.kind.clone()).collect();
    assert_eq!(kinds, [RepairKind::UnexpectedText, RepairKind::DelimiterInControlField]);
}
