//! Damaged and hostile pages: what can be read is read, and the rest has a reason.

use oai_pmh::{Fault, Item, Limits, PageError};

use crate::support::{page, read, read_in, record, record_with, records, summary};

/// A page of record 1, a damaged record 2, record 3, and a token.
fn around(damaged: &str) -> String {
    page("ListRecords", &format!("{}{damaged}{}<resumptionToken>next</resumptionToken>", record(1), record(3)))
}

#[test]
fn damaged_record_is_set_aside_and_the_next_one_is_read() {
    let good = record_with(2, "<a><b>text</b></a>");
    for (damaged, reason) in [
        (good.replace("</b>", ""), "oai:t:2: </a> ends <b>"),
        (good.replace("<b>", ""), "oai:t:2: </b> ends <a>"),
        (good.replace("text", "1 < 2"), "oai:t:2: the XML is not well-formed: a tag isn't closed"),
        (good.replace("text", "1 <2>"), "oai:t:2: the XML is not well-formed: a tag has no name"),
        (good.replace("<b>", "<b"), "oai:t:2: the XML is not well-formed: a tag isn't closed"),
        (good.replace("<b>", "<b x=\"1>"), "oai:t:2: the XML is not well-formed: an attribute isn't closed"),
        (good.replace("</b>", "</b"), "oai:t:2: the XML is not well-formed: an end tag isn't closed"),
        (good.replace("<a>", "<a><!DOCTYPE a>"), "oai:t:2: it contains a document type declaration, which is refused"),
        (good.replace("</record>", ""), "oai:t:2: the XML is not well-formed: a record starts inside another"),
        (
            good.replace("</metadata></record>", ""),
            "oai:t:2: the XML is not well-formed: the metadata has more than one element",
        ),
        (
            good.replace("</a>", "</a><c/>"),
            "oai:t:2: the XML is not well-formed: the metadata has more than one element",
        ),
        (good.replace("text", "<![CDATA[ open"), "oai:t:2: the page ends inside it"),
        (good.replace("text", "<!-- open"), "oai:t:2: the page ends inside it"),
        (good.replace("oai:t:2", ""), "?: its header has no identifier"),
        (good.replace("oai:t:2", "a&nbsp;b"), "a&nbsp;b: its header can't be read: it has an unknown entity"),
        (good.replace("<identifier>oai:t:2</identifier>", ""), "?: its header has no identifier"),
        (good.replace("<header>", "<header"), "?: the XML is not well-formed: a tag isn't closed"),
        ("</b>".to_owned(), "?: </b> ends <ListRecords>"),
    ] {
        let (items, page) = read(around(&damaged));
        assert_eq!(summary(&items), ["oai:t:1", reason, "oai:t:3"], "{damaged}");
        assert_eq!(page.unwrap().token.as_deref(), Some("next"), "{damaged}");
    }
}

#[test]
fn section_is_ended_by_its_own_end_after_a_later_one_had_none() {
    // The second section is open, which makes the reader go back to the first one.
    let inner = record_with(4, "<a><![CDATA[closed]]></a>");
    let (items, _) = read(around(&record_with(2, &format!("<a>{inner}<![CDATA[ open"))));
    let found = summary(&items);
    assert_eq!(found[..3], ["oai:t:1", "oai:t:2: the page ends inside it", "oai:t:4"]);
    assert_eq!(found.last().map(String::as_str), Some("oai:t:3"));
}

#[test]
fn damage_names_its_byte() {
    let text = around(&record_with(2, "<a><b></a>"));
    let (items, _) = read(&text);
    let Item::SetAside(place) = &items[1] else { panic!("{items:?}") };
    assert!(text[usize::try_from(place.offset).unwrap()..].starts_with("<record><header><identifier>oai:t:2"));
}

