//! The refusals of the simulated Alma: one error type for REST and for staff actions.

use crate::options::BadKey;

/// A refusal with Alma's code and text. REST answers it in the error envelope; staff actions return it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// HTTP status: 400 for nearly everything.
    pub status: u16,
    /// Alma's error code; a word if the gateway refuses.
    pub code: String,
    /// Alma's text.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Refusal {
        Refusal { status: 400, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn unauthorized() -> Refusal {
        Refusal::new("UNAUTHORIZED", "API-key not defined or not configured to allow this API.")
    }

    /// The refusal of a key that isn't valid (any more). No source has recorded the texts that go with 403.
    pub(crate) fn bad_key(answer: BadKey) -> Refusal {
        match answer {
            BadKey::Unauthorized => Refusal::unauthorized(),
            BadKey::Forbidden => Refusal { status: 403, ..Refusal::new("FORBIDDEN", "Forbidden.") },
            BadKey::InvalidRequest => Refusal { status: 403, ..Refusal::new("INVALID_REQUEST", "Invalid API Key.") },
        }
    }

    pub(crate) fn general() -> Refusal {
        Refusal::new("401652", "General Error: An error has occurred while processing the request.")
    }

    pub(crate) fn missing(field: &str) -> Refusal {
        Refusal::new("401664", format!("Mandatory field is missing: {field}"))
    }

    pub(crate) fn no_user(id: &str) -> Refusal {
        Refusal::new("401861", format!("User with identifier {id} was not found."))
    }

    /// The second text for an unknown user, which the calls on a user's requests and loans use.
    pub(crate) fn no_user_of_type(id: &str, kind: &str) -> Refusal {
        Refusal::new("401890", format!("User with identifier {id} of type {kind} was not found."))
    }

    pub(crate) fn no_bib(mms: &str) -> Refusal {
        Refusal::new("402203", format!("Input parameters mmsId {mms} is not valid."))
    }

    pub(crate) fn no_barcode(barcode: &str) -> Refusal {
        Refusal::new("401689", format!("No items found for barcode {barcode}."))
    }

    pub(crate) fn no_request() -> Refusal {
        Refusal::new("401694", "Request Identifier not found.")
    }

    pub(crate) fn no_loan(id: &str) -> Refusal {
        Refusal::new("401823", format!("Loan ID {id} does not exist."))
    }

    pub(crate) fn not_requestable() -> Refusal {
        Refusal::new("401129", "No items can fulfill the submitted request.")
    }

    pub(crate) fn bad_field(field: &str, value: &str) -> Refusal {
        Refusal::new("40166404", format!("Given field {field} has invalid value {value}."))
    }

    pub(crate) fn bad_parameter(name: &str) -> Refusal {
        Refusal::new("40166411", format!("Parameter value is invalid: {name}"))
    }
}
