//! Holds, scans, loans over REST: the two walks of a consortial loan, and Alma's refusals.

use alma_sim::{FirstRequestStatus, Mark, SimClock, SimOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, DESK, OTHER_BOOK, TestAlma, noon};

fn hold(library: &str) -> Value {
    json!({"request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": library,
        "comment": "[DCB-REQUEST:7]"})
}

fn desk(library: &str) -> Value {
    json!({"library": {"value": library}, "circ_desk": {"value": DESK}})
}

fn scan(path: &str, library: &str) -> String {
    format!("{path}?op=scan&library={library}&circ_desk={DESK}&register_in_house_use=false")
}

fn process(item: &Value) -> (&str, &str) {
    let data = &item["item_data"];
    let code = |key: &str| data[key]["value"].as_str().unwrap_or_default();
    (code("base_status"), code("process_type"))
}

#[tokio::test]
async fn a_lender_sends_lends_and_takes_back() {
    let alma = TestAlma::new().await;
    let item = alma.item_path(BOOK);
    let placed = alma.post(&format!("{item}/requests?user_id=jo.reader"), hold("SHARING")).await.json();
    assert_eq!((&placed["request_status"], &placed["place_in_queue"]), (&json!("NOT_STARTED"), &json!(1)));
    let id = placed["request_id"].as_str().unwrap();

    let sent = alma.post(&scan(&item, "MAIN"), json!({})).await.json();
    assert_eq!(process(&sent), ("0", "TRANSIT"));
    assert_eq!(sent["item_data"]["requested"], Value::Null);
    let seen = alma.get(&format!("/users/jo.reader/requests/{id}")).await.json();
    assert_eq!((&seen["request_status"], &seen["comment"]), (&json!("IN_PROCESS"), &json!("[DCB-REQUEST:7]")));

    let loan = alma.post(&format!("/users/jo.reader/loans?item_barcode={BOOK}"), desk("MAIN")).await.json();
    assert_eq!((&loan["loan_status"], &loan["process_status"]), (&json!("ACTIVE"), &json!("NORMAL")));
    assert_eq!(alma.get(&format!("/users/jo.reader/requests/{id}")).await.refusal(), (400, "401694".to_owned()));

    let path = format!("/users/jo.reader/loans/{}", loan["loan_id"].as_str().unwrap());
    let renewed = alma.call(Method::POST, &format!("{path}?op=renew"), None).await.json();
    assert_eq!(renewed["last_renew_status"]["desc"], "Renewed Successfully");

    let back = alma.post(&scan(&item, "MAIN"), json!({})).await.json();
    assert_eq!(process(&back), ("1", ""));
    assert_eq!(alma.get("/users/jo.reader/loans").await.json(), json!({"total_record_count": 0}));
}

