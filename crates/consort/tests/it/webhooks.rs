//! Real webhooks: simulated Almas send a real hub messages, over sockets, about the actions of their staff.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{BORROWER, DESK, LENDER, Processes, placement};

const SECRET: &str = "a-secret-of-the-webhook";

/// Starts a hub to which both Almas send messages. `profile` decides which of them get lost.
async fn listening(profile: &Value) -> Processes {
    let processes = Processes::start().await;
    for code in [LENDER, BORROWER] {
        let body = json!({"secret": SECRET});
        processes.api(Method::PUT, &format!("/institutions/{code}/webhook"), Some(&body)).await;
        let mut hook = json!({"url": format!("http://{}/webhooks/{code}", processes.hub), "secret": SECRET});
        hook.as_object_mut().unwrap().extend(profile.as_object().unwrap().clone());
        processes.control(Method::POST, code, "webhooks", &hook).await;
        // A scan into transit counts as an update of the item at this site.
        processes.control(Method::POST, code, "behaviour", &json!({"circulation_raises_item_events": true})).await;
    }
    processes
}

/// Runs a lifecycle without requesting any poll. The hub's own schedule would poll only after a minute.
async fn full_lifecycle(processes: &Processes) -> Value {
    let barcode = "01LEND-M001";
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until_without_poll(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let scan = |barcode: &str| json!({"barcode": barcode, "library": "MAIN", "desk": DESK});
    processes.staff(LENDER, "scan-in", &scan(barcode)).await;
    processes.until_without_poll(&id, "PICKUP_TRANSIT").await;
    let here = processes.request(&id).await["borrower"]["barcode"].as_str().unwrap().to_owned();
    processes.staff(BORROWER, "scan-in", &scan(&here)).await;
    processes.until_without_poll(&id, "READY_FOR_PICKUP").await;
    let lent = json!({"barcode": here, "user": "jo.reader", "library": "MAIN", "desk": DESK});
    processes.staff(BORROWER, "loan", &lent).await;
    processes.until_without_poll(&id, "LOANED").await;
    processes.staff(BORROWER, "scan-in", &scan(&here)).await;
    processes.until_without_poll(&id, "RETURN_TRANSIT").await;
    processes.staff(LENDER, "scan-in", &scan(barcode)).await;
    processes.until_without_poll(&id, "FINALISED").await
}

#[tokio::test]
async fn request_completes_its_lifecycle_on_webhook_messages() {
    let processes = listening(&json!({})).await;
    let ended = full_lifecycle(&processes).await;
    assert_eq!(ended["outcome"], "SUPPLIED");
    let webhook = processes.api(Method::GET, &format!("/institutions/{BORROWER}/webhook"), None).await;
    // One for each act there: on the hold shelf, lent, returned. The others of the same act have nothing new.
    assert!(webhook["useful_messages_24h"].as_u64().is_some_and(|messages| messages >= 3), "{webhook}");
}

#[tokio::test]
async fn messages_that_come_twice_and_in_any_order_change_nothing() {
    let processes = listening(&json!({"duplicate_every": 1, "shuffle": true, "seed": 7})).await;
    let ended = full_lifecycle(&processes).await;
    assert_eq!(ended["outcome"], "SUPPLIED");
    let hold = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
    for code in [LENDER, BORROWER] {
        assert_eq!(processes.sim(code, "calls").await["calls"][hold], 1, "one hold at {code}");
    }
}

#[tokio::test]
async fn webhook_is_set_tried_and_taken_away_on_the_command_line() {
    let processes = Processes::start().await;
    let made = processes.output(&["institution", "webhook", "set", LENDER]);
    let secret = made.split("shown this once: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let file = processes.dir.path().join("secret");
    std::fs::write(&file, secret).unwrap();
    let file = file.to_str().unwrap();
    let tried = processes.output(&["institution", "webhook", "test", LENDER, "--secret-file", file]);
    assert!(tried.contains("all that the hub needs is there"), "{tried}");
    assert!(processes.output(&["institution", "webhook", "show", LENDER]).contains("0 reported something new"));

    std::fs::write(file, "another-secret-altogether").unwrap();
    let wrong = processes.consort(&["institution", "webhook", "test", LENDER, "--secret-file", file]);
    let said = crate::program::complaint(&wrong);
    assert!(said.contains("1 of 3 checks"), "{said}");
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("401"), "{said}");

    let changed = processes.output(&["institution", "webhook", "set", LENDER, "--secret-file", file]);
    assert!(changed.contains("counts too") && !changed.contains("another-secret"), "{changed}");
    processes.output(&["institution", "webhook", "finish-rotation", LENDER]);
    processes.output(&["institution", "webhook", "remove", LENDER]);
    let gone = processes.consort(&["institution", "webhook", "show", LENDER]);
    assert!(crate::program::complaint(&gone).contains("no webhook"));
}
