//! The corrections that were made while a record was read or written.

use std::fmt;

use crate::{Record, Tag};

/// A record that was read, with its corrections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The number of the record in the input, counted from 1.
    pub number: usize,
    /// The record.
    pub record: Record,
    /// The corrections, in the order in which they were made; empty for a sound record.
    pub repairs: Vec<Repair>,
}

/// A record that was written, with the parts that its format could not contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The text or bytes.
    pub content: T,
    /// The parts that were left out or replaced.
    pub repairs: Vec<Repair>,
}

/// A correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The corrected part of the record.
    pub place: Place,
    /// The fault and its correction.
    pub kind: RepairKind,
}

/// A part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The record as a whole.
    Record,
    /// The leader.
    Leader,
    /// The directory of an ISO 2709 record.
    Directory,
    /// A field.
    Field(Tag),
}

/// A fault and its correction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairKind {
    /// The leader's record length was wrong; the record terminator was used instead.
    RecordLength {
        /// The length in the leader.
        declared: String,
        /// The number of bytes found.
        actual: usize,
    },
    /// No record terminator.
    MissingRecordTerminator,
    /// The leader's base address was wrong; the directory's end was used instead.
    BaseAddress {
        /// The address in the leader.
        declared: String,
        /// The position where the data start.
        actual: usize,
    },
    /// The leader was missing, too short, too long or unprintable; it was made 24 characters long.
    Leader {
        /// The text in its place.
        found: String,
    },
    /// The directory's length is not a multiple of 12; the rest was ignored.
    DirectoryRest {
        /// Bytes ignored.
        bytes: usize,
    },
    /// Lengths or positions in the directory were wrong; fields were taken in their order.
    DirectoryPositions,
    /// Fields that the directory doesn't list were ignored.
    UnlistedFields {
        /// The number of fields.
        fields: usize,
    },
    /// Position 09 of the leader declared another encoding than the text has.
    Encoding {
        /// The character in position 09.
        declared: char,
    },
    /// Bytes that are not valid text in the record's encoding became U+FFFD.
    InvalidText,
    /// Characters of a MARC-8 set that isn't supported became U+FFFD.
    UnsupportedCharacterSet {
        /// The final character of the set's escape sequence, as in the MARC-8 specification.
        set: char,
    },
    /// A field without a usable tag was left out.
    FieldDropped {
        /// The text in the tag's place.
        tag: String,
    },
    /// A tag was completed.
    Tag {
        /// The text in its place.
        found: String,
    },
    /// An indicator was missing or not allowed and became blank.
    Indicator {
        /// The text in its place.
        found: String,
    },
    /// A subfield code was missing or not allowed.
    SubfieldCode {
        /// The text in its place.
        found: String,
        /// The code used instead.
        used: char,
    },
    /// A subfield delimiter without any text after it was left out.
    EmptySubfield,
    /// Text outside any subfield became subfield `a`.
    UnexpectedText,
    /// A subfield delimiter in a control field was left out.
    DelimiterInControlField,
    /// An element that MARCXML doesn't have was left out.
    UnknownElement {
        /// Its name.
        name: String,
    },
    /// Characters that the format cannot hold were left out.
    ForbiddenCharacters {
        /// The number of characters.
        count: usize,
    },
}

impl Repair {
    pub(crate) fn record(kind: RepairKind) -> Self {
        Self { place: Place::Record, kind }
    }

    pub(crate) fn leader(kind: RepairKind) -> Self {
        Self { place: Place::Leader, kind }
    }

    pub(crate) fn directory(kind: RepairKind) -> Self {
        Self { place: Place::Directory, kind }
    }

    pub(crate) fn field(tag: Tag, kind: RepairKind) -> Self {
        Self { place: Place::Field(tag), kind }
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.kind)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.write_str("record"),
            Self::Leader => f.write_str("leader"),
            Self::Directory => f.write_str("directory"),
            Self::Field(tag) => write!(f, "field {tag}"),
        }
    }
}

impl fmt::Display for RepairKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordLength { declared, actual } => write!(f, "length said {declared:?}, is {actual}"),
            Self::MissingRecordTerminator => f.write_str("no record terminator"),
            Self::BaseAddress { declared, actual } => write!(f, "base address said {declared:?}, is {actual}"),
            Self::Leader { found } => write!(f, "made 24 characters long, was {found:?}"),
            Self::DirectoryRest { bytes } => write!(f, "{bytes} bytes too many, ignored"),
            Self::DirectoryPositions => f.write_str("wrong positions, fields taken in their order"),
            Self::UnlistedFields { fields } => write!(f, "{fields} fields not listed, ignored"),
            Self::Encoding { declared } => write!(f, "encoding said {declared:?}, text differs"),
            Self::InvalidText => f.write_str("bytes that are no text replaced"),
            Self::UnsupportedCharacterSet { set } => write!(f, "text in unsupported MARC-8 set {set:?} replaced"),
            Self::FieldDropped { tag } => write!(f, "field with tag {tag:?} left out"),
            Self::Tag { found } => write!(f, "tag was {found:?}"),
            Self::Indicator { found } => write!(f, "indicator {found:?} made blank"),
            Self::SubfieldCode { found, used } => write!(f, "subfield code {found:?} replaced by {used:?}"),
            Self::EmptySubfield => f.write_str("subfield delimiter with nothing behind it left out"),
            Self::UnexpectedText => f.write_str("text outside any subfield put in subfield a"),
            Self::DelimiterInControlField => f.write_str("subfield delimiter left out"),
            Self::UnknownElement { name } => write!(f, "element {name:?} left out"),
            Self::ForbiddenCharacters { count } => write!(f, "{count} characters left out that the format cannot hold"),
        }
    }
}