#[test]
fn damage_is_returned_with_its_bytes_up_to_the_next_record() {
    for damaged in [record_with(2, "<a><b></a>"), record_with(2, "<a/>").replace("oai:t:2", ""), "</b>".to_owned()] {
        let (items, _) = read(around(&damaged));
        let Item::SetAside(place) = &items[1] else { panic!("{items:?}") };
        assert_eq!(String::from_utf8_lossy(&place.bytes), damaged);
    }
    let (items, _) = read(around(&record_with(2, &format!("<a>{}</b>", "x".repeat(100_000)))));
    let Item::SetAside(place) = &items[1] else { panic!("{items:?}") };
    assert_eq!(place.bytes.len(), 64 << 10);
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_in_metadata_and_set_aside_in_headers() {
    let mut bytes = around(&record_with(2, "<a>?!</a>")).into_bytes();
    let at = bytes.windows(2).position(|pair| pair == b"?!").unwrap();
    bytes[at] = 0xE9;
    let (items, _) = read(&bytes);
    let Item::Record(record) = &items[1] else { panic!("{items:?}") };
    assert_eq!(record.replaced, 1);
    assert!(String::from_utf8(record.metadata.clone().unwrap()).unwrap().ends_with(">\u{FFFD}!</a>"));

    let mut bytes = around(&record_with(2, "<a/>")).into_bytes();
    let at = bytes.windows(7).position(|seven| seven == b"oai:t:2").unwrap();
    bytes[at + 6] = 0xE9;
    let (items, _) = read(&bytes);
    assert_eq!(summary(&items)[1], "oai:t:\u{FFFD}: its header can't be read: it isn't UTF-8");
    assert_eq!(items.len(), 3);
}

#[test]
fn page_that_ends_early_is_incomplete_unless_its_token_was_read() {
    let text = records([1, 2], "next");
    let cut = |at: &str| &text[..text.find(at).unwrap()];
    let (items, page) = read(cut("<a>2"));
    assert_eq!(summary(&items), ["oai:t:1", "oai:t:2: the page ends inside it"]);
    assert!(!page.unwrap().complete);
    let (items, page) = read(cut("<resumptionToken>"));
    assert_eq!(items.len(), 2);
    assert!(!page.unwrap().complete);
    let (_, page) = read(cut("</ListRecords>"));
    let page = page.unwrap();
    assert_eq!((page.complete, page.token.as_deref()), (true, Some("next")));
}

#[test]
fn damage_after_the_list_is_of_no_importance() {
    let text = records([1], "next").replace("</OAI-PMH>", "</x><<<");
    let (items, page) = read(&text);
    assert_eq!(summary(&items), ["oai:t:1"]);
    assert_eq!(page.unwrap().token.as_deref(), Some("next"));
}

#[test]
fn damage_before_the_list_is_an_error() {
    let text = records([1], "").replace("<responseDate>", "<responseDate><x>");
    let (_, page) = read(&text);
    assert!(matches!(page, Err(PageError::Damaged { .. })), "{page:?}");
}

#[test]
fn document_types_are_refused() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE o [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
    let text = page("ListRecords", &record(1)).replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", bomb);
    let (items, page) = read(text);
    assert_eq!((items.len(), page.unwrap_err()), (0, PageError::DocumentType));
}

#[test]
fn other_encodings_are_refused() {
    let text = page("ListRecords", &record(1)).replace("UTF-8", "ISO-8859-1");
    assert_eq!(read(text).1.unwrap_err(), PageError::Encoding("ISO-8859-1".to_owned()));
}

#[test]
fn answers_that_are_not_oai_are_recognised() {
    for text in
        ["", "  \n", "Service is down", "<html><body>No</body></html>", "<!DOCTYPE html><html></html>", "<rss/>", "<"]
    {
        let (items, page) = read(text);
        assert!(items.is_empty());
        assert_eq!(page.unwrap_err(), PageError::NotOai { head: text.to_owned() }, "{text}");
    }
}

#[test]
fn record_that_is_too_large_is_set_aside_without_being_held() {
    let limits = Limits { record_bytes: 1000, ..Limits::default() };
    for huge in [
        "<a>x</a>".repeat(10_000),
        "x".repeat(100_000),
        format!("<![CDATA[{}]]>", "x".repeat(100_000)),
        format!("<!--{}-->", "x".repeat(100_000)),
        format!("<a b=\"{}\"/>", "x".repeat(100_000)),
    ] {
        let text = around(&record_with(2, &format!("<m>{huge}</m>")));
        for pieces in [100, text.len()] {
            let (items, page) = read_in(pieces, text.as_bytes(), limits);
            let expected = ["oai:t:1", "oai:t:2: it has more than 1000 bytes", "oai:t:3"];
            assert_eq!(summary(&items), expected, "{} in {pieces}", &huge[..9]);
            assert_eq!(page.unwrap().token.as_deref(), Some("next"));
        }
    }
}

#[test]
fn depth_attributes_and_sets_are_limited() {
    let deep = record_with(2, &format!("{}{}", "<a>".repeat(100), "</a>".repeat(100)));
    let attributes: String = (0..100).map(|number| format!(" a{number}=\"\"")).collect();
    let wide = record_with(2, &format!("<a{attributes}/>"));
    let sets = record_with(2, "<a/>").replace("<setSpec>s</setSpec>", &"<setSpec>s</setSpec>".repeat(2000));
    for (text, fault) in
        [(deep, Fault::TooDeep(64)), (wide, Fault::TooManyAttributes(64)), (sets, Fault::TooManySets(1024))]
    {
        let (items, _) = read(around(&text));
        assert_eq!(summary(&items), ["oai:t:1".to_owned(), format!("oai:t:2: {fault}"), "oai:t:3".to_owned()]);
    }
}

#[test]
fn page_that_is_too_large_is_refused() {
    let limits = Limits { page_bytes: 500, ..Limits::default() };
    let (_, page) = read_in(64, records(1..9, "").as_bytes(), limits);
    assert_eq!(page.unwrap_err(), PageError::TooLarge(500));
}

#[test]
fn many_sections_without_an_end_cost_no_more_than_one_search_each() {
    // Each of them would be searched to the end of the page.
    let text = page("ListRecords", &record_with(2, "<![CDATA[").repeat(20_000));
    let (items, page) = read_in(1 << 16, text.as_bytes(), Limits::default());
    assert_eq!(items.len(), 20_000);
    assert!(page.unwrap().complete);
}

proptest::proptest! {
    #[test]
    fn any_damage_is_read_the_same_in_any_pieces(at in 0_usize..900, with in "[<>/\"'&a!\\-\\[\\] ]{0,6}", cut in 0_usize..12, pieces in 1_usize..80) {
        let mut text = records([1, 2, 3], "next").into_bytes();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, with.bytes());
        let whole = read_in(text.len(), &text, Limits::default());
        proptest::prop_assert_eq!(read_in(pieces, &text, Limits::default()), whole);
    }
}
