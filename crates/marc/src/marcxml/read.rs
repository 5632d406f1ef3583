//! Reads records from MARCXML.

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

use super::NAMESPACE;
use super::element::{Draft, attribute};
use crate::{Error, ErrorKind, Read, Repair, RepairKind};

/// Reads all records of a document, one at a time.
///
/// A record is any element `record` in the MARC21slim namespace or in none, at any depth: in a `collection`, in Alma's
/// `bib`, in an answer of OAI-PMH or SRU. Reading stops at XML that isn't well-formed.
#[must_use]
pub fn read_all(xml: &str) -> Records<'_> {
    Records::new(xml, Vec::new())
}

/// Reads the first record of a document.
///
/// # Errors
/// [`ErrorKind::NoRecord`] if there is none, or what was wrong with the first one.
pub fn read_one(xml: &str) -> Result<Read, Error> {
    let none = Error { record: 1, offset: 0, kind: ErrorKind::NoRecord };
    read_all(xml).next().unwrap_or(Err(none))
}

/// The records of a document; see [`read_all`].
#[derive(Debug)]
pub struct Records<'a> {
    reader: NsReader<&'a [u8]>,
    number: usize,
    /// The number of open elements.
    depth: usize,
    ended: bool,
    /// Prefixes that an element around the text binds to the MARCXML namespace.
    prefixes: Vec<String>,
}

/// The meaning of an XML event for MARC.
enum Step<'a> {
    Open(Name, BytesStart<'a>),
    Close(Name),
    Text(String),
    Skip,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Record,
    Leader,
    ControlField,
    DataField,
    Subfield,
    Other,
}

impl Iterator for Records<'_> {
    type Item = Result<Read, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.next_record().transpose()?;
        // A record without fields doesn't affect the following ones; broken XML does.
        self.ended = read.as_ref().is_err_and(|kind| *kind != ErrorKind::NoFields);
        Some(read.map_err(|kind| Error { record: self.number.max(1), offset: self.byte(), kind }))
    }
}

impl<'a> Records<'a> {
    fn new(xml: &'a str, prefixes: Vec<String>) -> Self {
        let mut reader = NsReader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, number: 0, depth: 0, ended: false, prefixes }
    }

    /// Reads a text from the middle of a document: an end tag without its start tag ends it, and these prefixes are bound
    /// to the MARCXML namespace outside.
    pub(super) fn within(xml: &'a str, prefixes: &[&str]) -> Self {
        let mut records = Self::new(xml, prefixes.iter().map(ToString::to_string).collect());
        records.reader.config_mut().allow_unmatched_ends = true;
        records
    }

    /// Returns the position up to which the text was read.
    pub(super) fn byte(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn next_record(&mut self) -> Result<Option<Read>, ErrorKind> {
        loop {
            match self.step()? {
                Step::Open(Name::Record, _) => {
                    self.number += 1;
                    let (record, repairs) = self.record()?.finish().ok_or(ErrorKind::NoFields)?;
                    return Ok(Some(Read { number: self.number, record, repairs }));
                }
                Step::End => {
                    self.ended = true;
                    return Ok(None);
                }
                _ => {}
            }
        }
    }

    /// Reads the elements of an open record up to its end.
    fn record(&mut self) -> Result<Draft, ErrorKind> {
        let mut draft = Draft::default();
        // A `record` of another format without a namespace, such as OAI-PMH's, can contain the wanted one.
        let mut wrapped = 0;
        loop {
            match self.step()? {
                Step::Open(Name::Record, _) if draft.is_empty() => {
                    draft = Draft::default();
                    wrapped += 1;
                }
                Step::Open(Name::Leader, _) => {
                    let text = self.text()?;
                    draft.leader(text);
                }
                Step::Open(Name::ControlField, element) => {
                    let text = self.text()?;
                    draft.control_field(&attribute(&element, "tag"), text);
                }
                Step::Open(Name::DataField, element) => draft.start_data_field(&element),
                Step::Close(Name::DataField) => draft.end_data_field(),
                Step::Open(Name::Subfield, element) => {
                    let text = self.text()?;
                    draft.subfield(&attribute(&element, "code"), text);
                }
                Step::Open(_, element) => {
                    let name = element.name().as_ref().to_owned();
                    draft.repairs.push(Repair::record(RepairKind::UnknownElement { name }));
                }
                Step::Close(Name::Record) if wrapped == 0 || !draft.is_empty() => return Ok(draft),
                Step::Close(Name::Record) => wrapped -= 1,
                Step::End => return Err(ErrorKind::Truncated),
                _ => {}
            }
        }
    }

    /// Returns the text up to the end of the element that was just opened, including that of elements inside.
    fn text(&mut self) -> Result<String, ErrorKind> {
        let outside = self.depth - 1;
        let mut text = String::new();
        while self.depth > outside {
            match self.step()? {
                Step::Text(piece) => text.push_str(&piece),
                Step::End => return Err(ErrorKind::Truncated),
                _ => {}
            }
        }
        Ok(text)
    }

    fn step(&mut self) -> Result<Step<'a>, ErrorKind> {
        let (namespace, event) =
            self.reader.read_resolved_event().map_err(|error| ErrorKind::Syntax(error.to_string()))?;
        let ours = match namespace {
            ResolveResult::Unbound => true,
            ResolveResult::Bound(namespace) => namespace.as_ref() == NAMESPACE,
            ResolveResult::Unknown(prefix) => self.prefixes.contains(&prefix),
        };
        Ok(match event {
            Event::Start(element) => {
                self.depth += 1;
                Step::Open(Name::of(ours, element.local_name().as_ref()), element)
            }
            Event::End(_) if self.depth == 0 => Step::End,
            Event::End(element) => {
                self.depth = self.depth.saturating_sub(1);
                Step::Close(Name::of(ours, element.local_name().as_ref()))
            }
            Event::Text(text) => Step::Text(text.xml10_content().into_owned()),
            Event::CData(text) => Step::Text(text.xml10_content().into_owned()),
            Event::GeneralRef(reference) => Step::Text(resolve(&reference)?),
            Event::DocType(_) => return Err(ErrorKind::DocumentType),
            Event::Eof if self.depth > 0 => return Err(ErrorKind::Truncated),
            Event::Eof => Step::End,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Step::Skip,
        })
    }
}

impl Name {
    fn of(ours: bool, local: &str) -> Self {
        match local {
            "record" if ours => Self::Record,
            "leader" if ours => Self::Leader,
            "controlfield" if ours => Self::ControlField,
            "datafield" if ours => Self::DataField,
            "subfield" if ours => Self::Subfield,
            _ => Self::Other,
        }
    }
}

/// Returns the text of a character reference or of one of XML's five entities.
fn resolve(reference: &BytesRef<'_>) -> Result<String, ErrorKind> {
    let name = reference.xml10_content();
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().map_err(|error| ErrorKind::Syntax(error.to_string()))?;
        return Ok(character.map(String::from).unwrap_or_default());
    }
    quick_xml::escape::resolve_predefined_entity(&name)
        .map(str::to_owned)
        .ok_or_else(|| ErrorKind::UnknownEntity(name.into_owned()))
}
