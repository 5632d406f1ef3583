//! The same units on SQLite without the store: one connection, one unit after the other, each in a transaction of its own.
//! The values are ready before the clock starts.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use store::{Database, Store, Unit};

use super::callers::Callers;
use super::units::{Caller, open, text};

/// The number of units whose values are made ready at once.
const AT_ONCE: usize = 100;
/// The number of statements that stay prepared.
const STATEMENTS: usize = 256;

/// A unit's statements and their values.
type Statements = Vec<(&'static str, Vec<Value>)>;

pub(super) struct Bare {
    connection: Connection,
    /// It is closed, and builds units.
    store: Store,
    /// One for each measurement.
    callers: Vec<Caller>,
}

impl Bare {
    /// Prepares a file for so many measurements as the store does it, and opens it without the store.
    pub(super) async fn prepare(file: &Path, measurements: u64) -> Result<Self, String> {
        let store = open(&Database::Sqlite(file.to_owned())).await?;
        let (_, callers) = Callers::new(store.clone()).prepare(measurements).await?;
        store.close().await;
        let connection = Connection::open(file).map_err(text)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(text)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(text)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(text)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self { connection, store, callers })
    }

    /// Returns the units per second.
    pub(super) fn measure(&mut self, length: Duration) -> Result<f64, String> {
        let mut caller = self.callers.pop().ok_or("there are fewer callers than measurements")?;
        let (mut done, mut spent) = (0_u32, Duration::ZERO);
        while spent < length {
            let ready = (0..AT_ONCE).map(|_| statements(&caller.next(&self.store)?));
            let ready = ready.collect::<Result<Vec<Statements>, String>>()?;
            let begun = Instant::now();
            for unit in &ready {
                done += 1;
                if self.commit(unit).map_err(text)? != 1 {
                    return Err("the bare loop didn't find its request".to_owned());
                }
            }
            spent += begun.elapsed();
        }
        Ok(f64::from(done) / spent.as_secs_f64())
    }

    /// Does a unit, and returns the number of requests that it has saved.
    fn commit(&self, unit: &Statements) -> rusqlite::Result<usize> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut saved = 0;
        for (place, (sql, values)) in unit.iter().enumerate() {
            let touched = self.connection.prepare_cached(sql)?.execute(params_from_iter(values))?;
            if place == 0 {
                saved = touched;
            }
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(saved)
    }
}

fn statements(unit: &Unit) -> Result<Statements, String> {
    let value = |value| match value {
        serde_json::Value::Null => Ok(Value::Null),
        serde_json::Value::String(text) => Ok(Value::Text(text)),
        other => other.as_i64().map(Value::Integer).ok_or_else(|| format!("{other} is no value of a column")),
    };
    let statements = unit.statements().into_iter();
    statements.map(|(sql, values)| Ok((sql, values.into_iter().map(value).collect::<Result<_, String>>()?))).collect()
}
