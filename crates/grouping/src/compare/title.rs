//! Compares titles.

use marc::keys::TitleKey;

use super::Agreement;
use crate::Keys;
use crate::text::{begins, overlap, same_numbers, squeezed};

pub(super) fn compare(a: &Keys, b: &Keys) -> Agreement {
    let (one, two) = (&a.described.title, &b.described.title);
    let transcribed = titles(one, two);
    // The original script decides where two transcriptions differ.
    let originals = match (&a.original_title, &b.original_title) {
        (Some(one), Some(two)) => Some((one, two)),
        (Some(original), None) => Some((original, two)),
        (None, Some(original)) => Some((one, original)),
        (None, None) => None,
    };
    originals.map_or(transcribed, |(one, two)| transcribed.min(titles(one, two)))
}

fn titles(a: &TitleKey, b: &TitleKey) -> Agreement {
    if a.proper.is_empty() || b.proper.is_empty() {
        return Agreement::Unknown;
    }
    let (whole_a, whole_b) = (a.whole(), b.whole());
    if squeezed(&whole_a) == squeezed(&whole_b) {
        return Agreement::Same;
    }
    let numbers = same_numbers(&whole_a, &whole_b);
    if squeezed(&a.proper) == squeezed(&b.proper) {
        return match (a.rest.is_empty(), b.rest.is_empty()) {
            (true, true) => Agreement::Same,
            (true, false) | (false, true) => Agreement::Close,
            _ if begins(&a.rest, &b.rest) || (numbers && overlap(&a.rest, &b.rest) >= 0.6) => Agreement::Close,
            _ => Agreement::Unlike,
        };
    }
    if numbers && begins(&whole_a, &whole_b) && (begins(&a.proper, &whole_b) || begins(&b.proper, &whole_a)) {
        return Agreement::Close;
    }
    match overlap(&whole_a, &whole_b) {
        common if common >= 0.85 && numbers => Agreement::Close,
        common if common >= 0.4 => Agreement::Unlike,
        _ => Agreement::Contrary,
    }
}
