//! Lookups: the values by which a database finds the records that may be grouped with one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Keys;

/// The largest number of records that may share a lookup. A lookup that leads to more is ignored: it is a title such as
/// "Annual report", or a placeholder in the place of a number.
pub const LARGEST_BLOCK: usize = 200;

/// The kind of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupKind {
    /// An ISBN.
    Isbn,
    /// An ISSN.
    Issn,
    /// A Library of Congress Control Number.
    Lccn,
    /// An OCLC number.
    Oclc,
    /// A number of a national library.
    National,
    /// Title, year and format.
    TitleYear,
    /// Title, author and format.
    TitleAuthor,
}

/// A value that records of one edition are likely to share. Equal lookups have equal hashes, on every machine and in
/// every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lookup {
    /// The kind.
    pub kind: LookupKind,
    /// The hash of kind and value, for a column of 64 bits.
    pub hash: i64,
}

impl Keys {
    /// Returns the lookups of a record, sorted, each once. Two records are compared if they share at least one.
    #[must_use]
    pub fn lookups(&self) -> Vec<Lookup> {
        let mut lookups = Vec::new();
        let mut add = |kind, parts: &[&str]| lookups.push(Lookup { kind, hash: hash(kind, parts) });
        for isbn in &self.numbers.isbns {
            add(LookupKind::Isbn, &[isbn]);
        }
        for issn in &self.numbers.issns {
            add(LookupKind::Issn, &[issn]);
        }
        for lccn in &self.numbers.lccns {
            add(LookupKind::Lccn, &[lccn]);
        }
        for number in &self.numbers.oclc_numbers {
            add(LookupKind::Oclc, &[&number.to_string()]);
        }
        for number in &self.numbers.national_numbers {
            add(LookupKind::National, &[number]);
        }
        if self.has_title() {
            let title = blocking_title(&self.described.title.proper);
            let format = self.format.code();
            if let Some(year) = self.described.dates.year() {
                add(LookupKind::TitleYear, &[&title, &year.to_string(), format]);
            }
            let author = &self.described.author;
            let name = if author.surname.is_empty() { &author.main } else { &author.surname };
            if !name.is_empty() {
                add(LookupKind::TitleAuthor, &[&title, name, format]);
            }
        }
        lookups.sort_unstable();
        lookups.dedup();
        lookups
    }
}

/// Returns the beginning of a title without blanks.
fn blocking_title(proper: &str) -> String {
    proper.chars().filter(|c| *c != ' ').take(40).collect()
}

/// Hashes kind and parts with FNV-1a, which is fixed, and mixes the bits.
fn hash(kind: LookupKind, parts: &[&str]) -> i64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    add(kind as u8);
    for part in parts {
        part.bytes().for_each(&mut add);
        add(0xFF);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    i64::from_ne_bytes(hash.to_ne_bytes())
}

impl fmt::Display for LookupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Isbn => "ISBN",
            Self::Issn => "ISSN",
            Self::Lccn => "LCCN",
            Self::Oclc => "OCLC number",
            Self::National => "national number",
            Self::TitleYear => "title and year",
            Self::TitleAuthor => "title and author",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{LookupKind, hash};

    #[test]
    fn hash_of_a_lookup_never_changes() {
        assert_eq!(hash(LookupKind::Isbn, &["9780201616224"]), hash(LookupKind::Isbn, &["9780201616224"]));
        assert_ne!(hash(LookupKind::Isbn, &["9780201616224"]), hash(LookupKind::Lccn, &["9780201616224"]));
        assert_ne!(hash(LookupKind::TitleYear, &["ab", "c"]), hash(LookupKind::TitleYear, &["a", "bc"]));
    }
}
