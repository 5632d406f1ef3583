//! Lists are read to their end.

use std::sync::Arc;

use alma::{Error, HoldingSelector, ItemPath, LoanFilter, MmsId, Request, RequestFilter, Search, UserId};
use axum::response::Response;
use futures::TryStreamExt;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::fake::{Fake, Seen, fixture, ok};

fn number(seen: &Seen, key: &str) -> Option<usize> {
    let (_, query) = seen.target.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.parse().unwrap())
}

/// Creates a page of `count` requests, cut as Alma cuts it.
fn page(count: usize, seen: &Seen) -> Response {
    let limit = number(seen, "limit").unwrap_or(10).min(100);
    let offset = number(seen, "offset").unwrap_or(0);
    let rows: Vec<Value> =
        (offset..count.min(offset + limit)).map(|nth| json!({"request_id": nth.to_string()})).collect();
    let mut body = json!({"total_record_count": count});
    if !rows.is_empty() {
        body["user_request"] = rows.into();
    }
    ok(&body.to_string())
}

async fn requests_of(fake: &Fake) -> Result<Vec<Request>, Error> {
    fake.client().user_requests(&UserId::from("reader")).list(&RequestFilter::default()).try_collect().await
}

#[tokio::test]
async fn all_of_250_rows_are_read_in_three_calls() {
    let fake = Fake::start(|seen, _| page(250, seen)).await;
    let requests = requests_of(&fake).await.unwrap();
    let ids: Vec<_> = requests.iter().map(|request| request.id.as_str().to_owned()).collect();
    assert_eq!(ids, (0..250).map(|nth| nth.to_string()).collect::<Vec<_>>());
    assert_eq!(
        fake.lines(),
        ["0", "100", "200"].map(|offset| format!("GET /users/reader/requests?limit=100&offset={offset}"))
    );
}

