//! The policy for the choice of the supplier: shown, tried on past requests, and changed.

use std::collections::BTreeMap;

use access::Role;
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::form::Form;
use crate::forms::{Choice, Control, Done, FormPage, Input, Note, refusal, show_refused};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::Visitor;

/// The criteria, each with its numbers.
const CRITERIA: [(&str, &[&str]); 9] = [
    ("own_library", &[]),
    ("availability", &["days_per_waiting_request"]),
    ("distance", &["step_km"]),
    ("region", &[]),
    ("balance", &["days", "step"]),
    ("cost", &[]),
    ("preference", &[]),
    ("load", &["step"]),
    ("calendar", &[]),
];
/// The numbers of the policy.
const NUMBERS: [&str; 3] = ["oldest_answer_minutes", "most_copies", "most_copies_per_lender"];

const PATH: &str = "/api/v1/supplier-policy";

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/policy", get(policy).post(change))
}

#[derive(Debug, Deserialize)]
struct Policy {
    version: i64,
    set_at: Option<Timestamp>,
    set_by: String,
    policy: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Trial {
    requests: u64,
    changed: u64,
    lenders: Vec<Lender>,
    changes: Vec<Changed>,
}

#[derive(Debug, Deserialize)]
struct Lender {
    institution: Option<String>,
    agency: Option<String>,
    before: u64,
    after: u64,
}

#[derive(Debug, Deserialize)]
struct Changed {
    request: String,
    before: Option<String>,
    after: Option<String>,
    reason: String,
}

/// The result of a trial, above the form with which it was made.
#[derive(Template)]
#[template(path = "trial.html")]
struct TrialPage {
    frame: Frame,
    summary: String,
    lenders: Vec<(String, u64, u64)>,
    changes: Vec<(String, String, String, String)>,
    /// The fields of the form, to go back with or to save.
    fields: Vec<(String, String)>,
}

async fn page(visitor: &Visitor) -> Result<FormPage, Failure> {
    let read = visitor.api.get_tagged::<Policy>(PATH).await?;
    let stored = read.value;
    let frame = Frame::new(visitor, "/policy");
    let texts = frame.texts;
    let mut page = FormPage::new(frame, texts.say("nav-policy"), "/policy", texts.say("policy-save"));
    page.may_change = visitor.caller.role() == Role::ConsortiumAdmin;
    page.second = Some(("try", texts.say("policy-try")));
    page.tag = read.tag.unwrap_or_default();
    page.code = Some(match stored.set_at {
        Some(at) => {
            let version = texts.say2("policy-version", "version", stored.version, "by", &stored.set_by);
            format!("{version}, {}", visitor.times.long(&at))
        }
        None => texts.say("policy-default"),
    });
    let criteria = criteria(texts, &stored.policy);
    page.card(texts.say("part-criteria"), criteria);
    let on = |name: &str| Input::new(texts, name, Control::Flag).at(format!("policy.{name}"));
    let waits = stored.policy.get("queue_on_lent_copies") == Some(&json!(true));
    let unknown = ["never", "before_lent", "last"];
    let unknown = unknown.map(|choice| Choice::new(choice, texts.say(&format!("unknown-copies-{choice}"))));
    let text = |name: &str| match stored.policy.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let mut terms = vec![
        on("queue_on_lent_copies").with(if waits { "on" } else { "" }),
        Input::new(texts, "unknown_copies", Control::Select)
            .at("policy.unknown_copies")
            .choosing(unknown.to_vec())
            .with(text("unknown_copies")),
    ];
    terms.extend(NUMBERS.iter().map(|name| {
        let number = Input::new(texts, name, Control::Number).at(format!("policy.{name}"));
        number.with(text(name)).within(0, u32::MAX).required()
    }));
    terms.push(
        Input::new(texts, "policy-lenders", Control::Area)
            .at("policy.lenders")
            .with(lenders_text(stored.policy.get("lenders"))),
    );
    page.card(texts.say("part-copies"), terms);
    Ok(page)
}

fn criteria(texts: Texts, policy: &Map<String, Value>) -> Vec<Input> {
    let used: Vec<&Value> = policy.get("criteria").and_then(Value::as_array).into_iter().flatten().collect();
    let mut inputs = Vec::new();
    for (name, numbers) in CRITERIA {
        let place = used.iter().position(|criterion| criterion.get("by").and_then(Value::as_str) == Some(name));
        let present = place.and_then(|place| used.get(place));
        let order = place.map_or_else(String::new, |place| (place + 1).to_string());
        inputs.push(
            Input::new(texts, &format!("order-{name}"), Control::Number)
                .at(format!("policy.criteria.{name}"))
                .within(1, 9)
                .with(order),
        );
        for number in numbers {
            let value = present.and_then(|criterion| criterion.get(number)).map_or_else(String::new, Value::to_string);
            inputs
                .push(Input::new(texts, &format!("{name}-{number}"), Control::Number).within(0, u32::MAX).with(value));
        }
        if name == "preference" {
            let groups = present.and_then(|criterion| criterion.get("groups")).and_then(Value::as_array);
            let groups: Vec<&str> = groups.into_iter().flatten().filter_map(Value::as_str).collect();
            inputs.push(Input::new(texts, "preference-groups", Control::Area).with(groups.join("\n")));
        }
    }
    inputs
}

/// Returns the terms of lenders, a line for each: agency; cost; group.
fn lenders_text(lenders: Option<&Value>) -> String {
    let rows = lenders.and_then(Value::as_object).into_iter().flatten();
    let line = |(agency, terms): (&String, &Value)| {
        let cost = terms.get("cost").map_or_else(String::new, Value::to_string);
        let group = terms.get("group").and_then(Value::as_str).unwrap_or_default();
        format!("{agency}; {cost}; {group}")
    };
    rows.map(line).collect::<Vec<_>>().join("\n")
}

fn body(page: &mut FormPage, stored: Map<String, Value>) -> Map<String, Value> {
    let texts = page.frame.texts;
    let mut policy = stored;
    let mut ordered: BTreeMap<u32, Value> = BTreeMap::new();
    let mut repeated = Vec::new();
    for (name, numbers) in CRITERIA {
        let field = format!("order-{name}");
        let Some(place) = page.number(&field) else { continue };
        let mut criterion = Map::from_iter([("by".to_owned(), Value::from(name))]);
        for number in numbers {
            if let Some(value) = page.number(&format!("{name}-{number}")) {
                criterion.insert((*number).to_owned(), value.into());
            }
        }
        if name == "preference" {
            let groups: Vec<&str> = page.value("preference-groups").lines().map(str::trim).collect();
            let groups: Vec<&str> = groups.into_iter().filter(|group| !group.is_empty()).collect();
            criterion.insert("groups".to_owned(), json!(groups));
        }
        if ordered.insert(place, criterion.into()).is_some() {
            repeated.push(field);
        }
    }
    for input in page.inputs().filter(|input| repeated.contains(&input.name)) {
        input.wrong(texts.say("fault-same-place"));
    }
    policy.insert("criteria".to_owned(), ordered.into_values().collect());
    policy.insert("queue_on_lent_copies".to_owned(), page.is_on("queue_on_lent_copies").into());
    policy.insert("unknown_copies".to_owned(), page.value("unknown_copies").into());
    for name in NUMBERS {
        match page.number(name) {
            Some(number) => policy.insert(name.to_owned(), number.into()),
            None => policy.remove(name),
        };
    }
    let mut lenders = Map::new();
    if let Some(input) = page.inputs().find(|input| input.name == "policy-lenders") {
        let lines: Vec<String> = input.lines().map(str::to_owned).collect();
        for (index, line) in lines.iter().enumerate() {
            let cells: Vec<&str> = line.split(';').map(str::trim).collect();
            let (agency, cost, group) = match cells.as_slice() {
                [agency, cost, group] => (*agency, *cost, *group),
                [agency, cost] => (*agency, *cost, ""),
                _ => ("", "", ""),
            };
            let number = cost.parse::<u32>().ok();
            if agency.is_empty() || (number.is_none() && !cost.is_empty()) {
                input.wrong(texts.say1("fault-lenders", "line", index + 1));
                continue;
            }
            let mut terms = Map::new();
            terms.extend(number.map(|cost| ("cost".to_owned(), cost.into())));
            terms.extend(Some(group).filter(|group| !group.is_empty()).map(|group| ("group".to_owned(), group.into())));
            lenders.insert(agency.to_owned(), terms.into());
        }
    }
    policy.insert("lenders".to_owned(), lenders.into());
    policy
}

async fn policy(visitor: Visitor, Query(done): Query<Done>) -> Page {
    let mut page = page(&visitor).await?;
    page.note = done.note(page.frame.texts);
    show(&page)
}

/// Saves the policy, or tries it on the choices of the last month.
async fn change(Form { visitor, fields }: Form) -> Page {
    let stored: Policy = visitor.api.get(PATH).await?;
    let mut page = page(&visitor).await?;
    let now = page.tag.clone();
    page.take(&fields);
    let policy = body(&mut page, stored.policy);
    if page.has_faults() {
        page.note = Some(Note::bad(page.frame.texts.say("fault-in-fields")));
        return show_refused(&page, 422);
    }
    let body = json!({"policy": policy});
    let problem = match fields.text("what") {
        "try" => match visitor.api.send::<Trial>(Method::POST, &format!("{PATH}/trial"), Some(&body), None).await {
            Ok(trial) => return show(&tried(&visitor, trial, fields.pairs())),
            Err(problem) => problem,
        },
        "edit" => return show(&page),
        _ => match visitor.api.send::<Value>(Method::PUT, PATH, Some(&body), Some(&page.tag)).await {
            Ok(_) => return Ok(Redirect::to("/policy?done=saved").into_response()),
            Err(problem) => problem,
        },
    };
    let problem = refusal(problem)?;
    page.fail(&problem);
    if problem.status == StatusCode::PRECONDITION_FAILED.as_u16() {
        page.note = Some(Note::warn(page.frame.texts.say("changed-by-other")));
        page.tag = now;
    }
    show_refused(&page, problem.status)
}

fn tried(visitor: &Visitor, trial: Trial, fields: Vec<(String, String)>) -> TrialPage {
    let frame = Frame::new(visitor, "/policy");
    let texts = frame.texts;
    let none = || texts.say("trial-no-copy");
    let of_code = |code: Option<String>| match code {
        Some(code) => {
            let name = visitor.libraries.of_agency(&code);
            if name == code { visitor.libraries.of_institution(&code).to_owned() } else { name.to_owned() }
        }
        None => none(),
    };
    let lenders = trial
        .lenders
        .into_iter()
        .map(|lender| (of_code(lender.agency.or(lender.institution)), lender.before, lender.after));
    let changes = trial
        .changes
        .into_iter()
        .map(|change| (change.request, of_code(change.before), of_code(change.after), change.reason));
    let kept = fields.into_iter().filter(|(name, _)| !matches!(name.as_str(), "csrf" | "what"));
    TrialPage {
        summary: texts.say2("trial-summary", "changed", trial.changed, "count", trial.requests),
        lenders: lenders.collect(),
        changes: changes.collect(),
        fields: kept.collect(),
        frame,
    }
}

#[cfg(test)]
mod tests {
    use messages::Language;

    use super::*;

    #[test]
    fn every_criterion_has_its_words_in_each_language() {
        for language in Language::ALL {
            let texts = Texts { language };
            for input in criteria(texts, &Map::new()) {
                assert!(texts.has(&format!("field-{}", input.name)), "{}", input.name);
            }
        }
    }
}
