//! The title that a request names in place of copies.

use serde::{Deserialize, Serialize};

use crate::copy::CopyRef;
use crate::ids::{BibId, InstitutionCode, ItemId};
use crate::request::Request;

/// The most often that the hub ranks the copies of a title for one request. Each ranking leaves out what was tried
/// before, so the bound only protects libraries from a mistake.
const MOST_RANKINGS: u32 = 12;

/// The title that a patron wants, and what the hub has tried to get it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct WantedTitle {
    /// How the request names the title.
    pub named: TitleRef,
    /// The id of the title in the shared catalogue when the request was placed.
    pub title: String,
    /// The wanted volume, if the title has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// How many times the hub has ranked the title's copies.
    #[serde(default)]
    pub rankings: u32,
    /// Whether the last ranking found no copy to try.
    #[serde(default)]
    pub exhausted: bool,
    /// The copies that were tried and that no lender supplied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<TriedCopy>,
}

/// A title, as a request names it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TitleRef {
    /// By its id in the shared catalogue.
    Title(String),
    /// By a record of one institution.
    Record {
        /// The institution.
        institution: InstitutionCode,
        /// Its record.
        record: BibId,
    },
}

/// A copy that was tried, or any copy of a record.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct TriedCopy {
    /// The institution that was asked.
    pub institution: InstitutionCode,
    /// Its record.
    pub record: Option<BibId>,
    /// The item; `None` if any copy of the record would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
}

impl WantedTitle {
    /// Creates a wish for a title for which nothing has been tried.
    pub fn new(named: TitleRef, title: impl Into<String>, volume: Option<String>) -> Self {
        Self { named, title: title.into(), volume, rankings: 0, exhausted: false, tried: Vec::new() }
    }

    /// Returns whether both wishes are for the same volume of the same title.
    pub fn is_same_wish(&self, other: &Self) -> bool {
        (self.title == other.title || self.named == other.named) && self.volume == other.volume
    }

    /// Notes that a copy was tried.
    pub(crate) fn note_tried(&mut self, copy: &CopyRef) {
        let tried = TriedCopy {
            institution: copy.institution.clone(),
            record: copy.bib.clone(),
            item: copy.item.clone().or_else(|| copy.tried_items.last().cloned()),
        };
        if !self.tried.contains(&tried) {
            self.tried.push(tried);
        }
    }

    /// Takes over the copies of a new ranking; none means that nothing is left to try.
    pub(crate) fn note_ranking(&mut self, found: usize) {
        self.rankings = self.rankings.saturating_add(1);
        self.exhausted = found == 0 || self.rankings >= MOST_RANKINGS;
    }
}

impl Request {
    /// Returns whether the hub may look for further copies of the title once those that are left have been tried.
    pub fn may_find_copies(&self) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| !wanted.exhausted)
    }

    /// Returns the lenders that had a hold for this request and didn't supply. They aren't asked again.
    pub fn lenders_that_did_not_supply(&self) -> impl Iterator<Item = &InstitutionCode> {
        self.earlier_suppliers.iter().filter(|earlier| earlier.had_hold).map(|earlier| &earlier.institution)
    }
}
