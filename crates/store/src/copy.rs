//! The whole store, table by table: its digest, and its copy into another database.

use sea_query::{Alias, Expr, ExprTrait, Func, Order, Query, SelectStatement};
use sha2::{Digest, Sha256};

use crate::db::{Store, Tx};
use crate::error::Error;
use crate::private;

/// How many rows are held at once.
const AT_ONCE: u64 = 500;

/// A table: its columns with their types, its key first.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [(&'static str, Kind)],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text,
    Number,
}

use Kind::{Number, Text};

/// All of them; those that others refer to come first. A test holds this to the schema.
const TABLES: &[Table] = &[
    Table { name: "setting", key: &["name"], columns: &[("name", Text), ("value", Text)] },
    Table {
        name: "institution",
        key: &["code"],
        columns: &[
            ("code", Text),
            ("name", Text),
            ("kind", Text),
            ("settings", Text),
            ("credentials", Text),
            ("created_at", Number),
            ("updated_at", Number),
        ],
    },
    Table {
        name: "agency",
        key: &["code"],
        columns: &[("code", Text), ("name", Text), ("institution", Text), ("library", Text), ("rules", Text)],
    },
    Table {
        name: "pickup_location",
        key: &["code"],
        columns: &[("code", Text), ("name", Text), ("agency", Text), ("library", Text), ("desk", Text)],
    },
    Table {
        name: "patron_request",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("version", Number),
            ("status", Text),
            ("outcome", Text),
            ("open", Number),
            ("attention", Text),
            ("borrower", Text),
            ("lender", Text),
            ("patron_identifier_digest", Text),
            ("patron_verified", Text),
            ("placed_at", Number),
            ("updated_at", Number),
            ("document", Text),
            ("audit_head", Text),
            ("audit_count", Number),
            ("lender_item", Text),
            ("borrower_item", Text),
            ("pickup_item", Text),
        ],
    },
    Table {
        name: "audit",
        key: &["request", "seq"],
        columns: &[
            ("request", Text),
            ("seq", Number),
            ("at", Number),
            ("event", Text),
            ("actor", Text),
            ("from_status", Text),
            ("to_status", Text),
            ("reason", Text),
            ("note", Text),
            ("evidence", Text),
            ("hash", Text),
        ],
    },
    Table {
        name: "intent",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("request", Text),
            ("kind", Text),
            ("target", Text),
            ("institution", Text),
            ("state", Text),
            ("attempts", Number),
            ("unclear", Number),
            ("due_at", Number),
            ("lease_owner", Text),
            ("lease_until", Number),
            ("fencing_token", Number),
            ("outcome", Text),
            ("created_at", Number),
            ("updated_at", Number),
            ("hinted_at", Number),
            ("hints", Text),
            ("list", Text),
            ("list_key", Text),
            ("list_expected", Number),
            ("last_polled_at", Number),
            ("failures", Number),
            ("failing_since", Number),
        ],
    },
    Table {
        name: "batch_poll",
        key: &["institution", "list"],
        columns: &[
            ("institution", Text),
            ("list", Text),
            ("library", Text),
            ("interval_factor", Number),
            ("needs_item_messages", Number),
            ("last_change_at", Number),
            ("last_read_at", Number),
            ("due_at", Number),
            ("lease_owner", Text),
            ("lease_until", Number),
        ],
    },
    Table {
        name: "webhook",
        key: &["institution"],
        columns: &[
            ("institution", Text),
            ("secret", Text),
            ("previous", Text),
            ("changed_at", Number),
            ("last_message_at", Number),
            ("last_item_message_at", Number),
            ("missed_message_at", Number),
            ("missed_message_kind", Text),
        ],
    },
    Table {
        name: "webhook_message",
        key: &["institution", "message"],
        columns: &[("institution", Text), ("message", Text), ("received_at", Number)],
    },
];

/// What a store holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreDigest {
    /// SHA-256 over every row of every table, in hexadecimal digits; the same on both databases.
    pub digest: String,
    /// Rows in all.
    pub rows: u64,
}

/// A cell: none for NULL.
type Cell = Option<String>;

