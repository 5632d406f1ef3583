//! Parameters of calls: the effect of each one, and refused values.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, DESK, OTHER_BOOK, TestAlma};

/// Adds volumes to the preset's first title, and returns the path of its list of items.
async fn volumes(alma: &TestAlma) -> String {
    let (items, _) =
        alma.item_path(BOOK).rsplit_once('/').map(|(items, pid)| (items.to_owned(), pid.to_owned())).unwrap();
    for number in 1..=12 {
        let data = json!({"barcode": format!("VOL-{number:02}"), "description": format!("v.{number:02} (20{number:02})"),
            "enumeration_a": number.to_string(), "chronology_i": format!("20{number:02}"),
            "arrival_date": format!("2025-{number:02}-15Z")});
        assert_eq!(alma.post(&items, json!({"item_data": data})).await.status, 200);
    }
    items
}

async fn count(alma: &TestAlma, path: &str) -> u64 {
    let answer = alma.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()["total_record_count"].as_u64().unwrap()
}

#[tokio::test]
async fn items_are_filtered_by_terms_places_and_dates() {
    let alma = TestAlma::new().await;
    let items = volumes(&alma).await;
    for (query, expected) in [
        ("", 13),
        ("q=description~V.03", 1),
        ("q=description~v.03_(2003)", 1),
        ("q=enum_a~3%20AND%20chron_i~2003", 1),
        ("q=enum_a~3%20AND%20chron_i~2004", 0),
        ("q=enum_b~3", 0),
        ("current_library=MAIN", 13),
        ("current_library=BRANCH", 0),
        ("current_library=MAIN&current_location=reserve", 0),
        ("create_date_from=2026-03-04&create_date_to=2026-03-04", 13),
        ("create_date_to=2026-03-03", 0),
        ("modify_date_from=2026-03-05", 0),
        ("receive_date_from=2025-11-01", 3),
        ("receive_date_to=2025-02-15", 2),
        ("expected_receive_date_from=2020-01-01", 0),
    ] {
        assert_eq!(count(&alma, &format!("{items}?{query}")).await, expected, "{query}");
    }
    for (query, code) in [
        ("q=description", "60106"),
        ("q=shoe_size~3", "60106"),
        ("order_by=shoe_size", "60216"),
        ("current_library=NOWHERE", "402469"),
        ("current_location=NOWHERE", "60215"),
        ("modify_date_from=soon", "402217"),
        ("offset=14", "60217"),
    ] {
        assert_eq!(alma.get(&format!("{items}?{query}")).await.refusal(), (400, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn items_are_ordered_and_paged_and_ten_unless_said_otherwise() {
    let alma = TestAlma::new().await;
    let items = volumes(&alma).await;
    let first = async |query: &str| {
        let list = alma.get(&format!("{items}?{query}")).await.json();
        let rows = list["item"].as_array().cloned().unwrap_or_default();
        (rows.len(), rows.first().map(|row| row["item_data"]["description"].as_str().unwrap_or_default().to_owned()))
    };
    assert_eq!(first("").await.0, 10);
    assert_eq!(first("limit=0").await, (0, None));
    assert_eq!(first("order_by=description&limit=100").await, (13, Some("v.12 (2012)".to_owned())));
    assert_eq!(first("order_by=description&direction=ASC&offset=1&limit=1").await, (1, Some("v.01 (2001)".to_owned())));
    assert_eq!(first("order_by=receive_date&direction=desc&offset=1&limit=2").await.1.unwrap(), "v.12 (2012)");
    assert_eq!(first("offset=12").await.0, 1);
}

#[tokio::test]
async fn item_that_names_a_missing_record_is_refused() {
    let alma = TestAlma::new().await;
    let items = alma.item_path(BOOK).rsplit_once('/').unwrap().0.to_owned();
    let away = |library: &str, location: &str| {
        json!({"holding_data": {"in_temp_location": true, "temp_library": {"value": library},
            "temp_location": {"value": location}}, "item_data": {"barcode": "T1"}})
    };
    for (body, code) in [
        (json!({"item_data": {"po_line": "POL-1"}}), "401885"),
        (json!({"item_data": {"policy": {"value": "NONE"}}}), "401873"),
        (json!({"item_data": {"policy": "4-WEEK"}}), "401652"),
        (away("NOWHERE", "stacks"), "40166404"),
        (away("BRANCH", "stacks"), "40166404"),
    ] {
        assert_eq!(alma.post(&items, body.clone()).await.refusal(), (400, code.to_owned()), "{body}");
        assert_eq!(
            alma.call(Method::PUT, &alma.item_path(BOOK), Some(body.clone())).await.refusal(),
            (400, code.to_owned()),
            "{body}"
        );
    }
    let made = alma.post(&items, away("BRANCH", "brstacks")).await.json();
    assert_eq!(
        (&made["holding_data"]["in_temp_location"], &made["item_data"]["library"]["value"]),
        (&json!(true), &json!("BRANCH"))
    );
    assert_eq!(alma.get("/items?item_barcode=%20").await.refusal(), (400, "401690".to_owned()));
}

#[tokio::test]
async fn a_description_is_made_of_enumeration_and_chronology_when_asked_for() {
    let alma = TestAlma::new().await;
    let items = alma.item_path(BOOK).rsplit_once('/').unwrap().0.to_owned();
    let body = json!({"item_data": {"enumeration_a": "3", "enumeration_b": "2", "chronology_i": "1999"}});
    let described = async |query: &str, body: Value| {
        alma.post(&format!("{items}{query}"), body).await.json()["item_data"]["description"].clone()
    };
    assert_eq!(described("?generate_description=True", body.clone()).await, "v.3:no.2 (1999)");
    assert_eq!(described("", body.clone()).await, "");
    let mut own = body;
    own["item_data"]["description"] = json!("the third");
    assert_eq!(described("?generate_description=true", own).await, "the third");
}

#[tokio::test]
async fn a_brief_user_has_core_fields_emails_identifiers_and_statistics() {
    let alma = TestAlma::new().await;
    alma.staff().block("jo.reader", "02-GLOBAL").unwrap();
    let brief = alma.get("/users/jo.reader?view=brief").await.json();
    for field in ["primary_id", "last_name", "user_group", "status", "expiry_date", "user_identifier", "user_statistic"]
    {
        assert!(brief.get(field).is_some(), "{field}");
    }
    assert!(brief["contact_info"]["email"][0]["email_address"].is_string());
    for field in ["user_block", "user_note", "user_role"] {
        assert!(brief.get(field).is_none(), "{field}");
    }
    assert!(alma.get("/users/jo.reader").await.json()["user_block"][0].is_object());
}

#[tokio::test]
async fn a_day_that_is_no_day_refuses_a_request() {
    let alma = TestAlma::new().await;
    let path = format!("{}/requests?user_id=jo.reader", alma.item_path(BOOK));
    let mut body = json!({"request_type": "HOLD", "pickup_location_type": "LIBRARY",
        "pickup_location_library": "MAIN", "last_interest_date": "soon"});
    assert_eq!(alma.post(&path, body.clone()).await.refusal(), (400, "40166404".to_owned()));
    assert!(alma.staff().requests().is_empty());
    body["last_interest_date"] = json!("2026-12-31Z");
    let placed = alma.post(&path, body.clone()).await.json();
    assert_eq!(placed["last_interest_date"], "2026-12-31Z");
    body["last_interest_date"] = json!("later");
    let path = format!("/users/jo.reader/requests/{}", placed["request_id"].as_str().unwrap());
    assert_eq!(alma.call(Method::PUT, &path, Some(body)).await.refusal(), (400, "40166404".to_owned()));
}

#[tokio::test]
async fn a_task_list_is_ordered_and_filtered() {
    let alma = TestAlma::new().await;
    let staff = alma.staff();
    staff.place_hold("jo.reader", OTHER_BOOK, "BRANCH").unwrap();
    staff.place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    let path = format!("/task-lists/requested-resources?library=MAIN&circ_desk={DESK}");
    let numbers = async |query: &str| -> Vec<String> {
        let list = alma.get(&format!("{path}{query}")).await.json();
        let rows = list["requested_resource"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["location"]["call_number"].as_str().unwrap().to_owned()).collect()
    };
    let up = numbers("&order_by=call_number").await;
    let mut down = numbers("&order_by=call_number&direction=desc").await;
    assert!(up.len() == 2 && up[0] < up[1], "{up:?}");
    down.reverse();
    assert_eq!(down, up);
    assert!(numbers("&reported=Y").await.is_empty());
    assert_eq!(numbers("&location=reserve").await.len(), 0);
    for wrong in ["order_by=shoe_size", "order_by=location&direction=sideways"] {
        assert_eq!(alma.get(&format!("{path}&{wrong}")).await.refusal(), (400, "40166414".to_owned()), "{wrong}");
    }
    alma.post(&path, json!({})).await;
    assert_eq!((numbers("&printed=Y").await.len(), numbers("&printed=N").await.len()), (2, 0));
}
