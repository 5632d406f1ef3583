//! The faults of a new request, with texts for staff. `messages` has the sentences for patrons, by the codes.

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
    /// The request that stands in the way, if one does.
    pub request: Option<RequestId>,
}

impl ValidationError {
    /// Creates a fault of one part of the request.
    pub(crate) fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into(), request: None }
    }
}
