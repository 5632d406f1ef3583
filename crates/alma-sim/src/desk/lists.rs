//! The lists of the staff desk: the institution, and its items, requests, loans, users and calls, a page at a time.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{date, moment, second};
use crate::refusal::Refusal;
use crate::sim::{Sim, Site};
use crate::state::Alma;
use crate::state::model::{Id, Item, Loan, Request, UserEntry};

/// The default and the largest number of rows of a page.
const ROWS: usize = 50;

/// The requested part of a list.
struct Page<'a> {
    search: String,
    /// Only items that are not in place, or for which somebody waits.
    moving: bool,
    offset: usize,
    limit: usize,
    asked: &'a Value,
}

impl Page<'_> {
    fn read(asked: &Value) -> Page<'_> {
        Page {
            search: asked["search"].as_str().unwrap_or_default().trim().to_lowercase(),
            moving: asked["moving"] == json!(true) || asked["moving"] == json!("true"),
            offset: size(asked, "offset").unwrap_or(0),
            limit: size(asked, "limit").unwrap_or(ROWS).min(ROWS),
            asked,
        }
    }

    fn answer(&self, now: Timestamp, total: usize, rows: impl Iterator<Item = Value>) -> Value {
        let rows: Vec<Value> = rows.collect();
        json!({"now": moment(now), "total": total, "offset": self.offset, "limit": self.limit, "rows": rows})
    }

    /// Returns the ids of the page out of all ids, in order. The rest need not be sorted.
    fn cut(&self, mut ids: Vec<Id>, newest_first: bool) -> Vec<Id> {
        let end = (self.offset + self.limit).min(ids.len());
        let order = |a: &Id, b: &Id| if newest_first { b.cmp(a) } else { a.cmp(b) };
        if end < ids.len() {
            ids.select_nth_unstable_by(end, order);
            ids.truncate(end);
        }
        ids.sort_unstable_by(order);
        ids.into_iter().skip(self.offset).collect()
    }

    fn finds(&self, texts: &[&str]) -> bool {
        self.search.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&self.search))
    }
}

/// Reads a number of the request, given as a number or as text of a query.
pub(crate) fn size(asked: &Value, key: &str) -> Option<usize> {
    match &asked[key] {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64().and_then(|number| usize::try_from(number).ok()),
    }
}

/// Returns one list: `house`, `items`, `requests`, `loans`, `users` or `calls`.
///
/// # Errors
/// If there is no such list.
pub(crate) fn list(sim: &Sim, site: &Site, which: &str, asked: &Value) -> Result<Value, Refusal> {
    let page = Page::read(asked);
    if which == "calls" {
        return Ok(calls(site, &page, sim.now()));
    }
    sim.with(site, |alma| match which {
        "house" => Ok(institution_summary(alma)),
        "items" => Ok(items(alma, &page)),
        "requests" => Ok(requests(alma, &page)),
        "loans" => Ok(loans(alma, &page)),
        "users" => Ok(users(alma, &page)),
        _ => Err(Refusal { status: 404, ..Refusal::new("SIM", "The desk has no such list.") }),
    })
}

/// Returns the libraries with their desks and departments, and the codes from which staff choose.
fn institution_summary(alma: &Alma) -> Value {
    let libraries: Vec<Value> = alma
        .libraries
        .iter()
        .map(|library| {
            let desks: Vec<Value> =
                library.desks.iter().map(|desk| json!({"code": desk.code, "name": desk.name})).collect();
            let of_library = alma.departments.iter().filter(|(_, _, at)| *at == library.code);
            let departments: Vec<Value> =
                of_library.map(|(code, name, _)| json!({"code": code, "name": name})).collect();
            json!({"code": library.code, "name": library.name, "desks": desks, "departments": departments})
        })
        .collect();
    json!({
        "code": alma.code, "name": alma.name, "now": moment(alma.now), "libraries": libraries,
        "cancellation_reasons": choices(alma, "RequestCancellationReasons"),
        "block_codes": choices(alma, "UserBlockDescription"),
        "counts": {"items": alma.items.len(), "requests": alma.active_requests.len(), "users": alma.users.len()},
    })
}

fn choices(alma: &Alma, table: &str) -> Vec<Value> {
    let rows = alma.tables.get(table).map(|table| table.rows.as_slice()).unwrap_or_default();
    let enabled = rows.iter().filter(|(_, _, enabled)| *enabled);
    enabled.map(|(code, text, _)| json!({"code": code, "name": text})).collect()
}

fn items(alma: &Alma, page: &Page<'_>) -> Value {
    let all = page.search.is_empty() && !page.moving;
    let shown = |item: &&Item| {
        (!page.moving || !item.in_place() || !alma.queue_of(item.pid).is_empty())
            && page.finds(&[&item.barcode, title(alma, item.mms)])
    };
    let ids: Vec<Id> = match alma.find_barcode(&page.search) {
        Some(pid) => vec![pid],
        None if all => alma.items.keys().copied().collect(),
        None => alma.items.values().filter(shown).map(|item| item.pid).collect(),
    };
    let total = ids.len();
    let rows = page.cut(ids, false);
    page.answer(alma.now, total, rows.iter().filter_map(|pid| alma.items.get(pid)).map(|item| item_row(alma, item)))
}

