//! The embedded database: one thread that writes, and a few that read. Each owns its connection. Lookups of a few rows go
//! to the thread that writes, whose connection has them in its cache.
//!
//! Units that wait while the writer is busy are done together: one transaction, and one wait for the disk. If one of them
//! fails, they are done once more with a savepoint each. Each is answered only after that commit.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use failpoint::Point;
use parking_lot::{Mutex, RwLock};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use tokio::sync::oneshot;

use crate::error::Error;
use crate::sql::{Query, Row, Value};
use crate::unit::{Done, Step};

/// How long SQLite waits for another process, such as a backup.
const PATIENCE: Duration = Duration::from_secs(5);
/// Units that share a commit at most.
const TOGETHER: usize = 64;
/// Statements that a connection keeps prepared; there are about a hundred.
const STATEMENTS: usize = 256;

/// The memory for pages that the writer's connection may use.
const CACHE_KIB: i64 = 64 * 1_024;

type Answer<T> = oneshot::Sender<Result<T, Error>>;

enum Writing {
    Unit(Vec<Step>, Answer<Done>),
    Script(String, Answer<()>),
    Lookup(Reading),
}

/// Statements that read, and where their rows go.
type Reading = (Vec<Query>, Answer<Vec<Vec<Row>>>);

/// What survives a loss of power.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Durability {
    /// Every commit that was answered.
    Full,
    /// The commits up to some moment, in their order.
    Ordered,
}

/// The connections to one file.
#[derive(Clone, Debug)]
pub(crate) struct Sqlite {
    writer: Arc<Mutex<Option<Sender<Writing>>>>,
    readers: Arc<Mutex<Option<Sender<Reading>>>>,
    /// The connections of the threads that read, which any thread may use for a short statement while they are free.
    reading: Arc<RwLock<Vec<Arc<Mutex<Connection>>>>>,
    /// The threads that read, then the one that writes.
    threads: Arc<Mutex<Vec<std::thread::JoinHandle<()>>>>,
    /// Held as long as anybody has the store.
    _lock: Option<Arc<std::fs::File>>,
}

impl Sqlite {
    /// Opens the file for one thread that writes and `readers` that read.
    pub(crate) fn open(
        path: &Path,
        readers: usize,
        lock: Option<std::fs::File>,
        durability: Durability,
    ) -> Result<Self, Error> {
        let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match durability {
            Durability::Full => "FULL",
            Durability::Ordered => "NORMAL",
        };
        writer.pragma_update(None, "synchronous", synchronous)?;
        // What undoes a savepoint would go through a file.
        writer.pragma_update(None, "temp_store", "MEMORY")?;
        writer.pragma_update(None, "cache_size", -CACHE_KIB)?;
        writer.pragma_update(None, "foreign_keys", true)?;
        let mut opened = Self::to_read(path, OpenFlags::SQLITE_OPEN_READ_WRITE, readers)?;
        let (sender, units) = channel();
        opened.threads.lock().push(thread("store-writer", move || write(&writer, &units))?);
        opened.writer = Arc::new(Mutex::new(Some(sender)));
        opened._lock = lock.map(Arc::new);
        Ok(opened)
    }

    /// Opens the file for threads that read.
    pub(crate) fn open_to_read(path: &Path) -> Result<Self, Error> {
        Self::to_read(path, OpenFlags::SQLITE_OPEN_READ_ONLY, 1)
    }

    fn to_read(path: &Path, flags: OpenFlags, readers: usize) -> Result<Self, Error> {
        let (sender, queries) = channel();
        let queries = Arc::new(Mutex::new(queries));
        let (mut threads, mut reading) = (Vec::new(), Vec::new());
        for _ in 0..readers.max(1) {
            let (connection, queries) = (Arc::new(Mutex::new(connect(path, flags)?)), Arc::clone(&queries));
            reading.push(Arc::clone(&connection));
            threads.push(thread("store-reader", move || read(&connection, &queries))?);
        }
        let (readers, threads) = (Arc::new(Mutex::new(Some(sender))), Arc::new(Mutex::new(threads)));
        Ok(Self { writer: Arc::default(), readers, reading: Arc::new(RwLock::new(reading)), threads, _lock: None })
    }

