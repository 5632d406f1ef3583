//! The whole store, table by table: its digest, and its copy into another database.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::database::Store;
use crate::error::Error;
use crate::private;
use crate::sql::{Value, values};

/// How many rows are held at once.
const AT_ONCE: i64 = 500;

/// A table of the schema.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [&'static str],
}

/// The tables; those that others refer to come first. A test holds this to the schema.
const TABLES: &[Table] = &[
    Table { name: "setting", key: &["name"], columns: &["name", "value"] },
    Table { name: "secret", key: &["name"], columns: &["name", "value"] },
    Table {
        name: "institution",
        key: &["code"],
        columns: &["code", "name", "kind", "settings", "credentials", "created_at", "updated_at", "version"],
    },
    Table { name: "agency", key: &["code"], columns: &["code", "name", "institution", "library", "rules", "version"] },
    Table {
        name: "pickup_location",
        key: &["code"],
        columns: &["code", "name", "agency", "library", "desk", "version", "route_code"],
    },
    Table {
        name: "patron_request",
        key: &["id"],
        columns: &[
            "id",
            "version",
            "status",
            "outcome",
            "open",
            "needs_staff",
            "borrower",
            "lender",
            "patron_identifier_digest",
            "patron_verified",
            "placed_at",
            "updated_at",
            "document",
            "audit_head",
            "audit_count",
            "lender_item",
            "borrower_item",
            "pickup_item",
            "final_status",
            "agency",
            "lender_place",
            "pickup_location",
            "title",
            "audit_key",
            "finished_at",
        ],
    },
    Table {
        name: "virtual_patron",
        key: &["patron", "institution", "side"],
        columns: &["patron", "institution", "side", "id", "last_used_at", "kept_until"],
    },
    Table { name: "supplier_policy", key: &["seq"], columns: &["seq", "at", "actor", "document"] },
    Table {
        name: "supplier_choice",
        key: &["request", "seq"],
        columns: &["request", "seq", "at", "policy", "document"],
    },
    Table {
        name: "request_event",
        key: &["request", "version"],
        columns: &[
            "request",
            "version",
            "position",
            "at",
            "borrower",
            "lender",
            "lender_library",
            "pickup_location",
            "document",
        ],
    },
    Table {
        name: "subscription",
        key: &["code"],
        columns: &[
            "code",
            "url",
            "language",
            "secret",
            "previous_secret",
            "previous_until",
            "role",
            "agencies",
            "private_allowed",
            "created_at",
            "created_by",
            "active",
            "position",
            "failures",
            "due_at",
            "last_delivered_at",
            "last_error",
            "lease_owner",
            "lease_until",
        ],
    },
    Table {
        name: "delivery",
        key: &["subscription", "position"],
        columns: &["subscription", "position", "request", "state", "attempts", "first_at", "due_at", "error"],
    },
    Table {
        name: "open_work",
        key: &["request"],
        columns: &[
            "request",
            "queue",
            "wait",
            "waits_since",
            "needs_decision",
            "decision_since",
            "cases",
            "cases_since",
            "asked_at",
            "at_agency",
            "at_lender",
            "at_place",
            "at_pickup",
        ],
    },
    Table {
        name: "summary_change",
        key: &["request", "version", "seq"],
        columns: &[
            "request",
            "version",
            "seq",
            "day",
            "side",
            "place",
            "institution",
            "measure",
            "detail",
            "number",
            "days",
            "fold",
        ],
    },
    Table {
        name: "daily_summary",
        key: &["day", "side", "place", "measure", "detail"],
        columns: &["day", "side", "place", "institution", "measure", "detail", "number", "days"],
    },
    Table {
        name: "request_message",
        key: &["request", "seq"],
        columns: &["request", "seq", "at", "agency", "sender", "body"],
    },
    Table { name: "unread_message", key: &["agency", "request"], columns: &["agency", "request", "number", "since"] },
    Table {
        name: "saved_view",
        key: &["owner", "code"],
        columns: &["owner", "code", "name", "list", "filter", "updated_at"],
    },
    Table { name: "request_barcode", key: &["barcode", "request"], columns: &["barcode", "request"] },
    Table {
        name: "audit",
        key: &["request", "seq"],
        columns: &[
            "request",
            "seq",
            "at",
            "event",
            "actor",
            "from_status",
            "to_status",
            "reason",
            "note",
            "evidence",
            "hash",
        ],
    },
    Table {
        name: "work",
        key: &["id"],
        columns: &[
            "id",
            "request",
            "kind",
            "target",
            "institution",
            "state",
            "attempts",
            "unclear",
            "due_at",
            "lease_owner",
            "lease_until",
            "fencing_token",
            "outcome",
            "created_at",
            "updated_at",
        ],
    },
    Table {
        name: "poll",
        key: &["id"],
        columns: &[
            "id",
            "request",
            "side",
            "institution",
            "attempts",
            "due_at",
            "hints",
            "hinted_at",
            "list",
            "list_key",
            "list_expected",
            "last_polled_at",
            "failures",
            "failing_since",
            "outcome",
            "lease_owner",
            "lease_until",
            "fencing_token",
            "created_at",
            "updated_at",
        ],
    },
    Table { name: "hint", key: &["request", "side", "seq"], columns: &["request", "side", "seq", "body"] },
    Table {
        name: "batch_poll",
        key: &["institution", "list"],
        columns: &[
            "institution",
            "list",
            "library",
            "interval_factor",
            "needs_item_messages",
            "last_change_at",
            "last_read_at",
            "due_at",
            "lease_owner",
            "lease_until",
            "fencing_token",
        ],
    },
    Table {
        name: "webhook",
        key: &["institution"],
        columns: &[
            "institution",
            "secret",
            "previous",
            "changed_at",
            "last_message_at",
            "last_item_message_at",
            "missed_message_at",
            "missed_message_kind",
        ],
    },
    Table {
        name: "webhook_message",
        key: &["institution", "message"],
        columns: &["institution", "message", "received_at"],
    },
    Table {
        name: "answer",
        key: &["id"],
        columns: &["id", "call", "state", "attempt", "begun_at", "lease_until", "answer"],
    },
    Table {
        name: "api_key",
        key: &["id"],
        columns: &[
            "id",
            "name",
            "digest",
            "role",
            "agencies",
            "created_at",
            "created_by",
            "expires_at",
            "last_used_at",
        ],
    },
    Table {
        name: "admin_audit",
        key: &["seq"],
        columns: &["seq", "at", "actor", "origin", "act", "object", "agencies", "before", "after", "hash"],
    },
    Table {
        name: "patron_read",
        key: &["id"],
        columns: &[
            "id",
            "at",
            "actor",
            "origin",
            "operation",
            "request",
            "other_requests",
            "agency",
            "shown",
            "reason",
        ],
    },
    Table {
        name: "hub_user",
        key: &["name"],
        columns: &[
            "name",
            "role",
            "agencies",
            "password",
            "totp_secret",
            "totp_step",
            "created_at",
            "created_by",
            "disabled_at",
            "last_sign_in_at",
        ],
    },
    Table { name: "hub_session", key: &["digest"], columns: &["digest", "name", "created_at", "expires_at"] },
];

