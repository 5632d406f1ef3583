//! Carries calls by other means than HTTP: to a simulated Alma in the same process.

use std::fmt;
use std::time::Duration;

/// Carries calls in place of HTTP. It answers at once; the caller simulates any delay.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Delivers a call and returns its answer.
    ///
    /// # Errors
    ///
    /// Fails if there is no answer.
    fn carry(&self, call: &Outgoing<'_>) -> Result<Incoming, NoAnswer>;
}

/// A call on its way.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'a str,
    /// The path, percent-encoded, with `/almaws/v1`.
    pub path: &'a str,
    /// The query, percent-encoded.
    pub query: &'a str,
    /// The API key.
    pub key: &'a str,
    /// The type of the body, if there is one.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path may name a patron.
        f.debug_struct("Outgoing").field("method", &self.method).finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Incoming {
    /// The HTTP status.
    pub status: u16,
    /// `Location`.
    pub location: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// `X-Exl-Api-Remaining`.
    pub remaining: Option<u64>,
    /// The body.
    pub body: String,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The reason why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The call was never sent.
    #[error("the call was never sent")]
    NeverSent,
    /// The call was sent, and may have been carried out.
    #[error("no answer came")]
    Lost,
}
