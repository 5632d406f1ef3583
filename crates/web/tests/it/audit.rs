//! The entries of administrative acts and of reads of patron data, and who reads them.

use access::{Caller, Role};
use lending::{Request, RequestId, example};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use web::ApiKeys;

use crate::harness::{ALMA_KEY, Answer, DEAD, Hub, KEY, institution};

const NORTH_ADMIN: &str = "key-of-the-admin-of-north";
const BORROW_ADMIN: &str = "key-of-the-admin-of-borrow";
const BORROW_STAFF: &str = "key-of-the-staff-of-borrow";

async fn hub() -> Hub {
    let keys = ApiKeys::new([("admin".to_owned(), KEY.into())])
        .with(Caller::new("north-admin", Role::LibraryAdmin, ["NORTH".into()]), &NORTH_ADMIN.into())
        .with(Caller::new("borrow-admin", Role::LibraryAdmin, ["BORROW".into()]), &BORROW_ADMIN.into())
        .with(Caller::new("borrow-staff", Role::LibraryStaff, ["BORROW".into()]), &BORROW_STAFF.into());
    Hub::with_keys(keys).await
}

async fn get(hub: &Hub, key: &str, path: &str) -> Answer {
    hub.send(hub.http.get(format!("{}/api/v1/{path}", hub.base)).bearer_auth(key)).await
}

/// Returns act, object, before and after of each entry, oldest first.
async fn acts(hub: &Hub) -> Vec<(String, String, Value, Value)> {
    let list = get(hub, KEY, "audit?limit=200").await.body;
    let mut acts: Vec<_> = list["acts"].as_array().unwrap().clone();
    acts.reverse();
    for act in &acts {
        assert_eq!(act["actor"], "admin", "{act}");
        assert!(act["time"].is_string() && act["origin"].is_string(), "{act}");
    }
    let text = |act: &Value, field: &str| act[field].as_str().unwrap().to_owned();
    acts.iter()
        .map(|act| (text(act, "act"), text(act, "object"), act["before"].clone(), act["after"].clone()))
        .collect()
}

