//! Brings titles in order that an earlier program has stored: it let the database make lower case of them, which left letters
//! outside ASCII as they were.

use crate::database::Store;
use crate::error::Error;
use crate::requests::searchable;
use crate::sql::values;

/// The number of titles that are read at once.
const BATCH: i64 = 1_000;

impl Store {
    /// Brings the titles in order that are not yet. A run that is interrupted is continued; nodes that start at the same time do
    /// the same.
    pub(crate) async fn bring_titles_in_order(&self) -> Result<(), Error> {
        loop {
            let reached = self.read("SELECT value FROM setting WHERE name = 'titles_in_order_to'", values![]).await?;
            let Some(reached) = reached.first().map(|row| row.text("value")).transpose()? else { return Ok(()) };
            let sql = "SELECT id, title FROM patron_request WHERE id > $1 ORDER BY id LIMIT $2";
            let rows = self.read(sql, values![reached, BATCH]).await?;
            let mut unit = self.unit();
            for row in &rows {
                let (id, title) = (row.text("id")?, row.text("title")?);
                let ordered = searchable(&title);
                if ordered != title {
                    let sql = "UPDATE patron_request SET title = $1 WHERE id = $2 AND title = $3";
                    unit.run(sql, values![ordered, id, title]);
                }
            }
            match rows.last() {
                Some(last) => {
                    let sql = "UPDATE setting SET value = $1 WHERE name = 'titles_in_order_to'";
                    unit.run(sql, values![last.text("id")?]);
                }
                None => _ = unit.run("DELETE FROM setting WHERE name = 'titles_in_order_to'", values![]),
            }
            match self.commit(unit).await {
                // Another node does the same at this moment.
                Ok(_) | Err(Error::Contended | Error::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
