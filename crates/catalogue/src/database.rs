//! The catalogue's database: on SQLite the file `catalogue.db` next to the hub's, on PostgreSQL the schema `catalogue` on
//! the hub's server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::{BulkStore, Database, SchemaVersion, Store};
use tokio::sync::Notify;

use crate::error::Error;

/// The schema on a server.
const NAME: &str = "catalogue";

const VERSIONS: &[SchemaVersion] = &[SchemaVersion {
    both: include_str!("schema/1.sql"),
    sqlite: include_str!("schema/1.sqlite.sql"),
    postgres: include_str!("schema/1.postgres.sql"),
}];

/// The parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(store::Value::from($value)),*] };
}
pub(crate) use values;

/// A statement with a list among its parameters: `IN rarray($1)` on SQLite, `= ANY($1)` on PostgreSQL.
macro_rules! in_list {
    ($before:literal, $list:literal, $after:literal) => {
        store::Sql {
            sqlite: concat!($before, " IN rarray(", $list, ")", $after),
            postgres: concat!($before, " = ANY(", $list, ")", $after),
        }
    };
}
pub(crate) use in_list;

/// The catalogue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalogue {
    pub(crate) store: BulkStore,
    /// Wakes the grouping of this process after a commit.
    pub(crate) records_changed: Arc<Notify>,
    /// Wakes the indexing of this process after a commit.
    pub(crate) groups_changed: Arc<Notify>,
}

impl Catalogue {
    /// Opens the catalogue and brings its tables up to date. `hub` is the hub's store, whose units come first, if this
    /// process runs the hub.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence.
    pub async fn open(database: &Database, hub: Option<Store>) -> Result<Self, Error> {
        Ok(Self::over(BulkStore::open(database, NAME, VERSIONS, hub).await?))
    }

    /// Opens the catalogue to read it next to a process that writes.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened, in a sentence.
    pub async fn open_to_read(database: &Database) -> Result<Self, Error> {
        Ok(Self::over(BulkStore::open_to_read(database, NAME, VERSIONS).await?))
    }

    fn over(store: BulkStore) -> Self {
        Self { store, records_changed: Arc::default(), groups_changed: Arc::default() }
    }

    /// Returns the catalogue's database that belongs to the hub's.
    pub fn database(hub: &Database) -> Database {
        match hub {
            Database::Sqlite(path) => Database::Sqlite(Self::path(path.parent().unwrap_or(Path::new("")))),
            Database::Postgres(url) => Database::Postgres(url.clone()),
        }
    }

    /// Returns the file in a data directory.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("catalogue.db")
    }

    /// Writes the embedded catalogue, as it is at this moment, into a new file that only this user may read.
    ///
    /// # Errors
    ///
    /// The file is there already or can't be written, or the catalogue is on a server.
    pub async fn back_up(&self, file: &Path) -> Result<(), Error> {
        Ok(self.store.back_up(file).await?)
    }

    /// Waits until everything is written, and closes the connections.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
