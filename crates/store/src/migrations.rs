//! The schema, version by version. Text and 64-bit integers only, so that one script serves both databases but for triggers.

use crate::db::{Store, Tx};
use crate::error::Error;

/// What makes version n+1 of version n. Entries are only ever added. A statement for one database alone begins with its
/// name.
const ALL: &[&[&str]] = &[&[
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE institution (code TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, \
         settings TEXT NOT NULL, credentials TEXT NOT NULL, created_at BIGINT NOT NULL, \
         updated_at BIGINT NOT NULL)",
    "CREATE TABLE agency (code TEXT PRIMARY KEY, name TEXT NOT NULL, \
         institution TEXT NOT NULL REFERENCES institution (code), library TEXT, rules TEXT NOT NULL DEFAULT '{}')",
    "CREATE TABLE pickup_location (code TEXT PRIMARY KEY, name TEXT NOT NULL, \
         agency TEXT NOT NULL REFERENCES agency (code), library TEXT NOT NULL, desk TEXT)",
    "CREATE TABLE patron_request (id TEXT PRIMARY KEY, version BIGINT NOT NULL, status TEXT NOT NULL, \
         outcome TEXT, open BIGINT NOT NULL, attention TEXT NOT NULL, borrower TEXT NOT NULL, lender TEXT, \
         patron_identifier_digest TEXT NOT NULL, patron_verified TEXT, placed_at BIGINT NOT NULL, \
         updated_at BIGINT NOT NULL, document TEXT NOT NULL, audit_head TEXT NOT NULL DEFAULT '', \
         audit_count BIGINT NOT NULL DEFAULT 0, lender_item TEXT, borrower_item TEXT, pickup_item TEXT)",
    "CREATE TABLE audit (request TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, event TEXT NOT NULL, \
         actor TEXT NOT NULL, from_status TEXT, to_status TEXT, reason TEXT, note TEXT, evidence TEXT, \
         hash TEXT NOT NULL DEFAULT '', PRIMARY KEY (request, seq))",
    "CREATE TABLE intent (id TEXT PRIMARY KEY, request TEXT NOT NULL, kind TEXT NOT NULL, \
         target TEXT NOT NULL, institution TEXT NOT NULL, state TEXT NOT NULL, attempts BIGINT NOT NULL, \
         unclear BIGINT NOT NULL, due_at BIGINT NOT NULL, lease_owner TEXT, lease_until BIGINT NOT NULL, \
         fencing_token BIGINT NOT NULL, outcome TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, \
         hinted_at BIGINT NOT NULL DEFAULT 0, hints TEXT NOT NULL DEFAULT '', list TEXT NOT NULL DEFAULT '', \
         list_key TEXT NOT NULL DEFAULT '', list_expected BIGINT NOT NULL DEFAULT 0, \
         last_polled_at BIGINT NOT NULL DEFAULT 0, failures BIGINT NOT NULL DEFAULT 0, \
         failing_since BIGINT NOT NULL DEFAULT 0)",
    "CREATE TABLE webhook (institution TEXT PRIMARY KEY, secret TEXT NOT NULL, previous TEXT, \
         changed_at BIGINT NOT NULL, last_message_at BIGINT NOT NULL DEFAULT 0, \
         last_item_message_at BIGINT NOT NULL DEFAULT 0, missed_message_at BIGINT NOT NULL DEFAULT 0, \
         missed_message_kind TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE webhook_message (institution TEXT NOT NULL, message TEXT NOT NULL, \
         received_at BIGINT NOT NULL, PRIMARY KEY (institution, message))",
    "CREATE TABLE batch_poll (institution TEXT NOT NULL, list TEXT NOT NULL, library TEXT, \
         interval_factor BIGINT NOT NULL, needs_item_messages BIGINT NOT NULL, last_change_at BIGINT NOT NULL, \
         last_read_at BIGINT NOT NULL, due_at BIGINT NOT NULL, lease_owner TEXT, lease_until BIGINT NOT NULL, \
         PRIMARY KEY (institution, list))",
    "CREATE INDEX patron_request_placed ON patron_request (placed_at, id)",
    "CREATE INDEX patron_request_status ON patron_request (status, placed_at)",
    "CREATE INDEX patron_request_borrower ON patron_request (borrower, placed_at)",
    "CREATE INDEX patron_request_lender ON patron_request (lender, placed_at)",
    "CREATE INDEX patron_request_identifier ON patron_request (patron_identifier_digest, open)",
    "CREATE INDEX patron_request_verified ON patron_request (patron_verified, open)",
    "CREATE INDEX intent_due ON intent (state, due_at)",
    "CREATE INDEX intent_request ON intent (request, state)",
    "CREATE UNIQUE INDEX intent_one_effect ON intent (request) WHERE state = 'open' AND kind = 'effect'",
    "sqlite: CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, \
         'the audit is only ever added to'); END",
    "sqlite: CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, \
         'the audit is only ever added to'); END",
    "postgres: CREATE FUNCTION refuse_to_change_audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''the audit is only ever added to''; END'",
    "postgres: CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit()",
    "CREATE INDEX patron_request_lender_item ON patron_request (lender_item, lender)",
    "CREATE INDEX patron_request_borrower_item ON patron_request (borrower_item, borrower)",
    "CREATE INDEX patron_request_pickup_item ON patron_request (pickup_item)",
    "CREATE INDEX webhook_message_received ON webhook_message (received_at)",
    "CREATE INDEX intent_on_list ON intent (list, institution)",
    // With nearly all in it, SQLite would search it for what is due, and read all that is open.
    "CREATE INDEX intent_leased ON intent (state, lease_until) WHERE lease_until > 0",
    "CREATE INDEX intent_failing ON intent (institution) WHERE failures > 0",
]];

