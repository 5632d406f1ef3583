//! Items: by path, by barcode, lists, creation, replacement, deletion, scan-in.

use serde_json::Value;

use super::holdings::leftover;
use super::{Answer, Call, Reply};
use crate::clock::{read_time, second};
use crate::refusal::Refusal;
use crate::render;
use crate::shape::Shape;
use crate::state::Alma;
use crate::state::inventory::Leftover;
use crate::state::model::{Id, Item};
use crate::state::scan::Scan;

/// Finds the item that a path names, if every segment of the path is correct. Requests, loans and scans need that; a
/// read does not.
pub(super) fn true_item(alma: &Alma, call: &Call<'_>, wrong: fn() -> Refusal) -> Result<Id, Refusal> {
    let mms = super::bibs::find(alma, call.param(0))?;
    let item = call.id(2).and_then(|pid| alma.items.get(&pid)).filter(|item| item.mms == mms);
    let item = item.filter(|item| call.id(1) == Some(item.holding));
    item.map(|item| item.pid).ok_or_else(wrong)
}

/// Finds the item that a path names, whatever its holding segment is. A volume in which several titles are bound is
/// found under each of them; the answer has its own title and holding (Alma's online help, "Boundwith records").
fn any_item(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let mms = super::bibs::find(alma, call.param(0))?;
    let item = call.id(2).and_then(|pid| alma.items.get(&pid));
    let item = item.filter(|item| item.mms == mms || item.bound_with.contains(&mms));
    item.map(|item| item.pid).ok_or_else(|| {
        let (mms, pid) = (call.param(0), call.param(2));
        Refusal::new("401683", format!("No items can be found for mms ID {mms} and item PID {pid}."))
    })
}

fn shape<'a>(alma: &'a Alma, item: &'a Item, call: &Call<'_>) -> Shape<'a> {
    let mut shape = render::item(alma, item, call.base());
    let expand = call.query("expand").unwrap_or_default();
    let wants = |key: &str| expand.split(',').any(|each| each.trim() == key);
    let Some(data) = shape.field("item_data") else { return shape };
    if wants("due_date")
        && let Some(loan) = item.loan.and_then(|id| alma.loans.get(&id))
    {
        data.set("due_date", second(loan.due));
    }
    if wants("due_date_policy") {
        let days = alma.behaviour.loan_days(&item.policy);
        let lendable = !alma.behaviour.rules.policies_without_loans.contains(&item.policy);
        let text = if lendable { format!("Loanable: {days} Days") } else { "Non-loanable".to_owned() };
        data.set("due_date_policy", text);
    }
    shape
}

fn one(alma: &Alma, pid: Id, call: &Call<'_>) -> Answer {
    let item = alma.items.get(&pid).ok_or_else(Refusal::general)?;
    Ok(call.resource("item", &shape(alma, item, call)))
}

pub(super) fn get(alma: &mut Alma, call: &Call<'_>) -> Answer {
    one(alma, any_item(alma, call)?, call)
}

/// Redirects (302) to the item's own address on the host that the caller used. The key is not added. A caller who sent
/// the key in the query keeps the query, since it has no header to send again.
pub(super) fn by_barcode(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let barcode = call.query("item_barcode").ok_or_else(|| Refusal::missing("item_barcode"))?;
    if barcode.trim().is_empty() {
        return Err(Refusal::new("401690", "Item barcode is not legal."));
    }
    let pid = alma.find_barcode(barcode).ok_or_else(|| Refusal::no_barcode(barcode))?;
    let item = alma.items.get(&pid).ok_or_else(Refusal::general)?;
    let base = if alma.behaviour.relative_redirect { "" } else { call.base() };
    let path = format!("{base}/almaws/v1/bibs/{}/holdings/{}/items/{pid}", item.mms, item.holding);
    let kept: Vec<&str> =
        call.raw.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("item_barcode=")).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Ok(Reply::Redirect(path + &query))
}

type DateOf = fn(&Item) -> Option<jiff::Timestamp>;

