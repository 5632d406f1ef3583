//! The title key.

use serde::{Deserialize, Serialize};

use super::{append, cut};
use crate::fold::fold;
use crate::{CompactRecord, FieldRef};

/// The title of a record (245), folded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TitleKey {
    /// The title proper (`a`), without its leading article.
    pub proper: String,
    /// Other title information (`b`), which catalogues give or leave out.
    pub rest: String,
    /// Number and name of a part (`n`, `p`).
    pub part: String,
}

/// Articles that cataloguers count among the non-filing characters, and sometimes forget to count.
const ARTICLES: [&str; 20] = [
    "the", "a", "an", "le", "la", "les", "un", "une", "der", "die", "das", "ein", "eine", "el", "los", "las", "il",
    "lo", "gli", "det",
];

impl TitleKey {
    pub(super) fn of(record: &CompactRecord) -> Self {
        let Some(field) = record.fields_tagged("245").find(|field| field.subfields().next().is_some()) else {
            return Self::default();
        };
        Self::of_field(field)
    }

    /// Returns the key of a title field (245, or the 880 field that is linked to it).
    #[must_use]
    pub fn of_field(field: FieldRef<'_>) -> Self {
        let mut key = Self::default();
        for subfield in field.subfields() {
            let text = upto_responsibility(cut(subfield.value));
            match subfield.code {
                'a' if key.proper.is_empty() => {
                    // A colon inside `a` starts what other catalogues put into `b`.
                    let (proper, rest) = text.split_once(" : ").unwrap_or((text, ""));
                    key.proper = without_article(fold(without_non_filing(proper, field.ind2())));
                    append(&mut key.rest, rest);
                }
                'b' => append(&mut key.rest, text),
                'n' | 'p' => append(&mut key.part, text),
                _ => {}
            }
        }
        key
    }

    /// Returns title and other title information as one text.
    #[must_use]
    pub fn whole(&self) -> String {
        if self.rest.is_empty() { self.proper.clone() } else { format!("{} {}", self.proper, self.rest) }
    }
}

/// Returns the text before a statement of responsibility that is not in its own subfield.
fn upto_responsibility(text: &str) -> &str {
    text.split(" / ").next().unwrap_or(text)
}

/// Skips the characters that the second indicator counts, if they are a word: many indicators are wrong.
fn without_non_filing(title: &str, count: char) -> &str {
    let Some(count) = count.to_digit(10).filter(|count| *count > 0) else { return title };
    let Some((end, _)) = title.char_indices().nth(count as usize) else { return title };
    let (skipped, rest) = title.split_at(end);
    let is_word =
        skipped.ends_with([' ', '\'', '’', 'ʼ', '-', '"', '[', '\u{9C}']) && skipped.chars().any(char::is_alphabetic);
    if is_word { rest } else { title }
}

fn without_article(folded: String) -> String {
    match folded.split_once(' ') {
        Some((first, rest)) if ARTICLES.contains(&first) => rest.to_owned(),
        _ => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::TitleKey;
    use crate::{CompactRecord, Record};

    fn key<const N: usize>(ind2: char, subfields: [(char, &str); N]) -> TitleKey {
        TitleKey::of(&CompactRecord::from(&Record::builder().data("245", '1', ind2, subfields).build()))
    }

    #[test]
    fn title_key_has_no_article_and_no_responsibility() {
        let key =
            key('4', [('a', "The pragmatic programmer :"), ('b', "from journeyman to master /"), ('c', "A. Hunt.")]);
        assert_eq!((key.proper.as_str(), key.rest.as_str()), ("pragmatic programmer", "from journeyman to master"));
        assert_eq!(key.whole(), "pragmatic programmer from journeyman to master");
    }

    #[test]
    fn wrong_count_of_non_filing_characters_changes_nothing() {
        for ind2 in ['0', '2', '3', '4', '7'] {
            assert_eq!(key(ind2, [('a', "The winds of war /")]).proper, "winds of war", "{ind2}");
        }
        assert_eq!(key('2', [('a', "L'Evenement")]).proper, "evenement");
    }

    #[test]
    fn one_subfield_with_everything_gives_the_same_key_as_several() {
        assert_eq!(
            key('0', [('a', "Emma : a novel / by Jane Austen")]),
            key('0', [('a', "Emma :"), ('h', "[electronic resource] :"), ('b', "a novel /"), ('c', "Jane Austen")])
        );
    }

    #[test]
    fn texts_of_a_key_have_a_limit() {
        let long = "word ".repeat(100_000);
        let many: Vec<(char, &str)> =
            std::iter::repeat_n(('b', long.as_str()), 10).chain([('p', long.as_str())]).collect();
        let record = Record::builder().data("245", '0', '0', [('a', long.as_str()), ('c', long.as_str())]);
        let keys = CompactRecord::from(&record.data("100", '1', ' ', [('a', long.as_str())]).build()).match_keys();
        assert!(keys.title.proper.len() <= 1000 && keys.author.main.len() <= 1000);
        assert!(keys.author.responsibility.len() <= 1000 && keys.author.surname.len() <= 1000);
        let record = Record::builder().data("245", '0', '0', many).build();
        let key = TitleKey::of(&CompactRecord::from(&record));
        assert!(key.rest.len() <= 2000 && key.part.len() <= 1000);
    }

    #[test]
    fn parts_are_apart_from_the_title() {
        assert_eq!(
            key('0', [('a', "Faust."), ('n', "2. Teil,"), ('p', "Der Tragödie zweiter Teil")]).part,
            "2 teil der tragodie zweiter teil"
        );
    }
}
