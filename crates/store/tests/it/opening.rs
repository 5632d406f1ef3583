//! Opening a store, and what keeps it from being opened.

use std::time::Duration;

use lending::Side;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;
use store::{Claim, Database, Error, MasterKey, RequestFilter, Store};

use crate::harness::{Fixture, behind_its_back, both, commit, noon};

both! {
    async fn store_reopens_with_its_key(fixture) {
        let placed = lending::example::placed();
        commit(&fixture.store, |unit| _ = unit.insert_request(&placed, &[], noon(0)).unwrap()).await.unwrap();
        let (database, key) = (fixture.database.clone(), fixture.key.clone());
        fixture.store.close().await;
        drop(fixture.store);
        let second = Store::open(&database, key, StdRng::seed_from_u64(1)).await.unwrap();
        assert!(second.request(lending::example::placed().id).await.unwrap().is_some());
    }

    async fn titles_of_an_earlier_program_are_brought_in_order_and_sorted_alike_everywhere(fixture) {
        let titles = ["\u{00e9}t\u{00e9}", "zoo", "Zebra", "a b", "A-b", "\u{00c4}rger  mit\u{00a0}\u{00dc}bel", "\u{041c}\u{0438}\u{0440}"];
        for (number, title) in (1..).zip(titles) {
            let mut request = lending::example::placed();
            request.id = lending::RequestId(uuid::Uuid::from_u128(number));
            request.title = Some(lending::Title { title: title.to_owned(), author: None });
            commit(&fixture.store, |unit| _ = unit.insert_request(&request, &[], noon(0)).unwrap()).await.unwrap();
        }
        let (database, key) = (fixture.database.clone(), fixture.key.clone());
        fixture.store.close().await;
        drop(fixture.store);
        // As SQLite's LOWER leaves them.
        let sql = "UPDATE patron_request SET title = '\u{00c4}rger  mit\u{00a0}\u{00dc}bel' WHERE title LIKE '%rger%'; \
                   UPDATE patron_request SET title = '\u{041c}\u{0438}\u{0440}' WHERE id LIKE '%7'; \
                   INSERT INTO setting (name, value) VALUES ('titles_in_order_to', '')";
        behind_its_back(&database, sql).await.unwrap();
        let store = Store::open(&database, key, StdRng::seed_from_u64(1)).await.unwrap();
        let of = async |title: &str| {
            let filter = RequestFilter { title: Some(title.to_owned()), ..RequestFilter::default() };
            store.requests(&filter).await.unwrap().requests.len()
        };
        assert_eq!((of("\u{00e4}RGER mit \u{00fc}bel").await, of("\u{043c}\u{0438}\u{0440}").await), (1, 1));
        let by_title = RequestFilter { sort: store::Sort::Title, ..RequestFilter::default() };
        let sorted = store.requests(&by_title).await.unwrap().requests.into_iter();
        let numbers: Vec<u128> = sorted.map(|stored| stored.request.id.0.as_u128()).collect();
        assert_eq!(numbers, [4, 5, 3, 2, 6, 1, 7]);
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

    async fn store_that_was_sealed_is_seen_without_its_key(fixture) {
        assert!(Store::is_there(&fixture.database).await.unwrap());
        fixture.store.check_key(&fixture.key.clone().into()).await.unwrap();
        let other = MasterKey::generate(&mut StdRng::seed_from_u64(99));
        assert!(matches!(fixture.store.check_key(&other.into()).await, Err(Error::WrongKey)));
    }
}

#[tokio::test]
async fn embedded_store_is_open_in_one_process_only() {
    let fixture = Fixture::sqlite().await;
    let error = Store::open(&fixture.database, fixture.key.clone(), StdRng::seed_from_u64(1)).await.unwrap_err();
    assert!(matches!(error, Error::InUse(_)), "{error}");
}

#[tokio::test]
async fn closed_store_is_one_whole_file() {
    // More often than once: connections that close at the same moment leave the log to each other.
    for _ in 0..20 {
        let fixture = Fixture::sqlite().await;
        let placed = lending::example::placed();
        commit(&fixture.store, |unit| _ = unit.insert_request(&placed, &[], noon(0)).unwrap()).await.unwrap();
        fixture.store.request(placed.id).await.unwrap().unwrap();
        fixture.store.close().await;
        let file = fixture.file().unwrap();
        assert!(!file.with_extension("db-wal").exists(), "the write-ahead log of {} is left", file.display());
    }
}

#[tokio::test]
async fn file_that_is_no_database_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consort.db");
    std::fs::write(&path, "this is no database, and long enough to be polled as one".repeat(40)).unwrap();
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

/// A store as an earlier program left it, with a request at each stage (`data/schema-1.sql`, and its key).
#[tokio::test]
async fn store_of_an_earlier_program_is_brought_up_to_date_and_its_requests_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(dir.path().join("consort.db"));
    // The dump has what refers to others before those.
    let dump = format!("PRAGMA foreign_keys = OFF; {}", include_str!("data/schema-1.sql"));
    behind_its_back(&database, &dump).await.unwrap();
    let key = dir.path().join("master.key");
    std::fs::write(&key, include_str!("data/schema-1.key")).unwrap();
    let rng = StdRng::seed_from_u64(1);
    let key = MasterKey::load(&key).unwrap();

    let store = Store::open(&database, key, rng).await.unwrap();
    let requests = store.requests(&RequestFilter::default()).await.unwrap().requests;
    let mut statuses: Vec<&str> = requests.iter().map(|stored| stored.request.status.name()).collect();
    statuses.sort_unstable();
    let stages = [
        "FINALISED",
        "LOANED",
        "PICKUP_TRANSIT",
        "READY_FOR_PICKUP",
        "REQUEST_PLACED_AT_BORROWING_AGENCY",
        "RETURN_TRANSIT",
    ];
    assert_eq!(statuses, stages);
    assert!(
        requests.iter().all(|stored| stored.request.patron.identifier.as_str() == "jo.reader"),
        "patrons are unsealed"
    );
    let limits = lending::WaitLimits::default();
    let work = store.work_counts(None, &limits, lending::example::noon()).await.unwrap().lender;
    assert_eq!(work.iter().map(|count| count.requests).sum::<u64>(), 5, "the open ones are listed as work: {work:?}");
    let lender = store.institution(&"01LEND_INST".into()).await.unwrap().unwrap();
    assert_eq!(lender.credentials.expose_secret(), "k-01LEND_INST");
    let verified = store.verify_audit(None).await.unwrap();
    assert!(verified.faults.is_empty(), "{:?}", verified.faults);

    // The digests and the ids of virtual patrons that the earlier program made are still known.
    let open = store.open_requests_of_patron(&"01BORROW_INST".into(), &"jo.reader".into()).await.unwrap();
    assert_eq!(open.len(), stages.len() - 1);
    let verified = open[0].request.patron.verified.as_ref().unwrap();
    let at_lender =
        store.virtual_patron(&"01BORROW_INST".into(), &verified.id, &"01LEND_INST".into(), Side::Lender).await.unwrap();
    assert_eq!(at_lender.id, open[0].request.supply.as_ref().unwrap().virtual_patron);
    assert!(at_lender.id.is_some());
    assert!(at_lender.unkeyed_until >= Some(open[0].request.placed_at));

    // What was scheduled is still there; and what a library reports finds the request, before and after it is saved.
    let late = lending::example::noon() + jiff::SignedDuration::from_hours(24 * 365);
    let claim = Claim {
        owner: "hub",
        now: late,
        lease: Duration::from_secs(30),
        limit: 50,
        max_per_institution: 50,
        max_polls: 50,
        max_polls_per_institution: 50,
    };
    let claimed: std::collections::BTreeSet<_> =
        store.claim(&claim).await.unwrap().intents.into_iter().map(|intent| intent.request).collect();
    assert_eq!(claimed.len(), stages.len() - 1, "each open request has a poll or a deadline");
    let out = requests.iter().find(|stored| stored.request.status.name() == "LOANED").unwrap();
    let item = out.request.borrower.item.open().unwrap().clone();
    let found = async || -> Vec<_> {
        let found = store.open_requests_with_item(&"01BORROW_INST".into(), &item).await.unwrap();
        found.into_iter().map(|stored| stored.request.id).collect()
    };
    assert_eq!(found().await, [out.request.id]);
    commit(&store, |unit| _ = unit.save_request(out, &out.request, &[], late).unwrap()).await.unwrap();
    assert_eq!(found().await, [out.request.id]);
}