#[tokio::test]
async fn a_list_that_ends_with_a_full_page_is_not_asked_for_more() {
    let fake = Fake::start(|seen, _| page(100, seen)).await;
    assert_eq!(requests_of(&fake).await.unwrap().len(), 100);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_gives_fewer_rows_than_asked_for_loses_none() {
    let fake = Fake::start(|seen, _| {
        let offset = number(seen, "offset").unwrap();
        let rows: Vec<_> = (offset..25.min(offset + 10)).map(|nth| json!({"request_id": nth})).collect();
        ok(&json!({"user_request": rows, "total_record_count": "25"}).to_string())
    })
    .await;
    assert_eq!(requests_of(&fake).await.unwrap().len(), 25);
    assert_eq!(fake.seen().len(), 3);
}

#[tokio::test]
async fn an_empty_list_may_lack_its_key() {
    for body in [
        fixture("requests-empty.json"),
        r#"{"user_request":null,"total_record_count":0}"#.to_owned(),
        r#"{"user_request":{}}"#.to_owned(),
    ] {
        let fake = Fake::start(move |_, _| ok(&body)).await;
        assert!(requests_of(&fake).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_list_of_one_may_be_an_object() {
    let fake = Fake::start(|_, _| ok(r#"{"user_request":{"request_id":7},"total_record_count":1}"#)).await;
    assert_eq!(requests_of(&fake).await.unwrap()[0].id.as_str(), "7");
}

#[tokio::test]
async fn a_server_that_never_advances_ends_in_an_error() {
    let fake = Fake::start(|_, _| {
        let rows: Vec<_> = (0..10).map(|nth| json!({"request_id": nth})).collect();
        ok(&json!({"user_request": rows, "total_record_count": 1000}).to_string())
    })
    .await;
    let error = requests_of(&fake).await.unwrap_err();
    assert!(error.to_string().contains("the same page"), "{error}");
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_list_that_stops_short_of_its_count_is_an_error_and_not_a_short_list() {
    let fake = Fake::start(|_, nth| match nth {
        0 => ok(r#"{"user_request":[{"request_id":1}],"total_record_count":2}"#),
        _ => ok(r#"{"total_record_count":2}"#),
    })
    .await;
    let error = requests_of(&fake).await.unwrap_err();
    assert!(error.to_string().contains("ends before its own count"), "{error}");
}

#[tokio::test]
async fn a_list_without_paging_is_read_on_when_its_count_says_so() {
    let fake = Fake::start(|seen, _| page(25, seen)).await;
    let item = ItemPath::new("1", "2", "3");
    let requests = fake.client().item_requests(&item).list(&RequestFilter::holds()).await.unwrap();
    assert_eq!(requests.len(), 25);
    assert_eq!(
        fake.lines(),
        [
            "GET /bibs/1/holdings/2/items/3/requests?request_type=HOLD",
            "GET /bibs/1/holdings/2/items/3/requests?request_type=HOLD&limit=100&offset=10",
        ]
    );
}

#[tokio::test]
async fn rows_are_fetched_only_as_they_are_asked_for() {
    let fake = Fake::start(|seen, _| page(250, seen)).await;
    let mut list = fake.client().user_requests(&UserId::from("reader")).list(&RequestFilter::default());
    assert!(list.try_next().await.unwrap().is_some());
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn the_size_of_a_page_can_be_set() {
    let fake = Fake::answering("items.json").await;
    let client = fake.builder().page_size(3).build().unwrap();
    let items: Vec<_> = client.items().list(&MmsId::from("1"), &HoldingSelector::All).try_collect().await.unwrap();
    assert!(!items.is_empty());
    assert_eq!(fake.only().line(), "GET /bibs/1/holdings/ALL/items?expand=due_date&limit=3&offset=0");
}

fn rows_of_which_one_is_unreadable(_: &Seen, _: usize) -> Response {
    ok(r#"{"user_request":[{"request_id":1},{"request_id":{}},{"request_id":3}],"total_record_count":3}"#)
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_left_out_and_reported() {
    let fake = Fake::start(rows_of_which_one_is_unreadable).await;
    let reported = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&reported);
    let client = fake.builder().on_unreadable_row(Arc::new(move |list| log.lock().push(list))).build().unwrap();
    let list = client.user_requests(&UserId::from("reader")).list(&RequestFilter::default()).whole().await.unwrap();
    assert_eq!(list.iter().map(|request| request.id.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(*reported.lock(), ["GET /users/{user}/requests"]);
}

#[tokio::test]
async fn a_list_with_a_row_that_cannot_be_read_proves_presence_and_no_absence() {
    let fake = Fake::start(rows_of_which_one_is_unreadable).await;
    let item = ItemPath::new("1", "2", "3");
    let list = fake.client().item_requests(&item).list(&RequestFilter::holds()).await.unwrap();
    let is = |id: &'static str| move |request: &Request| request.id.as_str() == id;
    assert!(!list.is_complete());
    assert!(matches!(list.search(is("3")), Search::Found(_)));
    assert!(matches!(list.search(is("2")), Search::Unknown));

    let whole = Fake::answering("requests.json").await;
    let list = whole.client().item_requests(&item).list(&RequestFilter::holds()).await.unwrap();
    assert!(list.is_complete());
    assert!(matches!(list.search(is("2")), Search::Absent));
}

#[tokio::test]
async fn a_request_whose_marker_cannot_be_read_may_be_any() {
    let fake =
        Fake::start(|_, _| ok(r#"{"user_request":[{"request_id":1,"comment":{"x":"y"}}],"total_record_count":1}"#))
            .await;
    let list = fake.client().item_requests(&ItemPath::new("1", "2", "3")).list(&RequestFilter::holds()).await.unwrap();
    assert_eq!((list.len(), list.is_complete()), (1, false));
}

#[tokio::test]
async fn a_date_that_cannot_be_read_leaves_a_loan_a_loan() {
    let fake = Fake::start(|_, _| {
        ok(r#"{"item_loan":[{"loan_id":7,"user_id":"reader","due_date":"00-00-0000"}],"total_record_count":1}"#)
    })
    .await;
    let loans = fake.client().item_loans(&ItemPath::new("1", "2", "3")).list(LoanFilter::Active).whole().await.unwrap();
    assert!(loans.is_complete());
    assert_eq!((loans[0].id.as_str(), loans[0].due_date), ("7", None));
}
