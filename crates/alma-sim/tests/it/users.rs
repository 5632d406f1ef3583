//! Users over REST.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{KEY, TestAlma};

fn virtual_patron() -> Value {
    json!({
        "record_type": {"value": "PUBLIC"}, "primary_id": "12345@AS/L#P L", "first_name": "DCB", "last_name": "VPATRON",
        "account_type": {"value": "EXTERNAL"}, "external_id": "DCB", "user_group": {"value": "DCB"},
        "user_identifier": [{"id_type": {"value": "BARCODE"}, "value": "DCB-1", "status": "ACTIVE"}],
    })
}

const ENCODED: &str = "12345%40AS%2FL%23P%20L";

#[tokio::test]
async fn a_user_is_found_by_each_active_identifier_whatever_its_case() {
    let alma = TestAlma::new().await;
    for id in ["JO.READER", "01tst-p001", "jo.reader@01tst_inst.example.org"] {
        assert_eq!(alma.get(&format!("/users/{id}")).await.json()["primary_id"], "jo.reader", "{id}");
    }
    let two = alma.get("/users/01TST-P003").await.json();
    let status: Vec<_> = two["user_identifier"].as_array().unwrap().iter().map(|row| row["status"].clone()).collect();
    assert_eq!(status, ["INACTIVE", "ACTIVE"]);
    assert_eq!(alma.get("/users/01TST-P002").await.refusal(), (400, "401861".to_owned()), "an inactive barcode");
}

#[tokio::test]
async fn identifiers_that_need_encoding_are_kept_and_unique() {
    let alma = TestAlma::new().await;
    assert_eq!(alma.post("/users", virtual_patron()).await.status, 200);
    assert_eq!(alma.get(&format!("/users/{ENCODED}")).await.json()["primary_id"], "12345@AS/L#P L");
    assert_eq!(alma.post("/users", virtual_patron()).await.refusal(), (400, "401851".to_owned()));
    let mut clash = virtual_patron();
    clash["primary_id"] = json!("dcb-1");
    clash["user_identifier"] = json!([]);
    assert_eq!(alma.post("/users", clash).await.refusal().1, "401851", "another's barcode");
    let mut twice = virtual_patron();
    twice["primary_id"] = json!("new");
    twice["user_identifier"][0]["value"] = json!("NEW");
    assert_eq!(alma.post("/users", twice).await.refusal().1, "401851", "one value twice in one user");
}

#[tokio::test]
async fn creation_is_refused_with_almas_codes() {
    let alma = TestAlma::new().await;
    let mut cases = Vec::new();
    let mut case = |field: &str, value: Value, code: &'static str| {
        let mut body = virtual_patron();
        body[field] = value;
        cases.push((body, code));
    };
    case("last_name", json!(""), "401664");
    case("record_type", json!(null), "401664");
    case("external_id", json!(""), "401854");
    case("account_type", json!({"value": "INTERNAL"}), "401853");
    case("account_type", json!({"value": "OTHER"}), "401857");
    case("user_group", json!({"value": "NONE"}), "401852");
    case("user_identifier", json!([{"id_type": {"value": "NONE"}, "value": "1"}]), "401864");
    case("password", json!("short"), "500038");
    for (body, code) in cases {
        assert_eq!(alma.post("/users", body).await.refusal(), (400, code.to_owned()));
    }
}

#[tokio::test]
async fn an_update_replaces_all_but_an_external_users_group() {
    let alma = TestAlma::new().await;
    alma.post("/users", virtual_patron()).await;
    let path = format!("/users/{ENCODED}");
    let mut user = alma.get(&path).await.json();
    user["user_group"] = json!({"value": "GRAD"});
    user["user_identifier"] = json!([]);
    let put = alma.call(Method::PUT, &path, Some(user.clone())).await.json();
    assert_eq!((&put["user_group"]["value"], &put["user_identifier"]), (&json!("DCB"), &json!([])));
    let put = alma.call(Method::PUT, &format!("{path}?override=user_group"), Some(user.clone())).await.json();
    assert_eq!(put["user_group"]["value"], "GRAD");
    user["external_id"] = json!("OTHER");
    assert_eq!(alma.call(Method::PUT, &path, Some(user)).await.refusal().1, "401858");
}

#[tokio::test]
async fn a_password_is_checked_by_its_own_call_and_never_shown() {
    let alma = TestAlma::new().await;
    let auth = async |password: &str| {
        let url = alma.url("/almaws/v1/users/jo.reader?op=auth");
        let request = alma.client.post(url).header("authorization", format!("apikey {KEY}"));
        alma.send(request.header("accept", "application/json").header("exl-user-pw", password)).await.unwrap()
    };
    assert_eq!(auth("correct%2Dhorse").await.status, 204);
    assert_eq!(auth("wrong-horse").await.refusal(), (400, "401866".to_owned()));
    assert_eq!(alma.get("/users/jo.reader?password=wrong").await.json()["password"], "");
}

