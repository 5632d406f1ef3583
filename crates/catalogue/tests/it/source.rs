//! An OAI-PMH server over real sockets, whose records and faults a test sets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use marc::marcxml::{Namespace, write};
use marc::{Leader, Record};

/// A record of the source.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    datestamp: i64,
    /// MARCXML; none if it was deleted.
    xml: Option<String>,
}

#[derive(Debug)]
struct Inner {
    records: BTreeMap<String, Entry>,
    page_size: usize,
    /// Further pages until the server fails with HTTP 500 and status "gone"; none if it never does.
    pages_left: Option<usize>,
    pages: usize,
    last_from: Option<String>,
    /// Records that pages of records leave out.
    hidden: BTreeSet<String>,
    /// Whether the server knows ListIdentifiers.
    lists_ids: bool,
}

/// The server. It ends with the test.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    inner: Arc<Mutex<Inner>>,
    address: std::net::SocketAddr,
}

impl Source {
    pub(crate) async fn start() -> Self {
        let inner = Inner {
            records: BTreeMap::new(),
            page_size: 10,
            pages_left: None,
            pages: 0,
            last_from: None,
            hidden: BTreeSet::new(),
            lists_ids: true,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = Self { inner: Arc::new(Mutex::new(inner)), address: listener.local_addr().unwrap() };
        let router = axum::Router::new().fallback(answer).with_state(source.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        source
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/oai", self.address)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds or replaces a record. Datestamps are seconds.
    pub(crate) fn put(&self, id: &str, datestamp: i64, record: &Record) {
        self.put_xml(id, datestamp, &write(record, Namespace::Slim).content);
    }

    pub(crate) fn put_xml(&self, id: &str, datestamp: i64, xml: &str) {
        let entry = Entry { datestamp, xml: Some(xml.to_owned()) };
        self.with(|inner| inner.records.insert(id.to_owned(), entry));
    }

    /// Deletes a record and leaves its header.
    pub(crate) fn delete(&self, id: &str, datestamp: i64) {
        self.with(|inner| inner.records.insert(id.to_owned(), Entry { datestamp, xml: None }));
    }

    /// Removes a record without a trace, as a repository without deleted headers does.
    pub(crate) fn forget(&self, id: &str) {
        self.with(|inner| inner.records.remove(id));
    }

    /// Leaves a record out of the pages, though the list of ids and the counts have it.
    pub(crate) fn hide(&self, id: &str) {
        self.with(|inner| inner.hidden.insert(id.to_owned()));
    }

    /// Lets the server refuse to list ids.
    pub(crate) fn refuse_ids(&self) {
        self.with(|inner| inner.lists_ids = false);
    }

    /// Lets the server fail after so many further pages; `None` lets it work.
    pub(crate) fn fail_after(&self, pages: Option<usize>) {
        self.with(|inner| inner.pages_left = pages);
    }

    /// Returns the number of pages that were answered.
    pub(crate) fn pages(&self) -> usize {
        self.with(|inner| inner.pages)
    }

    /// Returns the argument `from` of the last list without a token.
    pub(crate) fn last_from(&self) -> Option<String> {
        self.with(|inner| inner.last_from.clone())
    }
}

/// A book with this title.
pub(crate) fn book(title: &str) -> Record {
    Record::builder()
        .leader("00000cam a2200000 a 4500".parse::<Leader>().unwrap())
        .control("008", "990802s2000    mau      b    001 0 eng  ")
        .data("245", '1', '0', [('a', title)])
        .build()
}

async fn answer(State(source): State<Source>, Query(arguments): Query<HashMap<String, String>>) -> impl IntoResponse {
    source.with(|inner| respond(inner, &arguments))
}

fn stamp(second: i64) -> String {
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

fn respond(inner: &mut Inner, arguments: &HashMap<String, String>) -> (StatusCode, String) {
    let argument = |name: &str| arguments.get(name).map(String::as_str);
    let body = match argument("verb") {
        Some("Identify") => "<Identify><repositoryName>Test</repositoryName><baseURL>x</baseURL>\
             <protocolVersion>2.0</protocolVersion><earliestDatestamp>2000-01-01T00:00:00Z</earliestDatestamp>\
             <deletedRecord>persistent</deletedRecord><granularity>YYYY-MM-DDThh:mm:ssZ</granularity></Identify>"
            .to_owned(),
        Some("ListRecords") => match inner.pages_left {
            Some(0) => return (StatusCode::GONE, "the server is gone".to_owned()),
            left => {
                inner.pages_left = left.map(|left| left - 1);
                inner.pages += 1;
                list(inner, argument("resumptionToken"), argument("from"), false)
            }
        },
        Some("ListIdentifiers") if inner.lists_ids => list(inner, argument("resumptionToken"), argument("from"), true),
        _ => "<error code=\"badVerb\">?</error>".to_owned(),
    };
    let text = format!(
        "<OAI-PMH xmlns=\"http://www.openarchives.org/OAI/2.0/\"><responseDate>2026-11-30T12:00:00Z</responseDate>\
         <request>x</request>{body}</OAI-PMH>"
    );
    (StatusCode::OK, text)
}

/// The token is `from/offset`.
fn list(inner: &mut Inner, token: Option<&str>, from: Option<&str>, ids: bool) -> String {
    let (from, offset) = match token.and_then(|token| token.split_once('/')) {
        Some((from, offset)) => (from.to_owned(), offset.parse().unwrap()),
        None => {
            inner.last_from = from.map(str::to_owned);
            (from.unwrap_or_default().to_owned(), 0)
        }
    };
    let mut all: Vec<(&String, &Entry)> =
        inner.records.iter().filter(|(_, entry)| stamp(entry.datestamp) >= from).collect();
    all.sort_by_key(|(id, entry)| (entry.datestamp, id.to_owned()));
    if all.is_empty() {
        return "<error code=\"noRecordsMatch\">nothing</error>".to_owned();
    }
    let verb = if ids { "ListIdentifiers" } else { "ListRecords" };
    let mut out = format!("<{verb}>");
    for (id, entry) in all.iter().skip(offset).take(inner.page_size) {
        let status = if entry.xml.is_none() { " status=\"deleted\"" } else { "" };
        let header = format!(
            "<header{status}><identifier>oai:test:{id}</identifier><datestamp>{}</datestamp></header>",
            stamp(entry.datestamp)
        );
        if ids {
            out.push_str(&header);
            continue;
        }
        if inner.hidden.contains(id.as_str()) {
            continue;
        }
        let _ = write!(out, "<record>{header}");
        if let Some(xml) = &entry.xml {
            let _ = write!(out, "<metadata>{xml}</metadata>");
        }
        out.push_str("</record>");
    }
    let next = offset + inner.page_size;
    let total = all.len();
    let token = if next < total { format!("{from}/{next}") } else { String::new() };
    let _ = write!(out, "<resumptionToken completeListSize=\"{total}\">{token}</resumptionToken></{verb}>");
    out
}
