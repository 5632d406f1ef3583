//! The resources in the API's JSON shape. XML is written from the same values.

use serde_json::{Map, Value, json};

use crate::clock::{date, moment, second};
use crate::record::Record;
use crate::state::Alma;
use crate::state::model::{Bib, Holding, Item, Loan, Process, Request, RequestStatus, UserEntry};
use crate::state::users::{code_of, text_of};

/// A coded value with its text from a table.
pub(crate) fn coded(alma: &Alma, table: &str, code: &str) -> Value {
    if code.is_empty() {
        return json!({"value": "", "desc": null});
    }
    json!({"value": code, "desc": alma.describe(table, code)})
}

/// `Last, First`.
pub(crate) fn sort_name(user: &Map<String, Value>) -> String {
    format!("{}, {}", text_of(user, "last_name"), text_of(user, "first_name"))
}

fn encode(segment: &str) -> String {
    percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// What `expand` adds to a bib.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BibExtras {
    pub(crate) availability: bool,
    pub(crate) requests: bool,
}

/// A bib. `base` is the address of the server, empty for relative links.
pub(crate) fn bib(alma: &Alma, bib: &Bib, base: &str, extras: BibExtras) -> Value {
    let link = format!("{base}/almaws/v1/bibs/{}", bib.mms);
    let mut xml = bib.xml.0.to_string();
    if extras.availability
        && let Ok(mut record) = Record::from_xml(&xml)
    {
        record.data.extend(alma.availability(bib));
        xml = record.to_xml();
    }
    let holds = bib.requests.iter().filter(|id| alma.requests.get(id).is_some_and(Request::is_hold)).count();
    json!({
        "mms_id": bib.mms.to_string(), "record_format": "marc21", "linked_record_id": {"value": null, "type": null},
        "title": bib.title, "author": bib.author, "issn": bib.issn, "isbn": bib.isbn, "complete_edition": null,
        "network_number": bib.network_numbers, "place_of_publication": bib.place, "date_of_publication": bib.year,
        "publisher_const": bib.publisher, "holdings": {"value": null, "link": format!("{link}/holdings")},
        "created_by": "System", "created_date": date(bib.created), "last_modified_by": "System",
        "last_modified_date": date(bib.modified), "suppress_from_publishing": flag(bib.suppressed),
        "suppress_from_external_search": "false", "sync_with_oclc": "NONE", "sync_with_libraries_australia": "NONE",
        "originating_system": "ILS", "originating_system_id": null,
        "cataloging_level": {"value": "00", "desc": "Default Level"},
        "requests": if extras.requests { json!({"value": holds, "link": format!("{link}/requests")}) } else { Value::Null },
        "link": null,
        "anies": [format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{xml}")],
    })
}

pub(crate) fn bib_data(bib: &Bib, base: &str) -> Value {
    json!({
        "mms_id": bib.mms.to_string(), "bib_suppress_from_publishing": flag(bib.suppressed), "title": bib.title,
        "author": bib.author, "issn": bib.issn, "isbn": bib.isbn, "complete_edition": "",
        "network_number": bib.network_numbers, "place_of_publication": bib.place, "date_of_publication": bib.year,
        "publisher_const": bib.publisher, "link": format!("{base}/almaws/v1/bibs/{}", bib.mms),
    })
}

fn holding_link(holding: &Holding, base: &str) -> String {
    format!("{base}/almaws/v1/bibs/{}/holdings/{}", holding.mms, holding.id)
}

/// A row of the holdings list.
pub(crate) fn holding_row(alma: &Alma, holding: &Holding, base: &str) -> Value {
    json!({
        "holding_id": holding.id.to_string(),
        "library": {"value": holding.library, "desc": alma.library_name(&holding.library)},
        "location": {"value": holding.location, "desc": alma.location_name(&holding.library, &holding.location)},
        "call_number": holding.call_number, "accession_number": "",
        "suppress_from_publishing": flag(holding.suppressed), "link": holding_link(holding, base),
    })
}

/// A holdings record.
pub(crate) fn holding(alma: &Alma, holding: &Holding) -> Value {
    let location = alma.library(&holding.library).and_then(|library| library.find_location(&holding.location));
    let hidden = holding.suppressed || location.is_some_and(|location| location.suppressed);
    json!({
        "holding_id": holding.id.to_string(), "created_by": "System", "created_date": date(holding.created),
        "last_modified_by": "System", "last_modified_date": date(holding.modified),
        "suppress_from_publishing": flag(holding.suppressed), "calculated_suppress_from_publishing": flag(hidden),
        "anies": [format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{}", holding.xml)],
    })
}

const EMPTY_TEXTS: &[&str] = &[
    "po_line",
    "year_of_issue",
    "enumeration_a",
    "enumeration_b",
    "enumeration_c",
    "enumeration_d",
    "enumeration_e",
    "enumeration_f",
    "enumeration_g",
    "enumeration_h",
    "chronology_i",
    "chronology_j",
    "chronology_k",
    "chronology_l",
    "chronology_m",
    "description",
    "inventory_number",
    "inventory_price",
    "alternative_call_number",
    "storage_location_id",
    "pages",
    "pieces",
    "public_note",
    "fulfillment_note",
    "internal_note_1",
    "internal_note_2",
    "internal_note_3",
    "statistics_note_1",
    "statistics_note_2",
    "statistics_note_3",
];

/// An item with its bib and holding data.
pub(crate) fn item(alma: &Alma, item: &Item, base: &str) -> Value {
    let (library, location) = alma.place_of(item);
    let holding = alma.holdings.get(&item.holding);
    let requested = !alma.queue_of(item.pid).is_empty() || item.reshelving_request.is_some();
    let process = match (alma.behaviour.requested_process_type, item.process, requested) {
        (true, Process::None, true) => "REQUESTED",
        (_, process, _) => process.code(),
    };
    let base_status = if item.in_place() { ("1", "Item in place") } else { ("0", "Item not in place") };
    let mut data = json!({
        "pid": item.pid.to_string(), "barcode": item.barcode, "creation_date": date(item.created),
        "modification_date": date(item.modified), "base_status": {"value": base_status.0, "desc": base_status.1},
        "awaiting_reshelving": item.awaiting_reshelving,
        "physical_material_type": coded(alma, "PhysicalMaterialType", &item.material),
        "policy": coded(alma, "ItemPolicy", &item.policy), "provenance": {"value": "", "desc": null},
        "is_magnetic": false, "arrival_date": date(item.created), "receiving_operator": "System",
        "process_type": coded(alma, "PROCESSTYPE", process),
        "library": {"value": library, "desc": alma.library_name(&library)},
        "location": {"value": location, "desc": alma.location_name(&library, &location)},
        "alternative_call_number_type": {"value": "", "desc": null}, "requested": requested, "edition": null,
        "imprint": null, "language": null, "physical_condition": {"value": null, "desc": null},
    });
    if let Some(fields) = data.as_object_mut() {
        if let Some((kind, department)) = &item.work_order {
            fields.insert("work_order_type".to_owned(), json!({"value": kind, "desc": kind}));
            fields.insert("work_order_at".to_owned(), json!({"value": department, "desc": department}));
        }
        for key in EMPTY_TEXTS {
            fields.entry(*key).or_insert_with(|| json!(""));
        }
        for (key, value) in item.extra.iter().filter(|(key, _)| *key != "copy_id") {
            fields.insert(key.clone(), value.clone());
        }
    }
    let link = holding.map(|holding| holding_link(holding, base)).unwrap_or_default();
    json!({
        "bib_data": alma.bibs.get(&item.mms).map(|bib| bib_data(bib, base)),
        "holding_data": holding_data(alma, item, holding, &link),
        "item_data": data,
        "link": format!("{link}/items/{}", item.pid),
    })
}

fn holding_data(alma: &Alma, item: &Item, holding: Option<&Holding>, link: &str) -> Value {
    let Some(holding) = holding else { return Value::Null };
    let place = |code: Option<&String>, name: Option<String>| json!({"value": code, "desc": name});
    let away = item.temporary.as_ref();
    let kind = if holding.call_number_type == "0" { "Library of Congress classification" } else { "Other scheme" };
    json!({
        "holding_id": holding.id.to_string(), "holding_suppress_from_publishing": flag(holding.suppressed),
        "calculated_suppress_from_publishing": flag(holding.suppressed),
        "call_number_type": {"value": holding.call_number_type, "desc": kind}, "call_number": holding.call_number,
        "accession_number": "", "copy_id": item.extra.get("copy_id").cloned().unwrap_or_else(|| json!("")),
        "in_temp_location": away.is_some(),
        "temp_library": place(away.map(|(library, _)| library), away.map(|(library, _)| alma.library_name(library))),
        "temp_location": place(
            away.map(|(_, location)| location),
            away.map(|(library, location)| alma.location_name(library, location))
        ),
        "temp_call_number_type": {"value": "", "desc": null}, "temp_call_number": "",
        "temp_policy": {"value": "", "desc": null}, "link": link,
    })
}

/// A request. Title-level ones have no item until one is taken.
pub(crate) fn request(alma: &Alma, request: &Request) -> Value {
    let bib = alma.bibs.get(&request.mms);
    let item = request.item.or(request.asked).and_then(|pid| alma.items.get(&pid));
    let managed = item.map(|item| alma.place_of(item).0).unwrap_or_default();
    let desk = alma.library(&managed).and_then(|library| library.desks.first());
    let mut out = json!({
        "title": bib.map(|bib| bib.title.clone()), "author": bib.and_then(|bib| bib.author.clone()),
        "description": request.description, "comment": request.comment, "volume": "", "issue": "", "part": "",
        "user_primary_id": request.primary_id, "request_id": request.id.to_string(), "additional_id": "",
        "request_type": request.kind,
        "request_sub_type": {"value": request.sub_type, "desc": sub_type_text(&request.sub_type)},
        "mms_id": request.mms.to_string(),
        "pickup_location": alma.library_name(&request.pickup.library),
        "pickup_location_type": request.pickup.kind, "pickup_location_library": request.pickup.library,
        "material_type": if request.material_type.is_empty() { json!({}) } else {
            coded(alma, "PhysicalMaterialType", &request.material_type) },
        "date_of_publication": bib.and_then(|bib| bib.year.clone()),
        "place_in_queue": alma.place_in_queue(request),
        "request_status": request.status.code(), "request_date": date(request.placed),
        "request_time": moment(request.placed),
    });
    let Some(fields) = out.as_object_mut() else { return out };
    let mut set = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    if let Some(desk) = &request.pickup.desk {
        set("pickup_location_circulation_desk", json!(desk));
    }
    if let Some(item) = item {
        set("holding_id", json!(item.holding.to_string()));
        set("item_id", json!(item.pid.to_string()));
        set("barcode", json!(item.barcode));
        set("managed_by_library", json!(alma.library_name(&managed)));
        set("managed_by_library_code", json!(managed));
    } else {
        set("barcode", Value::Null);
    }
    if let Some(desk) = desk {
        set("managed_by_circulation_desk", json!(desk.name));
        set("managed_by_circulation_desk_code", json!(desk.code));
    }
    let in_transit = item.is_some_and(|item| item.process == Process::Transit);
    match request.status {
        RequestStatus::InProcess if in_transit => set("task_name", json!("Transit Item")),
        RequestStatus::OnHoldShelf => set("task_name", json!("On Hold Shelf")),
        _ => set("task_name", json!("Pickup From Shelf")),
    };
    if let Some(at) = request.expiry {
        set("expiry_date", json!(date(at)));
    }
    if let Some(at) = request.last_interest {
        set("last_interest_date", json!(date(at)));
    }
    out
}

fn sub_type_text(code: &str) -> &str {
    match code {
        "PATRON_PHYSICAL" => "Patron physical item request",
        "TRANSIT_FOR_RESHELVING" => "Transit for reshelving",
        other => other,
    }
}

/// A loan. `renewable` is known only when it was asked for.
pub(crate) fn loan(alma: &Alma, loan: &Loan, with_renewable: bool) -> Value {
    let bib = alma.bibs.get(&loan.mms);
    let item = alma.items.get(&loan.item);
    let holding = alma.holdings.get(&loan.holding);
    let (library, location) = item.map(|item| alma.place_of(item)).unwrap_or_default();
    let desk = |library: &str, code: &str| json!({"value": code, "desc": alma.desk(library, code).map(|desk| desk.name.clone())});
    let back = loan.return_desk.as_ref();
    let policy = item.map_or("", |item| item.policy.as_str());
    let mut out = json!({
        "loan_id": loan.id.to_string(), "circ_desk": desk(&loan.library, &loan.desk),
        "return_circ_desk": back.map_or(json!({"value": null, "desc": null}), |(library, code)| desk(library, code)),
        "library": {"value": loan.library, "desc": alma.library_name(&loan.library)},
        "user_id": loan.primary_id, "item_barcode": loan.barcode, "due_date": second(loan.due),
        "loan_status": if loan.returned.is_some() { "COMPLETE" } else { "ACTIVE" }, "loan_date": moment(loan.lent),
        "returned_by": {"value": null, "desc": null}, "process_status": loan.process_status,
        "mms_id": loan.mms.to_string(), "holding_id": loan.holding.to_string(), "item_id": loan.item.to_string(),
        "title": bib.map(|bib| bib.title.clone()), "author": bib.and_then(|bib| bib.author.clone()),
        "description": item.and_then(|item| item.extra.get("description").cloned()),
        "publication_year": bib.and_then(|bib| bib.year.clone()),
        "location_code": {"value": location, "name": alma.location_name(&library, &location)},
        "item_policy": {"value": policy, "description": alma.describe("ItemPolicy", policy)},
        "call_number": holding.map(|holding| holding.call_number.clone()),
        "renewable": if with_renewable { json!(!alma.renewal_refused(loan)) } else { Value::Null },
    });
    let Some(fields) = out.as_object_mut() else { return out };
    if let Some(at) = loan.renewed {
        fields.insert("last_renew_date".to_owned(), json!(moment(at)));
        let status = json!({"value": "RENEWED_SUCCESSFULLY", "desc": "Renewed Successfully"});
        fields.insert("last_renew_status".to_owned(), status);
    }
    if let Some(at) = loan.returned {
        fields.insert("return_date".to_owned(), json!(moment(at)));
    }
    if let Some(id) = loan.request {
        fields.insert("request_id".to_owned(), json!({"value": id.to_string()}));
    }
    out
}

/// The keys every user object has, empty.
fn empty_user() -> Map<String, Value> {
    let none = || json!({"value": "", "desc": ""});
    let value = json!({
        "record_type": none(), "primary_id": "", "first_name": "", "middle_name": "", "last_name": "",
        "full_name": "", "pin_number": "", "user_title": none(), "job_category": none(), "job_description": "",
        "gender": none(), "user_group": none(), "campus_code": none(), "web_site_url": "",
        "cataloger_level": {"value": "00", "desc": "[00] Default Level (00)"}, "preferred_language": none(),
        "account_type": none(), "external_id": "", "password": "", "force_password_change": "",
        "status": none(), "requests": null, "loans": null, "fees": null,
        "contact_info": {"address": [], "email": [], "phone": []}, "pref_first_name": "", "pref_middle_name": "",
        "pref_last_name": "", "pref_name_suffix": "", "user_identifier": [], "user_role": [], "user_block": [],
        "user_note": [], "user_statistic": [], "proxy_for_user": [], "rs_library": [], "library_notice": [],
        "is_researcher": false, "link": null,
    });
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Gives coded values that no table of ours explains a text: the code itself, and the name of the patron role.
fn describe_plainly(value: &mut Value) {
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(describe_plainly),
        Value::Object(fields) => {
            if let (Some(code), false) = (fields.get("value").cloned(), fields.contains_key("desc"))
                && fields.len() == 1
            {
                let text = if code == "200" { json!("Patron") } else { code };
                fields.insert("desc".to_owned(), text);
            }
            fields.values_mut().for_each(describe_plainly);
        }
        _ => {}
    }
}

/// A user. `expand` names the counters to fill.
pub(crate) fn user(alma: &Alma, user: &UserEntry, base: &str, expand: &str) -> Value {
    let mut out = empty_user();
    for (key, value) in user.data.iter().filter(|(_, value)| !value.is_null()) {
        if key == "contact_info" {
            if let (Some(all), Some(given)) = (out.get_mut(key).and_then(Value::as_object_mut), value.as_object()) {
                all.extend(given.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        } else {
            out.insert(key.clone(), value.clone());
        }
    }
    let data = &user.data;
    let full_name = format!("{} {}", text_of(data, "first_name"), text_of(data, "last_name"));
    out.insert("full_name".to_owned(), json!(full_name.trim()));
    let tables = [
        ("record_type", "RecordType"),
        ("user_group", "UserGroups"),
        ("account_type", "AccountType"),
        ("status", "ContentStructureStatus"),
        ("preferred_language", "Languages"),
    ];
    for (key, table) in tables {
        out.insert(key.to_owned(), coded(alma, table, code_of(data, key)));
    }
    let mut describe = |list: &str, key: &str, table: &str| {
        for row in out.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let code = row[key]["value"].as_str().unwrap_or_default().to_owned();
            if row.is_object() {
                row[key] = coded(alma, table, &code);
            }
        }
    };
    describe("user_identifier", "id_type", "UserIdentifierTypes");
    describe("user_block", "block_type", "UserBlockTypes");
    describe("user_block", "block_description", "UserBlockDescription");
    out.values_mut().for_each(describe_plainly);
    let link = format!("{base}/almaws/v1/users/{}", encode(user.primary_id()));
    let owed = if expand.contains("fees") { money(alma.owed(user.key)) } else { Value::Null };
    let counters = [("loans", json!(user.loans.len())), ("requests", json!(user.requests.len())), ("fees", owed)];
    for (key, count) in counters {
        let wanted = expand.split(',').any(|each| each.trim() == key);
        let value = if wanted { json!({"value": count, "link": format!("{link}/{key}")}) } else { Value::Null };
        out.insert(key.to_owned(), value);
    }
    out.insert("password".to_owned(), json!(""));
    Value::Object(out)
}

/// Cents as Alma writes money: a number with two places at most.
#[expect(clippy::cast_precision_loss, reason = "52 bits hold any fee")]
pub(crate) fn money(cents: i64) -> Value {
    json!(cents as f64 / 100.0)
}

/// A row of the user list.
pub(crate) fn user_row(alma: &Alma, user: &UserEntry, base: &str) -> Value {
    let data = &user.data;
    json!({
        "primary_id": user.primary_id(), "first_name": text_of(data, "first_name"),
        "last_name": text_of(data, "last_name"), "gender": {"value": "", "desc": ""}, "password": "",
        "status": coded(alma, "ContentStructureStatus", code_of(data, "status")),
        "requests": null, "loans": null, "fees": null,
        "link": format!("{base}/almaws/v1/users/{}", encode(user.primary_id())),
    })
}
