//! The work at the desks: each count, and the list that its filter shows.

use access::{Caller, Role};
use engine::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use lending::{
    Attention, Condition, Hold, HoldState, ItemState, Loan, PickupLocation, Progress, Request, RequestId, Status,
    Supply, Tracked, example,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use web::ApiKeys;

use crate::harness::{DEAD, Hub, KEY, institution};

const AGENCIES: [&str; 3] = ["BORROW", "LEND", "PICK"];

/// Starts a hub with three agencies and a member of staff of each.
pub(crate) async fn hub() -> Hub {
    let mut keys = ApiKeys::new([("admin".to_owned(), KEY.into())]);
    for agency in AGENCIES {
        keys = keys.with(Caller::new(agency, Role::LibraryStaff, [agency.into()]), &key_of(agency).into());
    }
    with_agencies(Hub::with_keys(keys).await).await
}

pub(crate) fn key_of(agency: &str) -> String {
    format!("key-of-the-staff-of-{agency}")
}

async fn with_agencies(hub: Hub) -> Hub {
    for agency in AGENCIES {
        let location =
            json!({"name": "Desk", "agency": agency, "library": "MAIN", "route_code": format!("R-{agency}")});
        for (path, body) in [
            (format!("institutions/01{agency}"), institution(DEAD)),
            (format!("agencies/{agency}"), json!({"name": "A Library", "institution": format!("01{agency}")})),
            (format!("pickup-locations/{agency}-DESK"), location),
        ] {
            let answer = hub.put(&format!("/api/v1/{path}"), &body).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
    }
    hub
}

pub(crate) fn days_ago(days: i64) -> Timestamp {
    SystemClock::default().now() - SignedDuration::from_hours(24 * days)
}

/// A request of a patron of BORROW, which LEND supplies and PICK hands out.
pub(crate) fn request(number: u128, status: Status) -> Request {
    let supply = Supply {
        hold: Tracked::Open(Hold { id: "h".into(), state: HoldState::NotStarted, shelf_until: None }),
        dispatched: status.is_dispatched(),
        ..Supply::new("01LEND".into(), example::copy(&format!("31999{number}")))
    };
    let placed = example::placed();
    Request {
        id: RequestId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + number)),
        status,
        supply: Some(supply),
        pickup: PickupLocation { code: "PICK-DESK".into(), institution: "01PICK".into(), ..placed.pickup },
        pickup_side: Some(Box::default()),
        ..example::placed()
    }
}

/// Stores a request that has waited since a time.
pub(crate) async fn store(hub: &Hub, request: &Request, since: Timestamp) {
    let mut unit = hub.store.unit();
    unit.insert_request(request, &[], since).unwrap();
    hub.store.commit(unit).await.unwrap();
}

async fn get(hub: &Hub, agency: &str, path: &str) -> Value {
    let call = hub.http.request(Method::GET, format!("{}/api/v1/{path}", hub.base)).bearer_auth(key_of(agency));
    let answer = hub.send(call).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

/// Stores a request in each queue, with one more that waits for too long, one that staff must decide on, and a lost one.
async fn fill(hub: &Hub) {
    let statuses = [
        Status::RequestPlacedAtPickupAgency,
        Status::PickupTransit,
        Status::ReceivedAtPickup,
        Status::ReadyForPickup,
        Status::Loaned,
        Status::ReturnTransit,
    ];
    for (number, status) in (1..).zip(statuses) {
        let mut young = request(number, status);
        let mut old = request(number + 100, status);
        for (request, due) in [(&mut young, days_ago(-3)), (&mut old, days_ago(40))] {
            let here = request.pickup_side.as_mut().unwrap();
            if status == Status::ReadyForPickup {
                here.item_state = Some(ItemState::OnHoldShelf);
                here.hold = Tracked::Open(Hold { id: "h".into(), state: HoldState::OnHoldShelf, shelf_until: None });
            }
            if status == Status::Loaned {
                here.progress = Progress::OnLoan;
                here.loan = Tracked::Open(Loan { id: "l".into(), due: Some(due) });
            }
        }
        store(hub, &young, days_ago(1)).await;
        store(hub, &old, days_ago(40)).await;
    }
    let stuck = Attention::NeedsStaff {
        code: "CHECK".to_owned(),
        explanation: "Somebody must decide.".to_owned(),
        actions: Vec::new(),
        unexplained: None,
    };
    store(hub, &Request { attention: stuck, ..request(50, Status::PatronVerified) }, days_ago(2)).await;
    let conditions = [Condition::Lost].into();
    store(hub, &Request { conditions, ..request(51, Status::Loaned) }, days_ago(2)).await;
    store(hub, &request(52, Status::Finalised), days_ago(2)).await;
}

/// Returns all entries of a work list.
fn entries(work: &Value) -> Vec<&Value> {
    let lists = ["queues", "too_long"].into_iter().flat_map(|list| work[list].as_array().unwrap());
    lists.chain([&work["decisions"], &work["cases"]]).collect()
}

fn count_of<'a>(work: &'a Value, list: &str, key: &str, name: &str) -> Vec<(&'a Value, u64)> {
    let entries = work[list].as_array().unwrap().iter().filter(|entry| entry[key] == name);
    entries.map(|entry| (&entry["side"], entry["count"].as_u64().unwrap())).collect()
}

