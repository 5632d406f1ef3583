//! Opening a store, and what keeps it from being opened.

use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{Database, Error, MasterKey, Store};

use crate::harness::{Fixture, both, noon};

both! {
    async fn store_opens_again_with_its_key(fixture) {
        let mut tx = fixture.store.begin().await.unwrap();
        tx.insert_request(&lending::example::placed(), noon(0)).await.unwrap();
        tx.commit().await.unwrap();
        let (database, key) = (fixture.database.clone(), fixture.key.clone());
        fixture.store.close().await;
        drop(fixture.store);
        let again = Store::open(&database, key, StdRng::seed_from_u64(1)).await.unwrap();
        assert!(again.request(lending::example::placed().id).await.unwrap().is_some());
    }

    async fn another_key_is_refused_with_what_to_do(fixture) {
        let database = fixture.database.clone();
        fixture.store.close().await;
        drop(fixture.store);
        let mut rng = StdRng::seed_from_u64(99);
        let other = MasterKey::generate(&mut rng);
        let error = Store::open(&database, other, rng).await.unwrap_err();
        assert!(matches!(error, Error::WrongKey), "{error}");
        assert!(error.to_string().contains("put the key back"));
    }
}

#[tokio::test]
async fn embedded_store_is_open_in_one_process_only() {
    let fixture = Fixture::sqlite().await;
    let error = Store::open(&fixture.database, fixture.key.clone(), StdRng::seed_from_u64(1)).await.unwrap_err();
    assert!(matches!(error, Error::InUse(_)), "{error}");
}

#[tokio::test]
async fn file_that_is_no_database_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consort.db");
    std::fs::write(&path, "this is no database, and long enough to be looked at as one".repeat(40)).unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    assert!(Store::open(&Database::Sqlite(path.clone()), key, rng).await.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn directory_that_is_not_there_is_named() {
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    let error = Store::open(&Database::Sqlite("/nonexistent/consort.db".into()), key, rng).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/consort.db"), "{error}");
}

#[test]
fn database_is_a_server_or_a_file() {
    assert!(matches!("postgres://localhost/x".parse(), Ok(Database::Postgres(_))));
    assert!(matches!(" postgresql://localhost/x".parse(), Ok(Database::Postgres(_))));
    assert!(matches!("data/consort.db".parse(), Ok(Database::Sqlite(_))));
    assert!(!format!("{:?}", "postgres://u:secret@h/x".parse::<Database>()).contains("secret"));
}
