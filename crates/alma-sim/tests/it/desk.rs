//! Data of the staff desk's page: lists in pages, and the log of calls.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BOOK, DESK, INST, KEY, TestAlma};

async fn list(alma: &TestAlma, path: &str) -> Value {
    let answer = alma.send(alma.client.get(alma.url(&format!("/sim/{INST}/desk/{path}")))).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn rows(list: &Value) -> &[Value] {
    list["rows"].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[tokio::test]
async fn a_list_has_fifty_rows_at_most_and_continues_at_an_offset() {
    let alma = TestAlma::new().await;
    let items = list(&alma, "items?limit=1000").await;
    let total = items["total"].as_u64().unwrap();
    assert_eq!((rows(&items).len(), &items["limit"]), (50, &json!(50)));
    let rest = list(&alma, "items?offset=50").await;
    assert_eq!(rows(&rest).len() as u64, total - 50);
    let mut pids: Vec<&str> = rows(&items).iter().chain(rows(&rest)).map(|row| row["pid"].as_str().unwrap()).collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len() as u64, total);
    assert_eq!(list(&alma, "items?offset=5000").await["rows"], json!([]));
}

#[tokio::test]
async fn items_are_found_by_barcode_and_title_and_by_being_on_the_move() {
    let alma = TestAlma::new().await;
    let one = list(&alma, &format!("items?search={}", BOOK.to_lowercase())).await;
    assert_eq!((&one["total"], &one["rows"][0]["barcode"]), (&json!(1), &json!(BOOK)));
    let word = one["rows"][0]["title"].as_str().unwrap().split(' ').next().unwrap();
    assert!(rows(&list(&alma, &format!("items?search={word}")).await).iter().any(|row| row["barcode"] == BOOK));
    assert_eq!(list(&alma, "items?moving=true").await["total"], 0);
    alma.staff().place_hold("jo.reader", BOOK, "BRANCH").unwrap();
    assert_eq!(list(&alma, "items?moving=true").await["total"], 1);
    alma.staff().scan_in(BOOK, "MAIN", DESK).unwrap();
    let moving = list(&alma, "items?moving=true").await;
    let row = &moving["rows"][0];
    assert_eq!((&row["process_type"], &row["transit_to"]), (&json!("TRANSIT"), &json!("Branch Library")));
}

#[tokio::test]
async fn log_shows_the_result_of_each_call_and_keeps_no_key() {
    let alma = TestAlma::new().await;
    alma.call(Method::GET, &format!("/users/nobody?apikey={KEY}"), None).await;
    alma.call(Method::POST, "/users/jo.reader?op=auth&password=wrong", None).await;
    alma.call(Method::GET, "/no/such/path", None).await;
    let calls = list(&alma, "calls").await;
    let met: Vec<(&str, u64, &str)> = rows(&calls)
        .iter()
        .map(|row| {
            (row["path"].as_str().unwrap(), row["status"].as_u64().unwrap(), row["code"].as_str().unwrap_or_default())
        })
        .collect();
    let expected = [
        ("/no/such/path", 404, "INVALID_REQUEST"),
        ("/users/jo.reader?op=auth", 400, "401866"),
        ("/users/nobody", 400, "401861"),
    ];
    assert_eq!(met, expected);
    assert_eq!(list(&alma, "calls?after=2").await["total"], 1);
    assert_eq!(alma.sim().call_log(INST).unwrap().len(), 3);
}

#[tokio::test]
async fn the_page_comes_with_all_it_needs_and_nothing_from_elsewhere() {
    let alma = TestAlma::new().await;
    for (path, kind) in [("/sim/", "text/html"), ("/sim/desk.js", "text/javascript"), ("/sim/desk.css", "text/css")] {
        let answer = alma.send(alma.client.get(alma.url(path))).await.unwrap();
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with(kind), "{path}");
        assert!(answer.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert!(!answer.text.contains("http://") && !answer.text.contains("https://"), "{path}");
    }
    let unknown = alma.send(alma.client.get(alma.url("/sim/desk/NOWHERE"))).await.unwrap();
    assert_eq!(unknown.status, 404);
}
