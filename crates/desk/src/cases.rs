//! The cases: lost, missing, damaged and claimed items, which the libraries settle between them.

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;

use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::requests::model::RequestView;
use crate::scope;
use crate::state::Desk;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/cases", get(cases))
}

/// The kinds of cases, as the API names them.
const KINDS: [&str; 5] = ["lost", "missing_in_transit", "missing_at_pickup", "claimed_returned", "damaged"];

#[derive(Debug, Deserialize)]
struct CaseList {
    cases: Vec<Case>,
    total: u64,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Case {
    kinds: Vec<String>,
    since: Timestamp,
    deadline: Timestamp,
    late: bool,
    acts: String,
    unread_messages: u64,
    request: RequestView,
}

/// A case as a row.
#[derive(Debug)]
struct Row {
    case: Case,
    kinds: String,
    acts: String,
    lender: String,
    borrower: String,
}

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    frame: Frame,
    /// The kinds: name, words, whether it is the present one.
    kinds: Vec<(&'static str, String, bool)>,
    is_all: bool,
    rows: Vec<Row>,
    total: u64,
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    kind: String,
    cursor: String,
}

async fn cases(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    let kind = KINDS.into_iter().find(|kind| *kind == wanted.kind);
    let mut query = format!("limit=50&{}", scope::of_agency(&visitor));
    for (name, value) in [("kind", kind.unwrap_or_default()), ("cursor", wanted.cursor.as_str())] {
        if !value.is_empty() {
            query.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    let found: CaseList = visitor.api.get(&format!("/api/v1/cases?{query}")).await?;
    let frame = Frame::new(&visitor, "/cases");
    let texts = frame.texts;
    let words = |kind: &str| texts.say(&format!("condition-{kind}"));
    let rows = found.cases.into_iter().map(|case| Row {
        kinds: case.kinds.iter().map(|kind| words(kind)).collect::<Vec<_>>().join(", "),
        acts: texts.say(&format!("side-{}", case.acts)),
        lender: case
            .request
            .lender
            .as_ref()
            .map_or_else(String::new, |lender| visitor.libraries.of_institution(&lender.institution).to_owned()),
        borrower: visitor.libraries.of_agency(&case.request.patron.agency).to_owned(),
        case,
    });
    show(&CasesPage {
        kinds: KINDS.into_iter().map(|known| (known, words(known), Some(known) == kind)).collect(),
        is_all: kind.is_none(),
        rows: rows.collect(),
        total: found.total,
        next: found.next.map(|cursor| format!("kind={}&cursor={}", kind.unwrap_or_default(), encoded(&cursor))),
        frame,
    })
}
