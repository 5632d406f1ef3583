//! The contents of a list: records, and what was set aside instead of one.

use jiff::Timestamp;

/// One record, or one header of a list of identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The record's identifier in the repository, for example `oai:alma.01CNF_INST:991234`.
    pub identifier: String,
    /// The time of the last change; `None` if it is missing or can't be read.
    pub datestamp: Option<Timestamp>,
    /// The sets that contain the record.
    pub sets: Vec<String>,
    /// Whether the repository says that the record was deleted.
    pub deleted: bool,
    /// The element inside `metadata` as UTF-8 XML. Namespaces that were declared outside it are declared on its root,
    /// so it can be read alone. `None` for headers, deleted records, and records that came without metadata.
    pub metadata: Option<Vec<u8>>,
    /// How many invalid byte sequences were replaced by U+FFFD in the metadata.
    pub replaced: usize,
}

/// A place in a page that could not be read as a record. The records after it are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The identifier, if the header could be read.
    pub identifier: Option<String>,
    /// The datestamp, if the header could be read.
    pub datestamp: Option<Timestamp>,
    /// The byte of the page, decompressed, at which the record or the damage starts.
    pub offset: u64,
    /// The reason.
    pub fault: Fault,
    /// The beginning of what could not be read, at most 64 KiB. It ends before the next record.
    pub bytes: Vec<u8>,
}

/// A fault of the XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The XML is not well-formed.
    #[error("the XML is not well-formed: {0}")]
    Malformed(&'static str),
    /// An element ends that isn't the open one.
    #[error("</{found}> ends <{open}>")]
    WrongEnd {
        /// The open element.
        open: String,
        /// The one that ends.
        found: String,
    },
    /// The page ended inside the record.
    #[error("the page ends inside it")]
    Truncated,
    /// It has more bytes than [`Limits::record_bytes`](crate::Limits::record_bytes).
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// Its elements are nested deeper than [`Limits::depth`](crate::Limits::depth).
    #[error("its elements are nested more than {0} deep")]
    TooDeep(usize),
    /// An element has more attributes than [`Limits::attributes`](crate::Limits::attributes).
    #[error("an element has more than {0} attributes")]
    TooManyAttributes(usize),
    /// It belongs to more sets than [`Limits::sets`](crate::Limits::sets).
    #[error("it belongs to more than {0} sets")]
    TooManySets(usize),
    /// A document type, and with it entities, which this reader refuses.
    #[error("it contains a document type declaration, which is refused")]
    DocumentType,
    /// The header has no identifier.
    #[error("its header has no identifier")]
    NoIdentifier,
    /// The header contains bytes that aren't UTF-8, or an unknown entity.
    #[error("its header can't be read: {0}")]
    Header(&'static str),
}
