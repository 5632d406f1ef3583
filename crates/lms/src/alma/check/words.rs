//! Findings for reads that failed, and texts of codes and names.

use super::super::errors::to_lms_error;
use crate::error::{Error, Outage};
use crate::finding::Finding;

/// Returns the finding for a read that failed. A key without rights is a fault of the set-up; any other failure proves
/// nothing about it.
pub(super) fn unread(subject: &str, error: alma::Error) -> Finding {
    unread_because(subject, &to_lms_error(error))
}

/// Returns the finding for a read that failed with this error.
pub(super) fn unread_because(subject: &str, error: &Error) -> Finding {
    match error {
        Error::Unavailable { outage: Outage::KeyRefused, .. } => Finding::missing(subject, error.to_string()),
        Error::Unavailable { outage: Outage::Unreachable, .. } => {
            cannot_read(subject, &error.to_string(), "Check base_url, and repeat the check when Alma answers.")
        }
        _ => cannot_read(subject, &error.to_string(), "Repeat the check later."),
    }
}

/// Returns the finding for something that can't be read for this reason.
pub(super) fn cannot_read(subject: &str, reason: &str, advice: &str) -> Finding {
    Finding::unknown(subject, format!("can't be read: {}. {advice}", reason.trim_end_matches('.')))
}

/// Returns a code with its name.
pub(super) fn label(code: &str, name: Option<&str>) -> String {
    name.map_or_else(|| code.to_owned(), |name| format!("{code} ({name})"))
}

/// Returns codes as a list for people.
pub(super) fn names<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    codes.collect::<Vec<_>>().join(", ")
}
