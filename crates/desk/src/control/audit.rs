//! The audit: administrative acts, and reads of patron data.

use axum::Router;
use axum::extract::Query;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::forms::{Action, Cell, TablePage};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::spreadsheet::harmless;
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::Visitor;

/// Rows of a page.
const ROWS: u32 = 50;
/// Rows of a call for an export.
const ROWS_OF_EXPORT: u32 = 200;
/// The most rows of an export. A library's log of years has fewer.
const MOST_ROWS: usize = 100_000;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/audit", get(acts))
        .route("/audit/acts.csv", get(export_acts))
        .route("/audit/reads", get(reads))
        .route("/audit/reads.csv", get(export_reads))
}

#[derive(Debug, Deserialize)]
struct Act {
    time: Timestamp,
    actor: String,
    origin: String,
    act: String,
    object: String,
    agencies: Vec<String>,
    before: Option<Value>,
    after: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Acts {
    acts: Vec<Act>,
    next: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Read {
    time: Timestamp,
    actor: String,
    origin: String,
    operation: String,
    request_id: Option<String>,
    agency: String,
    shown: String,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Reads {
    reads: Vec<Read>,
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    actor: String,
    object: String,
    next: String,
}

impl Wanted {
    fn filter(&self) -> String {
        let filled = [("actor", self.actor.trim()), ("object", self.object.trim())];
        filled
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| format!("&{name}={}", encoded(text)))
            .collect()
    }
}

fn views(texts: Texts, present: &str) -> Vec<(String, String, bool)> {
    let all = [("/audit", "audit-acts"), ("/audit/reads", "audit-reads")];
    all.iter().map(|(path, id)| ((*path).to_owned(), texts.say(id), *path == present)).collect()
}

async fn some_acts(visitor: &Visitor, wanted: &Wanted, rows: u32, before: &str) -> Result<Acts, Failure> {
    let before = if before.is_empty() { String::new() } else { format!("&before={}", encoded(before)) };
    let path = format!("/api/v1/audit?limit={rows}{}{before}", wanted.filter());
    Ok(visitor.api.get(&path).await?)
}

async fn some_reads(visitor: &Visitor, wanted: &Wanted, rows: u32, cursor: &str) -> Result<Reads, Failure> {
    let cursor = if cursor.is_empty() { String::new() } else { format!("&cursor={}", encoded(cursor)) };
    let actor = Wanted { object: String::new(), actor: wanted.actor.clone(), next: String::new() }.filter();
    Ok(visitor.api.get(&format!("/api/v1/reads?limit={rows}{actor}{cursor}")).await?)
}

async fn acts(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    let found = some_acts(&visitor, &wanted, ROWS, &wanted.next).await?;
    let frame = Frame::new(&visitor, "/audit");
    let texts = frame.texts;
    let columns = ["col-time", "col-actor", "col-act", "col-changed"];
    let mut page = TablePage::new(frame, texts.say("nav-audit"), texts.say("audit-about"), &columns, "audit-none");
    page.views = views(texts, "/audit");
    page.filters = vec![
        ("actor", texts.say("col-actor"), wanted.actor.clone()),
        ("object", texts.say("col-object"), wanted.object.clone()),
    ];
    let export = format!("/audit/acts.csv?{}", wanted.filter().trim_start_matches('&'));
    page.actions.push(Action::link(export, texts.say("audit-export"), "file"));
    page.next = found.next.map(|next| format!("/audit?next={next}{}", wanted.filter()));
    let times = &page.frame.times;
    let rows = found.acts.into_iter().map(|act| {
        vec![
            Cell::text(times.long(&act.time)),
            Cell::text(act.actor).sub(act.origin),
            Cell::text(act.object).sub(act.act),
            Cell::text(differences(act.before.as_ref(), act.after.as_ref()).join("; ")),
        ]
    });
    page.rows = rows.collect();
    show(&page)
}

/// Returns what differs between the states of an object, each with the path of the part.
fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<String>) {
    let is_nothing = |value: Option<&Value>| value.is_none_or(Value::is_null);
    if before == after || (is_nothing(before) && is_nothing(after)) {
        return;
    }
    let empty = serde_json::Map::new();
    let table = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned();
    match (table(before), table(after)) {
        (None, None) => {
            let text = |value: Option<&Value>| match value {
                None | Some(Value::Null) => "–".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            found.push(format!("{path}: {} → {}", text(before), text(after)));
        }
        (before, after) => {
            let (before, after) = (before.as_ref().unwrap_or(&empty), after.as_ref().unwrap_or(&empty));
            let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, before.get(name), after.get(name), found);
            }
        }
    }
}

