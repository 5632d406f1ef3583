//! Compares edition statements.

use marc::keys::EditionKey;

use super::Agreement;

/// Words of which a publisher never writes one for the other.
const OPPOSED: [&str; 6] = ["abridged", "unabridged", "revised", "enlarged", "expanded", "large"];

pub(super) fn compare(a: &EditionKey, b: &EditionKey) -> Agreement {
    if a == b {
        return if a.number.is_none() && a.words.is_empty() { Agreement::Unknown } else { Agreement::Same };
    }
    if let (Some(one), Some(two)) = (a.number, b.number)
        && one != two
    {
        return Agreement::Contrary;
    }
    // A missing statement may mean the first edition.
    let later = |key: &EditionKey| key.number.is_some_and(|number| number > 1);
    if later(a) != later(b) {
        return Agreement::Unlike;
    }
    let only = |one: &EditionKey, two: &EditionKey| -> Vec<String> {
        one.words.iter().filter(|word| !two.words.contains(word)).cloned().collect()
    };
    let (extra_a, extra_b) = (only(a, b), only(b, a));
    if extra_a.is_empty() && extra_b.is_empty() {
        return Agreement::Same;
    }
    let opposed = |words: &[String]| words.iter().any(|word| OPPOSED.contains(&word.as_str()));
    if opposed(&extra_a) || opposed(&extra_b) {
        return Agreement::Unlike;
    }
    match (a.words.is_empty(), b.words.is_empty()) {
        (true, _) | (_, true) => Agreement::Close,
        _ if extra_a.is_empty() || extra_b.is_empty() => Agreement::Close,
        _ => Agreement::Unlike,
    }
}
