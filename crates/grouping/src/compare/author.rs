//! Compares authors.

use marc::keys::AuthorKey;

use super::Agreement;
use crate::text::{abbreviates, overlap};

pub(super) fn compare(a: &AuthorKey, b: &AuthorKey) -> Agreement {
    // A long statement of responsibility that is the same names the same people.
    let transcribed_alike = a.responsibility == b.responsibility && a.responsibility.split(' ').count() >= 4;
    if transcribed_alike && (a.main == b.main || a.main.is_empty() || b.main.is_empty()) {
        return Agreement::Same;
    }
    if a.main.is_empty() || b.main.is_empty() {
        return mentioned(a, b);
    }
    if a.main == b.main {
        return Agreement::Same;
    }
    if !a.surname.is_empty() && a.surname == b.surname {
        let forename = |key: &AuthorKey| key.main.strip_prefix(&key.surname).unwrap_or_default().trim().to_owned();
        let (one, two) = (forename(a), forename(b));
        let first = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
        let alike = one.is_empty() || two.is_empty() || abbreviates(&first(&one), &first(&two));
        return if alike { Agreement::Close } else { Agreement::Unlike };
    }
    if overlap(&a.main, &b.main) >= 0.5 {
        return Agreement::Close;
    }
    match mentioned(a, b) {
        Agreement::Close => Agreement::Close,
        _ => Agreement::Contrary,
    }
}

/// Looks for the author of one record among the added entries and in the statement of responsibility of the other.
fn mentioned(a: &AuthorKey, b: &AuthorKey) -> Agreement {
    let name = |key: &AuthorKey| if key.surname.is_empty() { key.main.clone() } else { key.surname.clone() };
    let mentions = |key: &AuthorKey, name: &str| {
        !name.is_empty()
            && (key.added.iter().any(|added| added == name)
                || format!(" {} ", key.responsibility).contains(&format!(" {name} ")))
    };
    let (one, two) = (name(a), name(b));
    if mentions(a, &two) || mentions(b, &one) {
        return Agreement::Close;
    }
    if one.is_empty() && two.is_empty() {
        return match (a.added.is_empty(), b.added.is_empty()) {
            (false, false) if a.added.iter().any(|name| b.added.contains(name)) => Agreement::Close,
            (false, false) if overlap(&a.responsibility, &b.responsibility) < 0.5 => Agreement::Unlike,
            _ => Agreement::Unknown,
        };
    }
    Agreement::Unknown
}