/// The statements of a table, written once from its columns.
struct Statements {
    table: &'static Table,
    count: String,
    insert: String,
    select_on_sqlite: String,
    select_on_postgres: String,
}

static STATEMENTS: LazyLock<Vec<Statements>> = LazyLock::new(|| TABLES.iter().map(Statements::of).collect());

impl Statements {
    fn of(table: &'static Table) -> Self {
        let (name, columns) = (table.name, table.columns.join(", "));
        let places: Vec<String> = (1..=table.columns.len()).map(|place| format!("${place}")).collect();
        let select = |order: String| format!("SELECT {columns} FROM {name} ORDER BY {order} LIMIT $1 OFFSET $2");
        // By bytes on both databases, whatever the server's language.
        let by_bytes = |key: &&str| {
            if matches!(*key, "seq" | "version" | "position") {
                (*key).to_owned()
            } else {
                format!("{key} COLLATE \"C\"")
            }
        };
        Self {
            table,
            count: format!("SELECT COUNT(*) AS rows FROM {name}"),
            insert: format!("INSERT INTO {name} ({columns}) VALUES ({})", places.join(", ")),
            select_on_sqlite: select(table.key.join(", ")),
            select_on_postgres: select(table.key.iter().map(by_bytes).collect::<Vec<_>>().join(", ")),
        }
    }

    fn select(&self, store: &Store) -> &str {
        if store.is_postgres() { &self.select_on_postgres } else { &self.select_on_sqlite }
    }
}

/// What a store holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreDigest {
    /// SHA-256 over every row of every table, in hexadecimal digits; the same on both databases.
    pub digest: String,
    /// Rows in all.
    pub rows: u64,
}

impl Store {
    /// What the store holds. Beside a hub that runs, it is what it held at one moment or another.
    pub async fn digest(&self) -> Result<StoreDigest, Error> {
        let (mut digest, mut count) = (Sha256::new(), 0);
        for statements in STATEMENTS.iter() {
            digest.update(statements.table.name.as_bytes());
            let mut skip = 0;
            loop {
                let rows = self.read(statements.select(self), values![AT_ONCE, skip]).await?;
                for row in &rows {
                    digest.update(row.cells.iter().map(written).collect::<String>().as_bytes());
                    digest.update([0]);
                }
                count += rows.len() as u64;
                skip += AT_ONCE;
                if rows.len() < AT_ONCE as usize {
                    break;
                }
            }
        }
        let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(StoreDigest { digest, rows: count })
    }

