//! Match keys: the parts of a description by which two catalogues' records of one publication agree.
//!
//! Every key is folded text or a number, so that differences of punctuation, case, diacritics and abbreviation vanish.
//! The `grouping` crate compares them.

mod author;
mod date;
mod edition;
mod extent;
mod publisher;
mod title;
mod volume;

use serde::{Deserialize, Serialize};

pub use author::AuthorKey;
pub use date::Dates;
pub use edition::EditionKey;
pub use extent::Extent;
pub use title::TitleKey;
pub use volume::VolumeKey;

use crate::CompactRecord;
use crate::fold::fold_into;

/// The match keys of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MatchKeys {
    /// The title (245).
    pub title: TitleKey,
    /// The author (1XX, 7XX) and the statement of responsibility (245 `c`).
    pub author: AuthorKey,
    /// The edition statement (250).
    pub edition: EditionKey,
    /// The words of the publisher's name that distinguish it (264, 260).
    pub publisher: Vec<String>,
    /// The dates (008, 264, 260).
    pub dates: Dates,
    /// The extent (300).
    pub extent: Extent,
    /// The place of this publication in a set (245 `n` `p`, 300, leader/19).
    pub volume: VolumeKey,
}

/// The longest text in bytes that a key keeps. A damaged record can contain megabytes, and comparing two texts takes time
/// with the product of their lengths.
const LONGEST: usize = 1000;

/// Returns the beginning of a text that is not too long for a key.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Appends folded text to a key until that is too long.
fn append(key: &mut String, text: &str) {
    if key.len() < LONGEST {
        fold_into(key, cut(text));
    }
}

impl CompactRecord {
    /// Returns the match keys of the record.
    #[must_use]
    pub fn match_keys(&self) -> MatchKeys {
        let extent = Extent::of(self);
        MatchKeys {
            title: TitleKey::of(self),
            author: AuthorKey::of(self),
            edition: EditionKey::of(self),
            publisher: publisher::key(self),
            dates: Dates::of(self),
            volume: VolumeKey::of(self, &extent),
            extent,
        }
    }
}
