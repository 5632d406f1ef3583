//! How the index follows changes, and what is left of it after an end in the middle.

use search::{Change, Document, Error, Index, Search};

use crate::support::{Catalogue, document, ids, page, titled};

#[test]
fn new_index_has_no_position() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(&directory.path().join("not/there/yet")).unwrap();
    assert_eq!(index.position().unwrap(), None);
    assert_eq!(index.titles(), 0);
}

#[test]
fn document_with_the_same_id_replaces_the_first_and_a_deleted_one_is_gone() {
    let catalogue = Catalogue::of([document("a", titled("First")), document("b", titled("Second"))]);
    let changes = [Change::Upsert(document("a", titled("Changed"))), Change::Delete("b".to_owned())];
    catalogue.index.apply(changes, 7).unwrap();
    assert_eq!(catalogue.index.titles(), 1);
    assert_eq!(catalogue.plain("first").total, 0);
    assert_eq!(ids(&catalogue.plain("changed")), ["a"]);
    assert_eq!(catalogue.index.position().unwrap(), Some(7));
}

#[test]
fn last_change_of_a_title_in_a_batch_wins() {
    let catalogue = Catalogue::of([]);
    let changes = [
        Change::Upsert(document("a", titled("One"))),
        Change::Delete("a".to_owned()),
        Change::Upsert(document("a", titled("Two"))),
        Change::Upsert(document("b", titled("Three"))),
        Change::Delete("b".to_owned()),
    ];
    catalogue.index.apply(changes, 2).unwrap();
    let all = catalogue.search(&page());
    assert_eq!(ids(&all), ["a"]);
    assert_eq!(all.hits[0].brief.title, "Two");
}

#[test]
fn title_is_read_by_its_id_with_its_record() {
    let catalogue = Catalogue::of([document("a", titled("Größe"))]);
    let found = catalogue.index.title("a", true).unwrap().unwrap();
    assert_eq!(found.record.unwrap().title().as_deref(), Some("Größe"));
    assert_eq!(catalogue.index.title("b", true).unwrap(), None);
    assert_eq!(catalogue.index.title("a", false).unwrap().unwrap().record, None);
}

#[test]
fn title_is_found_by_the_ids_that_it_has_taken_and_survives_their_removal() {
    let catalogue = Catalogue::of([document("b", titled("Loaf"))]);
    let taken = Document { former_ids: vec!["b".to_owned()], ..document("a", titled("Bread")) };
    catalogue.index.apply([Change::Upsert(taken), Change::Delete("b".to_owned())], 2).unwrap();
    assert_eq!(catalogue.index.title("b", false).unwrap().unwrap().id, "a");
    assert_eq!(catalogue.index.titles(), 1);
}

#[test]
fn very_long_record_is_stored_whole() {
    let long = titled("Long").data("520", ' ', ' ', [('a', "x".repeat(9000))]);
    let long = (0..15).fold(long, |record, _| record.data("505", ' ', ' ', [('a', "y".repeat(9000))]));
    let record = marc::CompactRecord::from(&long.clone().build());
    let catalogue = Catalogue::of([document("a", long)]);
    assert_eq!(catalogue.index.title("a", true).unwrap().unwrap().record.unwrap(), record);
}

#[test]
fn staged_changes_are_invisible_until_the_commit_and_lost_without_one() {
    let catalogue = Catalogue::of([document("a", titled("First"))]);
    catalogue.index.stage([Change::Upsert(document("b", titled("Second")))]).unwrap();
    assert_eq!(catalogue.index.titles(), 1);
    let path = catalogue.directory.path().to_owned();
    drop(catalogue.index);

    let index = Index::open(&path).unwrap();
    assert_eq!((index.titles(), index.position().unwrap()), (1, Some(1)));
    index.stage([Change::Upsert(document("b", titled("Second")))]).unwrap();
    index.commit(2).unwrap();
    assert_eq!((index.titles(), index.position().unwrap()), (2, Some(2)));
}

