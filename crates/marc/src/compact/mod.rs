//! A record in three allocations, for harvests of millions.
//!
//! A [`Record`](crate::Record) has a `String` for each subfield, which is convenient to change and slow to make. A
//! [`CompactRecord`] keeps all text in one `String` and the fields as ranges of it. The fast MARCXML reader fills one,
//! again and again without a new allocation; match keys, search and storage read it.

mod encode;

use std::fmt;

pub use encode::DecodeError;

use crate::{Field, Leader, Record, Subfield, Tag};

/// A record whose whole text is one `String`; see the [module](self).
#[derive(Clone, PartialEq, Eq)]
pub struct CompactRecord {
    /// The leader and after it the contents of all fields, in their order.
    text: String,
    fields: Vec<FieldEntry>,
    subfields: Vec<SubfieldEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FieldEntry {
    tag: Tag,
    /// The indicators; `None` for a control field.
    indicators: Option<[char; 2]>,
    /// The end of the field's text.
    end: u32,
    /// The number of the first subfield after this field's.
    last: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SubfieldEntry {
    code: char,
    /// The end of the subfield's text, which starts where the one before ends.
    end: u32,
}

/// One field of a [`CompactRecord`].
#[derive(Clone, Copy)]
pub struct FieldRef<'a> {
    record: &'a CompactRecord,
    entry: FieldEntry,
    start: u32,
    first: u32,
}

/// One subfield of a [`CompactRecord`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubfieldRef<'a> {
    /// The code, such as `a`.
    pub code: char,
    /// The text.
    pub value: &'a str,
}

impl Default for CompactRecord {
    fn default() -> Self {
        Self { text: Leader::default().as_str().to_owned(), fields: Vec::new(), subfields: Vec::new() }
    }
}

impl CompactRecord {
    /// Returns the leader as text of 24 characters.
    #[must_use]
    pub fn leader(&self) -> &str {
        &self.text[..Leader::LENGTH]
    }

    /// Returns the character at a position of the leader, counted from 0; blank outside the leader.
    #[must_use]
    pub fn leader_at(&self, position: usize) -> char {
        self.leader().as_bytes().get(position).map_or(' ', |byte| char::from(*byte))
    }

    /// Returns whether the record has no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns all fields in the order of the record.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields { record: self, next: 0, start: index(Leader::LENGTH), first: 0 }
    }

    /// Returns all fields with this tag.
    pub fn fields_tagged<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = FieldRef<'a>> {
        self.fields().filter(move |field| field.tag() == *tag)
    }

    /// Returns the content of the first control field with this tag.
    #[must_use]
    pub fn control<'a>(&'a self, tag: &'a str) -> Option<&'a str> {
        self.fields_tagged(tag).find(FieldRef::is_control).map(|field| field.text())
    }

    /// Returns the text of the first subfield with this code in any field with this tag.
    #[must_use]
    pub fn subfield<'a>(&'a self, tag: &'a str, code: char) -> Option<&'a str> {
        self.fields_tagged(tag).find_map(|field| field.subfield(code))
    }

    /// Returns the texts of all subfields with this code in all fields with this tag.
    pub fn subfields<'a>(&'a self, tag: &'a str, code: char) -> impl Iterator<Item = &'a str> {
        self.fields_tagged(tag)
            .flat_map(|field| field.subfields())
            .filter(move |subfield| subfield.code == code)
            .map(|subfield| subfield.value)
    }

    /// Returns the content of field 001 without surrounding blanks.
    #[must_use]
    pub fn control_number(&self) -> Option<&str> {
        self.control("001").map(str::trim).filter(|number| !number.is_empty())
    }

    /// Returns the record with a `String` for each subfield.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let leader = self.leader().parse().unwrap_or_default();
        Record { leader, fields: self.fields().map(|field| field.to_field()).collect() }
    }

    /// Removes the fields for which `keep` returns false.
    pub fn retain_fields(&mut self, mut keep: impl FnMut(&FieldRef<'_>) -> bool) {
        let kept: Vec<bool> = self.fields().map(|field| keep(&field)).collect();
        if !kept.contains(&false) {
            return;
        }
        let mut rest = Self { text: self.leader().to_owned(), fields: Vec::new(), subfields: Vec::new() };
        rest.text.reserve(self.text.len());
        for (field, _) in self.fields().zip(kept).filter(|(_, keep)| *keep) {
            if field.is_control() {
                rest.text.push_str(field.text());
            }
            for subfield in field.subfields() {
                rest.text.push_str(subfield.value);
                rest.end_subfield(subfield.code);
            }
            rest.end_field(field.tag(), field.entry.indicators);
        }
        *self = rest;
    }

    /// Removes all fields, keeps the memory, and starts a record with this leader.
    pub(crate) fn restart(&mut self, leader: &Leader) {
        self.text.clear();
        self.text.push_str(leader.as_str());
        self.fields.clear();
        self.subfields.clear();
    }

    /// Replaces the leader. The text is 24 printable ASCII characters. Position 09 declares Unicode, as in every record.
    pub(crate) fn replace_leader(&mut self, leader: &str) {
        self.text.replace_range(..Leader::LENGTH, leader);
        self.text.replace_range(Leader::CODING..=Leader::CODING, "a");
    }

    /// Returns the text, so that a reader can append to it before it ends a subfield or control field.
    #[inline]
    pub(crate) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// Ends a subfield. Its text is what was appended since the last end.
    #[inline]
    pub(crate) fn end_subfield(&mut self, code: char) {
        self.subfields.push(SubfieldEntry { code, end: index(self.text.len()) });
    }

    /// Ends a field. Its subfields are those that ended since the last field; a control field has no indicators.
    #[inline]
    pub(crate) fn end_field(&mut self, tag: Tag, indicators: Option<[char; 2]>) {
        let last = index(self.subfields.len());
        self.fields.push(FieldEntry { tag, indicators, end: index(self.text.len()), last });
    }
}

