//! Damages every field of every recorded answer in turn. The tables here name the fields that may make an answer
//! unreadable, and those that may make a list incomplete. Any other field may contain anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use alma::{
    Client, HoldingSelector, Incoming, ItemPath, LoanFilter, MmsId, NoAnswer, Outgoing, RequestFilter, Result,
    Transport, UserId,
};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::fake::{builder, fixture};

/// The values that replace a field. `None`: the field is missing.
fn damages() -> Vec<Option<Value>> {
    let values = [
        json!(null),
        json!(""),
        json!("unknown"),
        json!("00-00-0000"),
        json!("0"),
        json!(-1),
        json!(12.5),
        json!(true),
        json!({}),
        json!({"x": 1}),
        json!({"value": {"x": 1}}),
        json!([]),
        json!([{"x": 1}]),
    ];
    std::iter::once(None).chain(values.map(Some)).collect()
}

/// A transport that answers the first page with the given body, and any other page without rows.
#[derive(Debug, Default)]
struct Page(Mutex<String>);

impl Transport for Page {
    fn carry(&self, call: &Outgoing<'_>) -> std::result::Result<Incoming, NoAnswer> {
        let is_first = !call.query.split('&').any(|pair| pair.starts_with("offset=") && pair != "offset=0");
        let page = self.0.lock().clone();
        let body = if is_first { page } else { "{}".to_owned() };
        Ok(Incoming { status: 200, body, ..Incoming::default() })
    }
}

/// Reads an answer. Returns whether it is complete, if it is a list.
type Read = fn(Client) -> BoxFuture<'static, Result<bool>>;

macro_rules! read {
    ($client:ident, $call:expr) => {
        |$client: Client| Box::pin(async move { $call.map(|_| true) })
    };
}

macro_rules! list {
    ($client:ident, $call:expr) => {
        |$client: Client| Box::pin(async move { $call.map(|list| list.is_complete()) })
    };
}

fn path() -> ItemPath {
    ItemPath::new("1", "2", "3")
}

fn reader() -> UserId {
    UserId::from("reader")
}

/// Each recorded answer, with the call that it answers and the fields that may make it unreadable or incomplete.
#[rustfmt::skip]
fn answers() -> Vec<(&'static str, Read, &'static str, &'static str)> {
    let of_item = "/bib_data /bib_data/mms_id /holding_data /holding_data/holding_id /item_data /item_data/pid";
    let needs_item_messages = "/item/* /item/*/bib_data /item/*/bib_data/mms_id /item/*/holding_data /item/*/holding_data/holding_id \
                    /item/*/item_data /item/*/item_data/pid /item";
    vec![
        ("item.json", read!(c, c.items().get(&path()).await), of_item, ""),
        ("item-scan-transit.json", read!(c, c.items().get(&path()).await), of_item, ""),
        ("items.json", list!(c, c.items().list(&MmsId::from("1"), &HoldingSelector::All).whole().await), "/item", needs_item_messages),
        ("user.json", read!(c, c.users().get(&reader()).await), "/primary_id", ""),
        ("users.json", list!(c, c.users().search("x").whole().await), "/user", "/user /user/* /user/*/primary_id"),
        ("loan.json", read!(c, c.user_loans(&reader()).get(&"7".into()).await), "/loan_id", ""),
        ("loans.json", list!(c, c.item_loans(&path()).list(LoanFilter::Active).whole().await), "/item_loan",
            "/item_loan /item_loan/* /item_loan/*/loan_id /item_loan/*/user_id"),
        ("request.json", read!(c, c.user_requests(&reader()).get(&"8".into()).await), "/request_id", ""),
        ("requests.json", list!(c, c.user_requests(&reader()).list(&RequestFilter::holds()).whole().await), "/user_request",
            "/user_request /user_request/* /user_request/*/comment /user_request/*/request_id"),
        ("requests.json", list!(c, c.item_requests(&path()).list(&RequestFilter::holds()).await), "/user_request",
            "/total_record_count /user_request /user_request/* /user_request/*/comment /user_request/*/request_id"),
        ("bib.json", read!(c, c.bibs().get(&"1".into()).await), "/mms_id", ""),
        ("bibs-p_avail.json", list!(c, c.bibs().get_many(&["1".into()]).await), "", "/bib /bib/* /bib/*/mms_id"),
        ("holding.json", read!(c, c.holdings(&"1".into()).get(&"2".into()).await), "/holding_id", ""),
        ("holdings.json", list!(c, c.holdings(&"1".into()).list().await), "/holding",
            "/holding /holding/* /holding/*/holding_id /total_record_count"),
        ("requested-resources.json",
            list!(c, c.task_lists().requested_resources(&"A".into(), &"B".into()).whole().await), "/requested_resource",
            "/requested_resource /requested_resource/* /requested_resource/*/request /requested_resource/*/request/* \
             /requested_resource/*/request/*/id"),
        ("location.json", read!(c, c.conf().location(&"A".into(), &"B".into()).await), "/code", ""),
        ("locations.json", list!(c, c.conf().locations(&"A".into()).await), "/location",
            "/location /location/* /location/*/code /total_record_count"),
        ("libraries.json", list!(c, c.conf().libraries().await), "/library",
            "/library /library/* /library/*/code /total_record_count"),
        ("circ-desks.json", list!(c, c.conf().circulation_desks(&"A".into()).whole().await), "/circ_desk",
            "/circ_desk /circ_desk/* /circ_desk/*/code"),
        ("code-table.json", read!(c, c.conf().code_table("T").await), "", ""),
        ("general.json", read!(c, c.conf().general().await), "", ""),
    ]
}

