//! The state of the shared catalogue, and the harvests of each institution.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::form::Form;
use crate::forms::{Action, Cell, Done, Note, TablePage};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::set_up::institutions::Institutions;
use crate::set_up::may_change;
use crate::state::Desk;
use crate::status::Pill;
use crate::texts::Texts;
use crate::times::Times;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/harvests", get(status))
        .route("/harvests/{code}", get(harvests).post(begin))
        .route("/harvests/{code}/full", post(begin_full))
}

#[derive(Debug, Deserialize)]
struct Status {
    institutions: Vec<Source>,
    titles: u64,
    waiting_for_grouping: u64,
    waiting_for_index: u64,
}

#[derive(Debug, Deserialize)]
struct Source {
    institution: String,
    records: BTreeMap<String, u64>,
    last_harvest: Option<Harvest>,
}

#[derive(Debug, Deserialize)]
struct Harvest {
    id: i64,
    kind: String,
    state: String,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    report: Value,
}

#[derive(Debug, Deserialize)]
struct Harvests {
    harvests: Vec<Harvest>,
    requested: Option<String>,
}

async fn status(visitor: Visitor, Query(done): Query<Done>) -> Page {
    let frame = Frame::new(&visitor, "/harvests");
    let texts = frame.texts;
    let columns = ["col-institution", "col-shown", "col-suppressed", "col-deleted", "col-failed", "col-last-harvest"];
    let title = texts.say("nav-catalogue");
    let known = match visitor.api.get::<Status>("/api/v1/catalogue").await {
        Ok(status) => Some(status),
        // A hub without a catalogue.
        Err(problem) if problem.status == 409 => None,
        Err(problem) => return Err(problem.into()),
    };
    let all: Institutions = visitor.api.get("/api/v1/institutions").await?;
    let mut page = TablePage::new(frame, title, texts.say("catalogue-about"), &columns, "institutions-none");
    page.note = done.note(texts);
    let Some(known) = known else {
        page.note = Some(Note::warn(texts.say("catalogue-none")));
        return show(&page);
    };
    let numbers = [
        texts.say1("catalogue-titles", "count", known.titles),
        texts.say1("catalogue-grouping", "count", known.waiting_for_grouping),
        texts.say1("catalogue-index", "count", known.waiting_for_index),
    ];
    page.about = numbers.join(" · ");
    for institution in all.institutions {
        let source = known.institutions.iter().find(|source| source.institution == institution.code);
        let count = |state: &str| source.and_then(|source| source.records.get(state)).copied().unwrap_or_default();
        let last = source.and_then(|source| source.last_harvest.as_ref());
        page.rows.push(vec![
            Cell::link(institution.name, format!("/harvests/{}", encoded(&institution.code))).sub(institution.code),
            Cell::number(&count("shown")),
            Cell::number(&count("suppressed")),
            Cell::number(&count("deleted")),
            Cell::number(&count("failed")),
            last.map_or_else(|| Cell::text(texts.say("never")), |last| state(texts, &page.frame.times, last)),
        ]);
    }
    show(&page)
}

fn state(texts: Texts, times: &Times, harvest: &Harvest) -> Cell {
    let (tone, icon, id) = match harvest.state.as_str() {
        "done" => ("good", "check", "harvest-done"),
        "failed" => ("bad", "case", "harvest-failed"),
        _ => ("info", "clock", "harvest-running"),
    };
    let at = harvest.ended_at.unwrap_or(harvest.started_at);
    Cell::pill(Pill { tone, icon, words: format!("{}, {}", texts.say(id), times.long(&at)) })
}

async fn harvests(visitor: Visitor, Path(code): Path<String>, Query(done): Query<Done>) -> Page {
    let path = format!("/api/v1/institutions/{}/harvests", encoded(&code));
    let known: Harvests = visitor.api.get(&path).await?;
    let frame = Frame::new(&visitor, "/harvests");
    let texts = frame.texts;
    let columns = ["col-harvest", "col-kind", "col-result", "col-numbers"];
    let title = frame.libraries.of_institution(&code).to_owned();
    let mut page = TablePage::new(frame, title, texts.say("harvests-about"), &columns, "harvests-none");
    page.crumbs = vec![("/harvests".to_owned(), texts.say("nav-catalogue"))];
    page.note = done.note(texts);
    if known.requested.is_some() {
        page.note = Some(Note::warn(texts.say("harvest-requested")));
    }
    if may_change(&visitor) {
        let path = format!("/harvests/{}", encoded(&code));
        page.actions.push(Action::post(path.clone(), texts.say("harvest-changes"), "in"));
        page.actions.push(Action::post(format!("{path}/full"), texts.say("harvest-full"), "book"));
    }
    for harvest in known.harvests {
        let report = harvest.report.as_object().into_iter().flatten();
        let numbers = report.filter_map(|(name, value)| Some(format!("{name} {}", value.as_u64()?)));
        page.rows.push(vec![
            Cell::text(page.frame.times.long(&harvest.started_at)).sub(harvest.id.to_string()),
            Cell::text(texts.say(if harvest.kind == "full" { "harvest-kind-full" } else { "harvest-kind-changes" })),
            state(texts, &page.frame.times, &harvest),
            Cell::text(numbers.collect::<Vec<_>>().join(", ")),
        ]);
    }
    show(&page)
}

async fn begin(Path(code): Path<String>, Form { visitor, .. }: Form) -> Page {
    request(&visitor, &code, false).await
}

async fn begin_full(Path(code): Path<String>, Form { visitor, .. }: Form) -> Page {
    request(&visitor, &code, true).await
}

async fn request(visitor: &Visitor, code: &str, full: bool) -> Page {
    let path = format!("/api/v1/institutions/{}/harvests", encoded(code));
    visitor.api.send::<Value>(Method::POST, &path, Some(&json!({"full": full})), None).await?;
    Ok(Redirect::to(&format!("/harvests/{}?done=harvest", encoded(code))).into_response())
}
