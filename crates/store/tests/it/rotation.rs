//! The master key is replaced while nodes work.

use std::path::Path;

use lending::RequestId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;
use store::{AuditEntry, Database, Error, Institution, MasterKey, MasterKeys, Store, StoreKeys, Unit};

use crate::harness::{Fixture, both, commit, noon};

/// A store with text in every sealed column. Two institutions' worth of webhook secrets, and more requests than are sealed
/// anew at once.
async fn fill(store: &Store) {
    for number in 0..230_u128 {
        let mut request = lending::example::placed();
        request.id = RequestId(uuid::Uuid::from_u128(number + 1));
        let entry = AuditEntry {
            request: request.id,
            at: noon(0),
            event: "cancel".to_owned(),
            actor: "test".to_owned(),
            from: None,
            to: None,
            reason: None,
            note: Some(format!("note {number}")),
            evidence: None,
        };
        commit(store, |unit| _ = unit.insert_request(&request, &[entry], noon(0)).unwrap()).await.unwrap();
    }
    let put = |unit: &mut Unit| unit.put_institution(&institution(), noon(0)).unwrap();
    commit(store, put).await.unwrap();
    for secret in ["first secret", "second secret", "third secret"] {
        store
            .put_webhook_secret(
                &"01LEND_INST".into(),
                &secret.to_owned().into(),
                store::Expected::Anything,
                "test",
                noon(0),
            )
            .await
            .unwrap();
    }
}

fn institution() -> Institution {
    Institution {
        code: "01LEND_INST".into(),
        name: "Lender".to_owned(),
        kind: "alma".to_owned(),
        settings: serde_json::json!({}),
        credentials: "k-secret".to_owned().into(),
    }
}

/// Checks that everything opens.
async fn assert_opens(store: &Store, requests: u128) {
    for number in 0..requests {
        let id = RequestId(uuid::Uuid::from_u128(number + 1));
        let stored = store.request(id).await.unwrap().unwrap();
        assert_eq!(stored.request.patron.identifier, lending::example::placed().patron.identifier);
        assert_eq!(store.timeline(id).await.unwrap()[0].entry.note, Some(format!("note {number}")));
    }
    let lender = store.institution(&"01LEND_INST".into()).await.unwrap().unwrap();
    assert_eq!(lender.credentials.expose_secret(), "k-secret");
    let secrets = store.webhook_secrets(&"01LEND_INST".into()).await.unwrap().unwrap().all();
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, ["third secret", "second secret", "first secret"]);
}

/// Two key files: one as before the replacement, and the same with a new key.
fn key_file(dir: &Path, old: &MasterKey) -> (std::path::PathBuf, MasterKey) {
    let mut rng = StdRng::seed_from_u64(77);
    let new = MasterKey::generate(&mut rng);
    let file = dir.join("master.key");
    MasterKeys::write(&file, &[old], &mut rng).unwrap();
    (file, new)
}

async fn open_shared(database: &Database, file: &Path) -> Result<Store, Error> {
    Store::open_shared(database, MasterKeys::load(file).unwrap(), StdRng::seed_from_u64(5)).await
}

