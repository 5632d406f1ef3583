//! Answers to searchRetrieve.

use marc::marcxml::{self, Namespace};

use super::diagnostic::Diagnostic;
use super::request::{Request, Schema, SearchRetrieve, Version};
use super::{dublin_core, element, escaped};
use crate::index::Found;
use crate::search::{Answer, LAST_HIT};

/// The namespace of additional data about a record.
const EXTRA: &str = "urn:consort:catalogue:1";

/// Writes the results of a search.
pub(super) fn found(request: &Request, search: &SearchRetrieve, answer: &Answer) -> String {
    let mut xml = start(request.version, answer.total);
    let first = search.search.offset as u64 + 1;
    let mut diagnostic = None;
    if answer.total > 0 && first > answer.total {
        let message = format!("There are {} records: the first record has to be one of them.", answer.total);
        diagnostic = Some(Diagnostic::new(61, &first.to_string(), message));
    }
    if !answer.hits.is_empty() {
        xml.push_str("<records>");
        for (position, hit) in (first..).zip(&answer.hits) {
            write_record(&mut xml, request.version, search, hit, position);
        }
        xml.push_str("</records>");
        let next = first + answer.hits.len() as u64;
        if next <= answer.total && next <= LAST_HIT as u64 {
            element(&mut xml, "nextRecordPosition", &next.to_string());
        }
    }
    xml.push_str("<echoedSearchRetrieveRequest>");
    for (name, value) in &search.echoed {
        element(&mut xml, name, value);
    }
    xml.push_str("</echoedSearchRetrieveRequest>");
    if let Some(diagnostic) = diagnostic {
        write_diagnostic(&mut xml, &diagnostic);
    }
    xml + "</searchRetrieveResponse>"
}

/// Writes the answer to a request that can't be met.
pub(super) fn refused(version: Version, diagnostic: &Diagnostic) -> String {
    let mut xml = start(version, 0);
    write_diagnostic(&mut xml, diagnostic);
    xml + "</searchRetrieveResponse>"
}

fn start(version: Version, total: u64) -> String {
    let version = version.name();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<searchRetrieveResponse xmlns=\"http://www.loc.gov/zing/srw/\">\
         <version>{version}</version><numberOfRecords>{total}</numberOfRecords>"
    )
}

fn write_record(xml: &mut String, version: Version, search: &SearchRetrieve, hit: &Found, position: u64) {
    let data = match search.schema {
        Schema::Marcxml => {
            let record = hit.record.as_ref().map(marc::CompactRecord::to_record).unwrap_or_default();
            marcxml::write(&record, Namespace::Slim).content
        }
        Schema::DublinCore => dublin_core::write(hit),
    };
    xml.push_str("<record>");
    element(xml, "recordSchema", search.schema.identifier());
    element(xml, "recordPacking", if search.as_string { "string" } else { "xml" });
    xml.push_str("<recordData>");
    if search.as_string {
        xml.push_str(&escaped(&data));
    } else {
        xml.push_str(&data);
    }
    xml.push_str("</recordData>");
    if version == Version::V1_2 {
        element(xml, "recordIdentifier", &hit.id);
    }
    element(xml, "recordPosition", &position.to_string());
    xml.push_str(&format!("<extraRecordData><title xmlns=\"{EXTRA}\" id=\"{}\">", escaped(&hit.id)));
    for institution in &hit.brief.institutions {
        element(xml, "institution", institution);
    }
    for agency in &hit.brief.agencies {
        element(xml, "agency", agency);
    }
    xml.push_str("</title></extraRecordData></record>");
}

fn write_diagnostic(xml: &mut String, diagnostic: &Diagnostic) {
    xml.push_str("<diagnostics><diagnostic xmlns=\"http://www.loc.gov/zing/srw/diagnostic/\">");
    element(xml, "uri", &format!("info:srw/diagnostic/1/{}", diagnostic.number));
    element(xml, "details", &diagnostic.details);
    element(xml, "message", &diagnostic.message);
    xml.push_str("</diagnostic></diagnostics>");
}
