//! Compares the place of two publications in a set.

use super::Agreement;
use crate::Keys;
use crate::text::{begins, overlap};

pub(super) fn compare(a: &Keys, b: &Keys) -> Agreement {
    let (one, two) = (&a.described.volume, &b.described.volume);
    match (one.is_part, two.is_part) {
        (true, true) => {
            if !one.numbers.is_empty() && !two.numbers.is_empty() && one.numbers != two.numbers {
                return Agreement::Contrary;
            }
            match (one.name.is_empty(), two.name.is_empty()) {
                (true, true) => Agreement::Same,
                (false, false) if one.name == two.name || overlap(&one.name, &two.name) > 0.99 => Agreement::Same,
                // "Natural sciences" and "Mathematical sciences" have most words in common.
                (false, false) if !begins(&one.name, &two.name) => Agreement::Contrary,
                _ => Agreement::Close,
            }
        }
        (true, false) if two.is_set => Agreement::Contrary,
        (false, true) if one.is_set => Agreement::Contrary,
        (false, false) => volumes(a, b),
        // One record may put the part into its title.
        _ => Agreement::Unlike,
    }
}

/// Compares how many volumes there are.
fn volumes(a: &Keys, b: &Keys) -> Agreement {
    let (one, two) = (&a.described.extent, &b.described.extent);
    let single = |extent: &marc::keys::Extent| extent.volumes.is_none_or(|volumes| volumes == 1) && !extent.open;
    match (one.volumes, two.volumes) {
        (Some(first), Some(second)) if first == second => Agreement::Same,
        (Some(first), Some(second)) if first > 1 && second > 1 => Agreement::Unlike,
        (Some(count), _) if count > 1 && single(two) && two.pages.is_some() => Agreement::Contrary,
        (_, Some(count)) if count > 1 && single(one) && one.pages.is_some() => Agreement::Contrary,
        _ => Agreement::Unknown,
    }
}
