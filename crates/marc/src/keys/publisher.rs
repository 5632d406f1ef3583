//! The publisher key.

use super::cut;
use crate::CompactRecord;
use crate::fold::fold;

/// Words that many publishers' names share, or that a catalogue abbreviates or leaves out.
const COMMON: [&str; 96] = [
    "the",
    "and",
    "und",
    "et",
    "of",
    "de",
    "der",
    "die",
    "du",
    "la",
    "le",
    "les",
    "y",
    "e",
    "i",
    "a",
    "for",
    "in",
    "at",
    "by",
    "press",
    "pr",
    "publishing",
    "publishers",
    "publisher",
    "publications",
    "publication",
    "pub",
    "pubs",
    "publ",
    "verlag",
    "verl",
    "verlagsbuchhandlung",
    "company",
    "co",
    "cie",
    "inc",
    "incorporated",
    "ltd",
    "limited",
    "llc",
    "corp",
    "corporation",
    "gmbh",
    "ag",
    "kg",
    "sa",
    "spa",
    "bv",
    "sons",
    "son",
    "bros",
    "brothers",
    "editions",
    "editeur",
    "editore",
    "editorial",
    "ed",
    "books",
    "book",
    "house",
    "distributed",
    "distributor",
    "distribution",
    "dist",
    "university",
    "college",
    "institute",
    "society",
    "national",
    "international",
    "american",
    "department",
    "government",
    "office",
    "printing",
    "printers",
    "printer",
    "printed",
    "published",
    "music",
    "records",
    "recordings",
    "video",
    "film",
    "home",
    "entertainment",
    "group",
    "media",
    "library",
    "center",
    "centre",
    "new",
    "association",
    "division",
    "academy",
];
/// Names that say that there is no name.
const UNKNOWN: [&str; 6] =
    ["s n", "sn", "publisher not identified", "n pub", "publisher unknown", "verlag nicht ermittelbar"];
const ABBREVIATED: [(&str, &str); 12] = [
    ("univ", "university"),
    ("u", "university"),
    ("universitat", "university"),
    ("universite", "university"),
    ("universidad", "university"),
    ("govt", "government"),
    ("dept", "department"),
    ("natl", "national"),
    ("internat", "international"),
    ("intl", "international"),
    ("amer", "american"),
    ("assn", "association"),
];

/// Returns the words of the publisher's name that distinguish it, in their order, each once.
pub(super) fn key(record: &CompactRecord) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut common: Vec<String> = Vec::new();
    for field in record.fields() {
        let is_publication = match field.tag().as_str() {
            "264" => matches!(field.ind2(), '1' | ' '),
            "260" => true,
            _ => false,
        };
        if !is_publication {
            continue;
        }
        for subfield in field.subfields().filter(|subfield| subfield.code == 'b') {
            let folded = fold(cut(subfield.value));
            if UNKNOWN.contains(&folded.as_str()) {
                continue;
            }
            for word in folded.split(' ').filter(|word| !word.is_empty()) {
                let word = ABBREVIATED.iter().find(|(short, _)| *short == word).map_or(word, |(_, whole)| whole);
                let list = if COMMON.contains(&word) { &mut common } else { &mut words };
                if list.len() < 20 && !list.iter().any(|known| known == word) {
                    list.push(word.to_owned());
                }
            }
        }
    }
    // "The Press" has no other word.
    if words.is_empty() { common } else { words }
}

#[cfg(test)]
mod tests {
    use super::key;
    use crate::{CompactRecord, Record};

    fn words(name: &str) -> Vec<String> {
        key(&CompactRecord::from(&Record::builder().data("260", ' ', ' ', [('b', name)]).build()))
    }

    #[test]
    fn common_words_and_abbreviations_vanish() {
        assert_eq!(words("Oxford University Press,"), words("Oxford Univ. Pr.,"));
        assert_eq!(words("A.A. Knopf,"), ["knopf"]);
        assert_eq!(words("The Press,"), ["the", "press"]);
        assert!(words("[s.n.],").is_empty() && words("[publisher not identified],").is_empty());
    }
}
