//! Messages that a library's system sends by itself.

use jiff::Timestamp;
use lending::Hint;

/// A message, as far as the hub cares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookMessage {
    /// The same for every sending of it.
    pub id: String,
    /// When what it reports happened, by the system's clock; `None` where it doesn't say.
    pub at: Option<Timestamp>,
    /// What it hints at; `None` for what no request can be waiting for.
    pub hint: Option<Hint>,
}

/// Why a message isn't taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WebhookRejection {
    /// It has no signature, or one of another secret.
    #[error("the signature is missing or wrong")]
    InvalidSignature,
    /// It is signed and makes no sense.
    #[error("{0}")]
    Malformed(String),
}
