//! The schema, version by version. Text and 64-bit integers only, so that one script serves both databases but for triggers.

use crate::db::{Store, Tx};
use crate::error::Error;

/// In place of a statement: what was written before gets its place in the audit's chain.
const CHAIN_ALL: &str = "chain the audit";

/// What makes version n+1 of version n. Entries are only ever added. A statement for one database alone begins with its
/// name.
const ALL: &[&[&str]] = &[
    &[
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE institution (code TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, settings TEXT NOT NULL, \
     credentials TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)",
        "CREATE TABLE agency (code TEXT PRIMARY KEY, name TEXT NOT NULL, institution TEXT NOT NULL \
     REFERENCES institution (code), library TEXT)",
        "CREATE TABLE pickup_location (code TEXT PRIMARY KEY, name TEXT NOT NULL, agency TEXT NOT NULL \
     REFERENCES agency (code), library TEXT NOT NULL, desk TEXT)",
        "CREATE TABLE patron_request (id TEXT PRIMARY KEY, version BIGINT NOT NULL, status TEXT NOT NULL, outcome TEXT, \
     open BIGINT NOT NULL, attention TEXT NOT NULL, borrower TEXT NOT NULL, lender TEXT, patron_given TEXT NOT NULL, \
     patron_verified TEXT, placed_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, document TEXT NOT NULL)",
        "CREATE INDEX patron_request_placed ON patron_request (placed_at, id)",
        "CREATE INDEX patron_request_status ON patron_request (status, placed_at)",
        "CREATE INDEX patron_request_borrower ON patron_request (borrower, placed_at)",
        "CREATE INDEX patron_request_lender ON patron_request (lender, placed_at)",
        "CREATE INDEX patron_request_given ON patron_request (patron_given, open)",
        "CREATE INDEX patron_request_verified ON patron_request (patron_verified, open)",
        "CREATE TABLE audit (request TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, event TEXT NOT NULL, \
     actor TEXT NOT NULL, from_status TEXT, to_status TEXT, because TEXT, note TEXT, evidence TEXT, \
     PRIMARY KEY (request, seq))",
        "CREATE TABLE intent (id TEXT PRIMARY KEY, request TEXT NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL, \
     institution TEXT NOT NULL, state TEXT NOT NULL, attempts BIGINT NOT NULL, unclear BIGINT NOT NULL, \
     due_at BIGINT NOT NULL, lease_owner TEXT, lease_until BIGINT NOT NULL, fence BIGINT NOT NULL, \
     outcome TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)",
        "CREATE INDEX intent_due ON intent (state, due_at)",
        "CREATE INDEX intent_leased ON intent (state, lease_until)",
        "CREATE INDEX intent_request ON intent (request, state)",
        "CREATE UNIQUE INDEX intent_one_effect ON intent (request) WHERE state = 'open' AND kind = 'effect'",
    ],
    &["ALTER TABLE agency ADD COLUMN rules TEXT NOT NULL DEFAULT '{}'"],
    &[
        "ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE patron_request ADD COLUMN audit_head TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE patron_request ADD COLUMN audit_count BIGINT NOT NULL DEFAULT 0",
        CHAIN_ALL,
        "sqlite: CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit \
     BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END",
        "sqlite: CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit \
     BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END",
        "postgres: CREATE FUNCTION refuse_to_change_audit() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN RAISE EXCEPTION ''the audit is only ever added to''; END'",
        "postgres: CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit \
     FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit()",
    ],
    &[
        "ALTER TABLE intent ADD COLUMN hinted_at BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE patron_request ADD COLUMN lender_item TEXT",
        "ALTER TABLE patron_request ADD COLUMN borrower_item TEXT",
        "ALTER TABLE patron_request ADD COLUMN pickup_item TEXT",
        "CREATE INDEX patron_request_lender_item ON patron_request (lender_item, lender)",
        "CREATE INDEX patron_request_borrower_item ON patron_request (borrower_item, borrower)",
        "CREATE INDEX patron_request_pickup_item ON patron_request (pickup_item)",
        "CREATE TABLE webhook_secret (institution TEXT PRIMARY KEY, secret TEXT NOT NULL, previous TEXT, \
     changed_at BIGINT NOT NULL)",
        "CREATE TABLE inbox (institution TEXT NOT NULL, message TEXT NOT NULL, received_at BIGINT NOT NULL, \
     PRIMARY KEY (institution, message))",
        "CREATE INDEX inbox_received ON inbox (received_at)",
    ],
    &["ALTER TABLE intent ADD COLUMN reported TEXT NOT NULL DEFAULT ''"],
    &[
        "ALTER TABLE intent ADD COLUMN list TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE intent ADD COLUMN list_key TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE intent ADD COLUMN list_has BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX intent_on_list ON intent (list, institution)",
        "CREATE TABLE sweep (institution TEXT NOT NULL, list TEXT NOT NULL, library TEXT, pace BIGINT NOT NULL, \
     of_items BIGINT NOT NULL, moved_at BIGINT NOT NULL, read_at BIGINT NOT NULL, due_at BIGINT NOT NULL, lease_owner TEXT, \
     lease_until BIGINT NOT NULL, PRIMARY KEY (institution, list))",
    ],
    // With nearly all in it, SQLite looked there for what is due, and read all that is open.
    &["DROP INDEX intent_leased", "CREATE INDEX intent_leased ON intent (state, lease_until) WHERE lease_until > 0"],
    &[
        "ALTER TABLE intent ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0",
        "UPDATE intent SET seen_at = CASE WHEN outcome = 'nothing new' THEN updated_at ELSE created_at END",
        "ALTER TABLE webhook_secret ADD COLUMN heard_at BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE webhook_secret ADD COLUMN items_at BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE webhook_secret ADD COLUMN missed_at BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE webhook_secret ADD COLUMN missed TEXT NOT NULL DEFAULT ''",
    ],
    &[
        "ALTER TABLE intent ADD COLUMN failures BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE intent ADD COLUMN failing_since BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX intent_failing ON intent (institution) WHERE failures > 0",
    ],
];

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
    if statement == CHAIN_ALL {
        return tx.chain_all().await;
    }
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
