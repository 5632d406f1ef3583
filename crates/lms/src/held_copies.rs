//! The copies of a record, as a library's system describes them before anybody asks for one.

use lending::{CopyState, HeldCopy, LibraryCode, LocationCode};

/// How much is read about the copies of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum CopiesDetail {
    /// Their states, with one call for each hundred copies.
    #[default]
    States,
    /// Their states and the number of requests that wait for each lent copy, with a further call for each that has any.
    Waiting,
}

/// The copies of a record.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BibCopies {
    /// The copies, in the order of the library's system.
    pub copies: Vec<HeldCopy>,
    /// The reason why there are none, or not all.
    pub missing: Option<NotAllCopies>,
    /// The names of the copies' places, as far as the system gives them.
    pub places: Vec<NamedPlace>,
}

/// The reason why copies of a record are missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAllCopies {
    /// The library's system has no such record any more.
    NoRecord,
    /// The record has no items.
    NoItems,
    /// The system describes some items in a way that can't be read.
    Unreadable,
    /// The record has more items than are read.
    TooMany,
}

impl BibCopies {
    /// Returns whether the requests that wait for some lent copy were not counted.
    pub fn has_uncounted(&self) -> bool {
        self.copies.iter().any(|copy| matches!(copy.state, CopyState::Lent { .. }) && copy.waiting.is_none())
    }
}

impl NotAllCopies {
    /// Returns the stable name of the reason.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::NoItems => "no_items",
            Self::Unreadable => "unreadable",
            Self::TooMany => "too_many",
        }
    }

    /// Returns the reason as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoRecord => "The library has no such record any more.",
            Self::NoItems => "The library's record has no items.",
            Self::Unreadable => "The library's system describes some items in a way that can't be read.",
            Self::TooMany => "The library's record has more items than are read; the others are not shown.",
        }
    }
}

/// A place of copies, with the names that people know it by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedPlace {
    /// The library's code.
    pub library: LibraryCode,
    /// The location's code. It is unique in its library only.
    pub location: LocationCode,
    /// The library's name.
    pub library_name: Option<String>,
    /// The location's name.
    pub location_name: Option<String>,
}
