//! Bibs, holdings, items over REST.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, OTHER_BOOK, TestAlma};

#[tokio::test]
async fn a_barcode_leads_by_redirect_to_the_item_without_the_key() {
    let alma = TestAlma::new().await;
    let answer = alma.get(&format!("/items?item_barcode={}&view=brief", BOOK.to_lowercase())).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(answer.status, 302);
    assert_eq!(location, alma.url(&format!("/almaws/v1{}?view=brief", alma.item_path(BOOK))));
    let without_key = alma.send(alma.client.get(&location).header("accept", "application/json")).await.unwrap();
    assert_eq!(without_key.status, 400);
    assert!(without_key.text.contains("<errorCode>UNAUTHORIZED</errorCode>"), "{}", without_key.text);
}

#[tokio::test]
async fn the_record_in_json_declares_utf16_and_in_xml_does_not() {
    let alma = TestAlma::new().await;
    let path = format!("/bibs/{}", alma.staff().item(OTHER_BOOK).unwrap().mms_id);
    let bib = alma.get(&path).await.json();
    let record = bib["anies"][0].as_str().unwrap();
    assert!(record.starts_with("<?xml version=\"1.0\" encoding=\"UTF-16\"?><record><leader>"), "{record}");
    assert!(record.contains("Война и мир"), "{record}");
    let xml = alma.get(&format!("{path}?format=xml")).await;
    assert!(!xml.text.contains("UTF-16") && xml.text.contains("<subfield code=\"a\">Война и мир</subfield>"));
    assert!(xml.headers["content-type"].to_str().unwrap().starts_with("application/xml"));
}

#[tokio::test]
async fn availability_counts_copies_of_each_holding() {
    let alma = TestAlma::new().await;
    alma.staff().lend(BOOK, "jo.reader", "MAIN", "DEFAULT_CIRC_DESK").unwrap();
    let (lent, free) = (alma.staff().item(BOOK).unwrap().mms_id, alma.staff().item(OTHER_BOOK).unwrap().mms_id);
    let found =
        alma.get(&format!("/bibs?mms_id={lent},{free},990000000000000001&expand=p_avail,requests")).await.json();
    assert_eq!(found["total_record_count"], 2);
    let record = |at: usize| found["bib"][at]["anies"][0].as_str().unwrap().to_owned();
    assert!(record(0).contains("<subfield code=\"e\">unavailable</subfield><subfield code=\"f\">1</subfield>"));
    assert!(record(1).contains("<subfield code=\"e\">available</subfield>"));
    assert_eq!(alma.get("/bibs?mms_id=990000000000000001").await.json(), json!({"total_record_count": 0}));
    assert_eq!(alma.get("/bibs?mms_id=abc").await.refusal().1, "402203");
}

#[tokio::test]
async fn a_temporary_location_is_available_without_a_holding_id() {
    let alma = TestAlma::new().await;
    let path = alma.item_path(BOOK);
    let mut item = alma.get(&path).await.json();
    item["holding_data"]["in_temp_location"] = json!(true);
    item["holding_data"]["temp_library"] = json!({"value": "BRANCH"});
    item["holding_data"]["temp_location"] = json!({"value": "brstacks"});
    let put = alma.call(Method::PUT, &path, Some(item)).await.json();
    assert_eq!(put["item_data"]["library"]["value"], "BRANCH");
    let mms = alma.staff().item(BOOK).unwrap().mms_id;
    let bib = alma.get(&format!("/bibs/{mms}?expand=p_avail")).await.json();
    let record = bib["anies"][0].as_str().unwrap();
    let temporary = record.split("tag=\"AVA\"").nth(2).unwrap();
    assert!(temporary.contains(">BRANCH<") && !temporary.contains("code=\"8\""), "{temporary}");
}

