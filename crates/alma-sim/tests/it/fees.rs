//! Fees of a user: the fee for a lost item, charges, and how a fee ends.

use alma_sim::Mark;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, DESK, TestAlma};

const FEES: &str = "/users/jo.reader/fees";

fn charged(amount: &str) -> Value {
    json!({"type": {"value": "OTHER"}, "original_amount": amount, "owner": {"value": "MAIN"}, "comment": "ink"})
}

async fn charge(alma: &TestAlma, amount: &str) -> String {
    let fee = alma.post(FEES, charged(amount)).await.json();
    fee["id"].as_str().unwrap_or_else(|| panic!("{fee}")).to_owned()
}

/// Sum, count, and statuses of the fees listed under a status.
async fn listed(alma: &TestAlma, status: &str) -> (f64, u64) {
    let fees = alma.get(&format!("{FEES}?status={status}")).await.json();
    assert_eq!(fees["fee"].as_array().map_or(0, Vec::len) as u64, fees["total_record_count"].as_u64().unwrap());
    (fees["total_sum"].as_f64().unwrap(), fees["total_record_count"].as_u64().unwrap())
}

#[tokio::test]
async fn a_user_without_fees_has_an_empty_list() {
    let alma = TestAlma::new().await;
    let fees = alma.get(FEES).await.json();
    assert_eq!((&fees["total_record_count"], fees.get("fee")), (&json!(0), None));
    assert_eq!(alma.get("/users/nobody/fees").await.refusal().0, 400);
}

#[tokio::test]
async fn a_charge_is_listed_counted_and_paid_in_parts() {
    let alma = TestAlma::new().await;
    let fee = alma.post(FEES, charged("12.50")).await.json();
    assert_eq!((&fee["balance"], &fee["original_amount"]), (&json!(12.5), &json!(12.5)));
    assert_eq!((&fee["status"]["value"], &fee["owner"]["desc"]), (&json!("ACTIVE"), &json!("Main Library")));
    assert_eq!((&fee["comment"], &fee["user_primary_id"]["value"]), (&json!("ink"), &json!("jo.reader")));
    let user = alma.get("/users/jo.reader?expand=fees").await.json();
    assert_eq!(user["fees"]["value"], json!(12.5));

    let path = format!("{FEES}/{}", fee["id"].as_str().unwrap());
    let part = alma.post(&format!("{path}?op=pay&amount=2.5&method=CASH&external_transaction_id=x1"), json!({})).await;
    let part = part.json();
    assert_eq!((&part["balance"], &part["status"]["value"]), (&json!(10.0), &json!("ACTIVE")));
    let paid = &part["transaction"][0];
    assert_eq!((&paid["type"]["value"], &paid["amount"]), (&json!("PAYMENT"), &json!(2.5)));
    assert_eq!((&paid["payment_method"]["value"], &paid["external_transaction_id"]), (&json!("CASH"), &json!("x1")));
    let rest = alma.post(&format!("{path}?op=pay&amount=10&method=CASH"), json!({})).await.json();
    assert_eq!((&rest["balance"], &rest["status"]["value"]), (&json!(0.0), &json!("CLOSED")));
    assert_eq!(alma.get(&path).await.json(), rest);
    assert_eq!((listed(&alma, "ACTIVE").await, listed(&alma, "CLOSED").await), ((0.0, 0), (0.0, 1)));
}

#[tokio::test]
async fn no_more_is_paid_than_is_owed_and_nothing_on_a_closed_fee() {
    let alma = TestAlma::new().await;
    let path = format!("{FEES}/{}", charge(&alma, "5").await);
    for wrong in ["op=pay&amount=5.01&method=CASH", "op=pay&amount=0&method=CASH", "op=pay&amount=-1&method=CASH"] {
        assert_eq!(alma.post(&format!("{path}?{wrong}"), json!({})).await.status, 400, "{wrong}");
    }
    for wrong in ["op=pay&method=CASH", "op=steal", "op=pay&amount=much&method=CASH", "op=restore"] {
        assert_eq!(alma.post(&format!("{path}?{wrong}"), json!({})).await.status, 400, "{wrong}");
    }
    assert_eq!(alma.get(&path).await.json()["balance"], json!(5.0));
    assert_eq!(alma.post(&format!("{path}?op=waive&reason=OTHER"), json!({})).await.json()["balance"], json!(0.0));
    for late in ["op=pay&amount=1&method=CASH", "op=waive&reason=OTHER", "op=dispute"] {
        assert_eq!(alma.post(&format!("{path}?{late}"), json!({})).await.status, 400, "{late}");
    }
    assert_eq!(alma.get(&format!("{FEES}/12345")).await.status, 400);
}

