//! Messages between libraries, and saved views.

use lending::{AgencyCode, Queue, Request, Status, Supply, example};
use store::{AuditEntry, MOST_VIEWS, NewRequestMessage, RequestFilter, SavedView, Sort, Stored};

use crate::harness::{Fixture, both, commit, noon};
use crate::requests::{insert, request};

fn agencies(codes: &[&str]) -> Vec<AgencyCode> {
    codes.iter().map(|code| (*code).into()).collect()
}

/// Stores a message of LEND that these agencies have yet to read. Returns the request as it is then.
async fn send(fixture: &Fixture, request: &Request, text: &str, readers: &[&str]) -> Stored {
    let before = fixture.store.request(request.id).await.unwrap().unwrap();
    let entry = AuditEntry {
        request: request.id,
        at: noon(1),
        event: "message_sent".to_owned(),
        actor: "desk".to_owned(),
        from: None,
        to: None,
        reason: None,
        note: Some("A message.".to_owned()),
        evidence: None,
    };
    let message = NewRequestMessage { agency: Some("LEND".into()), sender: "desk".to_owned(), text: text.to_owned() };
    let mut unit = fixture.store.unit();
    let saved = unit.save_request(&before, &before.request, &[entry], noon(1)).unwrap();
    unit.insert_request_message(&saved, &message, &agencies(readers), noon(1)).unwrap();
    fixture.store.commit(unit).await.unwrap();
    saved
}

async fn unread(fixture: &Fixture, codes: &[&str]) -> Vec<u64> {
    let mut numbers: Vec<u64> = fixture.store.unread_messages(&agencies(codes)).await.unwrap().into_values().collect();
    numbers.sort_unstable();
    numbers
}

async fn listed(fixture: &Fixture, filter: &RequestFilter) -> usize {
    let found = fixture.store.list(filter).await.unwrap().requests.len();
    assert_eq!(fixture.store.count_requests(filter).await.unwrap(), found as u64);
    found
}

fn view(code: &str, name: &str) -> SavedView {
    SavedView {
        code: code.to_owned(),
        name: name.to_owned(),
        list: "lending".to_owned(),
        filter: "open=true".to_owned(),
        updated_at: noon(0),
    }
}

both! {
    async fn message_reads_back_in_order_and_is_sealed_in_the_database(fixture) {
        insert(&fixture, &request(1)).await;
        send(&fixture, &request(1), "the canary", &["BORROW"]).await;
        let stored = send(&fixture, &request(1), "second", &["BORROW"]).await;
        let messages = fixture.store.request_messages(&stored).await.unwrap();
        let texts: Vec<_> = messages.iter().map(|message| message.text.clone().unwrap()).collect();
        assert_eq!(texts, ["the canary", "second"]);
        assert!(messages[0].seq < messages[1].seq && messages[1].agency == Some("LEND".into()));
        if let Some(file) = fixture.file() {
            let file = rusqlite::Connection::open(file).unwrap();
            let body = file.query_row("SELECT body FROM request_message LIMIT 1", [], |row| row.get::<_, String>(0)).unwrap();
            assert!(!body.contains("canary"), "{body}");
        }
        assert!(fixture.store.verify_audit(None).await.unwrap().faults.is_empty());
    }

    async fn message_is_unread_by_each_agency_until_it_has_read_that_far(fixture) {
        insert(&fixture, &request(1)).await;
        let first = send(&fixture, &request(1), "one", &["BORROW", "PICK"]).await;
        send(&fixture, &request(1), "two", &["BORROW", "PICK"]).await;
        assert_eq!((unread(&fixture, &["BORROW", "PICK"]).await, unread(&fixture, &["LEND"]).await), (vec![2], vec![]));
        let read = async |through: i64| {
            let agencies = agencies(&["PICK"]);
            commit(&fixture.store, |unit| unit.mark_messages_read(request(1).id, &agencies, through)).await.unwrap();
        };
        read(first.version).await;
        assert_eq!((unread(&fixture, &["PICK"]).await, unread(&fixture, &["BORROW"]).await), (vec![1], vec![2]));
        read(i64::MAX).await;
        assert_eq!((unread(&fixture, &["PICK"]).await, unread(&fixture, &["BORROW"]).await), (vec![], vec![2]));
        assert_eq!(fixture.store.unread_of_request(request(1).id).await.unwrap(), [("BORROW".into(), 2)]);
    }

    async fn requests_with_unread_messages_are_listed_in_every_order_and_with_a_queue(fixture) {
        for number in 1..=3 {
            let supply = Supply::new("01LEND".into(), example::copy(&number.to_string()));
            insert(&fixture, &Request { status: Status::PickupTransit, supply: Some(supply), ..request(number) }).await;
        }
        send(&fixture, &request(2), "one", &["BORROW"]).await;
        let by = |codes: &[&str]| RequestFilter { unread_by: Some(agencies(codes)), ..RequestFilter::default() };
        for sort in Sort::ALL {
            assert_eq!(listed(&fixture, &RequestFilter { sort, ..by(&["BORROW", "OTHER"]) }).await, 1, "{}", sort.name());
        }
        assert_eq!(listed(&fixture, &by(&["OTHER"])).await, 0);
        assert_eq!(listed(&fixture, &by(&[])).await, 0);
        let queue = Some(Queue::Receive);
        assert_eq!(listed(&fixture, &RequestFilter { queue, ..by(&["BORROW"]) }).await, 1);
        assert_eq!(listed(&fixture, &RequestFilter { queue, ..by(&["OTHER"]) }).await, 0);
        assert_eq!(listed(&fixture, &RequestFilter { queue, ..RequestFilter::default() }).await, 3);
    }

    async fn view_is_replaced_by_its_code_and_there_are_so_many_at_most(fixture) {
        let store = &fixture.store;
        assert!(store.put_saved_view("anna", &view("a", "Rivers")).await.unwrap());
        assert!(store.put_saved_view("anna", &view("a", "More rivers")).await.unwrap());
        assert_eq!(store.saved_views("anna").await.unwrap(), [view("a", "More rivers")]);
        assert_eq!(store.saved_views("ben").await.unwrap(), []);
        for number in 1..MOST_VIEWS {
            assert!(store.put_saved_view("anna", &view(&number.to_string(), "x")).await.unwrap());
        }
        assert!(!store.put_saved_view("anna", &view("one-more", "x")).await.unwrap());
        assert!(store.put_saved_view("anna", &view("a", "Rivers")).await.unwrap(), "it is there already");
        assert!(store.put_saved_view("ben", &view("a", "x")).await.unwrap());
        assert!(store.delete_saved_view("anna", "a").await.unwrap());
        assert!(!store.delete_saved_view("anna", "a").await.unwrap());
    }
}
