//! The two databases behind one face.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use secrecy::SecretString;

use crate::error::Error;
use crate::master_keys::MasterKeys;
use crate::nodes::Notifier;
use crate::postgres::Postgres;
use crate::private;
use crate::schema;
use crate::seal::{MasterKey, Sealer};
use crate::sql::{Query, Row, Value, values};
use crate::sqlite::{Durability, Sqlite};
use crate::unit::{Done, Unit};
use crate::writes::Writes;

/// Threads that read the embedded database.
const READERS: usize = 4;

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
enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Everything that is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    pub(crate) sealer: Arc<Sealer>,
    commits: Arc<AtomicU64>,
    pub(crate) writes: Arc<Writes>,
    notifier: Notifier,
}

/// The numbers of commits after which a store lets the server analyze the tables. Unasked, the server does so a minute after
/// the first rows at the earliest. Until then it takes any index for as good as another, and may read all open work to
/// find one row.
const ANALYZED_AFTER: [u64; 3] = [64, 1_024, 16_384];

impl Store {
    /// Opens the database, brings its schema up to date and checks that `keys` hold the one it was
    /// sealed with. `rng` gives the nonces of sealing.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence; nothing is changed then.
    pub async fn open(database: &Database, keys: impl Into<MasterKeys>, rng: StdRng) -> Result<Self, Error> {
        let backend = match database {
            Database::Sqlite(path) => Backend::Sqlite(open_sqlite(path)?),
            Database::Postgres(url) => Backend::Postgres(Postgres::open(url).await?),
        };
        let store = Self::over(backend, Sealer::new(keys.into(), rng));
        schema::run(&store).await?;
        Ok(store)
    }

    /// Opens the database next to a hub that runs on it, to replace the master key. It must be there, with the schema that this
    /// program knows, and sealed with one of `keys`.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence.
    pub async fn open_shared(database: &Database, keys: impl Into<MasterKeys>, rng: StdRng) -> Result<Self, Error> {
        let backend = match database {
            Database::Sqlite(path) if !path.exists() => return Err(cannot(path, &"there is no such file")),
            // SQLite itself lets one process write at a time.
            Database::Sqlite(path) => {
                let opened = Sqlite::open(path, 1, None, Durability::Full);
                Backend::Sqlite(opened.map_err(|error| cannot(path, &error))?)
            }
            Database::Postgres(url) => Backend::Postgres(Postgres::open(url).await?),
        };
        let store = Self::over(backend, Sealer::new(keys.into(), rng));
        schema::check(&store).await?;
        store.prepare_keys().await?;
        Ok(store)
    }

