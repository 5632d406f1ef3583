//! The lending list and the borrowing list.

use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::requests::model::{RequestList, RequestView};
use crate::status::{self, Pill};
use crate::visitor::Visitor;

/// Rows of a page.
const ROWS: u32 = 50;

/// A list that every reader has: its name in addresses, the id of its title, and its part of the query.
struct View {
    name: &'static str,
    title: &'static str,
    query: &'static str,
}

/// The views of both lists, in their order. The first is the usual one.
const VIEWS: [View; 7] = [
    View { name: "open", title: "view-open", query: "open=true" },
    View { name: "decide", title: "view-decide", query: "needs_staff=true" },
    View {
        name: "waiting",
        title: "view-waiting",
        query: "status=CONFIRMED,REQUEST_PLACED_AT_BORROWING_AGENCY,REQUEST_PLACED_AT_PICKUP_AGENCY",
    },
    View { name: "transit", title: "view-transit", query: "status=PICKUP_TRANSIT,RECEIVED_AT_PICKUP" },
    View { name: "shelf", title: "view-shelf", query: "status=READY_FOR_PICKUP" },
    View { name: "loan", title: "view-loan", query: "status=LOANED" },
    View { name: "returning", title: "view-returning", query: "status=RETURN_TRANSIT" },
];

/// The orders of a list: as the API names them, and the id of the name.
const SORTS: [(&str, &str); 5] = [
    ("-placed_at", "sort-newest"),
    ("placed_at", "sort-oldest"),
    ("-updated_at", "sort-changed"),
    ("updated_at", "sort-unchanged"),
    ("title", "sort-title"),
];

/// What the reader wants to see.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    view: String,
    title: String,
    sort: String,
    cursor: String,
}

/// A row of the list.
#[derive(Debug)]
struct Row {
    request: RequestView,
    pill: Pill,
    /// The other library: where the item goes, or from where it comes.
    other: String,
}

/// The lending or the borrowing list.
#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    frame: Frame,
    is_lending: bool,
    path: &'static str,
    /// The views: name, title, whether it is the present one.
    views: Vec<(&'static str, String, bool)>,
    /// The orders: name, title, whether it is the present one.
    sorts: Vec<(&'static str, String, bool)>,
    view: &'static str,
    title: String,
    sort: String,
    rows: Vec<Row>,
    total: u64,
    is_later_page: bool,
    /// The query of the next page.
    next: Option<String>,
    /// The query of this page, for a part that is read anew.
    query: String,
}

pub(crate) async fn lending(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    list(&visitor, wanted, true).await
}

pub(crate) async fn borrowing(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    list(&visitor, wanted, false).await
}

async fn list(visitor: &Visitor, wanted: Wanted, is_lending: bool) -> Page {
    let path = if is_lending { "/lending" } else { "/borrowing" };
    let frame = Frame::new(visitor, path);
    let view = VIEWS.iter().find(|view| view.name == wanted.view).unwrap_or(&VIEWS[0]);
    let sort = SORTS.iter().map(|(name, _)| *name).find(|name| *name == wanted.sort).unwrap_or("-placed_at");
    let mut query = format!("{}&total=true&limit={ROWS}&sort={}", view.query, encoded(sort));
    //SIDE query.push_str(if is_lending { "&side=lender" } else { "&side=borrower" });
    for (name, value) in [("title", &wanted.title), ("cursor", &wanted.cursor)] {
        if !value.trim().is_empty() {
            query.push_str(&format!("&{name}={}", encoded(value.trim())));
        }
    }
    let found: RequestList = visitor.api.get(&format!("/api/v1/requests?{query}")).await?;
    let texts = visitor.texts();
    let rows = found.requests.into_iter().map(|request| Row {
        pill: status::pill(texts, &request),
        other: other(visitor, &request, is_lending),
        request,
    });
    let shown = format!("view={}&title={}&sort={}", view.name, encoded(wanted.title.trim()), encoded(sort));
    show(&RequestsPage {
        is_lending,
        path,
        views: VIEWS.iter().map(|known| (known.name, texts.say(known.title), known.name == view.name)).collect(),
        sorts: SORTS.iter().map(|(name, id)| (*name, texts.say(id), *name == sort)).collect(),
        view: view.name,
        title: wanted.title.trim().to_owned(),
        sort: sort.to_owned(),
        rows: rows.collect(),
        total: found.total.unwrap_or_default(),
        is_later_page: !wanted.cursor.is_empty(),
        next: found.next.map(|cursor| format!("{shown}&cursor={}", encoded(&cursor))),
        query: format!("{shown}&cursor={}", encoded(&wanted.cursor)),
        frame,
    })
}

fn other(visitor: &Visitor, request: &RequestView, is_lending: bool) -> String {
    if is_lending {
        request.pickup_location.name.clone()
    } else {
        let lender = request.lender.as_ref();
        lender.map(|lender| visitor.libraries.of_institution(&lender.institution).to_owned()).unwrap_or_default()
    }
}

/// What somebody typed or scanned into the search of the bar.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Find {
    q: String,
}

/// Finds what was typed or scanned: a request by its id or by a barcode, otherwise titles.
pub(crate) async fn find(visitor: Visitor, Query(Find { q }): Query<Find>) -> Page {
    let text = q.trim();
    if text.parse::<lending::RequestId>().is_ok() {
        return Ok(Redirect::to(&format!("/requests/{text}")).into_response());
    }
    let by_barcode = format!("/api/v1/requests?limit=2&barcode={}", encoded(text));
    if !text.is_empty()
        && let Ok(found) = visitor.api.get::<RequestList>(&by_barcode).await
        && let [request] = found.requests.as_slice()
    {
        return Ok(Redirect::to(&format!("/requests/{}", request.id)).into_response());
    }
    Ok(Redirect::to(&format!("/lending?title={}", encoded(text))).into_response())
}