#[tokio::test]
async fn a_borrower_makes_a_virtual_item_and_clears_it_away() {
    let alma = TestAlma::new().await;
    let bib = "<bib><suppress_from_publishing>true</suppress_from_publishing><record><leader>00000nam a2200000 a 4500\
        </leader><datafield tag=\"035\" ind1=\" \" ind2=\" \"><subfield code=\"a\">(DCB)42</subfield></datafield>\
        <datafield tag=\"245\" ind1=\"0\" ind2=\"0\"><subfield code=\"a\">R&amp;D</subfield></datafield></record></bib>";
    let bib = alma.post("/bibs", json!(bib)).await.json();
    let mms = bib["mms_id"].as_str().unwrap();
    let holding = "<holding><record><leader>00000nx  a22000001n 4500</leader><datafield tag=\"852\" ind1=\"8\" ind2=\" \">\
        <subfield code=\"b\">DCB_LIB</subfield><subfield code=\"c\">dcbvirtual</subfield></datafield></record></holding>";
    let holding = alma.post(&format!("/bibs/{mms}/holdings"), json!(holding)).await.json();
    let path = format!("/bibs/{mms}/holdings/{}/items", holding["holding_id"].as_str().unwrap());
    let made = alma.post(&path, json!({"item_data": {"barcode": "V1", "policy": {"value": "DCB"}}})).await.json();
    let item = format!("{path}/{}", made["item_data"]["pid"].as_str().unwrap());
    let found = alma.get("/bibs?other_system_id=(DCB)42").await.json();
    assert_eq!((&found["bib"][0]["mms_id"], &found["bib"][0]["title"]), (&json!(mms), &json!("R&D")));

    assert_eq!(alma.post(&format!("{item}/requests?user_id=jo.reader"), hold("MAIN")).await.status, 200);
    assert_eq!(process(&alma.post(&scan(&item, "DCB_LIB"), json!({})).await.json()), ("0", "TRANSIT"));
    assert_eq!(process(&alma.post(&scan(&item, "MAIN"), json!({})).await.json()), ("0", "HOLDSHELF"));
    let shelf = &alma.get("/users/jo.reader/requests").await.json()["user_request"][0];
    assert_eq!((&shelf["request_status"], &shelf["expiry_date"]), (&json!("ON_HOLD_SHELF"), &json!("2026-03-11Z")));
    alma.staff().lend("V1", "jo.reader", "MAIN", DESK).unwrap();
    assert_eq!(alma.staff().scan_in("V1", "MAIN", DESK).unwrap().process_type, "TRANSIT");

    let refused = alma.call(Method::DELETE, &format!("/bibs/{mms}"), None).await;
    assert_eq!(refused.refusal(), (400, "4022020".to_owned()));
    let cleared = alma.call(Method::DELETE, &format!("{item}?holdings=delete&bib=delete"), None).await;
    assert_eq!(cleared.status, 204);
    assert_eq!(alma.get(&format!("/bibs/{mms}")).await.refusal(), (400, "402203".to_owned()));
    assert_eq!(alma.get("/items?item_barcode=V1").await.refusal(), (400, "401689".to_owned()));
}

#[tokio::test]
async fn a_scan_at_the_pickup_library_goes_to_the_shelf_and_not_into_transit() {
    let alma = TestAlma::new().await;
    alma.staff().place_hold("jo.reader", BOOK, "MAIN").unwrap();
    let scanned = alma.post(&scan(&alma.item_path(BOOK), "MAIN"), json!({})).await.json();
    assert_eq!(process(&scanned), ("0", "HOLDSHELF"));
}

#[tokio::test]
async fn the_resource_sharing_library_is_no_pickup_and_a_desk_must_exist() {
    let alma = TestAlma::new().await;
    let path = format!("{}/requests?user_id=jo.reader", alma.item_path(BOOK));
    assert_eq!(alma.post(&path, hold("RES_SHARE")).await.refusal(), (400, "401129".to_owned()));
    let mut at_desk = hold("MAIN");
    at_desk["pickup_location_type"] = json!("CIRCULATION_DESK");
    at_desk["pickup_location_circulation_desk"] = json!("NOWHERE");
    assert_eq!(alma.post(&path, at_desk).await.refusal(), (400, "401895".to_owned()));
    let shape = json!({"request_type": "HOLD", "pickup_location_type": {"value": "LIBRARY"}});
    assert_eq!(alma.post(&path, shape).await.refusal(), (400, "401652".to_owned()));
    assert_eq!(alma.staff().requests(), []);
}

#[tokio::test]
async fn the_same_hold_twice_is_refused_unless_allowed() {
    let alma = TestAlma::new().await;
    let path = format!("{}/requests?user_id=jo.reader", alma.item_path(BOOK));
    assert_eq!(alma.post(&path, hold("MAIN")).await.status, 200);
    assert_eq!(alma.post(&path, hold("MAIN")).await.refusal(), (400, "401136".to_owned()));
    assert_eq!(alma.post(&format!("{path}&allow_same_request=True"), hold("MAIN")).await.status, 200);
    assert_eq!(alma.staff().item(BOOK).unwrap().queue.len(), 2);
}

