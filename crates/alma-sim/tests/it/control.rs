//! The control surface over HTTP, and snapshots.

use alma_sim::Behaviour;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, BOOK, DESK, INST, TestAlma};

async fn control(alma: &TestAlma, method: Method, path: &str, body: Value) -> Answer {
    alma.send(alma.client.request(method, alma.url(&format!("/sim/{path}"))).json(&body)).await.unwrap()
}

#[test]
fn each_switch_of_the_behaviour_is_documented_with_its_source() {
    let page = include_str!("../../../../docs/simulator.md");
    let switches = serde_json::to_value(Behaviour::default()).unwrap();
    for switch in switches.as_object().unwrap().keys() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{switch}` |")));
        let cells: Vec<&str> = row.unwrap_or_default().trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "{switch}: {cells:?}");
    }
}

#[tokio::test]
async fn staff_act_by_post_and_are_refused_clearly() {
    let alma = TestAlma::new().await;
    let at = |library: &str| json!({"barcode": BOOK, "user": "jo.reader", "library": library, "desk": DESK});
    let path = format!("{INST}/loan");
    assert_eq!(control(&alma, Method::POST, &path, at("MAIN")).await.status, 200);
    let refused = control(&alma, Method::POST, &path, at("MAIN")).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (400, &json!("400042")));
    let marked = control(&alma, Method::POST, &format!("{INST}/items/{BOOK}/mark/lost"), json!({})).await;
    assert_eq!(marked.status, 200);
    let repeated =
        control(&alma, Method::POST, &format!("{INST}/items/{BOOK}/mark"), json!({"mark": "claimed_returned"})).await;
    assert!(repeated.json()["message"].as_str().unwrap().contains("LOST_LOAN"), "{}", repeated.text);
    let state = control(&alma, Method::GET, &format!("{INST}/state"), json!({})).await.json();
    let lost = |item: &&Value| item["item_data"]["process_type"]["value"] == "LOST_LOAN";
    assert_eq!(state["items"].as_array().unwrap().iter().filter(lost).count(), 1);
    assert_eq!(state["loans"][0]["process_status"], "LOST");
    assert_eq!(control(&alma, Method::POST, &format!("{INST}/nonsense"), json!({})).await.status, 404);
    assert_eq!(control(&alma, Method::GET, "NOWHERE/state", json!({})).await.status, 404);
}

#[tokio::test]
async fn calls_are_counted_by_endpoint_and_reset() {
    let alma = TestAlma::new().await;
    alma.get("/users/jo.reader").await;
    alma.get("/users/nobody").await;
    alma.get(&alma.item_path(BOOK)).await;
    let path = format!("{INST}/calls");
    let calls = control(&alma, Method::GET, &path, json!({})).await.json();
    assert_eq!((&calls["calls"]["GET /users/{user_id}"], &calls["total"]), (&json!(2), &json!(3)));
    control(&alma, Method::DELETE, &path, json!({})).await;
    assert_eq!(control(&alma, Method::GET, &path, json!({})).await.json()["total"], 0);
}

#[tokio::test]
async fn time_behaviour_and_blocks_are_changed_by_post() {
    let alma = TestAlma::new().await;
    let now = control(&alma, Method::POST, "clock", json!({"advance_seconds": 60})).await.json();
    assert_eq!(now["now"], "2026-03-04T12:01:00.000Z");
    assert_eq!(control(&alma, Method::POST, "clock", json!({"to": "2020-01-01Z"})).await.status, 400);
    let path = format!("{INST}/behaviour");
    let set = control(&alma, Method::POST, &path, json!({"rules": {"groups_without_holds": ["UNDRGRD"]}})).await.json();
    assert_eq!((&set["rules"]["default_loan_days"], &set["strict_paging"]), (&json!(28), &json!(true)));
    assert_eq!(alma.staff().place_hold("jo.reader", BOOK, "MAIN").unwrap_err().code, "401129");
    let options = alma.get(&format!("{}/request-options?user_id=jo.reader", alma.item_path(BOOK))).await.json();
    assert_eq!(options, json!({}));
    let blocks = format!("{INST}/users/jo.reader/blocks");
    control(&alma, Method::POST, &blocks, json!({"code": "02-GLOBAL"})).await;
    let user = alma.get("/users/jo.reader").await.json();
    assert_eq!(user["user_block"][0]["block_description"]["desc"], "Block all circulation");
    control(&alma, Method::DELETE, &blocks, json!({})).await;
    assert_eq!(alma.get("/users/jo.reader").await.json()["user_block"], json!([]));
}

#[tokio::test]
async fn a_snapshot_puts_an_institution_back_as_it_was() {
    let alma = TestAlma::new().await;
    let hold = alma.staff().place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    let saved = alma.sim().snapshot(INST).unwrap();
    alma.staff().cancel(&hold, "CannotBeFulfilled").unwrap();
    alma.staff().withdraw(BOOK).unwrap();
    assert_eq!(alma.sim().restore(&saved).unwrap(), INST);
    let scan = alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    assert_eq!(scan.request_id, Some(hold));
    assert_eq!(alma.get("/users/01TST-P001").await.json()["primary_id"], "jo.reader");
    assert!(alma.sim().restore("{}").is_err());
    let text = control(&alma, Method::GET, &format!("{INST}/snapshot"), json!({})).await;
    assert_eq!(control(&alma, Method::POST, "restore", text.json()).await.status, 200);
    assert_eq!(alma.staff().item(BOOK).unwrap().process_type, "TRANSIT");
}

#[tokio::test]
async fn an_institution_is_added_and_removed_while_it_runs() {
    let alma = TestAlma::new().await;
    let new = json!({"code": "01NEW_INST", "key": "key-new", "empty": true});
    assert_eq!(control(&alma, Method::POST, "institutions", new.clone()).await.status, 200);
    assert_eq!(control(&alma, Method::POST, "institutions", new).await.status, 400, "its code is taken");
    let call = || alma.client.get(alma.url("/almaws/v1/conf/general?format=json&apikey=key-new"));
    let general = alma.send(call()).await.unwrap().json();
    assert_eq!(general["institution"]["value"], "01NEW_INST");
    assert_eq!(control(&alma, Method::GET, "01NEW_INST/counts", json!({})).await.json()["bibs"], 0);
    control(&alma, Method::DELETE, "01NEW_INST", json!({})).await;
    assert_eq!(alma.send(call()).await.unwrap().status, 400);
}

#[tokio::test]
async fn limits_are_set_by_number_and_by_the_name_of_a_quota() {
    let alma = TestAlma::new().await;
    let path = format!("{INST}/limits");
    let limits = control(&alma, Method::POST, &path, json!({"quota": "sandbox", "per_day": 12})).await.json();
    assert_eq!((&limits["per_second"], &limits["per_day"]), (&json!(10), &json!(12)));
    let mut met = Vec::new();
    for _ in 0..11 {
        met.push(alma.get("/conf/test").await.status.as_u16());
    }
    assert_eq!((met.iter().filter(|status| **status == 200).count(), met[10]), (10, 429));
    alma.sim().advance(jiff::SignedDuration::from_secs(2));
    let refusals = [alma.get("/conf/test").await, alma.get("/conf/test").await, alma.get("/conf/test").await];
    assert!(refusals[1].status == 200 && refusals[2].text.contains("DAILY_THRESHOLD"), "{}", refusals[2].text);
    assert_eq!(refusals[2].headers["x-exl-api-remaining"], "0");
    let none = control(&alma, Method::POST, &path, json!({"quota": "none", "per_day": null})).await.json();
    assert_eq!((&none["per_second"], &none["per_day"]), (&Value::Null, &Value::Null));
    assert_eq!(control(&alma, Method::POST, &path, json!({"quota": "endless"})).await.status, 400);
}