#[test]
fn rebuilt_index_takes_the_place_of_the_one_in_use_at_once() {
    let catalogue = Catalogue::of([document("old", titled("Old"))]);
    let index = &catalogue.index;
    let mut rebuild = index.rebuild().unwrap();
    rebuild.add([document("new", titled("New"))]).unwrap();
    assert_eq!(catalogue.plain("old").total, 1, "searches use the one before");
    index.apply([Change::Upsert(document("old2", titled("Old")))], 5).unwrap();
    assert_eq!(catalogue.plain("old").total, 2, "which can still be changed");
    rebuild.finish(9).unwrap();
    assert_eq!((catalogue.plain("old").total, catalogue.plain("new").total), (0, 1));
    index.apply([Change::Upsert(document("later", titled("Later")))], 10).unwrap();
    assert_eq!((index.titles(), index.position().unwrap()), (2, Some(10)));

    let path = catalogue.directory.path();
    let left = std::fs::read_dir(path).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(left, 1, "the one before is removed");
}

#[test]
fn abandoned_rebuilding_leaves_the_index_in_use() {
    let catalogue = Catalogue::of([document("a", titled("First"))]);
    let mut rebuild = catalogue.index.rebuild().unwrap();
    rebuild.add([document("b", titled("Second"))]).unwrap();
    drop(rebuild);
    let path = catalogue.directory.path().to_owned();
    drop(catalogue.index);
    let index = Index::open(&path).unwrap();
    assert_eq!((index.titles(), index.position().unwrap()), (1, Some(1)));
    index.apply([], 2).unwrap();
    assert_eq!(std::fs::read_dir(&path).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count(), 1);
}

#[test]
fn index_of_another_version_is_filled_anew() {
    let catalogue = Catalogue::of([document("a", titled("First"))]);
    let path = catalogue.directory.path().to_owned();
    drop(catalogue.index);
    std::fs::write(path.join("current"), "v0-1").unwrap();
    let index = Index::open(&path).unwrap();
    assert_eq!((index.titles(), index.position().unwrap()), (0, None));
}

#[test]
fn damaged_index_is_refused_with_the_way_out() {
    let catalogue = Catalogue::of([document("a", titled("First"))]);
    let path = catalogue.directory.path().to_owned();
    drop(catalogue.index);
    let current = std::fs::read_to_string(path.join("current")).unwrap();
    std::fs::write(path.join(current).join("meta.json"), "{").unwrap();
    let error = Index::open(&path).unwrap_err();
    assert!(matches!(&error, Error::Damaged { .. }) && error.to_string().contains("remove the directory"), "{error}");
}

#[test]
fn second_writer_is_refused_and_a_second_reader_sees_commits_after_a_reload() {
    let catalogue = Catalogue::of([document("a", titled("First"))]);
    let other = Index::open(catalogue.directory.path()).unwrap();
    assert!(matches!(other.apply([], 2), Err(Error::Locked { .. })));
    catalogue.index.apply([Change::Upsert(document("b", titled("Second")))], 2).unwrap();
    other.reload().unwrap();
    assert_eq!(other.titles(), 2);
    let mut rebuild = catalogue.index.rebuild().unwrap();
    rebuild.add([document("c", titled("Third"))]).unwrap();
    rebuild.finish(3).unwrap();
    assert_eq!(other.search(&Search { limit: 5, ..Search::default() }).unwrap().total, 2, "files stay open");
    other.reload().unwrap();
    assert_eq!(other.titles(), 1);
    catalogue.index.close_writer().unwrap();
    other.apply([Change::Delete("c".to_owned())], 4).unwrap();
    assert_eq!(other.titles(), 0);
}

#[test]
fn more_titles_than_may_wait_are_indexed_in_one_commit() {
    let documents = || (0..1_200).map(|number| document(&number.to_string(), titled("Emma")));
    let catalogue = Catalogue::of([]);
    catalogue.index.stage_new(documents()).unwrap();
    catalogue.index.rollback().unwrap();
    catalogue.index.stage_new(documents()).unwrap();
    catalogue.index.commit(2).unwrap();
    assert_eq!(catalogue.plain("emma").total, 1_200);
    assert_eq!(catalogue.index.titles(), 1_200);
}
