//! The author key.

use serde::{Deserialize, Serialize};

use super::cut;
use crate::CompactRecord;
use crate::fold::fold;

/// The author of a record, folded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuthorKey {
    /// The main entry (100, 110 or 111 `a` `b`), such as `austen jane`; empty if the record has none.
    pub main: String,
    /// The surname of a personal main entry, such as `austen`; empty if there is none.
    pub surname: String,
    /// The surnames and names of bodies in added entries (700, 710, 711), at most 20.
    pub added: Vec<String>,
    /// The words of the statement of responsibility (245 `c`).
    pub responsibility: String,
}

/// The largest number of added entries that a key keeps.
const MOST: usize = 20;

impl AuthorKey {
    pub(super) fn of(record: &CompactRecord) -> Self {
        let mut key = Self::default();
        for field in record.fields() {
            match field.tag().as_str() {
                "100" | "110" | "111" if key.main.is_empty() => {
                    let name = cut(field.subfield('a').unwrap_or_default());
                    key.main = fold(name);
                    if field.tag() == *"100" {
                        key.surname = surname(name);
                    } else if let Some(unit) = field.subfield('b') {
                        key.main.push(' ');
                        key.main.push_str(&fold(cut(unit)));
                    }
                }
                "700" | "710" | "711" if key.added.len() < MOST => {
                    let name = cut(field.subfield('a').unwrap_or_default());
                    let name = if field.tag() == *"700" { surname(name) } else { fold(name) };
                    if !name.is_empty() && !key.added.contains(&name) {
                        key.added.push(name);
                    }
                }
                "245" if key.responsibility.is_empty() => {
                    key.responsibility = fold(cut(field.subfield('c').unwrap_or_default()));
                }
                _ => {}
            }
        }
        key
    }
}

/// Returns the name before the comma, or the whole name if it has none.
fn surname(name: &str) -> String {
    fold(name.split(',').next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::AuthorKey;
    use crate::{CompactRecord, Record};

    #[test]
    fn author_key_has_surname_and_added_entries() {
        let record = Record::builder()
            .data("100", '1', ' ', [('a', "Mann, Thomas,"), ('d', "1875-1955.")])
            .data("245", '1', '4', [('a', "Der Zauberberg /"), ('c', "von Thomas Mann.")])
            .data("700", '1', ' ', [('a', "Lowe-Porter, H. T.")])
            .data("710", '2', ' ', [('a', "S. Fischer Verlag")])
            .build();
        let key = AuthorKey::of(&CompactRecord::from(&record));
        assert_eq!((key.main.as_str(), key.surname.as_str()), ("mann thomas", "mann"));
        assert_eq!(key.added, ["lowe porter", "s fischer verlag"]);
        assert_eq!(key.responsibility, "von thomas mann");
    }

    #[test]
    fn corporate_author_keeps_its_unit() {
        let record = Record::builder().data("110", '1', ' ', [('a', "France."), ('b', "Sénat.")]).build();
        assert_eq!(AuthorKey::of(&CompactRecord::from(&record)).main, "france senat");
    }
}
