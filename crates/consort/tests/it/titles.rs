//! From a search to a request: what the libraries have, what can be requested now, and a request for the title.

use reqwest::Method;
use serde_json::{Value, json};

use crate::catalogue::{run, set_harvest};
use crate::patience::eventually;
use crate::program::{LENDER, Processes};

const PLACED: &str = "REQUEST_PLACED_AT_BORROWING_AGENCY";

fn json_of(processes: &Processes, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&processes.output(&args)).unwrap()
}

/// Returns the id of the lender's title in the catalogue, once the hub's index has it.
async fn found(processes: &Processes) -> String {
    set_harvest(processes, LENDER, &json!({})).await;
    run(processes, &["harvest", LENDER]);
    let found = eventually("the title is found", async || {
        let found = json_of(processes, &["search", "cats", "dogs"]);
        if found["total"].as_u64() > Some(0) { Ok(found) } else { Err(found.to_string()) }
    })
    .await;
    assert_eq!(found["titles"][0]["institutions"], json!([LENDER]), "{found}");
    found["titles"][0]["id"].as_str().unwrap().to_owned()
}

fn requestable(availability: &Value) -> Vec<String> {
    let records = availability["records"].as_array().unwrap();
    let copies = records.iter().flat_map(|record| record["copies"].as_array().unwrap());
    let those = copies.filter(|copy| copy["requestable"] == true);
    those.map(|copy| copy["item"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn title_is_found_and_requested_and_its_copy_is_taken_after_that() {
    let processes = Processes::start().await;
    let id = found(&processes).await;
    let before = json_of(&processes, &["availability", &id]);
    let free = requestable(&before);
    assert!(!free.is_empty() && before["available"].as_u64() == u64::try_from(free.len()).ok(), "{before}");
    assert_eq!((before["missing"].clone(), &before["records"][0]["missing"]), (json!([]), &Value::Null), "{before}");
    let shown = processes.output(&["availability", &id]);
    assert!(shown.contains("can be requested now") && shown.contains("available"), "{shown}");

    let wish = json!({
        "agency": "BORROW", "patron": "jo.reader", "pickup_location": "BORROW-MAIN", "title": {"id": id},
    });
    let placed = processes.api(Method::POST, "/requests", Some(&wish)).await;
    processes.until(placed["id"].as_str().unwrap(), PLACED).await;
    // The answer before is younger than a minute, and was forgotten when the hub placed its hold.
    let after = json_of(&processes, &["availability", &id]);
    let free_now = requestable(&after);
    assert_eq!(free_now.len() + 1, free.len(), "{after}");
    assert!(free_now.iter().all(|item| free.contains(item)), "{after}");

    let record = before["records"][0]["record"].as_str().unwrap();
    let path = format!("/institutions/{LENDER}/records/{record}/availability?waiting=true&deadline_ms=5000");
    let of_record = processes.api(Method::GET, &path, None).await;
    assert_eq!((of_record["record"].as_str(), of_record["age_seconds"].as_u64()), (Some(record), Some(0)));
    let quota = json_of(&processes, &["institution", "quota", LENDER]);
    assert!(quota[0]["used"]["by_priority"]["availability"].as_u64() > Some(0), "{quota}");
}

#[tokio::test]
async fn institution_that_gives_no_service_is_named_with_the_reason() {
    let processes = Processes::start().await;
    let id = found(&processes).await;
    let fault = json!({"call": "*", "fault": {"kind": "status", "status": 503}});
    processes.control(Method::POST, LENDER, "faults", &fault).await;
    let answer = json_of(&processes, &["availability", &id]);
    assert_eq!(answer["available"], 0, "{answer}");
    let missing = &answer["missing"][0];
    assert_eq!(missing["institution"], LENDER, "{answer}");
    assert!(["no_answer_yet", "failed", "down"].contains(&missing["code"].as_str().unwrap()), "{answer}");
}

#[tokio::test]
async fn unknown_title_and_record_are_not_found() {
    let processes = Processes::start().await;
    let output = processes.consort(&["availability", "4711"]);
    assert_eq!(output.status.code(), Some(4), "{}", crate::program::complaint(&output));
    let path = format!("/institutions/{LENDER}/records/4711/availability");
    let (status, answer) = processes.answer(Method::GET, &path, crate::program::KEY, None).await;
    assert_eq!(status, 404, "{answer}");
}
