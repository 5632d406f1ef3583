//! Messages between libraries, cases, scans, and saved views.

use lending::{Case, Condition, PickupCode, Progress, RequestId, Status, VerifiedPatron, example};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Hub, KEY};
use crate::work::{days_ago, hub, key_of, request, store};

async fn call(hub: &Hub, agency: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let key = if agency == "admin" { KEY.to_owned() } else { key_of(agency) };
    let call = hub.http.request(method, format!("{}/api/v1/{path}", hub.base)).bearer_auth(key);
    hub.send(if let Some(body) = body { call.json(body) } else { call }).await
}

async fn get(hub: &Hub, agency: &str, path: &str) -> Value {
    let answer = call(hub, agency, Method::GET, path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

async fn send(hub: &Hub, agency: &str, id: RequestId, text: &str) -> Answer {
    call(hub, agency, Method::POST, &format!("requests/{id}/messages"), Some(&json!({"text": text}))).await
}

async fn unread(hub: &Hub, agency: &str, id: RequestId) -> (Value, usize) {
    let one = get(hub, agency, &format!("requests/{id}")).await["unread_messages"].clone();
    (one, get(hub, agency, "requests?unread=true").await["requests"].as_array().unwrap().len())
}

#[tokio::test]
async fn message_is_unread_at_the_other_sides_until_they_mark_it() {
    let hub = hub().await;
    let request = request(1, Status::PickupTransit);
    store(&hub, &request, days_ago(1)).await;
    let sent = send(&hub, "LEND", request.id, "Bag R1 left here.\nDid it arrive?").await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    assert_eq!(
        (&sent.body["agency"], &sent.body["sender"], &sent.body["own"]),
        (&json!("LEND"), &json!("LEND"), &json!(true))
    );
    for agency in ["BORROW", "PICK"] {
        assert_eq!(unread(&hub, agency, request.id).await, (json!(1), 1), "{agency}");
    }
    assert_eq!(unread(&hub, "LEND", request.id).await, (json!(0), 0));
    let listed = get(&hub, "PICK", &format!("requests/{}/messages", request.id)).await;
    assert_eq!(
        (&listed["unread"], &listed["messages"][0]["text"]),
        (&json!(1), &json!("Bag R1 left here.\nDid it arrive?"))
    );
    assert_eq!(listed["readers"], json!(["BORROW", "LEND"]));

    let first = listed["messages"][0]["seq"].clone();
    send(&hub, "LEND", request.id, "It has a red label.").await;
    let read = format!("requests/{}/messages/read", request.id);
    let marked = call(&hub, "PICK", Method::POST, &read, Some(&json!({"through": first}))).await;
    assert_eq!(marked.status, 204, "{}", marked.text);
    assert_eq!(unread(&hub, "PICK", request.id).await, (json!(1), 1), "the second came later");
    call(&hub, "PICK", Method::POST, &read, None).await;
    assert_eq!(unread(&hub, "PICK", request.id).await, (json!(0), 0));
    assert_eq!(unread(&hub, "BORROW", request.id).await, (json!(2), 1), "each agency reads for itself");
    let with_queue = get(&hub, "BORROW", "requests?unread=true&queue=receive&side=borrower&total=true").await;
    assert_eq!(with_queue["total"], 1);
}

#[tokio::test]
async fn message_is_in_the_history_and_the_events_without_its_text() {
    let hub = hub().await;
    let request = request(1, Status::PickupTransit);
    store(&hub, &request, days_ago(1)).await;
    send(&hub, "LEND", request.id, "canary-text").await;
    let answer = call(&hub, "LEND", Method::GET, &format!("requests/{}", request.id), None).await;
    assert!(!answer.text.contains("canary-text"), "{}", answer.text);
    let last = answer.body["timeline"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["event"], &last["actor"]), (&json!("message_sent"), &json!("LEND")));
    assert_eq!(last["note"], "A message to BORROW, PICK.");
    hub.store.place_events().await.unwrap();
    let events = hub.store.events_after(0, 10).await.unwrap();
    let event = &events.last().unwrap().event;
    assert_eq!(event.document["type"], "request.message");
    assert!(!event.document.to_string().contains("canary-text"));
    assert!(hub.store.verify_audit(None).await.unwrap().faults.is_empty());
}

#[tokio::test]
async fn message_that_says_nothing_too_much_or_for_another_agency_is_refused() {
    let hub = hub().await;
    let request = request(1, Status::PickupTransit);
    store(&hub, &request, days_ago(1)).await;
    for (text, code) in
        [(" \n ".to_owned(), "EMPTY"), ("x".repeat(2_001), "TOO_LONG"), ("a\u{7}b".to_owned(), "CONTROL_CHARACTER")]
    {
        let answer = send(&hub, "LEND", request.id, &text).await;
        assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("text", code)]);
    }
    let path = format!("requests/{}/messages", request.id);
    let foreign = call(&hub, "LEND", Method::POST, &path, Some(&json!({"text": "x", "agency": "PICK"}))).await;
    assert_eq!(foreign.is_problem(422, "INVALID_REQUEST").errors(), [("agency", "UNKNOWN_AGENCY")]);
    let office = call(&hub, "admin", Method::POST, &path, Some(&json!({"text": "From the office."}))).await;
    assert_eq!((office.status, &office.body["agency"], &office.body["own"]), (201, &Value::Null, &json!(true)));
    assert_eq!(unread(&hub, "LEND", request.id).await.0, json!(1));
}

