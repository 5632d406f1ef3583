//! What grouping reads: the changed records, and the records that may belong to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use grouping::Keys;
use store::{Sql, Value};

use super::Records;
use crate::database::{Catalogue, in_list, values};
use crate::error::Error;
use crate::packing::unpack;

const PENDING: &str = "SELECT pending.record, pending.version, state, edition, marc, grouped.keys AS noted FROM pending \
                       JOIN record ON record.id = pending.record \
                       LEFT JOIN content ON content.record = pending.record \
                       LEFT JOIN grouped ON grouped.record = pending.record \
                       ORDER BY pending.record LIMIT $1";
const PARTNERS: Sql = in_list!("SELECT key, record FROM match_key WHERE key", "$1", "");
const CONTENTS: Sql = in_list!(
    "SELECT record.id, state, edition, marc FROM record JOIN content ON content.record = record.id WHERE record.id",
    "$1",
    ""
);
const MEMBERS: Sql = in_list!("SELECT id, edition FROM record WHERE state = 0 AND edition", "$1", "");

/// Lookups, each with a record that has it.
type KeyRows = BTreeSet<(i64, i64)>;

/// A changed record.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) version: i64,
    /// Whether the record is shown, and so belongs to a group.
    pub(super) is_shown: bool,
    /// The lookups that were noted for it before.
    noted: BTreeSet<i64>,
}

/// A record that can be compared.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) keys: Keys,
    pub(super) quality: u16,
}

/// Everything that was read. More is read as it is needed.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) pending: BTreeMap<i64, Pending>,
    known: HashMap<i64, Option<Known>>,
    by_lookup: Records,
    /// The group of each record, as far as it was read, and as it is decided.
    pub(super) edition_of: BTreeMap<i64, i64>,
    /// The shown records of each group that was read.
    members: Records,
}

impl Loaded {
    /// Reads changed records; `None` if there are none.
    pub(super) async fn read(catalogue: &Catalogue, most: i64) -> Result<Option<Self>, Error> {
        let rows = catalogue.store.lookup(PENDING, values![most]).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut loaded = Self::default();
        for row in &rows {
            let id = row.int("record")?;
            let noted = row.optional_text("noted")?.unwrap_or_default();
            let noted = noted.split(',').filter_map(|number| number.parse().ok()).collect();
            let is_shown = row.int("state")? == 0;
            if let Some(edition) = row.optional_int("edition")? {
                loaded.edition_of.insert(id, edition);
            }
            let known = match row.optional_bytes("marc")? {
                Some(packed) if is_shown => Some(read(id, packed)?),
                _ => None,
            };
            loaded.pending.insert(id, Pending { version: row.int("version")?, is_shown, noted });
            loaded.known.insert(id, known);
        }
        loaded.prefetch(catalogue).await?;
        Ok(Some(loaded))
    }

    /// Reads what most changed records need, in few statements.
    async fn prefetch(&mut self, catalogue: &Catalogue) -> Result<(), Error> {
        let lookups: BTreeSet<i64> = self.pending.keys().flat_map(|id| self.lookups(*id)).collect();
        self.read_partners(catalogue, &lookups).await?;
        // Changed records are partners of each other by their lookups of now, not by those that are noted.
        for id in self.pending.keys().copied().collect::<Vec<_>>() {
            for lookup in self.lookups(id) {
                self.by_lookup.entry(lookup).or_default().insert(id);
            }
        }
        let editions: BTreeSet<i64> = self.edition_of.values().copied().collect();
        self.read_members(catalogue, &editions).await?;
        let mut wanted: BTreeSet<i64> = self
            .by_lookup
            .values()
            .filter(|partners| partners.len() <= grouping::LARGEST_BLOCK)
            .flatten()
            .copied()
            .collect();
        wanted.extend(self.members.values().flatten());
        self.read_known(catalogue, &wanted).await
    }

    fn lookups(&self, id: i64) -> Vec<i64> {
        let known = self.known.get(&id).and_then(Option::as_ref);
        known.map(|known| known.keys.lookups().iter().map(|lookup| lookup.hash).collect()).unwrap_or_default()
    }

