//! Groups, the change feed and the index.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalogue::{AgencyOf, Catalogue, Kind};
use marc::Record;
use runtime::Clock as _;

use crate::harness::{Fixture, INST, both};
use crate::source::book;

/// A book with a title and an ISBN, which together make an edition.
fn edition(title: &str, isbn: &str) -> Record {
    let mut record = book(title);
    record.fields.extend(Record::builder().data("020", ' ', ' ', [('a', isbn)]).build().fields);
    record
}

const EMMA: &str = "9780141439587";
const MANN: &str = "9783596294336";

async fn group(fixture: &Fixture) -> usize {
    fixture.catalogue.group_all("node-1", || fixture.clock.now()).await.unwrap()
}

async fn group_of(fixture: &Fixture, id: &str) -> i64 {
    fixture.catalogue.stored(INST, id).await.unwrap().unwrap().edition.unwrap()
}

both! {
    async fn records_of_one_edition_share_a_group_and_others_do_not(fixture) {
        fixture.source.put("1", 1_000, &edition("Emma", EMMA));
        fixture.source.put("2", 1_001, &edition("Emma", EMMA));
        fixture.source.put("3", 1_002, &edition("Buddenbrooks", MANN));
        fixture.harvest(Kind::Full).await;
        assert_eq!(group(&fixture).await, 3);
        assert_eq!(group_of(&fixture, "1").await, group_of(&fixture, "2").await);
        assert_ne!(group_of(&fixture, "1").await, group_of(&fixture, "3").await);
        assert_eq!((fixture.catalogue.groups().await.unwrap(), fixture.catalogue.pending().await.unwrap()), (2, 0));
        let explained = fixture.catalogue.explain(INST, "1").await.unwrap().unwrap();
        assert_eq!(explained.grouped_with.len(), 1);
        assert!(explained.grouped_with[0].because.contains(EMMA), "{explained:?}");
    }

    async fn merged_group_redirects_and_a_split_one_keeps_its_id_for_the_larger_part(fixture) {
        fixture.source.put("1", 1_000, &edition("Emma", EMMA));
        fixture.source.put("2", 1_001, &edition("Emma", EMMA));
        fixture.source.put("3", 1_002, &edition("Buddenbrooks", MANN));
        fixture.harvest(Kind::Full).await;
        group(&fixture).await;
        let (emma, mann) = (group_of(&fixture, "1").await, group_of(&fixture, "3").await);

        fixture.source.put("3", 2_000, &edition("Emma", EMMA));
        fixture.harvest(Kind::Changes).await;
        group(&fixture).await;
        assert_eq!(group_of(&fixture, "3").await, emma);
        assert_eq!(fixture.catalogue.current_edition(mann).await.unwrap(), Some(emma));
        let directory = tempfile::tempdir().unwrap();
        let index = Arc::new(search::Index::open(directory.path()).unwrap());
        fixture.catalogue.index_changes(&index, &[]).await.unwrap();
        assert_eq!(index.title(&mann.to_string(), false).unwrap().unwrap().id, emma.to_string());

        fixture.source.put("3", 3_000, &edition("Buddenbrooks", MANN));
        fixture.harvest(Kind::Changes).await;
        group(&fixture).await;
        assert_eq!((group_of(&fixture, "1").await, group_of(&fixture, "2").await), (emma, emma));
        assert_ne!(group_of(&fixture, "3").await, emma);
        assert_eq!(fixture.catalogue.groups().await.unwrap(), 2);
    }

    async fn record_that_returns_has_the_group_that_it_had(fixture) {
        fixture.source.put("1", 1_000, &edition("Emma", EMMA));
        fixture.harvest(Kind::Full).await;
        group(&fixture).await;
        let before = group_of(&fixture, "1").await;
        fixture.source.delete("1", 2_000);
        fixture.harvest(Kind::Changes).await;
        group(&fixture).await;
        assert_eq!(fixture.catalogue.groups().await.unwrap(), 0);
        fixture.source.put("1", 3_000, &edition("Emma", EMMA));
        fixture.harvest(Kind::Changes).await;
        group(&fixture).await;
        assert_eq!((group_of(&fixture, "1").await, fixture.catalogue.groups().await.unwrap()), (before, 1));
    }

    async fn two_nodes_never_make_two_groups_for_one_edition(fixture) {
        let other = Catalogue::open(&fixture.database, None).await.unwrap();
        for number in 0..40 {
            fixture.source.put(&format!("{number}"), 1_000 + number, &edition("Emma", EMMA));
        }
        fixture.harvest(Kind::Full).await;
        let now = fixture.clock.now();
        let first = fixture.catalogue.lease_grouping("node-1", now).await.unwrap().unwrap();
        assert!(other.lease_grouping("node-2", now).await.unwrap().is_none(), "one node at a time");
        // The first node stands still until its lease has ended, and the second one takes over.
        fixture.clock.advance(61);
        other.group_all("node-2", || fixture.clock.now()).await.unwrap();
        let late = fixture.catalogue.group_some(&first, now).await;
        assert!(late.as_ref().is_ok_and(|count| *count == 0) || late.unwrap_err().is_lease_lost());
        let mut groups = BTreeSet::new();
        for number in 0..40 {
            groups.insert(group_of(&fixture, &number.to_string()).await);
        }
        assert_eq!((groups.len(), other.groups().await.unwrap()), (1, 1));
        other.close().await;
    }

    async fn index_follows_the_feed_and_a_rebuilt_one_is_the_same(fixture) {
        let dir = tempfile::tempdir().unwrap();
        let index = Arc::new(search::Index::open(dir.path()).unwrap());
        let agencies = [AgencyOf { agency: "MAIN".to_owned(), institution: INST.to_owned(), library: None }];
        fixture.source.put("1", 1_000, &edition("Emma", EMMA));
        fixture.source.put("2", 1_001, &edition("Buddenbrooks", MANN));
        fixture.harvest(Kind::Full).await;
        group(&fixture).await;
        fixture.catalogue.index_changes(&index, &agencies).await.unwrap();
        assert_eq!(index.titles(), 2);
        let emma = index.title(&group_of(&fixture, "1").await.to_string(), false).unwrap().unwrap();
        assert_eq!((emma.brief.title.as_str(), emma.brief.agencies.contains("MAIN")), ("Emma", true));

        fixture.source.delete("1", 2_000);
        fixture.harvest(Kind::Changes).await;
        group(&fixture).await;
        fixture.catalogue.index_changes(&index, &agencies).await.unwrap();
        assert_eq!(index.titles(), 1);
        assert_eq!(index.position().unwrap(), Some(fixture.catalogue.last_change().await.unwrap()));
        assert_eq!(fixture.catalogue.rebuild_index(&index, &agencies).await.unwrap(), 1);
        assert_eq!(index.titles(), 1);
    }
}