#[tokio::test]
async fn text_of_a_message_goes_with_the_patrons_data() {
    let hub = hub().await;
    let ended = request(1, Status::Finalised);
    store(&hub, &ended, days_ago(1)).await;
    send(&hub, "LEND", ended.id, "canary-text").await;
    let stored = hub.store.request(ended.id).await.unwrap().unwrap();
    let messages = hub.store.request_messages(&stored).await.unwrap();
    assert!(!format!("{messages:?}").contains("canary-text"));
    let mut erased = stored.request.clone();
    erased.erase_patron(days_ago(0));
    let entry = store::AuditEntry {
        request: ended.id,
        at: days_ago(0),
        event: "erased".to_owned(),
        actor: "hub".to_owned(),
        from: None,
        to: None,
        reason: None,
        note: None,
        evidence: None,
    };
    let mut unit = hub.store.unit();
    unit.save_erased(&stored, &erased, &entry, days_ago(0)).unwrap();
    hub.store.commit(unit).await.unwrap();
    let listed = get(&hub, "PICK", &format!("requests/{}/messages", ended.id)).await;
    assert_eq!((&listed["messages"][0]["text"], &listed["unread"]), (&Value::Null, &json!(0)));
    send(&hub, "LEND", ended.id, "more").await.is_problem(409, "NOT_ALLOWED");
}

