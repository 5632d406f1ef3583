//! Builds records in code.

use crate::{Field, Leader, Record, Subfield, Tag};

/// A builder that makes a record field by field; see [`Record::builder`].
///
/// Tags, indicators and codes are written in the program, so a wrong one is a mistake of the programmer and panics.
/// For tags that come from outside, parse a [`Tag`] and use [`field`](Self::field).
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RecordBuilder {
    record: Record,
}

impl RecordBuilder {
    /// Sets the leader.
    pub fn leader(mut self, leader: Leader) -> Self {
        self.record.leader = leader;
        self
    }

    /// Adds a control field.
    ///
    /// # Panics
    /// If the tag is not three ASCII letters or digits.
    pub fn control(self, tag: &'static str, data: impl Into<String>) -> Self {
        self.field(Field::Control { tag: literal_tag(tag), data: data.into() })
    }

    /// Adds a data field with its indicators (blank is a space) and subfields.
    ///
    /// # Panics
    /// If the tag is not three ASCII letters or digits, or an indicator or code is not printable ASCII.
    pub fn data<S: Into<String>>(
        self,
        tag: &'static str,
        ind1: char,
        ind2: char,
        subfields: impl IntoIterator<Item = (char, S)>,
    ) -> Self {
        let subfields: Vec<_> = subfields.into_iter().map(|(code, value)| Subfield::new(code, value)).collect();
        assert!([ind1, ind2].iter().all(|c| matches!(c, ' '..='~')), "{tag}: indicators are printable ASCII");
        assert!(subfields.iter().all(|subfield| subfield.code.is_ascii_graphic()), "{tag}: codes are printable ASCII");
        self.field(Field::Data { tag: literal_tag(tag), ind1, ind2, subfields })
    }

    /// Adds an existing field.
    pub fn field(mut self, field: Field) -> Self {
        self.record.fields.push(field);
        self
    }

    /// Returns the finished record.
    #[must_use]
    pub fn build(self) -> Record {
        self.record
    }
}

fn literal_tag(tag: &'static str) -> Tag {
    match tag.parse() {
        Ok(tag) => tag,
        Err(error) => panic!("{error}"),
    }
}
