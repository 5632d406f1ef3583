//! SIGKILL of the real hub, judged from outside: by its public API and the simulated Almas alone.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{BORROWER, DESK, Houses, LENDER, placement};

fn made(calls: &Value, endpoint: &str) -> u64 {
    calls["calls"][endpoint].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn hub_killed_at_three_points_goes_on_and_doubles_nothing() {
    let mut houses = Houses::start().await;
    let barcode = "01LEND-M001";
    let before = houses.sim(BORROWER, "counts").await;
    let placed = houses.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();

    // While it is being placed.
    houses.kill_hub().await;
    houses.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    houses.staff(LENDER, "scan-in", &json!({"barcode": barcode, "library": "MAIN", "desk": DESK})).await;

    // After the item was sent, before the hub has seen it.
    houses.kill_hub().await;
    houses.until(&id, "PICKUP_TRANSIT").await;
    let here = houses.request(&id).await["borrower"]["barcode"].as_str().unwrap().to_owned();
    houses.staff(BORROWER, "scan-in", &json!({"barcode": here, "library": "MAIN", "desk": DESK})).await;
    houses.until(&id, "READY_FOR_PICKUP").await;
    houses
        .staff(BORROWER, "loan", &json!({"barcode": here, "user": "jo.reader", "library": "MAIN", "desk": DESK}))
        .await;

    // While the loan is being mirrored.
    houses.api(Method::POST, &format!("/requests/{id}/poll"), None).await;
    houses.kill_hub().await;
    houses.until(&id, "LOANED").await;
    houses.staff(BORROWER, "scan-in", &json!({"barcode": here, "library": "MAIN", "desk": DESK})).await;
    houses.until(&id, "RETURN_TRANSIT").await;
    houses.staff(LENDER, "scan-in", &json!({"barcode": barcode, "library": "MAIN", "desk": DESK})).await;
    let ended = houses.until(&id, "FINALISED").await;
    assert_eq!(ended["outcome"], "SUPPLIED");

    let at_lender = houses.sim(LENDER, "calls").await;
    let at_borrower = houses.sim(BORROWER, "calls").await;
    assert_eq!(made(&at_lender, "POST /users/{user_id}/loans"), 1, "{at_lender}");
    let hold = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
    assert_eq!((made(&at_lender, hold), made(&at_borrower, hold)), (1, 1), "one hold on each side");
    assert_eq!(made(&at_borrower, "POST /bibs/{mms_id}/holdings/{holding_id}/items"), 1, "one virtual item");
    let after = houses.sim(BORROWER, "counts").await;
    for what in ["bibs", "holdings", "items", "requests", "loans"] {
        assert_eq!(after[what], before[what], "{what} at the borrower");
    }
    assert_eq!(houses.sim(LENDER, "counts").await["requests"], 0);
}
