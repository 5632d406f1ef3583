//! What isn't circulation: fees, jobs, sets; scenario files; the index that lags.

use std::path::Path;

use alma_sim::{Mark, Scenario, Sim, SimClock, SimOptions};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, DESK, House, noon};

fn code(value: &Value) -> &str {
    value["value"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_lost_item_is_charged_and_the_fee_is_paid_in_parts() {
    let house = House::new().await;
    house.staff().lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    house.staff().mark(BOOK, Mark::Lost).unwrap();
    let fees = house.get("/users/jo.reader/fees").await.json();
    assert_eq!((&fees["total_record_count"], &fees["total_sum"]), (&json!(1), &json!(50.0)), "{fees}");
    let fee = &fees["fee"][0];
    assert_eq!((code(&fee["type"]), code(&fee["barcode"])), ("LOSTITEMREPLACEMENTFEE", BOOK));
    let path = format!("/users/jo.reader/fees/{}", fee["id"].as_str().unwrap());
    let pay = |amount: &str| format!("{path}?op=pay&amount={amount}&method=CASH");
    let part = house.call(Method::POST, &pay("20.5"), None).await.json();
    assert_eq!((&part["balance"], code(&part["status"])), (&json!(29.5), "ACTIVE"));
    let rest = house.call(Method::POST, &pay("29.50"), None).await.json();
    assert_eq!((&rest["balance"], code(&rest["status"])), (&json!(0.0), "CLOSED"));
    assert_eq!(house.get("/users/jo.reader/fees").await.json()["total_record_count"], 0);
    assert_eq!(house.get("/users/jo.reader/fees/1").await.refusal(), (400, "401655".to_owned()));
}

#[tokio::test]
async fn fees_are_created_waived_and_counted_in_the_user() {
    let house = House::new().await;
    let body = json!({"type": {"value": "CARDRENEWAL"}, "original_amount": 12.5, "owner": {"value": "MAIN"}});
    let fee = house.post("/users/jo.reader/fees", body.clone()).await.json();
    assert_eq!((&fee["original_amount"], &fee["user_primary_id"]["value"]), (&json!(12.5), &json!("jo.reader")));
    let user = house.get("/users/jo.reader?expand=fees").await.json();
    assert_eq!(user["fees"]["value"], 12.5);
    assert_eq!(house.call(Method::DELETE, "/users/jo.reader", None).await.refusal().1, "401850", "fees are open");
    let path = format!("/users/jo.reader/fees/{}?op=waive&reason=OTHER", fee["id"].as_str().unwrap());
    assert_eq!(code(&house.call(Method::POST, &path, None).await.json()["status"]), "CLOSED");
    let mut without = body;
    without.as_object_mut().unwrap().remove("original_amount");
    assert_eq!(house.post("/users/jo.reader/fees", without).await.status, 400);
}

#[tokio::test]
async fn a_job_runs_by_api_and_its_run_is_listed() {
    let house = House::new().await;
    let jobs = house.get("/conf/jobs?category=FULFILLMENT").await.json();
    assert_eq!(jobs["total_record_count"], 2, "{jobs}");
    let hold = house.staff().place_hold("jo.reader", BOOK, "MAIN").unwrap();
    house.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    house.staff().expire_hold(&hold).unwrap();
    let run = house.call(Method::POST, "/conf/jobs/S102?op=run", Some(json!({}))).await.json();
    let link = run["additional_info"]["link"].as_str().unwrap().to_owned();
    let path = link.split("/almaws/v1").nth(1).unwrap();
    let instance = house.get(path).await.json();
    assert_eq!((code(&instance["status"]), &instance["counter"][0]["value"]), ("COMPLETED_SUCCESS", &json!("1")));
    assert_eq!(house.get("/conf/jobs/S102/instances").await.json()["total_record_count"], 1);
    assert!(house.staff().requests().is_empty(), "the shelf is worked off");
    assert_eq!(house.get("/conf/jobs/S999").await.status, 400);
}

#[tokio::test]
async fn a_set_takes_members_by_barcode_and_gives_them_back() {
    let house = House::new().await;
    let set = json!({"name": "To be moved", "type": {"value": "ITEMIZED"}, "content": {"value": "ITEM"}});
    let made = house.post("/conf/sets", set).await.json();
    let path = format!("/conf/sets/{}", made["id"].as_str().unwrap());
    let members = json!({"members": {"member": [{"id": BOOK}]}});
    let grown = house.post(&format!("{path}?op=add_members&id_type=BARCODE"), members).await.json();
    assert_eq!(grown["number_of_members"]["value"], 1);
    let rows = house.get(&format!("{path}/members")).await.json();
    let item = house.staff().item(BOOK).unwrap();
    assert_eq!(rows["member"][0]["id"], item.pid);
    assert_eq!(house.get("/conf/sets?q=name~moved").await.json()["total_record_count"], 1);
    assert_eq!(house.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(house.get(&path).await.status, 400);
}

#[tokio::test]
async fn an_item_just_made_cannot_be_requested_until_it_has_settled() {
    let settle = std::time::Duration::from_secs(5);
    let options = SimOptions { clock: SimClock::Stepped(noon()), settle, ..SimOptions::default() };
    let house = House::with(options).await;
    let item = house.staff().item(BOOK).unwrap();
    let path = format!("/bibs/{}/holdings/{}/items", item.mms_id, item.holding_id);
    let body = json!({"item_data": {"barcode": "NEW-1", "physical_material_type": {"value": "BOOK"}}});
    let made = house.post(&path, body).await.json();
    let pid = made["item_data"]["pid"].as_str().unwrap().to_owned();
    let hold = json!({"request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": "MAIN"});
    let ask = format!("{path}/{pid}/requests?user_id=jo.reader");
    assert_eq!(house.post(&ask, hold.clone()).await.refusal(), (400, "401129".to_owned()));
    house.sim().advance(SignedDuration::from_secs(6));
    assert_eq!(house.post(&ask, hold).await.status, 200);
}

#[tokio::test]
async fn a_search_learns_of_a_new_title_only_after_the_indexs_lag() {
    let house = House::new().await;
    house.staff().set_behaviour(|alma| alma.index_lag_ms = 60_000);
    let record = "<bib><record><leader>00000nam a2200000 a 4500</leader><datafield tag=\"035\" ind1=\" \" ind2=\" \">\
                  <subfield code=\"a\">(X)1</subfield></datafield><datafield tag=\"245\" ind1=\"0\" ind2=\"0\">\
                  <subfield code=\"a\">New</subfield></datafield></record></bib>";
    assert_eq!(house.call(Method::POST, "/bibs", Some(json!(record))).await.status, 200);
    let found = || async { house.get("/bibs?other_system_id=(X)1").await.json()["total_record_count"].clone() };
    assert_eq!(found().await, 0);
    house.sim().advance(SignedDuration::from_secs(61));
    assert_eq!(found().await, 1);
}

const STORY: &str = r#"{
  "title": "A hold goes to the branch",
  "begins": "2026-03-04T12:00:00Z",
  "institutions": [{"code": "01STORY_INST", "key": "key-s"}],
  "steps": [
    {"do": "hold", "with": {"user": "jo.reader", "barcode": "01STORY-M001", "pickup_library": "BRANCH"},
     "save": {"hold": "/request_id"}},
    {"do": "scan-in", "with": {"barcode": "01STORY-M001", "library": "MAIN", "desk": "DEFAULT_CIRC_DESK"},
     "expect": {"process_type": "TRANSIT", "request_id": "{hold}"}},
    {"advance": "1 day"},
    {"call": "GET /users/jo.reader/requests/{hold}", "expect": {"request_status": "IN_PROCESS"}},
    {"call": "GET /users/nobody", "refused": "401861"}
  ]
}"#;

#[tokio::test]
async fn a_story_in_a_file_is_played_and_a_step_that_goes_otherwise_is_told() {
    let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(noon()), ..SimOptions::default() });
    Scenario::from_json(STORY, Path::new("")).unwrap().play(&sim).unwrap();
    assert_eq!(sim.staff("01STORY_INST").unwrap().item("01STORY-M001").unwrap().process_type, "TRANSIT");

    let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(noon()), ..SimOptions::default() });
    let wrong = STORY.replace("IN_PROCESS", "ON_HOLD_SHELF");
    let failure = Scenario::from_json(&wrong, Path::new("")).unwrap().play(&sim).unwrap_err().to_string();
    assert!(failure.contains("step 4") && failure.contains("ON_HOLD_SHELF"), "{failure}");
    assert!(Scenario::from_json("{\"title\": 1}", Path::new("")).is_err());
}
