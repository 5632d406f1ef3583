//! The decision on the groups of changed records.

use std::collections::{BTreeMap, BTreeSet};

use grouping::{Regrouping, assign_ids};

use super::load::Loaded;
use crate::database::{Catalogue, values};
use crate::error::Error;

/// A group after the decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Edition {
    pub(super) display: Option<i64>,
    pub(super) members: usize,
    pub(super) merged_into: Option<i64>,
}

/// What changes.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// The new group of each record that moves.
    pub(super) moved: BTreeMap<i64, i64>,
    /// The groups that change.
    pub(super) editions: BTreeMap<i64, Edition>,
    next_edition: i64,
}

impl Decision {
    /// Decides on the groups of all changed records that were read.
    pub(super) async fn of(catalogue: &Catalogue, loaded: &mut Loaded) -> Result<Self, Error> {
        let rows = catalogue.store.lookup("SELECT COALESCE(MAX(id), 0) AS id FROM edition", values![]).await?;
        let last = rows.first().map_or(Ok(0), |row| row.int("id"))?;
        let mut decision = Self { next_edition: last + 1, ..Self::default() };
        let mut done = BTreeSet::new();
        for id in loaded.pending.keys().copied().collect::<Vec<_>>() {
            if done.contains(&id) {
                continue;
            }
            done.insert(id);
            let regrouped = regroup(catalogue, loaded, id).await?;
            done.extend(regrouped.iter().flatten());
            decision.assign(catalogue, loaded, id, regrouped).await?;
        }
        Ok(decision)
    }

    /// Returns the redirects, each with its target first.
    pub(super) fn redirects(&self) -> BTreeSet<(i64, i64)> {
        self.editions.iter().filter_map(|(id, edition)| Some((edition.merged_into?, *id))).collect()
    }

    /// Gives ids to the groups around one changed record.
    async fn assign(
        &mut self,
        catalogue: &Catalogue,
        loaded: &mut Loaded,
        changed: i64,
        mut after: Vec<BTreeSet<i64>>,
    ) -> Result<(), Error> {
        let regrouped: BTreeSet<i64> = after.iter().flatten().copied().collect();
        let mut touched: BTreeSet<i64> =
            regrouped.iter().filter_map(|record| loaded.edition_of.get(record)).copied().collect();
        touched.extend(loaded.edition_of.get(&changed));
        let mut before = Vec::new();
        for edition in touched {
            let mut members = loaded.members(catalogue, edition).await?;
            // Members that were left out stay together, in the group that they have.
            let rest: BTreeSet<i64> = members.difference(&regrouped).copied().collect();
            if !rest.is_empty() {
                after.push(rest);
            }
            // A record that returns takes its group along.
            if loaded.edition_of.get(&changed) == Some(&edition) && regrouped.contains(&changed) {
                members.insert(changed);
            }
            before.push((edition, members));
        }
        let assigned = assign_ids(&before, after);
        let mut ids = Vec::new();
        for (kept, members) in assigned.groups {
            let id = kept.unwrap_or_else(|| {
                self.next_edition += 1;
                self.next_edition - 1
            });
            ids.push(id);
            for record in &members {
                if loaded.edition_of.get(record) != Some(&id) {
                    self.moved.insert(*record, id);
                }
            }
            let display = best(catalogue, loaded, &members).await?;
            self.editions.insert(id, Edition { display, members: members.len(), merged_into: None });
            loaded.set_members(id, members);
        }
        for (id, place) in assigned.redirects {
            let target = ids.get(place).copied();
            self.editions.insert(id, Edition { display: None, members: 0, merged_into: target });
            loaded.set_members(id, BTreeSet::new());
        }
        for id in assigned.ended {
            self.editions.insert(id, Edition { display: None, members: 0, merged_into: None });
            loaded.set_members(id, BTreeSet::new());
        }
        Ok(())
    }
}

/// Returns the groups of the records that a changed one affects.
async fn regroup(catalogue: &Catalogue, loaded: &mut Loaded, changed: i64) -> Result<Vec<BTreeSet<i64>>, Error> {
    let mut regrouping = Regrouping::default();
    let mut affected = match loaded.edition_of.get(&changed).copied() {
        Some(edition) => loaded.members(catalogue, edition).await?,
        None => BTreeSet::new(),
    };
    if loaded.pending.get(&changed).is_some_and(|pending| pending.is_shown) {
        affected.insert(changed);
    }
    for id in affected {
        if let Some(known) = loaded.known(catalogue, id).await? {
            regrouping.add(id, known.keys);
        }
    }
    while let Some((id, lookups)) = regrouping.next() {
        for lookup in lookups {
            for partner in loaded.partners(catalogue, lookup.hash).await? {
                if let Some(known) = loaded.known(catalogue, partner).await? {
                    regrouping.compare(id, partner, known.keys);
                }
            }
        }
    }
    Ok(regrouping.finish().groups)
}

/// Returns the record that stands for a group: the one of the highest quality, and of equal ones the oldest.
async fn best(catalogue: &Catalogue, loaded: &mut Loaded, members: &BTreeSet<i64>) -> Result<Option<i64>, Error> {
    let mut best: Option<(u16, i64)> = None;
    for id in members {
        let quality = loaded.known(catalogue, *id).await?.map_or(0, |known| known.quality);
        if best.is_none_or(|(highest, _)| quality > highest) {
            best = Some((quality, *id));
        }
    }
    Ok(best.map(|(_, id)| id))
}
