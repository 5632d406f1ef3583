//! Translates errors of Alma's client into the errors that the engine acts on.

use std::time::Duration;

use alma::{Code, Error, Limit, Search};
use lending::Refusal;

use crate::error::Outage;

/// The remedy for a user without the patron role. New users get it by a rule of the institution.
const NO_PATRON: &str = " The user needs the active role Patron. Give it the role in Alma, and create a role assignment \
                         rule for new users of its group (`consort institution check CODE --with-test-user`).";

/// Returns the hub's error for an error of the client.
pub(crate) fn to_lms_error(error: Error) -> crate::Error {
    match error {
        Error::Refused { operation, code, message, .. } => {
            let advice = if code == Code::NotAPatron { NO_PATRON } else { "" };
            crate::Error::refused(code.to_string(), format!("Alma refused to {operation}: {message}{advice}"))
        }
        Error::NotFound { .. } => crate::Error::NotFound { what: "the record" },
        // The key belongs to the institution, whose staff will fix it. The request can wait.
        Error::Unauthorized { operation, code, .. } => crate::Error::Unavailable {
            outage: Outage::KeyRefused,
            reason: format!(
                "Alma doesn't accept the hub's API key to {operation} ({code}). The key needs Bibs and Users read/write \
                 and Configuration read; check it in the institution's Developer Network account."
            ),
            after: Some(Duration::from_secs(300)),
        },
        Error::RateLimited { limit: Limit::PerDay, .. } => crate::Error::Unavailable {
            outage: Outage::QuotaUsedUp,
            reason: "The library's daily number of Alma API calls is used up.".to_owned(),
            after: Some(Duration::from_secs(900)),
        },
        Error::RateLimited { retry_after, .. } => {
            crate::Error::Retryable { reason: "Alma takes no more calls this second.".to_owned(), after: retry_after }
        }
        // The system answers, so it isn't down; but its answer proves nothing.
        error if error.is_unexplained() && error.is_unclear() => crate::Error::Unexplained { reason: chain(&error) },
        error if error.is_unexplained() => crate::Error::InvalidResponse { what: chain(&error) },
        error @ (Error::Unreachable { .. } | Error::Unavailable { .. }) => {
            crate::Error::Unavailable { outage: Outage::Unreachable, reason: chain(&error), after: None }
        }
        error @ Error::Unclear { .. } => crate::Error::Unclear { reason: chain(&error) },
        error @ Error::Unreadable { .. } => crate::Error::Unreadable { what: chain(&error) },
        error @ Error::InvalidResponse { .. } => crate::Error::InvalidResponse { what: chain(&error) },
        error @ Error::InvalidRequest { .. } => {
            crate::Error::NotSendable(Refusal::new("CALL_NOT_POSSIBLE", format!("The hub {}.", chain(&error))))
        }
        error => crate::Error::retryable(chain(&error)),
    }
}

/// Returns the result that a list proves. A list with a row that can't be read doesn't prove that something is absent.
pub(crate) fn certain<T>(found: Search<T>, list: &'static str) -> crate::Result<Option<T>> {
    match found {
        Search::Found(found) => Ok(Some(found)),
        Search::Absent => Ok(None),
        Search::Unknown => Err(crate::Error::Unreadable {
            what: format!("a row of {list}, so that what is looked for may be there or not"),
        }),
    }
}

/// Returns an error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Returns Alma's code if the error is a refusal.
pub(crate) fn refusal_code(error: &Error) -> Option<&Code> {
    match error {
        Error::Refused { code, .. } => Some(code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_that_can_never_be_sent_is_not_retried_as_an_unreadable_answer() {
        let error =
            Error::InvalidRequest { operation: "read a user", what: "an identifier is blank or consists of dots" };
        let crate::Error::NotSendable(refusal) = to_lms_error(error) else { panic!("it would be retried without end") };
        assert_eq!(refusal.code, "CALL_NOT_POSSIBLE");
        assert!(refusal.explanation.contains("can't read a user"), "{}", refusal.explanation);
    }
}
