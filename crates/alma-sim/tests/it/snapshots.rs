//! An institution as one JSON text: a restore brings everything back, in another simulator too.

use alma_sim::{Mark, Sim, SimClock, SimOptions, presets};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, DESK, INST, KEY, OTHER_BOOK, TestAlma, client, noon};

const THIRD: &str = "01TST-M003";
const FOURTH: &str = "01TST-M004";

/// Creates an institution with a trace of every kind of event.
async fn busy_alma() -> TestAlma {
    let alma = TestAlma::new().await;
    let staff = alma.staff();
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
    alma.post("/conf/sets", json!({"name": "s", "type": {"value": "ITEMIZED"}, "content": {"value": "ITEM"}})).await;
    let bib = "<bib><record><leader>00000nam a2200000 a 4500</leader><datafield tag=\"035\" ind1=\" \" ind2=\" \">\
        <subfield code=\"a\">(DCB)9</subfield></datafield></record></bib>";
    alma.call(Method::POST, "/bibs", Some(json!(bib))).await;
    alma
}

/// Returns the paths of the calls whose answers must not change.
fn questions(alma: &TestAlma) -> Vec<String> {
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
        paths.push(alma.item_path(barcode));
        paths.push(format!("{}/requests", alma.item_path(barcode)));
    }
    paths
}

/// Returns the answers without the address of the server, which is not part of the state.
async fn answers(alma: &TestAlma, paths: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for path in paths {
        let answer = alma.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        all.push(answer.text.replace(&alma.server.base_url(), ""));
    }
    let harvest = format!("/view/oai/{INST}/request?verb=ListRecords&metadataPrefix=marc21&set=all");
    let harvest = alma.send(alma.client.get(alma.url(&harvest))).await.unwrap().text;
    let records = harvest.split_once("<ListRecords>").unwrap().1.split("<resumptionToken").next().unwrap().to_owned();
    all.push(records);
    all
}

#[tokio::test]
async fn everything_comes_back_in_another_simulator() {
    let alma = busy_alma().await;
    let paths = questions(&alma);
    let before = answers(&alma, &paths).await;
    let saved = alma.sim().snapshot(INST).unwrap();

    let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(noon()), ..SimOptions::default() });
    assert_eq!(sim.restore(&saved).unwrap(), INST);
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(&sim.snapshot(INST).unwrap()), read(&saved));
    let server = alma_sim::Server::start(sim, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let other = TestAlma { server, client: client() };
    assert_eq!(answers(&other, &paths).await, before);
}

#[tokio::test]
async fn ids_given_after_a_restore_are_new() {
    let alma = busy_alma().await;
    let saved = alma.sim().snapshot(INST).unwrap();
    let first = alma.staff().place_hold("nobar.reader", FOURTH, "MAIN").unwrap();
    alma.sim().restore(&saved).unwrap();
    let known: Vec<String> = alma.staff().requests().into_iter().map(|request| request.id).collect();
    let repeated = alma.staff().place_hold("nobar.reader", FOURTH, "MAIN").unwrap();
    assert_eq!(repeated, first, "the same story goes on as before");
    assert!(!known.contains(&repeated));
}

#[tokio::test]
async fn a_restore_that_fails_leaves_everything_as_it_was() {
    let alma = busy_alma().await;
    let saved = alma.sim().snapshot(INST).unwrap();
    alma.sim().add_institution(presets::university("01OTH_INST", "key-o")).unwrap();
    let theirs = alma.sim().snapshot("01OTH_INST").unwrap().replace("key-o", KEY);
    assert!(alma.sim().restore(&theirs).is_err(), "its key belongs to another institution");
    assert!(alma.sim().restore(&saved[..saved.len() / 2]).is_err());
    assert_eq!(alma.sim().institutions(), ["01OTH_INST", INST]);
    assert_eq!(alma.get("/users/jo.reader").await.status, 200);
    assert_eq!(alma.sim().snapshot("01OTH_INST").unwrap().matches("key-o").count(), 1);
}
