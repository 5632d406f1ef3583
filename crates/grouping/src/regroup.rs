//! Regroups the records that a change affects, and no others.

use std::collections::{BTreeMap, BTreeSet};

use crate::groups::{Link, follow};
use crate::judge::verdict;
use crate::{Keys, Lookup, Verdict};

/// The largest number of records that are regrouped at once. An edition that more institutions hold is cut: the records
/// beyond the limit keep their groups until they change.
pub const LARGEST_COMPONENT: usize = 500;

/// A regrouping under way. It asks for records and their partners until it knows all that are linked to the changed ones,
/// and then gives their groups.
///
/// ```
/// # use grouping::{Keys, Regrouping};
/// # use marc::{CompactRecord, Record};
/// # let keys = Keys::of(&CompactRecord::from(&Record::default()));
/// let mut regrouping = Regrouping::default();
/// // The changed record as it is now, and the other members of the group in which it was.
/// regrouping.add(7, keys);
/// while let Some((id, lookups)) = regrouping.next() {
///     // The database finds the records that share a lookup with this one.
///     # let found: Vec<(i64, Keys)> = Vec::new();
///     # let _ = (id, lookups);
///     for (partner, keys) in found {
///         regrouping.compare(id, partner, keys);
///     }
/// }
/// assert_eq!(regrouping.finish().groups, [[7].into()]);
/// ```
#[derive(Debug, Clone)]
pub struct Regrouping<Id> {
    records: BTreeMap<Id, Keys>,
    links: Vec<Link<Id>>,
    compared: BTreeSet<(Id, Id)>,
    /// The records whose partners were not asked for yet.
    open: BTreeSet<Id>,
    is_cut: bool,
}

/// The result of a [`Regrouping`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regrouped<Id> {
    /// The groups, ordered by their first ids.
    pub groups: Vec<BTreeSet<Id>>,
    /// Whether records beyond [`LARGEST_COMPONENT`] were left out.
    pub is_cut: bool,
}

impl<Id> Default for Regrouping<Id> {
    fn default() -> Self {
        Self {
            records: BTreeMap::new(),
            links: Vec::new(),
            compared: BTreeSet::new(),
            open: BTreeSet::new(),
            is_cut: false,
        }
    }
}

impl<Id: Ord + Copy> Regrouping<Id> {
    /// Adds a record that has to be regrouped: one that is new or changed, or was in a group with one that changed or was
    /// removed.
    pub fn add(&mut self, id: Id, keys: Keys) {
        if self.records.len() >= LARGEST_COMPONENT {
            self.is_cut |= !self.records.contains_key(&id);
        } else if self.records.insert(id, keys).is_none() {
            self.open.insert(id);
        }
    }

    /// Returns a record whose partners are needed, with its lookups; `None` if all are known.
    #[expect(clippy::should_implement_trait, reason = "the caller adds records between two calls")]
    pub fn next(&mut self) -> Option<(Id, Vec<Lookup>)> {
        let id = self.open.pop_first()?;
        Some((id, self.records.get(&id)?.lookups()))
    }

    /// Compares a record with one that shares a lookup with it. A partner that belongs to one edition with it is
    /// regrouped too.
    pub fn compare(&mut self, id: Id, partner: Id, keys: Keys) {
        if id == partner || !self.compared.insert((id.min(partner), id.max(partner))) {
            return;
        }
        let Some(own) = self.records.get(&id) else { return };
        if let Verdict::Same(strength) = verdict(own, self.records.get(&partner).unwrap_or(&keys)) {
            self.links.push(Link { strength, first: id.min(partner), second: id.max(partner) });
            self.add(partner, keys);
        }
    }

    /// Returns the groups of all records that were added.
    #[must_use]
    pub fn finish(self) -> Regrouped<Id> {
        Regrouped { groups: follow(&self.records, self.links), is_cut: self.is_cut }
    }
}
