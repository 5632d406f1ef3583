//! Copies: as a request names them, and as their library's system describes them.

use serde::{Deserialize, Serialize};

use crate::ids::{Barcode, BibId, HoldingId, InstitutionCode, ItemId, LibraryCode, LocationCode};

/// An item type in the hub's words, such as `book`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemType(pub String);

/// The title of the item.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Title {
    /// The title, as catalogued.
    pub title: String,
    /// The author, where there is one.
    pub author: Option<String>,
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
    /// The wanted volume, as the item's description names it, if the record has several.
    #[serde(default)]
    pub volume: Option<String>,
    /// Whether staff chose it, even though its lender was tried before.
    #[serde(default)]
    pub chosen_by_staff: bool,
    /// Items of the record that its lender refused to lend, if any copy would do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried_items: Vec<ItemId>,
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
    /// What it is.
    pub title: Title,
}
