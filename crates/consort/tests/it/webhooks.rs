//! Real webhooks: simulated Almas tell a real hub, over sockets, what their staff do.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{BORROWER, DESK, Houses, LENDER, placement};

const SECRET: &str = "a-secret-of-the-webhook";

/// Both Almas send the hub what happens; none of it is lost where `profile` says nothing else.
async fn listening(profile: &Value) -> Houses {
    let houses = Houses::start().await;
    for code in [LENDER, BORROWER] {
        let body = json!({"secret": SECRET});
        houses.api(Method::PUT, &format!("/institutions/{code}/webhook"), Some(&body)).await;
        let mut hook = json!({"url": format!("http://{}/webhooks/{code}", houses.hub), "secret": SECRET});
        hook.as_object_mut().unwrap().extend(profile.as_object().unwrap().clone());
        houses.control(Method::POST, code, "webhooks", &hook).await;
        // A scan into transit counts as an update of the item at this site.
        houses.control(Method::POST, code, "behaviour", &json!({"circulation_raises_item_events": true})).await;
    }
    houses
}

/// The whole way; nobody asks the hub to look, and by itself it would look after a minute.
async fn the_whole_way(houses: &Houses) -> Value {
    let barcode = "01LEND-M001";
    let placed = houses.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    houses.until_by_itself(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let scan = |barcode: &str| json!({"barcode": barcode, "library": "MAIN", "desk": DESK});
    houses.staff(LENDER, "scan-in", &scan(barcode)).await;
    houses.until_by_itself(&id, "PICKUP_TRANSIT").await;
    let here = houses.request(&id).await["borrower"]["barcode"].as_str().unwrap().to_owned();
    houses.staff(BORROWER, "scan-in", &scan(&here)).await;
    houses.until_by_itself(&id, "READY_FOR_PICKUP").await;
    let lent = json!({"barcode": here, "user": "jo.reader", "library": "MAIN", "desk": DESK});
    houses.staff(BORROWER, "loan", &lent).await;
    houses.until_by_itself(&id, "LOANED").await;
    houses.staff(BORROWER, "scan-in", &scan(&here)).await;
    houses.until_by_itself(&id, "RETURN_TRANSIT").await;
    houses.staff(LENDER, "scan-in", &scan(barcode)).await;
    houses.until_by_itself(&id, "FINALISED").await
}

#[tokio::test]
async fn request_goes_the_whole_way_on_what_the_almas_tell() {
    let houses = listening(&json!({})).await;
    let ended = the_whole_way(&houses).await;
    assert_eq!(ended["outcome"], "SUPPLIED");
    let webhook = houses.api(Method::GET, &format!("/institutions/{BORROWER}/webhook"), None).await;
    assert!(webhook["useful_messages_24h"].as_u64().is_some_and(|messages| messages > 3), "{webhook}");
}

#[tokio::test]
async fn messages_that_come_twice_and_in_any_order_change_nothing() {
    let houses = listening(&json!({"duplicate_every": 1, "shuffle": true, "seed": 7})).await;
    let ended = the_whole_way(&houses).await;
    assert_eq!(ended["outcome"], "SUPPLIED");
    let hold = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
    for code in [LENDER, BORROWER] {
        assert_eq!(houses.sim(code, "calls").await["calls"][hold], 1, "one hold at {code}");
    }
}

#[tokio::test]
async fn webhook_is_set_tried_and_taken_away_on_the_command_line() {
    let houses = Houses::start().await;
    let made = houses.told(&["institution", "webhook", "set", LENDER]);
    let secret = made.split("shown this once: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let file = houses.dir.path().join("secret");
    std::fs::write(&file, secret).unwrap();
    let file = file.to_str().unwrap();
    let tried = houses.told(&["institution", "webhook", "test", LENDER, "--secret-file", file]);
    assert!(tried.contains("all that the hub needs is there"), "{tried}");
    assert!(houses.told(&["institution", "webhook", "show", LENDER]).contains("0 told something new"));

    std::fs::write(file, "another-secret-altogether").unwrap();
    let wrong = houses.consort(&["institution", "webhook", "test", LENDER, "--secret-file", file]);
    let said = crate::program::complaint(&wrong);
    assert!(said.contains("1 of 3 checks"), "{said}");
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("401"), "{said}");

    let changed = houses.told(&["institution", "webhook", "set", LENDER, "--secret-file", file]);
    assert!(changed.contains("counts too") && !changed.contains("another-secret"), "{changed}");
    houses.told(&["institution", "webhook", "finish-rotation", LENDER]);
    houses.told(&["institution", "webhook", "remove", LENDER]);
    let gone = houses.consort(&["institution", "webhook", "show", LENDER]);
    assert!(crate::program::complaint(&gone).contains("no webhook"));
}
