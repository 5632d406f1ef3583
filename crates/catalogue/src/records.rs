//! Harvested records: a page of them and the checkpoint are stored together, so that a kill loses nothing and stores
//! nothing twice.

use std::collections::HashMap;

use jiff::Timestamp;
use store::{Row, Sql, Value};

use crate::database::{Catalogue, in_list, values};
use crate::error::Error;
use crate::report::{MOST_NAMED, Report};
use crate::set_aside::{MOST_BYTES, MOST_KEPT};
use crate::sources::{SourceLease, json};

/// The state of a record, by its number in the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordState {
    /// It is in the catalogue.
    Shown,
    /// A rule suppresses it.
    Suppressed,
    /// The source says that it was deleted, or no longer has it.
    Deleted,
    /// It could not be read.
    Failed,
}

impl RecordState {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Shown => 0,
            Self::Suppressed => 1,
            Self::Deleted => 2,
            Self::Failed => 3,
        }
    }

    pub(crate) fn read(number: i64) -> Self {
        match number {
            0 => Self::Shown,
            1 => Self::Suppressed,
            2 => Self::Deleted,
            _ => Self::Failed,
        }
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Suppressed => "suppressed",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
        }
    }
}

/// A record that was read, ready to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// Its id in the source.
    pub local_id: String,
    /// The source's datestamp.
    pub datestamp: Option<Timestamp>,
    /// What was read.
    pub content: Content,
}

/// The content of a record that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// The source says that it was deleted.
    Deleted,
    /// It can't be read.
    Failed {
        /// The reason.
        reason: String,
        /// What was to be read.
        bytes: Vec<u8>,
    },
    /// A record.
    Marc {
        /// The compressed record.
        marc: Vec<u8>,
        /// What grouping compares.
        keys: Vec<u8>,
        /// The holdings and items, as JSON; none if there are none.
        copies: Option<String>,
        /// The rule that suppresses it.
        suppressed_by: Option<String>,
        /// A digest of the content.
        digest: i64,
        /// Whether the reader had to correct it.
        repaired: bool,
    },
}

/// A place that could not be read as a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// The record's id, if it could be read.
    pub local_id: Option<String>,
    /// The reason.
    pub reason: String,
    /// What was to be read, if it was kept.
    pub bytes: Option<Vec<u8>>,
}

/// Records that are stored together, with the state of the harvest after them.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records.
    pub records: Vec<Incoming>,
    /// The places that could not be read.
    pub set_aside: Vec<SetAside>,
    /// Where the harvest resumes after them; none for a file.
    pub checkpoint: Option<String>,
}

/// What the database has of a record.
struct Known {
    id: i64,
    digest: i64,
    state: i64,
    reason: Option<String>,
    version: i64,
}

/// The rows that a page writes.
#[derive(Default)]
struct Rows {
    records: Vec<Vec<Value>>,
    contents: Vec<Vec<Value>>,
    pending: Vec<Vec<Value>>,
    seen: Vec<Vec<Value>>,
    set_aside: Vec<Vec<Value>>,
}

const KNOWN: Sql = in_list!(
    "SELECT id, local_id, digest, state, reason, version FROM record WHERE source = $1 AND local_id",
    "$2",
    ""
);
const PUT_RECORD: Sql = Sql {
    sqlite: "INSERT INTO record (id, source, local_id, datestamp, harvested_at, state, reason, digest, version, harvest) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET \
             datestamp = excluded.datestamp, harvested_at = excluded.harvested_at, state = excluded.state, \
             reason = excluded.reason, digest = excluded.digest, version = excluded.version, harvest = excluded.harvest",
    postgres: "INSERT INTO record (id, source, local_id, datestamp, harvested_at, state, reason, digest, version, harvest) \
               SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[]), CAST($4 AS BIGINT[]), \
               CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]), CAST($7 AS TEXT[]), CAST($8 AS BIGINT[]), CAST($9 AS BIGINT[]), \
               CAST($10 AS BIGINT[])) ON CONFLICT (id) DO UPDATE SET \
               datestamp = excluded.datestamp, harvested_at = excluded.harvested_at, state = excluded.state, \
               reason = excluded.reason, digest = excluded.digest, version = excluded.version, harvest = excluded.harvest",
};
const PUT_CONTENT: Sql = Sql {
    sqlite: "INSERT INTO content (record, marc, keys, copies) VALUES ($1, $2, $3, $4) ON CONFLICT (record) DO UPDATE SET \
             marc = excluded.marc, keys = excluded.keys, copies = excluded.copies",
    postgres: "INSERT INTO content (record, marc, keys, copies) \
               SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BYTEA[]), CAST($3 AS BYTEA[]), CAST($4 AS TEXT[])) \
               ON CONFLICT (record) DO UPDATE SET marc = excluded.marc, keys = excluded.keys, copies = excluded.copies",
};
pub(crate) const PUT_PENDING: Sql = Sql {
    sqlite: "INSERT INTO pending (record, version) VALUES ($1, $2) ON CONFLICT (record) DO UPDATE SET version = excluded.version",
    postgres: "INSERT INTO pending (record, version) SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) \
               ON CONFLICT (record) DO UPDATE SET version = excluded.version",
};
const PUT_SEEN: Sql = Sql {
    sqlite: "UPDATE record SET harvest = $1, datestamp = $2 WHERE id = $3",
    postgres: "UPDATE record SET harvest = seen.harvest, datestamp = seen.datestamp \
               FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[])) AS seen (harvest, datestamp, id) \
               WHERE record.id = seen.id",
};
const PUT_SET_ASIDE: Sql = Sql {
    sqlite: "INSERT INTO set_aside (source, harvest, local_id, reason, bytes) VALUES ($1, $2, $3, $4, $5)",
    postgres: "INSERT INTO set_aside (source, harvest, local_id, reason, bytes) \
               SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[]), CAST($4 AS TEXT[]), CAST($5 AS BYTEA[]))",
};
/// Records that a full harvest has not seen. Some at a time, since there may be many.
const UNSEEN: &str = "SELECT id, local_id, version FROM record WHERE id >= $1 AND id < $2 AND harvest < $3 AND state <> 2 ORDER BY id LIMIT 5000";
const REMOVE: Sql = Sql {
    sqlite: "UPDATE record SET state = 2, reason = 'no longer in the source', version = $1 WHERE id = $2",
    postgres: "UPDATE record SET state = 2, reason = 'no longer in the source', version = gone.version \
               FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS gone (version, id) WHERE record.id = gone.id",
};

