//! The database server. The statements of a unit are sent together, so that it takes two round trips: the statements,
//! and, once they have found what they must, the commit.
//!
//! One thread serves all connections: a unit is handed over to it and back, and no other thread is woken in between.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime};
use failpoint::Point;
use futures::future::{join_all, try_join_all};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Config, NoTls, Statement};

use crate::error::Error;
use crate::sql::{Query, Row, Value};
use crate::unit::{Done, Step};

/// How long a server that is down keeps a caller waiting for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 16;
/// Settings of every connection. A node that stands still in a transaction holds its locks, and with them every other
/// node. A statement that was prepared while its table was empty would keep a plan that reads the whole table, until the
/// server next analyses it; every frequent statement has an index, so that one plan suits all parameters.
const SETTINGS: &str = "-c idle_in_transaction_session_timeout=10s -c enable_seqscan=off \
     -c plan_cache_mode=force_generic_plan -c jit=off -c max_parallel_workers_per_gather=0";

/// Connections to a server.
#[derive(Clone)]
pub(crate) struct Postgres {
    pool: Pool,
    config: Arc<Config>,
    thread: Arc<Thread>,
}

/// The thread that serves the connections, as long as somebody has the store.
struct Thread {
    tasks: Handle,
    /// Ends the thread when it is dropped.
    _end: oneshot::Sender<()>,
}

impl Thread {
    fn start() -> Result<Self, Error> {
        let cannot = |error: std::io::Error| Error::Unavailable { what: error.to_string() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let (tasks, (_end, ended)) = (runtime.handle().clone(), oneshot::channel::<()>());
        let serve = move || drop(runtime.block_on(ended));
        std::thread::Builder::new().name("store-postgres".to_owned()).spawn(serve).map_err(cannot)?;
        Ok(Self { tasks, _end })
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    pub(crate) async fn open(url: &SecretString) -> Result<Self, Error> {
        Self::open_with(url, "", CONNECTIONS).await
    }

    /// Opens it with further settings of its connections, and at most so many of them.
    pub(crate) async fn open_with(url: &SecretString, further: &str, connections: usize) -> Result<Self, Error> {
        // The URL holds a password, so only what the server says is reported.
        let mut config: Config = url.expose_secret().parse().map_err(|error: tokio_postgres::Error| {
            let what = format!("its URL can't be read ({})", describe(&error));
            Error::CannotOpen { place: "on the PostgreSQL server".to_owned(), what }
        })?;
        let place = format!("on the PostgreSQL server at {}", address(&config));
        let cannot = |what: String| Error::CannotOpen { place: place.clone(), what };
        let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        config.options(format!("{given}{SETTINGS} {further}"));
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config.clone(), NoTls, manager))
            .max_size(connections)
            // The connection that was used last: its server process has everything in its caches.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| cannot(error.to_string()))?;
        let opened = Self { pool, config: Arc::new(config), thread: Arc::new(Thread::start()?) };
        // A server that can't be reached is found out here.
        let connected = opened.serve(async |_| Ok(())).await;
        connected.map_err(|error| cannot(error.to_string()))?;
        Ok(opened)
    }

