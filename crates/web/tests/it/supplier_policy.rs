//! The policy for the choice of the supplier, and the choices for requests.

use lending::supplier::{Candidate, ChoiceRecord, Criterion, Lender, Place, SupplierPolicy, Wish};
use lending::{CopyState, HeldCopy, ItemType, Refusal, Request, RequestId, Rules, Volume, example};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, DEAD, Hub};

const PATH: &str = "/api/v1/supplier-policy";

fn policy_of(criterion: &str) -> Value {
    json!({"policy": {"criteria": [{"by": criterion}]}})
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

async fn put_over(hub: &Hub, body: &Value, tag: &str) -> Answer {
    hub.send(hub.call(Method::PUT, PATH).header("If-Match", tag).json(body)).await
}

#[tokio::test]
async fn policy_is_changed_without_a_restart_and_its_versions_stay() {
    let hub = Hub::start().await;
    let initial = hub.get(PATH).await;
    assert_eq!((initial.status, &initial.body["version"], &initial.body["set_at"]), (200, &json!(0), &Value::Null));
    assert_eq!(initial.body["policy"]["criteria"][0], json!({"by": "own_library"}));

    let first = put_over(&hub, &policy_of("region"), &tag(&initial)).await;
    assert_eq!((first.status, &first.body["version"]), (200, &json!(1)), "{}", first.text);
    assert_eq!(first.body["policy"]["most_copies"], 10, "a field that is left out has its default");
    let late = put_over(&hub, &policy_of("cost"), &tag(&initial)).await;
    late.is_problem(412, "PRECONDITION_FAILED");
    let second = hub.put(PATH, &policy_of("cost")).await;
    assert_eq!((second.status, &second.body["set_by"]), (200, &json!("discovery")), "{}", second.text);

    let now = hub.get(PATH).await;
    assert_eq!((tag(&now), &now.body), (tag(&second), &second.body));
    let versions = hub.get("/api/v1/supplier-policy/versions?limit=1").await.body;
    assert_eq!((&versions["versions"][0]["version"], &versions["next"]), (&json!(2), &json!(2)));
    let versions = hub.get("/api/v1/supplier-policy/versions?before=2").await.body;
    assert_eq!(versions["versions"][0]["policy"]["criteria"], json!([{"by": "region"}]));
    assert_eq!(versions["next"], Value::Null);

    let acts = hub.get("/api/v1/audit").await.body;
    let act = &acts["acts"][0];
    assert_eq!((&act["act"], &act["object"]), (&json!("put_supplier_policy"), &json!("supplier policy 2")));
    assert_eq!((&act["before"]["version"], &act["after"]["policy"]["criteria"][0]["by"]), (&json!(1), &json!("cost")));
}

async fn of_two_changes_at_the_same_moment_one_is_made(hub: Hub) {
    let other = hub.second_node().await;
    for _ in 0..5 {
        let read = tag(&hub.get(PATH).await);
        let (left, right) = (policy_of("region"), policy_of("cost"));
        let (left, right) = tokio::join!(put_over(&hub, &left, &read), put_over(&other, &right, &read));
        let (made, refused) = if left.status == 200 { (left, right) } else { (right, left) };
        refused.is_problem(412, "PRECONDITION_FAILED");
        assert_eq!(hub.get(PATH).await.body, made.body);
        assert_eq!(other.get(PATH).await.body, made.body);
    }
}

#[tokio::test]
async fn of_two_changes_of_the_policy_one_is_made_on_sqlite() {
    of_two_changes_at_the_same_moment_one_is_made(Hub::start().await).await;
}

#[tokio::test]
async fn of_two_changes_of_the_policy_one_is_made_on_postgres() {
    of_two_changes_at_the_same_moment_one_is_made(Hub::start_on_postgres().await).await;
}

#[tokio::test]
async fn policy_that_makes_no_sense_is_refused_with_all_its_problems() {
    let hub = Hub::start().await;
    let body = json!({"policy": {
        "criteria": [{"by": "load", "step": 0}, {"by": "load"}],
        "most_copies": 0,
        "lenders": {"NORTH": {"group": "near"}},
    }});
    let refused = hub.put(PATH, &body).await;
    let expected = [
        ("policy.criteria[0].step", "OUT_OF_RANGE"),
        ("policy.criteria[1]", "CRITERION_TWICE"),
        ("policy.most_copies", "OUT_OF_RANGE"),
        ("policy.lenders.NORTH.group", "UNKNOWN_GROUP"),
    ];
    assert_eq!(refused.is_problem(422, "INVALID_REQUEST").errors(), expected);
    let unknown = hub.put(PATH, &policy_of("weather")).await;
    assert_eq!(unknown.is_problem(422, "INVALID_REQUEST").errors(), [("policy", "INVALID_POLICY")]);
    assert!(unknown.text.contains("weather") && unknown.text.contains("calendar"), "{}", unknown.text);
    assert_eq!(hub.get(PATH).await.body["version"], 0, "nothing was changed");
}

fn held(number: u32, state: CopyState) -> HeldCopy {
    HeldCopy {
        holding: "221".into(),
        item: format!("23{number}").as_str().into(),
        barcode: Some(format!("3{number}").as_str().into()),
        library: "MAIN".into(),
        location: "stacks".into(),
        item_type: Some(ItemType("book".to_owned())),
        volume: Volume::new(Some("v.1"), &[], &[]),
        state,
        waiting: None,
    }
}

/// Stores a request with a choice among a copy of 01LEND, whose staff are busy, and one of 01OTHER.
async fn request_with_a_choice(hub: &Hub, number: u128) -> String {
    let request = Request {
        id: RequestId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + number)),
        ..example::placed()
    };
    let wish = Wish {
        seed: request.id.0,
        borrower: "BORROW".into(),
        institution: "01BORROW".into(),
        pickup: "BORROW-DESK".into(),
        pickup_institution: "01BORROW".into(),
        pickup_place: Place::default(),
        volume: None,
        needed_until: None,
        left_out: Vec::new(),
        staff_choice: None,
    };
    let hidden = CopyState::NotLendable(Refusal::new("COPY_SUPPRESSED", "The lender has hidden the item."));
    let copies = [
        ("LEND", Some(held(1, CopyState::Available))),
        ("OTHER", Some(held(2, CopyState::Available))),
        ("OTHER", Some(held(3, hidden))),
        ("THIRD", None),
    ];
    let candidates = (1..).zip(copies).map(|(index, (agency, copy))| Candidate {
        index,
        institution: format!("01{agency}").as_str().into(),
        agency: Some(agency.into()),
        bib: "991".into(),
        answered_at: copy.as_ref().map(|_| example::noon()),
        copy,
        unmapped: None,
    });
    let lenders = ["LEND", "OTHER", "THIRD"].map(|agency| {
        let institution = format!("01{agency}").as_str().into();
        let lender = Lender::with_rules(institution, Some(agency.into()), &Rules::default(), example::noon());
        Lender { to_send: if agency == "LEND" { 30 } else { 0 }, ..lender }
    });
    let groups = vec!["first".to_owned()];
    let terms = lending::supplier::LenderTerms { cost: None, group: Some("first".to_owned()) };
    let policy = SupplierPolicy {
        criteria: vec![Criterion::Preference { groups }],
        lenders: [("LEND".into(), terms)].into(),
        ..SupplierPolicy::default()
    };
    let record = ChoiceRecord::new(&policy, wish, candidates.collect(), lenders.to_vec(), example::noon());
    let mut unit = hub.store.unit();
    unit.insert_request(&request, &[], example::noon()).unwrap();
    unit.record_choice(request.id, 3, &record, example::noon()).unwrap();
    hub.store.commit(unit).await.unwrap();
    request.id.to_string()
}

