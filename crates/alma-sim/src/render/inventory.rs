//! Holdings and items.

use super::{bib_data, coded, flag, library, no_code};
use crate::clock::date;
use crate::shape::{Shape, fields};
use crate::state::Alma;
use crate::state::model::{Holding, Item, Process};

fn holding_link(holding: &Holding, base: &str) -> String {
    format!("{base}/almaws/v1/bibs/{}/holdings/{}", holding.mms, holding.id)
}

/// A row of the holdings list.
pub(crate) fn holding_row<'a>(alma: &'a Alma, holding: &'a Holding, base: &str) -> Shape<'a> {
    let location = alma.location_name(&holding.library, &holding.location);
    fields! {
        "holding_id": holding.id, "library": library(alma, &holding.library),
        "location": Shape::Code(&holding.location, Some(location)),
        "call_number": &holding.call_number, "accession_number": "",
        "suppress_from_publishing": flag(holding.suppressed), "link": holding_link(holding, base),
    }
}

/// A holdings record.
pub(crate) fn holding<'a>(alma: &'a Alma, holding: &'a Holding) -> Shape<'a> {
    let location = alma.library(&holding.library).and_then(|library| library.find_location(&holding.location));
    let hidden = holding.suppressed || location.is_some_and(|location| location.suppressed);
    let record = format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{}", holding.xml);
    fields! {
        "holding_id": holding.id, "created_by": "System", "created_date": date(holding.created),
        "last_modified_by": "System", "last_modified_date": date(holding.modified),
        "suppress_from_publishing": flag(holding.suppressed), "calculated_suppress_from_publishing": flag(hidden),
        "anies": vec![Shape::from(record)],
    }
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
pub(crate) fn item<'a>(alma: &'a Alma, item: &'a Item, base: &str) -> Shape<'a> {
    let holding = alma.holdings.get(&item.holding);
    let link = holding.map(|holding| holding_link(holding, base)).unwrap_or_default();
    let own = format!("{link}/items/{}", item.pid);
    fields! {
        "bib_data": alma.bibs.get(&item.mms).map(|bib| bib_data(bib, base)),
        "holding_data": holding.map(|holding| holding_data(alma, item, holding, link)),
        "item_data": item_data(alma, item),
        "link": own,
    }
}

fn item_data<'a>(alma: &'a Alma, item: &'a Item) -> Shape<'a> {
    let (home, location) = alma.place_of(item);
    let requested = alma.is_queued(item) || item.reshelving_request.is_some();
    let process = match (alma.behaviour.requested_process_type, item.process, requested) {
        (true, Process::None, true) => "REQUESTED",
        (_, process, _) => process.code(),
    };
    let base_status = if item.in_place() { ("1", "Item in place") } else { ("0", "Item not in place") };
    let mut data = fields! {
        "pid": item.pid, "barcode": &item.barcode, "creation_date": date(item.created),
        "modification_date": date(item.modified),
        "base_status": Shape::Code(base_status.0, Some(base_status.1)),
        "awaiting_reshelving": item.awaiting_reshelving,
        "physical_material_type": coded(alma, "PhysicalMaterialType", &item.material),
        "policy": coded(alma, "ItemPolicy", &item.policy), "provenance": no_code(),
        "is_magnetic": false, "arrival_date": date(item.created), "receiving_operator": "System",
        "process_type": coded(alma, "PROCESSTYPE", process), "library": library(alma, home),
        "location": Shape::Code(location, Some(alma.location_name(home, location))),
        "alternative_call_number_type": no_code(), "requested": requested, "edition": Shape::Null,
        "imprint": Shape::Null, "language": Shape::Null,
        "physical_condition": fields! {"value": Shape::Null, "desc": Shape::Null},
    };
    if let Some((kind, department)) = &item.work_order {
        data.set("work_order_type", Shape::Code(kind, Some(kind)));
        data.set("work_order_at", Shape::Code(department, Some(department)));
    }
    if let Shape::Fields(fields) = &mut data {
        let missing = EMPTY_TEXTS.iter().filter(|key| !item.extra.contains_key(**key));
        fields.extend(missing.map(|key| (*key, Shape::from(""))));
    }
    for (key, value) in item.extra.iter().filter(|(key, _)| *key != "copy_id") {
        data.set(key, value);
    }
    data
}

fn holding_data<'a>(alma: &'a Alma, item: &'a Item, holding: &'a Holding, link: String) -> Shape<'a> {
    let away = item.temporary.as_ref();
    let kind = if holding.call_number_type == "0" { "Library of Congress classification" } else { "Other scheme" };
    let copy = item.extra.get("copy_id").map_or(Shape::from(""), Shape::from);
    fields! {
        "holding_id": holding.id, "holding_suppress_from_publishing": flag(holding.suppressed),
        "calculated_suppress_from_publishing": flag(holding.suppressed),
        "call_number_type": Shape::Code(&holding.call_number_type, Some(kind)),
        "call_number": &holding.call_number, "accession_number": "", "copy_id": copy, "in_temp_location": away.is_some(),
        "temp_library": fields! {
            "value": away.map(|(library, _)| library),
            "desc": away.map(|(library, _)| alma.library_name(library)),
        },
        "temp_location": fields! {
            "value": away.map(|(_, location)| location),
            "desc": away.map(|(library, location)| alma.location_name(library, location)),
        },
        "temp_call_number_type": no_code(), "temp_call_number": "", "temp_policy": no_code(), "link": link,
    }
}
