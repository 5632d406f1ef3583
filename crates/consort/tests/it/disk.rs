//! A disk that is full while the hub runs: nothing it answered is lost, and it goes on by itself when there is room.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{DESK, Houses, KEY, LENDER, placement};

#[tokio::test]
async fn full_disk_refuses_new_work_with_a_reason_and_the_hub_goes_on_when_there_is_room() {
    let mut houses = Houses::start().await;
    houses.stop_hub().await;
    houses.start_hub_with_limits().await;
    let barcode = "01LEND-M001";
    let placed = houses.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    houses.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;

    houses.limit_files("0");
    let (status, body) = houses.answer(Method::POST, "/requests?wait=0", KEY, Some(&placement("01LEND-M002"))).await;
    let refused: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &refused["code"]), (503, &json!("STORE_UNAVAILABLE")), "{body}");
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("can't be used at the moment")), "{body}");
    houses.staff(LENDER, "scan-in", &json!({"barcode": barcode, "library": "MAIN", "desk": DESK})).await;
    assert_eq!(houses.request(&id).await["status"], "REQUEST_PLACED_AT_BORROWING_AGENCY", "it is still read");

    houses.limit_files("unlimited");
    houses.until(&id, "PICKUP_TRANSIT").await;
    let second = houses.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M002"))).await;
    houses.until(second["id"].as_str().unwrap(), "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let holds = houses.sim(LENDER, "requests").await;
    assert_eq!(holds.as_array().map(Vec::len), Some(2), "one hold for each request: {holds}");
}
