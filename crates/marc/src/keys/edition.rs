//! The edition key.

use serde::{Deserialize, Serialize};

use super::cut;
use crate::CompactRecord;
use crate::fold::fold;

/// The edition statement of a record (250 `a` `b`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EditionKey {
    /// The number of the edition: 2 for `2nd ed.`, `second edition`, `2. Aufl.`, `2e éd.`
    pub number: Option<u16>,
    /// The other words that distinguish the edition, in their normal form: `revised`, `unabridged`, `large print`.
    pub words: Vec<String>,
}

/// Words in the order of numbers from 1.
const ORDINALS: [&[&str]; 12] = [
    &["first", "erste", "premiere", "primera", "prima"],
    &["second", "zweite", "deuxieme", "seconde", "segunda", "seconda"],
    &["third", "dritte", "troisieme", "tercera", "terza"],
    &["fourth", "vierte", "quatrieme", "cuarta", "quarta"],
    &["fifth", "funfte", "cinquieme", "quinta"],
    &["sixth", "sechste", "sixieme", "sexta", "sesta"],
    &["seventh", "siebte", "septieme", "septima", "settima"],
    &["eighth", "achte", "huitieme", "octava", "ottava"],
    &["ninth", "neunte", "neuvieme", "novena", "nona"],
    &["tenth", "zehnte", "dixieme", "decima"],
    &["eleventh", "elfte", "onzieme"],
    &["twelfth", "zwolfte", "douzieme"],
];

/// Words that say no more than "edition", or belong to every statement.
const EMPTY: [&str; 50] = [
    "edition",
    "ed",
    "edn",
    "editions",
    "aufl",
    "auflage",
    "ausgabe",
    "ausg",
    "edicion",
    "edizione",
    "edicao",
    "izd",
    "izdanie",
    "vyd",
    "wyd",
    "the",
    "a",
    "an",
    "of",
    "and",
    "und",
    "et",
    "y",
    "e",
    "in",
    "with",
    "by",
    "du",
    "de",
    "la",
    "le",
    "this",
    "tabah",
    "al",
    "kiad",
    "uitg",
    "druk",
    "opl",
    "uppl",
    "изд",
    "издание",
    "print",
    "printing",
    "impr",
    "reimpr",
    "unchanged",
    "unveranderte",
    "unverand",
    "d",
    "der",
];

/// Abbreviations with the words for which they stand.
const NORMAL: [(&str, &str); 34] = [
    ("rev", "revised"),
    ("revd", "revised"),
    ("revidierte", "revised"),
    ("revue", "revised"),
    ("bearb", "revised"),
    ("bearbeitete", "revised"),
    ("uberarb", "revised"),
    ("uberarbeitete", "revised"),
    ("verb", "improved"),
    ("verbesserte", "improved"),
    ("enl", "enlarged"),
    ("erw", "enlarged"),
    ("erweiterte", "enlarged"),
    ("augm", "enlarged"),
    ("augmentee", "enlarged"),
    ("exp", "expanded"),
    ("ill", "illustrated"),
    ("illus", "illustrated"),
    ("abr", "abridged"),
    ("unabr", "unabridged"),
    ("corr", "corrected"),
    ("intl", "international"),
    ("internat", "international"),
    ("amer", "american"),
    ("pbk", "paperback"),
    ("paper", "paperback"),
    ("lim", "limited"),
    ("ltd", "limited"),
    ("neue", "new"),
    ("nouv", "new"),
    ("nouvelle", "new"),
    ("nueva", "new"),
    ("nuova", "new"),
    ("n", "new"),
];

impl EditionKey {
    pub(super) fn of(record: &CompactRecord) -> Self {
        let mut key = Self::default();
        for field in record.fields_tagged("250") {
            for subfield in field.subfields().filter(|subfield| matches!(subfield.code, 'a' | 'b')) {
                // After a slash come the names of those who revised it.
                key.add(&fold(cut(subfield.value.split(" / ").next().unwrap_or_default())));
            }
        }
        key.words.sort_unstable();
        key.words.dedup();
        key
    }

    fn add(&mut self, folded: &str) {
        for word in folded.split(' ').filter(|word| !word.is_empty()) {
            if let Some(number) = ordinal(word) {
                self.number.get_or_insert(number);
            } else if !EMPTY.contains(&word) && self.words.len() < 20 {
                let normal = NORMAL.iter().find(|(short, _)| *short == word).map_or(word, |(_, normal)| normal);
                self.words.push(normal.to_owned());
            }
        }
    }

    /// Returns whether the statement is missing or says only that it is the first edition.
    #[must_use]
    pub fn is_first(&self) -> bool {
        matches!(self.number, None | Some(1)) && self.words.is_empty()
    }
}

/// Reads `2`, `2nd`, `2e`, `second` and their like. Larger numbers are years or numbers of copies.
fn ordinal(word: &str) -> Option<u16> {
    let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0 {
        let suffix = &word[digits..];
        let known =
            ["", "st", "nd", "rd", "d", "th", "e", "eme", "er", "re", "a", "o", "ed", "te", "ste", "de", "ja", "oe"];
        return word[..digits].parse().ok().filter(|number| known.contains(&suffix) && (1..=300).contains(number));
    }
    let stem = word.strip_suffix(['r', 's', 'n']).filter(|stem| stem.ends_with("te")).unwrap_or(word);
    let place = ORDINALS.iter().position(|words| words.contains(&stem))?;
    u16::try_from(place + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::EditionKey;
    use crate::{CompactRecord, Record};

    fn key(text: &str) -> EditionKey {
        EditionKey::of(&CompactRecord::from(&Record::builder().data("250", ' ', ' ', [('a', text)]).build()))
    }

    #[test]
    fn number_of_an_edition_is_read_in_several_languages() {
        for text in ["2nd ed.", "Second edition.", "2. Aufl.", "2e éd.", "Zweite Auflage", "2 ed", "[2d ed.]", "2a ed."]
        {
            assert_eq!(key(text).number, Some(2), "{text}");
            assert!(key(text).words.is_empty(), "{text}: {:?}", key(text).words);
        }
    }

    #[test]
    fn words_have_a_normal_form_and_order() {
        assert_eq!(key("Rev. and enl. ed."), key("Enlarged, revised edition"));
        assert_eq!(key("3., überarb. und erw. Aufl."), key("3rd rev. & enl. ed."));
        assert_eq!(key("Unabridged.").words, ["unabridged"]);
        assert_eq!(key("1984 edition.").words, ["1984"]);
    }

    #[test]
    fn first_edition_is_as_good_as_none() {
        assert!(key("1st ed.").is_first() && key("First edition.").is_first() && EditionKey::default().is_first());
        assert!(!key("2nd ed.").is_first() && !key("1st American ed.").is_first());
    }
}
