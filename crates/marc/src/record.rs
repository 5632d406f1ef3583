//! A record, its fields, and methods that find data in them.

use crate::{Leader, RecordBuilder, Tag};

/// One bibliographic, authority or holdings record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The leader.
    pub leader: Leader,
    /// The fields in the order of the record.
    pub fields: Vec<Field>,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A field without indicators and subfields, such as `001` or `008`.
    Control {
        /// Its tag.
        tag: Tag,
        /// Its whole content.
        data: String,
    },
    /// A field with two indicators and subfields, such as `245`.
    Data {
        /// Its tag.
        tag: Tag,
        /// First indicator, blank as a space.
        ind1: char,
        /// Second indicator, blank as a space.
        ind2: char,
        /// Subfields in their order.
        subfields: Vec<Subfield>,
    },
}

/// A subfield of a data field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subfield {
    /// Its code, such as `a`.
    pub code: char,
    /// Its text.
    pub value: String,
}

impl Subfield {
    /// Creates a subfield with this code and text.
    pub fn new(code: char, value: impl Into<String>) -> Self {
        Self { code, value: value.into() }
    }
}

impl Field {
    /// Returns the field's tag.
    #[must_use]
    pub fn tag(&self) -> Tag {
        match self {
            Self::Control { tag, .. } | Self::Data { tag, .. } => *tag,
        }
    }

    /// Returns the subfields; a control field has none.
    #[must_use]
    pub fn subfields(&self) -> &[Subfield] {
        match self {
            Self::Control { .. } => &[],
            Self::Data { subfields, .. } => subfields,
        }
    }

    /// Returns the text of the first subfield with this code.
    #[must_use]
    pub fn subfield(&self, code: char) -> Option<&str> {
        self.subfields().iter().find(|subfield| subfield.code == code).map(|subfield| subfield.value.as_str())
    }
}

impl Record {
    /// Starts to build a record in code.
    pub fn builder() -> RecordBuilder {
        RecordBuilder::default()
    }

    /// Returns all fields with this tag.
    pub fn fields_tagged<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |field| field.tag() == *tag)
    }

    /// Returns the content of the first control field with this tag.
    #[must_use]
    pub fn control(&self, tag: &str) -> Option<&str> {
        self.fields.iter().find_map(|field| match field {
            Field::Control { tag: own, data } if *own == *tag => Some(data.as_str()),
            _ => None,
        })
    }

    /// Returns the text of the first subfield with this code in any field with this tag.
    #[must_use]
    pub fn subfield(&self, tag: &str, code: char) -> Option<&str> {
        self.fields.iter().filter(|field| field.tag() == *tag).find_map(|field| field.subfield(code))
    }

    /// Returns the texts of all subfields with this code in all fields with this tag.
    pub fn subfields<'a>(&'a self, tag: &'a str, code: char) -> impl Iterator<Item = &'a str> {
        self.fields_tagged(tag)
            .flat_map(Field::subfields)
            .filter(move |subfield| subfield.code == code)
            .map(|subfield| subfield.value.as_str())
    }
}
