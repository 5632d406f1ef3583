//! The faults of a new request, with texts for staff and for the patron.

use lending::RequestId;

/// A fault of a new request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValidationError {
    /// The faulty part of the request, such as `pickup_location`.
    pub field: String,
    /// A stable code, such as `UNKNOWN_PICKUP_LOCATION`.
    pub code: &'static str,
    /// A sentence for staff: the fault and its solution.
    pub message: String,
    /// A sentence for the patron, who can't fix the hub's set-up.
    pub patron_message: &'static str,
    /// The request that stands in the way, if one does.
    pub request: Option<RequestId>,
}

impl ValidationError {
    /// Creates a fault of one part of the request.
    pub(crate) fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into(), patron_message: patron_message(code), request: None }
    }
}

fn patron_message(code: &str) -> &'static str {
    match code {
        "PATRON_NOT_NAMED" => "Please sign in or give your library card's number.",
        "UNKNOWN_PICKUP_LOCATION" | "PICKUP_ELSEWHERE" | "PICKUP_NOT_AT_LENDER" | "PICKUP_AT_LENDER" => {
            "Please choose another place to collect the item."
        }
        "NO_COPY" | "NO_CATALOGUE" | "TITLE_NOT_HELD" | "COPY_NOT_NAMED" | "UNKNOWN_INSTITUTION" | "NOT_LENDING" => {
            "This item can't be borrowed from another library at the moment."
        }
        "UNKNOWN_TITLE" => "This title is not in the catalogue any more. Please search for it again.",
        "OWN_COPY" => "Your own library has this item; please request it there.",
        "NOT_BORROWING" => "Your library doesn't borrow from other libraries at the moment.",
        "NEEDED_UNTIL_PAST" => "Please choose a later date.",
        "DUPLICATE_REQUEST" => "You have requested this item already.",
        _ => "Your library could not take the request. Please ask its staff.",
    }
}
