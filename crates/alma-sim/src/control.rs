//! The control surface under `/sim/`, which belongs to the simulator and not to Alma: the state, actions of staff,
//! time, faults.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::{moment, read_time};
use crate::desk::lists;
use crate::gateway::Fault;
use crate::options::Quota;
use crate::presets;
use crate::refusal::Refusal;
use crate::render;
use crate::seed::{Bib, Holding, Item, User};
use crate::sim::Sim;
use crate::staff::Staff;
use crate::webhooks::WebhookProfile;

/// The default for the largest number of rows of a list in `state`; `?limit=` changes it.
const ROWS: usize = 1_000;

fn bad(reason: impl std::fmt::Display) -> Refusal {
    Refusal::new("SIM", reason.to_string())
}

fn unknown() -> Refusal {
    Refusal { status: 404, ..bad("There is no such control.") }
}

fn text<'a>(body: &'a Value, key: &str) -> Result<&'a str, Refusal> {
    body[key].as_str().ok_or_else(|| bad(format!("The body needs a text \"{key}\".")))
}

fn value(of: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(of).map_err(bad)
}

fn parsed<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    serde_json::from_value(body.clone()).map_err(bad)
}

/// Overwrites the given fields of a setting. Returns the new setting.
fn overlay<T: Serialize + DeserializeOwned>(setting: &mut T, fields: &Value) -> Result<Value, Refusal> {
    let mut merged = value(&*setting)?;
    merge(&mut merged, fields);
    *setting = parsed(&merged)?;
    Ok(merged)
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, field) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), field);
            }
        }
        (into, from) => into.clone_from(from),
    }
}

/// Performs one action. `path` is the decoded path after `/sim/`.
pub(crate) fn act(sim: &Sim, method: &str, path: &[&str], body: &Value) -> Result<Value, Refusal> {
    match (method, path) {
        ("GET", ["institutions"]) => Ok(json!({"institutions": sim.institutions()})),
        ("POST", ["institutions"]) => add_institution(sim, body),
        ("GET", ["clock"]) => Ok(json!({"now": moment(sim.now())})),
        ("POST", ["clock"]) => clock(sim, body),
        ("POST", ["restore"]) => sim.restore(&body.to_string()).map(|code| json!({"institution": code})),
        ("DELETE", [institution]) => {
            sim.remove_institution(institution);
            Ok(json!({}))
        }
        (_, [institution, rest @ ..]) => match rest.first() {
            Some(&("calls" | "faults" | "limits" | "webhooks" | "deliveries" | "events" | "snapshot" | "keys")) => {
                around(sim, institution, method, rest, body)
            }
            Some(&"desk") if method == "GET" => {
                let which = rest.get(1).copied().unwrap_or("house");
                lists::list(sim, &*sim.site(institution)?, which, body)
            }
            _ => desk(&sim.staff(institution)?, method, rest, body),
        },
        _ => Err(unknown()),
    }
}

/// `{"code", "key", "empty"}`: adds a university as [`presets::university`] makes it; `empty` leaves the titles out.
fn add_institution(sim: &Sim, body: &Value) -> Result<Value, Refusal> {
    let (code, key) = (text(body, "code")?, text(body, "key")?);
    let made = match body["empty"] == json!(true) {
        true => presets::empty_university(code, key),
        false => presets::university(code, key),
    };
    sim.add_institution(made).map(|()| json!({"institution": code}))
}

/// `{"advance_seconds": n}` or `{"to": "2026-03-04T10:00:00Z"}`.
fn clock(sim: &Sim, body: &Value) -> Result<Value, Refusal> {
    let to = body["to"].as_str().and_then(|text| read_time(text, false));
    let by = match (body["advance_seconds"].as_i64(), to) {
        (Some(seconds), _) => SignedDuration::from_secs(seconds),
        (None, Some(to)) => to.duration_since(sim.now()),
        (None, None) => return Err(bad("The body needs \"advance_seconds\" or \"to\".")),
    };
    if by.is_negative() {
        return Err(bad("Time does not go back."));
    }
    Ok(json!({"now": moment(sim.advance(by))}))
}

