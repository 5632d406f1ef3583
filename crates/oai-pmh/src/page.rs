//! A page, an answer of a repository: what it contains, and the reasons why it can't be read.

use jiff::Timestamp;

use crate::record::{Fault, Record, SetAside};
use crate::verb::Verb;

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A record, or a header of a list of identifiers.
    Record(Record),
    /// A place that can't be read. Reading continues with the next record.
    SetAside(SetAside),
    /// A set, a metadata format, or the repository's description: the names of its elements with their texts.
    Entry(Vec<(String, String)>),
}

/// The parts of a page that are not records; see [`PageReader::page`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The repository's clock when it answered.
    pub response_date: Option<Timestamp>,
    /// The list that the page contains. `None` if there is none, as with an error.
    pub verb: Option<Verb>,
    /// The protocol errors, each with code and text.
    pub errors: Vec<(String, String)>,
    /// The token of the next page. `None` on the last page: the element was missing or empty.
    pub token: Option<String>,
    /// The attribute `expirationDate`.
    pub token_expires: Option<Timestamp>,
    /// The attribute `completeListSize`.
    pub complete_list_size: Option<u64>,
    /// The attribute `cursor`.
    pub cursor: Option<u64>,
    /// Whether the list was read to its end, so that a missing token means the last page.
    pub complete: bool,
    /// Bytes of the page, decompressed.
    pub bytes: u64,
}

/// A page that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The answer is not OAI-PMH: HTML, plain text or other XML.
    #[error("the answer is not OAI-PMH")]
    NotOai {
        /// The beginning of the answer.
        head: String,
    },
    /// The answer has a document type, which can declare entities and is refused.
    #[error("the answer has a document type declaration, which is refused")]
    DocumentType,
    /// The answer is not in UTF-8, which the protocol requires.
    #[error("the answer is encoded in {0}; OAI-PMH requires UTF-8")]
    Encoding(String),
    /// The page exceeds [`Limits::page_bytes`].
    #[error("the page has more than {0} bytes")]
    TooLarge(u64),
    /// The XML around the records is damaged.
    #[error("the page is damaged at byte {offset}: {fault}")]
    Damaged {
        /// The byte of the page.
        offset: u64,
        /// The damage.
        fault: Fault,
    },
}
