//! Compares identifiers.

use super::Agreement;
use crate::{Keys, LookupKind};

/// An identifier that two records share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedNumber {
    pub(crate) kind: LookupKind,
    pub(crate) number: String,
    /// Whether the number proves one publication unless something contradicts it.
    pub(crate) is_strong: bool,
}

/// Returns the identifiers that both records have as valid ones.
pub(crate) fn shared(a: &Keys, b: &Keys) -> Vec<SharedNumber> {
    let (one, two) = (&a.numbers, &b.numbers);
    let mut found = Vec::new();
    let mut add = |kind, number: String, is_strong| found.push(SharedNumber { kind, number, is_strong });
    let several = |keys: &Keys| keys.isbn_of_volume || keys.numbers.isbns.len() > 3;
    for isbn in one.isbns.iter().filter(|isbn| two.isbns.contains(isbn)) {
        add(LookupKind::Isbn, isbn.clone(), !several(a) && !several(b));
    }
    // Hardback and paperback share a record of the Library of Congress, and have two ISBNs.
    let other_binding = differ(&one.isbns, &two.isbns);
    for lccn in one.lccns.iter().filter(|lccn| two.lccns.contains(lccn)) {
        add(LookupKind::Lccn, lccn.clone(), !other_binding);
    }
    for number in one.oclc_numbers.iter().filter(|number| two.oclc_numbers.contains(number)) {
        add(LookupKind::Oclc, number.to_string(), true);
    }
    for number in one.national_numbers.iter().filter(|number| two.national_numbers.contains(number)) {
        add(LookupKind::National, number.clone(), true);
    }
    // A book in a series carries the series' ISSN.
    let serial = |keys: &Keys| {
        matches!(keys.format, marc::Format::Serial | marc::Format::EJournal | marc::Format::OnlineResource)
    };
    for issn in one.issns.iter().filter(|issn| two.issns.contains(issn)) {
        add(LookupKind::Issn, issn.clone(), serial(a) && serial(b));
    }
    found
}

/// Compares the numbers of each kind that both records have. Two ISBNs or ISSNs mean two publications or bindings. Two OCLC
/// numbers mean little, since WorldCat has many records of one publication; about LCCNs see [`lccns_differ`].
pub(super) fn compare(a: &Keys, b: &Keys) -> Agreement {
    let (one, two) = (&a.numbers, &b.numbers);
    if differ(&one.isbns, &two.isbns) || differ(&one.issns, &two.issns) {
        return Agreement::Unlike;
    }
    if shared(a, b).is_empty() { Agreement::Unknown } else { Agreement::Same }
}

/// Returns whether both records have LCCNs, and none in common. The Library of Congress rarely has two records of one
/// publication, but they exist.
pub(crate) fn lccns_differ(a: &Keys, b: &Keys) -> bool {
    differ(&a.numbers.lccns, &b.numbers.lccns)
}

fn differ(one: &[String], two: &[String]) -> bool {
    !one.is_empty() && !two.is_empty() && !one.iter().any(|number| two.contains(number))
}
