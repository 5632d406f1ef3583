//! Compares a full harvest with the source: which records the source lists and the harvest has not read.
//!
//! A source that leaves records out of its pages, and damage in which not even an id could be read, must not cost the
//! catalogue records that are still there. So the source's list of ids is read wherever the counts differ.

use std::collections::HashSet;
use std::time::Duration;

use oai_pmh::{Event, Selection};
use store::{Sql, Value};

use crate::database::{Catalogue, in_list, values};
use crate::error::Error;
use crate::harvest::{Harvest, HarvestError};
use crate::report::MOST_NAMED;
use crate::sources::{Run, SourceLease};

const LISTED: Sql = in_list!("SELECT id, local_id, harvest FROM record WHERE source = $1 AND local_id", "$2", "");
const KEEP: Sql = Sql {
    sqlite: "UPDATE record SET harvest = $1 WHERE id = $2",
    postgres: "UPDATE record SET harvest = kept.harvest \
               FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS kept (harvest, id) WHERE record.id = kept.id",
};

impl Catalogue {
    /// Counts the records that a run has read, each once.
    pub(crate) async fn read_by(&self, lease: &SourceLease, run: i64) -> Result<u64, Error> {
        let (first, end) = lease.ids();
        let sql = "SELECT COUNT(*) AS records FROM record WHERE id >= $1 AND id < $2 AND harvest >= $3";
        let rows = self.store.lookup(sql, values![first, end, run]).await?;
        rows.first().map_or(Ok(0), |row| Ok(row.count("records")?))
    }

    /// Notes that the source lists these records, so that they count as present. Returns those that the run has not read.
    async fn note_listed(
        &self,
        lease: &SourceLease,
        run: i64,
        ids: &[String],
        now: jiff::Timestamp,
    ) -> Result<Vec<String>, Error> {
        let list: Value = ids.iter().map(|id| Value::from(id.as_str())).collect();
        let rows = self.store.lookup(LISTED, vec![Value::Int(lease.number), list]).await?;
        let (mut read, mut kept) = (HashSet::new(), Vec::new());
        for row in &rows {
            if row.int("harvest")? >= run {
                read.insert(row.text("local_id")?);
            } else {
                kept.push(vec![Value::Int(run), Value::Int(row.int("id")?)]);
            }
        }
        let mut batch = self.store.batch();
        self.hold(&mut batch, lease, now);
        batch.run_for_each(KEEP, kept);
        self.store.commit(batch).await?;
        Ok(ids.iter().filter(|id| !read.contains(id.as_str())).cloned().collect())
    }
}

impl Harvest<'_> {
    /// Reads the ids of all records of the source. Those that the run has not read are counted and named in its report, and
    /// stay in the catalogue if they are there.
    pub(crate) async fn compare_with_source(
        &self,
        lease: &SourceLease,
        run: &mut Run,
        stopped: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), HarvestError> {
        let selection = Selection { headers_only: true, step_back: Duration::ZERO, ..self.selection(run.kind, None) };
        let mut listing = self.client()?.harvest(selection);
        let (mut ids, mut not_read) = (Vec::new(), HashSet::new());
        let mut stopped = stopped.clone();
        loop {
            let event = tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => return Err(HarvestError::Stopped),
                event = listing.next() => event?,
            };
            match event {
                None => break,
                // A record that was deleted before anybody harvested it is no difference.
                Some(Event::Record(header)) if header.deleted => {}
                Some(Event::Record(header)) => ids.push(crate::prepare::local_id(&header.identifier)),
                Some(Event::Retrying { .. } | Event::Restarted { .. }) => ids.clear(),
                Some(Event::SetAside(_)) => {}
                Some(Event::Page(_)) => {
                    let page = std::mem::take(&mut ids);
                    not_read.extend(self.catalogue.note_listed(lease, run.id, &page, self.clock.now()).await?);
                }
            }
        }
        run.report.difference = i64::try_from(not_read.len()).ok();
        let mut named: Vec<String> = not_read.into_iter().collect();
        named.sort_unstable();
        named.truncate(MOST_NAMED);
        run.report.not_read = named;
        Ok(())
    }
}
