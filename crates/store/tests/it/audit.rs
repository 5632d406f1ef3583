//! The audit: only added to, and what is done to it behind the hub's back shows.

use lending::{RequestId, Status};
use store::{AuditEntry, Database, Error};

use crate::harness::{self, Fixture, both, commit, noon};
use crate::requests::{append, insert, request};

fn entry(id: RequestId, event: &str) -> AuditEntry {
    AuditEntry {
        request: id,
        at: noon(1),
        event: event.to_owned(),
        actor: "hub".to_owned(),
        from: Some(Status::SubmittedToDcb),
        to: Some(Status::PatronVerified),
        reason: Some("it is so".to_owned()),
        note: None,
        evidence: Some(serde_json::json!({"hold": "81"})),
    }
}

/// Two requests with four entries each; the first one's id.
async fn with_entries(fixture: &Fixture) -> RequestId {
    for number in [1, 2] {
        let request = request(number);
        insert(fixture, &request).await;
        for pair in [["one", "two"], ["three", "four"]] {
            append(fixture, request.id, &pair.map(|event| entry(request.id, event))).await;
        }
    }
    request(1).id
}

/// Does to the database what the hub would not.
async fn behind_its_back(fixture: &Fixture, sql: &str) -> Result<(), String> {
    harness::behind_its_back(&fixture.database, sql).await
}

/// Somebody with all rights takes the triggers away first.
async fn without_triggers(fixture: &Fixture, sql: &str) {
    match &fixture.database {
        Database::Sqlite(_) => {
            behind_its_back(fixture, "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted")
                .await
                .unwrap();
        }
        Database::Postgres(_) => behind_its_back(fixture, "ALTER TABLE audit DISABLE TRIGGER ALL").await.unwrap(),
    }
    behind_its_back(fixture, sql).await.unwrap();
}

async fn faults(fixture: &Fixture) -> Vec<(Option<i64>, &'static str)> {
    let found = fixture.store.verify_audit(None).await.unwrap();
    found.faults.into_iter().map(|fault| (fault.entry, fault.what)).collect()
}

both! {
    async fn audit_as_the_hub_wrote_it_is_whole(fixture) {
        let id = with_entries(&fixture).await;
        let all = fixture.store.verify_audit(None).await.unwrap();
        assert_eq!((all.requests, all.entries, all.faults.len()), (2, 8, 0));
        let one = fixture.store.verify_audit(Some(id)).await.unwrap();
        assert_eq!((one.requests, one.entries, one.faults.len()), (1, 4, 0));
    }

    async fn database_refuses_to_change_and_to_delete_entries(fixture) {
        with_entries(&fixture).await;
        for sql in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"] {
            let refused = behind_its_back(&fixture, sql).await.unwrap_err();
            assert!(refused.contains("the audit is only ever added to"), "{refused}");
        }
        assert!(faults(&fixture).await.is_empty());
    }

    async fn changed_entry_shows(fixture) {
        with_entries(&fixture).await;
        without_triggers(&fixture, "UPDATE audit SET actor = 'nobody' WHERE event = 'two'").await;
        let what = "the entry is not as it was written, or not in its place";
        assert_eq!(faults(&fixture).await, [(Some(2), what), (Some(2), what)]);
    }

    async fn entry_taken_out_shows(fixture) {
        with_entries(&fixture).await;
        without_triggers(&fixture, "DELETE FROM audit WHERE event = 'two'").await;
        assert_eq!(faults(&fixture).await[0], (Some(2), "an entry is missing here"));
    }

    async fn newest_entry_taken_out_shows(fixture) {
        with_entries(&fixture).await;
        without_triggers(&fixture, "DELETE FROM audit WHERE event = 'four'").await;
        assert_eq!(faults(&fixture).await[0], (None, "there are more or fewer entries than the request says"));
    }

    async fn swapped_entries_show(fixture) {
        with_entries(&fixture).await;
        let swap = "UPDATE audit SET seq = 9 WHERE event = 'two'; UPDATE audit SET seq = 2 WHERE event = 'three'; \
                    UPDATE audit SET seq = 3 WHERE event = 'two'";
        without_triggers(&fixture, swap).await;
        assert_eq!(faults(&fixture).await[0].0, Some(2));
    }

    async fn request_taken_out_leaves_its_audit_behind_and_shows(fixture) {
        with_entries(&fixture).await;
        let id = request(1).id;
        behind_its_back(&fixture, &format!("DELETE FROM patron_request WHERE id = '{id}'")).await.unwrap();
        assert_eq!(faults(&fixture).await, [(None, "the request itself is gone")]);
    }

    async fn entry_for_a_request_that_is_not_there_is_refused(fixture) {
        let mut stored = insert(&fixture, &request(1)).await;
        stored.request.id = request(7).id;
        let refused = commit(&fixture.store, |unit| {
            unit.save_request(&stored, &stored.request, &[entry(stored.request.id, "one")], noon(1)).unwrap();
        });
        assert!(matches!(refused.await, Err(Error::Conflict)));
        assert!(fixture.store.timeline(request(7).id).await.unwrap().is_empty());
        assert!(faults(&fixture).await.is_empty());
    }
}
