//! A small write that finds out whether the database can be written again.

use sea_query::{Alias, Expr, ExprTrait, Query};

use crate::db::Store;
use crate::error::Error;

/// The name of the row that a write is tried with.
const PROBE: &str = "write_probe";

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