#[tokio::test]
async fn a_user_with_loans_or_holds_is_not_deleted() {
    let alma = TestAlma::new().await;
    alma.staff().place_hold("jo.reader", "01TST-M001", "BRANCH").unwrap();
    assert_eq!(alma.call(Method::DELETE, "/users/jo.reader", None).await.refusal().1, "401850");
    assert_eq!(alma.call(Method::DELETE, "/users/sam.student", None).await.status, 204);
    assert_eq!(alma.get("/users/sam.student").await.refusal().1, "401861");
}

#[tokio::test]
async fn counters_are_filled_only_when_asked_for() {
    let alma = TestAlma::new().await;
    alma.staff().place_hold("jo.reader", "01TST-M001", "BRANCH").unwrap();
    assert_eq!(alma.get("/users/jo.reader").await.json()["requests"], Value::Null);
    assert_eq!(alma.get("/users/jo.reader?expand=requests").await.json()["requests"]["value"], 1);
    alma.staff().set_behaviour(|behaviour| behaviour.fees_fail = true);
    assert_eq!(alma.get("/users/jo.reader?expand=fees").await.refusal().1, "401652");
}

#[tokio::test]
async fn a_search_names_field_and_text() {
    let alma = TestAlma::new().await;
    let found = alma.get("/users?q=last_name~reader").await.json();
    assert_eq!((&found["total_record_count"], &found["user"][0]["primary_id"]), (&json!(1), &json!("jo.reader")));
    assert_eq!(alma.get("/users?q=last_name~reader+AND+first_name~sam").await.json(), json!({"total_record_count": 0}));
    assert_eq!(alma.get("/users?limit=3").await.json()["user"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn rows_of_a_user_carry_whose_they_are_as_attributes_in_xml() {
    let alma = TestAlma::new().await;
    let body = "<user><record_type>PUBLIC</record_type><primary_id>xml.user</primary_id><last_name>X</last_name>\
        <account_type>EXTERNAL</account_type><external_id>SIS</external_id><contact_info><emails>\
        <email preferred=\"true\" segment_type=\"External\"><email_address>x@example.org</email_address>\
        <email_types><email_type>work</email_type></email_types></email></emails></contact_info><user_identifiers>\
        <user_identifier segment_type=\"Internal\"><value>XML-1</value><id_type>BARCODE</id_type></user_identifier>\
        </user_identifiers></user>";
    let made = alma.post("/users", json!(body)).await.json();
    let email = &made["contact_info"]["email"][0];
    assert_eq!((&email["preferred"], &email["segment_type"]), (&json!(true), &json!("External")));
    assert_eq!(made["user_identifier"][0]["segment_type"], "Internal");
    let xml = alma.get("/users/xml-1?format=xml").await.text;
    assert!(xml.contains("<email preferred=\"true\" segment_type=\"External\">"), "{xml}");
    assert!(xml.contains("<user_identifier segment_type=\"Internal\">"), "{xml}");
    let back = alma.call(Method::PUT, "/users/xml-1", Some(json!(xml))).await.json();
    assert_eq!(back["contact_info"], made["contact_info"]);
}

#[tokio::test]
async fn user_of_the_api_is_a_patron_by_a_rule_of_the_institution_only() {
    let alma = TestAlma::new().await;
    let is_patron = |user: &Value| {
        user["user_role"].as_array().into_iter().flatten().any(|role| role["role_type"]["value"] == "200")
    };
    assert!(is_patron(&alma.post("/users", virtual_patron()).await.json()));
    alma.staff().set_behaviour(|behaviour| behaviour.patron_role_rule = false);
    let mut second = virtual_patron();
    second["primary_id"] = json!("second");
    second["user_identifier"] = json!([]);
    assert!(!is_patron(&alma.post("/users", second).await.json()));
    let desk = json!({"library": {"value": "MAIN"}, "circ_desk": {"value": crate::support::DESK}});
    let path = format!("/users/second/loans?item_barcode={}", crate::support::BOOK);
    assert_eq!(alma.post(&path, desk.clone()).await.refusal(), (400, "401151".to_owned()));
    // Staff give the role, and register patrons with it.
    alma.staff().change_user("second", &json!({"user_role": [{"role_type": {"value": "200"}}]})).unwrap();
    assert_eq!(alma.post(&path, desk).await.status, 200);
    alma.staff().add_user(&alma_sim::User::new("third")).unwrap();
    assert!(is_patron(&alma.get("/users/third").await.json()));
}
