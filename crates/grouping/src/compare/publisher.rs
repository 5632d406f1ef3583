//! Compares publishers.

use super::Agreement;
use crate::text::abbreviates;

pub(super) fn compare(a: &[String], b: &[String]) -> Agreement {
    if a.is_empty() || b.is_empty() {
        return Agreement::Unknown;
    }
    if a == b {
        return Agreement::Same;
    }
    // Initials prove little: they are compared only where there is nothing else.
    let long = |words: &[String]| words.iter().any(|word| word.chars().count() > 2);
    let skip_short = long(a) && long(b);
    let common = a.iter().filter(|word| !skip_short || word.chars().count() > 2).any(|word| {
        b.iter().any(|other| word == other || (word.len() >= 3 && other.len() >= 3 && abbreviates(word, other)))
    });
    if common { Agreement::Close } else { Agreement::Unlike }
}