#[tokio::test]
async fn an_item_away_for_resource_sharing_or_on_order_is_not_available() {
    let alma = TestAlma::new().await;
    alma.staff().mark(BOOK, alma_sim::Mark::Ill).unwrap();
    alma.staff().mark(OTHER_BOOK, alma_sim::Mark::OnOrder).unwrap();
    let item = alma.get(&alma.item_path(OTHER_BOOK)).await.json();
    assert_eq!(
        (&item["item_data"]["process_type"]["value"], &item["item_data"]["base_status"]["value"]),
        (&json!("ACQ"), &json!("0"))
    );
    let mms = alma.staff().item(BOOK).unwrap().mms_id;
    let bib = alma.get(&format!("/bibs/{mms}?expand=p_avail")).await.json();
    let rows: Vec<_> = bib["anies"][0].as_str().unwrap().split("tag=\"AVA\"").skip(1).map(str::to_owned).collect();
    assert!(rows[0].contains("check_holdings") && rows[1].contains("unavailable"), "{rows:?}");
    assert!(!rows[1].contains("code=\"8\""), "a temporary place has no holding id");
    assert_eq!(alma.staff().place_hold("jo.reader", BOOK, "MAIN").unwrap_err().code, "401129");
}

#[tokio::test]
async fn bibs_and_holdings_take_xml_only() {
    let alma = TestAlma::new().await;
    assert_eq!(alma.post("/bibs", json!({"record": {}})).await.refusal(), (400, "60105".to_owned()));
    assert_eq!(alma.post("/bibs", json!("<bib><record>")).await.refusal(), (400, "402209".to_owned()));
    let mms = alma.staff().item(BOOK).unwrap().mms_id;
    let elsewhere = json!(
        "<holding><record><datafield tag=\"852\" ind1=\"0\" ind2=\" \"><subfield code=\"b\">NOWHERE</subfield>\
        <subfield code=\"c\">x</subfield></datafield></record></holding>"
    );
    assert_eq!(alma.post(&format!("/bibs/{mms}/holdings"), elsewhere).await.refusal().1, "33008");
}

#[tokio::test]
async fn override_has_two_values() {
    let alma = TestAlma::new().await;
    let mms = alma.staff().item(BOOK).unwrap().mms_id;
    let answer = alma.call(Method::DELETE, &format!("/bibs/{mms}?override=attached_items"), None).await;
    assert_eq!(answer.refusal(), (400, "401873".to_owned()));
}

#[tokio::test]
async fn lists_are_cut_at_ten_and_a_limit_above_a_hundred_is_refused() {
    let alma = TestAlma::new().await;
    let path = alma.item_path(BOOK);
    let (items, _) = path.rsplit_once('/').unwrap();
    for number in 0..24 {
        assert_eq!(alma.post(items, json!({"item_data": {"barcode": format!("P{number}")}})).await.status, 200);
    }
    let length = |page: &Value| page["item"].as_array().map_or(0, Vec::len);
    let mut seen = 0;
    for offset in [0, 10, 20] {
        let page = alma.get(&format!("{items}?offset={offset}")).await.json();
        assert_eq!(page["total_record_count"], 25);
        seen += length(&page);
    }
    assert_eq!(seen, 25);
    assert_eq!(alma.get(&format!("{items}?limit=101")).await.status, 400);
    assert_eq!(alma.get(&format!("{items}?offset=26")).await.refusal().1, "60217");
    let count = alma.get(&format!("{items}?limit=0")).await.json();
    assert_eq!((length(&count), &count["total_record_count"]), (0, &json!(25)));
    let all = items.rsplit_once("/holdings/").map(|(bib, _)| format!("{bib}/holdings/ALL/items?limit=100")).unwrap();
    assert_eq!(length(&alma.get(&all).await.json()), 25);
}

#[tokio::test]
async fn a_barcode_is_on_one_item_and_codes_come_from_the_tables() {
    let alma = TestAlma::new().await;
    let path = alma.item_path(BOOK);
    let (items, _) = path.rsplit_once('/').unwrap();
    let twice = alma.post(items, json!({"item_data": {"barcode": OTHER_BOOK.to_lowercase()}})).await;
    assert!(twice.status == 400 && twice.text.contains("arcode"), "{}", twice.text);
    let policy = alma.post(items, json!({"item_data": {"barcode": "X", "policy": {"value": "Standard Loan"}}})).await;
    assert_eq!(policy.refusal().1, "401873");
    let shape = alma.post(items, json!({"item_data": {"barcode": "X", "policy": "DCB"}})).await;
    assert_eq!(shape.refusal().1, "401652");
    assert_eq!(alma.get("/items?item_barcode=X").await.refusal().1, "401689");
}