#[tokio::test]
async fn case_shows_since_when_until_when_and_who_acts_to_both_sides() {
    let hub = hub().await;
    let mut lost = request(1, Status::Loaned);
    lost.conditions = [Condition::Lost].into();
    let mut claimed = request(2, Status::Loaned);
    claimed.conditions = [Condition::ClaimedReturned].into();
    let mut damaged = request(3, Status::ReturnTransit);
    damaged.damage = Some("The cover is torn.".to_owned());
    for (request, days) in [(&lost, 40), (&claimed, 2), (&damaged, 1), (&request(4, Status::Loaned), 1)] {
        store(&hub, request, days_ago(days)).await;
    }
    for agency in ["BORROW", "LEND", "PICK"] {
        let found = get(&hub, agency, "cases").await;
        let shown: Vec<(&Value, &Value, &Value)> = found["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| (&case["kinds"], &case["acts"], &case["late"]))
            .collect();
        let case = |kind: Case, acts: &str, late: bool| (json!([kind.name()]), json!(acts), json!(late));
        let expected = [
            case(Case::Damaged, "lender", false),
            case(Case::ClaimedReturned, "pickup", false),
            case(Case::Lost, "lender", true),
        ];
        assert_eq!(found["total"], 3, "{agency}");
        let mut shown: Vec<_> =
            shown.into_iter().map(|(kinds, acts, late)| (kinds.clone(), acts.clone(), late.clone())).collect();
        shown.sort_by_key(|(kinds, ..)| expected.iter().position(|(expected, ..)| expected == kinds));
        assert_eq!(shown, expected, "{agency}");
    }
    let one = get(&hub, "LEND", "cases?kind=lost&side=lender").await;
    assert_eq!(one["cases"][0]["request"]["id"], lost.id.to_string());
    assert_eq!(get(&hub, "LEND", "cases?kind=lost&side=pickup").await["total"], 0);
    let first = get(&hub, "LEND", "cases?limit=2").await;
    let next = first["next"].as_str().unwrap();
    assert_eq!(get(&hub, "LEND", &format!("cases?limit=2&cursor={next}")).await["cases"].as_array().unwrap().len(), 1);
}

async fn scan(hub: &Hub, agency: &str, barcode: &str) -> Value {
    let answer = call(hub, agency, Method::POST, "scans", Some(&json!({"barcode": barcode}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

#[tokio::test]
async fn scan_says_what_to_do_at_the_library_where_it_is_made() {
    let hub = hub().await;
    let mut on_its_way = request(1, Status::PickupTransit);
    let pickup_code = Some(PickupCode::from("PIC-214"));
    on_its_way.patron.verified = Some(VerifiedPatron { pickup_code, ..example::verified() });
    on_its_way.pickup.route_code = Some("R-PICK".to_owned());
    store(&hub, &on_its_way, days_ago(1)).await;
    let received = scan(&hub, "PICK", "319991").await;
    assert_eq!(
        (&received["result"], &received["act"], &received["message"]),
        (&json!("found"), &json!("receive"), &json!("scan-receive"))
    );
    assert_eq!((&received["side"], &received["arguments"]["pickup_code"]), (&json!("pickup"), &json!("PIC-214")));
    assert_eq!(received["request"]["id"], on_its_way.id.to_string());
    let second = scan(&hub, "LEND", "319991").await;
    assert_eq!(
        (&second["act"], &second["side"], &second["arguments"]["route_code"]),
        (&json!("ship"), &json!("lender"), &json!("R-PICK"))
    );
    assert_eq!(second["arguments"]["pickup_code"], Value::Null, "the lender doesn't see it");
    assert_eq!(scan(&hub, "BORROW", "319991").await["act"], "send_on");
    let before = hub.store.request(on_its_way.id).await.unwrap().unwrap();
    assert_eq!(before.version, 1, "a scan changes nothing");
}

#[tokio::test]
async fn scan_of_an_unknown_item_of_one_elsewhere_and_of_one_that_is_over_have_answers_of_their_own() {
    let hub = hub().await;
    let mut at_others = request(1, Status::PickupTransit);
    at_others.patron.agency = "LEND".into();
    at_others.pickup.code = "LEND-DESK".into();
    store(&hub, &at_others, days_ago(1)).await;
    let mut over = request(2, Status::Finalised);
    over.supply.as_mut().unwrap().dispatched = true;
    over.pickup_side.as_mut().unwrap().progress = Progress::Returned;
    store(&hub, &over, days_ago(1)).await;
    let unknown = scan(&hub, "PICK", "nothing").await;
    assert_eq!((&unknown["result"], &unknown["request"]), (&json!("unknown"), &Value::Null));
    let elsewhere = scan(&hub, "PICK", "319991").await;
    assert_eq!((&elsewhere["result"], &elsewhere["message"]), (&json!("elsewhere"), &json!("scan-elsewhere")));
    assert_eq!((&elsewhere["request"], &elsewhere["arguments"]["owner"]), (&Value::Null, &json!("01LEND")));
    assert_eq!(elsewhere["arguments"]["title"], Value::Null, "what is read elsewhere is nobody's business");
    let ended = scan(&hub, "PICK", "319992").await;
    assert_eq!((&ended["result"], &ended["act"]), (&json!("over"), &json!("send_home")));
    let foreign = call(&hub, "PICK", Method::POST, "scans", Some(&json!({"barcode": "1", "agency": "LEND"}))).await;
    assert_eq!(foreign.is_problem(422, "INVALID_REQUEST").errors(), [("agency", "UNKNOWN_AGENCY")]);
}

#[tokio::test]
async fn view_is_kept_replaced_and_removed_by_its_owner_alone() {
    let hub = hub().await;
    let put = async |agency: &str, code: &str, view: Value| {
        call(&hub, agency, Method::PUT, &format!("views/{code}"), Some(&view)).await
    };
    let rivers = json!({"name": "Rivers", "list": "lending", "filter": "title=river&status=LOANED&side=lender"});
    assert_eq!(put("LEND", "rivers", rivers.clone()).await.status, 200);
    let mut more = rivers;
    more["name"] = json!("More rivers");
    assert_eq!(put("LEND", "rivers", more).await.status, 200);
    let views = get(&hub, "LEND", "views").await;
    assert_eq!((views["views"].as_array().unwrap().len(), &views["views"][0]["name"]), (1, &json!("More rivers")));
    assert_eq!(get(&hub, "PICK", "views").await["views"], json!([]));
    call(&hub, "PICK", Method::DELETE, "views/rivers", None).await.is_problem(404, "NOT_FOUND");
    assert_eq!(call(&hub, "LEND", Method::DELETE, "views/rivers", None).await.status, 204);
}

#[tokio::test]
async fn view_with_a_filter_that_the_list_would_refuse_is_refused() {
    let hub = hub().await;
    for filter in ["colour=red", "status=LENT", "agency=BORROW&patron=reader", "limit=0", "a b\u{e9}"] {
        let view = json!({"name": "x", "list": "requests", "filter": filter});
        let answer = call(&hub, "LEND", Method::PUT, "views/x", Some(&view)).await;
        assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("filter", "INVALID_FILTER")], "{filter}");
    }
    for number in 0..50 {
        let view = json!({"name": "x", "list": "requests", "filter": "open=true"});
        assert_eq!(call(&hub, "LEND", Method::PUT, &format!("views/v{number}"), Some(&view)).await.status, 200);
    }
    let view = json!({"name": "x", "list": "requests", "filter": "open=true"});
    call(&hub, "LEND", Method::PUT, "views/v50", Some(&view)).await.is_problem(409, "TOO_MANY_VIEWS");
    assert_eq!(call(&hub, "LEND", Method::PUT, "views/v49", Some(&view)).await.status, 200, "it exists");
}

#[tokio::test]
async fn numbers_and_cases_of_other_libraries_are_not_shown() {
    let hub = hub().await;
    let mut of_others = request(1, Status::Loaned);
    of_others.patron.agency = "LEND".into();
    of_others.pickup.code = "LEND-DESK".into();
    of_others.conditions = [Condition::Lost].into();
    store(&hub, &of_others, days_ago(1)).await;
    for (agency, seen) in [("LEND", 1), ("BORROW", 0), ("PICK", 0)] {
        assert_eq!(get(&hub, agency, "cases").await["total"], seen, "{agency}");
        assert_eq!(get(&hub, agency, "statistics").await["borrower"]["total"]["placed"], seen, "{agency}");
        assert_eq!(get(&hub, agency, "work").await["cases"]["count"], seen, "{agency}");
    }
}
