//! Lists that report many requests.

use std::time::Duration;

use lending::{RequestId, Side};
use store::{BatchPoll, Error, ListEntry, NOTHING_NEW, NewBatchPoll, NewIntent, Store, Work};
use uuid::Uuid;

use crate::harness::{both, commit, noon};
use crate::queue::at;

fn list(name: &str, due: i64) -> NewBatchPoll {
    NewBatchPoll {
        institution: "01X".into(),
        list: name.to_owned(),
        library: Some("MAIN".into()),
        interval_factor: 4,
        needs_item_messages: false,
        due_at: noon(due),
    }
}

fn poll(number: u128, on: Option<(&str, &str, bool)>, due: i64) -> NewIntent {
    NewIntent {
        id: Uuid::from_u128(number),
        request: RequestId(Uuid::from_u128(number)),
        work: Work::Poll(Side::Borrower),
        institution: "01X".into(),
        due_at: noon(due),
        on_list: on.map(|(list, key, is_there)| ListEntry {
            list: list.to_owned(),
            key: key.to_owned(),
            expected_present: is_there,
        }),
    }
}

async fn fill(store: &Store, lists: &[NewBatchPoll], polls: &[NewIntent]) {
    let mut unit = store.unit();
    for list in lists {
        unit.add_batch_poll(list, noon(0));
    }
    for poll in polls {
        unit.add_intent(poll, noon(0));
    }
    store.commit(unit).await.unwrap();
}

async fn taken(store: &Store, seconds: i64) -> Vec<BatchPoll> {
    store.claim_batch_polls("one", noon(seconds), Duration::from_secs(30), 10).await.unwrap()
}

async fn finish(store: &Store, batch_poll: &BatchPoll, due: i64) -> Result<(), Error> {
    commit(store, |unit| unit.finish_batch_poll(batch_poll, noon(due))).await.map(drop)
}

async fn reschedule(store: &Store, poll: &NewIntent) {
    commit(store, |unit| unit.ensure_poll(poll, noon(1))).await.unwrap();
}

async fn keys(store: &Store, name: &str) -> Vec<(String, bool)> {
    let listed = store.listed(&"01X".into(), name, noon(1)).await.unwrap();
    let mut keys: Vec<_> = listed.into_iter().map(|poll| (poll.key, poll.expected_present)).collect();
    keys.sort();
    keys
}