/// Brings the schema to the version this program knows.
pub(crate) async fn run(store: &Store) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    tx.lock_schema().await?;
    tx.run_script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)").await?;
    let found = version(&mut tx).await?;
    let known = i64::try_from(ALL.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    let done = usize::try_from(found).unwrap_or_default();
    for (index, statements) in ALL.iter().enumerate().skip(done) {
        for statement in *statements {
            apply(&mut tx, statement).await?;
        }
        tx.run_script("DELETE FROM schema_version").await?;
        tx.run_script(&format!("INSERT INTO schema_version (version) VALUES ({})", index + 1)).await?;
    }
    tx.check_key().await?;
    tx.commit().await
}

/// Says whether the schema is the one that this program knows.
pub(crate) async fn check(store: &Store) -> Result<(), Error> {
    use sea_query::{Alias, Query};
    let statement = Query::select().column(Alias::new("version")).from(Alias::new("schema_version")).to_owned();
    let rows: Vec<(i64,)> = store.fetch(&statement).await?;
    let found = rows.first().map_or(0, |row| row.0);
    let known = i64::try_from(ALL.len()).unwrap_or(i64::MAX);
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Error::NewerSchema { found, known }),
        std::cmp::Ordering::Less => Err(Error::OlderSchema { found, known }),
    }
}

async fn apply(tx: &mut Tx, statement: &str) -> Result<(), Error> {
    let (here, elsewhere) = if tx.is_postgres() { ("postgres: ", "sqlite: ") } else { ("sqlite: ", "postgres: ") };
    if statement.starts_with(elsewhere) {
        return Ok(());
    }
    tx.run_script(statement.strip_prefix(here).unwrap_or(statement)).await
}

async fn version(tx: &mut Tx) -> Result<i64, Error> {
    use sea_query::{Alias, Query};
    let statement = Query::select().column(Alias::new("version")).from(Alias::new("schema_version")).to_owned();
    let rows: Vec<(i64,)> = tx.fetch(&statement).await?;
    Ok(rows.first().map_or(0, |row| row.0))
}
