//! Digest, backup, and the way from one database to another.

use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;
use store::{AuditEntry, Database, Error, Institution, NewIntent, Store, Work};

use crate::harness::{Fixture, both, commit, empty_postgres, noon};
use crate::requests::request;

/// One of everything.
async fn fill(fixture: &Fixture) {
    let mut unit = fixture.store.unit();
    let institution = Institution {
        code: "01BORROW".into(),
        name: "Bücherei – \u{1F4DA}".to_owned(),
        kind: "alma".to_owned(),
        settings: serde_json::json!({"a": "b:c-d"}),
        credentials: "a-key".into(),
    };
    unit.put_institution(&institution, noon(0)).unwrap();
    for number in 1..=3 {
        let request = request(number);
        let entry = AuditEntry {
            request: request.id,
            at: noon(1),
            event: "placed".to_owned(),
            actor: "hub".to_owned(),
            from: None,
            to: None,
            reason: None,
            note: Some("-1:x".to_owned()),
            evidence: None,
        };
        unit.insert_request(&request, &[entry], noon(0)).unwrap();
        let intent = NewIntent {
            id: uuid::Uuid::from_u128(number),
            request: request.id,
            work: Work::Effect(lending::Effect::VerifyPatron),
            institution: "01BORROW".into(),
            due_at: noon(2),
            on_list: None,
        };
        unit.add_intent(&intent, noon(0));
        let poll =
            NewIntent { id: uuid::Uuid::from_u128(100 + number), work: Work::Poll(lending::Side::Borrower), ..intent };
        unit.add_intent(&poll, noon(0));
        unit.add_hint(request.id, lending::Side::Borrower, "added", noon(1), noon(0));
        let list = store::NewBatchPoll {
            institution: "01BORROW".into(),
            list: "on_shelf".to_owned(),
            library: Some("MAIN".into()),
            interval_factor: 4,
            needs_item_messages: true,
            due_at: noon(9),
        };
        unit.add_batch_poll(&list, noon(0));
    }
    unit.insert_message(&"01BORROW".into(), "a message", noon(0));
    fixture.store.commit(unit).await.unwrap();
    fixture
        .store
        .put_webhook_secret(&"01BORROW".into(), &"a-secret".into(), store::Expected::Anything, "hub", noon(0))
        .await
        .unwrap();
}

async fn open(database: &Database, fixture: &Fixture) -> Store {
    Store::open(database, fixture.key.clone(), StdRng::seed_from_u64(3)).await.unwrap()
}

/// All that matters comes over, sealed things readable, the audit whole.
async fn assert_same(from: &Fixture, to: &Store) {
    assert_eq!(from.store.digest().await.unwrap(), to.digest().await.unwrap());
    let institution = to.institution(&"01BORROW".into()).await.unwrap().unwrap();
    assert_eq!((institution.name.as_str(), institution.credentials.expose_secret()), ("Bücherei – \u{1F4DA}", "a-key"));
    let copied = to.request(request(2).id).await.unwrap().unwrap();
    assert_eq!(copied, from.store.request(request(2).id).await.unwrap().unwrap());
    let verified = to.verify_audit(None).await.unwrap();
    assert_eq!((verified.requests, verified.entries, verified.faults.len()), (3, 3, 0));
    assert_eq!(to.queue_counts().await.unwrap().open, 6);
    let secrets = to.webhook_secrets(&"01BORROW".into()).await.unwrap().unwrap();
    assert_eq!(secrets.current.expose_secret(), "a-secret");
}

both! {
    async fn digest_changes_with_any_change(fixture) {
        fill(&fixture).await;
        let before = fixture.store.digest().await.unwrap();
        assert_eq!(before, fixture.store.digest().await.unwrap());
        commit(&fixture.store, |unit| unit.reschedule_postponed(&"01BORROW".into(), noon(1))).await.unwrap();
        let after = fixture.store.digest().await.unwrap();
        assert_eq!(after.rows, before.rows);
        assert_ne!(after.digest, before.digest);
    }

    async fn store_is_copied_into_an_embedded_one(fixture) {
        fill(&fixture).await;
        let dir = tempfile::tempdir().unwrap();
        let other = open(&Database::Sqlite(dir.path().join("other.db")), &fixture).await;
        fixture.store.copy_into(&other).await.unwrap();
        assert_same(&fixture, &other).await;
        assert!(matches!(fixture.store.copy_into(&other).await, Err(Error::NotEmpty)));
    }

    async fn store_is_copied_onto_a_server(fixture) {
        fill(&fixture).await;
        let server = empty_postgres().await;
        // With the same master key, as one hub has.
        let other = open(&server, &fixture).await;
        fixture.store.copy_into(&other).await.unwrap();
        assert_same(&fixture, &other).await;
    }
}

#[tokio::test]
async fn backup_of_a_store_in_use_opens_and_is_the_same() {
    let fixture = Fixture::sqlite().await;
    fill(&fixture).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("it's a backup.db");
    let reader = Store::open_to_read(&fixture.database, StdRng::seed_from_u64(1)).await.unwrap();
    reader.back_up(&file).await.unwrap();
    assert_same(&fixture, &open(&Database::Sqlite(file.clone()), &fixture).await).await;
    assert!(matches!(reader.back_up(&file).await, Err(Error::CannotOpen { .. })), "an existing file is left alone");
}

#[tokio::test]
async fn a_server_is_saved_by_its_own_tools() {
    let fixture = Fixture::postgres().await;
    let dir = tempfile::tempdir().unwrap();
    let refused = fixture.store.back_up(&dir.path().join("x.db")).await.unwrap_err().to_string();
    assert!(refused.contains("pg_dump"), "{refused}");
}
