//! A unit of work: statements that are done as a whole or not at all.
//!
//! A unit is built without touching the database and handed over once. What it rests on goes with it: a statement may
//! have to touch exactly one row, such as the request in the version that was read, or none. Where the database finds
//! otherwise, nothing of the unit is done, and the caller reads and decides again.

use std::sync::Arc;

use crate::error::Error;
use crate::seal::Sealer;
use crate::sql::Value;

/// The lock that the replacement of the master key holds alone, and units with sealed text hold together.
pub(crate) const KEY_LOCK: &str = "master key";

/// What a statement must find.
#[derive(Debug)]
pub(crate) enum Expect {
    Anything,
    /// Exactly one row, or else the unit fails with this.
    One(Error),
    /// No row, or else the unit fails with this.
    None(Error),
}

/// One statement of a unit.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value>,
    pub(crate) expect: Expect,
    /// Whether it is a lock that SQLite's one writer does without.
    pub(crate) postgres_only: bool,
    /// Further parameters, with each of which SQLite runs the statement too.
    pub(crate) further: Vec<Vec<Value>>,
}

impl Step {
    /// A statement that may touch any number of rows.
    pub(crate) fn plain(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, expect: Expect::Anything, postgres_only: false, further: Vec::new() }
    }

    /// Whether the statement may touch or find so many rows.
    pub(crate) fn is_met_by(&self, rows: u64) -> bool {
        match self.expect {
            Expect::Anything => true,
            Expect::One(_) => rows == 1,
            Expect::None(_) => rows == 0,
        }
    }

    /// The reason for which the unit fails where the statement finds something else.
    pub(crate) fn otherwise(self) -> Option<Error> {
        match self.expect {
            Expect::Anything => None,
            Expect::One(otherwise) | Expect::None(otherwise) => Some(otherwise),
        }
    }

    /// Checks the number of rows that it touched or found.
    pub(crate) fn check(self, rows: u64) -> Result<u64, Error> {
        let is_met = self.is_met_by(rows);
        self.otherwise().filter(|_| !is_met).map_or(Ok(rows), Err)
    }
}

/// Statements that are done as a whole or not at all, with one commit. [`Store::unit`](crate::Store::unit) begins one,
/// and [`Store::commit`](crate::Store::commit) does it.
#[derive(Debug)]
#[must_use = "a unit does nothing until it is committed"]
pub struct Unit {
    pub(crate) steps: Vec<Step>,
    pub(crate) sealer: Arc<Sealer>,
    /// The id of the master key that sealed something in it.
    pub(crate) sealed_with: Option<String>,
    /// Messages to other nodes that are part of the commit.
    pub(crate) notify_within: Vec<String>,
    /// Messages to other nodes that follow the commit.
    pub(crate) notify_after: Vec<String>,
}

/// A statement of a unit, to ask [`Done`] about.
#[derive(Clone, Copy, Debug)]
pub struct StepId(usize);

/// A unit that is committed.
#[derive(Debug)]
pub struct Done(pub(crate) Vec<u64>);

impl Done {
    /// How many rows a statement has touched.
    pub fn touched(&self, step: StepId) -> u64 {
        self.0.get(step.0).copied().unwrap_or_default()
    }
}

impl Unit {
    pub(crate) fn new(sealer: Arc<Sealer>) -> Self {
        Self { steps: Vec::new(), sealer, sealed_with: None, notify_within: Vec::new(), notify_after: Vec::new() }
    }

    /// Whether it has nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.notify_within.is_empty() && self.notify_after.is_empty()
    }

    /// The statements with their parameters, for a benchmark that does the same without the store. Locks that SQLite's
    /// one writer does without are left out.
    pub fn statements(&self) -> Vec<(&'static str, Vec<serde_json::Value>)> {
        let json = |value: &Value| match value {
            Value::Null => serde_json::Value::Null,
            Value::Int(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            // No column of the hub's own tables has them.
            Value::Bytes(_) | Value::List(_) => serde_json::Value::Null,
        };
        let steps = self.steps.iter().filter(|step| !step.postgres_only);
        steps.map(|step| (step.sql, step.values.iter().map(json).collect())).collect()
    }

    /// Seals text for a statement of this unit.
    pub(crate) fn seal(&mut self, place: &str, plain: &str) -> Result<String, Error> {
        self.note_sealing();
        self.sealer.seal(place, plain)
    }

    /// Rests the unit on the key that seals at this moment. Comes before the sealing: what a newer key seals meanwhile is
    /// sealed once more.
    pub(crate) fn note_sealing(&mut self) {
        if self.sealed_with.is_none() {
            self.sealed_with = Some(self.sealer.key_id());
        }
    }

    /// Adds a statement, whatever it finds.
    pub(crate) fn run(&mut self, sql: &'static str, values: Vec<Value>) -> StepId {
        self.step(sql, values, Expect::Anything)
    }

    /// Adds a statement that must touch or find one row.
    pub(crate) fn run_on_one(&mut self, sql: &'static str, values: Vec<Value>, otherwise: Error) -> StepId {
        self.step(sql, values, Expect::One(otherwise))
    }

    /// Adds a statement that must find no row.
    pub(crate) fn refuse_any(&mut self, sql: &'static str, values: Vec<Value>, otherwise: Error) -> StepId {
        self.step(sql, values, Expect::None(otherwise))
    }

    /// Waits until no other unit holds the lock of this name, and holds it until this one ends. SQLite's writer is alone
    /// already.
    pub(crate) fn lock(&mut self, name: &str) {
        let values = vec![Value::Int(lock_number(name))];
        self.steps.push(Step { postgres_only: true, ..Step::plain("SELECT pg_advisory_xact_lock($1)", values) });
    }

    /// Rests a unit with sealed text on the key that sealed it: no unit that replaces the key is done at the same time, and the store
    /// still names that key. Returns how many statements that adds at the beginning.
    pub(crate) fn expect_key(&mut self) -> usize {
        let Some(id) = self.sealed_with.take() else { return 0 };
        let lock = vec![Value::Int(lock_number(KEY_LOCK))];
        let shared = Step { postgres_only: true, ..Step::plain("SELECT pg_advisory_xact_lock_shared($1)", lock) };
        let named = Step {
            expect: Expect::One(Error::KeyReplaced),
            ..Step::plain(
                "SELECT value FROM setting WHERE name = 'master_key_id' AND value = $1",
                vec![Value::Text(id)],
            )
        };
        let added = [shared, named];
        let count = added.len();
        self.steps.splice(0..0, added);
        count
    }

    fn step(&mut self, sql: &'static str, values: Vec<Value>, expect: Expect) -> StepId {
        self.steps.push(Step { expect, ..Step::plain(sql, values) });
        StepId(self.steps.len() - 1)
    }
}

/// PostgreSQL's advisory locks are numbered; this is the number of a name (FNV-1a).
pub(crate) fn lock_number(name: &str) -> i64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, hash).cast_signed()
}