both! {
    async fn list_is_claimed_once_when_it_is_due_and_once_more_when_its_lease_has_expired(fixture) {
        let store = &fixture.store;
        fill(store, &[list("a", 10), list("b", 20), list("a", 0)], &[]).await;
        assert_eq!(store.next_due(noon(0)).await.unwrap(), Some(noon(10)), "a list that is there keeps its time");
        assert!(taken(store, 9).await.is_empty());
        let first = taken(store, 10).await;
        assert_eq!(first.iter().map(|list| list.list.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!((first[0].interval_factor, first[0].needs_item_messages), (4, false));
        assert!(taken(store, 11).await.is_empty());
        let second = taken(store, 40).await;
        assert_eq!(second.len(), 2, "its lease ran out");
        assert!(matches!(finish(store, &first[0], 70).await, Err(Error::LeaseLost)));
        finish(store, &second[0], 70).await.unwrap();
        assert_eq!(taken(store, 69).await.len(), 0);
    }

    async fn polls_on_a_list_are_those_without_lease_and_without_hints(fixture) {
        let store = &fixture.store;
        let on = |key| Some(("shelf", key, true));
        let polls = [poll(1, on("p1"), 500), poll(2, on("p2"), 0), poll(3, on("p3"), 500), poll(4, None, 500)];
        fill(store, &[], &polls).await;
        let added = commit(store, |unit| _ = unit.add_hint(polls[2].request, Side::Borrower, "added", noon(500), noon(0)));
        added.await.unwrap();
        let claimed = store.claim(&at(0)).await.unwrap().intents.remove(0);
        assert_eq!(keys(store, "shelf").await, [("p1".to_owned(), true)]);
        commit(store, |unit| unit.postpone_intent(&claimed, noon(500), false, NOTHING_NEW, noon(1))).await.unwrap();
        assert_eq!(keys(store, "shelf").await, [("p1".to_owned(), true), ("p2".to_owned(), true)]);
    }

    async fn poll_that_moves_to_another_list_gets_its_due_time_too(fixture) {
        let store = &fixture.store;
        fill(store, &[], &[poll(1, Some(("shelf", "p1", false)), 500)]).await;
        reschedule(store, &poll(1, Some(("shelf", "p1", false)), 900)).await;
        assert_eq!(store.next_due(noon(1)).await.unwrap(), Some(noon(500)), "nothing has changed for it");
        reschedule(store, &poll(1, Some(("shelf", "p1", true)), 900)).await;
        assert_eq!(store.next_due(noon(1)).await.unwrap(), Some(noon(900)));
        assert_eq!(keys(store, "shelf").await, [("p1".to_owned(), true)]);
        reschedule(store, &poll(1, None, 300)).await;
        assert_eq!(store.next_due(noon(1)).await.unwrap(), Some(noon(300)));
        assert!(keys(store, "shelf").await.is_empty());
    }

    async fn poll_without_a_list_is_claimed_alone(fixture) {
        let store = &fixture.store;
        let polls = [poll(1, Some(("shelf", "p1", true)), 500), poll(2, Some(("shelf", "p2", true)), 500)];
        fill(store, &[], &polls).await;
        commit(store, |unit| unit.detach_from_list(&[polls[0].id], noon(60))).await.unwrap();
        assert_eq!(store.next_due(noon(1)).await.unwrap(), Some(noon(60)));
        assert_eq!(keys(store, "shelf").await, [("p2".to_owned(), true)]);
    }

    async fn what_stands_on_a_list_is_seen_when_that_is_read(fixture) {
        let store = &fixture.store;
        fill(store, &[list("shelf", 10)], &[poll(1, Some(("shelf", "p1", true)), 5_000)]).await;
        let oldest = async || store.oldest_polls().await.unwrap();
        assert_eq!(oldest().await, [("01X".into(), noon(0))]);
        let mut read = taken(store, 10).await.remove(0);
        read.read_at = noon(11);
        finish(store, &read, 60).await.unwrap();
        assert_eq!(oldest().await, [("01X".into(), noon(11))]);
    }

    async fn list_that_is_wanted_at_once_while_it_is_read_is_read_once_more(fixture) {
        fill(&fixture.store, &[list("pick MAIN", 0)], &[]).await;
        let take = async |now: i64| fixture.store.claim_batch_polls("node", noon(now), Duration::from_secs(60), 8).await.unwrap();
        let being_read = take(1).await.remove(0);
        fixture.store.reschedule_unlisted_polls(&"01X".into(), noon(2), noon(300)).await.unwrap();
        finish(&fixture.store, &being_read, 900).await.unwrap();
        let second = take(3).await.remove(0);
        finish(&fixture.store, &second, 900).await.unwrap();
        assert_eq!(take(899).await.len(), 0);
    }

    async fn polls_of_a_library_whose_webhook_is_distrusted_come_earlier_and_none_later(fixture) {
        let polls = [poll(1, None, 9_000), poll(2, None, 10), poll(3, Some(("on_shelf", "23", true)), 9_000)];
        fill(&fixture.store, &[], &polls).await;
        fixture.store.reschedule_unlisted_polls(&"01X".into(), noon(0), noon(300)).await.unwrap();
        let made = async |now: i64| {
            let claimed = fixture.store.claim(&at(now)).await.unwrap().intents;
            claimed.iter().map(|poll| poll.id.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(made(299).await, [2]);
        assert_eq!(made(300).await, [1], "what stands on a list is seen when that is read");
    }

    async fn lists_of_libraries_with_webhooks_are_read_at_once_or_an_interval_after_the_last_read(fixture) {
        let store = &fixture.store;
        let of = |institution: &str, name| NewBatchPoll { institution: institution.into(), ..list(name, 9_000) };
        fill(store, &[of("01X", "a"), of("01X", "due"), of("01SILENT", "b")], &[]).await;
        store.put_webhook_secret(&"01X".into(), &"a-secret-of-the-webhook".into(), store::Expected::Anything, "hub", noon(0)).await.unwrap();
        let reschedule = async |now, apart| store.reschedule_webhook_lists(noon(now), Duration::from_secs(apart)).await.unwrap();
        assert_eq!(reschedule(600, 900).await, 2, "they were wanted at noon");
        assert_eq!(taken(store, 899).await.len(), 0);
        let mut read = taken(store, 900).await;
        assert_eq!(read.iter().map(|list| list.institution.as_str()).collect::<Vec<_>>(), ["01X", "01X"]);
        let mut one = read.remove(0);
        one.read_at = noon(901);
        finish(store, &one, 9_000).await.unwrap();
        assert_eq!(reschedule(910, 900).await, 2, "the other one is still being read");
        finish(store, &read[0], 9_000).await.unwrap();
        assert_eq!(taken(store, 1_799).await.len(), 1, "it may have been read too early");
        assert_eq!(taken(store, 1_801).await.len(), 1);
    }

    async fn starting_node_takes_the_lists_back_that_it_was_reading(fixture) {
        let store = &fixture.store;
        fill(store, &[list("a", 10)], &[]).await;
        assert_eq!(taken(store, 10).await.len(), 1);
        store.release_own_leases("another", noon(11)).await.unwrap();
        assert_eq!(taken(store, 11).await.len(), 0);
        store.release_own_leases("one", noon(11)).await.unwrap();
        assert_eq!(taken(store, 11).await.len(), 1);
    }

    async fn list_put_off_by_a_clock_that_was_wrong_is_read_now(fixture) {
        let store = &fixture.store;
        fill(store, &[list("a", 10_000)], &[]).await;
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
        assert_eq!(store.reschedule_after_clock_change(noon(0), minute, hour, hour).await.unwrap(), 1);
        assert_eq!(taken(store, 0).await.len(), 1);
    }
}
