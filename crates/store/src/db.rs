//! The two databases behind one face.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use failpoint::Point;
use rand::rngs::StdRng;
use sea_query::{Alias, ExprTrait, PostgresQueryBuilder, Query, SelectStatement, SqliteQueryBuilder, Values};
use sea_query_sqlx::{SqlxBinder, SqlxValues};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, FromRow, Postgres, Transaction};

use crate::embedded::{Embedded, EmbeddedTx, OnMismatch};
use crate::error::Error;
use crate::migrations;
use crate::nodes::{Notifier, PendingNotifications};
use crate::private;
use crate::seal::{MasterKey, Sealer, key_id};
use crate::writes::Writes;

/// How long a server that is down keeps a caller waiting for a connection.
const PATIENCE_OF_CALLERS: Duration = Duration::from_secs(3);
/// A connection to a server that has done nothing for so long is asked whether it is still there before it is used.
const ASKED_AFTER: Duration = Duration::from_secs(1);
/// Connections to the embedded database that read.
const READERS: usize = 4;
/// Statements that a connection to it keeps prepared.
const STATEMENTS: usize = 500;
/// How long a transaction may do nothing before the server ends it, as PostgreSQL writes it.
const LONGEST_STANDSTILL: &str = "10s";

/// Which database.
#[derive(Clone, Debug)]
pub enum Database {
    /// An embedded one, in this file.
    Sqlite(PathBuf),
    /// A server, by its URL.
    Postgres(SecretString),
}

impl FromStr for Database {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let server = text.starts_with("postgres://") || text.starts_with("postgresql://");
        Ok(if server { Self::Postgres(text.to_owned().into()) } else { Self::Sqlite(PathBuf::from(text)) })
    }
}

#[derive(Clone, Debug)]
enum Pool {
    /// SQLite has one writer at a time; readers see the last commit meanwhile (WAL).
    Sqlite(Embedded),
    Postgres(PgPool),
}

/// Everything that is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    pub(crate) sealer: Arc<Sealer>,
    commits: Arc<AtomicU64>,
    pub(crate) writes: Arc<Writes>,
    notifier: Notifier,
}