impl Catalogue {
    /// Stores a page of a run and the state of the harvest after it, together. Counts into `report`, which is stored too.
    pub async fn commit_page(
        &self,
        lease: &mut SourceLease,
        run: i64,
        page: Page,
        report: &mut Report,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Page { records, set_aside, checkpoint } = page;
        let records = last_of_each(records);
        let known = self.known(lease.number, &records).await?;
        let mut after = report.clone();
        let mut rows = Rows::default();
        let next_record = lease.next_record;
        for incoming in records {
            let known = known.get(incoming.local_id.as_str());
            rows.add(lease, run, incoming, known, &mut after, now);
        }
        for place in set_aside {
            after.count_failure(&place.reason);
            let bytes = kept(place.bytes.unwrap_or_default(), &after);
            rows.set_aside.push(vec![
                Value::Int(lease.number),
                Value::Int(run),
                Value::from(place.local_id),
                Value::from(place.reason),
                bytes,
            ]);
        }
        let has_work = !rows.pending.is_empty();
        let mut batch = self.store.batch();
        self.hold(&mut batch, lease, now);
        batch.run("UPDATE harvest SET updated_at = $1, report = $2 WHERE id = $3", values![now, json(&after), run]);
        if let Some(checkpoint) = &checkpoint {
            batch
                .run("UPDATE source SET checkpoint = $1 WHERE number = $2", values![checkpoint.as_str(), lease.number]);
        }
        batch.run_for_each(PUT_RECORD, rows.records);
        batch.run_for_each(PUT_CONTENT, rows.contents);
        batch.run_for_each(PUT_PENDING, rows.pending);
        batch.run_for_each(PUT_SEEN, rows.seen);
        batch.run_for_each(PUT_SET_ASIDE, rows.set_aside);
        failpoint::hit(failpoint::Point::BeforeRecordsStored);
        if let Err(error) = self.store.commit(batch).await {
            lease.next_record = next_record;
            return Err(error.into());
        }
        failpoint::hit(failpoint::Point::AfterRecordsStored);
        *report = after;
        if checkpoint.is_some() {
            lease.checkpoint = checkpoint;
        }
        if has_work {
            self.records_changed.notify_waiters();
        }
        Ok(())
    }

    async fn known(&self, source: i64, records: &[Incoming]) -> Result<HashMap<String, Known>, Error> {
        let ids: Value = records.iter().map(|record| Value::from(record.local_id.as_str())).collect();
        let rows = self.store.lookup(KNOWN, vec![Value::Int(source), ids]).await?;
        let known = |row: &Row| {
            let known = Known {
                id: row.int("id")?,
                digest: row.int("digest")?,
                state: row.int("state")?,
                reason: row.optional_text("reason")?,
                version: row.int("version")?,
            };
            Ok((row.text("local_id")?, known))
        };
        rows.iter().map(known).collect()
    }