both! {
    async fn master_key_is_replaced_while_a_node_works_and_nothing_stays_sealed_with_the_old_one(fixture) {
        let dir = tempfile::tempdir().unwrap();
        let (file, new) = key_file(dir.path(), &fixture.key);
        fixture.store.close().await;
        drop(fixture.store);
        let (database, key) = (&fixture.database, &fixture.key);
        let node = Store::open(database, MasterKeys::load(&file).unwrap(), StdRng::seed_from_u64(2)).await.unwrap();
        fill(&node).await;
        let digest = node.open_requests_of_patron(&"01BORROW".into(), &lending::example::placed().patron.identifier).await;
        let pseudonyms = node.pseudonym_key().unwrap();

        // The file has the new key before the store does.
        MasterKeys::write(&file, &[&new, key], &mut StdRng::seed_from_u64(3)).unwrap();
        let rotation = open_shared(database, &file).await.unwrap();
        rotation.replace_master_key(&new).await.unwrap();
        let keys = StoreKeys { current: new.id(), former: Some(key.id()) };
        assert_eq!(rotation.keys().await.unwrap(), Some(keys));
        let before = rotation.count_sealed_with_former_key().await.unwrap();
        // The documents and the audit keys of 230 requests, an institution, a webhook's two columns, and two secrets.
        assert_eq!(before, 2 * 230 + 1 + 2 + 2);
        assert!(matches!(rotation.forget_former_key().await, Err(Error::Conflict)));

        // The node still seals with the old key. Its unit is refused once, and sealed anew.
        assert_opens(&node, 230).await;
        let stored = node.request(RequestId(uuid::Uuid::from_u128(1))).await.unwrap().unwrap();
        let save = |unit: &mut Unit| _ = unit.save_request(&stored, &stored.request, &[], noon(1)).unwrap();
        assert!(matches!(commit(&node, save).await, Err(Error::Contended)));
        commit(&node, save).await.unwrap();
        assert_eq!(rotation.count_sealed_with_former_key().await.unwrap(), before - 1);

        assert_eq!(rotation.seal_anew().await.unwrap(), before - 1);
        assert_eq!(rotation.count_sealed_with_former_key().await.unwrap(), 0);
        rotation.forget_former_key().await.unwrap();
        assert_eq!(rotation.keys().await.unwrap(), Some(StoreKeys { current: new.id(), former: None }));
        assert_opens(&node, 230).await;
        rotation.close().await;
        node.close().await;
        drop(node);

        // The new key alone opens it, and the old one doesn't. Digests and pseudonyms are as before.
        let old = Store::open(database, key.clone(), StdRng::seed_from_u64(4)).await;
        assert!(matches!(old, Err(Error::WrongKey)), "{old:?}");
        let store = Store::open(database, new, StdRng::seed_from_u64(4)).await.unwrap();
        assert_opens(&store, 230).await;
        assert_eq!(store.pseudonym_key().unwrap().expose_secret(), pseudonyms.expose_secret());
        let found = store.open_requests_of_patron(&"01BORROW".into(), &lending::example::placed().patron.identifier).await;
        assert_eq!((found.unwrap().len(), digest.unwrap().len()), (230, 230));
    }

    async fn master_key_is_not_replaced_twice_at_once(fixture) {
        let dir = tempfile::tempdir().unwrap();
        let (file, new) = key_file(dir.path(), &fixture.key);
        let other = MasterKey::generate(&mut StdRng::seed_from_u64(78));
        MasterKeys::write(&file, &[&other, &new, &fixture.key], &mut StdRng::seed_from_u64(3)).unwrap();
        fixture.store.close().await;
        let store = open_shared(&fixture.database, &file).await.unwrap();
        store.replace_master_key(&new).await.unwrap();
        assert!(matches!(store.replace_master_key(&other).await, Err(Error::Conflict)));
        assert_eq!(store.keys().await.unwrap().unwrap().current, new.id());
    }

    async fn node_without_the_new_key_is_refused_until_its_file_has_it(fixture) {
        let dir = tempfile::tempdir().unwrap();
        let (file, new) = key_file(dir.path(), &fixture.key);
        fixture.store.close().await;
        drop(fixture.store);
        let node = Store::open(&fixture.database, MasterKeys::load(&file).unwrap(), StdRng::seed_from_u64(2)).await.unwrap();
        let both = dir.path().join("both.key");
        MasterKeys::write(&both, &[&new, &fixture.key], &mut StdRng::seed_from_u64(3)).unwrap();
        open_shared(&fixture.database, &both).await.unwrap().replace_master_key(&new).await.unwrap();
        let put = |unit: &mut Unit| unit.put_institution(&institution(), noon(0)).unwrap();
        assert!(matches!(commit(&node, put).await, Err(Error::WrongKey)), "it would seal with the old key");
        std::fs::copy(&both, &file).unwrap();
        assert!(matches!(commit(&node, put).await, Err(Error::Contended)));
        commit(&node, put).await.unwrap();
        assert!(node.institution(&"01LEND_INST".into()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn nodes_that_lack_a_new_key_are_counted_and_read_their_files_when_it_is_announced() {
    let fixture = Fixture::postgres().await;
    let dir = tempfile::tempdir().unwrap();
    let (file, new) = key_file(dir.path(), &fixture.key);
    let with_file =
        Store::open(&fixture.database, MasterKeys::load(&file).unwrap(), StdRng::seed_from_u64(2)).await.unwrap();
    let mut first = with_file.join("first").await.unwrap();
    let mut second = fixture.store.join("second").await.unwrap();
    assert_eq!(fixture.store.nodes_without_key(&fixture.key).await.unwrap(), 0);
    assert_eq!(fixture.store.nodes_without_key(&new).await.unwrap(), 2);
    MasterKeys::write(&file, &[&new, &fixture.key], &mut StdRng::seed_from_u64(3)).unwrap();
    fixture.store.announce_new_key().await.unwrap();
    first.next_event().await.unwrap();
    second.next_event().await.unwrap();
    assert_eq!(fixture.store.nodes_without_key(&new).await.unwrap(), 1, "the second has no file with it");
    drop(second);
    // The server notices the end of a connection a moment later.
    while fixture.store.live_nodes().await.unwrap() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.store.nodes_without_key(&new).await.unwrap(), 0);
}

/// Text in a column that no list names would be lost with the old key.
#[tokio::test]
async fn no_column_but_the_listed_ones_holds_sealed_text() {
    let fixture = Fixture::sqlite().await;
    fill(&fixture.store).await;
    let file = rusqlite::Connection::open(fixture.file().unwrap()).unwrap();
    let names = |sql: &str| -> Vec<String> {
        let mut statement = file.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut rows = 0;
    for table in names("SELECT name FROM sqlite_master WHERE type = 'table'") {
        for column in names(&format!("SELECT name FROM pragma_table_info('{table}')")) {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE {column} LIKE '%v1:{}:%'", fixture.key.id());
            rows += file.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap();
        }
    }
    let (new, database) = (MasterKey::generate(&mut StdRng::seed_from_u64(9)), fixture.database.clone());
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("master.key");
    MasterKeys::write(&keys, &[&new, &fixture.key], &mut StdRng::seed_from_u64(3)).unwrap();
    let rotation = open_shared(&database, &keys).await.unwrap();
    rotation.replace_master_key(&new).await.unwrap();
    assert_eq!(i64::try_from(rotation.count_sealed_with_former_key().await.unwrap()), Ok(rows));
}