    /// A connection of the caller's own, outside the pool.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Does something with a connection, in the thread of the connections. It goes on where the caller gives up waiting: a
    /// connection must not go back in the middle of a transaction.
    async fn serve<T: Send + 'static, F: Future<Output = Result<T, Error>> + Send>(
        &self,
        what: impl FnOnce(Object) -> F + Send + 'static,
    ) -> Result<T, Error> {
        let pool = self.pool.clone();
        let served = self.thread.tasks.spawn(async move { what(connection(&pool).await?).await });
        served.await.map_err(|error| Error::Unavailable { what: error.to_string() })?
    }

    /// Does a unit.
    pub(crate) async fn commit(&self, steps: Vec<Step>) -> Result<Done, Error> {
        self.serve(|connection| commit(connection, steps)).await
    }

    /// Runs statements without parameters, as they are, in a transaction.
    pub(crate) async fn run_script(&self, sql: &str) -> Result<(), Error> {
        let sql = format!("BEGIN; {sql}; COMMIT");
        self.serve(async move |connection| {
            let ran = connection.batch_execute(&sql).await;
            if ran.is_err() {
                // Or else whoever gets the connection next finds it in this transaction.
                let _ = connection.batch_execute("ROLLBACK").await;
            }
            Ok(ran?)
        })
        .await
    }

    /// Runs statements that read; they are sent together.
    pub(crate) async fn read(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, Error> {
        self.serve(|connection| rows(connection, queries)).await
    }

    /// Lets the server count the rows of the tables, while work goes on. Its plans rest on that.
    pub(crate) fn analyze(&self) {
        let server = self.clone();
        self.thread.tasks.spawn(async move {
            let analyzed = server.serve(async |connection| Ok(connection.batch_execute("ANALYZE").await?)).await;
            if let Err(error) = analyzed {
                tracing::warn!(%error, "the database server could not analyze the tables now; it does so later without being asked");
            }
        });
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

async fn connection(pool: &Pool) -> Result<Object, Error> {
    pool.get().await.map_err(|error| match error {
        deadpool_postgres::PoolError::Backend(error) => error.into(),
        deadpool_postgres::PoolError::Timeout(_) => Error::Unavailable { what: "it gives no connection".to_owned() },
        other => Error::Unavailable { what: other.to_string() },
    })
}

async fn rows(connection: Object, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, Error> {
    let statements = prepare(&connection, queries.iter().map(|(sql, _)| *sql)).await?;
    let sent = statements.iter().zip(&queries).map(async |(statement, (_, values))| {
        let found = connection.query(statement, &parameters(values)).await?;
        let names: Arc<[String]> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
        found.iter().map(|row| read(&names, row)).collect::<Result<Vec<_>, Error>>()
    });
    try_join_all(sent).await
}

async fn commit(connection: Object, steps: Vec<Step>) -> Result<Done, Error> {
    let statements = prepare(&connection, steps.iter().map(|step| step.sql)).await?;
    // Futures are polled in their order, so the statements are sent in theirs.
    let begun = async { connection.batch_execute("BEGIN").await.map(|()| 0) };
    let sent = statements
        .iter()
        .zip(&steps)
        .map(|(statement, step)| async { connection.execute(statement, &parameters(&step.values)).await });
    let (begun, answers) = futures::join!(begun, join_all(sent));
    let found = begun.map_err(Error::from).and_then(|_| {
        // In their order: where a statement has not found what it must, a later one may fail for that reason.
        steps.into_iter().zip(answers).map(|(step, rows)| step.check(rows?)).collect::<Result<Vec<u64>, Error>>()
    });
    match found {
        Ok(touched) => {
            failpoint::hit(Point::BeforeCommit);
            connection.batch_execute("COMMIT").await?;
            failpoint::hit(Point::AfterCommit);
            Ok(Done(touched))
        }
        Err(failed) => {
            // Where the connection is lost the server has rolled back.
            let _ = connection.batch_execute("ROLLBACK").await;
            Err(failed)
        }
    }
}

async fn prepare(connection: &Object, all: impl Iterator<Item = &'static str>) -> Result<Vec<Statement>, Error> {
    let mut statements = Vec::new();
    for sql in all {
        statements.push(connection.prepare_cached(sql).await?);
    }
    Ok(statements)
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn read(names: &Arc<[String]>, row: &tokio_postgres::Row) -> Result<Row, Error> {
    let cell = |place: usize, column: &tokio_postgres::Column| match *column.type_() {
        Type::INT8 => Ok(row.try_get::<_, Option<i64>>(place)?.map_or(Value::Null, Value::Int)),
        Type::INT4 => Ok(row.try_get::<_, Option<i32>>(place)?.map_or(Value::Null, |number| Value::Int(number.into()))),
        Type::BOOL => Ok(row.try_get::<_, Option<bool>>(place)?.map_or(Value::Null, |yes| Value::Int(yes.into()))),
        Type::BYTEA => Ok(row.try_get::<_, Option<Vec<u8>>>(place)?.map_or(Value::Null, Value::Bytes)),
        _ => Ok(row.try_get::<_, Option<String>>(place)?.map_or(Value::Null, Value::Text)),
    };
    let cells =
        row.columns().iter().enumerate().map(|(place, column)| cell(place, column)).collect::<Result<_, Error>>()?;
    Ok(Row { names: Arc::clone(names), cells })
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            // The server takes a parameter that is compared with a small number for a small one.
            Self::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.as_slice().to_sql(ty, out),
            Self::List(values) => values.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if is_contention(code.code()) => Self::Contended,
            _ => Self::Unavailable { what: describe(&error) },
        }
    }
}

/// Whether the server undid the transaction for others: a serialisation failure or a deadlock.
fn is_contention(code: &str) -> bool {
    matches!(code, "40001" | "40P01")
}

/// What the server says, or the connection: the error itself says "db error" alone.
/// Returns the hosts and ports of a server, without user and password.
fn address(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let host = match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        };
        format!("{host}:{}", ports.get(at).or(ports.first()).copied().unwrap_or(5_432))
    });
    let hosts: Vec<String> = hosts.collect();
    if hosts.is_empty() { "its default address".to_owned() } else { hosts.join(", ") }
}

fn describe(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_database_rolled_back_for_others_is_retried() {
        assert!(is_contention("40001") && is_contention("40P01"));
        for not in ["23505", "57P01", "00005"] {
            assert!(!is_contention(not), "{not}");
        }
    }
}
