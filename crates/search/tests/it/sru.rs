//! Answers of SRU.

use marc::marcxml;
use quick_xml::Reader;
use quick_xml::events::Event;
use search::sru::{Server, answer};

use crate::support::{Catalogue, document, titled};

fn ask(catalogue: &Catalogue, parameters: &[(&str, &str)]) -> String {
    let server = Server { host: "hub.example.org".to_owned(), port: 443, database: "sru".to_owned() };
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let xml = answer(&catalogue.index, &server, &parameters);
    let mut reader = Reader::from_str(&xml);
    while !matches!(reader.read_event().unwrap(), Event::Eof) {}
    xml
}

fn search(catalogue: &Catalogue, query: &str, more: &[(&str, &str)]) -> String {
    let mut parameters = vec![("operation", "searchRetrieve"), ("version", "1.2"), ("query", query)];
    parameters.extend(more);
    ask(catalogue, &parameters)
}

/// The text of the first element with this name.
fn text<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, after) = xml.split_once(&format!("<{name}>")).unwrap_or_default();
    after.split_once(&format!("</{name}>")).unwrap_or_default().0
}

fn diagnostic(xml: &str) -> &str {
    text(xml, "uri").trim_start_matches("info:srw/diagnostic/1/")
}

fn three() -> Catalogue {
    Catalogue::of([
        document("a", titled("War & peace").data("100", '1', ' ', [('a', "Tolstoy, Leo,")])),
        document("b", titled("War <and> law").data("650", ' ', '0', [('a', "War"), ('x', "Law")])),
        document("c", titled("Peace")),
    ])
}

#[test]
fn records_are_returned_as_marcxml_with_position_and_id() {
    let xml = search(&three(), "dc.creator = tolstoy", &[]);
    assert_eq!(text(&xml, "numberOfRecords"), "1");
    assert_eq!(text(&xml, "recordSchema"), "info:srw/schema/1/marcxml-v1.1");
    assert_eq!(text(&xml, "recordIdentifier"), "a");
    assert_eq!(text(&xml, "recordPosition"), "1");
    assert!(xml.contains("id=\"a\"><institution>NORTH</institution><agency>MAIN</agency></title>"), "{xml}");
    let record = marcxml::read_one(text(&xml, "recordData")).unwrap().record;
    assert_eq!(record.title().as_deref(), Some("War & peace"));
}

#[test]
fn records_are_returned_as_dublin_core_and_as_strings() {
    let xml = search(&three(), "law", &[("recordSchema", "dc")]);
    assert_eq!(text(&xml, "dc:title"), "War &lt;and&gt; law");
    assert_eq!(text(&xml, "dc:subject"), "War -- Law");
    let xml = search(&three(), "law", &[("recordSchema", "info:srw/schema/1/dc-v1.1"), ("recordPacking", "string")]);
    assert!(text(&xml, "recordData").starts_with("&lt;srw_dc:dc "), "{xml}");
}

#[test]
fn pages_follow_each_other_by_the_next_position() {
    let catalogue = three();
    let first = search(&catalogue, "cql.allRecords = 1", &[("maximumRecords", "2")]);
    assert_eq!((text(&first, "numberOfRecords"), text(&first, "nextRecordPosition")), ("3", "3"));
    let second = search(&catalogue, "cql.allRecords = 1", &[("maximumRecords", "2"), ("startRecord", "3")]);
    assert_eq!((text(&second, "recordPosition"), text(&second, "nextRecordPosition")), ("3", ""));
    let none = search(&catalogue, "cql.allRecords = 1", &[("maximumRecords", "0")]);
    assert_eq!((text(&none, "numberOfRecords"), none.contains("<records>")), ("3", false));
}

#[test]
fn version_1_1_is_answered_with_its_sort_keys() {
    let parameters = [("operation", "searchRetrieve"), ("version", "1.1"), ("query", "cql.allRecords=1")];
    let sorted = [&parameters[..], &[("sortKeys", "dc.title,,0")]].concat();
    let xml = ask(&three(), &sorted);
    assert_eq!(text(&xml, "version"), "1.1");
    assert!(xml.contains("<title xmlns=\"urn:consort:catalogue:1\" id=\"a\">"));
    assert!(!xml.contains("<recordIdentifier>"), "1.1 has no such element");
    assert_eq!(diagnostic(&ask(&three(), &[&parameters[..], &[("sortKeys", "shelf")]].concat())), "80");
}

#[test]
fn faults_are_answered_by_their_standard_numbers() {
    let catalogue = three();
    for (query, number) in [
        ("fish and", "10"),
        ("ma.title = a1", "15"),
        ("colour = red", "16"),
        ("title <> red", "19"),
        ("title =/stem red", "20"),
        ("title = \"...\"", "27"),
        ("*x", "29"),
        ("^war", "31"),
        ("date = soon", "36"),
        ("a1 prox b2", "39"),
        ("a1 and/x b2", "46"),
    ] {
        let xml = search(&catalogue, query, &[]);
        assert_eq!((diagnostic(&xml), text(&xml, "numberOfRecords")), (number, "0"), "{query}");
        assert!(text(&xml, "message").starts_with("at character "), "{xml}");
    }
    for (name, value, number) in [
        ("startRecord", "0", "6"),
        ("startRecord", "x", "6"),
        ("maximumRecords", "-1", "6"),
        ("startRecord", "9", "61"),
        ("startRecord", "20000", "61"),
        ("recordSchema", "mods", "66"),
        ("recordPacking", "zip", "71"),
    ] {
        assert_eq!(diagnostic(&search(&catalogue, "war", &[(name, value)])), number, "{name}={value}");
    }
    assert_eq!(diagnostic(&ask(&catalogue, &[("operation", "searchRetrieve"), ("version", "1.2")])), "7");
    assert_eq!(diagnostic(&ask(&catalogue, &[("operation", "scan"), ("version", "1.2")])), "4");
    assert_eq!(diagnostic(&ask(&catalogue, &[("operation", "explain"), ("version", "3.0")])), "5");
}

#[test]
fn echo_is_escaped() {
    let xml = search(&three(), "\"a<b\" or war", &[("maximumRecords", "1")]);
    assert_eq!(text(&xml, "query"), "&quot;a&lt;b&quot; or war");
}

#[test]
fn explain_names_every_index_that_queries_can_use() {
    let xml = ask(&three(), &[]);
    assert!(xml.contains("<host>hub.example.org</host><port>443</port><database>sru</database>"));
    for index in search::cql::INDEXES {
        assert!(xml.contains(&format!("<name set=\"{}\">{}</name>", index.set, index.name)));
        let term = if index.name == "date" { "1999" } else { "ab" };
        assert!(search::cql::parse(&format!("{}.{} = {term}", index.set, index.name)).is_ok(), "{}", index.name);
    }
    assert!(
        ask(&three(), &[("operation", "explain"), ("version", "1.1"), ("stylesheet", "x")]).contains("explainResponse")
    );
}