#[tokio::test]
async fn every_administrative_act_is_written_with_before_and_after_and_no_secret() {
    let hub = hub().await;
    let put = async |path: &str, body: Value| {
        let answer = hub.put(&format!("/api/v1/{path}"), &body).await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
    };
    let (webhook, other) =
        (json!({"secret": "a-long-text-made-by-chance"}), json!({"secret": "another-text-by-chance"}));
    let agency = |name: &str| json!({"name": name, "institution": "01NORTH", "rules": {"max_requests": 3}});
    let desk = json!({"name": "Desk", "agency": "NORTH", "library": "MAIN"});
    let mut same_key = institution(DEAD);
    same_key.as_object_mut().unwrap().remove("api_key");
    put("institutions/01NORTH", institution(DEAD)).await;
    put("institutions/01NORTH", same_key).await;
    put("agencies/NORTH", agency("North")).await;
    put("agencies/NORTH", agency("Northern")).await;
    put("pickup-locations/DESK", desk).await;
    put("institutions/01NORTH/webhook", webhook).await;
    put("institutions/01NORTH/webhook", other).await;
    let made = hub.post("/api/v1/keys", &json!({"name": "k", "role": "read-only", "agencies": ["NORTH"]})).await;
    let rotated = hub.post("/api/v1/keys/k/rotate", &json!({})).await;
    for path in [
        "keys/k",
        "institutions/01NORTH/webhook?secret=previous",
        "institutions/01NORTH/webhook",
        "pickup-locations/DESK",
    ] {
        assert_eq!(hub.delete(&format!("/api/v1/{path}")).await.status, 204, "{path}");
    }
    assert!([200, 502].contains(&hub.delete("/api/v1/institutions/01NORTH/orphans").await.status));
    for path in ["agencies/NORTH", "institutions/01NORTH"] {
        assert_eq!(hub.delete(&format!("/api/v1/{path}")).await.status, 204, "{path}");
    }

    let acts = acts(&hub).await;
    let names: Vec<_> = acts.iter().map(|(act, object, ..)| (act.as_str(), object.as_str())).collect();
    let wanted = [
        ("put_institution", "institution 01NORTH"),
        ("put_institution", "institution 01NORTH"),
        ("put_agency", "agency NORTH"),
        ("put_agency", "agency NORTH"),
        ("put_pickup_location", "pickup location DESK"),
        ("put_webhook", "webhook of 01NORTH"),
        ("put_webhook", "webhook of 01NORTH"),
        ("create_key", "key k"),
        ("rotate_key", "key k"),
        ("revoke_key", "key k"),
        ("delete_webhook", "webhook of 01NORTH"),
        ("delete_webhook", "webhook of 01NORTH"),
        ("delete_pickup_location", "pickup location DESK"),
        ("remove_orphans", "orphans of 01NORTH"),
        ("delete_agency", "agency NORTH"),
        ("delete_institution", "institution 01NORTH"),
    ];
    assert_eq!(names, wanted);
    assert_eq!((&acts[0].2, &acts[0].3["api_key"]), (&Value::Null, &json!("changed")));
    assert_eq!((&acts[1].2["api_key"], &acts[1].3["api_key"]), (&json!("set"), &json!("unchanged")));
    assert_eq!((&acts[3].2["name"], &acts[3].3["name"]), (&json!("North"), &json!("Northern")));
    assert_eq!(acts[3].3["rules"]["max_requests"], 3);
    assert_eq!((&acts[5].3["secret"], &acts[6].2["secret"]), (&json!("changed"), &json!("set")));
    assert_eq!((&acts[14].2["name"], &acts[14].3), (&json!("Northern"), &Value::Null));
    let all = get(&hub, KEY, "audit?limit=200").await.text;
    let secrets = [ALMA_KEY, "by-chance", made.body["key"].as_str().unwrap(), rotated.body["key"].as_str().unwrap()];
    for secret in secrets {
        assert!(!all.contains(secret), "{secret}");
    }
    let verified = hub.store.verify_audit(None).await.unwrap();
    assert_eq!((verified.acts, verified.faults.len()), (16, 0));
}

#[tokio::test]
async fn refused_and_failed_acts_leave_no_entry() {
    let hub = hub().await;
    hub.put("/api/v1/institutions/01NORTH", &institution(DEAD)).await;
    hub.put("/api/v1/agencies/NORTH", &json!({"name": "North", "institution": "01NORTH"})).await;
    hub.delete("/api/v1/institutions/01NORTH").await.is_problem(409, "STILL_REFERRED_TO");
    hub.delete("/api/v1/agencies/NONE").await.is_problem(404, "NOT_FOUND");
    hub.put("/api/v1/agencies/NORTH", &json!({"name": 1})).await.is_problem(422, "INVALID_REQUEST");
    let url = format!("{}/api/v1/agencies/NORTH", hub.base);
    let foreign = hub.send(hub.http.request(Method::DELETE, url).bearer_auth(BORROW_ADMIN)).await;
    foreign.is_problem(404, "NOT_FOUND");
    assert_eq!(acts(&hub).await.len(), 2);
}

