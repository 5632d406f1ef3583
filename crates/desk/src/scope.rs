//! Whose requests a page shows: those of the agency that the reader chose, or of all their agencies.

use crate::query::encoded;
use crate::visitor::Visitor;

/// Returns the part of a query of `list_requests` for a side. The consortium admin sees all requests, at no side.
pub(crate) fn at_side(visitor: &Visitor, side: &str) -> String {
    match &visitor.agency {
        Some(agency) => format!("&side={side}&agency={}", encoded(agency.as_str())),
        None if visitor.caller.is_consortium_admin() => String::new(),
        None => format!("&side={side}"),
    }
}

/// Returns the query for the operations that count, such as `get_work`.
pub(crate) fn of_agency(visitor: &Visitor) -> String {
    visitor.agency.as_ref().map(|agency| format!("agency={}", encoded(agency.as_str()))).unwrap_or_default()
}
