//! Decides whether a failed request is made again, and when.

use std::time::Duration;

use jiff::Timestamp;

use crate::diagnosis::Diagnosis;
use crate::error::Error;

/// How often and when a request that failed is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most tries of one request, the first included (default 8).
    pub tries: u32,
    /// The wait before the second try, if the server names none; it doubles with each try (default 1 s).
    pub first_wait: Duration,
    /// The longest wait that the client chooses itself (default 60 s).
    pub longest_wait: Duration,
    /// The longest wait that a server may ask for (default 1 h). A harvest that is asked for more ends with an error,
    /// and can be resumed later.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 8,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            longest_retry_after: Duration::from_secs(3600),
        }
    }
}

/// A failure that may pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the connection failed: {}", cause(.0))]
    Connection(reqwest::Error),
    #[error("the server is busy ({status})")]
    Busy { status: u16, retry_after: Option<Duration> },
    #[error("the server failed ({status})")]
    Server { status: u16, head: String },
    #[error("the page ended before its list did")]
    Truncated,
}

/// The innermost reason of a failed request, which is what a person needs.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// The tries of one request.
#[derive(Debug, Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Returns how long to wait before the next try, or the error if there is none.
    pub(crate) fn after(&mut self, failure: Failure, policy: &RetryPolicy) -> Result<Duration, Error> {
        self.0 += 1;
        let own = policy.first_wait.saturating_mul(1 << (self.0 - 1).min(16)).min(policy.longest_wait);
        let wait = match &failure {
            Failure::Busy { retry_after: Some(wait), .. } => *wait,
            _ => own,
        };
        if self.0 < policy.tries && (wait <= policy.longest_retry_after) {
            return Ok(wait);
        }
        let tries = self.0;
        Err(match failure {
            Failure::Connection(source) => Error::Unreachable { tries, source },
            Failure::Busy { status, retry_after } => Error::Busy { status, tries, retry_after },
            Failure::Server { status, head } => {
                let (diagnosis, excerpt) = (Diagnosis::of(&head), crate::diagnosis::excerpt(&head));
                Error::Status { status, diagnosis, excerpt }
            }
            Failure::Truncated => Error::Truncated { tries },
        })
    }
}

/// Reads `Retry-After`: seconds or a date.
pub(crate) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:48:37 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-5", now), None);
    }

    #[test]
    fn waits_double_up_to_a_maximum_and_end() {
        let policy = RetryPolicy { tries: 5, longest_wait: Duration::from_secs(5), ..RetryPolicy::default() };
        let mut tries = Tries::default();
        let waits: Vec<_> = (0..4).map(|_| tries.after(Failure::Truncated, &policy).unwrap().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5]);
        assert!(matches!(tries.after(Failure::Truncated, &policy), Err(Error::Truncated { tries: 5 })));
        let busy = Failure::Busy { status: 503, retry_after: Some(Duration::from_secs(4000)) };
        assert!(matches!(Tries::default().after(busy, &policy), Err(Error::Busy { tries: 1, .. })));
    }
}
