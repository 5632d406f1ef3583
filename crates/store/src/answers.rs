//! Answers to calls with an `Idempotency-Key`: a call that is repeated with the same key gets the same answer, from any
//! node. An answer may contain a patron's data, so it is sealed.

use jiff::{SignedDuration, Timestamp};

use crate::database::Store;
use crate::error::Error;
use crate::sql::values;
use crate::unit::Unit;

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A call that carries a key.
#[derive(Clone, Copy, Debug)]
pub struct KeyedCall<'a> {
    /// The name of the caller.
    pub caller: &'a str,
    /// The operation: method and path as routed.
    pub operation: &'a str,
    /// The caller's key.
    pub key: &'a str,
    /// Everything that distinguishes the call from another one of the same operation: its address and its body.
    pub content: &'a str,
}

/// The state in which a call with a key was found.
#[derive(Debug)]
pub enum Begun {
    /// It is the first with this key, or the earlier run was lost. It runs now.
    Now(AnswerRun),
    /// An earlier call runs. It counts as lost at this time.
    Running(Timestamp),
    /// It was answered with this.
    Kept(String),
    /// It was answered with a secret, which is not kept.
    Secret,
    /// It was answered, and the answer can't be read any more.
    Unreadable,
    /// The key was used for another call.
    OtherCall,
}

/// A run of a call with a key. The store takes only the answer of the newest run.
#[derive(Clone, Debug)]
pub struct AnswerRun {
    id: String,
    attempt: i64,
}

impl Store {
    /// Begins a call with a key, if it is the first. If it has no answer after `lease`, it counts as lost.
    ///
    /// # Errors
    ///
    /// [`Error::Contended`] if other callers began the same call at the same moment, several times.
    pub async fn begin_call(&self, call: KeyedCall<'_>, lease: SignedDuration, now: Timestamp) -> Result<Begun, Error> {
        let id = self.sealer.digest(&["answer", call.caller, call.operation, call.key])?;
        let content = self.sealer.digest(&["call", call.content])?;
        let lease_until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        for _ in 0..3 {
            let mut unit = self.unit();
            unit.prune_answers(now);
            let insert = unit.run(
                "INSERT INTO answer (id, call, state, attempt, begun_at, lease_until) VALUES ($1, $2, 'running', 1, $3, $4) \
                 ON CONFLICT (id) DO NOTHING",
                values![&id, &content, now, lease_until],
            );
            if self.commit(unit).await?.touched(insert) == 1 {
                return Ok(Begun::Now(AnswerRun { id, attempt: 1 }));
            }
            let sql = "SELECT call, state, attempt, lease_until, answer FROM answer WHERE id = $1";
            let rows = self.lookup(sql, values![&id]).await?;
            // It was removed between the two.
            let Some(row) = rows.first() else { continue };
            if row.text("call")? != content {
                return Ok(Begun::OtherCall);
            }
            let (state, attempt, until) = (row.text("state")?, row.int("attempt")?, row.time("lease_until")?);
            match state.as_str() {
                "kept" => {
                    let opened = self.sealer.open(&place(&id), &row.text("answer")?);
                    return Ok(opened.map_or(Begun::Unreadable, Begun::Kept));
                }
                "secret" => return Ok(Begun::Secret),
                _ if until > now => return Ok(Begun::Running(until)),
                _ => {}
            }
            let mut unit = self.unit();
            let taken = unit.run(
                "UPDATE answer SET attempt = $1, lease_until = $2 WHERE id = $3 AND state = 'running' AND attempt = $4",
                values![attempt + 1, lease_until, &id, attempt],
            );
            if self.commit(unit).await?.touched(taken) == 1 {
                return Ok(Begun::Now(AnswerRun { id, attempt: attempt + 1 }));
            }
        }
        Err(Error::Contended)
    }

    /// Keeps the answer of a run.
    pub async fn keep_answer(&self, run: &AnswerRun, answer: &str) -> Result<(), Error> {
        let mut unit = self.unit();
        let sealed = unit.seal(&place(&run.id), answer)?;
        unit.run(
            "UPDATE answer SET state = 'kept', answer = $1 WHERE id = $2 AND attempt = $3",
            values![sealed, &run.id, run.attempt],
        );
        self.commit(unit).await.map(drop)
    }

    /// Notes that a run was answered with a secret. The answer itself is not kept.
    pub async fn note_secret_answer(&self, run: &AnswerRun) -> Result<(), Error> {
        let mut unit = self.unit();
        unit.run("UPDATE answer SET state = 'secret' WHERE id = $1 AND attempt = $2", values![&run.id, run.attempt]);
        self.commit(unit).await.map(drop)
    }

    /// Removes the answers that are older than a day. Writes nothing if there are none.
    pub async fn prune_answers(&self, now: Timestamp) -> Result<(), Error> {
        let sql = "SELECT 1 AS old FROM answer WHERE begun_at <= $1 LIMIT 1";
        if self.lookup(sql, values![kept_since(now)]).await?.is_empty() {
            return Ok(());
        }
        let mut unit = self.unit();
        unit.prune_answers(now);
        self.commit(unit).await.map(drop)
    }

    /// Removes a run, so that a repeated call is made anew.
    pub async fn forget_call(&self, run: &AnswerRun) -> Result<(), Error> {
        let mut unit = self.unit();
        unit.run("DELETE FROM answer WHERE id = $1 AND attempt = $2", values![&run.id, run.attempt]);
        self.commit(unit).await.map(drop)
    }
}

impl Unit {
    /// Removes the answers that are older than a day.
    fn prune_answers(&mut self, now: Timestamp) {
        self.run("DELETE FROM answer WHERE begun_at <= $1", values![kept_since(now)]);
    }
}

fn kept_since(now: Timestamp) -> Timestamp {
    now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)
}

/// The place of a kept answer.
pub(crate) fn place(id: &str) -> String {
    format!("answer:{id}")
}
