//! Jobs, sets, departments, locations: the configuration that programs read and, rarely, write.

use alma_sim::{ApiKey, Area};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, INST, OTHER_BOOK, TestAlma};

fn set(name: &str, content: &str) -> Value {
    json!({"name": name, "type": {"value": "ITEMIZED"}, "content": {"value": content}})
}

fn named(ids: &[&str]) -> Value {
    json!({"members": {"member": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()}})
}

fn members(list: &Value) -> Vec<&str> {
    list["member"].as_array().into_iter().flatten().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_set_is_filled_changed_and_deleted() {
    let alma = TestAlma::new().await;
    let (one, other) = (alma.staff().item(BOOK).unwrap(), alma.staff().item(OTHER_BOOK).unwrap());
    let made = alma.post("/conf/sets", set("Weeding", "BIB_MMS")).await.json();
    assert_eq!((&made["type"]["value"], &made["number_of_members"]["value"]), (&json!("ITEMIZED"), &json!(0)));
    let path = format!("/conf/sets/{}", made["id"].as_str().unwrap());
    let added = alma.post(&format!("{path}?op=add_members"), named(&[&one.mms_id, &other.mms_id, "99123"])).await;
    assert_eq!(added.json()["number_of_members"]["value"], 2, "an unknown id is left out");
    let strict = alma.post(&format!("{path}?op=add_members&fail_on_invalid_id=true"), named(&["99123"])).await;
    assert_eq!(strict.status, 400);
    let listed = alma.get(&format!("{path}/members?limit=1&offset=1")).await.json();
    assert_eq!((members(&listed), &listed["total_record_count"]), (vec![other.mms_id.as_str()], &json!(2)));
    assert_eq!(listed["member"][0]["description"].as_str().unwrap(), other.title);
    alma.post(&format!("{path}?op=delete_members"), named(&[&other.mms_id])).await;
    assert_eq!(members(&alma.get(&format!("{path}/members")).await.json()), [one.mms_id.as_str()]);
    alma.post(&format!("{path}?op=replace_members"), named(&[&other.mms_id])).await;
    assert_eq!(members(&alma.get(&format!("{path}/members")).await.json()), [other.mms_id.as_str()]);
    let renamed = alma.call(Method::PUT, &path, Some(set("Kept", "BIB_MMS"))).await.json();
    assert_eq!((&renamed["name"], &renamed["number_of_members"]["value"]), (&json!("Kept"), &json!(1)));
    assert_eq!(alma.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(alma.get(&path).await.refusal(), (400, "60120".to_owned()));
}

#[tokio::test]
async fn items_join_a_set_by_barcode_and_sets_are_found_by_name_and_content() {
    let alma = TestAlma::new().await;
    let pid = alma.staff().item(BOOK).unwrap().pid;
    let made = alma.post("/conf/sets", set("Old books", "ITEM")).await.json();
    alma.post("/conf/sets", set("Borrowers", "USER")).await;
    let path = format!("/conf/sets/{}", made["id"].as_str().unwrap());
    alma.post(&format!("{path}?op=add_members&id_type=BARCODE"), named(&[BOOK])).await;
    let listed = alma.get(&format!("{path}/members")).await.json();
    assert_eq!(members(&listed), [pid.as_str()]);
    assert!(alma.get(&link(&listed["member"][0]["link"])).await.json()["item_data"]["barcode"] == BOOK);
    for (query, count) in
        [("set_type=ITEMIZED", 2), ("q=name~old_books", 1), ("content_type=USER", 1), ("q=name~nothing", 0)]
    {
        let listed = alma.get(&format!("/conf/sets?{query}")).await.json();
        assert_eq!(listed["total_record_count"], count, "{query}");
    }
    for field in ["name", "type", "content"] {
        let mut body = set("x", "ITEM");
        body[field] = Value::Null;
        assert_eq!(alma.post("/conf/sets", body).await.refusal(), (400, "401664".to_owned()), "{field}");
    }
}

/// The path below `/almaws/v1` of a link in an answer.
fn link(value: &Value) -> String {
    value.as_str().unwrap().split_once("/almaws/v1").unwrap().1.to_owned()
}

#[tokio::test]
async fn job_is_run_and_its_run_is_read_back() {
    let alma = TestAlma::new().await;
    let jobs = alma.get("/conf/jobs?limit=100").await.json();
    let publishing = jobs["job"].as_array().unwrap().iter().find(|job| job["category"]["value"] == "PUBLISHING");
    let path = format!("/conf/jobs/{}", publishing.unwrap()["id"].as_str().unwrap());
    assert_eq!(alma.get(&format!("{path}/instances")).await.json(), json!({"total_record_count": 0}));
    assert_eq!(alma.post(&path, json!({})).await.status, 400, "it needs op=run");
    let run = alma.post(&format!("{path}?op=run"), json!({})).await.json();
    let instance = alma.get(&link(&run["additional_info"]["link"])).await.json();
    assert_eq!(instance["status"]["value"], "COMPLETED_SUCCESS");
    assert_eq!(instance["job_info"]["id"], publishing.unwrap()["id"]);
    assert!(instance["counter"][0]["value"].as_str().unwrap().parse::<u32>().unwrap() > 10, "{instance}");
    assert_eq!(alma.get(&format!("{path}/instances")).await.json()["job_instance"][0]["id"], instance["id"]);
    assert_eq!(alma.get("/conf/jobs/S999").await.status, 400);
    assert_eq!(alma.get(&format!("{path}/instances/1")).await.status, 400);
}

#[tokio::test]
async fn departments_are_listed_for_the_institution_and_for_a_library() {
    let alma = TestAlma::new().await;
    let all = alma.get("/conf/departments").await.json();
    assert_eq!((&all["department"][0]["code"], &all["total_record_count"]), (&json!("CATALOGING"), &json!(1)));
    assert_eq!(alma.get("/conf/departments?library=MAIN").await.json(), all);
    assert_eq!(alma.get("/conf/departments?library=BRANCH").await.json(), json!({"total_record_count": 0}));
}

#[tokio::test]
async fn a_work_order_goes_to_its_department_and_ends_when_it_is_done() {
    let alma = TestAlma::new().await;
    let scan = |end: &str| format!("{}?op=scan&library=MAIN&department=CATALOGING{end}", alma.item_path(BOOK));
    let at = alma.post(&scan("&work_order_type=AcqWorkOrder&status=CopyCat"), json!({})).await.json();
    let data = &at["item_data"];
    assert_eq!(
        (&data["base_status"]["value"], &data["process_type"]["value"]),
        (&json!("0"), &json!("WORK_ORDER_DEPARTMENT"))
    );
    assert_eq!(data["work_order_at"]["value"], "CATALOGING");
    let done = alma.post(&scan("&done=True"), json!({})).await.json();
    assert_eq!(
        (&done["item_data"]["base_status"]["value"], &done["item_data"]["process_type"]["value"]),
        (&json!("1"), &json!(""))
    );
    let nowhere = format!("{}?op=scan&library=MAIN&department=NOWHERE", alma.item_path(BOOK));
    assert_eq!(alma.post(&nowhere, json!({})).await.refusal().0, 400);
}

#[tokio::test]
async fn a_location_is_made_changed_and_deleted_while_empty() {
    let alma = TestAlma::new().await;
    let body = json!({"code": "annex", "name": "Annex", "type": {"value": "CLOSED"}});
    let locations = "/conf/libraries/MAIN/locations";
    let made = alma.post(locations, body.clone()).await.json();
    assert_eq!((&made["type"]["desc"], &made["suppress_from_publishing"]), (&json!("Closed"), &json!("false")));
    assert_eq!(made["circ_desk"][0]["circ_desk_code"], "DEFAULT_CIRC_DESK");
    assert_eq!(alma.post(locations, body.clone()).await.status, 400, "a code is used once");
    let path = format!("{locations}/annex");
    let mut changed = body.clone();
    changed["name"] = json!("New annex");
    assert_eq!(alma.call(Method::PUT, &path, Some(changed)).await.json()["name"], "New annex");
    let mut odd = body;
    odd["type"] = json!({"value": "SUNNY"});
    assert_eq!(alma.call(Method::PUT, &path, Some(odd)).await.refusal(), (400, "60297".to_owned()));
    assert_eq!(alma.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(alma.get(&path).await.refusal(), (400, "402119".to_owned()));
    assert_eq!(alma.call(Method::DELETE, &format!("{locations}/stacks"), None).await.status, 400, "it has holdings");
}

#[tokio::test]
async fn configuration_is_written_only_with_a_key_that_may() {
    let alma = TestAlma::new().await;
    alma.sim().add_key(INST, ApiKey::new("reader").read_only(Area::Conf)).unwrap();
    let request = alma.client.post(alma.url("/almaws/v1/conf/sets")).header("authorization", "apikey reader");
    let refused = alma.send(request.header("accept", "application/json").json(&set("x", "ITEM"))).await.unwrap();
    assert!(refused.status == 400 && refused.text.contains("UNAUTHORIZED"), "{}", refused.text);
    assert_eq!(alma.get("/conf/sets?set_type=ITEMIZED").await.json(), json!({"total_record_count": 0}));
}
