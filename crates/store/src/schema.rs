//! The schema, version by version.
//!
//! A library for migrations would have to hold PostgreSQL's advisory lock around its run, to know the two databases'
//! dialects, and to say which program is older; see docs/decisions/0026-units-of-work.md.

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};

/// What makes version n+1 of version n. Entries are only ever added, and never change.
const ALL: &[SchemaVersion] = &[
    SchemaVersion {
        both: include_str!("schema/1.sql"),
        sqlite: include_str!("schema/1.sqlite.sql"),
        postgres: include_str!("schema/1.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/2.sql"),
        sqlite: include_str!("schema/2.sqlite.sql"),
        postgres: include_str!("schema/2.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/3-access.sql"),
        sqlite: include_str!("schema/3-access.sqlite.sql"),
        postgres: include_str!("schema/3-access.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/5-answers.sql"),
        sqlite: include_str!("schema/5-answers.sqlite.sql"),
        postgres: include_str!("schema/5-answers.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/6-search.sql"),
        sqlite: include_str!("schema/6-search.sqlite.sql"),
        postgres: include_str!("schema/6-search.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/4-privacy.sql"),
        sqlite: include_str!("schema/4-privacy.sqlite.sql"),
        postgres: include_str!("schema/4-privacy.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/7-supplier.sql"),
        sqlite: include_str!("schema/7-supplier.sqlite.sql"),
        postgres: include_str!("schema/7-supplier.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/8-events.sql"),
        sqlite: include_str!("schema/8-events.sqlite.sql"),
        postgres: include_str!("schema/8-events.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/9-lists.sql"),
        sqlite: include_str!("schema/9-lists.sqlite.sql"),
        postgres: include_str!("schema/9-lists.postgres.sql"),
    },
    SchemaVersion {
        both: include_str!("schema/10-desk.sql"),
        sqlite: include_str!("schema/10-desk.sqlite.sql"),
        postgres: include_str!("schema/10-desk.postgres.sql"),
    },
];

/// The statements that make one version of a schema from the version before.
#[derive(Clone, Copy, Debug)]
pub struct SchemaVersion {
    /// The statements for both databases.
    pub both: &'static str,
    /// Those that follow on SQLite.
    pub sqlite: &'static str,
    /// Those that follow on PostgreSQL.
    pub postgres: &'static str,
}

/// A database whose schema has versions.
pub(crate) trait Scripts {
    /// Runs statements without parameters in a transaction. `lock` comes first on a server.
    async fn run_script(&self, sql: &str, lock: &str) -> Result<(), Error>;
    /// Returns the rows of [`VERSION`].
    async fn version(&self) -> Result<Vec<Row>, Error>;
    fn is_postgres(&self) -> bool;
}

impl Scripts for Store {
    async fn run_script(&self, sql: &str, lock: &str) -> Result<(), Error> {
        Self::run_script(self, sql, lock).await
    }

    async fn version(&self) -> Result<Vec<Row>, Error> {
        self.read(VERSION, values![]).await
    }

    fn is_postgres(&self) -> bool {
        Self::is_postgres(self)
    }
}

pub(crate) const VERSION: &str = "SELECT COALESCE(MAX(version), 0) AS version FROM schema_version";

/// The scripts of all versions for SQLite, for tests.
#[cfg(test)]
pub(crate) fn sqlite_scripts() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|version| [version.both, version.sqlite])
}

/// Nodes that start at the same time wait for each other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1129270867);";

/// Brings the schema to the version this program knows.
pub(crate) async fn run(store: &Store) -> Result<(), Error> {
    run_all(store, ALL).await?;
    store.bring_titles_in_order().await?;
    store.prepare_keys().await?;
    store.fill_open_work().await
}

/// Brings a database's schema to the last of these versions.
pub(crate) async fn run_all(store: &impl Scripts, all: &[SchemaVersion]) -> Result<(), Error> {
    store.run_script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)", LOCK).await?;
    loop {
        let (found, known) = (version(store).await?, i64::try_from(all.len()).unwrap_or(i64::MAX));
        if found > known {
            return Err(Error::NewerSchema { found, known });
        }
        let Some(next) = usize::try_from(found).ok().and_then(|found| all.get(found)) else { return Ok(()) };
        let dialect = if store.is_postgres() { next.postgres } else { next.sqlite };
        // Where another node was quicker the first statement fails: it has noted this version.
        let script = format!("INSERT INTO schema_version (version) VALUES ({});\n{}\n{dialect}", found + 1, next.both);
        if let Err(failure) = store.run_script(&script, LOCK).await
            && version(store).await? == found
        {
            return Err(failure);
        }
    }
}

/// Says whether the schema is the one that this program knows.
pub(crate) async fn check(store: &Store) -> Result<(), Error> {
    check_all(store, ALL).await
}

/// Says whether a database's schema is the last of these versions.
pub(crate) async fn check_all(store: &impl Scripts, all: &[SchemaVersion]) -> Result<(), Error> {
    let (found, known) = (version(store).await?, i64::try_from(all.len()).unwrap_or(i64::MAX));
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Error::NewerSchema { found, known }),
        std::cmp::Ordering::Less => Err(Error::OlderSchema { found, known }),
    }
}

async fn version(store: &impl Scripts) -> Result<i64, Error> {
    store.version().await?.first().map_or(Ok(0), |row| row.int("version"))
}

/// Returns the columns (table, column) whose comment in the schema has this word.
#[cfg(test)]
pub(crate) fn columns_with_comment(word: &str) -> Vec<(String, String)> {
    let (mut found, mut table) = (Vec::new(), String::new());
    let lines = ALL.iter().flat_map(|version| [version.both, version.sqlite].map(str::lines)).flatten();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let column = match words[..] {
            ["CREATE", "TABLE", name, ..] => {
                table = name.to_owned();
                continue;
            }
            ["ALTER", "TABLE", name, "ADD", "COLUMN", column, ..] => {
                table = name.to_owned();
                column
            }
            [column, ..] => column,
            [] => continue,
        };
        if line.split_once("-- ").is_some_and(|(code, comment)| !code.trim().is_empty() && comment.contains(word)) {
            found.push((table.clone(), column.to_owned()));
        }
    }
    found
}
