//! Keys, areas, limits, formats.

use alma_sim::{ApiKey, Area, BadKey, SimClock, SimOptions};
use reqwest::Method;
use serde_json::json;

use crate::support::{INST, KEY, TestAlma, noon};

async fn with_key(alma: &TestAlma, method: Method, path: &str, key: &str) -> crate::support::Answer {
    let request = alma.client.request(method, alma.url(&format!("/almaws/v1{path}")));
    alma.send(request.header("authorization", format!("apikey {key}")).header("accept", "application/json"))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_key_opens_its_areas_and_no_others() {
    let alma = TestAlma::new().await;
    let key = ApiKey::new("narrow").without(Area::Bibs).read_only(Area::Users);
    alma.sim().add_key(INST, key).unwrap();
    assert_eq!(with_key(&alma, Method::GET, "/conf/test", "narrow").await.status, 200);
    assert_eq!(with_key(&alma, Method::GET, "/users/operation/test", "narrow").await.status, 200);
    for (method, path) in [(Method::POST, "/users/operation/test"), (Method::GET, "/bibs/test")] {
        let refused = with_key(&alma, method, path, "narrow").await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains("<errorCode>UNAUTHORIZED</errorCode>"), "XML though JSON was asked for");
        assert!(!refused.text.contains("trackingId"));
    }
    let auth = with_key(&alma, Method::POST, "/users/jo.reader?op=auth", "narrow").await;
    assert_eq!(auth.refusal().1, "401866", "the one POST that a read-only key may make");
    alma.sim().revoke_key("narrow");
    assert_eq!(with_key(&alma, Method::GET, "/conf/test", "narrow").await.status, 400);
}

#[tokio::test]
async fn a_revoked_key_is_refused_as_the_site_does_it() {
    for (bad_key, status, code) in [
        (BadKey::Unauthorized, 400, "UNAUTHORIZED"),
        (BadKey::Forbidden, 403, "FORBIDDEN"),
        (BadKey::InvalidRequest, 403, "INVALID_REQUEST"),
    ] {
        let alma = TestAlma::new().await;
        alma.staff().set_behaviour(|behaviour| behaviour.bad_key = bad_key);
        alma.sim().revoke_key(KEY);
        let refused = with_key(&alma, Method::GET, "/conf/test", KEY).await;
        assert_eq!(refused.status, status);
        assert!(refused.text.contains(&format!("<errorCode>{code}</errorCode>")), "{}", refused.text);
    }
}

#[tokio::test]
async fn institutions_of_one_address_are_distinguished_by_key() {
    let alma = TestAlma::new().await;
    alma.sim().add_institution(alma_sim::presets::university("01OTH_INST", "key-o")).unwrap();
    let named = |answer: crate::support::Answer| answer.json()["institution"]["value"].clone();
    assert_eq!(named(with_key(&alma, Method::GET, "/conf/general", KEY).await), INST);
    assert_eq!(named(with_key(&alma, Method::GET, "/conf/general?x=1", "key-o").await), "01OTH_INST");
    let clash = alma.sim().add_institution(alma_sim::presets::university("01NEW_INST", KEY));
    assert!(clash.is_err(), "a key belongs to one institution");
}

#[tokio::test]
async fn the_limit_of_a_second_is_shared_and_a_refused_call_is_not_done() {
    let clock = SimClock::Stepped(noon());
    let alma = TestAlma::with(SimOptions { calls_per_second: Some(3), clock, ..SimOptions::default() }).await;
    for _ in 0..3 {
        assert_eq!(alma.get("/conf/test").await.status, 200);
    }
    let body = json!({"record_type": {"value": "PUBLIC"}, "primary_id": "late", "last_name": "Late",
        "account_type": {"value": "INTERNAL"}});
    let refused = alma.post("/users", body).await;
    assert_eq!(refused.refusal(), (429, "PER_SECOND_THRESHOLD".to_owned()));
    assert!(!refused.text.contains("trackingId"));
    assert!(alma.staff().user("late").is_err());
    alma.sim().advance(jiff::SignedDuration::from_millis(1001));
    assert_eq!(alma.get("/conf/test").await.status, 200);
}

#[tokio::test]
async fn the_day_is_counted_down_in_a_header_and_ends_at_midnight() {
    let clock = SimClock::Stepped(noon());
    let alma = TestAlma::with(SimOptions { calls_per_day: Some(2), clock, ..SimOptions::default() }).await;
    let left = |answer: &crate::support::Answer| answer.headers["x-exl-api-remaining"].to_str().unwrap().to_owned();
    assert_eq!(left(&alma.get("/conf/test").await), "1");
    assert_eq!(left(&alma.get("/users/nobody").await), "0", "errors count and say so too");
    assert_eq!(alma.get("/conf/test").await.refusal(), (429, "DAILY_THRESHOLD".to_owned()));
    alma.sim().advance(jiff::SignedDuration::from_hours(12));
    assert_eq!(alma.get("/conf/test").await.status, 200);
}

#[tokio::test]
async fn the_query_beats_the_header_and_nothing_said_means_xml() {
    let alma = TestAlma::new().await;
    let url = alma.url(&format!("/almaws/v1/users/jo.reader/?apikey={KEY}"));
    let plain = alma.send(alma.client.get(&url)).await.unwrap();
    assert!(plain.text.starts_with("<?xml") && plain.text.contains("<user>"), "{}", plain.text);
    assert!(plain.text.contains("<user_group desc=\"Undergraduate\">UNDRGRD</user_group>"));
    let asked = alma.send(alma.client.get(format!("{url}&format=json")).header("accept", "application/xml")).await;
    assert_eq!(asked.unwrap().json()["primary_id"], "jo.reader");
    let error = alma.send(alma.client.get(url.replace("jo.reader", "nobody"))).await.unwrap();
    assert!(error.text.contains("xmlns=\"http://com/exlibris/urm/general/xmlbeans\""), "{}", error.text);
    assert!(error.text.contains("<errorCode>401861</errorCode>"));
}

#[tokio::test]
async fn any_other_base_path_is_the_institutions_own_domain() {
    let alma = TestAlma::new().await;
    let request = alma.client.get(alma.url("/domain/almaws/v1/conf/test"));
    let answer = alma.send(request.header("authorization", format!("apikey {KEY}"))).await.unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.text.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn configuration_lists_libraries_desks_and_tables() {
    let alma = TestAlma::new().await;
    let libraries = alma.get("/conf/libraries").await.json();
    let sharing: Vec<_> =
        libraries["library"].as_array().unwrap().iter().filter(|row| row["resource_sharing"] == true).collect();
    assert_eq!((sharing.len(), &sharing[0]["code"]), (1, &json!("RES_SHARE")));
    let desk = alma.get("/conf/libraries/MAIN/circ-desks/DEFAULT_CIRC_DESK").await.json();
    assert_eq!((&desk["has_hold_shelf"], &desk["location"][0]["location_code"]), (&json!(true), &json!("stacks")));
    assert_eq!(alma.get("/conf/libraries/MAIN/circ-desks/").await.json()["total_record_count"], 1);
    let location = alma.get("/conf/libraries/DCB_LIB/locations/dcbvirtual").await.json();
    assert_eq!(location["suppress_from_publishing"], "true");
    let table = alma.get("/conf/code-tables/RequestCancellationReasons").await.json();
    assert!(table["row"].as_array().unwrap().iter().any(|row| row["code"] == "CancelledAtPatronRequest"));
    assert_eq!(alma.get("/conf/libraries/NOWHERE").await.refusal().1, "402119");
}