/// Date windows of the item list: the parameter, and the date that it compares. An item without the date is in no
/// window.
const WINDOWS: &[(&str, DateOf)] = &[
    ("create_date", |item| Some(item.created)),
    ("modify_date", |item| Some(item.modified)),
    ("receive_date", |item| Some(arrived(item))),
    ("expected_receive_date", |item| written_date(item, "expected_arrival_date")),
];

fn written_date(item: &Item, field: &str) -> Option<jiff::Timestamp> {
    item.extra.get(field).and_then(Value::as_str).and_then(|text| read_time(text, false))
}

/// An item arrives when it is made, unless its record says otherwise.
fn arrived(item: &Item) -> jiff::Timestamp {
    written_date(item, "arrival_date").unwrap_or(item.created)
}

/// The fields by which the item list can be searched.
const SEARCHED: &[&str] = &["enum_a", "enum_b", "chron_i", "chron_j", "description"];

/// Terms of `q`: `field~text`, several with AND; an underscore stands for a blank.
fn terms(query: &str) -> Result<Vec<(&str, String)>, Refusal> {
    let wrong = || Refusal::new("60106", "Invalid query format.");
    let term = |text: &'_ str| {
        let (field, words) = text.split_once('~').ok_or_else(wrong)?;
        let field = SEARCHED.iter().find(|each| each.eq_ignore_ascii_case(field.trim())).ok_or_else(wrong)?;
        Ok((*field, words.trim().to_lowercase().replace('_', " ")))
    };
    query.split(" AND ").map(term).collect()
}

const ORDERS: &[&str] = &[
    "none",
    "chron_i",
    "description",
    "enum_a",
    "enum_b",
    "enum_c",
    "library",
    "location",
    "temporary_location",
    "receive_date",
    "expected_receive_date",
];

pub(super) fn list_of_holding(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let mms = super::bibs::find(alma, call.param(0))?;
    if call.param(1) != "ALL" {
        super::holdings::find(alma, call).map_err(|_| {
            let (mms, holding) = (call.param(0), call.param(1));
            Refusal::new("401688", format!("Search failed for Items with mmsId {mms}, holdings id {holding}."))
        })?;
    }
    let order = call.query("order_by").unwrap_or("none");
    if !ORDERS.contains(&order) {
        return Err(Refusal::new("60216", "The ordering is not valid."));
    }
    let library = call.query("current_library");
    if library.is_some_and(|code| alma.library(code).is_none()) {
        return Err(Refusal::new("402469", "Current library is not valid."));
    }
    if call.query("current_location").is_some_and(|code| !alma.has_location(code)) {
        return Err(Refusal::new("60215", "Current location is not valid."));
    }
    let mut items: Vec<&Item> = alma
        .items_of(mms)
        .filter(|item| call.param(1) == "ALL" || call.id(1) == Some(item.holding))
        .filter(|item| library.is_none_or(|code| alma.place_of(item).0 == code))
        .filter(|item| call.query("current_location").is_none_or(|code| alma.place_of(item).1 == code))
        .collect();
    for (name, date) in WINDOWS {
        for (end, last) in [("from", false), ("to", true)] {
            let Some(text) = call.query(&format!("{name}_{end}")) else { continue };
            let bound = read_time(text, last);
            let bound = bound.ok_or_else(|| Refusal::new("402217", "Invalid date format for item filter."))?;
            items.retain(|item| date(item).is_some_and(|at| if last { at <= bound } else { at >= bound }));
        }
    }
    if let Some(query) = call.query("q") {
        let terms = terms(query)?;
        let has = |item: &Item, (field, text): &(&str, String)| {
            sort_text(alma, item, field).to_lowercase().replace('_', " ").contains(text)
        };
        items.retain(|item| alma.indexed(item.created) && terms.iter().all(|term| has(item, term)));
    }
    if order != "none" {
        items.sort_by_cached_key(|item| sort_text(alma, item, order));
        // Descending is the documented default of this list.
        if !call.query("direction").is_some_and(|direction| direction.eq_ignore_ascii_case("asc")) {
            items.reverse();
        }
    }
    if offset > 0 && offset > items.len() {
        return Err(Refusal::new("60217", "The offset is too large."));
    }
    let rows = items.iter().skip(offset).take(limit).map(|item| shape(alma, item, call)).collect();
    Ok(call.rows("items", "item", rows, items.len()))
}