    /// Does a unit, with those that wait at the same time.
    pub(crate) async fn commit(&self, steps: Vec<Step>) -> Result<Done, Error> {
        self.write(|answer| Writing::Unit(steps, answer)).await
    }

    /// Runs statements without parameters, as they are, in a transaction.
    pub(crate) async fn run_script(&self, sql: String) -> Result<(), Error> {
        self.write(|answer| Writing::Script(sql, answer)).await
    }

    async fn write<T>(&self, job: impl FnOnce(Answer<T>) -> Writing) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let sent = self.writer.lock().as_ref().is_some_and(|writer| writer.send(job(answer)).is_ok());
        if sent { answered.await.map_err(|_| closed())? } else { Err(closed()) }
    }

    /// Runs short statements that read, between two commits. A file that is only read has no writer.
    pub(crate) async fn lookup(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, Error> {
        if self.writer.lock().is_none() {
            return self.read(queries).await;
        }
        self.write(|answer| Writing::Lookup((queries, answer))).await
    }

    /// Runs statements that read, one after the other.
    pub(crate) async fn read(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, Error> {
        let (answer, answered) = oneshot::channel();
        let job = (queries, answer);
        let sent = self.readers.lock().as_ref().is_some_and(|readers| readers.send(job).is_ok());
        if sent { answered.await.map_err(|_| closed())? } else { Err(closed()) }
    }

    /// Runs statements that read a few rows by an index, on the calling thread if a connection is free. They take some
    /// microseconds, and handing them to another thread takes longer than that.
    pub(crate) async fn read_short(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, Error> {
        let at_once = {
            let reading = self.reading.read();
            let free = reading.iter().find_map(|connection| connection.try_lock());
            free.map(|connection| run_all(&connection, &queries))
        };
        match at_once {
            Some(rows) => rows,
            None => self.read(queries).await,
        }
    }

    /// Waits until what was handed over is done, and closes the connections.
    ///
    /// The writer's is the last. Only the last connection moves the write-ahead log into the file, and each of two that
    /// close at the same moment takes the other for still open.
    pub(crate) async fn close(&self) {
        drop(self.readers.lock().take());
        self.reading.write().clear();
        let mut readers = std::mem::take(&mut *self.threads.lock());
        let writer = self.writer.lock().take();
        let last = if writer.is_some() { readers.pop() } else { None };
        let wait = move || {
            // A thread that panicked has closed its connection too.
            readers.into_iter().for_each(|thread| drop(thread.join()));
            drop(writer);
            last.map(std::thread::JoinHandle::join)
        };
        let _ = tokio::task::spawn_blocking(wait).await;
    }
}

fn closed() -> Error {
    Error::Unavailable { what: "the store is closed".to_owned() }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    keep_plans(&connection)?;
    rusqlite::vtab::array::load_module(&connection)?;
    // A file that is no database is found out here, before anything waits for an answer.
    connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |_| Ok(()))?;
    Ok(connection)
}

/// Lets a prepared statement keep its plan. SQLite otherwise prepares some statements anew whenever a parameter has another
/// value, which takes longer than reading the rows of a list.
fn keep_plans(connection: &Connection) -> Result<(), Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>, Error> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| Error::Unavailable { what: error.to_string() })
}

/// The reader's loop. Whoever asked may be gone by the time of the answer.
fn read(connection: &Mutex<Connection>, jobs: &Mutex<Receiver<Reading>>) {
    loop {
        let job = jobs.lock().recv();
        let Ok(reading) = job else { return };
        answer(&connection.lock(), reading);
    }
}

fn answer(connection: &Connection, (queries, answer): Reading) {
    let _ = answer.send(run_all(connection, &queries));
}

fn run_all(connection: &Connection, queries: &[Query]) -> Result<Vec<Vec<Row>>, Error> {
    queries.iter().map(|(sql, values)| rows(connection, sql, values)).collect()
}

