//! Institutions whose records are harvested: the lease that one node holds, the checkpoint, and the runs with their
//! reports.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Batch, Row};

use crate::database::{Catalogue, values};
use crate::error::Error;
use crate::report::Report;
use crate::set_aside::forget_outdated;

/// How long a lease holds. Each page that is committed renews it.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// The bits of a record's id that count within its source.
const RECORD_BITS: u32 = 40;

/// The kinds of a harvest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The records that changed since the harvest before.
    Changes,
    /// All records; those that the source no longer has are removed.
    Full,
    /// The records of a file.
    File,
}

impl Kind {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Full => "full",
            Self::File => "file",
        }
    }

    fn read(name: &str) -> Self {
        match name {
            "full" => Self::Full,
            "file" => Self::File,
            _ => Self::Changes,
        }
    }
}

/// The states of a harvest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is under way, or a node that stopped will resume it.
    Running,
    /// It has ended.
    Done,
    /// It ended early; the next one resumes it.
    Failed,
}

impl RunState {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// One run of a harvest or load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its number; later runs have greater ones.
    pub id: i64,
    /// The institution.
    pub institution: String,
    /// What is harvested.
    pub kind: Kind,
    /// Whether it is under way.
    pub state: RunState,
    /// The node that works or worked on it.
    pub node: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When its last page was stored.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it has found.
    pub report: Report,
}

impl Run {
    fn read(row: &Row) -> Result<Self, Error> {
        let state = match row.text("state")?.as_str() {
            "done" => RunState::Done,
            "failed" => RunState::Failed,
            _ => RunState::Running,
        };
        let ended_at = match row.optional_int("ended_at")? {
            Some(_) => Some(row.time("ended_at")?),
            None => None,
        };
        Ok(Self {
            id: row.int("id")?,
            institution: row.text("institution")?,
            kind: Kind::read(&row.text("kind")?),
            state,
            node: row.optional_text("node")?,
            started_at: row.time("started_at")?,
            updated_at: row.time("updated_at")?,
            ended_at,
            report: serde_json::from_value(row.json("report")?).unwrap_or_default(),
        })
    }
}

/// The right of this process to write the records of an institution, and the state that it found.
#[derive(Debug)]
pub struct SourceLease {
    /// The institution.
    pub institution: String,
    pub(crate) number: i64,
    pub(crate) owner: String,
    pub(crate) fencing_token: i64,
    pub(crate) next_record: i64,
    /// The harvest that is not finished.
    pub(crate) harvest: Option<i64>,
    pub(crate) checkpoint: Option<String>,
    pub(crate) next_from: Option<Timestamp>,
    pub(crate) judged_by: Option<String>,
}

impl SourceLease {
    /// Returns the ids that records of this source can have: from the first to before the second.
    pub(crate) fn ids(&self) -> (i64, i64) {
        (self.number << RECORD_BITS, (self.number + 1) << RECORD_BITS)
    }

    /// Takes an id for a new record.
    pub(crate) fn new_id(&mut self) -> i64 {
        let id = (self.number << RECORD_BITS) | self.next_record;
        self.next_record += 1;
        id
    }
}

/// The state of an institution's harvests, for schedules and `consort catalogue status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceState {
    /// The institution.
    pub institution: String,
    /// The node that writes its records now.
    pub lease_owner: Option<String>,
    /// Until when.
    pub lease_until: Timestamp,
    /// Whether a harvest is unfinished.
    pub is_unfinished: bool,
    /// When the last harvest began.
    pub last_started_at: Option<Timestamp>,
    /// When the last full one ended.
    pub last_full_at: Option<Timestamp>,
    /// The harvest that somebody asked for.
    pub requested: Option<Kind>,
    /// The rules by which its records were judged last.
    pub judged_by: Option<String>,
}

impl Catalogue {
    /// Takes the lease of an institution; the first one makes the source. Returns `None` if another node has it.
    pub async fn lease(&self, institution: &str, owner: &str, now: Timestamp) -> Result<Option<SourceLease>, Error> {
        let mut batch = self.store.batch();
        make_source(&mut batch, institution);
        batch.run(
            "UPDATE source SET lease_owner = $1, lease_until = $2, fencing_token = fencing_token + 1 \
             WHERE institution = $3 AND lease_until <= $4",
            values![owner, now.saturating_add(LEASE).unwrap_or(Timestamp::MAX), institution, now],
        );
        self.store.commit(batch).await?;
        let sql = "SELECT number, lease_owner, fencing_token, next_record, harvest, checkpoint, next_from, judged_by \
                   FROM source WHERE institution = $1 AND lease_owner = $2 AND lease_until > $3";
        let rows = self.store.lookup(sql, values![institution, owner, now]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(SourceLease {
            institution: institution.to_owned(),
            number: row.int("number")?,
            owner: owner.to_owned(),
            fencing_token: row.int("fencing_token")?,
            next_record: row.int("next_record")?,
            harvest: row.optional_int("harvest")?,
            checkpoint: row.optional_text("checkpoint")?,
            next_from: optional_time(row, "next_from")?,
            judged_by: row.optional_text("judged_by")?,
        }))
    }

