//! The reasons why a record could not be read or written. Every error here describes itself.

use crate::Tag;

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {record}, byte {offset}: {kind}")]
pub struct Error {
    /// The number of the record in the input, counted from 1.
    pub record: usize,
    /// The position in the input, in bytes from its start.
    pub offset: usize,
    /// The fault.
    pub kind: ErrorKind,
}

/// The fault of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// ISO 2709: too short for a leader and a directory.
    #[error("{length} bytes are too few for a record")]
    TooShort {
        /// Bytes up to the end of the record.
        length: usize,
    },
    /// ISO 2709: the directory has no end.
    #[error("the directory has no end")]
    NoDirectory,
    /// The record has a leader but no field.
    #[error("the record has no fields")]
    NoFields,
    /// ISO 2709: no directory entry points to a field.
    #[error("no entry of the directory ({entries} entries) leads to a field with a usable tag")]
    DirectoryUnusable {
        /// Number of entries in the directory.
        entries: usize,
    },
    /// MARCXML: not well-formed XML. The text contains the place where the parser stopped.
    #[error("not well-formed XML: {0}")]
    Syntax(String),
    /// MARCXML: the document ends inside a record.
    #[error("the document ends before its elements are closed")]
    Truncated,
    /// MARCXML: a document type declaration, refused because entities defined there can grow without bound.
    #[error("document type declarations are refused")]
    DocumentType,
    /// MARCXML: an entity other than the five of XML.
    #[error("unknown entity &{0};")]
    UnknownEntity(String),
    /// MARCXML: bytes that are not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// MARCXML: more bytes than the reader accepts.
    #[error("more than {limit} bytes, which is the limit")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// MARCXML: no `record` element in the document.
    #[error("no MARC record in the document")]
    NoRecord,
}

/// A record that ISO 2709 cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A field of more than 9999 bytes.
    #[error("field {tag} has {length} bytes, ISO 2709 allows 9999")]
    FieldTooLong {
        /// The field's tag.
        tag: Tag,
        /// Its length with indicators and terminator.
        length: usize,
    },
    /// A record of more than 99999 bytes.
    #[error("the record has {length} bytes, ISO 2709 allows 99999")]
    RecordTooLong {
        /// Its length.
        length: usize,
    },
}