fn sort_text(alma: &Alma, item: &Item, field: &str) -> String {
    let extra = |key: &str| item.extra.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match field {
        "description" => extra("description"),
        "chron_i" => extra("chronology_i"),
        "chron_j" => extra("chronology_j"),
        "enum_a" => extra("enumeration_a"),
        "enum_b" => extra("enumeration_b"),
        "enum_c" => extra("enumeration_c"),
        "library" => alma.place_of(item).0.to_owned(),
        "location" => alma.place_of(item).1.to_owned(),
        "temporary_location" => item.temporary.as_ref().map(|(_, location)| location.clone()).unwrap_or_default(),
        "receive_date" => second(arrived(item)),
        "expected_receive_date" => written_date(item, "expected_arrival_date").map(second).unwrap_or_default(),
        _ => String::new(),
    }
}

/// `generate_description`: `v.3:no.2 (1999)` of enumeration and chronology, in place of a description that is missing.
fn describe(call: &Call<'_>, body: &mut Value) {
    let Some(data) = body["item_data"].as_object() else { return };
    let part = |key: &str| data.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    if !call.flag("generate_description", false) || part("description").is_some() {
        return;
    }
    let enumeration = [("v.", "enumeration_a"), ("no.", "enumeration_b"), ("pt.", "enumeration_c")];
    let enumeration: Vec<String> =
        enumeration.iter().filter_map(|(label, key)| part(key).map(|text| format!("{label}{text}"))).collect();
    let chronology: Vec<&str> =
        ["chronology_i", "chronology_j", "chronology_k"].iter().filter_map(|key| part(key)).collect();
    let mut text = enumeration.join(":");
    if !chronology.is_empty() {
        text = format!("{text} ({})", chronology.join(":")).trim().to_owned();
    }
    body["item_data"]["description"] = serde_json::json!(text);
}

pub(super) fn create(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = super::bibs::find(alma, call.param(0))?;
    let holding = super::holdings::find(alma, call)?;
    let mut body = call.body()?;
    describe(call, &mut body);
    let pid = alma.create_item(mms, holding, &body)?;
    one(alma, pid, call)
}

pub(super) fn update(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let pid = any_item(alma, call)?;
    let mut body = call.body()?;
    describe(call, &mut body);
    alma.replace_item(pid, &body)?;
    one(alma, pid, call)
}

pub(super) fn delete(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let pid = any_item(alma, call)?;
    super::bibs::override_flag(call)?;
    let bib = match leftover(call, "bib")? {
        _ if alma.behaviour.item_deletion_leaves_bib => Leftover::Retain,
        asked => asked,
    };
    alma.delete_item(pid, leftover(call, "holdings")?, bib)?;
    Ok(Reply::NoContent)
}

/// `op=scan`. No body is read.
pub(super) fn scan(alma: &mut Alma, call: &Call<'_>) -> Answer {
    if !call.query("op").is_some_and(|op| op.eq_ignore_ascii_case("scan")) {
        return Err(Refusal::bad_parameter("op"));
    }
    let lost = || Refusal::new("402504", "Scan in has failed due to item retrieve issue.");
    let pid = if call.flag("external_id", false) {
        alma.find_barcode(call.param(2)).ok_or_else(lost)?
    } else {
        true_item(alma, call, lost)?
    };
    let text = |key: &str| call.query(key).map(str::to_owned);
    let scan = Scan {
        library: text("library").unwrap_or_default(),
        desk: text("circ_desk"),
        department: text("department"),
        request: call.query("request_id").and_then(|id| id.parse().ok()),
        place_on_hold_shelf: call.flag("place_on_hold_shelf", false),
        register_in_house_use: call.flag("register_in_house_use", true),
        work_order_type: text("work_order_type"),
        done: call.flag("done", false),
    };
    let result = alma.scan_in(pid, &scan)?;
    let item = alma.items.get(&pid).ok_or_else(lost)?;
    let mut shape = render::item(alma, item, call.base());
    if let Some(data) = shape.field("item_data") {
        data.set("requested", Shape::Null);
    }
    shape.set("additional_info", result.additional_info);
    Ok(call.resource("item", &shape))
}
