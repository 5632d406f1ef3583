//! The records of a corpus, and its server as a harvester sees it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use oai_pmh::{Checkpoint, Client, Clock, Error, Event, Selection};
use sample_records::{Corpus, Damage, Faults, Options, Server};

fn corpus(records: u64) -> Arc<Corpus> {
    Arc::new(Corpus::new(Options { seed: 3, records, damaged: 100, changed: 300, deleted: 100 }))
}

async fn server(corpus: &Arc<Corpus>, faults: Faults) -> (Server, Client) {
    let server = Server::start(Arc::clone(corpus), ([127, 0, 0, 1], 0).into(), 50, faults).await.unwrap();
    let client = Client::builder(server.url()).clock(Arc::new(NoWait)).build().unwrap();
    (server, client)
}

/// A clock that doesn't wait.
#[derive(Debug)]
struct NoWait;

impl Clock for NoWait {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn selection() -> Selection {
    Selection { metadata_prefix: "marc21".to_owned(), ..Selection::default() }
}

/// The records by identifier, with `None` for deleted ones, and the last checkpoint.
type Harvested = (BTreeMap<String, Option<Vec<u8>>>, BTreeSet<String>, Option<Checkpoint>);

async fn harvest(client: &Client, selection: Selection) -> Result<Harvested, Error> {
    let (mut records, mut set_aside, mut last) = (BTreeMap::new(), BTreeSet::new(), None);
    let mut harvest = client.harvest(selection);
    while let Some(event) = harvest.next().await? {
        match event {
            Event::Record(record) => drop(records.insert(record.identifier, record.metadata)),
            Event::SetAside(place) => drop(set_aside.insert(place.identifier.unwrap_or_default())),
            Event::Page(checkpoint) => last = Some(*checkpoint),
            Event::Retrying { .. } | Event::Restarted { .. } => {}
        }
    }
    Ok((records, set_aside, last))
}

/// What a harvest of a generation must find: sound records, deleted ones, and those whose XML can't be read.
fn expected(corpus: &Corpus, generation: u32) -> (BTreeMap<String, Option<Vec<u8>>>, BTreeSet<String>) {
    let (mut records, mut broken) = (BTreeMap::new(), BTreeSet::new());
    for index in 0..corpus.options().records {
        let sample = corpus.record(index, generation);
        let identifier = format!("oai:sample:{}", sample.control_number);
        let text = String::from_utf8_lossy(&sample.marcxml).into_owned().into_bytes();
        match sample.damage {
            Some(Damage::UnclosedElement) => drop(broken.insert(identifier)),
            _ => drop(records.insert(identifier, (!sample.deleted).then_some(text))),
        }
    }
    (records, broken)
}

#[test]
fn sound_records_are_valid_marcxml_of_about_three_kilobytes() {
    let corpus = corpus(400);
    let mut bytes = 0;
    for index in 0..400 {
        let sample = corpus.record(index, 0);
        bytes += sample.marcxml.len();
        if sample.damage.is_none() {
            let text = String::from_utf8(sample.marcxml).unwrap();
            let read = marc::marcxml::read_one(&text).unwrap();
            assert!(read.repairs.is_empty(), "{:?}", read.repairs);
            assert!(read.record.isbns().iter().all(|isbn| !isbn.to_string().is_empty()));
        }
    }
    assert!((2600..3800).contains(&(bytes / 400)), "{}", bytes / 400);
}

#[test]
fn records_of_one_edition_are_alike_and_belong_to_different_institutions() {
    let (first, second) = (Corpus::truth(8), Corpus::truth(13));
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
    let editions: BTreeSet<u64> = (0..80).map(|index| Corpus::truth(index).0).collect();
    assert_eq!(editions, (0..50).collect());
}

#[tokio::test]
async fn harvest_of_the_server_is_the_corpus() {
    let corpus = corpus(500);
    let (_server, client) = server(&corpus, Faults::default()).await;
    let (records, set_aside, last) = harvest(&client, selection()).await.unwrap();
    assert_eq!((records, set_aside), expected(&corpus, 0));
    assert_eq!(last.unwrap().pages, 10);
}

#[tokio::test]
async fn harvest_of_changes_after_a_generation_gives_the_new_state() {
    let corpus = corpus(500);
    let (server, client) = server(&corpus, Faults::default()).await;
    let (mut records, mut broken, last) = harvest(&client, selection()).await.unwrap();
    assert_eq!(server.advance(), 1);
    let from = last.unwrap().next_from();
    let (changed, set_aside, _) = harvest(&client, Selection { from, ..selection() }).await.unwrap();
    assert!(changed.len() < 150, "{}", changed.len());
    assert!(changed.values().any(Option::is_none), "some are deleted");
    broken.retain(|identifier| !changed.contains_key(identifier));
    records.extend(changed);
    broken.extend(set_aside);
    records.retain(|identifier, _| !broken.contains(identifier));
    assert_eq!((records, broken), expected(&corpus, 1));
}

#[tokio::test]
async fn faults_change_nothing_in_the_result() {
    let corpus = corpus(500);
    let faults = Faults { busy_every: Some(4), bad_token_every: Some(7), break_every: Some(9), repeat_from: None };
    let (server, client) = server(&corpus, faults).await;
    let (records, set_aside, _) = harvest(&client, selection()).await.unwrap();
    assert_eq!((records, set_aside), expected(&corpus, 0));
    assert!(server.requests() > 12);
}

#[tokio::test]
async fn repeated_page_ends_the_harvest() {
    let corpus = corpus(500);
    let (_server, client) = server(&corpus, Faults { repeat_from: Some(4), ..Faults::default() }).await;
    assert!(matches!(harvest(&client, selection()).await, Err(Error::Repeats { .. })));
}

#[test]
fn queries_repeat_and_have_one_to_three_different_ascii_words() {
    let (corpus, same) = (Corpus::new(Options::default()), Corpus::new(Options::default()));
    for number in 0..200 {
        let words = corpus.query(number);
        assert_eq!(words, same.query(number));
        assert!((1..=3).contains(&words.len()), "{words:?}");
        assert!(words.iter().all(|word| word.is_ascii()), "{words:?}");
        let different: BTreeSet<_> = words.iter().collect();
        assert_eq!(different.len(), words.len(), "{words:?}");
    }
}
