//! The list of columns with sealed text. The replacement of the master key seals each of them anew.
//!
//! A test compares the list with the schema, where a comment at each such column says `sealed`, and with a store that holds
//! everything.

use crate::audit_text::key_place;
use crate::error::Error;
use crate::institutions::credentials_place;
use crate::requests::seal_document_anew;
use crate::rotation::secret_place;
use crate::seal::Sealer;
use crate::{answers, patron_reads, subscriptions, users, webhooks};

/// A column with sealed text.
pub(crate) struct SealedColumn {
    /// Its table.
    pub(crate) table: &'static str,
    /// Its name.
    pub(crate) column: &'static str,
    /// Reads the next rows in which the text `$1` occurs, after the key `$2`: `key` and `sealed`.
    pub(crate) page: &'static str,
    /// Counts the rows in which the text `$1` occurs.
    pub(crate) count: &'static str,
    /// Replaces the text `$3` of the row with the key `$2`.
    pub(crate) save: &'static str,
    /// Seals the text of a row anew.
    pub(crate) seal_anew: fn(&Sealer, key: &str, sealed: &str) -> Result<String, Error>,
}

/// Names a column by its table, the one column of the table's key, and its own name.
macro_rules! column {
    ($table:literal, $key:literal, $column:literal, $seal_anew:expr) => {
        SealedColumn {
            table: $table,
            column: $column,
            page: concat!(
                "SELECT ",
                $key,
                " AS key, ",
                $column,
                " AS sealed FROM ",
                $table,
                " WHERE ",
                $column,
                " LIKE '%' || $1 || '%' AND ",
                $key,
                " > $2 ORDER BY ",
                $key,
                " LIMIT $3"
            ),
            count: concat!("SELECT COUNT(*) AS rows FROM ", $table, " WHERE ", $column, " LIKE '%' || $1 || '%'"),
            save: concat!("UPDATE ", $table, " SET ", $column, " = $1 WHERE ", $key, " = $2 AND ", $column, " = $3"),
            seal_anew: $seal_anew,
        }
    };
}

/// All columns with sealed text.
pub(crate) const COLUMNS: &[SealedColumn] = &[
    column!("secret", "name", "value", |sealer, name, sealed| sealer.reseal(&secret_place(name), sealed)),
    column!("institution", "code", "credentials", |sealer, code, sealed| {
        sealer.reseal(&credentials_place(code), sealed)
    }),
    column!("webhook", "institution", "secret", |sealer, code, sealed| sealer.reseal(&webhooks::place(code), sealed)),
    column!("webhook", "institution", "previous", |sealer, code, sealed| {
        let lines = sealed.lines().map(|line| sealer.reseal(&webhooks::place(code), line));
        lines.collect::<Result<Vec<_>, _>>().map(|lines| lines.join("\n"))
    }),
    column!("subscription", "code", "secret", |sealer, code, sealed| {
        sealer.reseal(&subscriptions::place(code), sealed)
    }),
    column!("subscription", "code", "previous_secret", |sealer, code, sealed| {
        sealer.reseal(&subscriptions::place(code), sealed)
    }),
    column!("hub_user", "name", "totp_secret", |sealer, name, sealed| sealer.reseal(&users::place(name), sealed)),
    column!("patron_read", "id", "reason", |sealer, id, sealed| sealer.reseal(&patron_reads::place(id), sealed)),
    column!("answer", "id", "answer", |sealer, id, sealed| sealer.reseal(&answers::place(id), sealed)),
    column!("patron_request", "id", "document", seal_document_anew),
    column!("patron_request", "id", "audit_key", |sealer, id, sealed| sealer.reseal(&key_place(id), sealed)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    /// A column that the replacement of the key forgets could not be opened afterwards.
    #[test]
    fn every_column_that_the_schema_calls_sealed_is_in_the_list() {
        let mut listed: Vec<(String, String)> =
            COLUMNS.iter().map(|one| (one.table.to_owned(), one.column.to_owned())).collect();
        let mut sealed = schema::columns_with_comment("sealed");
        listed.sort_unstable();
        sealed.sort_unstable();
        assert_eq!(listed, sealed);
    }
}
