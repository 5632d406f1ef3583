//! Libraries, their locations and their circulation desks.

use serde_json::{Value, json};

use super::conf::general_refusal;
use super::{Answer, Call, Reply, code_in, list};
use crate::institution::{Desk, Library, Location};
use crate::refusal::Refusal;
use crate::shape::{Shape, fields};
use crate::state::Alma;

fn library_shape<'a>(alma: &Alma, at: usize, library: &'a Library, base: &str) -> Shape<'a> {
    let link = format!("{base}/almaws/v1/conf/libraries/{}", library.code);
    let (locations, desks) = (format!("{link}/locations"), format!("{link}/circ-desks"));
    fields! {
        "link": link, "id": format!("{}{:04}", 100_000_000 + at, alma.suffix), "code": &library.code,
        "path": format!("{}.{}", alma.code, library.code), "name": &library.name, "description": "",
        "resource_sharing": library.resource_sharing,
        "campus": Shape::Code(&library.campus, None), "proxy": "",
        "default_location": fields! {"value": "", "desc": Shape::Null},
        "number_of_locations": fields! {"value": library.locations.len(), "link": locations},
        "number_of_circ_desks": fields! {"value": library.desks.len(), "link": desks},
    }
}

pub(super) fn all(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let all = alma.libraries.iter().enumerate();
    let rows: Vec<_> = all.map(|(at, library)| library_shape(alma, at, library, call.base())).collect();
    let total = rows.len();
    Ok(call.rows("libraries", "library", rows, total))
}

fn find<'a>(alma: &'a Alma, call: &Call<'_>) -> Result<&'a Library, Refusal> {
    alma.library(call.param(0)).ok_or_else(general_refusal)
}

pub(super) fn library(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let library = find(alma, call)?;
    let at = alma.libraries.iter().position(|each| each.code == library.code).unwrap_or_default();
    Ok(call.resource("library", &library_shape(alma, at, library, call.base())))
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

/// A location as a body describes it.
fn read_location(call: &Call<'_>) -> Result<Location, Refusal> {
    let body = call.body()?;
    let coded = |key: &str| code_in(&body, key).to_owned();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    for field in ["code", "name"] {
        if text(field).is_empty() {
            return Err(Refusal::missing(field));
        }
    }
    let kind = coded("type");
    if !matches!(kind.as_str(), "OPEN" | "CLOSED" | "REMOTE" | "UNAVAILABLE") {
        return Err(Refusal::new("60297", "Location type is not valid."));
    }
    let unit = coded("fulfillment_unit");
    Ok(Location {
        code: text("code"),
        name: text("name"),
        kind,
        fulfillment_unit: if unit.is_empty() { "GENERAL".to_owned() } else { unit },
        suppressed: body["suppress_from_publishing"] == json!(true) || text("suppress_from_publishing") == "true",
        reshelving: false,
    })
}

fn find_mut<'a>(alma: &'a mut Alma, call: &Call<'_>) -> Result<&'a mut Library, Refusal> {
    alma.libraries.iter_mut().find(|library| library.code == call.param(0)).ok_or_else(general_refusal)
}

pub(super) fn create_location(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let new = read_location(call)?;
    let library = find_mut(alma, call)?;
    if library.find_location(&new.code).is_some() {
        return Err(Refusal::new("402119", format!("Location {} already exists.", new.code)));
    }
    for desk in library.desks.iter_mut().filter(|desk| desk.serves_all) {
        desk.locations.push(new.code.clone());
    }
    library.locations.push(new.clone());
    Ok(Reply::Resource("location", location_value(library, &new, call.base())))
}

pub(super) fn update_location(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let new = read_location(call)?;
    let library = find_mut(alma, call)?;
    let failed = || Refusal::new("60302", "Update of location failed.");
    let old = library.locations.iter_mut().find(|location| location.code == call.param(1)).ok_or_else(failed)?;
    if new.code != old.code {
        return Err(failed());
    }
    let reshelving = old.reshelving;
    *old = Location { reshelving, ..new.clone() };
    Ok(Reply::Resource("location", location_value(library, &new, call.base())))
}

/// A location that still has holdings stays.
pub(super) fn delete_location(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (library, code) = (call.param(0).to_owned(), call.param(1).to_owned());
    if find(alma, call)?.find_location(&code).is_none() {
        return Err(general_refusal());
    }
    if alma.holdings.values().any(|holding| holding.library == library && holding.location == code) {
        return Err(Refusal::new("402119", format!("Location {code} has holdings.")));
    }
    let library = find_mut(alma, call)?;
    library.locations.retain(|location| location.code != code);
    for desk in &mut library.desks {
        desk.locations.retain(|each| *each != code);
    }
    Ok(Reply::NoContent)
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
