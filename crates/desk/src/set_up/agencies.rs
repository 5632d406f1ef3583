//! Agencies: what each takes part in, its limits, its deadlines and its calendar.

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::form::Form;
use crate::forms::{
    Action, Cell, Choice, Control, Done, FormPage, Input, TablePage, show_faults, show_refused_change, show_refused_new,
};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::set_up::institutions::Institutions;
use crate::set_up::may_change;
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::Visitor;

/// The days of the week, as the API names them.
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// What an agency takes part in.
const FLAGS: [&str; 5] =
    ["lends", "borrows", "allows_visiting_pickup", "lends_to_own_patrons", "virtual_item_at_dispatch"];
/// Numbers that always have a value.
const DEADLINES: [&str; 4] = ["days_to_supply", "max_days_in_transit", "days_for_lost_copy", "days_for_lent_copy"];
/// Numbers that may be left out.
const LIMITS: [&str; 3] = ["max_requests", "most_open_supplies", "longest_queue"];
/// The limits of a patron type, in the order of the columns.
const PATRON_LIMITS: [&str; 4] = ["max_loans", "max_library_requests", "max_overdue", "max_fees"];

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/agencies", get(list))
        .route("/agencies/new", get(add).post(create))
        .route("/agencies/{code}", get(one).post(save))
        .route("/agencies/{code}/remove", post(remove))
}

#[derive(Debug, Default, Deserialize)]
struct Agency {
    code: String,
    name: String,
    institution: String,
    library: Option<String>,
    rules: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Agencies {
    agencies: Vec<Agency>,
}

fn api_path(code: &str) -> String {
    format!("/api/v1/agencies/{}", encoded(code))
}

async fn list(visitor: Visitor, Query(done): Query<Done>) -> Page {
    let frame = Frame::new(&visitor, "/agencies");
    let texts = frame.texts;
    let all: Agencies = visitor.api.get("/api/v1/agencies").await?;
    let columns = ["col-agency", "col-institution", "col-takes-part", "col-time-zone"];
    let title = texts.say("nav-agencies");
    let mut page = TablePage::new(frame, title, texts.say("agencies-about"), &columns, "agencies-none");
    page.note = done.note(texts);
    if may_change(&visitor) {
        page.actions.push(Action::link("/agencies/new", texts.say("agency-add"), "plus"));
    }
    let rows = all.agencies.into_iter().map(|agency| {
        let is_on = |name: &&&str| agency.rules.get(**name) == Some(&json!(true));
        let parts: Vec<String> =
            FLAGS.iter().take(3).filter(is_on).map(|name| texts.say(&format!("short-{name}"))).collect();
        let zone = agency.rules.get("calendar").and_then(|calendar| calendar.get("time_zone"));
        let zone = zone.and_then(Value::as_str).unwrap_or_default().to_owned();
        vec![
            Cell::link(agency.name, format!("/agencies/{}", encoded(&agency.code))).sub(agency.code),
            Cell::code(agency.institution).sub(agency.library.unwrap_or_default()),
            Cell::text(parts.join(", ")),
            Cell::text(zone),
        ]
    });
    page.rows = rows.collect();
    show(&page)
}

/// Returns the form of an agency, or of a new one.
async fn page(visitor: &Visitor, agency: Option<(Agency, Option<String>)>) -> Result<FormPage, Failure> {
    let institutions: Institutions = visitor.api.get("/api/v1/institutions").await?;
    let frame = Frame::new(visitor, "/agencies");
    let texts = frame.texts;
    let is_new = agency.is_none();
    let (agency, tag) = agency.unwrap_or_default();
    let (title, action) = match is_new {
        true => (texts.say("agency-add"), "/agencies/new".to_owned()),
        false => (agency.name.clone(), format!("/agencies/{}", encoded(&agency.code))),
    };
    let submit = texts.say(if is_new { "agency-create" } else { "agency-save" });
    let mut page = FormPage::new(frame, title, action.clone(), submit);
    page.crumbs = vec![("/agencies".to_owned(), texts.say("nav-agencies"))];
    page.tag = tag.unwrap_or_default();
    page.may_change = may_change(visitor);
    page.names = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let choices = institutions.institutions.iter().map(|known| Choice::new(known.code.clone(), known.name.clone()));
    let mut inputs = vec![
        Input::new(texts, "agency-name", Control::Text).at("name").with(&agency.name).required(),
        Input::new(texts, "institution", Control::Select).choosing(choices.collect()).with(&agency.institution),
        Input::new(texts, "agency-library", Control::Text)
            .at("library")
            .listing("libraries")
            .with(agency.library.unwrap_or_default()),
    ];
    if is_new {
        inputs.insert(0, Input::new(texts, "code", Control::Text).required());
    } else {
        page.code = Some(agency.code);
        if page.may_change {
            page.lists = Some(format!("/institutions/{}/lists", encoded(&agency.institution)));
            page.actions.push(Action::post(format!("{action}/remove"), texts.say("agency-remove"), "x"));
        }
    }
    page.card(texts.say("part-agency"), inputs);
    let rules = match is_new {
        // The rules with which an agency begins, as the API would set them.
        true => serde_json::to_value(lending::Rules::default()).ok().and_then(|value| value.as_object().cloned()),
        false => Some(agency.rules),
    };
    add_rules(&mut page, texts, &rules.unwrap_or_default());
    Ok(page)
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(is_on)) => if *is_on { "on" } else { "" }.to_owned(),
        Some(other) => other.to_string(),
    }
}