#[tokio::test]
async fn library_admin_reads_the_acts_of_its_own_agencies_page_by_page() {
    let hub = hub().await;
    for code in ["NORTH", "BORROW"] {
        hub.put(&format!("/api/v1/institutions/01{code}"), &institution(DEAD)).await;
        for name in ["One", "Two", "Three"] {
            let body = json!({"name": name, "institution": format!("01{code}")});
            hub.put(&format!("/api/v1/agencies/{code}"), &body).await;
        }
    }
    let mut path = "audit?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = get(&hub, NORTH_ADMIN, &path).await;
        assert!(!page.text.contains("BORROW"), "{}", page.text);
        seen.extend(page.body["acts"].as_array().unwrap().iter().map(|act| act["seq"].as_i64().unwrap()));
        match page.body["next"].as_i64() {
            Some(next) => path = format!("audit?limit=2&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [4, 3, 2]);
    get(&hub, BORROW_STAFF, "audit").await.is_problem(403, "ROLE_NOT_ALLOWED");
}

#[tokio::test]
async fn read_of_a_patron_is_logged_with_its_reason_and_shown_to_the_patrons_library() {
    let hub = hub().await;
    let mut request = Request { id: RequestId(Uuid::from_u128(7)), ..example::placed() };
    request.patron.identifier = "canary-patron-4711".into();
    let mut unit = hub.store.unit();
    unit.insert_request(&request, &[], example::noon()).unwrap();
    hub.store.commit(unit).await.unwrap();
    let path = format!("requests/{}", request.id);
    // Nothing is shown without a reason, so nothing is logged.
    assert_eq!(get(&hub, KEY, &path).await.status, 200);
    assert_eq!(get(&hub, KEY, &format!("{path}?reason=complaint%20of%20a%20reader")).await.status, 200);
    assert_eq!(get(&hub, BORROW_STAFF, &path).await.status, 200);
    let written = async {
        loop {
            let list = get(&hub, KEY, "reads").await.body;
            if list["reads"].as_array().unwrap().len() == 2 {
                return list;
            }
        }
    };
    let list = tokio::time::timeout(std::time::Duration::from_secs(30), written).await.unwrap();
    let [newest, oldest] = list["reads"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&newest["actor"], &newest["reason"]), (&json!("borrow-staff"), &Value::Null));
    assert_eq!((&oldest["actor"], &oldest["reason"]), (&json!("admin"), &json!("complaint of a reader")));
    assert_eq!(oldest["request_id"], request.id.to_string());
    assert_eq!((&oldest["operation"], &oldest["shown"]), (&json!("get_request"), &json!("full")));
    assert!(!list.to_string().contains("canary"), "{list}");
    assert_eq!(get(&hub, BORROW_ADMIN, "reads").await.body["reads"].as_array().unwrap().len(), 2);
    assert_eq!(get(&hub, NORTH_ADMIN, "reads").await.body, json!({"reads": [], "next": null}));
    let first = get(&hub, KEY, "reads?limit=1").await.body;
    let second = get(&hub, KEY, &format!("reads?limit=1&cursor={}", first["next"].as_str().unwrap())).await.body;
    assert_eq!((&first["reads"][0], &second["reads"][0], &second["next"]), (newest, oldest, &Value::Null));
}

#[tokio::test]
async fn list_of_a_named_patron_is_one_read_of_all_its_requests() {
    let hub = hub().await;
    hub.put("/api/v1/institutions/01BORROW", &institution(DEAD)).await;
    hub.put("/api/v1/agencies/BORROW", &json!({"name": "A Library", "institution": "01BORROW"})).await;
    let mut unit = hub.store.unit();
    for number in 1..=3 {
        let mut request = Request { id: RequestId(Uuid::from_u128(number)), ..example::placed() };
        request.patron.identifier = "canary-patron-4711".into();
        unit.insert_request(&request, &[], example::noon()).unwrap();
    }
    hub.store.commit(unit).await.unwrap();
    let list = get(&hub, BORROW_STAFF, "requests?agency=BORROW&patron=canary-patron-4711").await;
    let listed: Vec<&Value> = list.body["requests"].as_array().unwrap().iter().map(|request| &request["id"]).collect();
    assert_eq!(listed.len(), 3, "{}", list.text);
    assert_eq!(get(&hub, BORROW_STAFF, "requests?agency=BORROW&patron=nobody").await.status, 200);
    let written = async {
        loop {
            let reads = get(&hub, KEY, "reads").await.body;
            if !reads["reads"].as_array().unwrap().is_empty() {
                return reads;
            }
        }
    };
    let reads = tokio::time::timeout(std::time::Duration::from_secs(30), written).await.unwrap();
    assert_eq!(reads["reads"].as_array().unwrap().len(), 1, "{reads}");
    let read = &reads["reads"][0];
    assert_eq!(read["request_ids"].as_array().unwrap().iter().collect::<Vec<_>>(), listed);
    assert_eq!((&read["request_id"], &read["operation"]), (listed[0], &json!("list_requests")));
    assert!(!reads.to_string().contains("canary"), "{reads}");
}
