//! Compares format and carrier.

use marc::{Carrier, Format};

use super::Agreement;
use crate::Keys;

/// Formats that catalogues describe in different ways: one website is a serial to one library and a book to another.
fn family(format: Format) -> Format {
    match format {
        Format::OnlineResource | Format::EJournal => Format::Ebook,
        Format::Manuscript => Format::Book,
        Format::EManuscript => Format::Ebook,
        other => other,
    }
}

pub(super) fn compare(a: &Keys, b: &Keys) -> Agreement {
    let other = |format| matches!(format, Format::Other);
    if a.format != b.format && !other(a.format) && !other(b.format) {
        return if family(a.format) == family(b.format) { Agreement::Unlike } else { Agreement::Contrary };
    }
    match (a.carrier, b.carrier) {
        (one, two) if one == two => Agreement::Same,
        // A record that names no carrier may mean any that is usual.
        (Carrier::Usual, _) | (_, Carrier::Usual) => Agreement::Close,
        _ => Agreement::Contrary,
    }
}
