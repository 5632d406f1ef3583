//! Several nodes on one PostgreSQL database.

use lending::Status;
use store::{Error, NodeEvent};

use crate::harness::{Fixture, both, commit, noon};

#[tokio::test]
async fn a_nodes_name_is_its_own_while_it_runs() {
    let fixture = Fixture::postgres().await;
    let first = fixture.store.join("hub-a").await.unwrap();
    assert!(matches!(fixture.store.join("hub-a").await, Err(Error::NameTaken(name)) if name == "hub-a"));
    let _second = fixture.store.join("hub-b").await.unwrap();
    drop(first);
    // The server frees the name when it notices that the connection is closed.
    let mut tries = 0;
    while fixture.store.join("hub-a").await.is_err() {
        tries += 1;
        assert!(tries < 1_000, "the name is never free again");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn commit_notifies_the_other_nodes_and_a_unit_that_is_undone_does_not() {
    let fixture = Fixture::postgres().await;
    let mut other = fixture.store.join("hub-b").await.unwrap();
    let request = lending::RequestId(uuid::Uuid::from_u128(7));
    let event = |version| NodeEvent::RequestChanged { request, version, status: Status::Loaned };
    let undone = commit(&fixture.store, |unit| {
        unit.notify("hub-a", &event(1));
        unit.notify("hub-a", &NodeEvent::SettingsChanged);
        unit.insert_message(&"01X".into(), "one", noon(0));
        unit.insert_message(&"01X".into(), "one", noon(0));
    });
    assert!(matches!(undone.await, Err(Error::Duplicate)));
    commit(&fixture.store, |unit| unit.notify("hub-b", &event(2))).await.unwrap();
    commit(&fixture.store, |unit| unit.notify("hub-a", &event(3))).await.unwrap();
    assert_eq!(other.next_event().await.unwrap(), event(3));
}

#[tokio::test]
async fn nodes_are_counted_while_they_live() {
    let fixture = Fixture::postgres().await;
    assert_eq!(fixture.store.live_nodes().await.unwrap(), 0);
    let _first = fixture.store.join("hub-a").await.unwrap();
    let second = fixture.store.join("hub-b").await.unwrap();
    let refused = fixture.store.join("hub-a").await;
    assert!(refused.is_err());
    drop(refused);
    drop(second);
    let mut tries = 0;
    while fixture.store.live_nodes().await.unwrap() != 1 {
        tries += 1;
        assert!(tries < 1_000, "a node that has gone is still counted");
        tokio::task::yield_now().await;
    }
}

both! {
    async fn notifying_others_needs_no_others(fixture) {
        let node = fixture.store.join("hub a").await.unwrap();
        assert_eq!(node.name(), "hub-a");
        commit(&fixture.store, |unit| unit.notify("hub-a", &NodeEvent::SettingsChanged)).await.unwrap();
    }
}
