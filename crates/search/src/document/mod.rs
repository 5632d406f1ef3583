//! A title as the index sees it, and how it is made from the records of a group.

mod text;

use std::collections::BTreeSet;

use marc::CompactRecord;
use serde::{Deserialize, Serialize};

pub use text::{MOST_TEXT, Member};
pub(crate) use text::{normal_forms, number};

/// One title of the catalogue: what can be found of a group of records, and what an answer shows of it.
///
/// [`Document::of_group`] makes it from the records. All texts are given as the records have them; the index folds them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The id of the group. It identifies the document: a second one with this id replaces the first.
    pub id: String,
    /// The ids of groups whose records this group has taken. They find this title.
    pub former_ids: Vec<String>,
    /// Titles in all their forms and scripts. The first is that of the display record.
    pub titles: Vec<String>,
    /// Names of persons, bodies and meetings.
    pub authors: Vec<String>,
    /// Subject headings.
    pub subjects: Vec<String>,
    /// Publishers with their places.
    pub publishers: Vec<String>,
    /// Titles of series.
    pub series: Vec<String>,
    /// Notes, contents, summaries and editions.
    pub notes: Vec<String>,
    /// Numbers of the title and its records.
    pub identifiers: BTreeSet<Identifier>,
    /// What the title's brief form shows. Format, languages, year and holders are searched and counted from here.
    pub brief: Brief,
    /// The record that answers show in full.
    pub record: CompactRecord,
}

/// A title in a list of results.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Brief {
    /// The title as the display record has it.
    pub title: String,
    /// The title in its original script, where the display record has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_title: Option<String>,
    /// The main author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The edition statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The publisher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The year of publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u16>,
    /// The format, such as `book`.
    pub format: String,
    /// Languages as MARC codes of three letters, that of the display record first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// ISBNs in their form of 13 digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub isbns: Vec<String>,
    /// ISSNs with their hyphen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issns: Vec<String>,
    /// Codes of the institutions whose records are in the group.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub institutions: BTreeSet<String>,
    /// Codes of the agencies that hold the title.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub agencies: BTreeSet<String>,
}

/// A number that identifies a title or one of its records, in its normal form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identifier {
    /// The kind of number.
    pub kind: IdentifierKind,
    /// The number, normalised as its kind requires.
    pub value: String,
}

/// A kind of identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    /// International Standard Book Number, 13 digits.
    Isbn,
    /// International Standard Serial Number, 8 characters without the hyphen.
    Issn,
    /// Number of the Library of Congress.
    Lccn,
    /// Number of OCLC's WorldCat, without prefix and leading zeros.
    Oclc,
    /// Any other number: of a national library, a publisher, a system.
    Other,
    /// The number of a record in its institution's catalogue.
    Record,
}

impl Document {
    /// Returns the words by which a search in all fields finds the title, as the index has them: folded, with both
    /// transcriptions where a letter has two. Identifiers are left out.
    pub fn words(&self) -> impl Iterator<Item = String> + use<'_> {
        let lists = [&self.titles, &self.authors, &self.subjects, &self.publishers, &self.series, &self.notes];
        lists.into_iter().flatten().flat_map(|text| crate::analysis::words(text))
    }
}

impl Identifier {
    /// Creates an identifier from a number in its normal form.
    pub fn new(kind: IdentifierKind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }
}