#[tokio::test]
async fn a_title_level_hold_is_bound_by_the_scan_of_any_copy() {
    let alma = TestAlma::new().await;
    let mms = alma.staff().item(BOOK).unwrap().mms_id;
    let placed = alma.post(&format!("/users/jo.reader/requests?mms_id={mms}"), hold("BRANCH")).await.json();
    assert_eq!((placed.get("item_id"), &placed["barcode"]), (None, &Value::Null));
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    let bound = &alma.get(&format!("/bibs/{mms}/requests")).await.json()["user_request"][0];
    assert_eq!((&bound["barcode"], &bound["request_status"]), (&json!(BOOK), &json!("IN_PROCESS")));
}

#[tokio::test]
async fn the_queue_closes_up_and_the_next_hold_is_served_at_the_next_scan() {
    let alma = TestAlma::new().await;
    let staff = alma.staff();
    let first = staff.place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    let second = staff.place_hold("sam.student", BOOK, "MAIN").unwrap();
    staff.scan_in(BOOK, "MAIN", DESK).unwrap();
    let path = format!("{}/requests/{first}?reason=CancelledAtPatronRequest&notify_user=false", alma.item_path(BOOK));
    assert_eq!(alma.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(alma.call(Method::DELETE, &path, None).await.refusal(), (400, "401694".to_owned()));
    assert_eq!(staff.item(BOOK).unwrap().process_type, "TRANSIT", "until the next scan");
    assert_eq!(staff.requests()[0].place_in_queue, 1);
    let scan = staff.scan_in(BOOK, "BRANCH", DESK).unwrap();
    assert_eq!((scan.request_id, scan.destination.as_deref()), (Some(second), Some("MAIN")));
}

#[tokio::test]
async fn a_cancellation_needs_a_code_of_the_table() {
    let alma = TestAlma::new().await;
    let id = alma.staff().place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    let path = format!("/users/jo.reader/requests/{id}");
    assert_eq!(alma.call(Method::DELETE, &path, None).await.refusal(), (400, "401664".to_owned()));
    let worded = alma.call(Method::DELETE, &format!("{path}?reason=User%20no%20longer%20needs%20item"), None).await;
    assert_eq!(worded.refusal().0, 400);
    assert_eq!(alma.staff().requests().len(), 1);
}

#[tokio::test]
async fn an_item_on_its_way_home_shows_a_request_that_is_no_hold() {
    let alma = TestAlma::new().await;
    let item = alma.item_path(BOOK);
    alma.staff().scan_in(BOOK, "BRANCH", DESK).unwrap();
    let listed = alma.get(&format!("{item}/requests")).await.json();
    assert_eq!(listed["user_request"][0]["request_type"], "WORK_ORDER");
    assert_eq!(alma.get(&item).await.json()["item_data"]["requested"], true);
    assert_eq!(alma.get(&format!("{item}/requests?request_type=HOLD")).await.json()["total_record_count"], 0);
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    assert_eq!(alma.get(&format!("{item}/requests")).await.json(), json!({"total_record_count": 0}));
}

#[tokio::test]
async fn a_hold_on_a_free_copy_starts_at_once_where_the_site_says_so() {
    let first_request_status = FirstRequestStatus::InProcess;
    let alma = TestAlma::with(SimOptions { first_request_status, ..SimOptions::default() }).await;
    let path = format!("{}/requests?user_id=jo.reader", alma.item_path(BOOK));
    let placed = alma.post(&path, hold("BRANCH")).await.json();
    assert_eq!((&placed["request_status"], &placed["task_name"]), (&json!("IN_PROCESS"), &json!("Pickup From Shelf")));
    let behind = alma.post(&path.replace("jo.reader", "sam.student"), hold("BRANCH")).await.json();
    assert_eq!((&behind["request_status"], &behind["place_in_queue"]), (&json!("NOT_STARTED"), &json!(2)));
}

#[tokio::test]
async fn a_new_item_is_not_requestable_until_it_has_settled() {
    let settle = std::time::Duration::from_secs(8);
    let clock = SimClock::Stepped(noon());
    let alma = TestAlma::with(SimOptions { settle, clock, ..SimOptions::default() }).await;
    let (path, _) = alma.item_path(BOOK).rsplit_once('/').map(|(path, pid)| (path.to_owned(), pid.to_owned())).unwrap();
    let made = alma.post(&path, json!({"item_data": {"barcode": "NEW1"}})).await.json();
    let requests = format!("{path}/{}/requests?user_id=jo.reader", made["item_data"]["pid"].as_str().unwrap());
    assert_eq!(alma.post(&requests, hold("MAIN")).await.refusal(), (400, "401129".to_owned()));
    alma.sim().advance(jiff::SignedDuration::from_secs(8));
    assert_eq!(alma.post(&requests, hold("MAIN")).await.status, 200);
}

#[tokio::test]
async fn loans_are_refused_with_almas_codes() {
    let alma = TestAlma::new().await;
    let lend = async |user: &str, library: &str| {
        alma.post(&format!("/users/{user}/loans?item_barcode={BOOK}"), desk(library)).await
    };
    assert_eq!(lend("nobody", "MAIN").await.refusal().1, "401890");
    assert_eq!(lend("jo.reader", "BRANCH").await.refusal().1, "401153");
    assert_eq!(lend("blocked.reader", "MAIN").await.refusal().1, "401163");
    assert_eq!(lend("expired.reader", "MAIN").await.refusal().1, "401168");
    let bare = alma.post(&format!("/users/jo.reader/loans?item_barcode={BOOK}"), json!({})).await;
    assert_eq!(bare.refusal().1, "401664");
    assert_eq!(lend("jo.reader", "MAIN").await.status, 200);
    assert_eq!(lend("jo.reader", "MAIN").await.refusal().1, "400042");
    assert_eq!(lend("sam.student", "MAIN").await.refusal().1, "401651");
    assert_eq!(alma.staff().loans().len(), 1);
}

#[tokio::test]
async fn renewal_is_denied_by_policy_by_a_waiting_hold_and_after_a_loss() {
    let alma = TestAlma::new().await;
    let staff = alma.staff();
    staff.lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    staff.lend(OTHER_BOOK, "jo.reader", "MAIN", DESK).unwrap();
    let listed = alma.get("/users/jo.reader/loans?expand=renewable").await.json();
    assert_eq!(listed["item_loan"][0]["renewable"], true);
    let path = |at: usize| format!("/users/jo.reader/loans/{}?op=renew", staff.loans()[at].id);
    staff.place_hold("sam.student", BOOK, "MAIN").unwrap();
    assert_eq!(alma.call(Method::POST, &path(0), None).await.refusal().1, "401822");
    staff.mark(OTHER_BOOK, Mark::Lost).unwrap();
    assert_eq!(alma.call(Method::POST, &path(1), None).await.refusal().1, "401822");
    staff.mark(OTHER_BOOK, Mark::Found).unwrap();
    assert_eq!(alma.call(Method::POST, &path(1), None).await.status, 200);
    staff.set_behaviour(|behaviour| behaviour.rules.policies_without_renewal.extend(["4-WEEK".to_owned()]));
    assert_eq!(alma.call(Method::POST, &path(1), None).await.refusal().1, "401822");
}

#[tokio::test]
async fn due_date_moves_to_the_given_day_but_not_into_the_past() {
    let alma = TestAlma::new().await;
    let id = alma.staff().lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    let path = format!("/users/jo.reader/loans/{id}");
    let put = async |body: Value| alma.call(Method::PUT, &path, Some(body)).await;
    assert_eq!(
        put(json!({"due_date": "2026-05-01Z", "title": "ignored"})).await.json()["due_date"],
        "2026-05-01T23:59:59Z"
    );
    assert_eq!(put(json!({"due_date": "2026-03-01"})).await.refusal().1, "401681");
    assert_eq!(put(json!({})).await.refusal().1, "401824");
}

#[tokio::test]
async fn a_recall_shortens_the_loan_of_the_item_asked_for() {
    let alma = TestAlma::new().await;
    alma.staff().lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    alma.staff().set_behaviour(|behaviour| behaviour.recall_days = Some(3));
    alma.staff().place_hold("sam.student", BOOK, "MAIN").unwrap();
    let loan = &alma.staff().loans()[0];
    assert_eq!((loan.process_status.as_str(), &loan.due[..10]), ("RECALL", "2026-03-07"));
}

#[tokio::test]
async fn a_hold_past_its_shelf_time_ends_at_the_scan_and_the_item_goes_home() {
    let alma = TestAlma::new().await;
    let staff = alma.staff();
    let id = staff.place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    staff.scan_in(BOOK, "BRANCH", DESK).unwrap();
    assert_eq!(staff.scan_in(BOOK, "BRANCH", DESK).unwrap().process_type, "HOLDSHELF", "an active hold stays");
    staff.expire_hold(&id).unwrap();
    assert_eq!(staff.requests()[0].status, "ON_HOLD_SHELF", "until it is handled");
    let scan = staff.scan_in(BOOK, "BRANCH", DESK).unwrap();
    assert_eq!((scan.process_type.as_str(), scan.destination.as_deref()), ("TRANSIT", Some("MAIN")));
    assert!(staff.requests().iter().all(|request| request.kind != "HOLD"));
}

#[tokio::test]
async fn the_pick_list_of_a_desk_loses_a_hold_when_its_book_is_sent() {
    let alma = TestAlma::new().await;
    for number in 1..=12 {
        alma.staff().place_hold("jo.reader", &format!("01TST-M{number:03}"), "SHARING").unwrap();
    }
    let path = format!("/task-lists/requested-resources?library=MAIN&circ_desk={DESK}");
    let first = alma.get(&path).await.json();
    assert_eq!((first["requested_resource"].as_array().unwrap().len(), &first["total_record_count"]), (10, &json!(12)));
    assert_eq!(first["requested_resource"][0]["location"]["copy"][0]["barcode"], BOOK);
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    assert_eq!(alma.get(&path).await.json()["total_record_count"], 11);
}

#[tokio::test]
async fn scans_name_missing_parameters() {
    let alma = TestAlma::new().await;
    let item = alma.item_path(BOOK);
    let scan = async |query: &str| alma.call(Method::POST, &format!("{item}?op=scan{query}"), None).await.refusal().1;
    assert_eq!(scan("&library=MAIN").await, "40166415");
    assert_eq!(scan(&format!("&circ_desk={DESK}")).await, "401664");
    assert_eq!(scan("&library=MAIN&circ_desk=NOWHERE").await, "402502");
    let wrong_holding = item.replace("/holdings/22", "/holdings/21");
    let path = format!("{wrong_holding}?op=scan&library=MAIN&circ_desk={DESK}");
    assert_eq!(alma.call(Method::POST, &path, None).await.refusal().1, "402504");
    assert_eq!(alma.get(&wrong_holding).await.status, 200, "a read takes any holding");
}

#[tokio::test]
async fn history_shows_only_where_the_site_keeps_it() {
    let alma = TestAlma::new().await;
    let staff = alma.staff();
    staff.set_behaviour(|behaviour| (behaviour.keep_history, behaviour.gone_request_answers_history) = (true, true));
    let id = staff.place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    staff.cancel(&id, "CannotBeFulfilled").unwrap();
    let one = alma.get(&format!("/users/jo.reader/requests/{id}")).await.json();
    assert_eq!(one["request_status"], "HISTORY");
    assert_eq!(alma.get("/users/jo.reader/requests?status=history").await.json()["total_record_count"], 1);
    assert_eq!(alma.get("/users/jo.reader/requests").await.json()["total_record_count"], 0);
}
