//! Compares extents.

use marc::keys::Extent;

use super::Agreement;

pub(super) fn compare(a: &Extent, b: &Extent) -> Agreement {
    let pages = counts(a.pages, b.pages, 2, 0.12);
    let pieces = counts(a.pieces, b.pieces, 0, 0.0);
    let minutes = counts(a.minutes, b.minutes, 5, 0.15);
    let volumes = match (a.volumes, b.volumes) {
        (Some(one), Some(two)) if one == two => Agreement::Same,
        (Some(_), Some(_)) => Agreement::Unlike,
        _ => Agreement::Unknown,
    };
    // Libraries round heights in different ways.
    let height = match (a.height, b.height) {
        (Some(one), Some(two)) if one.abs_diff(two) > 2 => Agreement::Unlike,
        _ => Agreement::Unknown,
    };
    let all = [pages, pieces, minutes, volumes, height];
    let worst = all.into_iter().max().unwrap_or(Agreement::Unknown);
    if worst > Agreement::Unknown {
        return worst;
    }
    all.into_iter().min().unwrap_or(Agreement::Unknown)
}

/// Compares two counts: close within a few (of a leaflet, each page counts), unlike within a part of the larger.
fn counts(a: Option<u16>, b: Option<u16>, few: u16, unlike: f32) -> Agreement {
    let (Some(a), Some(b)) = (a, b) else { return Agreement::Unknown };
    let difference = a.abs_diff(b);
    let part = f32::from(difference) / f32::from(a.max(b).max(1));
    if difference == 0 {
        Agreement::Same
    } else if difference <= few && a.max(b) >= 20 {
        Agreement::Close
    } else if part <= unlike {
        Agreement::Unlike
    } else {
        Agreement::Contrary
    }
}