#[tokio::test]
async fn a_disputed_fee_leaves_the_active_list_until_it_is_restored() {
    let alma = TestAlma::new().await;
    let path = format!("{FEES}/{}", charge(&alma, "3").await);
    alma.post(&format!("{path}?op=dispute"), json!({})).await;
    assert_eq!((listed(&alma, "ACTIVE").await.1, listed(&alma, "INDISPUTE").await), (0, (3.0, 1)));
    alma.post(&format!("{path}?op=restore"), json!({})).await;
    assert_eq!(listed(&alma, "ACTIVE").await, (3.0, 1));
}

#[tokio::test]
async fn all_fees_are_paid_at_once_oldest_first_and_never_too_much() {
    let alma = TestAlma::new().await;
    let first = charge(&alma, "3").await;
    charge(&alma, "4").await;
    let all = format!("{FEES}/all?op=pay&method=CASH");
    assert_eq!(alma.post(&format!("{all}&amount=8"), json!({})).await.status, 400);
    assert_eq!(listed(&alma, "ACTIVE").await, (7.0, 2));
    assert_eq!(alma.post(&format!("{all}&amount=4"), json!({})).await.json()["total_sum"], json!(3.0));
    assert_eq!(alma.get(&format!("{FEES}/{first}")).await.json()["status"]["value"], "CLOSED");
    assert_eq!(alma.post(&format!("{all}&amount=ALL"), json!({})).await.json()["total_record_count"], 0);
}

#[tokio::test]
async fn a_charge_needs_an_amount_an_owner_and_a_type_of_the_code_table() {
    let alma = TestAlma::new().await;
    for (field, value) in [
        ("original_amount", json!("0")),
        ("original_amount", json!("-3")),
        ("original_amount", Value::Null),
        ("owner", Value::Null),
        ("owner", json!({"value": "NOWHERE"})),
        ("type", Value::Null),
        ("type", json!({"value": "NO_SUCH_TYPE"})),
    ] {
        let mut body = charged("1");
        body[field] = value;
        assert_eq!(alma.post(FEES, body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(listed(&alma, "ACTIVE").await.1, 0);
}

#[tokio::test]
async fn a_lost_item_costs_a_fee_that_its_return_takes_back() {
    let alma = TestAlma::new().await;
    alma.staff().lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    alma.staff().mark(BOOK, Mark::Lost).unwrap();
    let fees = alma.get(FEES).await.json();
    let fee = &fees["fee"][0];
    assert_eq!((&fees["total_sum"], &fee["type"]["value"]), (&json!(50.0), &json!("LOSTITEMREPLACEMENTFEE")));
    assert_eq!(fee["barcode"]["value"], BOOK);
    assert!(fee["title"].as_str().is_some_and(|title| !title.is_empty()));
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    assert_eq!((listed(&alma, "ACTIVE").await.1, listed(&alma, "CLOSED").await.1), (0, 1));
}

#[tokio::test]
async fn a_user_who_owes_money_is_not_deleted() {
    let alma = TestAlma::new().await;
    let fee = charge(&alma, "1").await;
    assert_eq!(alma.call(Method::DELETE, "/users/jo.reader", None).await.refusal(), (400, "401850".to_owned()));
    alma.post(&format!("{FEES}/{fee}?op=waive&reason=OTHER"), json!({})).await;
    assert_eq!(alma.call(Method::DELETE, "/users/jo.reader", None).await.status, 204);
}

#[tokio::test]
async fn fees_come_as_xml_too() {
    let alma = TestAlma::new().await;
    charge(&alma, "2.5").await;
    let answer = alma.get(&format!("{FEES}?format=xml")).await;
    assert!(answer.text.contains("<fees total_record_count=\"1\"") && answer.text.contains("<balance>2.5</balance>"));
    let xml = "<fee><type>OTHER</type><original_amount>1.25</original_amount><owner>MAIN</owner></fee>";
    let made = alma.call(Method::POST, FEES, Some(json!(xml))).await.json();
    assert_eq!(made["balance"], json!(1.25), "{made}");
}
