//! Writes records as MARCXML.

use super::{NAMESPACE, is_xml};
use crate::{Field, Place, Record, Repair, RepairKind, Written};

/// Whether written elements are in the MARC21slim namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// The namespace of the schema, declared as the default namespace.
    Slim,
    /// No namespace, as Alma's REST API requires.
    None,
}

/// Writes one `record` element, without an XML declaration so that it can be part of another document.
#[must_use]
pub fn write(record: &Record, namespace: Namespace) -> Written<String> {
    let mut writer = Writer::default();
    writer.record(record, namespace);
    Written { content: writer.out, repairs: writer.repairs }
}

/// Writes a whole document: an XML declaration and a `collection` of records.
#[must_use]
pub fn write_collection<'a>(records: impl IntoIterator<Item = &'a Record>, namespace: Namespace) -> Written<String> {
    let mut writer = Writer::default();
    writer.out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    writer.start("collection", namespace);
    for record in records {
        writer.record(record, Namespace::None);
    }
    writer.out.push_str("</collection>");
    Written { content: writer.out, repairs: writer.repairs }
}

#[derive(Default)]
struct Writer {
    out: String,
    repairs: Vec<Repair>,
}

impl Writer {
    fn start(&mut self, name: &str, namespace: Namespace) {
        self.out.push('<');
        self.out.push_str(name);
        if namespace == Namespace::Slim {
            self.out.push_str(&format!(" xmlns=\"{NAMESPACE}\""));
        }
        self.out.push('>');
    }

    fn record(&mut self, record: &Record, namespace: Namespace) {
        self.start("record", namespace);
        self.out.push_str("<leader>");
        self.text(record.leader.as_str(), Place::Leader);
        self.out.push_str("</leader>");
        for field in &record.fields {
            self.field(field);
        }
        self.out.push_str("</record>");
    }

    fn field(&mut self, field: &Field) {
        let tag = field.tag();
        let place = Place::Field(tag);
        match field {
            Field::Control { data, .. } => {
                self.out.push_str(&format!("<controlfield tag=\"{tag}\">"));
                self.text(data, place);
                self.out.push_str("</controlfield>");
            }
            Field::Data { ind1, ind2, subfields, .. } => {
                self.out.push_str(&format!("<datafield tag=\"{tag}\""));
                self.attribute("ind1", *ind1, place);
                self.attribute("ind2", *ind2, place);
                self.out.push('>');
                for subfield in subfields {
                    self.out.push_str("<subfield");
                    self.attribute("code", subfield.code, place);
                    self.out.push('>');
                    self.text(&subfield.value, place);
                    self.out.push_str("</subfield>");
                }
                self.out.push_str("</datafield>");
            }
        }
    }

    fn attribute(&mut self, name: &str, value: char, place: Place) {
        self.out.push_str(&format!(" {name}=\""));
        self.text(value.encode_utf8(&mut [0; 4]), place);
        self.out.push('"');
    }

    fn text(&mut self, text: &str, place: Place) {
        let mut forbidden = 0;
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                // XML readers turn a bare carriage return into a line feed.
                '\r' => self.out.push_str("&#13;"),
                c if is_xml(c) => self.out.push(c),
                _ => forbidden += 1,
            }
        }
        if forbidden > 0 {
            self.repairs.push(Repair { place, kind: RepairKind::ForbiddenCharacters { count: forbidden } });
        }
    }
}