/// A row that both databases can give.
pub(crate) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl Store {
    /// Opens the database, brings its schema up to date and checks that `key` is the one it was sealed with.
    /// `rng` gives the nonces of sealing.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence; nothing is changed then.
    pub async fn open(database: &Database, key: MasterKey, rng: StdRng) -> Result<Self, Error> {
        let pool = match database {
            Database::Sqlite(path) => open_sqlite(path).await?,
            Database::Postgres(url) => open_postgres(url).await?,
        };
        let store = Self::over(pool, Sealer::new(&key, rng));
        migrations::run(&store).await?;
        Ok(store)
    }

    /// Opens the database for reading what is not sealed, beside a hub that runs on it. It must be there, with the
    /// schema that this program knows.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence.
    pub async fn open_to_read(database: &Database, rng: StdRng) -> Result<Self, Error> {
        let pool = match database {
            Database::Sqlite(path) => read_sqlite(path).await?,
            Database::Postgres(url) => open_postgres(url).await?,
        };
        let mut rng = rng;
        // Nothing that is sealed is read, so any key does.
        let sealer = Sealer::new(&MasterKey::generate(&mut rng), rng);
        let store = Self::over(pool, sealer);
        migrations::check(&store).await?;
        Ok(store)
    }

    /// Whether the database holds a store already, which was sealed with a key: then no new key may be made for it. Nothing is
    /// changed.
    ///
    /// # Errors
    ///
    /// What keeps it from being asked, in a sentence.
    pub async fn is_there(database: &Database) -> Result<bool, Error> {
        match database {
            Database::Sqlite(path) => match std::fs::metadata(path) {
                Ok(about) => Ok(about.len() > 0),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(Error::CannotOpen { place: path.display().to_string(), what: error.to_string() }),
            },
            Database::Postgres(url) => {
                let Pool::Postgres(pool) = open_postgres(url).await? else { return Ok(false) };
                let found = has_key_id(&pool).await;
                pool.close().await;
                found
            }
        }
    }

    /// Checks that what is sealed in the store opens with this key. A store without anything sealed takes any key.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] if it doesn't.
    pub async fn check_key(&self, key: &MasterKey) -> Result<(), Error> {
        let rows: Vec<(String,)> = self.fetch(&select_key_id()).await?;
        match rows.first() {
            Some((known,)) if *known != key_id(key) => Err(Error::WrongKey),
            _ => Ok(()),
        }
    }

    fn over(pool: Pool, sealer: Sealer) -> Self {
        let notifier = match &pool {
            Pool::Sqlite(_) => Notifier::default(),
            Pool::Postgres(pool) => Notifier::over(pool.clone()),
        };
        Self { pool, sealer: Arc::new(sealer), commits: Arc::default(), writes: Arc::default(), notifier }
    }

    /// Begins to write. On SQLite the writer is taken at once, so that a transaction never fails half way.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the database gives no connection; the caller can try once more.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let inner = match &self.pool {
            Pool::Sqlite(embedded) => embedded.begin().await.map(Inner::Sqlite),
            Pool::Postgres(pool) => pool.begin().await.map(Inner::Postgres),
        };
        let inner = self.writes.note(inner.map_err(Error::from))?;
        let (sealer, commits) = (Arc::clone(&self.sealer), Arc::clone(&self.commits));
        let (pending, chains) = (self.notifier.pending(), HashMap::new());
        Ok(Tx { inner, sealer, commits, writes: Arc::clone(&self.writes), changed: false, pending, chains })
    }

    /// How many transactions were committed through this store since it was opened.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Closes all connections; the file is whole without it too.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(embedded) => embedded.close().await,
            Pool::Postgres(pool) => {
                self.notifier.end().await;
                pool.close().await;
            }
        }
    }

    pub(crate) async fn fetch<S: SqlxBinder, R: Row>(&self, statement: &S) -> Result<Vec<R>, Error> {
        match &self.pool {
            Pool::Sqlite(embedded) => {
                let (sql, values) = statement.build_sqlx(SqliteQueryBuilder);
                read(&embedded.read(sql, values).await?)
            }
            Pool::Postgres(pool) => {
                let (sql, values) = statement.build_sqlx(PostgresQueryBuilder);
                Ok(sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_all(pool).await?)
            }
        }
    }

    /// Runs a fixed statement that no transaction may be around, on the embedded store.
    pub(crate) async fn run_alone(&self, sql: &str) -> Result<(), Error> {
        if let Pool::Sqlite(embedded) = &self.pool {
            embedded.read(sql.to_owned(), SqlxValues(Values(Vec::new()))).await?;
        }
        Ok(())
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.postgres().is_some()
    }

    pub(crate) fn postgres(&self) -> Option<&PgPool> {
        match &self.pool {
            Pool::Sqlite(_) => None,
            Pool::Postgres(pool) => Some(pool),
        }
    }
}

#[derive(Debug)]
enum Inner {
    Sqlite(EmbeddedTx),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction: all of it or nothing. Dropped without [`Tx::commit`], it is nothing. What is wrong with a write is reported by
/// the write itself, by what follows it, or by the commit.
#[derive(Debug)]
pub struct Tx {
    inner: Inner,
    pub(crate) sealer: Arc<Sealer>,
    commits: Arc<AtomicU64>,
    writes: Arc<Writes>,
    /// Whether a statement has changed a row.
    changed: bool,
    /// What is reported to other nodes with the commit, and after it.
    pub(crate) pending: PendingNotifications,
    /// The head and the length of the audit chains of requests that it has read.
    pub(crate) chains: HashMap<String, (String, i64)>,
}

fn read<R: Row>(rows: &[SqliteRow]) -> Result<Vec<R>, Error> {
    Ok(rows.iter().map(R::from_row).collect::<sqlx::Result<_>>()?)
}

impl Tx {
    /// Makes it so.
    ///
    /// # Errors
    ///
    /// Nothing was written, and after [`Error::Contended`] the caller can run the transaction once more. Only where the connection
    /// to a server ends during the commit ([`Error::Unavailable`]) it may have been written: read before running it once more.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.notify_with_commit().await?;
        failpoint::hit(Point::BeforeCommit);
        let committed = match self.inner {
            Inner::Sqlite(tx) => tx.commit().await,
            Inner::Postgres(tx) => tx.commit().await.map_err(Error::from),
        };
        self.writes.note(committed)?;
        if self.changed {
            self.writes.done();
        }
        self.pending.committed();
        self.commits.fetch_add(1, Ordering::Relaxed);
        failpoint::hit(Point::AfterCommit);
        Ok(())
    }

