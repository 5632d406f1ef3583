//! Fill rate and turnaround.

use jiff::SignedDuration;
use lending::{Hold, HoldState, Outcome, Progress, Refusal, Request, RequestId, Status, Supply, Tracked, example};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{DEAD, Hub};

/// Stores a request of a patron of BORROW, and `change` some days later.
async fn store(hub: &Hub, number: u128, days: i64, change: impl FnOnce(&mut Request)) {
    let hold = Tracked::Open(Hold { id: "h".into(), state: HoldState::NotStarted, shelf_until: None });
    let supply = Supply { hold, ..Supply::new("01LEND".into(), example::copy(&number.to_string())) };
    let mut request = Request { id: RequestId(Uuid::from_u128(number)), supply: Some(supply), ..example::placed() };
    let (placed, later) = (example::noon(), example::noon() + SignedDuration::from_hours(24 * days + 1));
    let mut unit = hub.store.unit();
    let stored = unit.insert_request(&request, &[], placed).unwrap();
    change(&mut request);
    unit.save_request(&stored, &request, &[], later).unwrap();
    hub.store.commit(unit).await.unwrap();
}

fn lent(request: &mut Request) {
    request.status = Status::Loaned;
    request.supply.as_mut().unwrap().dispatched = true;
    request.borrower.progress = Progress::OnLoan;
}

fn unfilled(request: &mut Request) {
    request.status = Status::NoItemsSelectableAtAnyAgency;
    request.outcome = Some(Outcome::NotSupplied);
    request.refusal = Some(Refusal::new("NO_CANDIDATE_LEFT", "Nothing is left."));
}

async fn numbers(hub: &Hub, query: &str) -> Value {
    let answer = hub.get(&format!("/api/v1/statistics?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

#[tokio::test]
async fn requests_are_counted_by_day_and_week_with_fill_rate_and_turnaround() {
    let hub = Hub::with_institutions(DEAD).await;
    for (number, days) in [(1, 2), (2, 4), (3, 9)] {
        store(&hub, number, days, lent).await;
    }
    store(&hub, 4, 1, unfilled).await;
    let found = numbers(&hub, "from=2026-03-01&to=2026-03-31").await;
    let total = &found["borrower"]["total"];
    assert_eq!((&total["placed"], &total["filled"], &total["fill_rate"]), (&json!(4), &json!(3), &json!(0.75)));
    assert_eq!(total["unfilled"], json!({"NO_CANDIDATE_LEFT": 1}));
    assert_eq!(total["days_to_loan"], json!({"loans": 3, "median": 4, "p90": 9, "mean": 5.0}));
    let days: Vec<&Value> = found["borrower"]["periods"].as_array().unwrap().iter().map(|one| &one["day"]).collect();
    assert_eq!(days, ["2026-03-04", "2026-03-05", "2026-03-06", "2026-03-08", "2026-03-13"]);
    let weeks = numbers(&hub, "from=2026-03-01&to=2026-03-31&per=week").await;
    let weeks = weeks["borrower"]["periods"].as_array().unwrap();
    let shown: Vec<(&Value, &Value)> = weeks.iter().map(|one| (&one["day"], &one["filled"])).collect();
    assert_eq!(shown, [(&json!("2026-03-02"), &json!(2)), (&json!("2026-03-09"), &json!(1))]);
    assert_eq!(found["lender"]["total"]["filled"], 3, "the items that were sent");
}

#[tokio::test]
async fn numbers_are_those_of_the_agency_and_the_days_that_are_named() {
    let hub = Hub::with_institutions(DEAD).await;
    store(&hub, 1, 2, lent).await;
    let of_agency = numbers(&hub, "from=2026-03-01&to=2026-03-31&agency=BORROW").await;
    assert_eq!(
        (&of_agency["borrower"]["total"]["placed"], &of_agency["lender"]["total"]["placed"]),
        (&json!(1), &json!(0))
    );
    let earlier = numbers(&hub, "from=2026-02-01&to=2026-02-28").await;
    assert_eq!((&earlier["borrower"]["total"]["placed"], &earlier["borrower"]["periods"]), (&json!(0), &json!([])));
    assert_eq!(earlier["borrower"]["total"]["fill_rate"], Value::Null);
}

#[tokio::test]
async fn days_out_of_order_or_too_many_are_refused() {
    let hub = Hub::start().await;
    for (query, field, code) in [
        ("from=2026-03-02&to=2026-03-01", "to", "OUT_OF_RANGE"),
        ("from=2020-03-02&to=2026-03-01", "from", "OUT_OF_RANGE"),
        ("per=month", "per", "UNKNOWN_PERIOD"),
        ("agency=NOWHERE", "agency", "UNKNOWN_AGENCY"),
    ] {
        let answer = hub.get(&format!("/api/v1/statistics?{query}")).await;
        assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [(field, code)], "{query}");
    }
}
