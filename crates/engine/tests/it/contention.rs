//! Transactions that PostgreSQL rolls back because of a conflict: the hub retries them, and nothing is lost.

use std::sync::Arc;

use lending::{CancelledBy, Outcome, Status};
use tokio_postgres::Client;

use crate::world::{BORROWER, LENDER, World};

/// An advisory lock that only these tests use.
const LOCK: i64 = 42;

async fn run(connection: &Client, sql: &str) {
    connection.batch_execute(sql).await.unwrap();
}

/// Starts a hub that has placed a request, and another client of its database.
async fn placed() -> (World, Client) {
    let mut world = World::on_postgres().await;
    world.place().await;
    world.until(Status::RequestPlacedAtBorrowingAgency).await;
    let rival = pg_cluster::connect(world.postgres.as_deref().unwrap()).await.unwrap();
    (world, rival)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decision_that_ends_in_a_deadlock_is_retried_and_nothing_is_lost() {
    let (world, rival) = placed().await;
    // The rival holds a lock and waits for the request's row. The hub holds that row, and requests the lock once the
    // rival waits: a deadlock. The server searches for one only on the hub's behalf, so it rolls back the hub's
    // transaction.
    let pid: i32 = rival.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let circle = format!(
        "CREATE FUNCTION circle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           WHILE EXISTS (SELECT 1 FROM pg_locks WHERE pid = {pid} AND locktype = 'advisory') \
             AND NOT EXISTS (SELECT 1 FROM pg_locks WHERE pid = {pid} AND NOT granted) LOOP \
             PERFORM pg_sleep(0.01); \
           END LOOP; \
           PERFORM pg_advisory_xact_lock({LOCK}); RETURN NEW; END $$; \
         CREATE TRIGGER circle BEFORE INSERT ON work FOR EACH ROW EXECUTE FUNCTION circle()"
    );
    run(&rival, &circle).await;
    // A statement that is sent together with a BEGIN becomes part of its transaction, and nobody else would see the
    // trigger.
    let begin = format!("BEGIN; SET LOCAL deadlock_timeout = '1h'; SELECT pg_advisory_xact_lock({LOCK})");
    run(&rival, &begin).await;
    let before = world.request().await;
    let engine = Arc::clone(&world.engine);
    let id = world.id;
    let cancelled = tokio::spawn(async move { engine.cancel(id, CancelledBy::Patron, None, "test").await });
    until_somebody_else_writes_the_request_and_work(&rival, pid).await;
    // The rival gets the row only because the server rolls back the hub's transaction.
    run(&rival, &format!("SELECT 1 FROM patron_request WHERE id = '{id}' FOR UPDATE")).await;
    let undone = world.request().await;
    assert_eq!((undone.status, undone.in_flight), (before.status, before.in_flight));
    assert!(!cancelled.is_finished(), "the hub retries it; otherwise the caller would have an error");
    run(&rival, "ROLLBACK").await;

    cancelled.await.unwrap().unwrap();
    assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
    world.assert_clean();
}

/// Waits for another transaction that writes both. To prepare a statement locks its one table too.
async fn until_somebody_else_writes_the_request_and_work(rival: &Client, pid: i32) {
    let writing = format!(
        "SELECT count(*) FROM pg_locks AS request JOIN pg_locks AS work ON work.pid = request.pid \
         WHERE request.pid <> {pid} AND request.mode = 'RowExclusiveLock' AND work.mode = 'RowExclusiveLock' \
         AND request.relation = 'patron_request'::regclass AND work.relation = 'work'::regclass"
    );
    while rival.query_one(&writing, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serialisation_failures_at_every_third_write_keep_nothing_from_being_done_once() {
    let mut world = World::on_postgres().await;
    let rival = pg_cluster::connect(world.postgres.as_deref().unwrap()).await.unwrap();
    // A sequence keeps its value even if a transaction is rolled back.
    let failing = "CREATE SEQUENCE writes; \
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('writes') % 3 = 0 THEN RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END IF; \
           RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE UPDATE ON work FOR EACH ROW EXECUTE FUNCTION fail()";
    run(&rival, failing).await;
    world.place().await;
    world.until(Status::RequestPlacedAtBorrowingAgency).await;
    assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
    let hold = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
    assert_eq!((world.calls(LENDER, hold), world.calls(BORROWER, hold)), (1, 1));
    assert_eq!(world.calls(BORROWER, "POST /bibs"), 1);
    world.assert_clean();
}
