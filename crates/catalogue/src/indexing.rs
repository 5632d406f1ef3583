//! Follows the change feed with a node's search index. The index notes the feed's position in each of its commits, so
//! that a kill leaves both in step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use search::{Change, Document, Index};
use store::{Sql, Value};

use crate::database::{Catalogue, in_list, values};
use crate::error::Error;
use crate::stored::Member;

/// Groups that are read together.
const TOGETHER: i64 = 500;
/// Batches of groups that share a commit of the index, which costs as much as many groups. Few groups are committed at once.
const BATCHES: usize = 200;

const FORMER_IDS: Sql = in_list!("SELECT id, merged_into FROM edition WHERE merged_into", "$1", " ORDER BY id");

/// An agency of the hub, and the records that its copies belong to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgencyOf {
    /// The agency's code.
    pub agency: String,
    /// Its institution.
    pub institution: String,
    /// Its library; none if it has all of the institution.
    pub library: Option<String>,
}

/// Changes of the feed, up to a position.
struct Changes {
    changes: Vec<Change>,
    position: u64,
}

impl Catalogue {
    /// Brings an index up to the end of the change feed. Returns how many groups have changed.
    ///
    /// # Errors
    ///
    /// The index keeps its last commit, and goes on from there the next time.
    pub async fn index_changes(&self, index: &Arc<Index>, agencies: &[AgencyOf]) -> Result<usize, Error> {
        let end = self.last_change().await?;
        let mut position = index.position()?.unwrap_or_default();
        if position > end {
            // The index was made from another catalogue, or from commits that a loss of power took back.
            self.rebuild_index(index, agencies).await?;
            return Ok(0);
        }
        let mut count = 0;
        // Up to the end that was fixed above, each group comes once, so an empty index has none of them. An attempt that
        // failed may have left groups that it didn't commit.
        let first = index.titles() == 0;
        if first {
            let index = Arc::clone(index);
            on_thread(move || index.rollback()).await?;
        }
        let upto = if first { end } else { u64::MAX };
        while position < end {
            let mut staged = position;
            let mut next = self.changes_between(staged, upto, agencies).await?;
            for _ in 0..BATCHES {
                let Some(batch) = next.take() else { break };
                count += batch.changes.len();
                staged = batch.position;
                let writing = Arc::clone(index);
                let changes = batch.changes;
                let stage =
                    on_thread(move || if first { stage_first(&writing, changes) } else { writing.stage(changes) });
                // The database reads the next groups while these are written.
                let (written, read) = tokio::join!(stage, self.changes_between(staged, upto, agencies));
                written?;
                next = read?;
            }
            if staged == position {
                break;
            }
            let index = Arc::clone(index);
            on_thread(move || index.commit(staged)).await?;
            position = staged;
        }
        Ok(count)
    }

    /// Fills an index anew, while searches use the present one. Returns the number of groups.
    ///
    /// # Errors
    ///
    /// The present index stays as it was.
    pub async fn rebuild_index(&self, index: &Arc<Index>, agencies: &[AgencyOf]) -> Result<usize, Error> {
        let (catalogue, index, agencies) = (self.clone(), Arc::clone(index), agencies.to_vec());
        let tasks = tokio::runtime::Handle::current();
        let work = move || {
            let mut rebuild = index.rebuild()?;
            let (mut position, mut count) = (0, 0);
            // Groups that change meanwhile come once more with a later position, so the end is fixed.
            let end = tasks.block_on(catalogue.last_change())?;
            while position < end {
                let next = tasks.block_on(catalogue.changes_between(position, end, &agencies))?;
                let Some(next) = next else { break };
                let upserts = next.changes.into_iter().filter_map(|change| match change {
                    Change::Upsert(document) => Some(document),
                    Change::Delete(_) => None,
                });
                let documents: Vec<Document> = upserts.collect();
                count += documents.len();
                rebuild.add(documents)?;
                position = next.position;
            }
            rebuild.finish(end)?;
            Ok(count)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Indexing(error.to_string()))?
    }

