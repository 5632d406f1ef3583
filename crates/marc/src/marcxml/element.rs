//! Turns MARCXML elements into fields.

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

use super::is_xml;
use crate::iso2709::{indicator, subfield_code};
use crate::{Field, Leader, Record, Repair, RepairKind, Subfield, Tag};

/// A record whose elements are still arriving.
#[derive(Debug, Default)]
pub(super) struct Draft {
    leader: Option<String>,
    fields: Vec<Field>,
    /// The data field whose subfields are still arriving; without a tag if the field is to be left out.
    open: Option<Option<Field>>,
    pub(super) repairs: Vec<Repair>,
}

impl Draft {
    pub(super) fn is_empty(&self) -> bool {
        self.leader.is_none() && self.fields.is_empty()
    }

    pub(super) fn leader(&mut self, text: String) {
        self.leader.get_or_insert(text);
    }

    pub(super) fn control_field(&mut self, tag: &str, text: String) {
        let Some(tag) = self.tag(tag) else { return };
        let data = self.clean(text, tag);
        if tag.is_numeric() && !tag.is_control() {
            // By its tag it is a data field, and ISO 2709 decides by the tag: there it would lose its first characters
            // as indicators.
            self.repairs.push(Repair::field(tag, RepairKind::UnexpectedText));
            let subfields = vec![Subfield::new('a', data)];
            self.fields.push(Field::Data { tag, ind1: ' ', ind2: ' ', subfields });
            return;
        }
        self.fields.push(Field::Control { tag, data });
    }

    pub(super) fn start_data_field(&mut self, element: &BytesStart<'_>) {
        let field = self.tag(&attribute(element, "tag")).map(|tag| {
            let mut ind = |name| indicator(attribute(element, name).chars().next(), tag, &mut self.repairs);
            Field::Data { tag, ind1: ind("ind1"), ind2: ind("ind2"), subfields: Vec::new() }
        });
        self.open = Some(field);
    }

    pub(super) fn subfield(&mut self, code: &str, text: String) {
        let Some(tag) = self.open.as_ref().and_then(Option::as_ref).map(Field::tag) else { return };
        let value = self.clean(text, tag);
        let code = match code.chars().next() {
            Some(code) => subfield_code(code, tag, &mut self.repairs),
            None => {
                self.repairs.push(Repair::field(tag, RepairKind::SubfieldCode { found: String::new(), used: '9' }));
                '9'
            }
        };
        if let Some(Some(Field::Data { subfields, .. })) = &mut self.open {
            subfields.push(Subfield { code, value });
        }
    }

    pub(super) fn end_data_field(&mut self) {
        let Some(field) = self.open.take().flatten() else { return };
        let tag = field.tag();
        if tag.is_control() {
            self.repairs.push(Repair::field(tag, RepairKind::DelimiterInControlField));
            let data = field.subfields().iter().map(|subfield| subfield.value.as_str()).collect();
            self.fields.push(Field::Control { tag, data });
        } else {
            self.fields.push(field);
        }
    }

    /// Returns the finished record; `None` if it has no fields.
    pub(super) fn finish(mut self) -> Option<(Record, Vec<Repair>)> {
        let found = self.leader.unwrap_or_default();
        let leader = found.parse().unwrap_or_else(|_| {
            let leader = Leader::repaired(&found);
            self.repairs.push(Repair::leader(RepairKind::Leader { found }));
            leader
        });
        (!self.fields.is_empty()).then_some((Record { leader, fields: self.fields }, self.repairs))
    }

    /// Returns the tag. A number that lost its zeros gets them back; any other fault leaves the field out.
    fn tag(&mut self, found: &str) -> Option<Tag> {
        if let Ok(tag) = found.parse() {
            return Some(tag);
        }
        let number = found.trim();
        let completed = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let tag = completed.then(|| format!("{number:0>3}").parse().ok()).flatten();
        self.repairs.push(match tag {
            Some(tag) => Repair::field(tag, RepairKind::Tag { found: found.to_owned() }),
            None => Repair::record(RepairKind::FieldDropped { tag: found.to_owned() }),
        });
        tag
    }

    /// Removes characters that XML cannot contain. Character references can introduce them.
    fn clean(&mut self, text: String, tag: Tag) -> String {
        let count = text.chars().filter(|c| !is_xml(*c)).count();
        if count == 0 {
            return text;
        }
        self.repairs.push(Repair::field(tag, RepairKind::ForbiddenCharacters { count }));
        text.chars().filter(|c| is_xml(*c)).collect()
    }
}

/// Returns an attribute's value, empty if it is missing or damaged.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    let attribute = element.try_get_attribute(name).ok().flatten();
    attribute
        .and_then(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned()))
        .unwrap_or_default()
}
