//! Live availability over the API: what a discovery system reads of a title and of one record.

use ::catalogue::{Catalogue, HarvestSettings};
use alma_sim::{Item, Server, Sim, SimOptions, presets};
use engine::{Clock as _, SystemClock};
use marc::Record;
use serde_json::{Value, json};
use store::Database;

use crate::harness::{ALMA_KEY, DEAD, Hub, institution};

const NORTH: &str = "01NORTH_INST";
const SOUTH: &str = "01SOUTH_INST";
const ITEMS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items";

/// A hub whose catalogue has one title, with a record at a library in the north and one at a library that is down.
struct World {
    hub: Hub,
    sim: Sim,
    /// The id of the record in the north.
    record: String,
    title: String,
    _server: Server,
    _dir: tempfile::TempDir,
}

async fn start() -> World {
    let sim = Sim::new(&SimOptions::default());
    sim.add_institution(presets::empty_university(NORTH, ALMA_KEY)).unwrap();
    let holding = alma_sim::Holding::new("MAIN", "stacks").item(Item::new("N-1")).item(Item::new("N-2"));
    let record = sim.staff(NORTH).unwrap().add_bib(alma_sim::Bib::new("Emma").holding(holding)).unwrap().to_string();
    let server = Server::start(sim.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let catalogue = catalogue_of(dir.path(), &record).await;
    let title = catalogue.title_of_record(NORTH, &record).await.unwrap().unwrap().id;
    let hub = Hub::with_catalogue(catalogue).await;
    for (code, base) in [(NORTH, server.base_url()), (SOUTH, DEAD.to_owned())] {
        let answer = hub.put(&format!("/api/v1/institutions/{code}"), &institution(&base)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    World { hub, sim, record, title, _server: server, _dir: dir }
}

/// Opens a catalogue in which two libraries have the same edition.
async fn catalogue_of(dir: &std::path::Path, record: &str) -> Catalogue {
    let catalogue = Catalogue::open(&Database::Sqlite(Catalogue::path(dir)), None).await.unwrap();
    let clock = SystemClock::default();
    for (code, id) in [(NORTH, record), (SOUTH, "991")] {
        let edition = Record::builder().control("001", id).data("020", ' ', ' ', [('a', "9780141439587")]);
        let edition = edition.data("245", '0', '0', [('a', "Emma")]).build();
        let file = dir.join(code);
        std::fs::write(&file, marc::iso2709::write(&edition).unwrap().content).unwrap();
        let settings = json!({"harvest": {"url": "http://127.0.0.1:1/oai"}});
        let settings = HarvestSettings::read(settings.as_object().unwrap()).unwrap().unwrap();
        catalogue.load_file(&file, code, settings, "test", || clock.now()).await.unwrap();
    }
    catalogue.group_all("test", || clock.now()).await.unwrap();
    catalogue
}

fn barcodes(record: &Value, state: &str) -> Vec<String> {
    let copies = record["copies"].as_array().unwrap().iter().filter(|copy| copy["state"] == state);
    copies.map(|copy| copy["barcode"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn title_has_the_copies_of_libraries_that_answer_and_names_those_that_do_not() {
    let world = start().await;
    world.sim.staff(NORTH).unwrap().lend("N-2", "jo.reader", "MAIN", "DEFAULT_CIRC_DESK").unwrap();
    let answer = world.hub.get(&format!("/api/v1/catalogue/titles/{}/availability", world.title)).await;
    assert_eq!((answer.status, &answer.body["available"]), (200, &json!(1)), "{}", answer.text);
    let records = answer.body["records"].as_array().unwrap();
    let [north, south] = [NORTH, SOUTH].map(|code| records.iter().find(|one| one["institution"] == code).unwrap());
    assert_eq!(
        (barcodes(north, "available"), barcodes(north, "lent")),
        (vec!["N-1".to_owned()], vec!["N-2".to_owned()])
    );
    assert_eq!((&north["age_seconds"], &north["missing"], &south["copies"]), (&json!(0), &Value::Null, &json!([])));
    let lent = north["copies"].as_array().unwrap().iter().find(|copy| copy["state"] == "lent").unwrap();
    assert!(lent["due"].is_string() && lent["requestable"] == false, "{lent}");
    let missing = answer.body["missing"].as_array().unwrap();
    assert_eq!((missing.len(), &missing[0]["institution"]), (1, &json!(SOUTH)), "{missing:?}");
    assert_eq!(missing[0]["code"], "down", "{missing:?}");
}

#[tokio::test]
async fn record_has_its_copies_from_one_call_while_the_answer_is_fresh() {
    let world = start().await;
    let path = format!("/api/v1/institutions/{NORTH}/records/{}/availability", world.record);
    let first = world.hub.get(&path).await;
    assert_eq!((first.status, barcodes(&first.body, "available").len()), (200, 2), "{}", first.text);
    assert_eq!((&first.body["record"], &first.body["institution"]), (&json!(world.record), &json!(NORTH)));
    let second = world.hub.get(&path).await;
    assert_eq!(second.body["copies"], first.body["copies"]);
    assert_eq!(world.sim.calls(NORTH).unwrap()[ITEMS], 1, "the second answer is a remembered one");
}

#[tokio::test]
async fn faults_of_the_question_and_unknown_titles_are_answered_as_such() {
    let world = start().await;
    let title = format!("/api/v1/catalogue/titles/{}/availability", world.title);
    let record = format!("/api/v1/institutions/{NORTH}/records/{}/availability", world.record);
    for path in [&title, &record] {
        for query in ["deadline_ms=0", "deadline_ms=30001", "waiting=perhaps"] {
            let answer = world.hub.get(&format!("{path}?{query}")).await;
            let field = query.split('=').next().unwrap();
            assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors()[0].0, field, "{query}");
        }
    }
    world.hub.get("/api/v1/catalogue/titles/4711/availability").await.is_problem(404, "NOT_FOUND");
    world
        .hub
        .get(&format!("/api/v1/institutions/{NORTH}/records/4711/availability"))
        .await
        .is_problem(404, "NOT_FOUND");
    // The record is the other library's.
    let other = format!("/api/v1/institutions/{SOUTH}/records/{}/availability", world.record);
    world.hub.get(&other).await.is_problem(404, "NOT_FOUND");
    assert!(world.sim.calls(NORTH).unwrap().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn hub_without_a_catalogue_says_so() {
    let hub = Hub::start().await;
    for path in ["/api/v1/catalogue/titles/1/availability", "/api/v1/institutions/01A/records/1/availability"] {
        let answer = hub.get(path).await;
        answer.is_problem(409, "NO_CATALOGUE");
    }
}
