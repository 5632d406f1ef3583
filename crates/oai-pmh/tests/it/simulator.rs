//! The simulated Alma as a repository.

use std::collections::BTreeSet;

use alma_sim::{Server, Sim, SimClock, SimOptions, Staff, presets};
use oai_pmh::{Client, DeletedRecords, Diagnosis, Error, Event, Granularity, Record, Selection, parse_datestamp};

use crate::support::{run, selection, words};

const INST: &str = "01TST_INST";

struct Alma {
    server: Server,
    client: Client,
}

impl Alma {
    async fn new() -> Alma {
        let noon = parse_datestamp("2024-05-06T12:00:00Z").unwrap();
        let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(noon), ..SimOptions::default() });
        sim.add_institution(presets::university(INST, "key")).unwrap();
        let server = Server::start(sim, ([127, 0, 0, 1], 0).into()).await.unwrap();
        let client = Client::builder(format!("{}/view/oai/{INST}/request", server.base_url())).build().unwrap();
        Alma { server, client }
    }

    fn staff(&self) -> Staff {
        self.server.sim().staff(INST).unwrap()
    }

    async fn harvest(&self, selection: Selection) -> Vec<Record> {
        let (events, error) = run(self.client.harvest(selection)).await;
        assert!(error.is_none(), "{error:?}");
        let record = |event| match event {
            Event::Record(record) => Some(record),
            _ => None,
        };
        events.into_iter().filter_map(record).collect()
    }
}

#[tokio::test]
async fn all_records_of_an_alma_are_harvested_once() {
    let alma = Alma::new().await;
    alma.staff().set_publishing(|publishing| publishing.page_size = 7);
    let records = alma.harvest(selection()).await;
    let identifiers: BTreeSet<_> = records.iter().map(|record| &record.identifier).collect();
    let expected = usize::try_from(alma.staff().counts()["bibs"].as_u64().unwrap()).unwrap();
    assert_eq!((identifiers.len(), records.len()), (expected, expected));
    let metadata = String::from_utf8(records[0].metadata.clone().unwrap()).unwrap();
    assert!(metadata.starts_with("<record xmlns=\"http://www.loc.gov/MARC21/slim\""), "{metadata}");
    let headers = alma.harvest(Selection { headers_only: true, ..selection() }).await;
    assert_eq!(headers.len(), expected);
}

#[tokio::test]
async fn alma_describes_itself() {
    let alma = Alma::new().await;
    let repository = alma.client.identify().await.unwrap();
    assert_eq!(repository.granularity, Granularity::Second);
    assert_eq!(repository.deleted_records, DeletedRecords::Persistent);
    let formats = alma.client.metadata_formats(None).await.unwrap();
    assert!(formats.iter().any(|format| format.prefix == "marc21"));
    assert!(alma.client.sets().await.unwrap().iter().all(|set| !set.spec.is_empty()));
    let first = &alma.harvest(selection()).await[0];
    let record = alma.client.record(&first.identifier, "marc21").await.unwrap();
    assert_eq!(record.as_ref(), Some(first));
    assert_eq!(alma.client.record("oai:alma.X:1", "marc21").await.unwrap(), None);
}

#[tokio::test]
async fn token_that_expired_begins_the_window_anew() {
    let alma = Alma::new().await;
    alma.staff().set_publishing(|publishing| publishing.page_size = 3);
    let mut harvest = alma.client.harvest(selection());
    let mut events = Vec::new();
    while let Some(event) = harvest.next().await.unwrap() {
        if matches!(event, Event::Page(_)) && events.len() == 3 {
            alma.server.sim().advance(jiff::SignedDuration::from_hours(1));
        }
        events.push(event);
    }
    assert!(words(&events).iter().any(|word| word.starts_with("anew")), "{:?}", words(&events));
    assert!(words(&events).last().unwrap().starts_with("end of"));
}

#[tokio::test]
async fn institution_that_is_not_entitled_is_diagnosed() {
    let alma = Alma::new().await;
    alma.staff().set_publishing(|publishing| publishing.not_entitled = true);
    let (_, error) = run(alma.client.harvest(selection())).await;
    assert!(matches!(error, Some(Error::NotOai { diagnosis: Diagnosis::NotEntitled, .. })), "{error:?}");
}
