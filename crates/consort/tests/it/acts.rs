//! Actions of staff about requests, on the command line.

use reqwest::Method;
use serde_json::{Value, json};

use crate::patience::eventually;
use crate::program::{BORROWER, DESK, LENDER, Processes, complaint, placement};

async fn placed(processes: &Processes, barcode: &str) -> String {
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    id
}

async fn notes(processes: &Processes, id: &str) -> Vec<String> {
    let request = processes.request(id).await;
    let rows = request["timeline"].as_array().cloned().unwrap_or_default();
    rows.iter().filter_map(|row| row["note"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn staff_choose_a_lender_move_the_pickup_and_end_a_request_with_their_reasons() {
    let processes = Processes::start().await;
    let branch = json!({"name": "Branch", "agency": "BORROW", "library": "BRANCH", "desk": null});
    processes.api(Method::PUT, "/pickup-locations/BORROW-BRANCH", Some(&branch)).await;
    let id = placed(&processes, "01LEND-M001").await;
    let act = |args: &[&str]| processes.output(&[&["request"], args].concat());

    act(&["poll", &id]);
    act(&["change-pickup", &id, "BORROW-BRANCH", "--reason", "the patron has moved"]);
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let other = format!("{LENDER}:01LEND-M002");
    act(&["next-supplier", &id, "--copy", &other, "--reason", "the first is damaged"]);
    until(&processes, &id, "the copy of the next supplier is requested", |request| {
        request["lender"]["barcode"] == "01LEND-M002" && request["status"] == "REQUEST_PLACED_AT_BORROWING_AGENCY"
    })
    .await;

    let preview = act(&["end", &id, "--dry-run"]);
    assert!(
        preview.contains("The hold on the lender's copy is cancelled") && preview.contains("Nothing was done."),
        "{preview}"
    );
    act(&["end", &id, "--reason", "settled by telephone"]);
    let ended = processes.until(&id, "FINALISED").await;
    assert_eq!(ended["outcome"], "UNKNOWN");
    let notes = notes(&processes, &id).await;
    for reason in ["the patron has moved", "the first is damaged", "settled by telephone"] {
        assert!(notes.iter().any(|note| note.contains(reason)), "{reason}: {notes:?}");
    }
}

#[tokio::test]
async fn action_that_is_not_allowed_now_is_refused_with_the_reason() {
    let processes = Processes::start().await;
    let id = placed(&processes, "01LEND-M001").await;
    for args in [vec!["resume", &id], vec!["item-found", &id], vec!["undo", &id], vec!["settle-loss", &id, "paid"]] {
        let refused = processes.consort(&[vec!["request"], args.clone()].concat());
        assert!(!refused.status.success(), "{args:?}");
        let said = complaint(&refused);
        assert!(said.ends_with('.') || said.contains(". "), "{args:?}: {said}");
    }
    assert_eq!(processes.request(&id).await["status"], "REQUEST_PLACED_AT_BORROWING_AGENCY");
}

#[tokio::test]
async fn lost_book_is_settled_and_a_deleted_virtual_item_recreated() {
    let processes = Processes::start().await;
    let id = placed(&processes, "01LEND-M001").await;
    let here = processes.request(&id).await["borrower"]["barcode"].as_str().unwrap().to_owned();
    let holds = processes.sim(BORROWER, "requests").await;
    let hold = holds.as_array().unwrap().iter().find(|hold| hold["barcode"] == here.as_str()).unwrap().clone();
    let hold = hold["id"].as_str().unwrap();
    processes.staff(BORROWER, &format!("requests/{hold}/cancel"), &json!({"reason": "CannotBeFulfilled"})).await;
    processes.control(Method::DELETE, BORROWER, &format!("items/{here}"), &json!({})).await;
    until(&processes, &id, "the request needs staff", |request| request["attention"]["kind"] == "needs_staff").await;
    processes.output(&["request", "resume", &id, "--reason", "deleted by mistake"]);
    until(&processes, &id, "the request waits", |request| request["attention"]["kind"] == "waiting").await;

    let scan = |barcode: &str| json!({"barcode": barcode, "library": "MAIN", "desk": DESK});
    processes.staff(LENDER, "scan-in", &scan("01LEND-M001")).await;
    processes.until(&id, "PICKUP_TRANSIT").await;
    let here = processes.request(&id).await["borrower"]["barcode"].as_str().unwrap().to_owned();
    processes.staff(BORROWER, "scan-in", &scan(&here)).await;
    processes.until(&id, "READY_FOR_PICKUP").await;
    processes
        .staff(BORROWER, "loan", &json!({"barcode": here, "user": "jo.reader", "library": "MAIN", "desk": DESK}))
        .await;
    processes.until(&id, "LOANED").await;
    processes.staff(BORROWER, &format!("items/{here}/mark/lost"), &json!({})).await;
    until(&processes, &id, "the item counts as lost", |request| {
        request["conditions"].as_array().is_some_and(|all| all.contains(&json!("lost")))
    })
    .await;
    processes.output(&["request", "settle-loss", &id, "paid", "--reason", "at the desk"]);
    assert_eq!(processes.until(&id, "FINALISED").await["outcome"], "LOST");
}

/// Requests polls until this holds for the request.
async fn until(processes: &Processes, id: &str, what: &str, holds: impl Fn(&Value) -> bool) {
    eventually(what, async || {
        let request = processes.request(id).await;
        if holds(&request) {
            return Ok(());
        }
        let version = request["version"].as_i64().unwrap_or_default();
        processes.api(Method::POST, &format!("/requests/{id}/poll"), None).await;
        processes.api(Method::GET, &format!("/requests/{id}?after_version={version}&wait=1"), None).await;
        Err(request)
    })
    .await;
}
