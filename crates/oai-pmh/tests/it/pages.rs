//! Pages that are well-formed, in the forms that repositories send.

use oai_pmh::{Item, Record, Verb, parse_datestamp};

use crate::support::{error_page, identify, page, read, record, record_with, summary};

fn records(text: &str) -> Vec<Record> {
    let (items, page) = read(text);
    page.unwrap();
    let record = |item| match item {
        Item::Record(record) => record,
        other => panic!("{other:?}"),
    };
    items.into_iter().map(record).collect()
}

fn metadata(record: &Record) -> &str {
    std::str::from_utf8(record.metadata.as_deref().unwrap()).unwrap()
}

#[test]
fn records_are_read_with_their_headers() {
    let deleted = "<record><header status=\"deleted\"><identifier> oai:t:9\n</identifier><datestamp>2020-02-03</datestamp>\
                   </header></record>";
    let found = records(&page("ListRecords", &format!("{}\n{deleted}<resumptionToken/>", record(1))));
    let expected = Record {
        identifier: "oai:t:1".to_owned(),
        datestamp: parse_datestamp("2020-01-01T00:00:01Z"),
        sets: vec!["s".to_owned()],
        deleted: false,
        metadata: Some(b"<record xmlns=\"http://www.loc.gov/MARC21/slim\"><a>1</a></record>".to_vec()),
        replaced: 0,
    };
    assert_eq!(found[0], expected);
    let expected = Record {
        identifier: "oai:t:9".to_owned(),
        datestamp: parse_datestamp("2020-02-03"),
        deleted: true,
        ..Record::default()
    };
    assert_eq!(found[1], expected);
}

#[test]
fn record_ends_where_its_element_ends_and_nowhere_else() {
    let metadata_text = "<a b='>' c=\"</metadata></record>\"><!-- </record> --><![CDATA[</metadata></record>]]>\
                         <record><metadata>x</metadata></record><?p </record>?></a>";
    let metadata_text = metadata_text.replace("c=\"</metadata></record>\"", "c=\"/metadata>\"");
    let text = page("ListRecords", &format!("{}{}", record_with(1, &metadata_text), record(2)));
    let found = records(&text);
    assert_eq!(found.len(), 2);
    assert!(metadata(&found[0]).starts_with("<a xmlns=\"http://www.openarchives.org/OAI/2.0/\" b='>'"));
    assert!(metadata(&found[0]).ends_with("<record><metadata>x</metadata></record><?p </record>?></a>"));
}

#[test]
fn prefixes_are_ignored_and_declarations_from_outside_are_added() {
    let text = "<o:OAI-PMH xmlns:o=\"http://www.openarchives.org/OAI/2.0/\" xmlns:m='http://www.loc.gov/MARC21/slim'>\
                <o:responseDate>2024-05-06</o:responseDate><o:ListRecords><o:record><o:header><o:identifier>1</o:identifier>\
                </o:header><o:metadata xmlns:d=\"http://d\"><m:record><m:leader/><d:x/></m:record></o:metadata>\
                <o:about><o:record><o:header><o:identifier>inner</o:identifier></o:header></o:record></o:about></o:record>\
                <o:record><o:header><o:identifier>2</o:identifier></o:header><o:metadata><m:record/></o:metadata>\
                </o:record></o:ListRecords></o:OAI-PMH>";
    let found = records(text);
    assert_eq!(found.iter().map(|record| &*record.identifier).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(
        metadata(&found[0]),
        "<m:record xmlns:m=\"http://www.loc.gov/MARC21/slim\" xmlns:d=\"http://d\"><m:leader/><d:x/></m:record>"
    );
    assert_eq!(metadata(&found[1]), "<m:record xmlns:m=\"http://www.loc.gov/MARC21/slim\"/>");
}

#[test]
fn references_and_cdata_in_headers_are_resolved() {
    let text = page(
        "ListRecords",
        "<record><header><identifier>a&amp;b<![CDATA[<&]]>&#x41;</identifier><setSpec>x</setSpec><setSpec>y</setSpec>\
         </header><metadata/></record><resumptionToken expirationDate=\"2024-05-06T08:00:00Z\" cursor='0' \
         completeListSize=\"77\"> a&amp;b@1:2 </resumptionToken>",
    );
    let found = records(&text);
    assert_eq!(found[0].identifier, "a&b<&A");
    assert_eq!(found[0].sets, ["x", "y"]);
    assert_eq!(found[0].metadata, None);
    let page = read(&text).1.unwrap();
    assert_eq!(page.token.as_deref(), Some("a&b@1:2"));
    assert_eq!((page.cursor, page.complete_list_size), (Some(0), Some(77)));
    assert_eq!(page.token_expires, parse_datestamp("2024-05-06T08:00:00Z"));
}

#[test]
fn empty_token_ends_the_list() {
    for token in ["", "<resumptionToken/>", "<resumptionToken>\n</resumptionToken>", "<resumptionToken cursor='5'/>"] {
        let page = read(page("ListRecords", &format!("{}{token}", record(1)))).1.unwrap();
        assert!(page.complete, "{token}");
        assert_eq!(page.token, None, "{token}");
    }
}

#[test]
fn headers_of_a_list_of_identifiers_are_records_without_metadata() {
    let text = page(
        "ListIdentifiers",
        "<header><identifier>1</identifier><datestamp>2020-02-03</datestamp></header>\
         <header status='deleted'><identifier>2</identifier></header>",
    );
    let found = records(&text);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].deleted, found[1].deleted), (false, true));
    assert_eq!(found[1].metadata, None);
}

#[test]
fn errors_are_read_with_code_and_text() {
    let (items, page) = read(error_page("badArgument"));
    assert!(items.is_empty());
    let page = page.unwrap();
    assert_eq!(page.errors, [("badArgument".to_owned(), "it is so".to_owned())]);
    assert_eq!(page.verb, None);
    assert_eq!(page.response_date, parse_datestamp("2024-05-06T07:08:09Z"));
}

#[test]
fn entries_are_read_by_the_names_of_their_elements() {
    let (items, found) = read(identify("YYYY-MM-DD"));
    assert_eq!(found.unwrap().verb, Some(Verb::Identify));
    let [Item::Entry(fields)] = &items[..] else { panic!("{items:?}") };
    assert!(fields.contains(&("repositoryName".to_owned(), "Library & Archive".to_owned())));
    let sets = "<set><setSpec>a</setSpec><setName>A</setName><setDescription><d><setSpec>no</setSpec></d></setDescription>\
                </set><set><setSpec>b</setSpec></set>";
    let (items, _) = read(page("ListSets", sets));
    assert_eq!(items.len(), 2);
    assert_eq!(summary(&items)[1], "[(\"setSpec\", \"b\")]");
}

#[test]
fn byte_order_mark_is_ignored() {
    let text = format!("\u{FEFF}{}", page("ListRecords", &record(1)));
    assert_eq!(records(&text).len(), 1);
}
