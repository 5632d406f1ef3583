//! SRU 1.2 (and 1.1): from the parameters of a request to an XML answer.
//!
//! Supported are the operations `explain` and `searchRetrieve`, CQL ([`cql`](crate::cql)), records as MARCXML and as Dublin Core, and the
//! packings `xml` and `string`. Every fault of a request is answered by a diagnostic with its standard number. A
//! stylesheet is ignored. Source: the SRU 1.2 specification and list of diagnostics, Library of Congress.

mod diagnostic;
mod dublin_core;
mod explain;
mod request;
mod response;

use crate::index::Index;
use request::{Operation, Request};

/// The records of an answer if the request names no number.
pub const USUAL_RECORDS: usize = 10;

/// Where the server is, for the answer to `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The name under which the client called it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path without its first slash, such as `sru`.
    pub database: String,
}

/// Answers a request, whose parameters are given in their order.
#[must_use]
pub fn answer(index: &Index, server: &Server, parameters: &[(String, String)]) -> String {
    match Request::read(parameters) {
        Ok(request) => match &request.operation {
            Operation::Explain => explain::answer(server, request.version),
            Operation::Search(search) => match index.search(&search.search) {
                Ok(found) => response::found(&request, search, &found),
                Err(error) => response::refused(request.version, &diagnostic::Diagnostic::of_failure(&error)),
            },
        },
        Err((version, diagnostic)) => response::refused(version, &diagnostic),
    }
}

/// Escapes a text for XML, and leaves out characters that XML can't contain.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'.. => escaped.push(c),
            _ => {}
        }
    }
    escaped
}

/// Appends an element with a text.
fn element(xml: &mut String, name: &str, text: &str) {
    xml.push_str(&format!("<{name}>{}</{name}>", escaped(text)));
}