    /// Runs a statement whose outcome nobody waits for: on the embedded database with the next one, or at the commit.
    pub(crate) async fn defer<S: SqlxBinder>(&mut self, statement: &S) -> Result<(), Error> {
        self.soon(statement, None).await
    }

    /// The same of a statement that is to touch one row; `otherwise` is reported where it doesn't, by then at the latest.
    pub(crate) async fn defer_expecting_one<S: SqlxBinder>(
        &mut self,
        statement: &S,
        otherwise: fn() -> Error,
    ) -> Result<(), Error> {
        self.soon(statement, Some(otherwise)).await
    }

    async fn soon<S: SqlxBinder>(&mut self, statement: &S, otherwise: OnMismatch) -> Result<(), Error> {
        if let Inner::Sqlite(tx) = &mut self.inner {
            let (sql, values) = statement.build_sqlx(SqliteQueryBuilder);
            tx.defer(&sql, values, otherwise);
            return Ok(());
        }
        match (self.execute(statement).await?, otherwise) {
            (1, _) | (_, None) => Ok(()),
            (_, Some(otherwise)) => Err(otherwise()),
        }
    }

    /// Runs a statement; answers how many rows it touched.
    pub(crate) async fn execute<S: SqlxBinder>(&mut self, statement: &S) -> Result<u64, Error> {
        let done = match &mut self.inner {
            Inner::Sqlite(tx) => {
                let (sql, values) = statement.build_sqlx(SqliteQueryBuilder);
                tx.run(&sql, values).await.map(|(_, touched)| touched)
            }
            Inner::Postgres(tx) => {
                let (sql, values) = statement.build_sqlx(PostgresQueryBuilder);
                let done = sqlx::query_with(AssertSqlSafe(sql), values).execute(&mut **tx).await;
                done.map(|done| done.rows_affected()).map_err(Error::from)
            }
        };
        let touched = self.writes.note(done)?;
        self.changed |= touched > 0;
        Ok(touched)
    }

    pub(crate) async fn fetch<S: SqlxBinder, R: Row>(&mut self, statement: &S) -> Result<Vec<R>, Error> {
        let rows = match &mut self.inner {
            Inner::Sqlite(tx) => {
                let (sql, values) = statement.build_sqlx(SqliteQueryBuilder);
                tx.run(&sql, values).await.and_then(|(rows, _)| read(&rows))
            }
            Inner::Postgres(tx) => {
                let (sql, values) = statement.build_sqlx(PostgresQueryBuilder);
                let rows = sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_all(&mut **tx).await;
                rows.map_err(Error::from)
            }
        };
        self.writes.note(rows)
    }

    /// Runs a fixed statement of the schema.
    pub(crate) async fn run_script(&mut self, sql: &str) -> Result<(), Error> {
        match &mut self.inner {
            Inner::Sqlite(tx) => tx.run_script(sql).await,
            Inner::Postgres(tx) => {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **tx).await?;
                Ok(())
            }
        }
    }

    /// Keeps other nodes from migrating at the same time. SQLite's writer is alone already.
    pub(crate) async fn lock_schema(&mut self) -> Result<(), Error> {
        match self.inner {
            Inner::Sqlite(_) => Ok(()),
            Inner::Postgres(_) => self.run_script("SELECT pg_advisory_xact_lock(1129270867)").await,
        }
    }

    /// Waits until no other transaction holds the lock of this name, and holds it until this one ends. SQLite's writer
    /// is alone already.
    pub(crate) async fn lock(&mut self, name: &str) -> Result<(), Error> {
        match self.inner {
            Inner::Sqlite(_) => Ok(()),
            Inner::Postgres(_) => {
                self.run_script(&format!("SELECT pg_advisory_xact_lock({})", lock_number(name))).await
            }
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_))
    }

    /// The first key to open the store is noted by its id; another is refused from then on.
    pub(crate) async fn check_key(&mut self) -> Result<(), Error> {
        let (setting, name, value) = (Alias::new("setting"), Alias::new("name"), Alias::new("value"));
        let rows: Vec<(String,)> = self.fetch(&select_key_id()).await?;
        let key_id = self.sealer.key_id().to_owned();
        match rows.first() {
            Some((known,)) if *known == key_id => Ok(()),
            Some(_) => Err(Error::WrongKey),
            None => {
                let note = Query::insert()
                    .into_table(setting)
                    .columns([name, value])
                    .values_panic(["master_key_id".into(), key_id.into()])
                    .to_owned();
                self.execute(&note).await.map(drop)
            }
        }
    }
}