fn add_rules(page: &mut FormPage, texts: Texts, rules: &Map<String, Value>) {
    let field =
        |name: &str, control| Input::new(texts, name, control).at(format!("rules.{name}")).with(plain(rules.get(name)));
    let number = |name: &str| field(name, Control::Number).within(0, u32::MAX);
    let mut takes_part: Vec<Input> = FLAGS.iter().map(|name| field(name, Control::Flag)).collect();
    takes_part.push(field("suspended_until", Control::Date));
    let choices = ["raise", "ask_staff"];
    let choices = choices.map(|choice| Choice::new(choice, texts.say(&format!("extension-{choice}"))));
    takes_part.push(field("lender_extension", Control::Select).choosing(choices.to_vec()));
    page.card(texts.say("part-takes-part"), takes_part);

    let mut limits: Vec<Input> = LIMITS.iter().map(|name| number(name)).collect();
    limits.push(field("patron_limits", Control::Area).with(limits_text(rules.get("patron_limits"))));
    page.card(texts.say("part-limits"), limits);
    page.card(texts.say("part-deadlines"), DEADLINES.iter().map(|name| number(name).required()).collect());

    let calendar = rules.get("calendar").and_then(Value::as_object).cloned().unwrap_or_default();
    let of_calendar = |name: &str, control| {
        Input::new(texts, name, control).at(format!("rules.calendar.{name}")).with(plain(calendar.get(name)))
    };
    let texts_of = |name: &str| {
        let all = calendar.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let closed = texts_of("closed_weekdays");
    let open: Vec<&str> = DAYS.into_iter().filter(|day| !closed.iter().any(|closed| closed == day)).collect();
    let days = DAYS.map(|day| Choice::new(day, texts.say(&format!("day-{day}"))));
    let short = |time: String| time.chars().take(5).collect::<String>();
    page.card(
        texts.say("part-calendar"),
        vec![
            of_calendar("time_zone", Control::Text).listing("names").required(),
            Input::new(texts, "open_weekdays", Control::Many)
                .at("rules.calendar.closed_weekdays")
                .choosing(days.to_vec())
                .with(open.join("\n")),
            of_calendar("closed_dates", Control::Area).with(texts_of("closed_dates").join("\n")),
            of_calendar("opens", Control::Time).with(short(plain(calendar.get("opens")))),
            of_calendar("closes", Control::Time).with(short(plain(calendar.get("closes")))),
        ],
    );
    let place = rules.get("place");
    let coordinates = place.and_then(|place| place.get("coordinates"));
    let of_place = |name: &str, path: &str, value: Option<&Value>| {
        Input::new(texts, name, Control::Text).at(format!("rules.place.{path}")).with(plain(value))
    };
    page.card(
        texts.say("part-place"),
        vec![
            of_place("region", "region", place.and_then(|place| place.get("region"))),
            of_place("latitude", "coordinates.latitude", coordinates.and_then(|at| at.get("latitude"))),
            of_place("longitude", "coordinates.longitude", coordinates.and_then(|at| at.get("longitude"))),
        ],
    );
}

/// Returns the limits of patron types, a line for each: type; loans; requests; overdue; fees.
fn limits_text(limits: Option<&Value>) -> String {
    let rows = limits.and_then(Value::as_object).into_iter().flatten();
    let line = |(kind, limits): (&String, &Value)| {
        let cells = PATRON_LIMITS.map(|name| plain(limits.get(name)));
        format!("{kind}; {}", cells.join("; "))
    };
    rows.map(line).collect::<Vec<_>>().join("\n")
}

fn limits_of(texts: Texts, input: &mut Input) -> Value {
    let (mut table, mut faults) = (Map::new(), Vec::new());
    for (index, line) in input.lines().enumerate() {
        let cells: Vec<&str> = line.split(';').map(str::trim).collect();
        let (kind, numbers) = match cells.split_first() {
            Some((kind, numbers)) if !kind.is_empty() && numbers.len() <= PATRON_LIMITS.len() => (*kind, numbers),
            _ => {
                faults.push(texts.say1("fault-limits", "line", index + 1));
                continue;
            }
        };
        let mut limits = Map::new();
        for (name, number) in PATRON_LIMITS.iter().zip(numbers).filter(|(_, number)| !number.is_empty()) {
            match number.parse::<u32>() {
                Ok(number) => drop(limits.insert((*name).to_owned(), number.into())),
                Err(_) => faults.push(texts.say1("fault-limits", "line", index + 1)),
            }
        }
        if table.insert(kind.to_owned(), limits.into()).is_some() {
            faults.push(texts.say1("fault-repeated", "code", kind));
        }
    }
    for fault in faults {
        input.wrong(fault);
    }
    table.into()
}

/// Returns the input of the API's operation. Lines that can't be read become faults of their fields.
fn body(page: &mut FormPage, stored: &Map<String, Value>) -> Value {
    let texts = page.frame.texts;
    let mut rules = stored.clone();
    for name in FLAGS {
        rules.insert(name.to_owned(), page.is_on(name).into());
    }
    for name in DEADLINES.into_iter().chain(LIMITS) {
        rules.insert(name.to_owned(), page.number(name).map_or(Value::Null, Into::into));
    }
    for name in ["suspended_until", "lender_extension"] {
        rules.insert(name.to_owned(), page.filled(name).map_or(Value::Null, Into::into));
    }
    if let Some(input) = page.inputs().find(|input| input.name == "patron_limits") {
        rules.insert("patron_limits".to_owned(), limits_of(texts, input));
    }
    let open = page.value("open_weekdays").lines().map(str::to_owned).collect::<Vec<_>>();
    let closed: Vec<&str> = DAYS.into_iter().filter(|day| !open.iter().any(|open| open == day)).collect();
    let mut dates = Vec::new();
    if let Some(input) = page.inputs().find(|input| input.name == "closed_dates") {
        let lines: Vec<String> = input.lines().map(str::to_owned).collect();
        for line in lines {
            match line.parse::<jiff::civil::Date>() {
                Ok(date) => dates.push(date.to_string()),
                Err(_) => input.wrong(texts.say1("fault-date", "text", line)),
            }
        }
    }
    let mut calendar = json!({
        "time_zone": page.value("time_zone"), "closed_weekdays": closed, "closed_dates": dates,
    });
    let mut place = Map::new();
    if let Some(region) = page.filled("region") {
        place.insert("region".to_owned(), region.into());
    }
    let mut degrees = |name: &str| {
        let input = page.inputs().find(|input| input.name == name)?;
        let number = input.value.replace(',', ".").parse::<f64>().ok();
        if number.is_none() && !input.value.is_empty() {
            input.wrong(texts.say("fault-degrees"));
        }
        number
    };
    match (degrees("latitude"), degrees("longitude")) {
        (Some(latitude), Some(longitude)) => {
            place.insert("coordinates".to_owned(), json!({"latitude": latitude, "longitude": longitude}));
        }
        (None, None) => {}
        (latitude, _) => {
            let missing = if latitude.is_none() { "latitude" } else { "longitude" };
            if let Some(input) = page.inputs().find(|input| input.name == missing && input.fault.is_none()) {
                input.wrong(texts.say("fault-both-degrees"));
            }
        }
    }
    for name in ["opens", "closes"] {
        if let (Some(time), Some(calendar)) = (page.filled(name), calendar.as_object_mut()) {
            calendar.insert(name.to_owned(), time.into());
        }
    }
    rules.insert("calendar".to_owned(), calendar);
    rules.insert("place".to_owned(), place.into());
    // The defaults of what is empty are the API's.
    rules.retain(|_, value| !value.is_null());
    json!({
        "name": page.value("agency-name"),
        "institution": page.value("institution"),
        "library": page.filled("agency-library"),
        "rules": rules,
    })
}

async fn read(visitor: &Visitor, code: &str) -> Result<(FormPage, Map<String, Value>), Failure> {
    let read = visitor.api.get_tagged::<Agency>(&api_path(code)).await?;
    let rules = read.value.rules.clone();
    Ok((page(visitor, Some((read.value, read.tag))).await?, rules))
}

async fn one(visitor: Visitor, Path(code): Path<String>, Query(done): Query<Done>) -> Page {
    let (mut page, _) = read(&visitor, &code).await?;
    page.note = done.note(page.frame.texts);
    show(&page)
}

async fn save(Path(code): Path<String>, Form { visitor, fields }: Form) -> Page {
    let (mut page, rules) = read(&visitor, &code).await?;
    let now = page.tag.clone();
    page.take(&fields);
    let body = body(&mut page, &rules);
    if page.has_faults() {
        return show_faults(page);
    }
    match visitor.api.send::<Value>(Method::PUT, &api_path(&code), Some(&body), Some(&page.tag)).await {
        Ok(_) => Ok(Redirect::to(&format!("/agencies/{}?done=saved", encoded(&code))).into_response()),
        Err(problem) => show_refused_change(page, problem, now),
    }
}

async fn add(visitor: Visitor) -> Page {
    if !may_change(&visitor) {
        return Err(Failure::Forbidden);
    }
    show(&page(&visitor, None).await?)
}

async fn create(Form { visitor, fields }: Form) -> Page {
    let mut page = page(&visitor, None).await?;
    page.take(&fields);
    let body = body(&mut page, &Map::new());
    if page.has_faults() {
        return show_faults(page);
    }
    match visitor.api.put_new::<Value>(&api_path(fields.text("code")), &body).await {
        Ok(_) => Ok(Redirect::to("/agencies?done=added").into_response()),
        Err(problem) => show_refused_new(page, problem),
    }
}

async fn remove(Path(code): Path<String>, Form { visitor, .. }: Form) -> Page {
    visitor.api.send::<Value>(Method::DELETE, &api_path(&code), None, None).await?;
    Ok(Redirect::to("/agencies?done=removed").into_response())
}
