//! Eventual consistency: search finds a change only after a delay.

#![allow(clippy::disallowed_methods, reason = "the simulator's faults and webhooks take real time")]

use alma_sim::{Fault, FaultKind, Server, Sim, SimClock, SimOptions, presets};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, DESK, INST, KEY, OTHER_BOOK, TestAlma, client, noon};

fn hold() -> Value {
    json!({"request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": "BRANCH"})
}

fn later(alma: &TestAlma, seconds: i64) {
    alma.sim().advance(jiff::SignedDuration::from_secs(seconds));
}

/// Available copies of a title by its AVA fields: items less those that are away.
async fn available(alma: &TestAlma, mms: &str) -> i64 {
    let bib = alma.get(&format!("/bibs/{mms}?expand=p_avail")).await.json();
    let record = bib["anies"][0].as_str().unwrap().to_owned();
    let numbers = |code: char| -> i64 {
        let open = format!("<subfield code=\"{code}\">");
        let fields = record.split("tag=\"AVA\"").skip(1);
        fields.map(|field| field.split(&open).nth(1).unwrap().split('<').next().unwrap().parse::<i64>().unwrap()).sum()
    };
    numbers('f') - numbers('g')
}

#[tokio::test]
async fn an_item_just_returned_is_not_requestable_for_some_seconds() {
    let alma = TestAlma::new().await;
    alma.staff().set_behaviour(|behaviour| behaviour.settle_ms = 5_000);
    alma.staff().lend(BOOK, "sam.student", "MAIN", DESK).unwrap();
    later(&alma, 60);
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    let path = format!("{}/requests?user_id=jo.reader", alma.item_path(BOOK));
    for seconds in [2, 2, 1] {
        assert_eq!(alma.post(&path, hold()).await.refusal(), (400, "401129".to_owned()));
        later(&alma, seconds);
    }
    assert_eq!(alma.post(&path, hold()).await.status, 200);
}

#[tokio::test]
async fn a_request_is_refused_as_often_as_ordered_and_then_taken() {
    let alma = TestAlma::new().await;
    let call = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
    alma.sim().arm(INST, Fault { times: Some(3), ..Fault::always(call, FaultKind::NotSettled) }).unwrap();
    let path = format!("{}/requests?user_id=jo.reader", alma.item_path(BOOK));
    for _ in 0..3 {
        assert_eq!(alma.post(&path, hold()).await.refusal(), (400, "401129".to_owned()));
    }
    assert!(alma.staff().requests().is_empty());
    assert_eq!(alma.post(&path, hold()).await.status, 200);
}

#[tokio::test]
async fn availability_follows_the_item_after_the_lag_and_the_item_at_once() {
    let alma = TestAlma::new().await;
    alma.staff().set_behaviour(|behaviour| behaviour.index_lag_ms = 30_000);
    later(&alma, 60);
    let mms = alma.staff().item(OTHER_BOOK).unwrap().mms_id;
    let before = available(&alma, &mms).await;
    alma.staff().lend(OTHER_BOOK, "jo.reader", "MAIN", DESK).unwrap();
    let item = alma.get(&alma.item_path(OTHER_BOOK)).await.json();
    assert_eq!(item["item_data"]["process_type"]["value"], "LOAN");
    later(&alma, 29);
    assert_eq!(available(&alma, &mms).await, before);
    later(&alma, 1);
    assert_eq!(available(&alma, &mms).await, before - 1);
}

#[tokio::test]
async fn search_finds_a_new_record_after_the_lag_and_its_id_at_once() {
    let alma = TestAlma::new().await;
    alma.staff().set_behaviour(|behaviour| behaviour.index_lag_ms = 30_000);
    let user = json!({"primary_id": "late.comer", "last_name": "Latecomer", "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "EXTERNAL"}, "external_id": "SIS", "user_group": {"value": "UNDRGRD"}});
    assert_eq!(alma.post("/users", user).await.status, 200);
    let bib = "<bib><record><leader>00000nam a2200000 a 4500</leader><datafield tag=\"035\" ind1=\" \" ind2=\" \">\
        <subfield code=\"a\">(DCB)77</subfield></datafield><datafield tag=\"245\" ind1=\"0\" ind2=\"0\">\
        <subfield code=\"a\">New</subfield></datafield></record></bib>";
    let made = alma.call(Method::POST, "/bibs", Some(json!(bib))).await.json();
    let found = async || {
        let users = alma.get("/users?q=last_name~Latecomer").await.json();
        let bibs = alma.get("/bibs?other_system_id=(DCB)77").await.json();
        (users["total_record_count"].as_u64().unwrap(), bibs["total_record_count"].as_u64().unwrap())
    };
    assert_eq!(found().await, (0, 0));
    assert_eq!(alma.get("/users/late.comer").await.status, 200);
    assert_eq!(alma.get(&format!("/bibs/{}", made["mms_id"].as_str().unwrap())).await.status, 200);
    later(&alma, 30);
    assert_eq!(found().await, (1, 1));
}

#[tokio::test]
async fn a_simulator_on_the_machines_clock_settles_too() {
    let options = SimOptions {
        clock: SimClock::Scaled { start: noon(), factor: 200.0 },
        settle: std::time::Duration::from_secs(10),
        ..SimOptions::default()
    };
    let sim = Sim::new(&options);
    sim.add_institution(presets::university(INST, KEY)).unwrap();
    let server = Server::start(sim, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let alma = TestAlma { server, client: client() };
    alma.staff().lend(BOOK, "sam.student", "MAIN", DESK).unwrap();
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    let path = format!("{}/requests?user_id=jo.reader", alma.item_path(BOOK));
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while alma.post(&path, hold()).await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "never settled");
        tokio::task::yield_now().await;
    }
}