    /// Opens the database to read the data that isn't sealed, next to a hub that runs on it. It must be there, with the
    /// schema that this program knows.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence.
    pub async fn open_to_read(database: &Database, rng: StdRng) -> Result<Self, Error> {
        let backend = match database {
            Database::Sqlite(path) => Backend::Sqlite(read_sqlite(path)?),
            Database::Postgres(url) => Backend::Postgres(Postgres::open(url).await?),
        };
        let mut rng = rng;
        // Nothing that is sealed is read, so any key does.
        let sealer = Sealer::new(MasterKey::generate(&mut rng).into(), rng);
        let store = Self::over(backend, sealer);
        schema::check(&store).await?;
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
                let server = Postgres::open(url).await?;
                let table = "SELECT to_regclass('setting') IS NOT NULL AS there";
                let rows = server.read(vec![(table, values![])]).await?;
                let has_table =
                    rows.first().and_then(|rows| rows.first()).is_some_and(|row| row.yes("there").unwrap_or(false));
                let found = has_table && !server.read(vec![(KEY_ID, values![])]).await?.concat().is_empty();
                server.close();
                Ok(found)
            }
        }
    }

    fn over(backend: Backend, sealer: Sealer) -> Self {
        let notifier = match &backend {
            Backend::Sqlite(_) => Notifier::default(),
            Backend::Postgres(server) => Notifier::over(server.clone()),
        };
        Self { backend, sealer: Arc::new(sealer), commits: Arc::default(), writes: Arc::default(), notifier }
    }

    /// Begins a unit of work. It reaches the database with [`Store::commit`].
    pub fn unit(&self) -> Unit {
        Unit::new(Arc::clone(&self.sealer))
    }

    /// Does a unit of work, as a whole or not at all. Units that are handed over at the same time may share a commit of
    /// the database; each is answered after it.
    ///
    /// # Errors
    ///
    /// What the unit's statements name; nothing of it is done then. After [`Error::Contended`] the caller can do it once
    /// more. Only where the connection to a server ends during the commit ([`Error::Unavailable`]) it may have been done:
    /// read before doing it once more.
    pub async fn commit(&self, mut unit: Unit) -> Result<Done, Error> {
        if unit.is_empty() {
            return Ok(Done(Vec::new()));
        }
        if let Backend::Postgres(_) = self.backend {
            crate::nodes::notify_within(&mut unit);
        }
        let added = unit.expect_key();
        let after = std::mem::take(&mut unit.notify_after);
        let done = match &self.backend {
            Backend::Sqlite(file) => file.commit(unit.steps).await,
            Backend::Postgres(server) => server.commit(unit.steps).await,
        };
        if added > 0 && matches!(done, Err(Error::KeyReplaced)) {
            // Done once more, it is sealed with the new key.
            self.use_current_key().await?;
            return Err(Error::Contended);
        }
        let mut done = self.writes.note(done)?;
        done.0.drain(..added);
        if done.0.iter().any(|touched| *touched > 0) {
            self.writes.done();
        }
        self.notifier.send(after);
        let commits = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        if let Backend::Postgres(server) = &self.backend
            && ANALYZED_AFTER.contains(&commits)
        {
            server.analyze();
        }
        Ok(done)
    }

    /// How many units were committed through this store since it was opened.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Closes all connections; the file is whole without it too.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(file) => file.close().await,
            Backend::Postgres(server) => {
                self.notifier.end().await;
                server.close();
            }
        }
    }

    /// Looks up a few rows that have an index. On SQLite the connection that writes does it, between two commits: its cache
    /// holds what was written last, while every commit empties the caches of the other connections.
    pub(crate) async fn lookup(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        Ok(self.lookup_all(vec![(sql, values)]).await?.pop().unwrap_or_default())
    }

    /// Makes lookups that are handed over together; answers the rows of each.
    pub(crate) async fn lookup_all(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, Error> {
        match &self.backend {
            Backend::Sqlite(file) => file.lookup(queries).await,
            Backend::Postgres(server) => server.read(queries).await,
        }
    }

    /// Reads a few rows that have an index, where no statement of the same connection came before: for people and programs
    /// that look at requests, next to the engine's work.
    pub(crate) async fn read_short(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, Error> {
        match &self.backend {
            Backend::Sqlite(file) => file.read_short(queries).await,
            Backend::Postgres(server) => server.read(queries).await,
        }
    }

    /// Runs a statement that reads, and may take long.
    pub(crate) async fn read(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        Ok(self.read_all(vec![(sql, values)]).await?.pop().unwrap_or_default())
    }

    /// Runs statements that read, handed over together; answers the rows of each.
    pub(crate) async fn read_all(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, Error> {
        match &self.backend {
            Backend::Sqlite(file) => file.read(queries).await,
            Backend::Postgres(server) => server.read(queries).await,
        }
    }

    /// Runs statements of the schema in a transaction; on PostgreSQL after `lock`.
    pub(crate) async fn run_script(&self, sql: &str, lock: &str) -> Result<(), Error> {
        match &self.backend {
            Backend::Sqlite(file) => file.run_script(sql.to_owned()).await,
            Backend::Postgres(server) => server.run_script(&format!("{lock}{sql}")).await,
        }
    }

    /// Passes if the last write was done. If it failed, a small write is tried, which leaves nothing behind.
    ///
    /// # Errors
    ///
    /// Why nothing can be written.
    pub async fn check_writes(&self) -> Result<(), Error> {
        if !self.writes.failed() {
            return Ok(());
        }
        // SQLite writes nothing for an update to the same value, so a row comes and goes within the unit.
        let mut unit = self.unit();
        unit.run("INSERT INTO setting (name, value) VALUES ('write_probe', '')", values![]);
        unit.run("DELETE FROM setting WHERE name = 'write_probe'", values![]);
        self.commit(unit).await.map(drop)
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.postgres().is_some()
    }

    pub(crate) fn postgres(&self) -> Option<&Postgres> {
        match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(server) => Some(server),
        }
    }
}

/// The id of the key that the store is sealed with.
pub(crate) const KEY_ID: &str = "SELECT value FROM setting WHERE name = 'master_key_id'";

fn open_sqlite(path: &Path) -> Result<Sqlite, Error> {
    let lock = lock_file(path)?;
    create_private(path)?;
    Sqlite::open(path, READERS, Some(lock), Durability::Full).map_err(|error| cannot(path, &error))
}

/// Creates a file that only its owner may read, unless it is there. SQLite gives the files beside it (-wal, -shm) the same
/// rights.
pub(crate) fn create_private(path: &Path) -> Result<(), Error> {
    match private::create_new(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(cannot(path, &error)),
        _ => Ok(()),
    }
}

fn read_sqlite(path: &Path) -> Result<Sqlite, Error> {
    if !path.exists() {
        return Err(cannot(path, &"there is no such file"));
    }
    Sqlite::open_to_read(path).map_err(|error| cannot(path, &error))
}

/// One process at a time: an engine takes its own leases back when it starts.
fn lock_file(path: &Path) -> Result<std::fs::File, Error> {
    let mut name = path.to_owned().into_os_string();
    name.push(".lock");
    let mut options = std::fs::OpenOptions::new();
    let options = private::private(options.create(true).truncate(false).write(true));
    let file = options.open(&name).map_err(|error| cannot(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(path, &error)),
    }
}

pub(crate) fn cannot(path: &Path, what: &dyn std::fmt::Display) -> Error {
    Error::CannotOpen { place: path.display().to_string(), what: what.to_string() }
}