    /// Renews a lease, as while the source makes the harvest wait.
    pub async fn renew(&self, lease: &SourceLease, now: Timestamp) -> Result<(), Error> {
        let mut batch = self.store.batch();
        self.hold(&mut batch, lease, now);
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Adds to a batch that it rests on the lease, and renews it.
    pub(crate) fn hold(&self, batch: &mut store::Batch, lease: &SourceLease, now: Timestamp) {
        batch.run_on_one(
            "UPDATE source SET lease_until = $1, next_record = $2 WHERE number = $3 AND lease_owner = $4 AND fencing_token = $5",
            values![
                now.saturating_add(LEASE).unwrap_or(Timestamp::MAX),
                lease.next_record,
                lease.number,
                lease.owner.as_str(),
                lease.fencing_token
            ],
            store::Error::LeaseLost,
        );
    }

    /// Gives a lease back, so that nobody waits until it ends.
    pub async fn release(&self, lease: &SourceLease) -> Result<(), Error> {
        let mut batch = self.store.batch();
        batch.run(
            "UPDATE source SET lease_owner = NULL, lease_until = 0 WHERE number = $1 AND fencing_token = $2",
            values![lease.number, lease.fencing_token],
        );
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Gives back the leases that a node of this name left when it stopped. A node calls it when it starts.
    pub async fn release_all_of(&self, owner: &str) -> Result<(), Error> {
        let mut batch = self.store.batch();
        batch.run("UPDATE source SET lease_owner = NULL, lease_until = 0 WHERE lease_owner = $1", values![owner]);
        batch.run("UPDATE lease SET owner = NULL, lease_until = 0 WHERE owner = $1", values![owner]);
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Returns who holds leases.
    pub async fn lease_owners(&self) -> Result<Vec<String>, Error> {
        let sql = "SELECT lease_owner AS owner FROM source WHERE lease_owner IS NOT NULL \
                   UNION SELECT owner FROM lease WHERE owner IS NOT NULL";
        let rows = self.store.lookup(sql, values![]).await?;
        rows.iter().map(|row| Ok(row.text("owner")?)).collect()
    }

    /// Begins a run, and notes it as the institution's unfinished one unless it reads a file.
    pub(crate) async fn begin_run(
        &self,
        lease: &mut SourceLease,
        kind: Kind,
        judged_by: &str,
        now: Timestamp,
    ) -> Result<i64, Error> {
        // Later runs have greater numbers, since records note the last one that saw them.
        let rows = self.store.lookup("SELECT COALESCE(MAX(id), 0) AS id FROM harvest", values![]).await?;
        let last = rows.first().map_or(Ok(0), |row| row.int("id"))?;
        let id = now.as_microsecond().max(last + 1);
        let mut batch = self.store.batch();
        self.hold(&mut batch, lease, now);
        batch.run(
            "INSERT INTO harvest (id, institution, kind, state, node, started_at, updated_at, report) \
             VALUES ($1, $2, $3, 'running', $4, $5, $5, '{}')",
            values![id, lease.institution.as_str(), kind.name(), lease.owner.as_str(), now],
        );
        if kind != Kind::File {
            batch.run(
                "UPDATE source SET harvest = $1, checkpoint = NULL, last_started_at = $2, requested = NULL, judged_by = $3 \
                 WHERE number = $4",
                values![id, now, judged_by, lease.number],
            );
            lease.harvest = Some(id);
            lease.checkpoint = None;
        }
        self.store.commit(batch).await?;
        Ok(id)
    }

    /// Notes that this node works on a run that another one, or an earlier process, began.
    pub(crate) async fn resume_run(&self, lease: &SourceLease, id: i64, now: Timestamp) -> Result<Run, Error> {
        let mut batch = self.store.batch();
        self.hold(&mut batch, lease, now);
        batch.run(
            "UPDATE harvest SET state = 'running', node = $1, updated_at = $2, ended_at = NULL WHERE id = $3",
            values![lease.owner.as_str(), now, id],
        );
        batch.run(
            "UPDATE source SET last_started_at = $1, requested = NULL WHERE number = $2",
            values![now, lease.number],
        );
        self.store.commit(batch).await?;
        self.run(id).await?.ok_or_else(|| Error::Damaged { record: id, what: "its harvest is missing".to_owned() })
    }

    /// Ends a run. One that failed stays the unfinished one, so that the next harvest resumes it.
    pub(crate) async fn end_run(
        &self,
        lease: &SourceLease,
        id: i64,
        end: RunEnd<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut batch = self.store.batch();
        self.hold(&mut batch, lease, now);
        batch.run(
            "UPDATE harvest SET state = $1, updated_at = $2, ended_at = $2, report = $3 WHERE id = $4",
            values![end.state.name(), now, json(end.report), id],
        );
        if end.state == RunState::Done && end.kind != Kind::File {
            batch.run(
                "UPDATE source SET harvest = NULL, checkpoint = NULL, next_from = COALESCE($1, next_from) WHERE number = $2",
                values![end.next_from, lease.number],
            );
            if end.kind == Kind::Full {
                batch.run("UPDATE source SET last_full_at = $1 WHERE number = $2", values![now, lease.number]);
            }
        }
        if end.state == RunState::Done {
            forget_outdated(&mut batch, lease, id, end.kind == Kind::Full);
        }
        if end.forget_checkpoint {
            batch.run("UPDATE source SET harvest = NULL, checkpoint = NULL WHERE number = $1", values![lease.number]);
        }
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Asks for a harvest, which a node of the hub starts as soon as it sees it. A full one isn't replaced by one of
    /// changes.
    pub async fn request_harvest(&self, institution: &str, kind: Kind) -> Result<(), Error> {
        let mut batch = self.store.batch();
        make_source(&mut batch, institution);
        batch.run(
            "UPDATE source SET requested = CASE WHEN requested = 'full' THEN requested ELSE $1 END WHERE institution = $2",
            values![kind.name(), institution],
        );
        self.store.commit(batch).await?;
        self.records_changed.notify_waiters();
        Ok(())
    }

    /// Returns the state of each institution's harvests.
    pub async fn sources(&self) -> Result<Vec<SourceState>, Error> {
        let sql = "SELECT institution, lease_owner, lease_until, harvest, last_started_at, last_full_at, requested, judged_by \
                   FROM source ORDER BY institution";
        let rows = self.store.read(sql, values![]).await?;
        let state = |row: &Row| {
            Ok(SourceState {
                institution: row.text("institution")?,
                lease_owner: row.optional_text("lease_owner")?,
                lease_until: row.time("lease_until")?,
                is_unfinished: row.optional_int("harvest")?.is_some(),
                last_started_at: optional_time(row, "last_started_at")?,
                last_full_at: optional_time(row, "last_full_at")?,
                requested: row.optional_text("requested")?.map(|name| Kind::read(&name)),
                judged_by: row.optional_text("judged_by")?,
            })
        };
        rows.iter().map(state).collect()
    }

    /// Returns a run.
    pub async fn run(&self, id: i64) -> Result<Option<Run>, Error> {
        let rows = self.store.read("SELECT * FROM harvest WHERE id = $1", values![id]).await?;
        rows.first().map(Run::read).transpose()
    }

    /// Returns the last runs of an institution, newest first.
    pub async fn runs(&self, institution: &str, most: u32) -> Result<Vec<Run>, Error> {
        let sql = "SELECT * FROM harvest WHERE institution = $1 ORDER BY id DESC LIMIT $2";
        let rows = self.store.read(sql, values![institution, i64::from(most)]).await?;
        rows.iter().map(Run::read).collect()
    }
}

/// How a run ends.
pub(crate) struct RunEnd<'a> {
    pub(crate) kind: Kind,
    pub(crate) state: RunState,
    pub(crate) report: &'a Report,
    /// Where the next harvest of changes begins.
    pub(crate) next_from: Option<Timestamp>,
    /// Whether the checkpoint is useless, so that the next harvest begins anew.
    pub(crate) forget_checkpoint: bool,
}

/// Makes the source of an institution if there is none yet. No other unit makes one at the same time.
fn make_source(batch: &mut Batch, institution: &str) {
    batch.lock("catalogue sources");
    batch.run(
        "INSERT INTO source (number, institution, next_record) \
         SELECT COALESCE(MAX(number), 0) + 1, CAST($1 AS TEXT), 1 FROM source \
         HAVING NOT EXISTS (SELECT 1 FROM source WHERE institution = $1)",
        values![institution],
    );
}

pub(crate) fn json<T: Serialize>(value: &T) -> String {
    // Plain structures of text and numbers always have a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

pub(crate) fn optional_time(row: &Row, column: &'static str) -> Result<Option<Timestamp>, Error> {
    match row.optional_int(column)? {
        Some(_) => Ok(Some(row.time(column)?)),
        None => Ok(None),
    }
}