    /// Marks the records that a full harvest has not seen as deleted, counts and names them in its report. Can be repeated
    /// after a crash.
    pub(crate) async fn remove_unseen(
        &self,
        lease: &SourceLease,
        run: i64,
        report: &mut Report,
        now: impl Fn() -> Timestamp,
    ) -> Result<(), Error> {
        let (mut first, end) = lease.ids();
        loop {
            let rows = self.store.lookup(UNSEEN, values![first, end, run]).await?;
            let gone = rows.iter().map(|row| Ok(vec![Value::Int(row.int("id")?), Value::Int(row.int("version")? + 1)]));
            let gone: Vec<Vec<Value>> = gone.collect::<Result<_, store::Error>>()?;
            let Some(Value::Int(last)) = gone.last().and_then(|row| row.first()).cloned() else { return Ok(()) };
            let mut after = report.clone();
            after.removed += gone.len() as u64;
            for row in rows.iter().take(MOST_NAMED.saturating_sub(after.removed_ids.len())) {
                after.removed_ids.push(row.text("local_id")?);
            }
            first = last + 1;
            let mut batch = self.store.batch();
            self.hold(&mut batch, lease, now());
            let removal = gone.iter().map(|row| row.iter().rev().cloned().collect()).collect();
            batch.run_for_each(REMOVE, removal);
            batch.run_for_each(PUT_PENDING, gone);
            batch.run("UPDATE harvest SET report = $1 WHERE id = $2", values![json(&after), run]);
            self.store.commit(batch).await?;
            *report = after;
            self.records_changed.notify_waiters();
        }
    }
}

impl Rows {
    fn add(
        &mut self,
        lease: &mut SourceLease,
        run: i64,
        incoming: Incoming,
        known: Option<&Known>,
        report: &mut Report,
        now: Timestamp,
    ) {
        report.records += 1;
        let (state, reason, digest) = match &incoming.content {
            Content::Deleted => (RecordState::Deleted, None, 0),
            Content::Failed { reason, .. } => (RecordState::Failed, Some(reason.clone()), 0),
            Content::Marc { suppressed_by: Some(rule), digest, .. } => {
                (RecordState::Suppressed, Some(rule.clone()), *digest)
            }
            Content::Marc { digest, .. } => (RecordState::Shown, None, *digest),
        };
        match state {
            RecordState::Shown => report.shown += 1,
            RecordState::Suppressed => report.count_suppressed(reason.as_deref().unwrap_or_default()),
            RecordState::Deleted => report.deleted += 1,
            RecordState::Failed => report.count_failure(reason.as_deref().unwrap_or_default()),
        }
        if let Some(known) = known
            && known.state == state.number()
            && known.digest == digest
            && known.reason == reason
        {
            report.unchanged += 1;
            self.seen.push(vec![Value::Int(run), Value::from(incoming.datestamp), Value::Int(known.id)]);
            return;
        }
        let (id, version) = match known {
            Some(known) => (known.id, known.version + 1),
            None => (lease.new_id(), 1),
        };
        if known.is_some() {
            report.changed += 1;
        } else {
            report.new += 1;
        }
        match incoming.content {
            // A record that was never seen needs no group.
            Content::Deleted if known.is_none() => {}
            _ => self.pending.push(vec![Value::Int(id), Value::Int(version)]),
        }
        match incoming.content {
            Content::Marc { marc, keys, copies, repaired, .. } => {
                report.repaired += u64::from(repaired);
                self.contents.push(vec![Value::Int(id), Value::Bytes(marc), Value::Bytes(keys), Value::from(copies)]);
            }
            Content::Failed { ref reason, bytes } => self.set_aside.push(vec![
                Value::Int(lease.number),
                Value::Int(run),
                Value::from(incoming.local_id.as_str()),
                Value::from(reason.as_str()),
                kept(bytes, report),
            ]),
            Content::Deleted => {}
        }
        self.records.push(vec![
            Value::Int(id),
            Value::Int(lease.number),
            Value::from(incoming.local_id),
            Value::from(incoming.datestamp),
            Value::from(now),
            Value::Int(state.number()),
            Value::from(reason),
            Value::Int(digest),
            Value::Int(version),
            Value::Int(run),
        ]);
    }
}

/// Returns what is kept of a place that could not be read.
fn kept(mut bytes: Vec<u8>, report: &Report) -> Value {
    if bytes.is_empty() || report.failures() > MOST_KEPT {
        return Value::Null;
    }
    bytes.truncate(MOST_BYTES);
    Value::Bytes(bytes)
}

/// Returns the records without those of which a later one has the same id.
fn last_of_each(records: Vec<Incoming>) -> Vec<Incoming> {
    let last: HashMap<String, usize> =
        records.iter().enumerate().map(|(at, record)| (record.local_id.clone(), at)).collect();
    if last.len() == records.len() {
        return records;
    }
    let is_last = |(at, record): &(usize, Incoming)| last.get(record.local_id.as_str()) == Some(at);
    records.into_iter().enumerate().filter(is_last).map(|(_, record)| record).collect()
}