impl Table {
    /// The rows in the order of the key, each as one text: a cell is its length, a colon and its characters; `-` for
    /// NULL.
    fn select(&self, skip: u64, postgres: bool) -> SelectStatement {
        let mut whole: Option<Expr> = None;
        for (name, _) in self.columns {
            let text = Expr::col(Alias::new(*name)).cast_as(Alias::new("TEXT"));
            let length = Expr::expr(Func::char_length(text.clone())).cast_as(Alias::new("TEXT"));
            let cell = Func::coalesce([concat(concat(length, Expr::val(":")), text), Expr::val("-")]);
            whole = Some(match whole {
                None => Expr::expr(cell),
                Some(before) => concat(before, Expr::expr(cell)),
            });
        }
        let mut statement = Query::select();
        statement.from(Alias::new(self.name)).limit(AT_ONCE).offset(skip);
        if let Some(whole) = whole {
            statement.expr_as(whole, Alias::new("row_text"));
        }
        for key in self.key {
            let is_text = self.columns.iter().any(|(name, kind)| name == key && *kind == Kind::Text);
            // By bytes on both databases, whatever the server's language.
            match is_text && postgres {
                true => statement.order_by_expr(Expr::cust(format!("\"{key}\" COLLATE \"C\"")), Order::Asc),
                false => statement.order_by(Alias::new(*key), Order::Asc),
            };
        }
        statement
    }

    fn read(&self, row: &str) -> Result<Vec<Cell>, Error> {
        let corrupt = || Error::Corrupt { table: self.name, what: "a row that can't be read back".to_owned() };
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut rest = row;
        for _ in self.columns {
            if let Some(after) = rest.strip_prefix('-') {
                cells.push(None);
                rest = after;
                continue;
            }
            let (length, after) = rest.split_once(':').ok_or_else(corrupt)?;
            let length: usize = length.parse().map_err(|_| corrupt())?;
            let end = after.char_indices().nth(length).map_or(after.len(), |(at, _)| at);
            cells.push(Some(after[..end].to_owned()));
            rest = &after[end..];
        }
        if rest.is_empty() { Ok(cells) } else { Err(corrupt()) }
    }
}

fn concat(left: Expr, right: Expr) -> Expr {
    left.binary(sea_query::BinOper::Custom("||"), right)
}

impl Store {
    /// What the store holds. Beside a hub that runs, it is what it held at one moment or another.
    pub async fn digest(&self) -> Result<StoreDigest, Error> {
        let (mut digest, mut count) = (Sha256::new(), 0);
        for table in TABLES {
            digest.update(table.name.as_bytes());
            let mut skip = 0;
            loop {
                let rows: Vec<(String,)> = self.fetch(&table.select(skip, self.is_postgres())).await?;
                for (row,) in &rows {
                    digest.update(row.as_bytes());
                    digest.update([0]);
                }
                let found = rows.len() as u64;
                count += found;
                skip += found;
                if found < AT_ONCE {
                    break;
                }
            }
        }
        let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(StoreDigest { digest, rows: count })
    }

    /// Copies everything into `to`, which must be empty, in one transaction.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`] if it isn't. Nothing is copied then, nor if either database fails.
    pub async fn copy_into(&self, to: &Store) -> Result<StoreDigest, Error> {
        let mut tx = to.begin().await?;
        for table in TABLES.iter().filter(|table| table.name != "setting") {
            let count = Query::select().expr(Func::count(Expr::val(1))).from(Alias::new(table.name)).to_owned();
            let rows: Vec<(i64,)> = tx.fetch(&count).await?;
            if rows.first().is_some_and(|row| row.0 > 0) {
                return Err(Error::NotEmpty);
            }
        }
        for table in TABLES {
            self.copy_table(table, &mut tx).await?;
        }
        tx.commit().await?;
        to.digest().await
    }

