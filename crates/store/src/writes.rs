//! Whether the last write was done, for those who ask whether the hub can take work.
//!
//! A full disk, or a server that has become read-only, still answers every read.

use std::sync::atomic::{AtomicBool, Ordering};

use sea_query::{Alias, Expr, ExprTrait, Query};

use crate::db::Store;
use crate::error::Error;

/// The name of the row that a write is tried with.
const PROBE: &str = "write_probe";

/// Whether the last write of this process failed.
#[derive(Debug, Default)]
pub(crate) struct Writes(AtomicBool);

impl Writes {
    /// Notes a failure of the database; a conflict with others is none.
    pub(crate) fn note<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Unavailable { .. }) = &result {
            self.0.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Notes a commit that has changed something.
    pub(crate) fn done(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    fn failed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Store {
    /// Passes if the last write was done. If it failed, a small write is tried, which leaves nothing behind.
    ///
    /// # Errors
    ///
    /// Why nothing can be written.
    pub async fn check_writes(&self) -> Result<(), Error> {
        if !self.writes.failed() {
            return Ok(());
        }
        // SQLite writes nothing for an update to the same value, so a row comes and goes within the transaction.
        let (setting, name, value) = (Alias::new("setting"), Alias::new("name"), Alias::new("value"));
        let insert = Query::insert()
            .into_table(setting.clone())
            .columns([name.clone(), value])
            .values_panic([PROBE.into(), "".into()])
            .to_owned();
        let delete = Query::delete().from_table(setting).and_where(Expr::col(name).eq(PROBE)).to_owned();
        let mut tx = self.begin().await?;
        tx.execute(&insert).await?;
        tx.execute(&delete).await?;
        tx.commit().await
    }
}
