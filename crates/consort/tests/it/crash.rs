//! Kills the real hub with SIGKILL and judges the result from outside: by its public API and the simulated Almas alone.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{BORROWER, DESK, LENDER, Processes, placement};

fn made(calls: &Value, endpoint: &str) -> u64 {
    calls["calls"][endpoint].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn hub_killed_at_three_points_continues_and_doubles_nothing() {
    let mut processes = Processes::start().await;
    let barcode = "01LEND-M001";
    let before = processes.sim(BORROWER, "counts").await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();

    // While the hub places the request.
    processes.kill_hub().await;
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    processes.staff(LENDER, "scan-in", &json!({"barcode": barcode, "library": "MAIN", "desk": DESK})).await;

    // After the lender has sent the item, before the hub has learned of it.
    processes.kill_hub().await;
    processes.until(&id, "PICKUP_TRANSIT").await;
    let here = processes.request(&id).await["borrower"]["barcode"].as_str().unwrap().to_owned();
    processes.staff(BORROWER, "scan-in", &json!({"barcode": here, "library": "MAIN", "desk": DESK})).await;
    processes.until(&id, "READY_FOR_PICKUP").await;
    processes
        .staff(BORROWER, "loan", &json!({"barcode": here, "user": "jo.reader", "library": "MAIN", "desk": DESK}))
        .await;

    // While the hub mirrors the loan.
    processes.api(Method::POST, &format!("/requests/{id}/poll"), None).await;
    processes.kill_hub().await;
    processes.until(&id, "LOANED").await;
    processes.staff(BORROWER, "scan-in", &json!({"barcode": here, "library": "MAIN", "desk": DESK})).await;
    processes.until(&id, "RETURN_TRANSIT").await;
    processes.staff(LENDER, "scan-in", &json!({"barcode": barcode, "library": "MAIN", "desk": DESK})).await;
    let ended = processes.until(&id, "FINALISED").await;
    assert_eq!(ended["outcome"], "SUPPLIED");

    let at_lender = processes.sim(LENDER, "calls").await;
    let at_borrower = processes.sim(BORROWER, "calls").await;
    assert_eq!(made(&at_lender, "POST /users/{user_id}/loans"), 1, "{at_lender}");
    let hold = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
    assert_eq!((made(&at_lender, hold), made(&at_borrower, hold)), (1, 1), "one hold on each side");
    assert_eq!(made(&at_borrower, "POST /bibs/{mms_id}/holdings/{holding_id}/items"), 1, "one virtual item");
    let after = processes.sim(BORROWER, "counts").await;
    for what in ["bibs", "holdings", "items", "requests", "loans"] {
        assert_eq!(after[what], before[what], "{what} at the borrower");
    }
    assert_eq!(processes.sim(LENDER, "counts").await["requests"], 0);
}