/// Returns every place in a value, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let within: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, field)| (format!("{at}/{key}"), field)).collect(),
        Value::Array(rows) => rows.iter().enumerate().map(|(nth, row)| (format!("{at}/{nth}"), row)).collect(),
        _ => Vec::new(),
    };
    for (place, field) in within {
        found.push(place.clone());
        places(field, &place, found);
    }
}

/// Returns the answer with another value at a place; `None` if the place is a row and would be missing.
fn damaged(answer: &Value, place: &str, damage: Option<&Value>) -> Option<String> {
    let mut answer = answer.clone();
    match damage {
        Some(damage) => answer.pointer_mut(place)?.clone_from(damage),
        None => {
            let (parent, key) = place.rsplit_once('/')?;
            answer.pointer_mut(parent)?.as_object_mut()?.remove(key);
        }
    }
    Some(answer.to_string())
}

fn is_in_a_later_row(place: &str) -> bool {
    place.split('/').any(|segment| segment.parse::<usize>().is_ok_and(|nth| nth > 0))
}

/// Returns a place with the index of any row.
fn in_any_row(place: &str) -> String {
    let any = |segment: &str| if segment.parse::<usize>().is_ok() { "*".to_owned() } else { segment.to_owned() };
    place.split('/').map(any).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn only_what_a_record_is_nothing_without_makes_an_answer_unreadable_or_a_list_incomplete() {
    let page = Arc::new(Page::default());
    let carried: Arc<dyn Transport> = Arc::<Page>::clone(&page);
    let client = builder("http://127.0.0.1:1").transport(carried).build().unwrap();
    let mut tried = 0;
    for (name, read, may_fail, may_be_incomplete) in answers() {
        let answer: Value = serde_json::from_str(&fixture(name)).unwrap();
        *page.0.lock() = answer.to_string();
        assert!(read(client.clone()).await.unwrap(), "{name} can be read undamaged");
        let (mut failed, mut incomplete) = (BTreeSet::new(), BTreeSet::new());
        let mut all = Vec::new();
        places(&answer, "", &mut all);
        // One row of each list is enough: the others have the same fields.
        for place in all.iter().filter(|place| !is_in_a_later_row(place)) {
            for damage in damages() {
                let Some(body) = damaged(&answer, place, damage.as_ref()) else { continue };
                *page.0.lock() = body;
                tried += 1;
                match read(client.clone()).await {
                    Ok(true) => {}
                    Ok(false) => drop(incomplete.insert(in_any_row(place))),
                    Err(_) => drop(failed.insert(in_any_row(place))),
                }
            }
        }
        let declared = |places: &'static str| places.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(failed, declared(may_fail), "fields that make {name} unreadable");
        assert_eq!(incomplete, declared(may_be_incomplete), "fields that make {name} incomplete");
    }
    assert!(tried > 5_000, "{tried}");
}
