//! The reasons why a request or a harvest can fail.

use std::time::Duration;

use crate::diagnosis::Diagnosis;
use crate::page::PageError;

/// A request or harvest that failed. A harvest can be resumed from its last checkpoint after any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The repository's address can't be used.
    #[error("the address of the repository can't be used: {0}")]
    Address(String),
    /// The HTTP client could not be set up.
    #[error("the HTTP client can't be set up")]
    Setup(#[source] reqwest::Error),
    /// The server can't be reached, or the connection broke, and further tries had the same result.
    #[error("the server can't be reached, or the connection broke, in {tries} tries")]
    Unreachable {
        /// How often the request was made.
        tries: u32,
        /// The last failure.
        source: reqwest::Error,
    },
    /// The server is busy (503 or 429), and stayed so or asked for a longer wait than allowed.
    #[error("the server is busy ({status}) after {tries} tries{}", .retry_after.map(|wait| format!("; it asks to come back in {} s", wait.as_secs())).unwrap_or_default())]
    Busy {
        /// The HTTP status.
        status: u16,
        /// How often the request was made.
        tries: u32,
        /// What the last answer asked for.
        retry_after: Option<Duration>,
    },
    /// The server answered with an HTTP status that doesn't belong to OAI-PMH.
    #[error("the server answered with HTTP status {status}: {diagnosis}{}", quoted(.excerpt))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The reason, as far as the body shows it.
        diagnosis: Diagnosis,
        /// The beginning of the body as plain text.
        excerpt: String,
    },
    /// The server redirects to another host or to an unencrypted address, which is refused.
    #[error("the server redirects to {to}, which is refused; if that is the repository's new address, set it")]
    Redirect {
        /// The target.
        to: String,
    },
    /// The answer is not OAI-PMH. It doesn't mean that there are no records.
    #[error("the answer is not OAI-PMH: {diagnosis}{}", quoted(.excerpt))]
    NotOai {
        /// The reason, as far as the text shows it.
        diagnosis: Diagnosis,
        /// The beginning of the answer as plain text.
        excerpt: String,
    },
    /// The page can't be read.
    #[error(transparent)]
    Page(PageError),
    /// The page ended before its list did, in several tries.
    #[error("the page ended before its list did, in {tries} tries")]
    Truncated {
        /// How often the page was requested.
        tries: u32,
    },
    /// The repository answered with an error of the protocol.
    #[error("the repository answered {code}: {text}")]
    Oai {
        /// The code, for example `badArgument`.
        code: String,
        /// The repository's text.
        text: String,
    },
    /// The repository repeats pages, so the harvest would not end.
    #[error(
        "the repository repeats itself: page {page} has the same records as page {earlier}; everything before it was harvested. \
         Report it to the repository's operator"
    )]
    Repeats {
        /// The page, counted from 1.
        page: u64,
        /// The page that it repeats.
        earlier: u64,
    },
    /// The tokens expire so soon, or are refused so often, that the harvest doesn't advance.
    #[error(
        "the repository refuses its own resumption tokens: {text}; the harvest began its window anew {restarts} times without an advance"
    )]
    TokensRefused {
        /// How often the window was begun anew.
        restarts: u32,
        /// The repository's text.
        text: String,
    },
    /// The list has more entries than [`Limits::entries`](crate::Limits::entries).
    #[error("the list has more than {0} entries")]
    TooManyEntries(usize),
    /// The answer lacks what was asked for.
    #[error("the answer has no {0}")]
    Missing(&'static str),
}

/// A result with the crate's error.
pub type Result<T> = std::result::Result<T, Error>;

fn quoted(excerpt: &str) -> String {
    if excerpt.is_empty() { String::new() } else { format!(" (\"{excerpt}\")") }
}

impl From<PageError> for Error {
    fn from(error: PageError) -> Self {
        match error {
            PageError::NotOai { head } => {
                Self::NotOai { diagnosis: Diagnosis::of(&head), excerpt: crate::diagnosis::excerpt(&head) }
            }
            other => Self::Page(other),
        }
    }
}
