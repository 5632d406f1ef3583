//! The filters of lists that people keep under a name.

use jiff::Timestamp;

use crate::database::Store;
use crate::error::Error;
use crate::sql::values;

/// The most views of one owner.
pub const MOST_VIEWS: i64 = 50;

/// A filter of a list that somebody keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedView {
    /// Its code, among those of its owner.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// The list to which it belongs.
    pub list: String,
    /// The filter: the query of the list.
    pub filter: String,
    /// When it was saved.
    pub updated_at: Timestamp,
}

impl Store {
    /// Returns the views of an owner, by name.
    pub async fn saved_views(&self, owner: &str) -> Result<Vec<SavedView>, Error> {
        let sql = "SELECT code, name, list, filter, updated_at FROM saved_view WHERE owner = $1 ORDER BY name, code";
        let rows = self.read(sql, values![owner]).await?;
        rows.iter()
            .map(|row| {
                Ok(SavedView {
                    code: row.text("code")?,
                    name: row.text("name")?,
                    list: row.text("list")?,
                    filter: row.text("filter")?,
                    updated_at: row.time("updated_at")?,
                })
            })
            .collect()
    }

    /// Keeps a view, new or changed. Returns whether there is room for it.
    pub async fn put_saved_view(&self, owner: &str, view: &SavedView) -> Result<bool, Error> {
        let mut unit = self.unit();
        unit.lock(&format!("views of {owner}"));
        let saved = unit.run(
            "INSERT INTO saved_view (owner, code, name, list, filter, updated_at) \
             SELECT $1, $2, $3, $4, $5, $6 \
             WHERE (SELECT COUNT(*) FROM saved_view WHERE owner = $1 AND code <> $2) < $7 \
             ON CONFLICT (owner, code) DO UPDATE SET name = excluded.name, list = excluded.list, filter = excluded.filter, \
                 updated_at = excluded.updated_at",
            values![owner, &view.code, &view.name, &view.list, &view.filter, view.updated_at, MOST_VIEWS],
        );
        Ok(self.commit(unit).await?.touched(saved) == 1)
    }

    /// Removes a view. Returns whether it was there.
    pub async fn delete_saved_view(&self, owner: &str, code: &str) -> Result<bool, Error> {
        let mut unit = self.unit();
        let removed = unit.run("DELETE FROM saved_view WHERE owner = $1 AND code = $2", values![owner, code]);
        Ok(self.commit(unit).await?.touched(removed) == 1)
    }
}
