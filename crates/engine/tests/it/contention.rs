//! Transactions that PostgreSQL rolls back because of a conflict: the hub retries them, and nothing is lost.

#![expect(clippy::disallowed_methods, reason = "the test is another program on the same database")]

use std::sync::Arc;

use lending::{CancelledBy, Outcome, Status};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::world::{BORROWER, LENDER, World};

/// An advisory lock that only these tests use.
const LOCK: i64 = 42;

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

/// Starts a hub that has placed a request, and another client of its database.
async fn placed() -> Option<(World, PgConnection)> {
    let mut world = World::on_postgres().await?;
    world.place().await;
    world.until(Status::RequestPlacedAtBorrowingAgency).await;
    let rival = PgConnection::connect(world.postgres.as_deref().unwrap()).await.unwrap();
    Some((world, rival))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decision_that_ends_in_a_deadlock_is_retried_and_nothing_is_lost() {
    let Some((world, mut rival)) = placed().await else { return };
    // The rival holds a lock and waits for the request's row. The hub holds that row, and requests the lock once the
    // rival waits: a deadlock. The server searches for one only on the hub's behalf, so it rolls back the hub's
    // transaction.
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut rival).await.unwrap();
    let circle = format!(
        "CREATE FUNCTION circle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           WHILE EXISTS (SELECT 1 FROM pg_locks WHERE pid = {pid} AND locktype = 'advisory') \
             AND NOT EXISTS (SELECT 1 FROM pg_locks WHERE pid = {pid} AND NOT granted) LOOP \
             PERFORM pg_sleep(0.01); \
           END LOOP; \
           PERFORM pg_advisory_xact_lock({LOCK}); RETURN NEW; END $$; \
         CREATE TRIGGER circle BEFORE INSERT ON intent FOR EACH ROW EXECUTE FUNCTION circle(); \
         BEGIN; SET LOCAL deadlock_timeout = '1h'; SELECT pg_advisory_xact_lock({LOCK})"
    );
    run(&mut rival, circle).await;
    let before = world.request().await;
    let engine = Arc::clone(&world.engine);
    let id = world.id;
    let cancelled = tokio::spawn(async move { engine.cancel(id, CancelledBy::Patron, None, "test").await });
    until_somebody_else_writes_intents(&mut rival, pid).await;
    // The rival gets the row only because the server rolls back the hub's transaction.
    run(&mut rival, format!("SELECT 1 FROM patron_request WHERE id = '{id}' FOR UPDATE")).await;
    let undone = world.request().await;
    assert_eq!((undone.status, undone.in_flight), (before.status, before.in_flight));
    assert!(!cancelled.is_finished(), "the hub retries it; otherwise the caller would have an error");
    run(&mut rival, "ROLLBACK".to_owned()).await;

    cancelled.await.unwrap().unwrap();
    assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
    world.assert_clean();
}

async fn until_somebody_else_writes_intents(rival: &mut PgConnection, pid: i32) {
    let writing = format!(
        "SELECT count(*) FROM pg_locks WHERE pid <> {pid} AND mode = 'RowExclusiveLock' \
         AND relation = 'intent'::regclass"
    );
    while sqlx::query_scalar::<_, i64>(AssertSqlSafe(writing.clone())).fetch_one(&mut *rival).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serialisation_failures_at_every_third_write_keep_nothing_from_being_done_once() {
    let Some(mut world) = World::on_postgres().await else { return };
    let mut rival = PgConnection::connect(world.postgres.as_deref().unwrap()).await.unwrap();
    // A sequence keeps its value even if a transaction is rolled back.
    let failing = "CREATE SEQUENCE writes; \
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('writes') % 3 = 0 THEN RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END IF; \
           RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE UPDATE ON intent FOR EACH ROW EXECUTE FUNCTION fail()";
    run(&mut rival, failing.to_owned()).await;
    world.place().await;
    world.until(Status::RequestPlacedAtBorrowingAgency).await;
    assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
    let hold = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
    assert_eq!((world.calls(LENDER, hold), world.calls(BORROWER, hold)), (1, 1));
    assert_eq!(world.calls(BORROWER, "POST /bibs"), 1);
    world.assert_clean();
}
