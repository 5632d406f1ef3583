//! The staff desk: a page per institution where a person does what staff do, and sees what is there.
//!
//! The page is a static file; it shows `GET /sim/{INST}/board` and acts by the control surface, as anybody may.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::ApiAnswer;
use crate::clock::{date, moment, second};
use crate::sim::Sim;
use crate::staff::Staff;
use crate::state::Alma;
use crate::state::model::{Id, Item};
use crate::state::users::{code_of, text_of};

/// Most rows of each list.
const ROWS: usize = 50;
/// In larger catalogues a search by words would take too long; barcodes are found all the same.
const SEARCHED: usize = 50_000;

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("desk.js");
const STYLE: &str = include_str!("desk.css");

/// The page's files: `path` is what follows `/sim`.
pub(crate) fn file(path: &str) -> Option<ApiAnswer> {
    let html = |text: &str| ApiAnswer::new(200, "text/html;charset=utf-8", text);
    let mut answer = match path.trim_matches('/') {
        "" => html(PAGE),
        "desk.js" => ApiAnswer::new(200, "text/javascript;charset=utf-8", SCRIPT),
        "desk.css" => ApiAnswer::new(200, "text/css;charset=utf-8", STYLE),
        other => match other.split_once('/') {
            Some(("desk", institution)) if !institution.contains('/') => html(PAGE),
            _ => return None,
        },
    };
    let policy =
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    answer.headers.push(("content-security-policy", policy.to_owned()));
    answer.headers.push(("cache-control", "no-cache".to_owned()));
    Some(answer)
}

/// What the page shows: everything that is under way, what a search finds, and the last calls.
pub(crate) fn board(sim: &Sim, staff: &Staff, search: &str) -> Value {
    let mut board = staff.look(|alma| {
        let found = search_items(alma, search);
        json!({
            "institution": alma.code, "name": alma.name, "now": moment(alma.now),
            "libraries": alma.libraries.iter().map(|library| json!({
                "code": library.code, "name": library.name,
                "desks": library.desks.iter().map(|desk| json!({"code": desk.code, "name": desk.name})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "items": found.iter().filter_map(|pid| alma.items.get(pid)).map(|item| item_row(alma, item)).collect::<Vec<_>>(),
            "requests": requests(alma), "loans": loans(alma), "users": users(alma, search),
        })
    });
    board["calls"] = calls(sim, staff);
    board
}

/// Items under way first; then those that the search finds, or the first of the catalogue.
fn search_items(alma: &Alma, search: &str) -> Vec<Id> {
    let search = search.trim().to_lowercase();
    let mut found: Vec<Id> = alma.find_barcode(&search).into_iter().collect();
    if search.is_empty() {
        let asked = alma.active().filter_map(|request| request.item.or(request.asked));
        let lent = alma.loans.values().filter(|loan| loan.returned.is_none()).map(|loan| loan.item);
        let under_way: BTreeSet<Id> = asked.chain(lent).collect();
        found.extend(under_way.iter().take(ROWS));
    }
    if alma.items.len() <= SEARCHED {
        let mut rest: Vec<&Item> = alma.items.values().filter(|item| matches(alma, item, &search)).collect();
        rest.sort_by_key(|item| (item.in_place(), item.pid));
        for item in rest {
            if found.len() >= ROWS {
                break;
            }
            if !found.contains(&item.pid) {
                found.push(item.pid);
            }
        }
    }
    found
}

fn matches(alma: &Alma, item: &Item, search: &str) -> bool {
    let title = alma.bibs.get(&item.mms).map(|bib| bib.title.to_lowercase()).unwrap_or_default();
    search.is_empty() || item.barcode.to_lowercase().contains(search) || title.contains(search)
}

fn item_row(alma: &Alma, item: &Item) -> Value {
    let (library, location) = alma.place_of(item);
    json!({
        "barcode": item.barcode, "title": alma.bibs.get(&item.mms).map(|bib| &bib.title), "library": library,
        "location": location, "process": item.process.code(),
        "destination": item.transit_to.as_ref().map(|stop| &stop.library),
        "queue": alma.queue_of(item.pid).len(), "on_loan": item.loan.is_some(),
    })
}

fn requests(alma: &Alma) -> Vec<Value> {
    let holds = alma.active().filter(|request| request.is_hold());
    holds
        .take(ROWS)
        .map(|request| {
            let item = request.item.or(request.asked).and_then(|pid| alma.items.get(&pid));
            json!({
                "id": request.id.to_string(), "user": request.primary_id, "barcode": item.map(|item| &item.barcode),
                "title": alma.bibs.get(&request.mms).map(|bib| &bib.title), "pickup": request.pickup.library,
                "status": request.status.code(), "until": request.expiry.map(date), "comment": request.comment,
            })
        })
        .collect()
}

fn loans(alma: &Alma) -> Vec<Value> {
    let mut active: Vec<_> = alma.loans.values().filter(|loan| loan.returned.is_none()).collect();
    active.sort_by_key(|loan| loan.id);
    let row = |loan: &&crate::state::model::Loan| {
        json!({
            "barcode": loan.barcode, "user": loan.primary_id, "due": second(loan.due), "status": loan.process_status,
            "title": alma.bibs.get(&loan.mms).map(|bib| &bib.title), "overdue": loan.due < alma.now,
        })
    };
    active.iter().take(ROWS).map(row).collect()
}

fn users(alma: &Alma, search: &str) -> Vec<Value> {
    let search = search.trim().to_lowercase();
    let mut all: Vec<_> = alma.users.values().collect();
    all.sort_by(|left, right| left.primary_id().cmp(right.primary_id()));
    let named = |user: &&crate::state::model::UserEntry| {
        search.is_empty() || user.primary_id().to_lowercase().contains(&search)
    };
    let row = |user: &crate::state::model::UserEntry| {
        let data = &user.data;
        json!({
            "id": user.primary_id(), "name": format!("{} {}", text_of(data, "first_name"), text_of(data, "last_name")),
            "group": code_of(data, "user_group"), "status": code_of(data, "status"),
            "blocked": data.get("user_block").and_then(Value::as_array).is_some_and(|blocks| !blocks.is_empty()),
            "loans": user.loans.len(), "requests": user.requests.len(),
        })
    };
    let chosen = all.iter().copied().filter(named);
    // Where the search is for an item, the users stay in sight.
    let mut rows: Vec<Value> = chosen.take(ROWS).map(row).collect();
    if rows.is_empty() {
        rows = all.iter().copied().take(ROWS).map(row).collect();
    }
    rows
}

fn calls(sim: &Sim, staff: &Staff) -> Value {
    let Ok(site) = sim.site(staff.institution()) else { return json!([]) };
    let gateway = site.gateway();
    let rows = gateway.log.iter().rev().take(ROWS);
    rows.map(|row| json!({"at": moment(row.at), "method": row.method, "path": row.path, "status": row.status}))
        .collect()
}