/// Reads and changes the institution's settings outside its state: counters, limits, faults, webhooks, keys.
fn around(sim: &Sim, institution: &str, method: &str, rest: &[&str], body: &Value) -> Result<Value, Refusal> {
    let site = sim.site(institution)?;
    let nothing = Ok(json!({}));
    match (method, rest) {
        ("GET", ["calls"]) => {
            let gateway = site.gateway();
            let total: u64 = gateway.calls.values().sum();
            Ok(json!({"calls": gateway.calls, "total": total, "refused_by_limits": gateway.refused}))
        }
        ("DELETE", ["calls"]) => {
            site.gateway().reset_counters();
            nothing
        }
        ("GET", ["faults"]) => value(site.gateway().faults()),
        ("POST", ["faults"]) => {
            let fault = parsed::<Fault>(body)?;
            let mut gateway = site.gateway();
            if let Some(seed) = body["seed"].as_u64() {
                gateway.seed(seed);
            }
            gateway.arm(fault);
            value(gateway.faults())
        }
        ("DELETE", ["faults"]) => {
            site.gateway().disarm();
            nothing
        }
        ("POST", ["limits"]) => {
            let mut gateway = site.gateway();
            if body.get("quota").is_some() {
                gateway.per_second = parsed::<Quota>(&body["quota"])?.per_second();
            }
            let small = |key: &str| body[key].as_u64().and_then(|number| u32::try_from(number).ok());
            if body.get("per_second").is_some() {
                gateway.per_second = small("per_second");
            }
            if body.get("per_day").is_some() {
                gateway.per_day = body["per_day"].as_u64();
            }
            gateway.others_per_second = small("others_per_second").unwrap_or(gateway.others_per_second);
            Ok(json!({"per_second": gateway.per_second, "per_day": gateway.per_day,
                "others_per_second": gateway.others_per_second}))
        }
        ("POST", ["keys"]) => sim.add_key(institution, parsed(body)?).map(|()| json!({})),
        ("DELETE", ["keys"]) => {
            sim.revoke_key(text(body, "key")?);
            nothing
        }
        ("GET", ["snapshot"]) => serde_json::from_str(&sim.snapshot(institution)?).map_err(bad),
        ("GET", ["events"]) => value(sim.with(&site, |alma| alma.events.since(0).cloned().collect::<Vec<_>>())),
        ("GET", ["webhooks"]) => value(site.hooks().profiles()),
        ("POST", ["webhooks"]) => sim.add_webhook(institution, parsed::<WebhookProfile>(body)?).map(|()| json!({})),
        ("DELETE", ["webhooks"]) => {
            site.hooks().clear();
            nothing
        }
        ("GET", ["deliveries"]) => value(sim.deliveries(institution)?),
        _ => Err(unknown()),
    }
}

/// Reads the state as staff see it, and performs their actions.
fn desk(staff: &Staff, method: &str, rest: &[&str], body: &Value) -> Result<Value, Refusal> {
    match (method, rest) {
        ("GET", ["state"]) => Ok(state(staff, body)),
        ("GET", ["counts"]) => Ok(staff.counts()),
        ("GET", ["items", barcode]) => value(staff.item(barcode)?),
        ("GET", ["requests"]) => value(staff.requests()),
        ("GET", ["loans"]) => value(staff.loans()),
        ("GET", ["users", id]) => staff.user(id),
        ("GET" | "POST", ["behaviour"]) => staff.with(|alma| overlay(&mut alma.behaviour, body)),
        ("GET" | "POST", ["publishing"]) => staff.with(|alma| overlay(&mut alma.published.settings, body)),
        ("POST", ["scan-in" | "return"]) => scan_in(staff, body),
        ("POST", ["loan"]) => lend(staff, body),
        ("POST", ["hold"]) => {
            let id = staff.place_hold(text(body, "user")?, text(body, "barcode")?, text(body, "pickup_library")?)?;
            Ok(json!({"request_id": id}))
        }
        ("POST", ["jobs", "hold-shelf-expiry"]) => Ok(json!({"closed": staff.run_hold_shelf_expiry()})),
        ("POST", ["jobs", "interest-expiry"]) => Ok(json!({"closed": staff.run_interest_expiry()})),
        ("POST", ["jobs", "publish"]) => Ok(json!({"published": staff.publish()})),
        ("POST", ["bibs"]) => add_bib(staff, body),
        _ => change(staff, method, rest, body).map(|()| json!({})),
    }
}

/// Performs the actions that return nothing.
fn change(staff: &Staff, method: &str, rest: &[&str], body: &Value) -> Result<(), Refusal> {
    match (method, rest) {
        ("POST", ["renew"]) => staff.renew(text(body, "barcode")?),
        ("POST", ["due"]) => {
            let due = read_time(text(body, "due")?, true).ok_or_else(|| bad("\"due\" is not a date."))?;
            staff.set_due(text(body, "barcode")?, due)
        }
        ("POST", ["requests", id, "cancel"]) => {
            staff.cancel(id, body["reason"].as_str().unwrap_or("CannotBeFulfilled"))
        }
        ("POST", ["requests", id, "expire"]) => staff.expire_hold(id),
        ("POST", ["items", barcode, "mark", mark]) => staff.mark(barcode, parsed(&json!(mark))?),
        ("POST", ["items", barcode, "mark"]) => staff.mark(barcode, parsed(&body["mark"])?),
        ("DELETE", ["items", barcode]) => staff.withdraw(barcode),
        ("POST", ["items", barcode, "bind"]) => staff.bind(barcode, text(body, "mms_id")?),
        ("POST", ["items", barcode, "siblings"]) => staff.add_sibling_item(barcode, text(body, "barcode")?),
        ("DELETE", ["bibs", mms]) => staff.delete_bib(mms),
        ("POST", ["items", barcode, "relink"]) => staff.relink(barcode, text(body, "mms_id")?),
        ("POST", ["bibs", mms, "suppress"]) => staff.suppress_bib(mms, body["suppressed"].as_bool().unwrap_or(true)),
        ("POST", ["users"]) => staff.add_user(&User::from_json(body.clone())),
        ("PUT" | "PATCH", ["users", id]) => staff.change_user(id, body),
        ("DELETE", ["users", id]) => staff.purge_user(id),
        ("POST", ["users", id, "blocks"]) if body["blocked"] == json!(false) => {
            staff.unblock(id, body["code"].as_str())
        }
        ("POST", ["users", id, "blocks"]) => staff.block(id, body["code"].as_str().unwrap_or("02-GLOBAL")),
        ("DELETE", ["users", id, "blocks"]) => staff.unblock(id, body["code"].as_str()),
        _ => Err(unknown()),
    }
}

