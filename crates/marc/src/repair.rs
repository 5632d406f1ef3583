//! What was fixed while a record was read or written.

use std::fmt;

use crate::{Record, Tag};

/// A record that was read, with what had to be fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Which record of the input, counted from 1.
    pub number: usize,
    /// The record.
    pub record: Record,
    /// What was fixed, in the order of finding; empty for a sound record.
    pub repairs: Vec<Repair>,
}

/// A record that was written, with what its format could not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The text or bytes.
    pub content: T,
    /// What was left out or replaced.
    pub repairs: Vec<Repair>,
}

/// One thing that was fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Where in the record.
    pub place: Place,
    /// What was wrong and what was done.
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

/// What was wrong and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairKind {
    /// The leader's record length was wrong; the record terminator was followed.
    RecordLength {
        /// What the leader said.
        declared: String,
        /// Bytes found.
        actual: usize,
    },
    /// No record terminator.
    MissingRecordTerminator,
    /// The leader's base address was wrong; the directory's end was followed.
    BaseAddress {
        /// What the leader said.
        declared: String,
        /// Where the data starts.
        actual: usize,
    },
    /// The leader was missing, too short, too long or unprintable; it was made 24 characters long.
    Leader {
        /// What stood there.
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
        /// How many.
        fields: usize,
    },
    /// Position 09 of the leader announced another encoding than the text has.
    Encoding {
        /// What position 09 said.
        declared: char,
    },
    /// Bytes that are no text in the record's encoding became U+FFFD.
    InvalidText,
    /// Characters of a MARC-8 set that isn't supported became U+FFFD.
    UnsupportedCharacterSet {
        /// The final character of the set's escape sequence, as in the MARC-8 specification.
        set: char,
    },
    /// A field without a usable tag was left out.
    FieldDropped {
        /// What stood in the tag's place.
        tag: String,
    },
    /// A tag was completed.
    Tag {
        /// What stood there.
        found: String,
    },
    /// An indicator was missing or not allowed and became blank.
    Indicator {
        /// What stood there.
        found: String,
    },
    /// A subfield code was missing or not allowed.
    SubfieldCode {
        /// What stood there.
        found: String,
        /// The code used instead.
        used: char,
    },
    /// A subfield delimiter with nothing behind it was left out.
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
        /// How many.
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