/// The writer's loop: units that wait are done together, and lookups before them.
fn write(connection: &Connection, jobs: &Receiver<Writing>) {
    let mut next = jobs.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Writing::Script(sql, answer) => {
                let ran = connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql}; COMMIT"));
                if ran.is_err() {
                    roll_back(connection);
                }
                let _ = answer.send(ran.map_err(Error::from));
            }
            Writing::Lookup(reading) => answer(connection, reading),
            Writing::Unit(steps, answer) => {
                let mut units = vec![(steps, answer)];
                while units.len() < TOGETHER {
                    match jobs.try_recv() {
                        Ok(Writing::Unit(steps, answer)) => units.push((steps, answer)),
                        Ok(Writing::Lookup(reading)) => self::answer(connection, reading),
                        Ok(script) => {
                            next = Some(script);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                commit_together(connection, units);
            }
        }
        next = next.or_else(|| jobs.recv().ok());
    }
}

/// Does units in one transaction. A unit that fails is undone alone; all are undone where the database gives up the
/// transaction or can't commit it, as with a full disk.
fn commit_together(connection: &Connection, units: Vec<(Vec<Step>, Answer<Done>)>) {
    let (units, answers): (Vec<_>, Vec<_>) = units.into_iter().unzip();
    let (mut whole, done) = all_plain(connection, &units).unwrap_or_else(|| each_in_a_savepoint(connection, units));
    if whole.is_ok() {
        failpoint::hit(Point::BeforeCommit);
        whole = run(connection, "COMMIT");
        failpoint::hit(Point::AfterCommit);
    }
    if !connection.is_autocommit() {
        roll_back(connection);
    }
    for (result, answer) in done.into_iter().zip(answers) {
        // A unit that failed alone keeps its own reason; whoever handed it over may be gone.
        let result = match &whole {
            Err(failed) if result.is_ok() || matches!(result, Err(Error::Unavailable { .. })) => Err(failed.of_all()),
            _ => result,
        };
        let _ = answer.send(result);
    }
}

/// Whether the transaction stands, and what came of each of its units.
type Together = (Result<(), Error>, Vec<Result<Done, Error>>);

/// Begins a transaction and does units in it. As a rule none fails, and they need no savepoints: each costs a copy of the
/// pages that its unit changes. If one fails, nothing is done, and none is returned.
fn all_plain(connection: &Connection, units: &[Vec<Step>]) -> Option<Together> {
    if let Err(failed) = run(connection, "BEGIN IMMEDIATE") {
        return Some((Err(failed), units.iter().map(|_| Err(undone())).collect()));
    }
    let mut done = Vec::with_capacity(units.len());
    for steps in units {
        let Ok(unit) = steps_of(connection, steps) else {
            roll_back(connection);
            return None;
        };
        failpoint::hit(Point::InSharedCommit);
        done.push(Ok(unit));
    }
    Some((Ok(()), done))
}

/// Begins a transaction and does units in it, so that each can be undone alone.
fn each_in_a_savepoint(connection: &Connection, units: Vec<Vec<Step>>) -> Together {
    let mut whole = run(connection, "BEGIN IMMEDIATE");
    let mut done = Vec::with_capacity(units.len());
    for steps in units {
        let result = if whole.is_ok() { in_savepoint(connection, steps) } else { Err(undone()) };
        if whole.is_ok() && connection.is_autocommit() {
            whole = Err(result.as_ref().err().map_or_else(undone, Error::of_all));
        }
        failpoint::hit(Point::InSharedCommit);
        done.push(result);
    }
    (whole, done)
}

fn in_savepoint(connection: &Connection, steps: Vec<Step>) -> Result<Done, Error> {
    run(connection, "SAVEPOINT unit")?;
    let result = steps_of(connection, &steps);
    if !connection.is_autocommit() {
        if result.is_err() {
            run(connection, "ROLLBACK TO unit")?;
        }
        run(connection, "RELEASE unit")?;
    }
    result.map_err(|failed| failed.reason(steps))
}

/// Why a unit can't be done.
enum Failure {
    /// The statement of this number finds something else than it must.
    Expectation(usize),
    Database(Error),
}