/// At a desk, or at a department: `{"barcode", "library", "desk"}` or `{"barcode", "library", "department", "done"}`.
fn scan_in(staff: &Staff, body: &Value) -> Result<Value, Refusal> {
    let (barcode, library) = (text(body, "barcode")?, text(body, "library")?);
    value(match body["department"].as_str() {
        Some(code) => staff.scan_at_department(barcode, library, code, body["done"] == json!(true))?,
        None => staff.scan_in(barcode, library, text(body, "desk")?)?,
    })
}

fn lend(staff: &Staff, body: &Value) -> Result<Value, Refusal> {
    let (barcode, user) = (text(body, "barcode")?, text(body, "user")?);
    let (library, desk) = (text(body, "library")?, text(body, "desk")?);
    let id = if body["override"] == json!(true) {
        staff.lend_overriding_hold(barcode, user, library, desk)?
    } else {
        staff.lend(barcode, user, library, desk)?
    };
    Ok(json!({"loan_id": id}))
}

/// A title from `marcxml` or `title`, with one copy when `barcode`, `library` and `location` are given, or several in
/// `items`, each with its `barcode` and, if it is a volume, fields such as `description` and `enumeration_a`.
fn add_bib(staff: &Staff, body: &Value) -> Result<Value, Refusal> {
    let mut bib = match body["marcxml"].as_str() {
        Some(xml) => Bib::from_marcxml(xml).map_err(bad)?,
        None => Bib::new(text(body, "title")?),
    };
    if let Some(items) = body["items"].as_array() {
        let mut holding = Holding::new(text(body, "library")?, text(body, "location")?);
        for item in items {
            holding = holding.item(seeded(item)?);
        }
        bib = bib.holding(holding);
    } else if let Some(barcode) = body["barcode"].as_str() {
        let holding = Holding::new(text(body, "library")?, text(body, "location")?);
        let holding = holding.call_number(body["call_number"].as_str().unwrap_or_default());
        bib = bib.holding(holding.item(Item::new(barcode)));
    }
    Ok(json!({"mms_id": staff.add_bib(bib)?}))
}

fn seeded(body: &Value) -> Result<Item, Refusal> {
    let fields = body.as_object().into_iter().flatten().filter(|(field, _)| *field != "barcode");
    let item = Item::new(text(body, "barcode")?);
    Ok(fields.fold(item, |item, (field, value)| item.level(field, value.as_str().unwrap_or_default())))
}

/// Returns the whole state in the API's shapes, ordered by id. Long lists are cut at `limit`.
fn state(staff: &Staff, body: &Value) -> Value {
    let limit = lists::size(body, "limit").unwrap_or(ROWS);
    let counts = staff.counts();
    staff.with(|alma| {
        let items: BTreeMap<_, _> = alma.items.iter().collect();
        let bibs: BTreeMap<_, _> = alma.bibs.iter().collect();
        let loans: BTreeMap<_, _> = alma.loans.iter().filter(|(_, loan)| loan.returned.is_none()).collect();
        let users: BTreeMap<_, _> = alma.users.iter().collect();
        json!({
            "institution": alma.code, "now": moment(alma.now), "counts": counts,
            "items": items.values().take(limit).map(|item| render::item(alma, item, "")).collect::<Vec<_>>(),
            "bibs": bibs.values().take(limit).map(|bib| json!({
                "mms_id": bib.mms.to_string(), "title": bib.title, "author": bib.author,
                "suppressed": bib.suppressed, "network_numbers": bib.network_numbers,
            })).collect::<Vec<_>>(),
            "requests": alma.active().take(limit).map(|request| render::request(alma, request)).collect::<Vec<_>>(),
            "loans": loans.values().take(limit).map(|loan| render::loan(alma, loan, false)).collect::<Vec<_>>(),
            "users": users.values().take(limit).map(|user| render::user(alma, user, "", "")).collect::<Vec<_>>(),
        })
    })
}
