//! What grouping knows of a record.

use marc::identifiers::Standing;
use marc::keys::TitleKey;
use marc::{Carrier, CompactRecord, Format, MatchKeys};
use serde::{Deserialize, Serialize};

/// The values by which a record is compared with others. They are a function of the record, and can be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The format.
    pub format: Format,
    /// The carrier.
    pub carrier: Carrier,
    /// The identifiers of this publication.
    pub numbers: Numbers,
    /// Identifiers that are cancelled, wrong, or of a related publication.
    pub other_numbers: Numbers,
    /// Whether an ISBN is qualified as that of a volume or set: `v. 1`, `set`.
    pub isbn_of_volume: bool,
    /// Title, author, edition, publisher, dates, extent and volume.
    pub described: MatchKeys,
    /// The title in original script (880 linked to 245), if there is one.
    pub original_title: Option<TitleKey>,
    /// The code of the first language (008/35-37, 041); empty if unknown.
    pub language: String,
}

/// Normalised identifiers by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Numbers {
    /// ISBNs in 13 digits.
    pub isbns: Vec<String>,
    /// ISSNs.
    pub issns: Vec<String>,
    /// Library of Congress Control Numbers.
    pub lccns: Vec<String>,
    /// OCLC numbers.
    pub oclc_numbers: Vec<u64>,
    /// Numbers of national libraries with their agency.
    pub national_numbers: Vec<String>,
}

impl Keys {
    /// Extracts the keys of a record.
    #[must_use]
    pub fn of(record: &CompactRecord) -> Self {
        let (format, carrier) = record.format_and_carrier();
        let found = record.identifiers();
        let mut numbers = Numbers::default();
        let mut other_numbers = Numbers::default();
        let mut isbn_of_volume = false;
        for isbn in &found.isbns {
            if isbn.standing == Standing::Valid {
                isbn_of_volume |= names_volume(&isbn.qualifier);
                numbers.isbns.push(isbn.isbn.to_string());
            } else {
                other_numbers.isbns.push(isbn.isbn.to_string());
            }
        }
        let place = |standing: &Standing| match standing {
            Standing::Valid => 0,
            Standing::Cancelled => 1,
        };
        let mut both = [numbers, other_numbers];
        for (number, standing) in &found.issns {
            both[place(standing)].issns.push(number.to_string());
        }
        for (number, standing) in &found.lccns {
            both[place(standing)].lccns.push(number.to_string());
        }
        for (number, standing) in &found.oclc_numbers {
            both[place(standing)].oclc_numbers.push(number.get());
        }
        for (number, standing) in &found.national_numbers {
            both[place(standing)].national_numbers.push(number.to_string());
        }
        let [numbers, other_numbers] = both;
        let title = record.fields_tagged("245").next();
        let original = title.and_then(|title| record.original_script_of(title));
        Self {
            format,
            carrier,
            numbers,
            other_numbers,
            isbn_of_volume,
            described: record.match_keys(),
            original_title: original.map(TitleKey::of_field),
            language: record.languages().first().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Returns whether the record has a title, without which it is compared with no other.
    #[must_use]
    pub fn has_title(&self) -> bool {
        !self.described.title.proper.is_empty()
    }
}

/// Returns whether the qualifier of an ISBN names a volume or a set.
fn names_volume(qualifier: &str) -> bool {
    let folded = marc::fold(qualifier);
    folded.split(' ').any(|word| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        matches!(
            letters,
            "v" | "vol" | "vols" | "volume" | "set" | "bd" | "band" | "t" | "tome" | "tom" | "teil" | "gesamtwerk"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::Keys;
    use marc::{CompactRecord, Record};

    #[test]
    fn keys_hold_numbers_by_their_standing() {
        let record = Record::builder()
            .data("020", ' ', ' ', [('a', "0914378287 (v. 1)"), ('z', "9780201616224")])
            .data("035", ' ', ' ', [('a', "(OCoLC)42")])
            .data("245", '0', '0', [('6', "880-01"), ('a', "Sensō to heiwa")])
            .data("880", '0', '0', [('6', "245-01/$1"), ('a', "戦争と平和")])
            .build();
        let keys = Keys::of(&CompactRecord::from(&record));
        assert_eq!(keys.numbers.isbns, ["9780914378280"]);
        assert_eq!(keys.other_numbers.isbns, ["9780201616224"]);
        assert_eq!(keys.numbers.oclc_numbers, [42]);
        assert!(keys.isbn_of_volume && keys.has_title());
        assert_eq!(keys.original_title.unwrap().proper, "戦争と平和");
    }
}