    async fn read_partners(&mut self, catalogue: &Catalogue, lookups: &BTreeSet<i64>) -> Result<(), Error> {
        let missing: Vec<i64> = lookups.iter().copied().filter(|key| !self.by_lookup.contains_key(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows = catalogue.store.lookup(PARTNERS, vec![list(&missing)]).await?;
        for lookup in missing {
            self.by_lookup.insert(lookup, BTreeSet::new());
        }
        for row in &rows {
            let (key, record) = (row.int("key")?, row.int("record")?);
            // What is noted for a changed record may be out of date.
            if !self.pending.contains_key(&record) {
                self.by_lookup.entry(key).or_default().insert(record);
            }
        }
        Ok(())
    }

    async fn read_members(&mut self, catalogue: &Catalogue, editions: &BTreeSet<i64>) -> Result<(), Error> {
        let missing: Vec<i64> = editions.iter().copied().filter(|id| !self.members.contains_key(id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows = catalogue.store.lookup(MEMBERS, vec![list(&missing)]).await?;
        for edition in missing {
            self.members.insert(edition, BTreeSet::new());
        }
        for row in &rows {
            let (record, edition) = (row.int("id")?, row.int("edition")?);
            self.members.entry(edition).or_default().insert(record);
            self.edition_of.insert(record, edition);
        }
        Ok(())
    }

    async fn read_known(&mut self, catalogue: &Catalogue, records: &BTreeSet<i64>) -> Result<(), Error> {
        let missing: Vec<i64> = records.iter().copied().filter(|id| !self.known.contains_key(id)).collect();
        for some in missing.chunks(2_000) {
            let rows = catalogue.store.lookup(CONTENTS, vec![list(some)]).await?;
            for id in some {
                self.known.insert(*id, None);
            }
            for row in &rows {
                let id = row.int("id")?;
                if let Some(edition) = row.optional_int("edition")? {
                    self.edition_of.insert(id, edition);
                }
                if row.int("state")? == 0
                    && let Some(packed) = row.optional_bytes("marc")?
                {
                    self.known.insert(id, Some(read(id, packed)?));
                }
            }
        }
        Ok(())
    }

    /// Returns a record that is shown.
    pub(super) async fn known(&mut self, catalogue: &Catalogue, id: i64) -> Result<Option<Known>, Error> {
        self.read_known(catalogue, &[id].into()).await?;
        Ok(self.known.get(&id).cloned().flatten())
    }

    /// Returns the records that share a lookup; none if too many do.
    pub(super) async fn partners(&mut self, catalogue: &Catalogue, lookup: i64) -> Result<Vec<i64>, Error> {
        self.read_partners(catalogue, &[lookup].into()).await?;
        let partners = self.by_lookup.get(&lookup).filter(|partners| partners.len() <= grouping::LARGEST_BLOCK);
        Ok(partners.map(|partners| partners.iter().copied().collect()).unwrap_or_default())
    }

    /// Returns the shown records of a group.
    pub(super) async fn members(&mut self, catalogue: &Catalogue, edition: i64) -> Result<BTreeSet<i64>, Error> {
        self.read_members(catalogue, &[edition].into()).await?;
        let members = self.members.get(&edition).cloned().unwrap_or_default();
        // A changed record may be suppressed by now.
        Ok(members.into_iter().filter(|id| self.pending.get(id).is_none_or(|pending| pending.is_shown)).collect())
    }

    /// Notes the decided members of a group.
    pub(super) fn set_members(&mut self, edition: i64, members: BTreeSet<i64>) {
        for record in &members {
            self.edition_of.insert(*record, edition);
        }
        self.members.insert(edition, members);
    }

    /// Returns the lookups that are no longer those of changed records, and the new ones, each with its record.
    pub(super) fn key_changes(&self) -> (KeyRows, KeyRows) {
        let (mut dropped, mut added) = (BTreeSet::new(), BTreeSet::new());
        for (id, pending) in &self.pending {
            let now: BTreeSet<i64> = self.lookups(*id).into_iter().collect();
            dropped.extend(pending.noted.difference(&now).map(|key| (*key, *id)));
            added.extend(now.difference(&pending.noted).map(|key| (*key, *id)));
        }
        (dropped, added)
    }

    /// Returns the rows that note what was seen of changed records.
    pub(super) fn grouped_rows(&self) -> Vec<Vec<Value>> {
        let row = |(id, pending): (&i64, &Pending)| {
            let lookups: Vec<String> = self.lookups(*id).iter().map(i64::to_string).collect();
            values![*id, pending.version, lookups.join(",")]
        };
        self.pending.iter().map(row).collect()
    }
}

fn read(id: i64, packed: &[u8]) -> Result<Known, Error> {
    let record = unpack(packed).map_err(|what| Error::Damaged { record: id, what })?;
    Ok(Known { keys: Keys::of(&record), quality: grouping::quality(&record) })
}

fn list(numbers: &[i64]) -> Value {
    numbers.iter().copied().map(Value::from).collect()
}
