//! An institution as one JSON text: everything in it comes back, in another simulator too.

use alma_sim::{Mark, Sim, SimClock, SimOptions, presets};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, DESK, House, INST, KEY, OTHER_BOOK, client, noon};

const THIRD: &str = "01TST-M003";
const FOURTH: &str = "01TST-M004";

/// A house in which everything has happened that leaves something behind.
async fn busy_house() -> House {
    let house = House::new().await;
    let staff = house.staff();
    staff.set_behaviour(|behaviour| {
        behaviour.keep_history = true;
        behaviour.rules.default_loan_days = 14;
    });
    staff.place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    staff.scan_in(BOOK, "MAIN", DESK).unwrap();
    staff.place_hold("sam.student", OTHER_BOOK, "MAIN").unwrap();
    staff.scan_in(OTHER_BOOK, "MAIN", DESK).unwrap();
    let cancelled = staff.place_hold("sam.student", THIRD, "MAIN").unwrap();
    staff.cancel(&cancelled, "CannotBeFulfilled").unwrap();
    staff.lend(THIRD, "jo.reader", "MAIN", DESK).unwrap();
    staff.mark(THIRD, Mark::Lost).unwrap();
    staff.lend(FOURTH, "staff.member", "MAIN", DESK).unwrap();
    staff.scan_in(FOURTH, "MAIN", DESK).unwrap();
    staff.block("sam.student", "01-CONSORTIA").unwrap();
    staff.publish();
    house.post("/conf/sets", json!({"name": "s", "type": {"value": "ITEMIZED"}, "content": {"value": "ITEM"}})).await;
    let bib = "<bib><record><leader>00000nam a2200000 a 4500</leader><datafield tag=\"035\" ind1=\" \" ind2=\" \">\
        <subfield code=\"a\">(DCB)9</subfield></datafield></record></bib>";
    house.call(Method::POST, "/bibs", Some(json!(bib))).await;
    house
}

/// The calls whose answers must not change, by path.
fn questions(house: &House) -> Vec<String> {
    let mut paths: Vec<String> = [
        "/users?limit=100&order_by=primary_id",
        "/users/sam.student?expand=loans,requests,fees",
        "/users/jo.reader/loans?expand=renewable",
        "/users/staff.member/loans?loan_status=Complete",
        "/users/jo.reader/requests",
        "/users/sam.student/requests?status=history",
        "/users/jo.reader/fees",
        "/bibs?other_system_id=(DCB)9",
        "/conf/sets",
        "/conf/jobs/S101/instances",
        "/conf/libraries",
        "/task-lists/requested-resources?library=MAIN&circ_desk=DEFAULT_CIRC_DESK",
    ]
    .map(str::to_owned)
    .into();
    for barcode in [BOOK, OTHER_BOOK, THIRD, FOURTH] {
        paths.push(house.item_path(barcode));
        paths.push(format!("{}/requests", house.item_path(barcode)));
    }
    paths
}

/// Answers without what is not part of the state: the address of the server.
async fn answers(house: &House, paths: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for path in paths {
        let answer = house.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        all.push(answer.text.replace(&house.server.base_url(), ""));
    }
    let harvest = format!("/view/oai/{INST}/request?verb=ListRecords&metadataPrefix=marc21&set=all");
    let harvest = house.send(house.client.get(house.url(&harvest))).await.unwrap().text;
    let records = harvest.split_once("<ListRecords>").unwrap().1.split("<resumptionToken").next().unwrap().to_owned();
    all.push(records);
    all
}

#[tokio::test]
async fn everything_comes_back_in_another_simulator() {
    let house = busy_house().await;
    let paths = questions(&house);
    let before = answers(&house, &paths).await;
    let saved = house.sim().snapshot(INST).unwrap();

    let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(noon()), ..SimOptions::default() });
    assert_eq!(sim.restore(&saved).unwrap(), INST);
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(&sim.snapshot(INST).unwrap()), read(&saved));
    let server = alma_sim::Server::start(sim, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let other = House { server, client: client() };
    assert_eq!(answers(&other, &paths).await, before);
}

#[tokio::test]
async fn ids_given_after_a_restore_are_new() {
    let house = busy_house().await;
    let saved = house.sim().snapshot(INST).unwrap();
    let first = house.staff().place_hold("nobar.reader", FOURTH, "MAIN").unwrap();
    house.sim().restore(&saved).unwrap();
    let known: Vec<String> = house.staff().requests().into_iter().map(|request| request.id).collect();
    let again = house.staff().place_hold("nobar.reader", FOURTH, "MAIN").unwrap();
    assert_eq!(again, first, "the same story goes on as before");
    assert!(!known.contains(&again));
}

#[tokio::test]
async fn a_restore_that_fails_leaves_everything_as_it_was() {
    let house = busy_house().await;
    let saved = house.sim().snapshot(INST).unwrap();
    house.sim().add_institution(presets::university("01OTH_INST", "key-o")).unwrap();
    let theirs = house.sim().snapshot("01OTH_INST").unwrap().replace("key-o", KEY);
    assert!(house.sim().restore(&theirs).is_err(), "its key belongs to another institution");
    assert!(house.sim().restore(&saved[..saved.len() / 2]).is_err());
    assert_eq!(house.sim().institutions(), ["01OTH_INST", INST]);
    assert_eq!(house.get("/users/jo.reader").await.status, 200);
    assert_eq!(house.sim().snapshot("01OTH_INST").unwrap().matches("key-o").count(), 1);
}
