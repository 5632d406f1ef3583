//! The lists of requests as CSV, of any size: the next page is read when the browser has taken the one before.

use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};

use crate::api::Problem;
use crate::failure::Failure;
use crate::query::encoded;
use crate::requests::list::{Wanted, filter};
use crate::requests::model::{RequestList, RequestView};
use crate::spreadsheet::harmless;
use crate::visitor::Visitor;

/// Requests that are read at once: the most that the API gives.
const PAGE: u32 = 200;

/// The ids of the columns' names.
const COLUMNS: [&str; 12] = [
    "fact-id",
    "placed",
    "col-title",
    "volume",
    "col-status",
    "col-since",
    "side-lender",
    "col-call-number",
    "fact-barcode",
    "fact-agency",
    "fact-pickup",
    "col-due",
];

pub(crate) async fn lending(visitor: Visitor, Query(wanted): Query<Wanted>) -> Result<Response, Failure> {
    export(visitor, &wanted, true).await
}

pub(crate) async fn borrowing(visitor: Visitor, Query(wanted): Query<Wanted>) -> Result<Response, Failure> {
    export(visitor, &wanted, false).await
}

async fn export(visitor: Visitor, wanted: &Wanted, is_lending: bool) -> Result<Response, Failure> {
    let query = filter(&visitor, wanted, is_lending);
    // The first page comes before the answer begins, so that a refused filter is shown as a page.
    let first = page(&visitor, &query, None).await?;
    let head = line(COLUMNS.iter().map(|id| visitor.texts().say(id)));
    let begin = Some((visitor, query, Some(first), head));
    let lines = stream::unfold(begin, |next| async move {
        let (visitor, query, found, mut text) = next?;
        let found = found?;
        text.extend(found.requests.iter().map(|request| row(&visitor, request)));
        let Some(cursor) = found.next else { return Some((Ok::<_, std::io::Error>(text), None)) };
        match page(&visitor, &query, Some(&cursor)).await {
            Ok(page) => Some((Ok(text), Some((visitor, query, Some(page), String::new())))),
            // A file that ends early must not look complete: the browser reports a broken download.
            Err(problem) => Some((Err(std::io::Error::other(problem.detail)), None)),
        }
    });
    // The layer that compresses polls a stream beyond its end, hence `fuse`.
    let name = if is_lending { "lending" } else { "borrowing" };
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    Ok((headers, Body::from_stream(lines.fuse())).into_response())
}

async fn page(visitor: &Visitor, query: &str, cursor: Option<&str>) -> Result<RequestList, Problem> {
    let cursor = cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
    visitor.api.get(&format!("/api/v1/requests?{query}&limit={PAGE}{cursor}")).await
}

fn row(visitor: &Visitor, request: &RequestView) -> String {
    let (lender, libraries) = (request.lender.as_ref(), &visitor.libraries);
    line([
        request.id.clone(),
        visitor.times.machine(&request.placed_at),
        request.title.clone().unwrap_or_default(),
        request.volume.clone().unwrap_or_default(),
        crate::status::pill(visitor.texts(), request).words,
        visitor.times.machine(&request.status_since),
        lender.map(|lender| libraries.of_institution(&lender.institution).to_owned()).unwrap_or_default(),
        lender.and_then(|lender| lender.call_number.clone()).unwrap_or_default(),
        lender.map(|lender| lender.barcode.clone()).unwrap_or_default(),
        libraries.of_agency(&request.patron.agency).to_owned(),
        request.pickup_location.name.clone(),
        request.due.as_ref().map(|due| visitor.times.machine(due)).unwrap_or_default(),
    ])
}

/// Returns a line of CSV. A field that a spreadsheet would take for a formula begins with an apostrophe.
fn line(fields: impl IntoIterator<Item = String>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory doesn't fail, and all fields are text.
    let written = writer
        .write_record(fields.into_iter().map(|field| harmless(&field)))
        .ok()
        .and_then(|()| writer.into_inner().ok());
    written.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_with_quotes_is_quoted_and_no_field_is_a_formula() {
        let fields = ["Cats, \"dogs\"", "=1+1", "two\nlines", ""].map(str::to_owned);
        assert_eq!(line(fields), "\"Cats, \"\"dogs\"\"\",'=1+1,\"two\nlines\",\n");
    }
}