#[tokio::test]
async fn store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let fixture = Fixture::sqlite().await;
    fixture.store.close().await;
    let (database, key) = (fixture.database.clone(), fixture.key.clone());
    behind_its_back(&database, "UPDATE schema_version SET version = 99 WHERE version = 6").await.unwrap();
    drop(fixture.store);
    let refused = Store::open(&database, key, StdRng::seed_from_u64(1)).await.unwrap_err();
    assert!(matches!(refused, Error::NewerSchema { found: 99, .. }), "{refused}");
    assert!(refused.to_string().contains("use the newer program"), "{refused}");
}

#[tokio::test]
async fn no_store_is_seen_where_there_is_none_and_none_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("consort.db");
    assert!(!Store::is_there(&Database::Sqlite(file.clone())).await.unwrap());
    assert!(!file.exists());
    // What a full disk leaves of a new store is none.
    std::fs::write(&file, "").unwrap();
    assert!(!Store::is_there(&Database::Sqlite(file)).await.unwrap());
}

#[tokio::test]
async fn database_on_a_server_without_a_store_is_seen_as_such() {
    let empty = crate::harness::empty_postgres().await;
    assert!(!Store::is_there(&empty).await.unwrap());
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    Store::open(&empty, key, rng).await.unwrap().close().await;
    assert!(Store::is_there(&empty).await.unwrap());
}