async fn reads(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    let found = some_reads(&visitor, &wanted, ROWS, &wanted.next).await?;
    let frame = Frame::new(&visitor, "/audit");
    let texts = frame.texts;
    let columns = ["col-time", "col-actor", "col-request", "col-agency", "col-shown-data", "reason"];
    let mut page = TablePage::new(frame, texts.say("nav-audit"), texts.say("reads-about"), &columns, "reads-none");
    page.views = views(texts, "/audit/reads");
    page.filters = vec![("actor", texts.say("col-actor"), wanted.actor.clone())];
    let export = format!("/audit/reads.csv?{}", wanted.filter().trim_start_matches('&'));
    page.actions.push(Action::link(export, texts.say("audit-export"), "file"));
    page.next = found.next.map(|next| format!("/audit/reads?next={}{}", encoded(&next), wanted.filter()));
    let (times, libraries) = (&page.frame.times, &page.frame.libraries);
    let rows = found.reads.into_iter().map(|read| {
        let request = read.request_id.map_or_else(Cell::default, |id| {
            Cell::link(id.chars().take(8).collect::<String>(), format!("/requests/{id}"))
        });
        let shown = format!("shown-data-{}", read.shown);
        vec![
            Cell::text(times.long(&read.time)),
            Cell::text(read.actor).sub(read.origin),
            request,
            Cell::text(libraries.of_agency(&read.agency)),
            Cell::text(if texts.has(&shown) { texts.say(&shown) } else { read.shown }).sub(read.operation),
            Cell::text(read.reason.unwrap_or_default()),
        ]
    });
    page.rows = rows.collect();
    show(&page)
}

fn file(name: &str, rows: Vec<Vec<String>>) -> Page {
    let mut file = csv::Writer::from_writer(Vec::new());
    for row in rows {
        file.write_record(row).map_err(|_| Failure::Internal)?;
    }
    let bytes = file.into_inner().map_err(|_| Failure::Internal)?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}

async fn export_acts(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    let head = ["time", "actor", "origin", "act", "object", "agencies", "before", "after"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    let mut next = String::new();
    loop {
        let found = some_acts(&visitor, &wanted, ROWS_OF_EXPORT, &next).await?;
        let json = |value: Option<Value>| value.map(|value| value.to_string()).unwrap_or_default();
        rows.extend(found.acts.into_iter().map(|act| {
            vec![
                act.time.to_string(),
                harmless(&act.actor),
                act.origin,
                act.act,
                harmless(&act.object),
                act.agencies.join(" "),
                json(act.before),
                json(act.after),
            ]
        }));
        match found.next.filter(|_| rows.len() < MOST_ROWS) {
            Some(place) => next = place.to_string(),
            None => return file("acts.csv", rows),
        }
    }
}

async fn export_reads(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    let head = ["time", "actor", "origin", "operation", "request", "agency", "shown", "reason"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    let mut next = String::new();
    loop {
        let found = some_reads(&visitor, &wanted, ROWS_OF_EXPORT, &next).await?;
        rows.extend(found.reads.into_iter().map(|read| {
            vec![
                read.time.to_string(),
                harmless(&read.actor),
                read.origin,
                read.operation,
                read.request_id.unwrap_or_default(),
                read.agency,
                read.shown,
                harmless(&read.reason.unwrap_or_default()),
            ]
        }));
        match found.next.filter(|_| rows.len() < MOST_ROWS) {
            Some(place) => next = place,
            None => return file("reads.csv", rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_each_part_that_changed() {
        let before = json!({"name": "North", "rules": {"lends": true, "borrows": true}});
        let after = json!({"name": "North", "rules": {"lends": false, "borrows": true}, "library": "MAIN"});
        assert_eq!(differences(Some(&before), Some(&after)), ["library: – → MAIN", "rules.lends: true → false"]);
        assert_eq!(differences(None, Some(&json!({"name": "North", "library": null}))), ["name: – → North"]);
        assert!(differences(Some(&before), Some(&before)).is_empty());
    }

    #[test]
    fn text_of_an_export_is_no_formula() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("ann.north"), "ann.north");
    }
}