#[tokio::test]
async fn choices_of_a_request_are_shown_with_the_reason_for_each_copy() {
    let hub = Hub::with_institutions(DEAD).await;
    let id = request_with_a_choice(&hub, 1).await;
    let shown = hub.get(&format!("/api/v1/requests/{id}/choices")).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let choice = &shown.body["choices"][0];
    assert_eq!(
        (&choice["number"], &choice["policy_version"], &choice["queued"]),
        (&json!(1), &json!(3), &json!(false))
    );
    let best = &choice["ranked"][0];
    assert_eq!((&best["agency"], &best["barcode"], &best["code"]), (&json!("LEND"), &json!("31"), &json!("BEST_COPY")));
    assert_eq!(best["values"], json!([{"criterion": "preference", "rank": 0, "words": "group first"}]));
    assert_eq!(choice["ranked"][2]["state"], "unknown");
    let left_out = &choice["left_out"][0];
    assert_eq!((&left_out["number"], &left_out["code"]), (&json!(3), &json!("COPY_NOT_LENDABLE")));
    assert_eq!(left_out["reason"], "The lender has hidden the item. (COPY_SUPPRESSED)");
    assert_eq!(choice["lenders"].as_array().unwrap().len(), 3);
    assert!(!shown.text.contains("reader"), "no choice names the patron");

    let placed = hub.placed("reader", "32000").await;
    let none = hub.get(&format!("/api/v1/requests/{placed}/choices")).await;
    assert_eq!((none.status, &none.body["choices"]), (200, &json!([])));
    let missing = format!("/api/v1/requests/{}/choices", Uuid::nil());
    hub.get(&missing).await.is_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn trial_shows_which_requests_would_go_to_another_lender_and_changes_nothing() {
    let hub = Hub::with_institutions(DEAD).await;
    let id = request_with_a_choice(&hub, 1).await;
    request_with_a_choice(&hub, 2).await;
    let path = "/api/v1/supplier-policy/trial";
    let body = json!({"policy": {"criteria": [{"by": "load"}]}, "since": "2026-01-01"});
    let tried = hub.post(path, &body).await;
    assert_eq!(tried.status, 200, "{}", tried.text);
    assert_eq!(
        (&tried.body["requests"], &tried.body["changed"], &tried.body["is_complete"]),
        (&json!(2), &json!(2), &json!(true))
    );
    let lenders: Vec<_> = tried.body["lenders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lender| (lender["agency"].as_str(), lender["before"].as_u64(), lender["after"].as_u64()))
        .collect();
    assert_eq!(lenders, [(Some("LEND"), Some(2), Some(0)), (Some("OTHER"), Some(0), Some(2))]);
    let change = &tried.body["changes"][0];
    assert_eq!(
        (&change["request"], &change["before"], &change["after"]),
        (&json!(id), &json!("LEND"), &json!("OTHER"))
    );
    assert!(change["reason"].as_str().unwrap().contains("against"), "{change}");

    let later = json!({"policy": {}, "since": "2026-12-01"});
    assert_eq!(hub.post(path, &later).await.body["requests"], 0);
    assert_eq!(hub.get(PATH).await.body["version"], 0);
}
