//! Requests and their audit.

use lending::{Request, RequestId, Status, example};
use store::{AuditEntry, Error, RequestFilter};
use uuid::Uuid;

use crate::harness::{Fixture, both, noon};

pub(crate) fn request(number: u128) -> Request {
    Request {
        id: RequestId(Uuid::from_u128(number)),
        placed_at: noon(i64::try_from(number).unwrap()),
        ..example::placed()
    }
}

pub(crate) async fn insert(fixture: &Fixture, request: &Request) {
    let mut tx = fixture.store.begin().await.unwrap();
    tx.insert_request(request, noon(0)).await.unwrap();
    tx.commit().await.unwrap();
}

fn entry(request: RequestId, event: &str, seconds: i64) -> AuditEntry {
    AuditEntry {
        request,
        at: noon(seconds),
        event: event.to_owned(),
        actor: "hub".to_owned(),
        from: Some(Status::SubmittedToDcb),
        to: None,
        reason: None,
        note: Some("note".to_owned()),
        evidence: Some(serde_json::json!({"hold": "81"})),
    }
}

both! {
    async fn request_reads_back_as_it_was_written(fixture) {
        let mut request = request(1);
        request.patron.verified = Some(example::verified());
        insert(&fixture, &request).await;
        let stored = fixture.store.request(request.id).await.unwrap().unwrap();
        assert_eq!(stored.request, request);
        assert_eq!(stored.version, 1);
        assert!(fixture.store.request(RequestId(Uuid::from_u128(9))).await.unwrap().is_none());
    }

    async fn save_on_an_old_version_is_a_conflict_and_changes_nothing(fixture) {
        let mut request = request(1);
        insert(&fixture, &request).await;
        request.status = Status::PatronVerified;
        let mut tx = fixture.store.begin().await.unwrap();
        assert_eq!(tx.save_request(&request, 1, noon(1)).await.unwrap(), 2);
        tx.commit().await.unwrap();
        request.status = Status::Cancelled;
        let mut tx = fixture.store.begin().await.unwrap();
        let saved = async {
            tx.save_request(&request, 1, noon(2)).await?;
            tx.commit().await
        };
        assert!(matches!(saved.await, Err(Error::Conflict)));
        assert_eq!(fixture.store.request(request.id).await.unwrap().unwrap().request.status, Status::PatronVerified);
    }

    async fn transaction_of_which_a_statement_has_failed_commits_nothing(fixture) {
        insert(&fixture, &request(1)).await;
        let mut tx = fixture.store.begin().await.unwrap();
        tx.insert_request(&request(2), noon(1)).await.unwrap();
        assert!(tx.insert_request(&request(1), noon(1)).await.is_err(), "it is there already");
        let continues = async {
            tx.insert_request(&request(3), noon(1)).await?;
            tx.commit().await
        };
        assert!(continues.await.is_err());
        for number in [2, 3] {
            assert!(fixture.store.request(request(number).id).await.unwrap().is_none(), "{number}");
        }
    }

    async fn nothing_that_was_written_before_a_conflict_is_committed(fixture) {
        insert(&fixture, &request(1)).await;
        let mut tx = fixture.store.begin().await.unwrap();
        tx.insert_request(&request(2), noon(1)).await.unwrap();
        let all = async {
            tx.append_audit(request(2).id, &[entry(request(2).id, "placed", 1)]).await?;
            tx.save_request(&request(1), 7, noon(1)).await?;
            tx.commit().await
        };
        assert!(matches!(all.await, Err(Error::Conflict)));
        assert!(fixture.store.request(request(2).id).await.unwrap().is_none());
        // The next one writes as if nothing had been.
        insert(&fixture, &request(2)).await;
        assert!(fixture.store.timeline(request(2).id).await.unwrap().is_empty());
    }

    async fn transaction_without_commit_leaves_nothing(fixture) {
        let mut tx = fixture.store.begin().await.unwrap();
        tx.insert_request(&request(1), noon(0)).await.unwrap();
        drop(tx);
        assert!(fixture.store.request(request(1).id).await.unwrap().is_none());
    }

    async fn list_is_paged_newest_first_without_gap_or_repeat(fixture) {
        for number in 1..=7 {
            insert(&fixture, &request(number)).await;
        }
        let mut filter = RequestFilter { limit: 3, ..RequestFilter::default() };
        let mut seen = Vec::new();
        loop {
            let page = fixture.store.requests(&filter).await.unwrap();
            seen.extend(page.requests.iter().map(|stored| stored.request.id.0.as_u128()));
            let Some(next) = page.next else { break };
            filter.after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    }

    async fn filters_narrow_the_list(fixture) {
        let mut done = request(1);
        done.status = Status::Finalised;
        insert(&fixture, &done).await;
        insert(&fixture, &request(2)).await;
        let count = async |filter: RequestFilter| fixture.store.requests(&filter).await.unwrap().requests.len();
        assert_eq!(count(RequestFilter { open_only: true, ..RequestFilter::default() }).await, 1);
        assert_eq!(count(RequestFilter { statuses: vec![Status::Finalised], ..RequestFilter::default() }).await, 1);
        assert_eq!(count(RequestFilter { institution: Some("01BORROW".into()), ..RequestFilter::default() }).await, 2);
        assert_eq!(count(RequestFilter { institution: Some("01OTHER".into()), ..RequestFilter::default() }).await, 0);
        assert_eq!(count(RequestFilter { needs_staff: true, ..RequestFilter::default() }).await, 0);
        let counts = fixture.store.count_by_status().await.unwrap();
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 2);
    }

    async fn patron_is_found_by_given_and_by_verified_identifier(fixture) {
        let mut mine = request(1);
        mine.patron.verified = Some(example::verified());
        insert(&fixture, &mine).await;
        let open = async |id: &str| {
            fixture.store.open_requests_of_patron(&"01BORROW".into(), &id.into()).await.unwrap().len()
        };
        assert_eq!(open("READER").await, 1);
        assert_eq!(open("Reader@example.org").await, 1);
        assert_eq!(open("somebody").await, 0);
    }

    async fn timeline_keeps_its_order(fixture) {
        let request = request(1);
        insert(&fixture, &request).await;
        for (seconds, event) in [(2, "one"), (1, "two"), (3, "three")] {
            let mut tx = fixture.store.begin().await.unwrap();
            tx.append_audit(request.id, &[entry(request.id, event, seconds)]).await.unwrap();
            tx.commit().await.unwrap();
        }
        let rows = fixture.store.timeline(request.id).await.unwrap();
        let events: Vec<(i64, &str)> = rows.iter().map(|row| (row.seq, row.entry.event.as_str())).collect();
        assert_eq!(events, [(1, "one"), (2, "two"), (3, "three")]);
        assert_eq!(rows[0].entry.evidence, Some(serde_json::json!({"hold": "81"})));
    }
}

#[tokio::test]
async fn patron_identifiers_are_nowhere_in_the_file() {
    let fixture = Fixture::sqlite().await;
    let mut request = request(1);
    request.patron.identifier = "canary-patron-4711".into();
    request.patron.verified = Some(lending::VerifiedPatron { id: "canary@example.org".into(), ..example::verified() });
    insert(&fixture, &request).await;
    let path = fixture.file().unwrap();
    fixture.store.close().await;
    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("SUBMITTED_TO_DCB"), "the request itself is there");
    assert!(!text.contains("canary"), "an identifier is readable in the file");
}
