//! Compares dates of publication.

use marc::keys::Dates;

use super::Agreement;

pub(super) fn compare(a: &Dates, b: &Dates) -> Agreement {
    let (Some(one), Some(two)) = (a.year(), b.year()) else { return Agreement::Unknown };
    if one == two {
        return Agreement::Same;
    }
    if a.is_span() || b.is_span() {
        // Libraries that joined late know a later first year.
        return if a.first.is_some() && a.first == b.first { Agreement::Same } else { Agreement::Unlike };
    }
    // One record gives the year of copyright, the other that of printing.
    let own = |dates: &Dates| {
        let coded = if dates.kind == 'b' { None } else { dates.first };
        // A copyright of years before is that of an earlier edition.
        let copyright = dates.copyright.filter(|year| dates.imprint.is_none_or(|imprint| imprint.abs_diff(*year) <= 1));
        [dates.imprint, coded, copyright]
    };
    if own(a).iter().flatten().any(|year| own(b).contains(&Some(*year))) {
        return Agreement::Close;
    }
    if one.abs_diff(two) == 1 { Agreement::Unlike } else { Agreement::Contrary }
}