/// The id of the key that the store is sealed with.
fn select_key_id() -> SelectStatement {
    let wanted = sea_query::Expr::col(Alias::new("name")).eq("master_key_id");
    Query::select().column(Alias::new("value")).from(Alias::new("setting")).and_where(wanted).to_owned()
}

/// Whether the server's database has noted the key of a store.
async fn has_key_id(pool: &PgPool) -> Result<bool, Error> {
    let schema = Query::select().expr(sea_query::Expr::cust("to_regclass('setting') IS NOT NULL")).to_owned();
    let (sql, values) = schema.build_sqlx(PostgresQueryBuilder);
    let rows: Vec<(bool,)> = sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_all(pool).await?;
    if rows.first().is_none_or(|row| !row.0) {
        return Ok(false);
    }
    let (sql, values) = select_key_id().build_sqlx(PostgresQueryBuilder);
    let rows: Vec<(String,)> = sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_all(pool).await?;
    Ok(!rows.is_empty())
}

/// PostgreSQL's advisory locks are numbered; this is the number of a name (FNV-1a).
pub(crate) fn lock_number(name: &str) -> i64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, hash).cast_signed()
}

async fn open_sqlite(path: &Path) -> Result<Pool, Error> {
    let cannot = |what: String| Error::CannotOpen { place: path.display().to_string(), what };
    let lock = lock_file(path)?;
    // SQLite gives the files beside it (-wal, -shm) the same rights.
    match private::create_new(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(cannot(error.to_string())),
        _ => {}
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What is acknowledged survives a loss of power too.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS);
    let reads = options.clone().create_if_missing(false);
    let opened = Embedded::open(options, reads, READERS, Some(Arc::new(lock))).await;
    opened.map(Pool::Sqlite).map_err(|error| cannot(error.to_string()))
}

async fn read_sqlite(path: &Path) -> Result<Pool, Error> {
    let cannot = |what: String| Error::CannotOpen { place: path.display().to_string(), what };
    if !path.exists() {
        return Err(cannot("there is no such file".to_owned()));
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(5));
    let opened = Embedded::open(options.clone(), options, 1, None).await;
    opened.map(Pool::Sqlite).map_err(|error| cannot(error.to_string()))
}

/// One process at a time: an engine takes its own leases back when it starts.
fn lock_file(path: &Path) -> Result<std::fs::File, Error> {
    let mut name = path.to_owned().into_os_string();
    name.push(".lock");
    let cannot =
        |error: std::io::Error| Error::CannotOpen { place: path.display().to_string(), what: error.to_string() };
    let mut options = std::fs::OpenOptions::new();
    let file = private::private(options.create(true).truncate(false).write(true)).open(&name).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(error)),
    }
}

async fn open_postgres(url: &SecretString) -> Result<Pool, Error> {
    // The URL holds a password, so only what the server says is reported.
    let cannot = |error: sqlx::Error| Error::CannotOpen {
        place: "on the PostgreSQL server".to_owned(),
        what: error.to_string(),
    };
    // A parameter that sqlx doesn't know it logs with its value, which may be a misspelt `password`.
    let unlogged = tracing::subscriber::NoSubscriber::default();
    let parse = || url.expose_secret().parse::<PgConnectOptions>();
    let options = tracing::subscriber::with_default(unlogged, parse).map_err(cannot)?;
    // A node that stands still in a transaction holds its locks, and with them every other node.
    let options = options.options([("idle_in_transaction_session_timeout", LONGEST_STANDSTILL)]);
    PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(PATIENCE_OF_CALLERS)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > ASKED_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .map(Pool::Postgres)
        .map_err(cannot)
}
