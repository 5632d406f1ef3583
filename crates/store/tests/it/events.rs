//! Events: written with a change, placed in the order of the commits, read and removed.

use lending::{Supply, example};
use secrecy::ExposeSecret as _;
use serde_json::json;
use store::{OfAgencies, RequestEvent, Store, Subscription};

use crate::harness::{both, commit, noon};
use crate::requests::request;

fn event(number: u128, version: i64, seconds: i64) -> RequestEvent {
    RequestEvent::new(&request(number), version, noon(seconds), json!({"status": "LOANED"}))
}

both! {
    async fn events_are_read_in_the_order_in_which_they_were_placed(fixture) {
        let store = &fixture.store;
        assert_eq!(store.event_positions().await.unwrap(), None);
        commit(store, |unit| unit.insert_event(&event(2, 2, 5))).await.unwrap();
        assert!(store.events_after(0, 10).await.unwrap().is_empty(), "it has no position yet");
        assert_eq!(store.place_events().await.unwrap(), 1);
        // Decided earlier by another node's clock, and committed later.
        commit(store, |unit| unit.insert_event(&event(1, 1, 1))).await.unwrap();
        commit(store, |unit| unit.insert_event(&event(1, 2, 0))).await.unwrap();
        assert_eq!(store.place_events().await.unwrap(), 2);
        assert_eq!(store.place_events().await.unwrap(), 0);
        let read = store.events_after(0, 10).await.unwrap();
        let order: Vec<_> = read.iter().map(|placed| (placed.position, placed.event.clone())).collect();
        assert_eq!(order, [(1, event(2, 2, 5)), (2, event(1, 1, 1)), (3, event(1, 2, 0))]);
        assert_eq!(store.events_after(1, 1).await.unwrap(), read[1..2]);
        assert_eq!(store.event_positions().await.unwrap(), Some((1, 3)));
    }

    async fn event_of_a_change_that_fails_is_not_stored(fixture) {
        let store = &fixture.store;
        commit(store, |unit| unit.insert_event(&event(1, 1, 0))).await.unwrap();
        let twice = commit(store, |unit| {
            unit.insert_event(&event(2, 1, 0));
            unit.insert_event(&event(1, 1, 0));
        });
        assert!(twice.await.is_err());
        assert_eq!(store.place_events().await.unwrap(), 1);
    }

    async fn positions_go_on_after_old_events_are_removed(fixture) {
        let store = &fixture.store;
        for version in 1..=3 {
            commit(store, |unit| unit.insert_event(&event(1, version, version))).await.unwrap();
        }
        store.place_events().await.unwrap();
        commit(store, |unit| unit.prune_events(noon(100))).await.unwrap();
        assert_eq!(store.event_positions().await.unwrap(), Some((3, 3)));
        commit(store, |unit| unit.insert_event(&event(1, 4, 4))).await.unwrap();
        store.place_events().await.unwrap();
        assert_eq!(store.events_after(3, 10).await.unwrap()[0].position, 4);
    }

    async fn nodes_that_place_events_at_the_same_time_give_each_position_once(fixture) {
        let store = &fixture.store;
        for version in 1..=40 {
            commit(store, |unit| unit.insert_event(&event(1, version, 0))).await.unwrap();
        }
        let placed = futures::future::join_all((0..4).map(|_| store.place_events())).await;
        // A node may learn that another one was quicker; the events are placed all the same.
        assert!(placed.iter().any(Result::is_ok), "{placed:?}");
        store.place_events().await.unwrap();
        let read = store.events_after(0, 100).await.unwrap();
        assert_eq!(read.iter().map(|placed| placed.position).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
        assert!(read.iter().zip(1..).all(|(placed, version)| placed.event.version == version));
    }
}

#[test]
fn event_belongs_to_the_agencies_at_each_side() {
    let mut lent = request(1);
    lent.supply = Some(Supply::new("01LEND".into(), example::copy("31999")));
    let event = RequestEvent::new(&lent, 1, noon(0), json!({}));
    let (lender, library) = event.lender.clone().unwrap();
    let none = OfAgencies::default();
    let of_lender = OfAgencies { lenders: vec![lender.clone()], ..OfAgencies::default() };
    let other_library = OfAgencies { other_libraries: vec![(lender.clone(), library.clone())], ..of_lender.clone() };
    let of_library = OfAgencies { lender_libraries: vec![(lender, library)], ..OfAgencies::default() };
    let of_borrower = OfAgencies { borrowers: vec![event.borrower.clone()], ..OfAgencies::default() };
    let of_pickup = OfAgencies { pickup_locations: vec![event.pickup_location.clone()], ..OfAgencies::default() };
    for (of, is_seen) in [
        (none, false),
        (of_lender, true),
        (other_library, false),
        (of_library, true),
        (of_borrower, true),
        (of_pickup, true),
    ] {
        assert_eq!(of.contain(&event), is_seen, "{of:?}");
    }
}

fn subscription(code: &str) -> Subscription {
    Subscription {
        code: code.to_owned(),
        url: "https://events.example.org/".to_owned(),
        language: "de".to_owned(),
        role: access::Role::Discovery,
        agencies: vec!["BORROW".into(), "NORTH".into()],
        private_allowed: false,
        created_at: noon(0),
        created_by: "admin".to_owned(),
        active: true,
        position: 0,
        failures: 0,
        due_at: noon(0),
        last_delivered_at: None,
        last_error: None,
    }
}

async fn secrets(store: &Store, seconds: i64) -> Vec<String> {
    let all = store.subscription_secrets("one", noon(seconds)).await.unwrap();
    all.iter().map(|secret| secret.expose_secret().to_owned()).collect()
}

both! {
    async fn former_secret_of_a_subscription_counts_until_the_overlap_ends(fixture) {
        let store = &fixture.store;
        commit(store, |unit| unit.insert_subscription(&subscription("one"), &"first".into()).unwrap()).await.unwrap();
        assert_eq!(store.subscriptions().await.unwrap(), [subscription("one")]);
        let twice = commit(store, |unit| unit.insert_subscription(&subscription("one"), &"other".into()).unwrap());
        assert!(matches!(twice.await, Err(store::Error::Conflict)));
        commit(store, |unit| unit.rotate_subscription("one", &"second".into(), noon(60)).unwrap()).await.unwrap();
        assert_eq!(secrets(store, 59).await, ["second", "first"]);
        assert_eq!(secrets(store, 60).await, ["second"]);
        commit(store, |unit| unit.delete_subscription("one")).await.unwrap();
        assert!(secrets(store, 0).await.is_empty());
    }

    async fn subscription_is_served_by_one_node_until_its_lease_ends(fixture) {
        let store = &fixture.store;
        commit(store, |unit| unit.insert_subscription(&subscription("one"), &"first".into()).unwrap()).await.unwrap();
        for (node, now, expected) in [("a", 0, 1), ("b", 10, 0), ("a", 20, 1), ("b", 81, 1), ("a", 82, 0)] {
            let mut claimed = None;
            let done = commit(store, |unit| {
                claimed = Some(unit.claim_subscription("one", node, noon(now), noon(now + 60)));
            });
            assert_eq!(done.await.unwrap().touched(claimed.unwrap()), expected, "{node} at {now}");
        }
    }

    async fn deliveries_of_a_request_wait_for_the_one_before_and_dead_ones_can_be_resent(fixture) {
        let store = &fixture.store;
        commit(store, |unit| {
            unit.insert_subscription(&subscription("one"), &"first".into()).unwrap();
            for (number, version) in [(1, 1), (1, 2), (2, 3)] {
                unit.insert_event(&event(number, version, 0));
            }
        }).await.unwrap();
        store.place_events().await.unwrap();
        let wanted: Vec<_> =
            store.events_after(0, 10).await.unwrap().iter().map(|one| (one.position, one.event.request)).collect();
        commit(store, |unit| unit.advance_subscription("one", 0, 3, &wanted, noon(0))).await.unwrap();
        let outdated = commit(store, |unit| unit.advance_subscription("one", 0, 3, &wanted, noon(0)));
        assert!(matches!(outdated.await, Err(store::Error::Conflict)), "another node was quicker");
        let due = store.due_deliveries("one", noon(0), 10).await.unwrap();
        assert_eq!(due.iter().map(|one| one.position).collect::<Vec<_>>(), [1, 3]);
        // The first one fails, and the one of the other request arrives.
        commit(store, |unit| unit.fail_delivery(&due[0], "it answered 500", Some(noon(30)), noon(5))).await.unwrap();
        commit(store, |unit| unit.finish_delivery(&due[1], noon(1))).await.unwrap();
        assert!(store.due_deliveries("one", noon(29), 10).await.unwrap().is_empty());
        let due = store.due_deliveries("one", noon(30), 10).await.unwrap();
        assert_eq!(due.iter().map(|one| (one.position, one.attempts)).collect::<Vec<_>>(), [(1, 1)]);
        // It fails for good, and the next one of its request follows.
        commit(store, |unit| unit.fail_delivery(&due[0], "it answered 500", None, noon(5))).await.unwrap();
        assert_eq!(store.count_deliveries("one").await.unwrap(), (1, 1));
        commit(store, |unit| unit.insert_event(&event(3, 4, 0))).await.unwrap();
        store.place_events().await.unwrap();
        let queues = store.delivery_queues().await.unwrap();
        let queue = &queues[0];
        assert_eq!((queues.len(), queue.active, queue.pending, queue.dead), (1, true, 2, 1), "one event isn't planned");
        assert_eq!(queue.oldest, Some(noon(0)));
        let due = store.due_deliveries("one", noon(30), 10).await.unwrap();
        assert_eq!(due.iter().map(|one| one.position).collect::<Vec<_>>(), [2]);
        let dead = store.dead_letters("one", 0, 10).await.unwrap();
        assert_eq!((dead.len(), dead[0].position, dead[0].error.as_deref()), (1, 1, Some("it answered 500")));
        commit(store, |unit| unit.resend_dead_letters("one", Some(&[1, 99]), noon(40))).await.unwrap();
        let due = store.due_deliveries("one", noon(40), 10).await.unwrap();
        assert_eq!(due.iter().map(|one| one.position).collect::<Vec<_>>(), [1]);
        assert!(store.dead_letters("one", 0, 10).await.unwrap().is_empty());
    }
}
