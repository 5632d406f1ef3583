//! Queries of the shared catalogue.

use search::{Sort, cql, plain};

/// Reads a query in CQL. It is refused with a place inside it, or printed so that it reads the same.
pub fn cql_query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match cql::parse(&text) {
        Ok(parsed) => {
            let printed = cql::print(&parsed.query, parsed.sort);
            // Quotation marks and escapes can make a query longer than what is allowed.
            if printed.len() <= search::query::Limits::BYTES {
                assert_eq!(cql::parse(&printed).as_ref(), Ok(&parsed), "{printed}");
            }
        }
        Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.position), "{error}"),
    }
    if let Ok(query) = plain::parse(&text) {
        let _ = (plain::print(&query), cql::print(&query, Sort::Relevance));
    }
}
