//! Compares two records aspect by aspect.

mod author;
mod date;
mod edition;
mod extent;
mod format;
mod language;
mod number;
mod publisher;
mod title;
mod volume;

use crate::Keys;

pub(crate) use number::{SharedNumber, lccns_differ, shared};

/// How far two records agree in one aspect, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agreement {
    /// They say the same.
    Same,
    /// They say nearly the same, within what cataloguers do differently.
    Close,
    /// One of them, or both, say nothing.
    Unknown,
    /// They differ, as two descriptions of one edition sometimes do.
    Unlike,
    /// They differ as two descriptions of one edition never do.
    Contrary,
}

/// An aspect of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// Format and carrier.
    Format,
    /// Set, part, and which part.
    Volume,
    /// The title.
    Title,
    /// The author.
    Author,
    /// The edition statement.
    Edition,
    /// The date of publication.
    Date,
    /// The publisher.
    Publisher,
    /// Pages, volumes, pieces.
    Extent,
    /// The language.
    Language,
    /// The identifiers, where both records have one of a kind.
    Numbers,
}

/// Returns whether two records are contrary in an aspect that is quick to compare, as most of those are that share a title.
pub(crate) fn plainly_contrary(a: &Keys, b: &Keys) -> bool {
    let (first, second) = (&a.described, &b.described);
    [format::compare(a, b), date::compare(&first.dates, &second.dates), extent::compare(&first.extent, &second.extent)]
        .contains(&Agreement::Contrary)
}

/// The comparison of two records in every aspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comparison {
    aspects: [(Aspect, Agreement); 10],
}

impl Comparison {
    pub(crate) fn of(a: &Keys, b: &Keys) -> Self {
        let (first, second) = (&a.described, &b.described);
        Self {
            aspects: [
                (Aspect::Format, format::compare(a, b)),
                (Aspect::Volume, volume::compare(a, b)),
                (Aspect::Title, title::compare(a, b)),
                (Aspect::Author, author::compare(&first.author, &second.author)),
                (Aspect::Edition, edition::compare(&first.edition, &second.edition)),
                (Aspect::Date, date::compare(&first.dates, &second.dates)),
                (Aspect::Publisher, publisher::compare(&first.publisher, &second.publisher)),
                (Aspect::Extent, extent::compare(&first.extent, &second.extent)),
                (Aspect::Language, language::compare(&a.language, &b.language)),
                (Aspect::Numbers, number::compare(a, b)),
            ],
        }
    }

    pub(crate) fn get(&self, aspect: Aspect) -> Agreement {
        self.aspects.iter().find(|(known, _)| *known == aspect).map_or(Agreement::Unknown, |(_, agreement)| *agreement)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (Aspect, Agreement)> + '_ {
        self.aspects.iter().copied()
    }
}
