//! Bulk writes, in a database of their own.

use store::{BulkRecord, BulkStore};

use crate::harness::{Fixture, both, commit, noon};

fn record(number: usize, body: &str) -> BulkRecord {
    BulkRecord { institution: "01LEND".into(), id: number.to_string(), body: body.to_owned() }
}

async fn open(fixture: &Fixture) -> BulkStore {
    BulkStore::open(&fixture.store, &fixture.database).await.unwrap()
}

both! {
    async fn record_replaces_the_one_with_its_id(fixture) {
        let bulk = open(&fixture).await;
        bulk.put_records(&[record(1, "first"), record(2, "second")]).await.unwrap();
        bulk.put_records(&[record(2, "changed")]).await.unwrap();
        assert_eq!(bulk.record(&"01LEND".into(), "1").await.unwrap(), Some(record(1, "first")));
        assert_eq!(bulk.record(&"01LEND".into(), "2").await.unwrap(), Some(record(2, "changed")));
        assert_eq!(bulk.record(&"01OTHER".into(), "1").await.unwrap(), None);
        bulk.close().await;
        let reopened = open(&fixture).await;
        assert_eq!(reopened.record(&"01LEND".into(), "2").await.unwrap(), Some(record(2, "changed")));
        reopened.close().await;
    }

    async fn unit_of_the_hub_does_not_wait_for_a_batch(fixture) {
        let bulk = open(&fixture).await;
        let batch: Vec<BulkRecord> = (0..20_000).map(|number| record(number, "x")).collect();
        let mut writing = std::pin::pin!(bulk.put_records(&batch));
        let placed = lending::example::placed();
        let unit = commit(&fixture.store, |unit| _ = unit.insert_request(&placed, &[], noon(0)).unwrap());
        tokio::select! {
            biased;
            written = &mut writing => panic!("the batch came first: {written:?}"),
            stored = unit => drop(stored.unwrap()),
        }
        writing.await.unwrap();
        bulk.close().await;
    }
}

#[tokio::test]
async fn bulk_writes_are_in_a_file_of_their_own() {
    let fixture = Fixture::sqlite().await;
    let bulk = open(&fixture).await;
    bulk.put_records(&[record(1, "canary")]).await.unwrap();
    bulk.close().await;
    let hub = fixture.file().unwrap();
    fixture.store.close().await;
    let holds = |path: &std::path::Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains("canary");
    assert!(holds(&BulkStore::path(&hub)) && !holds(&hub));
}