    /// Copies everything into `to`, which must be empty. A copy that ends early leaves a database that can't be opened:
    /// empty it and copy again.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`] if it isn't. Nothing is copied then.
    pub async fn copy_into(&self, to: &Store) -> Result<StoreDigest, Error> {
        // A new store has settings and secrets of its own.
        let own = ["setting", "secret"];
        for statements in STATEMENTS.iter().filter(|statements| !own.contains(&statements.table.name)) {
            if to.read(&statements.count, values![]).await?.first().map_or(Ok(0), |row| row.count("rows"))? > 0 {
                return Err(Error::NotEmpty);
            }
        }
        let mut begin = to.unit();
        // A new store has noted its key already, which is the same.
        begin.run("DELETE FROM setting", values![]);
        begin.run("DELETE FROM secret", values![]);
        begin.run("INSERT INTO setting (name, value) VALUES ('unfinished_copy', '')", values![]);
        to.commit(begin).await?;
        for statements in STATEMENTS.iter() {
            self.copy_table(statements, to).await?;
        }
        let mut end = to.unit();
        end.run("DELETE FROM setting WHERE name = 'unfinished_copy'", values![]);
        to.commit(end).await?;
        to.digest().await
    }

    async fn copy_table(&self, statements: &'static Statements, to: &Store) -> Result<(), Error> {
        let mut skip = 0;
        loop {
            let rows = self.read(statements.select(self), values![AT_ONCE, skip]).await?;
            let found = rows.len();
            let mut unit = to.unit();
            for row in rows {
                unit.run(&statements.insert, row.cells);
            }
            to.commit(unit).await?;
            skip += AT_ONCE;
            if found < AT_ONCE as usize {
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
        save_into(file, async |name| self.read("VACUUM INTO $1", values![name]).await.map(drop)).await
    }
}

/// Saves a database into a new file that only this user may read, as a whole or not at all. `save` fills the file of this
/// name.
pub(crate) async fn save_into(
    file: &std::path::Path,
    save: impl AsyncFnOnce(String) -> Result<(), Error>,
) -> Result<(), Error> {
    let cannot = |what: String| Error::CannotOpen { place: file.display().to_string(), what };
    let name = file.to_str().ok_or_else(|| cannot("the name is not UTF-8".to_owned()))?;
    // SQLite takes an empty file that is there, and leaves its rights as they are.
    let made = private::create_new(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => cannot("there is such a file already".to_owned()),
        _ => cannot(error.to_string()),
    })?;
    let saved = save(name.to_owned()).await.map_err(|error| cannot(error.to_string())).and_then(|()| {
        made.sync_all().and_then(|()| private::sync_directory(file)).map_err(|error| cannot(error.to_string()))
    });
    if saved.is_err() {
        // A part of a store is no backup.
        let _ = std::fs::remove_file(file);
    }
    saved
}

/// A cell as the digest takes it: its length, a colon and its characters; `-` for NULL.
fn written(cell: &Value) -> String {
    let text = match cell {
        Value::Null => return "-".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        // No column of the hub's own tables has them.
        Value::Bytes(_) | Value::List(_) => String::new(),
    };
    format!("{}:{text}", text.chars().count())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can not go on fails")]
mod tests {
    use super::*;

    /// A table or column that a migration adds and this list forgets would be lost on the way.
    #[tokio::test]
    async fn every_table_and_column_of_the_schema_is_copied() {
        use rand::SeedableRng;
        let dir = tempfile::tempdir().unwrap();
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let key = crate::MasterKey::generate(&mut rng);
        let store = Store::open(&crate::Database::Sqlite(dir.path().join("x.db")), key, rng).await.unwrap();
        let names = async |sql: &'static str, values| {
            let rows = store.read(sql, values).await.unwrap();
            let mut names: Vec<String> = rows.iter().map(|row| row.text("name").unwrap()).collect();
            names.sort_unstable();
            names
        };
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        let tables =
            names("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_version'", values![]).await;
        assert_eq!(tables, sorted(TABLES.iter().map(|table| table.name).collect()));
        for table in TABLES {
            let columns = names("SELECT name FROM pragma_table_info($1)", values![table.name]).await;
            assert_eq!(columns, sorted(table.columns.to_vec()), "{}", table.name);
        }
    }

    /// The page on personal data names each column once, and says which text is sealed.
    #[test]
    fn page_on_personal_data_names_every_column_of_the_schema() {
        let page = include_str!("../../../docs/personal-data.md");
        let named =
            |word: &&str| word.split_once('.').is_some_and(|(table, _)| TABLES.iter().any(|one| one.name == table));
        let named: Vec<&str> = page.split('`').filter(named).collect();
        let mut all: Vec<String> = Vec::new();
        for table in TABLES {
            all.extend(table.columns.iter().map(|column| format!("{}.{column}", table.name)));
        }
        let missing: Vec<&String> = all.iter().filter(|column| !named.contains(&column.as_str())).collect();
        let unknown: Vec<&&str> = named.iter().filter(|name| !all.contains(&(**name).to_owned())).collect();
        assert!(
            missing.is_empty() && unknown.is_empty(),
            "not on the page: {missing:?}; not in the schema: {unknown:?}"
        );
        for sealed in crate::sealed::COLUMNS {
            let name = format!("`{}.{}`", sealed.table, sealed.column);
            let row = page.lines().find(|line| line.contains(&name)).unwrap();
            assert!(row.contains("(sealed)") || row.contains("sealed with"), "{row}");
        }
    }
}