fn item_row(alma: &Alma, item: &Item) -> Value {
    let (library, location) = alma.place_of(item);
    let loan = item.loan.and_then(|id| alma.loans.get(&id));
    let code = item.process.code();
    let state = if code.is_empty() { "Item in place" } else { alma.describe("PROCESSTYPE", code) };
    json!({
        "pid": item.pid.to_string(), "barcode": item.barcode, "title": title(alma, item.mms),
        "library": alma.library_name(library), "location": alma.location_name(library, location),
        "base_status": if item.in_place() { "1" } else { "0" }, "process_type": code, "state": state,
        "transit_to": item.transit_to.as_ref().map(|stop| alma.library_name(&stop.library)),
        "waiting": alma.queue_of(item.pid).len(),
        "lent_to": loan.map(|loan| loan.primary_id.as_str()), "due": loan.map(|loan| second(loan.due)),
    })
}

fn requests(alma: &Alma, page: &Page<'_>) -> Value {
    let shown = |request: &&Request| {
        page.finds(&[&request.primary_id, &request.id.to_string(), barcode(alma, request), title(alma, request.mms)])
    };
    let found: Vec<&Request> = alma.active().filter(shown).collect();
    let rows = found.iter().rev().skip(page.offset).take(page.limit).map(|request| request_row(alma, request));
    page.answer(alma.now, found.len(), rows)
}

fn request_row(alma: &Alma, request: &Request) -> Value {
    json!({
        "id": request.id.to_string(), "kind": request.kind, "user": request.primary_id,
        "title": title(alma, request.mms), "barcode": barcode(alma, request),
        "pickup": alma.library_name(&request.pickup.library), "status": request.status.code(),
        "place_in_queue": alma.place_in_queue(request), "placed": moment(request.placed),
        "expiry": request.expiry.map(date), "comment": request.comment,
    })
}

fn loans(alma: &Alma, page: &Page<'_>) -> Value {
    let shown =
        |loan: &&Loan| loan.returned.is_none() && page.finds(&[&loan.primary_id, &loan.barcode, title(alma, loan.mms)]);
    let ids: Vec<Id> = alma.loans.values().filter(shown).map(|loan| loan.id).collect();
    let total = ids.len();
    let row = |loan: &Loan| {
        json!({
            "id": loan.id.to_string(), "user": loan.primary_id, "title": title(alma, loan.mms),
            "barcode": loan.barcode, "lent": moment(loan.lent), "due": second(loan.due),
            "overdue": loan.due < alma.now, "process_status": loan.process_status,
        })
    };
    let rows = page.cut(ids, true);
    page.answer(alma.now, total, rows.iter().filter_map(|id| alma.loans.get(id)).map(row))
}

fn users(alma: &Alma, page: &Page<'_>) -> Value {
    let text = |user: &UserEntry, key: &str| user.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let shown = |user: &&UserEntry| {
        page.finds(&[&text(user, "primary_id"), &text(user, "first_name"), &text(user, "last_name")])
    };
    let ids: Vec<Id> = match alma.find_user(&page.search) {
        Some(key) => vec![key],
        None => alma.users.values().filter(shown).map(|user| user.key).collect(),
    };
    let total = ids.len();
    let row = |user: &UserEntry| {
        let blocks = user.data.get("user_block").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let blocks: Vec<&Value> = blocks.iter().map(|block| &block["block_description"]).collect();
        let coded = |key: &str| user.data.get(key).map_or(&Value::Null, |coded| &coded["value"]);
        json!({
            "id": text(user, "primary_id"), "name": format!("{} {}", text(user, "first_name"), text(user, "last_name")),
            "group": coded("user_group"), "status": coded("status"), "blocks": blocks,
            "loans": user.loans.len(), "requests": user.requests.len(),
        })
    };
    let rows = page.cut(ids, false);
    page.answer(alma.now, total, rows.iter().filter_map(|key| alma.users.get(key)).map(row))
}

/// Returns the last calls, newest first. `after` leaves out the calls up to that number.
fn calls(site: &Site, page: &Page<'_>, now: Timestamp) -> Value {
    let after = size(page.asked, "after").map_or(0, |number| number as u64);
    let log = site.log();
    let found: Vec<_> = log
        .newest_first()
        .take_while(|call| call.number > after)
        .filter(|call| page.finds(&[&call.path, &call.method, call.code.as_deref().unwrap_or_default()]))
        .collect();
    let rows = found.iter().skip(page.offset).take(page.limit).map(|call| json!(call));
    page.answer(now, found.len(), rows)
}

fn title(alma: &Alma, mms: Id) -> &str {
    alma.bibs.get(&mms).map_or("", |bib| bib.title.as_str())
}

fn barcode<'a>(alma: &'a Alma, request: &Request) -> &'a str {
    let pid = request.item.or(request.asked);
    pid.and_then(|pid| alma.items.get(&pid)).map_or("", |item| item.barcode.as_str())
}
