//! Unqualified Dublin Core of a MARC record, for the format every repository must have.

use std::fmt::Write as _;

use crate::record::Record;
use crate::xml::escape;

pub(super) fn write(record: &Record) -> String {
    let mut out = String::from(
        "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/oai_dc/ \
         http://www.openarchives.org/OAI/2.0/oai_dc.xsd\">",
    );
    let mut push = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = write!(out, "<dc:{name}>{}</dc:{name}>", escape(&value));
        }
    };
    push("title", Some(record.title()));
    push("creator", record.author());
    for field in record.fields("650") {
        push("subject", Some(field.join("axyz")));
    }
    push("publisher", record.publication('b'));
    push("date", record.publication('c'));
    push("identifier", record.control("001").map(str::to_owned));
    push("identifier", record.sub("020", 'a').map(|isbn| format!("urn:isbn:{isbn}")));
    out + "</oai_dc:dc>"
}
