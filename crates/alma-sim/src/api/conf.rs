//! Configuration of the institution: code tables, departments, hours, printers, profiles, general data, test calls.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, list};
use crate::refusal::Refusal;
use crate::state::Alma;

/// Returns Alma's refusal of a code that it does not have.
pub(super) fn general_refusal() -> Refusal {
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
    let of_library = call.params.first().map(String::as_str).or_else(|| call.query("library"));
    let rows: Vec<Value> = alma
        .departments
        .iter()
        .filter(|(_, _, library)| of_library.is_none_or(|code| code == "INST" || code == library))
        .map(|(code, name, library)| {
            json!({"code": code, "name": name, "type": {"value": "TECH", "desc": "Technical"},
                "owner": {"value": library, "desc": alma.library_name(library)}})
        })
        .collect();
    let total = rows.len();
    Ok(list("departments", "department", rows, total))
}

pub(super) fn open_hours(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let scope = call.params.first().map(String::as_str).or_else(|| call.query("scope"));
    if scope.is_some_and(|code| code != alma.code && alma.library(code).is_none()) {
        return Err(general_refusal());
    }
    let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let days: Vec<Value> = names
        .iter()
        .map(|day| json!({"day_of_week": {"value": day, "desc": day}, "hour": [{"from": "08:00", "to": "20:00"}]}))
        .collect();
    Ok(Reply::Resource("open_hours", json!({"day": days})))
}

/// Lists all tables, without their rows.
pub(super) fn code_tables(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let rows: Vec<Value> = alma
        .tables
        .values()
        .map(|table| {
            json!({"name": table.name, "description": table.description,
                "sub_system": {"value": "FULFILLMENT", "desc": "Fulfillment"}, "patron_facing": false,
                "link": format!("{}/almaws/v1/conf/code-tables/{}", call.base(), table.name)})
        })
        .collect();
    let total = rows.len();
    Ok(list("code_tables", "code_table", rows, total))
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

fn printer_value(alma: &Alma, library: &str, at: usize, base: &str) -> Value {
    let id = format!("{}{:04}", 300_000_000 + at, alma.suffix);
    json!({
        "link": format!("{base}/almaws/v1/conf/printers/{id}"), "id": id, "code": format!("{library}_PRINTER"),
        "name": format!("{} printer", alma.library_name(library)), "description": "",
        "email": format!("printer@{}.example.org", library.to_lowercase()), "email_printer": false, "queue_printer": true,
        "library": {"value": library, "desc": alma.library_name(library)}, "circ_desk": null,
        "status": {"value": "ACTIVE", "desc": "Active"},
    })
}

/// A printing queue for each library.
pub(super) fn printers(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let wanted = |code: &str| call.query("library").is_none_or(|library| library == code);
    let all: Vec<Value> = alma
        .libraries
        .iter()
        .enumerate()
        .filter(|(_, library)| wanted(&library.code))
        .map(|(at, library)| printer_value(alma, &library.code, at, call.base()))
        .collect();
    let total = all.len();
    Ok(list("printers", "printer", all.into_iter().skip(offset).take(limit).collect(), total))
}

pub(super) fn printer(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let all = alma.libraries.iter().enumerate();
    let mut values = all.map(|(at, library)| printer_value(alma, &library.code, at, call.base()));
    let found = values.find(|value| value["id"] == call.param(0) || value["code"] == call.param(0));
    Ok(Reply::Resource("printer", found.ok_or_else(|| Refusal::new("402119", "Printer was not found."))?))
}

/// Describes the institution's publishing as the profile that staff set up for it.
fn profile_values(alma: &Alma, base: &str) -> Vec<Value> {
    let all = alma.sets.iter().enumerate().map(|(at, set)| {
        let id = format!("{}{:04}", 400_000_000 + at, alma.suffix);
        json!({
            "link": format!("{base}/almaws/v1/conf/integration-profiles/{id}"), "id": id, "code": set.spec,
            "name": set.name, "description": "", "type": {"value": "OAI", "desc": "OAI"}, "system": null,
            "parameter": [{"name": {"value": "set_spec", "desc": "Set spec"}, "value": set.spec}],
        })
    });
    all.collect()
}

pub(super) fn integration_profiles(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let wanted = call.query("q").and_then(|query| query.split_once('~')).map(|(_, text)| text.to_lowercase());
    let mut all = profile_values(alma, call.base());
    all.retain(|value| call.query("type").is_none_or(|kind| value["type"]["value"] == kind));
    all.retain(|value| {
        let name = value["name"].as_str().unwrap_or_default().to_lowercase();
        wanted.as_deref().is_none_or(|text| name.contains(&text.replace('_', " ")) || value["code"] == text)
    });
    let total = all.len();
    let rows = all.into_iter().skip(offset).take(limit).collect();
    Ok(list("integration_profiles", "integration_profile", rows, total))
}

pub(super) fn integration_profile(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let found = profile_values(alma, call.base()).into_iter().find(|value| value["id"] == call.param(0));
    Ok(Reply::Resource("integration_profile", found.ok_or_else(|| Refusal::new("60304", "Invalid profile ID."))?))
}
