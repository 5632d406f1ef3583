//! The lending list and the borrowing list.

use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::requests::model::{RequestList, RequestView};
use crate::scope;
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
    /// A queue of the dashboard.
    queue: String,
    /// A wait of the dashboard that takes too long.
    too_long: String,
    /// The side at which the reader's library stands; otherwise that of the list.
    side: String,
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
    /// The next step, with its day.
    next: String,
    /// How many messages the reader's libraries have not read.
    unread: u64,
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
    /// The queue or wait to which the list is narrowed.
    narrowed: Option<String>,
    title: String,
    sort: String,
    rows: Vec<Row>,
    total: u64,
    is_later_page: bool,
    /// The query of the next page.
    next: Option<String>,
    /// The query of this page, for a part that is read anew.
    query: String,
    /// The query of all pages.
    export: String,
}

pub(crate) async fn lending(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    list(&visitor, wanted, true).await
}

pub(crate) async fn borrowing(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    list(&visitor, wanted, false).await
}

/// What a list shows, from what the reader wants.
struct Chosen {
    view: &'static View,
    narrowed: Option<Narrowed>,
    side: &'static str,
    sort: &'static str,
}

impl Chosen {
    fn of(visitor: &Visitor, wanted: &Wanted, is_lending: bool) -> Self {
        let usual = if is_lending { "lender" } else { "borrower" };
        let sort = SORTS.iter().map(|(name, _)| *name).find(|name| *name == wanted.sort);
        Self {
            view: VIEWS.iter().find(|view| view.name == wanted.view).unwrap_or(&VIEWS[0]),
            narrowed: narrowed(visitor, wanted),
            side: SIDES.into_iter().find(|side| *side == wanted.side).unwrap_or(usual),
            sort: sort.unwrap_or("-placed_at"),
        }
    }

    /// Returns the query of `list_requests` that reads exactly these.
    fn query(&self, visitor: &Visitor, wanted: &Wanted) -> String {
        let which = self.narrowed.as_ref().map_or(self.view.query, |narrowed| narrowed.query.as_str());
        let mut query = format!("{which}&sort={}{}", encoded(self.sort), scope::at_side(visitor, self.side));
        if !wanted.title.trim().is_empty() {
            query.push_str(&format!("&title={}", encoded(wanted.title.trim())));
        }
        query
    }
}

/// Returns the query of `list_requests` that reads what a list shows, on all its pages.
pub(crate) fn filter(visitor: &Visitor, wanted: &Wanted, is_lending: bool) -> String {
    Chosen::of(visitor, wanted, is_lending).query(visitor, wanted)
}

async fn list(visitor: &Visitor, wanted: Wanted, is_lending: bool) -> Page {
    let path = if is_lending { "/lending" } else { "/borrowing" };
    let frame = Frame::new(visitor, path);
    let chosen = Chosen::of(visitor, &wanted, is_lending);
    let mut query = format!("{}&total=true&limit={ROWS}", chosen.query(visitor, &wanted));
    if !wanted.cursor.is_empty() {
        query.push_str(&format!("&cursor={}", encoded(&wanted.cursor)));
    }
    let Chosen { view, narrowed, side, sort } = chosen;
    let found: RequestList = visitor.api.get(&format!("/api/v1/requests?{query}")).await?;
    let texts = visitor.texts();
    let unread = found.unread_messages;
    let rows = found.requests.into_iter().map(|request| Row {
        pill: status::pill_at(texts, &request, is_lending),
        other: other(visitor, &request, is_lending),
        next: next_step(visitor, &request),
        unread: unread.get(&request.id).copied().unwrap_or_default(),
        request,
    });
    let which = narrowed.as_ref().map_or_else(|| format!("view={}", view.name), |narrowed| narrowed.query.clone());
    let shown = format!("{which}&side={side}&title={}&sort={}", encoded(wanted.title.trim()), encoded(sort));
    show(&RequestsPage {
        is_lending,
        path,
        views: VIEWS
            .iter()
            .map(|known| (known.name, texts.say(known.title), narrowed.is_none() && known.name == view.name))
            .collect(),
        sorts: SORTS.iter().map(|(name, id)| (*name, texts.say(id), *name == sort)).collect(),
        view: view.name,
        narrowed: narrowed.map(|narrowed| narrowed.words),
        title: wanted.title.trim().to_owned(),
        sort: sort.to_owned(),
        rows: rows.collect(),
        total: found.total.unwrap_or_default(),
        is_later_page: !wanted.cursor.is_empty(),
        next: found.next.map(|cursor| format!("{shown}&cursor={}", encoded(&cursor))),
        query: format!("{shown}&cursor={}", encoded(&wanted.cursor)),
        export: shown,
        frame,
    })
}

/// Returns the next step and the day by which it is due.
pub(crate) fn next_step(visitor: &Visitor, request: &RequestView) -> String {
    let texts = visitor.texts();
    let Some(next) = &request.next_step else { return String::new() };
    let words = texts.say(&format!("queue-{}", next.step));
    match &next.by {
        Some(by) => texts.say2("step-by", "step", words, "day", visitor.times.day_of(by)),
        None => words,
    }
}

/// The sides of a request, and any.
const SIDES: [&str; 4] = ["lender", "borrower", "pickup", "any"];
/// The queues and the waits of the dashboard.
const QUEUES: [&str; 10] = [
    "pick",
    "send",
    "copy_unavailable",
    "receive",
    "shelve",
    "on_hold_shelf",
    "on_loan",
    "clear_hold_shelf",
    "send_back",
    "check_in",
];
const WAITS: [&str; 5] = ["at_lender", "in_transit", "on_shelf", "overdue", "returning"];

/// A list that the dashboard opens.
struct Narrowed {
    query: String,
    words: String,
}

fn narrowed(visitor: &Visitor, wanted: &Wanted) -> Option<Narrowed> {
    let texts = visitor.texts();
    if let Some(queue) = QUEUES.into_iter().find(|queue| *queue == wanted.queue) {
        return Some(Narrowed { query: format!("queue={queue}"), words: texts.say(&format!("queue-{queue}")) });
    }
    let wait = WAITS.into_iter().find(|wait| *wait == wanted.too_long)?;
    let words = texts.say1("too-long-of", "wait", texts.say(&format!("wait-{wait}")));
    Some(Narrowed { query: format!("too_long={wait}"), words })
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
