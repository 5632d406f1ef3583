//! Orphans of an institution: records and holds with the hub's marker that belong to no request.

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::Method;
use axum::routing::get;
use serde::Deserialize;

use crate::failure::Failure;
use crate::form::Form;
use crate::forms::{Action, Cell, Note, TablePage};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::set_up::institutions::{Institution, api_path, views};
use crate::set_up::may_change;
use crate::state::Desk;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/institutions/{code}/orphans", get(orphans).post(remove))
}

#[derive(Debug, Deserialize)]
struct Report {
    requests: u64,
    orphans: Vec<Orphan>,
}

#[derive(Debug, Deserialize)]
struct Orphan {
    kind: String,
    id: String,
    request: String,
    removed: Option<bool>,
    problem: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    /// Days to go back. Without a number nothing is searched: a search costs calls.
    days: String,
}

async fn page(visitor: &Visitor, code: &str, report: Option<Report>, days: &str) -> Result<TablePage, Failure> {
    let institution: Institution = visitor.api.get(&api_path(code)).await?;
    let frame = Frame::new(visitor, "/institutions");
    let texts = frame.texts;
    let columns = ["col-kind", "col-id", "col-request", "col-result"];
    let empty = if report.is_some() { "orphans-none" } else { "orphans-not-searched" };
    let mut page = TablePage::new(frame, institution.name, texts.say("orphans-about"), &columns, empty);
    page.crumbs = vec![("/institutions".to_owned(), texts.say("nav-institutions"))];
    page.views = views(texts, code, "/orphans");
    page.filters = vec![("days", texts.say("orphans-days"), if days.is_empty() { "30" } else { days }.to_owned())];
    let Some(report) = report else { return Ok(page) };
    page.note = Some(Note::good(texts.say1("orphans-searched", "count", report.requests)));
    let are_left = report.orphans.iter().any(|orphan| orphan.removed != Some(true));
    if may_change(visitor) && are_left {
        let path = format!("/institutions/{}/orphans?days={}", encoded(code), encoded(days));
        page.actions.push(Action { what: "remove", ..Action::post(path, texts.say("orphans-remove"), "x") });
    }
    for orphan in report.orphans {
        let result = match (orphan.removed, orphan.problem) {
            (_, Some(problem)) => problem,
            (Some(true), None) => texts.say("orphan-removed"),
            _ => String::new(),
        };
        page.rows.push(vec![
            Cell::text(texts.say(if orphan.kind == "record" { "orphan-record" } else { "orphan-hold" })),
            Cell::code(orphan.id),
            Cell::link(orphan.request.clone(), format!("/requests/{}", orphan.request)),
            Cell::text(result),
        ]);
    }
    Ok(page)
}

async fn orphans(visitor: Visitor, Path(code): Path<String>, Query(wanted): Query<Wanted>) -> Page {
    let days = wanted.days.trim();
    let report = match days.is_empty() {
        true => None,
        false => {
            let path = format!("{}/orphans?all=true&days={}", api_path(&code), encoded(days));
            Some(visitor.api.get::<Report>(&path).await?)
        }
    };
    show(&page(&visitor, &code, report, days).await?)
}

async fn remove(Path(code): Path<String>, Query(wanted): Query<Wanted>, Form { visitor, .. }: Form) -> Page {
    let days = wanted.days.trim();
    let path = format!("{}/orphans?all=true&days={}", api_path(&code), encoded(days));
    let report = visitor.api.send::<Report>(Method::DELETE, &path, None, None).await?;
    show(&page(&visitor, &code, Some(report), days).await?)
}