#[tokio::test]
async fn each_count_is_the_length_of_the_list_that_its_filter_shows() {
    let hub = hub().await;
    fill(&hub).await;
    let mut callers: Vec<(Value, String, &str)> = Vec::new();
    for agency in AGENCIES {
        callers.push((get(&hub, agency, "work").await, key_of(agency), agency));
    }
    callers.push((hub.get("/api/v1/work").await.body, KEY.to_owned(), "admin"));
    callers.push((hub.get("/api/v1/work?agency=LEND").await.body, KEY.to_owned(), "admin for LEND"));
    for (work, key, who) in &callers {
        for entry in entries(work) {
            let url = format!("{}/api/v1/requests?total=true&{}", hub.base, entry["filter"].as_str().unwrap());
            let listed = hub.send(hub.http.get(url).bearer_auth(key)).await;
            assert_eq!(listed.status, 200, "{}", listed.text);
            assert_eq!(listed.body["total"], entry["count"], "{who}: {entry}");
            assert_eq!(listed.body["requests"].as_array().unwrap().len() as u64, entry["count"].as_u64().unwrap());
            assert_eq!(entry["oldest"].is_null(), entry["count"] == 0, "{who}: {entry}");
        }
    }
}

#[tokio::test]
async fn queue_is_the_work_of_one_side_alone() {
    let hub = hub().await;
    fill(&hub).await;
    let (lender, pickup) = (get(&hub, "LEND", "work").await, get(&hub, "PICK", "work").await);
    assert_eq!(count_of(&lender, "queues", "queue", "pick")[0].1, 2);
    assert_eq!(count_of(&lender, "queues", "queue", "check_in")[0].1, 2);
    assert_eq!(count_of(&lender, "queues", "queue", "receive")[0].1, 0);
    assert_eq!(count_of(&pickup, "queues", "queue", "receive")[0].1, 2);
    assert_eq!(count_of(&pickup, "queues", "queue", "on_hold_shelf")[0].1, 2);
    assert_eq!(count_of(&pickup, "queues", "queue", "pick")[0].1, 0);
    assert_eq!((&lender["decisions"]["count"], &lender["cases"]["count"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn wait_that_is_too_long_is_shown_to_each_side_and_by_the_hubs_settings() {
    let hub = hub().await;
    fill(&hub).await;
    for agency in AGENCIES {
        let work = get(&hub, agency, "work").await;
        let side = match agency {
            "BORROW" => "borrower",
            "LEND" => "lender",
            _ => "pickup",
        };
        for (wait, late) in [("at_lender", 1), ("in_transit", 1), ("on_shelf", 2), ("overdue", 1), ("returning", 1)] {
            let counts = count_of(&work, "too_long", "wait", wait);
            for (at, count) in counts {
                assert_eq!(count, if at == side { late } else { 0 }, "{agency} {wait} {at}");
            }
        }
    }
    let strict = lending::WaitLimits { in_transit: 0, ..lending::WaitLimits::default() };
    let other = with_agencies(Hub::start_with(|state| state.with_wait_limits(strict)).await).await;
    fill(&other).await;
    let work = other.get("/api/v1/work").await.body;
    assert_eq!(count_of(&work, "too_long", "wait", "in_transit"), [(&Value::Null, 2)]);
}

#[tokio::test]
async fn request_in_a_list_says_its_queue_next_step_and_place() {
    let hub = hub().await;
    let mut picked = request(1, Status::RequestPlacedAtPickupAgency);
    let supply = picked.supply.as_mut().unwrap();
    (supply.copy.call_number, supply.copy.location_name) =
        (Some("GB 1203".to_owned()), Some("North stacks".to_owned()));
    picked.pickup.route_code = Some("R-PICK".to_owned());
    store(&hub, &picked, days_ago(1)).await;
    let listed = &get(&hub, "LEND", "requests?queue=pick&side=lender").await["requests"][0];
    assert_eq!((&listed["queue"], &listed["next_step"]), (&json!("pick"), &json!({"step": "pick", "by": null})));
    assert_eq!(
        (&listed["lender"]["call_number"], &listed["lender"]["location_name"]),
        (&json!("GB 1203"), &json!("North stacks"))
    );
    assert_eq!(listed["pickup_location"]["route_code"], "R-PICK");
    let location = hub.get("/api/v1/pickup-locations/PICK-DESK").await.body;
    assert_eq!(location["route_code"], "R-PICK");
}

#[tokio::test]
async fn work_of_another_agency_is_refused() {
    let hub = hub().await;
    let url = format!("{}/api/v1/work?agency=LEND", hub.base);
    let answer = hub.send(hub.http.get(url).bearer_auth(key_of("BORROW"))).await;
    assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("agency", "UNKNOWN_AGENCY")]);
    let nowhere = hub.get("/api/v1/work?agency=NOWHERE").await;
    assert_eq!(nowhere.is_problem(422, "INVALID_REQUEST").errors(), [("agency", "UNKNOWN_AGENCY")]);
}
