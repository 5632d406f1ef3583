//! Institutions: the list, and the settings of one with the checks next to each field.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::form::{Fields, Form};
use crate::forms::{
    Action, Cell, Check, Choice, Control, Done, FormPage, Input, Note, TablePage, refusal, show_faults, show_refused,
    show_refused_new,
};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::seen::Finding;
use crate::set_up::{codes, may_change, settings};
use crate::state::Desk;
use crate::status::Pill;
use crate::texts::Texts;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/institutions", get(list))
        .route("/institutions/new", get(add).post(create))
        .route("/institutions/{code}", get(one).post(save))
        .route("/institutions/{code}/check", post(check))
        .route("/institutions/{code}/lists", get(codes::lists))
        .route("/institutions/{code}/remove", get(ask_removal).post(remove))
}

/// An institution as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Institution {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) settings: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Institutions {
    pub(crate) institutions: Vec<Institution>,
}

#[derive(Debug, Deserialize)]
struct Checked {
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Quota {
    per_day: PerDay,
    paused: Option<Paused>,
}

#[derive(Debug, Deserialize)]
struct PerDay {
    total: Option<u64>,
    remaining: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Paused {
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Webhook {
    untrusted_since: Option<jiff::Timestamp>,
    last_message_at: Option<jiff::Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
struct Health {
    systems_down: Option<Vec<Down>>,
}

#[derive(Debug, Deserialize)]
struct Down {
    institution: String,
    reason: String,
}

/// Returns the path of an institution in the API.
pub(crate) fn api_path(code: &str) -> String {
    format!("/api/v1/institutions/{}", encoded(code))
}

fn pill(tone: &'static str, icon: &'static str, words: String) -> Pill {
    Pill { tone, icon, words }
}

async fn list(visitor: Visitor, Query(done): Query<Done>) -> Page {
    let frame = Frame::new(&visitor, "/institutions");
    let texts = frame.texts;
    let all: Institutions = visitor.api.get("/api/v1/institutions").await?;
    let health: Health = visitor.api.get("/health").await.unwrap_or_default();
    let columns = ["col-institution", "col-system", "col-health", "col-quota", "col-webhook"];
    let (title, about) = (texts.say("nav-institutions"), texts.say("institutions-about"));
    let mut page = TablePage::new(frame, title, about, &columns, "institutions-none");
    page.note = done.note(texts);
    if visitor.caller.is_consortium_admin() {
        page.actions.push(Action::link("/institutions/new", texts.say("institution-add"), "plus"));
    }
    for institution in all.institutions {
        page.rows.push(row(&visitor, texts, &health, institution).await);
    }
    show(&page)
}

async fn row(visitor: &Visitor, texts: Texts, health: &Health, institution: Institution) -> Vec<Cell> {
    let path = api_path(&institution.code);
    let quota = visitor.api.get::<Quota>(&format!("{path}/quota")).await.ok();
    let webhook = visitor.api.get::<Webhook>(&format!("{path}/webhook")).await.ok();
    let down = health.systems_down.iter().flatten().find(|down| down.institution == institution.code);
    let paused = quota.as_ref().and_then(|quota| quota.paused.as_ref());
    let state = match (down, paused) {
        (Some(down), _) => Cell::pill(pill("bad", "case", down.reason.clone())),
        (None, Some(paused)) => Cell::pill(pill("warn", "clock", paused.reason.clone())),
        (None, None) => Cell::pill(pill("good", "check", texts.say("health-good"))),
    };
    let left = match quota.map(|quota| quota.per_day) {
        Some(PerDay { remaining: Some(remaining), total: Some(total) }) => {
            Cell::text(texts.say2("quota-left", "left", remaining, "total", total))
        }
        _ => Cell::text(texts.say("unknown")),
    };
    vec![
        Cell::link(institution.name, format!("/institutions/{}", encoded(&institution.code))).sub(institution.code),
        Cell::text(institution.kind),
        state,
        left,
        trust(texts, webhook.as_ref()),
    ]
}

fn trust(texts: Texts, webhook: Option<&Webhook>) -> Cell {
    let state = match webhook {
        None => pill("calm", "info", texts.say("webhook-none")),
        Some(Webhook { untrusted_since: Some(_), .. }) => pill("warn", "case", texts.say("webhook-untrusted")),
        Some(Webhook { last_message_at: None, .. }) => pill("calm", "clock", texts.say("webhook-silent")),
        Some(_) => pill("good", "check", texts.say("webhook-trusted")),
    };
    Cell::pill(state)
}

/// Returns the parts of an institution's set-up.
pub(crate) fn views(texts: Texts, code: &str, present: &str) -> Vec<(String, String, bool)> {
    let parts = [
        ("", "view-settings"),
        ("/mappings", "view-mappings"),
        ("/webhook", "view-webhook"),
        ("/orphans", "view-orphans"),
    ];
    let view =
        |(end, id): (&str, &str)| (format!("/institutions/{}{end}", encoded(code)), texts.say(id), end == present);
    parts.into_iter().map(view).collect()
}

fn crumbs(texts: Texts) -> Vec<(String, String)> {
    vec![("/institutions".to_owned(), texts.say("nav-institutions"))]
}

/// Returns the page with the settings of an institution.
fn page(desk: &Desk, visitor: &Visitor, institution: &Institution, tag: Option<String>) -> FormPage {
    let frame = Frame::new(visitor, "/institutions");
    let texts = frame.texts;
    let path = format!("/institutions/{}", encoded(&institution.code));
    let mut page = FormPage::new(frame, institution.name.clone(), path.clone(), texts.say("institution-save"));
    page.crumbs = crumbs(texts);
    page.code = Some(institution.code.clone());
    page.views = views(texts, &institution.code, "");
    page.tag = tag.unwrap_or_default();
    page.may_change = may_change(visitor);
    page.cards = settings::cards(texts, &institution.settings);
    let name = Input::new(texts, "institution-name", Control::Text).at("name").with(&institution.name).required();
    let key = Input::new(texts, "api_key", Control::Secret);
    if let Some(connection) = page.cards.first_mut() {
        connection.inputs.insert(0, name);
        connection.inputs.push(key);
    }
    if page.may_change {
        page.lists = Some(format!("{path}/lists"));
        page.actions.push(Action::post(format!("{path}/check"), texts.say("run-checks"), "check"));
        page.actions.push(Action::link(format!("{path}/remove"), texts.say("remove-dots"), "x"));
        show_checks(desk, visitor, &institution.code, &mut page);
    }
    page
}

/// Shows what the last check found, next to the field that it is about.
fn show_checks(desk: &Desk, visitor: &Visitor, code: &str, page: &mut FormPage) {
    let texts = page.frame.texts;
    let Some(read) = desk.seen().check(code) else {
        page.pills.push(pill("calm", "info", texts.say("not-checked")));
        return;
    };
    let bad = read.value.iter().filter(|finding| finding.verdict != "ok").count();
    page.pills.push(match bad {
        0 => pill("good", "check", texts.say("checks-good")),
        _ => pill("warn", "case", texts.say1("checks-bad", "count", bad)),
    });
    page.pills.push(pill("calm", "clock", texts.say1("checked-at", "time", visitor.times.short(&read.at))));
    for finding in read.value.iter() {
        let check = shown(finding);
        let keys = fields_of(&finding.subject);
        let mut is_placed = false;
        for input in page.inputs().filter(|input| keys.contains(&input.name.as_str())) {
            input.checks.push(check.clone());
            is_placed = true;
        }
        if !is_placed {
            page.findings.push((finding.subject.clone(), check));
        }
    }
}

fn shown(finding: &Finding) -> Check {
    let (tone, icon) = match finding.verdict.as_str() {
        "ok" => ("good", "check"),
        "missing" => ("bad", "x"),
        _ => ("warn", "case"),
    };
    let words = finding.problem.clone().unwrap_or_else(|| finding.detail.clone());
    Check { tone, icon, words }
}

/// Returns the fields that a subject of a check is about.
fn fields_of(subject: &str) -> Vec<&str> {
    match subject {
        "Alma" | "libraries" => return vec!["base_url"],
        _ if subject.starts_with("API key") => return vec!["api_key"],
        _ if subject.starts_with("role assignment rule") => return vec!["user_groups"],
        _ => {}
    }
    subject.split(", ").map(|part| part.split([':', '.']).next().unwrap_or(part).trim()).collect()
}

async fn one(State(desk): State<Desk>, visitor: Visitor, Path(code): Path<String>, Query(done): Query<Done>) -> Page {
    let read = visitor.api.get_tagged::<Institution>(&api_path(&code)).await?;
    let mut page = page(&desk, &visitor, &read.value, read.tag);
    page.note = done.note(page.frame.texts);
    show(&page)
}

/// Saves the settings. If somebody else has changed them, the page shows what was typed and what is stored now.
async fn save(State(desk): State<Desk>, Path(code): Path<String>, Form { visitor, fields }: Form) -> Page {
    let path = api_path(&code);
    let stored = visitor.api.get_tagged::<Institution>(&path).await?;
    let mut page = page(&desk, &visitor, &stored.value, stored.tag.clone());
    let before: Vec<(String, Vec<(String, String)>)> =
        page.inputs().map(|input| (input.value.clone(), input.pairs.clone())).collect();
    page.take(&fields);
    let body = body(&mut page, &stored.value.settings, &stored.value.kind, &fields);
    if page.has_faults() {
        return show_faults(page);
    }
    match visitor.api.send::<Value>(Method::PUT, &path, Some(&body), Some(&page.tag)).await {
        Ok(_) => {
            desk.seen().forget(&code);
            Ok(Redirect::to(&format!("/institutions/{}?done=saved", encoded(&code))).into_response())
        }
        Err(problem) if problem.status == 412 => {
            let texts = page.frame.texts;
            for (input, (value, pairs)) in page.inputs().zip(before) {
                if input.value != value || input.pairs != pairs {
                    let now = Input { value, pairs, ..input.clone() }.shown(&texts);
                    let words = texts.say1("stored-now", "value", now);
                    input.checks.push(Check { tone: "warn", icon: "info", words });
                }
            }
            page.tag = stored.tag.unwrap_or_default();
            page.note = Some(Note::warn(texts.say("changed-by-other")));
            show_refused(&page, 412)
        }
        Err(problem) => {
            let problem = refusal(problem)?;
            page.fail(&problem);
            show_refused(&page, problem.status)
        }
    }
}

fn body(page: &mut FormPage, stored: &Map<String, Value>, kind: &str, fields: &Fields) -> Value {
    let settings = settings::read(page, stored);
    let mut body = json!({"name": page.value("institution-name"), "kind": kind, "settings": settings});
    if let (Some(key), Some(body)) = (fields.filled("api_key"), body.as_object_mut()) {
        body.insert("api_key".to_owned(), key.into());
    }
    body
}

/// Makes the checks, and reads the codes anew.
async fn check(State(desk): State<Desk>, Path(code): Path<String>, Form { visitor, .. }: Form) -> Page {
    let path = format!("{}/check", api_path(&code));
    let checked: Checked = visitor.api.send(Method::POST, &path, None, None).await?;
    desk.seen().forget(&code);
    desk.seen().keep_check(&code, checked.findings, desk.clock().now());
    Ok(Redirect::to(&format!("/institutions/{}?done=checked", encoded(&code))).into_response())
}

/// Returns the form for a new institution.
fn new_page(visitor: &Visitor) -> FormPage {
    let frame = Frame::new(visitor, "/institutions");
    let texts = frame.texts;
    let mut page =
        FormPage::new(frame, texts.say("institution-add"), "/institutions/new", texts.say("institution-create"));
    page.crumbs = crumbs(texts);
    page.cards = settings::cards(texts, &Map::new());
    let inputs = [
        Input::new(texts, "code", Control::Text).required(),
        Input::new(texts, "institution-name", Control::Text).at("name").required(),
        Input::new(texts, "kind", Control::Select).choosing(vec![Choice::new("alma", "Alma")]).with("alma"),
        Input::new(texts, "api_key", Control::Secret).required(),
    ];
    if let Some(connection) = page.cards.first_mut() {
        connection.inputs.splice(0..0, inputs);
    }
    page
}

async fn add(visitor: Visitor) -> Page {
    if !may_change(&visitor) {
        return Err(Failure::Forbidden);
    }
    show(&new_page(&visitor))
}

async fn create(Form { visitor, fields }: Form) -> Page {
    let mut page = new_page(&visitor);
    page.take(&fields);
    let body = body(&mut page, &Map::new(), fields.text("kind"), &fields);
    let code = fields.text("code").to_owned();
    if page.has_faults() {
        return show_faults(page);
    }
    match visitor.api.put_new::<Value>(&api_path(&code), &body).await {
        Ok(_) => Ok(Redirect::to(&format!("/institutions/{}?done=added", encoded(&code))).into_response()),
        Err(problem) => show_refused_new(page, problem),
    }
}

/// Returns the page that asks before an institution is removed.
async fn removal_page(visitor: &Visitor, code: &str) -> Result<FormPage, Failure> {
    let read = visitor.api.get_tagged::<Institution>(&api_path(code)).await?;
    let frame = Frame::new(visitor, "/institutions");
    let texts = frame.texts;
    let title = texts.say1("remove-title", "name", &read.value.name);
    let path = format!("/institutions/{}", encoded(code));
    let mut page = FormPage::new(frame, title, format!("{path}/remove"), texts.say("institution-remove"));
    page.crumbs = crumbs(texts);
    page.crumbs.push((path, read.value.name));
    page.tag = read.tag.unwrap_or_default();
    page.is_grave = true;
    page.may_change = may_change(visitor);
    page.note = Some(Note::warn(texts.say("institution-remove-what")));
    let with_agencies = Input::new(texts, "with_agencies", Control::Flag);
    page.card(texts.say("remove-extent"), vec![with_agencies]);
    Ok(page)
}

async fn ask_removal(visitor: Visitor, Path(code): Path<String>) -> Page {
    show(&removal_page(&visitor, &code).await?)
}

async fn remove(State(desk): State<Desk>, Path(code): Path<String>, Form { visitor, fields }: Form) -> Page {
    let mut page = removal_page(&visitor, &code).await?;
    page.take(&fields);
    let path = format!("{}?with_agencies={}", api_path(&code), page.is_on("with_agencies"));
    match visitor.api.send::<Value>(Method::DELETE, &path, None, fields.filled("tag")).await {
        Ok(_) => {
            desk.seen().forget(&code);
            Ok(Redirect::to("/institutions?done=removed").into_response())
        }
        Err(problem) => {
            let problem = refusal(problem)?;
            page.fail(&problem);
            show_refused(&page, problem.status)
        }
    }
}
