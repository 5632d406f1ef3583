//! Effects and deadlines with their due times, and the leases that these and polls have in common.
//!
//! A claim gives a lease and raises the fencing token. Whoever writes a result names the token, so that a node that was
//! paused past its lease, and whose work another node has taken, can't write.

use jiff::Timestamp;
use lending::{Deadline, Effect, InstitutionCode, RequestId, Side};
use serde_json::Value;
use uuid::Uuid;

use crate::batch_polls::ListEntry;
use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::time::micros;
use crate::unit::Unit;

/// What an intent is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Work {
    /// An act in a library's system.
    Effect(Effect),
    /// A poll of one side.
    Poll(Side),
    /// The end of a time that something may take.
    Deadline(Deadline),
}

/// An intent to be queued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewIntent {
    /// Its id.
    pub id: Uuid,
    /// For which request.
    pub request: RequestId,
    /// What for.
    pub work: Work,
    /// Whose system it speaks to.
    pub institution: InstitutionCode,
    /// Not before this.
    pub due_at: Timestamp,
    /// The batch-polled list that covers it, if there is one.
    pub on_list: Option<ListEntry>,
}

/// An intent that was claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// Its id.
    pub id: Uuid,
    /// For which request.
    pub request: RequestId,
    /// What for.
    pub work: Work,
    /// Whose system it speaks to.
    pub institution: InstitutionCode,
    /// How often it was postponed before; for a poll, how often nothing was new.
    pub attempts: u32,
    /// Whether an earlier attempt may have been done without our hearing of it.
    pub unclear: bool,
    /// The number that this claim writes with.
    pub fencing_token: i64,
    /// When it was due.
    pub due_at: Timestamp,
    /// The hints since the last poll, the oldest first; the caller defines their format.
    pub hints: Vec<String>,
    /// How many hints the poll had had when it was claimed: those are settled with it, and later ones stay.
    pub(crate) hints_seen: i64,
    /// When the last hint came.
    pub hinted_at: Timestamp,
    /// Whether a batch-polled list covers it.
    pub on_list: bool,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// How often in a row it could not be made, of a poll.
    pub failures: u32,
    /// When the first of these was.
    pub failing_since: Timestamp,
}

/// How full the queue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueCounts {
    /// Open intents, due or not.
    pub open: u64,
}

/// The outcome of a successful poll that showed nothing new.
pub const NOTHING_NEW: &str = "nothing new";

impl Store {
    /// Keeps a lease alive.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] when it is somebody else's by now.
    pub async fn renew_lease(&self, intent: &Intent, until: Timestamp) -> Result<(), Error> {
        let sql = match intent.work {
            Work::Effect(_) | Work::Deadline(_) => {
                "UPDATE work SET lease_until = $1 WHERE id = $2 AND fencing_token = $3 AND state = 'open'"
            }
            Work::Poll(_) => "UPDATE poll SET lease_until = $1 WHERE id = $2 AND fencing_token = $3",
        };
        let mut unit = self.unit();
        unit.run_on_one(sql, values![until, intent.id, intent.fencing_token], Error::LeaseLost);
        self.commit(unit).await.map(drop)
    }

    /// A node that starts takes back what an earlier run of it held: those leases count as run out. Answers how many
    /// effects, deadlines and polls it held.
    pub async fn release_own_leases(&self, owner: &str, now: Timestamp) -> Result<u64, Error> {
        let mut unit = self.unit();
        // The first condition is the one of the index of the few that are leased.
        let work = unit.run(
            "UPDATE work SET lease_until = $1 WHERE lease_until > 0 AND lease_until > $1 AND lease_owner = $2 AND state = 'open'",
            values![now, owner],
        );
        let polls = unit.run(
            "UPDATE poll SET lease_until = $1 WHERE lease_until > 0 AND lease_until > $1 AND lease_owner = $2",
            values![now, owner],
        );
        unit.run(
            "UPDATE batch_poll SET lease_until = $1 WHERE lease_until > $1 AND lease_owner = $2",
            values![now, owner],
        );
        let done = self.commit(unit).await?;
        Ok(done.touched(work) + done.touched(polls))
    }

    /// Requests with an effect at `institution` that was unclear at some time since `since`: where something may have
    /// been done twice.
    pub async fn requests_ever_unclear(
        &self,
        institution: &InstitutionCode,
        since: Timestamp,
    ) -> Result<Vec<RequestId>, Error> {
        let sql = "SELECT DISTINCT request FROM work \
                   WHERE unclear = 1 AND institution = $1 AND updated_at >= $2 AND kind = 'effect' ORDER BY request";
        let rows = self.read(sql, values![institution, since]).await?;
        rows.iter().map(|row| row.parse("request")).collect()
    }

