//! Bibs.

use super::flag;
use crate::clock::date;
use crate::record::Record;
use crate::shape::{Shape, fields};
use crate::state::Alma;
use crate::state::model::{Bib, Request};

/// The fields that `expand` adds to a bib.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BibExtras {
    pub(crate) availability: bool,
    pub(crate) requests: bool,
}

fn link(bib: &Bib, base: &str) -> String {
    format!("{base}/almaws/v1/bibs/{}", bib.mms)
}

/// Returns the record, with the availability fields if the caller wants them.
fn record(alma: &Alma, bib: &Bib, availability: bool) -> String {
    let declared = |xml: &str| format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{xml}");
    if availability && let Ok(mut record) = Record::from_xml(&bib.xml.0) {
        record.data.extend(alma.availability(bib));
        return declared(&record.to_xml());
    }
    declared(&bib.xml.0)
}

/// A bib. `base` is the address of the server, empty for relative links.
pub(crate) fn bib<'a>(alma: &'a Alma, bib: &'a Bib, base: &str, extras: BibExtras) -> Shape<'a> {
    let link = link(bib, base);
    let requests = extras.requests.then(|| {
        let holds = bib.requests.iter().filter(|id| alma.requests.get(id).is_some_and(Request::is_hold)).count();
        fields! {"value": holds, "link": format!("{link}/requests")}
    });
    fields! {
        "mms_id": bib.mms, "record_format": "marc21",
        "linked_record_id": fields! {"value": Shape::Null, "type": Shape::Null},
        "title": &bib.title, "author": bib.author.as_ref(), "issn": bib.issn.as_ref(), "isbn": bib.isbn.as_ref(),
        "complete_edition": Shape::Null, "network_number": &bib.network_numbers,
        "place_of_publication": bib.place.as_ref(), "date_of_publication": bib.year.as_ref(),
        "publisher_const": bib.publisher.as_ref(),
        "holdings": fields! {"value": Shape::Null, "link": format!("{link}/holdings")},
        "created_by": "System", "created_date": date(bib.created), "last_modified_by": "System",
        "last_modified_date": date(bib.modified), "suppress_from_publishing": flag(bib.suppressed),
        "suppress_from_external_search": "false", "sync_with_oclc": "NONE", "sync_with_libraries_australia": "NONE",
        "originating_system": "ILS", "originating_system_id": Shape::Null,
        "cataloging_level": Shape::Code("00", Some("Default Level")),
        "requests": requests, "link": Shape::Null,
        "anies": vec![Shape::from(record(alma, bib, extras.availability))],
    }
}

/// The fields of a bib that its items and holdings show.
pub(crate) fn bib_data<'a>(bib: &'a Bib, base: &str) -> Shape<'a> {
    fields! {
        "mms_id": bib.mms, "bib_suppress_from_publishing": flag(bib.suppressed), "title": &bib.title,
        "author": bib.author.as_ref(), "issn": bib.issn.as_ref(), "isbn": bib.isbn.as_ref(), "complete_edition": "",
        "network_number": &bib.network_numbers, "place_of_publication": bib.place.as_ref(),
        "date_of_publication": bib.year.as_ref(), "publisher_const": bib.publisher.as_ref(), "link": link(bib, base),
    }
}
