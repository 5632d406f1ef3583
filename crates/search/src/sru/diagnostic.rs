//! The diagnostics of SRU by their standard numbers.

use crate::error::Error;
use crate::query::{Problem, QueryError};

/// A fault of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diagnostic {
    pub(super) number: u16,
    pub(super) details: String,
    pub(super) message: String,
}

impl Diagnostic {
    pub(super) fn new(number: u16, details: &str, message: impl Into<String>) -> Self {
        Self { number, details: details.to_owned(), message: message.into() }
    }

    pub(super) fn of_failure(error: &Error) -> Self {
        match error {
            Error::TooFar { most, .. } => Self::new(61, &most.to_string(), error.to_string()),
            _ => Self::new(1, "", "The index failed. Try again later."),
        }
    }

    pub(super) fn of_query(error: &QueryError) -> Self {
        let (number, details) = match &error.problem {
            Problem::TooLong => (12, ""),
            Problem::TooManyClauses => (38, ""),
            Problem::UnknownContextSet(set) => (15, set.as_str()),
            Problem::UnknownIndex(index) | Problem::UnknownSort(index) => (16, index.as_str()),
            Problem::UnknownRelation(relation) => (19, relation.as_str()),
            Problem::NoOrder => (19, ""),
            Problem::RelationModifier(modifier) => (20, modifier.as_str()),
            Problem::NoWord => (27, ""),
            Problem::MaskInPhrase => (28, ""),
            Problem::MaskTooEarly => (29, ""),
            Problem::Anchor => (31, ""),
            Problem::NoYear(year) => (36, year.as_str()),
            Problem::Proximity => (39, ""),
            Problem::BooleanModifier(modifier) => (46, modifier.as_str()),
            Problem::TooDeep | Problem::TooManyWords | Problem::NothingWanted => (48, ""),
            _ => (10, ""),
        };
        Self::new(number, details, error.to_string())
    }
}
