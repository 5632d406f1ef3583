//! Bulk writes, in a database of their own.

use store::{BulkStore, Database, Error, SchemaVersion, Sql, Value};

use crate::harness::{Fixture, both, commit, noon};

const TABLES: &[SchemaVersion] = &[SchemaVersion {
    both: "CREATE TABLE record (id BIGINT PRIMARY KEY, body TEXT NOT NULL);",
    sqlite: "ALTER TABLE record ADD COLUMN bytes BLOB;",
    postgres: "ALTER TABLE record ADD COLUMN bytes BYTEA;",
}];
const PUT: Sql = Sql {
    sqlite: "INSERT INTO record (id, body, bytes) VALUES ($1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, bytes = excluded.bytes",
    postgres: "INSERT INTO record (id, body, bytes) \
               SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS BYTEA[])) \
               ON CONFLICT (id) DO UPDATE SET body = excluded.body, bytes = excluded.bytes",
};
const BODIES: Sql = Sql {
    sqlite: "SELECT id, body, bytes FROM record WHERE id IN rarray($1) ORDER BY id",
    postgres: "SELECT id, body, bytes FROM record WHERE id = ANY($1) ORDER BY id",
};

fn own(database: &Database) -> Database {
    match database {
        Database::Sqlite(path) => Database::Sqlite(path.with_file_name("bulk.db")),
        server @ Database::Postgres(_) => server.clone(),
    }
}

async fn open(fixture: &Fixture) -> BulkStore {
    BulkStore::open(&own(&fixture.database), "bulk", TABLES, Some(fixture.store.clone())).await.unwrap()
}

async fn put(bulk: &BulkStore, records: impl Iterator<Item = (i64, &str)>) {
    let row = |(id, body): (i64, &str)| vec![Value::from(id), Value::from(body), Value::Bytes(body.into())];
    let mut batch = bulk.batch();
    batch.run_for_each(PUT, records.map(row).collect());
    bulk.commit(batch).await.unwrap();
}

async fn bodies(bulk: &BulkStore, ids: &[i64]) -> Vec<String> {
    let ids = ids.iter().copied().map(Value::from).collect();
    let rows = bulk.read(BODIES, vec![ids]).await.unwrap();
    let body = |row: &store::Row| {
        let body = row.text("body").unwrap();
        assert_eq!(row.optional_bytes("bytes").unwrap(), Some(body.as_bytes()));
        body
    };
    rows.iter().map(body).collect()
}

both! {
    async fn rows_of_a_batch_replace_those_with_their_ids(fixture) {
        let bulk = open(&fixture).await;
        put(&bulk, [(1, "first"), (2, "second"), (3, "third")].into_iter()).await;
        put(&bulk, [(2, "changed")].into_iter()).await;
        assert_eq!(bodies(&bulk, &[1, 2, 7]).await, ["first", "changed"]);
        bulk.close().await;
        let reopened = open(&fixture).await;
        assert_eq!(bodies(&reopened, &[2, 3]).await, ["changed", "third"]);
        reopened.close().await;
    }

    async fn batch_that_does_not_find_what_it_must_changes_nothing(fixture) {
        let bulk = open(&fixture).await;
        put(&bulk, [(1, "first")].into_iter()).await;
        let mut batch = bulk.batch();
        batch.run_for_each(PUT, vec![vec![Value::Int(1), Value::from("changed"), Value::Null]]);
        batch.run_on_one("UPDATE record SET body = 'x' WHERE id = $1", vec![Value::Int(9)], Error::LeaseLost);
        assert!(matches!(bulk.commit(batch).await, Err(Error::LeaseLost)));
        assert_eq!(bodies(&bulk, &[1]).await, ["first"]);
        bulk.close().await;
    }

    async fn unit_of_the_hub_does_not_wait_for_a_batch(fixture) {
        let bulk = open(&fixture).await;
        let mut writing = std::pin::pin!(put(&bulk, (0..20_000).map(|number| (number, "x"))));
        let placed = lending::example::placed();
        let unit = commit(&fixture.store, |unit| _ = unit.insert_request(&placed, &[], noon(0)).unwrap());
        tokio::select! {
            biased;
            () = &mut writing => panic!("the batch came first"),
            stored = unit => drop(stored.unwrap()),
        }
        writing.await;
        bulk.close().await;
    }
}

#[tokio::test]
async fn bulk_writes_are_in_a_file_of_their_own() {
    let fixture = Fixture::sqlite().await;
    let bulk = open(&fixture).await;
    put(&bulk, [(1, "canary")].into_iter()).await;
    bulk.close().await;
    let hub = fixture.file().unwrap();
    fixture.store.close().await;
    let holds = |path: &std::path::Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains("canary");
    assert!(holds(&hub.with_file_name("bulk.db")) && !holds(&hub));
}