    async fn copy_table(&self, table: &Table, to: &mut Tx) -> Result<(), Error> {
        if table.name == "setting" {
            // A new store has noted its key already, which is the same.
            to.execute(&Query::delete().from_table(Alias::new("setting")).to_owned()).await?;
        }
        let mut skip = 0;
        loop {
            let rows: Vec<(String,)> = self.fetch(&table.select(skip, self.is_postgres())).await?;
            for (row,) in &rows {
                let cells = table.read(row)?;
                let values = cells.into_iter().zip(table.columns).map(|(cell, (_, kind))| match (cell, kind) {
                    (None, Kind::Number) => Expr::val(None::<i64>),
                    (None, Kind::Text) => Expr::val(None::<String>),
                    (Some(text), Kind::Number) => Expr::val(text.parse::<i64>().unwrap_or_default()),
                    (Some(text), Kind::Text) => Expr::val(text),
                });
                let statement = Query::insert()
                    .into_table(Alias::new(table.name))
                    .columns(table.columns.iter().map(|(name, _)| Alias::new(*name)))
                    .values_panic(values)
                    .to_owned();
                to.execute(&statement).await?;
            }
            let found = rows.len() as u64;
            skip += found;
            if found < AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Writes the embedded store, as it is at this moment, into a new file that only this user may read. A hub may run on it
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// The file is there already or can't be written; the store is on a server, whose own tools save it.
    pub async fn back_up(&self, file: &std::path::Path) -> Result<(), Error> {
        let cannot = |what: String| Error::CannotOpen { place: file.display().to_string(), what };
        if self.is_postgres() {
            return Err(cannot("the store is on a PostgreSQL server; save it with pg_dump".to_owned()));
        }
        let name = file.to_str().ok_or_else(|| cannot("the name is not UTF-8".to_owned()))?.replace('\'', "''");
        // SQLite takes an empty file that is there, and leaves its rights as they are.
        let made = private::create_new(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => cannot("there is such a file already".to_owned()),
            _ => cannot(error.to_string()),
        })?;
        let saved = self.run_alone(&format!("VACUUM INTO '{name}'")).await.map_err(|error| cannot(error.to_string()));
        let saved = saved.and_then(|()| {
            made.sync_all().and_then(|()| private::sync_directory(file)).map_err(|error| cannot(error.to_string()))
        });
        if saved.is_err() {
            // A part of a store is no backup.
            let _ = std::fs::remove_file(file);
        }
        saved
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can not go on fails")]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_back_whatever_is_in_them() {
        let table = Table { name: "x", key: &["a"], columns: &[("a", Text), ("b", Text), ("c", Number), ("d", Text)] };
        let cells = table.read("5:a:b-\u{1F600}-2:420:").unwrap();
        assert_eq!(cells, [Some("a:b-\u{1F600}".to_owned()), None, Some("42".to_owned()), Some(String::new())]);
        assert!(table.read("5:ab").is_err() && table.read("1:a-2:42-x").is_err());
    }

    /// A table or column that a migration adds and this list forgets would be lost on the way.
    #[tokio::test]
    async fn every_table_and_column_of_the_schema_is_copied() {
        use rand::SeedableRng;
        let dir = tempfile::tempdir().unwrap();
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let key = crate::MasterKey::generate(&mut rng);
        let store = Store::open(&crate::Database::Sqlite(dir.path().join("x.db")), key, rng).await.unwrap();
        let names = Query::select()
            .column(Alias::new("name"))
            .from(Alias::new("sqlite_master"))
            .and_where(Expr::col(Alias::new("type")).eq("table"))
            .to_owned();
        let found: Vec<(String,)> = store.fetch(&names).await.unwrap();
        let mut found: Vec<String> =
            found.into_iter().map(|row| row.0).filter(|name| name != "schema_version").collect();
        let mut known: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        found.sort_unstable();
        known.sort_unstable();
        assert_eq!(found, known);
        for table in TABLES {
            let columns = Query::select()
                .column(Alias::new("name"))
                .from_function(Func::cust("pragma_table_info").arg(table.name), Alias::new("info"))
                .to_owned();
            let found: Vec<(String,)> = store.fetch(&columns).await.unwrap();
            let mut found: Vec<String> = found.into_iter().map(|row| row.0).collect();
            let mut known: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            found.sort_unstable();
            known.sort_unstable();
            assert_eq!(found, known, "{}", table.name);
        }
    }
}