#[tokio::test]
async fn nodes_that_open_an_empty_database_at_the_same_time_all_open_it() {
    let empty = crate::harness::empty_postgres().await;
    let key = MasterKey::generate(&mut StdRng::seed_from_u64(1));
    let nodes = (0..6).map(|node| Store::open(&empty, key.clone(), StdRng::seed_from_u64(node)));
    let mut secrets = std::collections::BTreeSet::new();
    for opened in futures::future::join_all(nodes).await {
        let store = opened.unwrap();
        secrets.insert(store.pseudonym_key().unwrap().expose_secret().to_owned());
        // Each connection is of use afterwards.
        for _ in 0..3 {
            assert!(store.requests(&RequestFilter::default()).await.unwrap().requests.is_empty());
        }
        store.close().await;
    }
    assert_eq!(secrets.len(), 1, "all nodes have the secrets of the first");
}

#[cfg(unix)]
#[tokio::test]
async fn embedded_store_and_its_backup_are_readable_by_their_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::sqlite().await;
    let file = fixture.file().unwrap();
    let saved = file.with_extension("saved");
    fixture.store.back_up(&saved).await.unwrap();
    for name in ["consort.db", "consort.db-wal", "consort.db-shm", "consort.saved"] {
        let mode = std::fs::metadata(file.with_file_name(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name} has mode {mode:o}");
    }
    let error = fixture.store.back_up(&saved).await.unwrap_err();
    assert!(error.to_string().contains("already"), "{error}");
}

/// A parameter that isn't known may be a misspelt password.
#[tokio::test]
async fn parameter_of_an_address_that_is_not_known_is_not_logged() {
    use parking_lot::Mutex;
    use std::sync::Arc;
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let database = Database::Postgres("postgres://hub:x@127.0.0.1:1/hub?passwrd=canary".to_owned().into());
    let error = Store::is_there(&database).await.unwrap_err();
    tracing::info!("the log works");
    let logged = String::from_utf8(log.0.lock().clone()).unwrap();
    assert!(logged.contains("the log works"));
    assert!(!logged.contains("canary") && !error.to_string().contains("canary"), "{logged}{error}");
}
