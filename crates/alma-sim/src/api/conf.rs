//! Configuration: libraries, locations, desks, code tables, general data, test calls.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, list};
use crate::institution::{Desk, Library, Location};
use crate::refusal::Refusal;
use crate::state::Alma;

/// What Alma answers for a code it does not have.
fn general_refusal() -> Refusal {
    Refusal::new("402119", "General error.")
}

pub(super) fn test(_: &mut Alma, _: &Call<'_>) -> Answer {
    Ok(Reply::Resource("test", json!({})))
}

pub(super) fn general(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let value = json!({
        "institution": {"value": alma.code, "desc": alma.name}, "environment_type": alma.environment,
        "alma_url": call.base(), "time_zone": "UTC",
    });
    Ok(Reply::Resource("general", value))
}

pub(super) fn departments(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let of_library = call.params.first();
    let rows: Vec<Value> = alma
        .departments
        .iter()
        .filter(|(_, _, library)| of_library.is_none_or(|code| code == library))
        .map(|(code, name, library)| {
            json!({"code": code, "name": name, "type": {"value": "TECH", "desc": "Technical"},
                "owner": {"value": library, "desc": alma.library_name(library)}})
        })
        .collect();
    let total = rows.len();
    Ok(list("departments", "department", rows, total))
}

pub(super) fn open_hours(alma: &mut Alma, call: &Call<'_>) -> Answer {
    if call.params.first().is_some_and(|code| alma.library(code).is_none()) {
        return Err(general_refusal());
    }
    let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let days: Vec<Value> = names
        .iter()
        .map(|day| json!({"day_of_week": {"value": day, "desc": day}, "hour": [{"from": "08:00", "to": "20:00"}]}))
        .collect();
    Ok(Reply::Resource("open_hours", json!({"day": days})))
}

pub(super) fn code_table(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let name = call.param(0);
    let table = alma.tables.get(name).ok_or_else(|| Refusal::bad_parameter(name))?;
    let rows: Vec<Value> = table
        .rows
        .iter()
        .map(|(code, text, enabled)| json!({"code": code, "description": text, "default": false, "enabled": enabled}))
        .collect();
    Ok(Reply::Resource(
        "code_table",
        json!({
            "name": table.name, "description": table.description,
            "sub_system": {"value": "FULFILLMENT", "desc": "Fulfillment"}, "patron_facing": false,
            "language": {"value": "en", "desc": "English"},
            "scope": {"institution_id": {"value": alma.code, "desc": alma.name}, "library_id": {"value": "", "desc": ""}},
            "row": rows,
        }),
    ))
}

fn library_value(alma: &Alma, at: usize, library: &Library, base: &str) -> Value {
    let link = format!("{base}/almaws/v1/conf/libraries/{}", library.code);
    json!({
        "link": link, "id": format!("{}{:04}", 100_000_000 + at, alma.suffix), "code": library.code,
        "path": format!("{}.{}", alma.code, library.code), "name": library.name, "description": "",
        "resource_sharing": library.resource_sharing, "campus": {"value": library.campus, "desc": null}, "proxy": "",
        "default_location": {"value": "", "desc": null},
        "number_of_locations": {"value": library.locations.len(), "link": format!("{link}/locations")},
        "number_of_circ_desks": {"value": library.desks.len(), "link": format!("{link}/circ-desks")},
    })
}

pub(super) fn libraries(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let all = alma.libraries.iter().enumerate();
    let rows: Vec<Value> = all.map(|(at, library)| library_value(alma, at, library, call.base())).collect();
    let total = rows.len();
    Ok(list("libraries", "library", rows, total))
}

fn find<'a>(alma: &'a Alma, call: &Call<'_>) -> Result<&'a Library, Refusal> {
    alma.library(call.param(0)).ok_or_else(general_refusal)
}

pub(super) fn library(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let library = find(alma, call)?;
    let at = alma.libraries.iter().position(|each| each.code == library.code).unwrap_or_default();
    Ok(Reply::Resource("library", library_value(alma, at, library, call.base())))
}

fn location_value(library: &Library, location: &Location, base: &str) -> Value {
    let link = format!("{base}/almaws/v1/conf/libraries/{}", library.code);
    let desks: Vec<Value> = library
        .desks
        .iter()
        .filter(|desk| desk.locations.contains(&location.code))
        .map(|desk| {
            json!({"link": format!("{link}/circ-desks/{}", desk.code), "circ_desk_code": desk.code,
                "circ_desk_name": desk.name, "check_in": true, "check_out": true, "reshelve": true})
        })
        .collect();
    let kind = match location.kind.as_str() {
        "OPEN" => "Open",
        "CLOSED" => "Closed",
        "REMOTE" => "Remote storage",
        _ => "Unavailable",
    };
    json!({
        "code": location.code, "name": location.name, "external_name": location.name,
        "type": {"value": location.kind, "desc": kind}, "remote_storage": "", "map": "",
        "suppress_from_publishing": if location.suppressed { "true" } else { "false" },
        "fulfillment_unit": {"value": location.fulfillment_unit, "desc": location.fulfillment_unit},
        "accession_placement": {"value": "none", "desc": "None"},
        "call_number_type": {"value": "0", "desc": "Library of Congress classification"},
        "circ_desk": desks, "link": format!("{link}/locations/{}", location.code),
    })
}

pub(super) fn locations(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let library = find(alma, call)?;
    let rows: Vec<Value> =
        library.locations.iter().map(|location| location_value(library, location, call.base())).collect();
    let total = rows.len();
    Ok(list("locations", "location", rows, total))
}

pub(super) fn location(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let library = find(alma, call)?;
    let location = library.find_location(call.param(1)).ok_or_else(general_refusal)?;
    Ok(Reply::Resource("location", location_value(library, location, call.base())))
}

fn desk_value(library: &Library, desk: &Desk, base: &str) -> Value {
    let served: Vec<Value> = desk
        .locations
        .iter()
        .map(|code| {
            let name = library.find_location(code).map_or(code, |location| &location.name);
            json!({"location_code": code, "location_name": name, "check_in": true, "check_out": true, "reshelve": true})
        })
        .collect();
    json!({
        "code": desk.code, "name": desk.name, "description": "", "primary": desk.primary, "reading_room_desk": false,
        "has_hold_shelf": desk.has_hold_shelf, "hold_shelf_max_time": desk.hold_shelf_days,
        "reshelf_without_transit": desk.reshelve_without_transit, "location": served,
        "link": format!("{base}/almaws/v1/conf/libraries/{}/circ-desks/{}", library.code, desk.code),
    })
}

pub(super) fn desks(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let library = find(alma, call)?;
    let rows = library
        .desks
        .iter()
        .skip(offset)
        .take(limit)
        .map(|desk| {
            json!({"code": desk.code, "name": desk.name,
                "link": format!("{}/almaws/v1/conf/libraries/{}/circ-desks/{}", call.base(), library.code, desk.code)})
        })
        .collect();
    Ok(list("circ_desks", "circ_desk", rows, library.desks.len()))
}

pub(super) fn desk(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let library = find(alma, call)?;
    let desk = library.find_desk(call.param(1)).ok_or_else(general_refusal)?;
    Ok(Reply::Resource("circ_desk", desk_value(library, desk, call.base())))
}