/// Returns a position as 32 bits. Readers refuse records of 4 GiB long before this limit; a longer text would lose its
/// end.
#[inline]
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

impl fmt::Debug for CompactRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_record(), f)
    }
}

impl From<&Record> for CompactRecord {
    fn from(record: &Record) -> Self {
        let mut compact = Self::default();
        compact.restart(&record.leader);
        for field in &record.fields {
            match field {
                Field::Control { tag, data } => {
                    compact.text.push_str(data);
                    compact.end_field(*tag, None);
                }
                Field::Data { tag, ind1, ind2, subfields } => {
                    for subfield in subfields {
                        compact.text.push_str(&subfield.value);
                        compact.end_subfield(subfield.code);
                    }
                    compact.end_field(*tag, Some([*ind1, *ind2]));
                }
            }
        }
        compact
    }
}

/// The fields of a [`CompactRecord`].
#[derive(Clone)]
pub struct Fields<'a> {
    record: &'a CompactRecord,
    next: usize,
    start: u32,
    first: u32,
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = FieldRef<'a>;

    fn next(&mut self) -> Option<FieldRef<'a>> {
        let entry = *self.record.fields.get(self.next)?;
        let field = FieldRef { record: self.record, entry, start: self.start, first: self.first };
        self.next += 1;
        self.start = entry.end;
        self.first = entry.last;
        Some(field)
    }
}

impl<'a> FieldRef<'a> {
    /// Returns the tag.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.entry.tag
    }

    /// Returns whether the field is a control field: one text, without indicators and subfields.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.entry.indicators.is_none()
    }

    /// Returns the first indicator; blank for a control field.
    #[must_use]
    pub fn ind1(&self) -> char {
        self.entry.indicators.map_or(' ', |[first, _]| first)
    }

    /// Returns the second indicator; blank for a control field.
    #[must_use]
    pub fn ind2(&self) -> char {
        self.entry.indicators.map_or(' ', |[_, second]| second)
    }

    /// Returns the whole text: the content of a control field, or all subfields without a separator.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.record.text.get(self.start as usize..self.entry.end as usize).unwrap_or_default()
    }

    /// Returns the subfields in their order; a control field has none.
    pub fn subfields(&self) -> impl Iterator<Item = SubfieldRef<'a>> + use<'a> {
        let text = self.record.text.as_str();
        let entries = self.record.subfields.get(self.first as usize..self.entry.last as usize).unwrap_or_default();
        let mut start = self.start as usize;
        entries.iter().map(move |entry| {
            let value = text.get(start..entry.end as usize).unwrap_or_default();
            start = entry.end as usize;
            SubfieldRef { code: entry.code, value }
        })
    }

    /// Returns the text of the first subfield with this code.
    #[must_use]
    pub fn subfield(&self, code: char) -> Option<&'a str> {
        self.subfields().find(|subfield| subfield.code == code).map(|subfield| subfield.value)
    }

    fn to_field(self) -> Field {
        let tag = self.tag();
        match self.entry.indicators {
            None => Field::Control { tag, data: self.text().to_owned() },
            Some([ind1, ind2]) => {
                let subfields = self.subfields().map(|subfield| Subfield::new(subfield.code, subfield.value)).collect();
                Field::Data { tag, ind1, ind2, subfields }
            }
        }
    }
}

impl fmt::Debug for FieldRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_field(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::CompactRecord;
    use crate::Record;

    fn record() -> Record {
        Record::builder()
            .control("001", " 42 ")
            .data("020", ' ', ' ', [('a', "020161622X"), ('q', "pbk.")])
            .data("245", '1', '4', [('a', "Überall :"), ('b', "ein Roman /")])
            .data("500", ' ', ' ', [] as [(char, &str); 0])
            .build()
    }

    #[test]
    fn fields_that_are_not_kept_are_removed_and_the_others_stay_as_they_were() {
        let mut compact = CompactRecord::from(&record());
        compact.retain_fields(|field| field.tag() != *"020");
        let mut expected = record();
        expected.fields.retain(|field| field.tag() != *"020");
        assert_eq!(compact.to_record(), expected);
        assert_eq!(compact, CompactRecord::from(&expected));
    }

    #[test]
    fn compact_record_has_the_same_fields_as_the_record_it_was_made_from() {
        let compact = CompactRecord::from(&record());
        assert_eq!(compact.to_record(), record());
        assert_eq!(compact.control_number(), Some("42"));
        assert_eq!(compact.subfield("245", 'b'), Some("ein Roman /"));
        assert_eq!(compact.subfields("020", 'a').collect::<Vec<_>>(), ["020161622X"]);
        let title = compact.fields_tagged("245").next().unwrap();
        assert_eq!((title.ind1(), title.ind2(), title.is_control()), ('1', '4', false));
        assert_eq!(compact.fields().map(|field| field.subfields().count()).collect::<Vec<_>>(), [0, 2, 2, 0]);
    }
}