    /// Whether work, a poll or a list is due at `now` that nobody has under lease; and when, after `now`, one falls due or
    /// a lease runs out.
    pub async fn due(&self, now: Timestamp) -> Result<(bool, Option<Timestamp>), Error> {
        let is_due = "SELECT 1 AS due \
                      WHERE EXISTS (SELECT 1 FROM work WHERE state = 'open' AND kind = 'effect' AND due_at <= $1 AND lease_until <= $1) \
                          OR EXISTS (SELECT 1 FROM work WHERE state = 'open' AND kind = 'deadline' AND due_at <= $1 AND lease_until <= $1) \
                          OR EXISTS (SELECT 1 FROM poll WHERE due_at <= $1 AND lease_until <= $1) \
                          OR EXISTS (SELECT 1 FROM batch_poll WHERE due_at <= $1 AND lease_until <= $1)";
        let next = "SELECT MIN(due_at) AS at FROM work WHERE state = 'open' AND kind = 'effect' AND due_at > $1 \
                    UNION ALL SELECT MIN(due_at) FROM work WHERE state = 'open' AND kind = 'deadline' AND due_at > $1 \
                    UNION ALL SELECT MIN(lease_until) FROM work WHERE lease_until > 0 AND lease_until > $1 \
                    UNION ALL SELECT MIN(due_at) FROM poll WHERE due_at > $1 \
                    UNION ALL SELECT MIN(lease_until) FROM poll WHERE lease_until > 0 AND lease_until > $1 \
                    UNION ALL SELECT MIN(due_at) FROM batch_poll WHERE due_at > $1 \
                    UNION ALL SELECT MIN(lease_until) FROM batch_poll WHERE lease_until > $1";
        let mut found = self.lookup_all(vec![(is_due, values![now]), (next, values![now])]).await?.into_iter();
        let is_due = found.next().is_some_and(|rows| !rows.is_empty());
        let mut first: Option<Timestamp> = None;
        for row in found.flatten() {
            if row.optional_int("at")?.is_some() {
                let at = row.time("at")?;
                first = Some(first.map_or(at, |first| first.min(at)));
            }
        }
        Ok((is_due, first))
    }

    /// When, after `now`, work, a poll or a list falls due or a lease runs out.
    pub async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        Ok(self.due(now).await?.1)
    }

    /// How full the queue is.
    pub async fn queue_counts(&self) -> Result<QueueCounts, Error> {
        let sql = "SELECT (SELECT COUNT(*) FROM work WHERE state = 'open') + (SELECT COUNT(*) FROM poll) AS open";
        let rows = self.read(sql, values![]).await?;
        Ok(QueueCounts { open: rows.first().map_or(Ok(0), |row| row.count("open"))? })
    }
}

impl Unit {
    /// Queues an effect, a deadline or a poll. A request has one open effect at most, and a side one poll; the schema
    /// sees to it.
    pub fn add_intent(&mut self, intent: &NewIntent, now: Timestamp) {
        self.add(intent, now, None);
    }

    /// Queues an effect under lease from the beginning: whoever queues it does it too.
    pub fn add_leased_intent(&mut self, intent: &NewIntent, owner: &str, until: Timestamp, now: Timestamp) -> Intent {
        self.add(intent, now, Some((owner, until)));
        Intent {
            id: intent.id,
            request: intent.request,
            work: intent.work,
            institution: intent.institution.clone(),
            attempts: 0,
            unclear: false,
            fencing_token: 1,
            due_at: intent.due_at,
            hints: Vec::new(),
            hints_seen: 0,
            hinted_at: Timestamp::UNIX_EPOCH,
            on_list: false,
            created_at: now,
            claimed_at: now,
            failures: 0,
            failing_since: Timestamp::UNIX_EPOCH,
        }
    }

    fn add(&mut self, intent: &NewIntent, now: Timestamp, lease: Option<(&str, Timestamp)>) {
        let Some((kind, target)) = kind_and_target(intent.work) else { return self.add_poll(intent, now) };
        let (owner, until, fencing_token) = match lease {
            Some((owner, until)) => (Some(owner), micros(until), 1_i64),
            None => (None, 0, 0),
        };
        self.run(
            "INSERT INTO work (id, request, kind, target, institution, state, due_at, lease_owner, lease_until, \
                 fencing_token, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, $10, $10)",
            values![
                intent.id,
                intent.request,
                kind,
                target,
                &intent.institution,
                intent.due_at,
                owner,
                until,
                fencing_token,
                now
            ],
        );
    }