    /// Returns the position of the last change in the feed.
    pub async fn last_change(&self) -> Result<u64, Error> {
        let rows = self.store.read("SELECT COALESCE(MAX(change), 0) AS change FROM edition", values![]).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.count("change"))?)
    }

    async fn changes_between(&self, position: u64, end: u64, agencies: &[AgencyOf]) -> Result<Option<Changes>, Error> {
        let sql = "SELECT id, change, display, members FROM edition WHERE change > $1 AND change <= $2 ORDER BY change LIMIT $3";
        let rows = self.store.read(sql, values![position, end, TOGETHER]).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        let position = last.count("change")?;
        let mut shown = Vec::new();
        for row in &rows {
            if row.int("members")? > 0 {
                shown.push(row.int("id")?);
            }
        }
        let mut members = self.members(&shown).await?;
        let mut former = self.former_ids(&shown).await?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.int("id")?;
            let display = row.optional_int("display")?;
            changes.push(match members.remove(&id) {
                Some(members) => {
                    let mut document = document(id, display, members, agencies);
                    document.former_ids = former.remove(&id).unwrap_or_default();
                    Change::Upsert(document)
                }
                None => Change::Delete(id.to_string()),
            });
        }
        Ok(Some(Changes { changes, position }))
    }
}

impl Catalogue {
    /// Returns the ids of the groups that were merged into others, by the group that took their records.
    async fn former_ids(&self, editions: &[i64]) -> Result<BTreeMap<i64, Vec<String>>, Error> {
        let list: Value = editions.iter().copied().map(Value::from).collect();
        let rows = self.store.read(FORMER_IDS, vec![list]).await?;
        let mut former: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for row in &rows {
            former.entry(row.int("merged_into")?).or_default().push(row.int("id")?.to_string());
        }
        Ok(former)
    }
}

/// Makes the document of a group. The display record comes first.
fn document(id: i64, display: Option<i64>, mut members: Vec<Member>, agencies: &[AgencyOf]) -> Document {
    members.sort_by_key(|member| (Some(member.number) != display, member.number));
    let holders: Vec<Vec<String>> = members.iter().map(|member| holders(member, agencies)).collect();
    let format = members.first().map_or(marc::Format::Other, |member| member.record.format());
    let of_group: Vec<search::Member<'_>> = members
        .iter()
        .zip(&holders)
        .map(|(member, agencies)| search::Member { record: &member.record, institution: &member.institution, agencies })
        .collect();
    Document::of_group(&id.to_string(), format, &of_group)
}

/// Returns the agencies whose copies a record describes: those of its institution, and of its libraries where copies are
/// known.
fn holders(member: &Member, agencies: &[AgencyOf]) -> Vec<String> {
    let copies = member.copies.items.iter().chain(&member.copies.holdings);
    let shown = copies.filter(|copy| copy.suppressed_by.is_none());
    let libraries: BTreeSet<&str> = shown.filter_map(|copy| copy.library.as_deref()).collect();
    let holds = |agency: &&AgencyOf| {
        agency.institution == member.institution
            && (libraries.is_empty() || agency.library.as_deref().is_none_or(|library| libraries.contains(library)))
    };
    agencies.iter().filter(holds).map(|agency| agency.agency.clone()).collect()
}

/// Writes changes to an index that has no title yet.
fn stage_first(index: &Index, changes: Vec<Change>) -> Result<(), search::Error> {
    index.stage_new(changes.into_iter().filter_map(|change| match change {
        Change::Upsert(document) => Some(document),
        Change::Delete(_) => None,
    }))
}

async fn on_thread(work: impl FnOnce() -> Result<(), search::Error> + Send + 'static) -> Result<(), Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Error::Indexing(error.to_string()))??)
}
