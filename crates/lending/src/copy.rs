//! Copies: as a request names them, and as their library's system describes them.

use serde::{Deserialize, Serialize};

use crate::ids::{Barcode, BibId, HoldingId, InstitutionCode, ItemId, LibraryCode, LocationCode};
use crate::volume::Volume;

/// An item type in the hub's words, such as `book`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemType(pub String);

/// The longest title and author that the hub keeps, in characters. A catalogued title may have a hundred thousand.
pub const LONGEST_TITLE: usize = 500;

/// The title of the item.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Title {
    /// The title, as catalogued.
    pub title: String,
    /// The author, where there is one.
    pub author: Option<String>,
}

impl Title {
    /// Returns a title of at most [`LONGEST_TITLE`] characters, and an author likewise. An ellipsis marks the cut.
    pub fn bounded(title: &str, author: Option<&str>) -> Self {
        Self { title: cut(title), author: author.map(cut) }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TITLE) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST_TITLE - 1).chain(['…']).collect(),
    }
}

/// A copy as a request names it: by item, or by barcode alone.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct CopyRef {
    /// The institution that owns it.
    pub institution: InstitutionCode,
    /// Its record.
    pub bib: Option<BibId>,
    /// Its holding.
    pub holding: Option<HoldingId>,
    /// Its item.
    pub item: Option<ItemId>,
    /// Its barcode.
    pub barcode: Option<Barcode>,
    /// The wanted volume, if the record has several. [`choose_volume`](crate::choose_volume) finds it.
    #[serde(default)]
    pub volume: Option<String>,
    /// Whether its library lends it although it is on loan to somebody else now: the hub's hold waits for its return.
    #[serde(default, skip_serializing_if = "is_false")]
    pub queued: bool,
    /// Whether staff chose it, even though its lender was tried before.
    #[serde(default)]
    pub chosen_by_staff: bool,
    /// Items of the record that its lender refused to lend, if any copy would do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried_items: Vec<ItemId>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl CopyRef {
    /// Returns whether this names that very copy, by its barcode or its item.
    pub fn names(&self, institution: &InstitutionCode, copy: &Copy) -> bool {
        let same = self.barcode.as_ref() == Some(&copy.barcode) || self.item.as_ref() == Some(&copy.item);
        self.institution == *institution && same
    }
}

/// A copy as the lender's system describes it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Copy {
    /// Its record.
    pub bib: BibId,
    /// Its holding.
    pub holding: HoldingId,
    /// Its item.
    pub item: ItemId,
    /// Its barcode.
    pub barcode: Barcode,
    /// The library that owns it.
    pub library: LibraryCode,
    /// Its shelving location.
    pub location: LocationCode,
    /// Its type in the hub's words.
    pub item_type: ItemType,
    /// The name of that location, for people who look for the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    /// Its call number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_number: Option<String>,
    /// What it is.
    pub title: Title,
    /// The volume of the title that it is.
    #[serde(default)]
    pub volume: Volume,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_that_is_too_long_is_cut_and_marked() {
        let title = Title::bounded(&"é".repeat(LONGEST_TITLE), Some("Sampleauthor, A."));
        assert_eq!(title.title.chars().count(), LONGEST_TITLE);
        assert!(!title.title.contains('…'));
        let title = Title::bounded(&"é".repeat(135_000), None);
        assert_eq!((title.title.chars().count(), title.title.ends_with("é…")), (LONGEST_TITLE, true));
    }
}