impl Failure {
    fn reason(self, steps: Vec<Step>) -> Error {
        match self {
            Self::Expectation(at) => steps.into_iter().nth(at).and_then(Step::otherwise).unwrap_or_else(undone),
            Self::Database(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

fn steps_of(connection: &Connection, steps: &[Step]) -> Result<Done, Failure> {
    let mut touched = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        if step.postgres_only {
            touched.push(0);
            continue;
        }
        let mut statement = connection.prepare_cached(step.sql)?;
        for values in &step.further {
            statement.execute(rusqlite::params_from_iter(values))?;
        }
        let values = rusqlite::params_from_iter(&step.values);
        let rows = if statement.column_count() > 0 {
            let (mut rows, mut count) = (statement.query(values)?, 0);
            while rows.next()?.is_some() {
                count += 1;
            }
            count
        } else {
            statement.execute(values)? as u64
        };
        if !step.is_met_by(rows) {
            return Err(Failure::Expectation(at));
        }
        touched.push(rows);
    }
    Ok(Done(touched))
}

fn rows(connection: &Connection, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let names: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
    let mut found = statement.query(rusqlite::params_from_iter(values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let cells = (0..names.len()).map(|column| row.get_ref(column).map(value)).collect::<Result<_, _>>()?;
        rows.push(Row { names: Arc::clone(&names), cells });
    }
    Ok(rows)
}

fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        // No column holds such a number.
        ValueRef::Real(number) => Value::Text(number.to_string()),
        ValueRef::Text(bytes) => Value::Text(text(bytes)),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

/// Reads a text. The hub writes all of them as UTF-8, and checking that is faster than replacing what is invalid.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::List(values) => {
                let list: Vec<rusqlite::types::Value> = values.iter().map(owned).collect();
                return Ok(ToSqlOutput::from_rc(Rc::new(list), LIST));
            }
        }))
    }
}

/// The type under which SQLite's module for lists takes them.
const LIST: &std::ffi::CStr = c"rarray";

/// A member of a list, as SQLite takes it. Lists have no lists in them.
fn owned(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Null | Value::List(_) => rusqlite::types::Value::Null,
        Value::Int(number) => rusqlite::types::Value::Integer(*number),
        Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
        Value::Bytes(bytes) => rusqlite::types::Value::Blob(bytes.clone()),
    }
}

fn run(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// If SQLite has undone the transaction already, there is nothing to roll back.
fn roll_back(connection: &Connection) {
    let _ = run(connection, "ROLLBACK");
}

fn undone() -> Error {
    Error::Unavailable { what: "the database undid the transaction".to_owned() }
}

/// A database with the tables and nothing else, for tests.
#[cfg(test)]
fn empty() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    keep_plans(&connection).unwrap();
    crate::schema::sqlite_scripts().for_each(|script| connection.execute_batch(script).unwrap());
    connection
}

/// How SQLite finds the rows of a statement, for tests.
#[cfg(test)]
pub(crate) fn plan(sql: &str) -> Vec<String> {
    let connection = empty();
    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nothing = vec![Value::Int(0); explained.parameter_count()];
    let steps = explained.query_map(rusqlite::params_from_iter(&nothing), |row| row.get("detail")).unwrap();
    steps.map(Result::unwrap).collect()
}

/// How often SQLite prepares a statement anew when its parameters change, for tests.
#[cfg(test)]
pub(crate) fn prepared_anew(sql: &str) -> i32 {
    let connection = empty();
    let mut statement = connection.prepare(sql).unwrap();
    for text in ["a", "b%", "c"] {
        let values = vec![Value::Text(text.to_owned()); statement.parameter_count()];
        let mut rows = statement.query(rusqlite::params_from_iter(&values)).unwrap();
        while rows.next().unwrap_or(None).is_some() {}
    }
    statement.get_status(rusqlite::StatementStatus::RePrepare)
}

/// The statements that make a table's indexes, for tests.
#[cfg(test)]
pub(crate) fn indexes(table: &str) -> Vec<String> {
    let connection = empty();
    let sql = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL";
    let mut made = connection.prepare(sql).unwrap();
    let indexes = made.query_map([table], |row| row.get("sql")).unwrap();
    indexes.map(Result::unwrap).collect()
}
