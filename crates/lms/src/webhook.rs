//! Messages that a library's system sends through its webhook.

use jiff::Timestamp;
use lending::{BibId, Hint};

/// The content of a message that the hub needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookMessage {
    /// The message's id, the same for every delivery.
    pub id: String,
    /// The time of the reported event, by the system's clock; `None` if the message has none.
    pub at: Option<Timestamp>,
    /// The hint that the message gives; `None` if no request can wait for its event.
    pub hint: Option<Hint>,
    /// The record that the event is about, or whose item it is about.
    pub bib: Option<BibId>,
}

/// The reason why a message is rejected.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WebhookRejection {
    /// The message has no signature, or one made with another secret.
    #[error("the signature is missing or wrong")]
    InvalidSignature,
    /// The message is signed, and says that it comes from another institution. Several institutions may sign with one
    /// secret, so the signature alone doesn't prove the sender.
    #[error("the message is from another institution than the one whose address it was sent to")]
    OtherInstitution,
    /// The message is signed and can't be read.
    #[error("{0}")]
    Malformed(String),
}
