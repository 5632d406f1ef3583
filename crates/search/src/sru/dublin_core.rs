//! Titles as Dublin Core.

use super::element;
use crate::index::Found;

/// Writes a title as the element `dc` of the schema for SRU.
pub(super) fn write(hit: &Found) -> String {
    let mut xml = String::from(
        "<srw_dc:dc xmlns:srw_dc=\"info:srw/schema/1/dc-schema\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">",
    );
    let mut add = |name: &str, text: &str| {
        let text = text.trim().trim_end_matches([',', '/', ':', ';', ' ']);
        if !text.is_empty() {
            element(&mut xml, name, text);
        }
    };
    let brief = &hit.brief;
    add("dc:title", &brief.title);
    brief.original_title.iter().for_each(|title| add("dc:title", title));
    brief.author.iter().for_each(|author| add("dc:creator", author));
    if let Some(record) = &hit.record {
        for tag in ["700", "710", "711"] {
            record
                .fields_tagged(tag)
                .filter_map(|field| field.subfield('a'))
                .for_each(|name| add("dc:contributor", name));
        }
        for tag in ["600", "610", "611", "630", "650", "651", "653", "655"] {
            for field in record.fields_tagged(tag) {
                let parts =
                    field.subfields().filter(|subfield| matches!(subfield.code, 'a' | 'b' | 'v' | 'x' | 'y' | 'z'));
                add("dc:subject", &parts.map(|subfield| subfield.value.trim()).collect::<Vec<_>>().join(" -- "));
            }
        }
        record.subfields("520", 'a').for_each(|text| add("dc:description", text));
    }
    brief.publisher.iter().for_each(|publisher| add("dc:publisher", publisher));
    brief.year.iter().for_each(|year| add("dc:date", &year.to_string()));
    add("dc:type", &brief.format);
    brief.languages.iter().for_each(|language| add("dc:language", language));
    brief.isbns.iter().for_each(|isbn| add("dc:identifier", &format!("URN:ISBN:{isbn}")));
    brief.issns.iter().for_each(|issn| add("dc:identifier", &format!("URN:ISSN:{issn}")));
    add("dc:identifier", &hit.id);
    xml + "</srw_dc:dc>"
}