    /// Ends an intent. Effects are kept with their outcome; deadlines and polls leave nothing. At the commit,
    /// [`Error::LeaseLost`] when the lease is somebody else's by now.
    pub fn finish_intent(&mut self, intent: &Intent, outcome: &str, now: Timestamp) {
        let (sql, values) = match intent.work {
            Work::Effect(_) => (
                "UPDATE work SET state = 'done', unclear = $1, outcome = $2, lease_until = 0, updated_at = $3 \
                 WHERE id = $4 AND fencing_token = $5 AND state = 'open'",
                values![intent.unclear, outcome, now, intent.id, intent.fencing_token],
            ),
            Work::Deadline(_) => {
                ("DELETE FROM work WHERE id = $1 AND fencing_token = $2", values![intent.id, intent.fencing_token])
            }
            Work::Poll(_) => {
                ("DELETE FROM poll WHERE id = $1 AND fencing_token = $2", values![intent.id, intent.fencing_token])
            }
        };
        self.run_on_one(sql, values, Error::LeaseLost);
        if let Work::Poll(side) = intent.work {
            self.remove_hints_without_poll(intent.request, side);
        }
    }

    /// Puts an intent off and gives its lease back. A poll with another outcome than [`NOTHING_NEW`] was not made: what was
    /// reported about it stays. At the commit, [`Error::LeaseLost`] when the lease is somebody else's by now.
    pub fn postpone_intent(&mut self, intent: &Intent, due_at: Timestamp, unclear: bool, reason: &str, now: Timestamp) {
        if matches!(intent.work, Work::Poll(_)) {
            let failed = if reason == NOTHING_NEW { (0, 0) } else { (intent.failures, micros(intent.failing_since)) };
            return self.postpone_poll(intent, due_at, reason, failed, now);
        }
        self.run_on_one(
            "UPDATE work SET attempts = $1, unclear = $2, due_at = $3, lease_until = 0, outcome = $4, updated_at = $5 \
             WHERE id = $6 AND fencing_token = $7 AND state = 'open'",
            values![intent.attempts.saturating_add(1), unclear, due_at, reason, now, intent.id, intent.fencing_token],
            Error::LeaseLost,
        );
    }

    /// Rests the unit on the request's open effect not being given to a worker yet, so that nothing of it can have been
    /// sent. At the commit, [`Error::EffectClaimed`] if it was.
    pub fn expect_effect_never_claimed(&mut self, request: RequestId) {
        self.refuse_any(
            "SELECT 1 AS claimed FROM work WHERE request = $1 AND state = 'open' AND kind = 'effect' AND fencing_token > 0",
            values![request],
            Error::EffectClaimed,
        );
    }

    /// Queues deadlines that are new, and takes away those of a request that are over. One that is under way stays
    /// until it has ended; one that is queued already keeps its time.
    pub fn change_deadlines(&mut self, request: RequestId, new: &[NewIntent], over: &[Deadline], now: Timestamp) {
        for deadline in over {
            self.run(
                "DELETE FROM work WHERE request = $1 AND target = $2 AND state = 'open' AND kind = 'deadline' AND lease_until <= $3",
                values![request, deadline.name(), now],
            );
        }
        for intent in new {
            let Some((kind, target)) = kind_and_target(intent.work) else { continue };
            self.run(
                "INSERT INTO work (id, request, kind, target, institution, state, due_at, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $7) \
                 ON CONFLICT (request, target) WHERE state = 'open' AND kind = 'deadline' DO NOTHING",
                values![intent.id, request, kind, target, &intent.institution, intent.due_at, now],
            );
        }
    }
}

/// How the table names an effect or a deadline; none for a poll, which has a table of its own.
fn kind_and_target(work: Work) -> Option<(&'static str, &'static str)> {
    match work {
        Work::Effect(effect) => Some(("effect", effect.name())),
        Work::Deadline(deadline) => Some(("deadline", deadline.name())),
        Work::Poll(_) => None,
    }
}

/// Reads what [`kind_and_target`] wrote.
pub(crate) fn work_of(row: &Row) -> Result<Work, Error> {
    let (kind, target) = (row.text("kind")?, row.text("target")?);
    let unknown = || Error::Corrupt { table: "work", what: format!("an unknown {kind} {target:?}") };
    let name = Value::String(target.clone());
    match kind.as_str() {
        "effect" => serde_json::from_value(name).map(Work::Effect).map_err(|_| unknown()),
        "deadline" => serde_json::from_value(name).map(Work::Deadline).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}
