//! Reads a page while it arrives.

use crate::datestamp::parse_datestamp;
use crate::limits::Limits;
use crate::names::{OpenElements, Scopes, attributes};
use crate::open_record::{LONGEST_EXCERPT, OpenRecord, Section, beginning};
use crate::page::{Item, Page, PageError};
use crate::record::{Fault, SetAside};
use crate::restart;
use crate::scan::{Kind, Markup, Scanner, Step, local};
use crate::text::Capture;
use crate::verb::Verb;

/// The reason why a piece of markup can't be used.
enum Stop {
    Fault(Fault),
    Page(PageError),
    /// The answer is not OAI-PMH.
    Foreign(Foreign),
}

/// An answer that isn't OAI-PMH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Other,
    /// It begins with a document type, as HTML may.
    DocumentType,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What the text of an element is needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    ResponseDate,
    Error(String),
    Token,
    Identifier,
    Datestamp,
    SetSpec,
    Entry(String),
}

/// How much of the beginning of a page is kept for a diagnosis.
const HEAD: usize = 2048;

/// Reads a page that arrives in pieces of any size, and returns each record as soon as it is complete.
///
/// ```
/// use oai_pmh::{Item, Limits, PageReader};
///
/// let mut reader = PageReader::new(Limits::default());
/// let mut identifiers = Vec::new();
/// for piece in [
///     &b"<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><ListRecords><record><header><identi"[..],
///     b"fier>oai:x:1</identifier></header><metadata><a/></metadata></record></ListRecords></OAI-PMH>",
/// ] {
///     reader.feed(piece)?;
///     while let Some(item) = reader.next()? {
///         if let Item::Record(record) = item {
///             identifiers.push(record.identifier);
///         }
///     }
/// }
/// reader.end();
/// assert!(reader.next()?.is_none());
/// assert_eq!(identifiers, ["oai:x:1"]);
/// assert!(reader.page().complete);
/// # Ok::<(), oai_pmh::PageError>(())
/// ```
#[derive(Debug)]
pub struct PageReader {
    scanner: Scanner,
    limits: Limits,
    open: OpenElements,
    scopes: Scopes,
    page: Page,
    head: Vec<u8>,
    record: Option<OpenRecord>,
    entry: Vec<(String, String)>,
    capture: Option<Capture<Field>>,
    /// The list has ended; damage after it changes nothing.
    list_closed: bool,
    /// The rest of the page is not read.
    finished: bool,
    /// The reader passes over damage to the next record.
    skipping: bool,
    /// The damage that is being passed over.
    place: Option<SetAside>,
    /// The answer is not OAI-PMH; its beginning is collected for a diagnosis.
    foreign: Option<Foreign>,
}

impl PageReader {
    /// Returns a reader for one page.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            scanner: Scanner::default(),
            limits,
            open: OpenElements::default(),
            scopes: Scopes::default(),
            page: Page::default(),
            head: Vec::new(),
            record: None,
            entry: Vec::new(),
            capture: None,
            list_closed: false,
            finished: false,
            skipping: false,
            place: None,
            foreign: None,
        }
    }

    /// Adds bytes of the page. Call [`next`](Self::next) until it returns `None` before you add more.
    ///
    /// # Errors
    ///
    /// Fails if the page has become too large.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), PageError> {
        self.page.bytes += bytes.len() as u64;
        if self.page.bytes > self.limits.page_bytes {
            return Err(PageError::TooLarge(self.limits.page_bytes));
        }
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        if self.finished || self.foreign.is_some() {
            return Ok(());
        }
        let keep = self.record.as_ref().map_or(self.scanner.at(), |record| record.start);
        let removed = self.scanner.feed(bytes, keep);
        if let Some(record) = &mut self.record {
            record.shift(removed);
        }
        Ok(())
    }

    /// Declares that no more bytes will come. Call [`next`](Self::next) until it returns `None` afterwards.
    pub fn end(&mut self) {
        self.scanner.end();
    }

    /// Returns the next record or entry; `None` if more bytes are needed or, after [`end`](Self::end), if there are no
    /// more.
    ///
    /// # Errors
    ///
    /// Fails if the answer is not OAI-PMH or is damaged outside its list of records.
    #[allow(clippy::should_implement_trait, reason = "`None` doesn't mean the end")]
    pub fn next(&mut self) -> Result<Option<Item>, PageError> {
        while !self.finished {
            if let Some(foreign) = self.foreign {
                return self.diagnose(foreign);
            }
            if self.skipping {
                if !self.skip_damage() && !self.finished {
                    return Ok(None);
                }
                if let Some(place) = self.place.take() {
                    return Ok(Some(Item::SetAside(place)));
                }
                continue;
            }
            let stop = match self.scanner.next(self.limits.attributes) {
                Ok(Step::Markup(markup)) => match self.markup(&markup) {
                    Ok(None) => continue,
                    Ok(Some(item)) => return Ok(Some(item)),
                    Err(stop) => stop,
                },
                Ok(Step::More) if self.pending() <= self.limits.record_bytes => return Ok(None),
                Ok(Step::More) => Fault::TooLarge(self.limits.record_bytes).into(),
                Ok(Step::End) if self.page.bytes == 0 || self.open.depth() == 0 && !self.is_answer() => {
                    Stop::Foreign(Foreign::Other)
                }
                Ok(Step::End) if self.record.is_some() => Fault::Truncated.into(),
                Ok(Step::End) => {
                    self.finished = true;
                    return Ok(None);
                }
                Err(fault) => fault.into(),
            };
            match stop {
                Stop::Page(error) => return Err(error),
                Stop::Foreign(foreign) => self.foreign = Some(foreign),
                Stop::Fault(fault) => self.damage(fault)?,
            }
        }
        Ok(None)
    }

    /// Returns the parts of the page that are not records, as far as they have been read.
    #[must_use]
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// Returns the parts of the page that are not records.
    #[must_use]
    pub fn into_page(self) -> Page {
        self.page
    }

    /// Bytes that are held since the start of the record, or since the last markup.
    fn pending(&self) -> usize {
        let from = self.record.as_ref().map_or(self.scanner.at(), |record| record.start);
        self.scanner.bytes().len() - from
    }

    fn is_answer(&self) -> bool {
        self.page.verb.is_some() || !self.page.errors.is_empty() || self.page.response_date.is_some()
    }

    /// Refuses the answer as soon as its beginning is there, however small the pieces are in which it arrives.
    fn diagnose(&self, foreign: Foreign) -> Result<Option<Item>, PageError> {
        if self.head.len() < HEAD && !self.scanner.has_ended() {
            return Ok(None);
        }
        let head = String::from_utf8_lossy(&self.head).into_owned();
        if foreign == Foreign::DocumentType && !head.to_ascii_lowercase().contains("<!doctype html") {
            return Err(PageError::DocumentType);
        }
        Err(PageError::NotOai { head })
    }

    fn in_list(&self) -> bool {
        !self.list_closed && matches!(self.page.verb, Some(Verb::ListRecords | Verb::ListIdentifiers | Verb::GetRecord))
    }

    /// Sets the place aside if it is in a list of records. Damage after the list is of no importance, and damage before
    /// it or in other lists makes the page unusable.
    fn damage(&mut self, fault: Fault) -> Result<(), PageError> {
        if self.list_closed {
            self.finished = true;
            return Ok(());
        }
        let position = self.record.as_ref().map_or(self.scanner.last(), |record| record.start);
        let offset = self.scanner.offset(position);
        if !self.in_list() {
            self.foreign = match (self.open.depth(), &fault) {
                (0, Fault::DocumentType) => Some(Foreign::DocumentType),
                (0, _) => Some(Foreign::Other),
                _ => return Err(PageError::Damaged { offset, fault }),
            };
            return Ok(());
        }
        // Behind the `<` of what was damaged, so that it isn't found once more.
        let past = if self.record.is_some() { 0 } else { self.scanner.at() };
        self.scanner.seek(past.max(position + 1));
        self.open.truncate(2);
        self.scopes.truncate(2);
        self.capture = None;
        self.skipping = true;
        let bytes = beginning(&self.scanner.bytes()[position..self.scanner.at()]).to_vec();
        self.place = Some(self.record.take().unwrap_or_default().set_aside(offset, fault, bytes));
        Ok(())
    }

    /// Moves to the next place at which a record or the end of the list starts. Returns whether it has arrived. What it
    /// passes belongs to the damaged record.
    fn skip_damage(&mut self) -> bool {
        let Some(verb) = self.page.verb else { return true };
        let from = self.scanner.at();
        let mut at = from;
        let found = loop {
            let Some(distance) = memchr::memchr(b'<', &self.scanner.bytes()[at..]) else {
                at = self.scanner.bytes().len();
                break false;
            };
            at += distance;
            match restart::is_start(&self.scanner.bytes()[at..], verb, self.scanner.has_ended()) {
                restart::Start::Yes => break true,
                restart::Start::No => at += 1,
                restart::Start::Unknown => break false,
            }
        };
        self.scanner.seek(at);
        if let Some(place) = &mut self.place {
            let room = LONGEST_EXCERPT.saturating_sub(place.bytes.len());
            place.bytes.extend_from_slice(&self.scanner.bytes()[from..at.min(from + room)]);
        }
        if found {
            self.skipping = false;
        } else if self.scanner.has_ended() {
            self.finished = true;
        }
        found
    }

    fn markup(&mut self, markup: &Markup) -> Result<Option<Item>, Stop> {
        self.text(markup)?;
        let depth = self.open.depth();
        // Most of a page is below the root of the metadata, where nothing but names counts.
        let within = depth > 4 && self.record.is_some();
        match markup.kind {
            Kind::Start => {
                if depth >= self.limits.depth {
                    return Err(Fault::TooDeep(self.limits.depth).into());
                }
                if !within {
                    self.start(markup, depth)?;
                }
                self.open.push(markup.name(self.scanner.bytes()));
                Ok(None)
            }
            Kind::Empty if within => Ok(None),
            Kind::Empty => {
                self.start(markup, depth)?;
                self.close(markup, depth)
            }
            Kind::End => {
                let name = markup.name(self.scanner.bytes());
                if let Err(open) = self.open.pop(name) {
                    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
                    return Err(match open {
                        Some(open) => Fault::WrongEnd { open: text(open), found: text(name) }.into(),
                        None => Fault::Malformed("an end tag without a start").into(),
                    });
                }
                if depth > 5 && self.record.is_some() { Ok(None) } else { self.close(markup, depth - 1) }
            }
            Kind::Instruction if depth == 0 => self.declaration(markup),
            Kind::CData => {
                if let Some(capture) = self.capture.as_mut().filter(|capture| capture.depth == depth) {
                    capture.push_cdata(markup.cdata(self.scanner.bytes()));
                }
                Ok(None)
            }
            Kind::Comment | Kind::Instruction => Ok(None),
        }
    }

    /// Handles the text before a piece of markup.
    fn text(&mut self, markup: &Markup) -> Result<(), Stop> {
        let depth = self.open.depth();
        let text = &self.scanner.bytes()[markup.text..markup.start];
        if let Some(capture) = self.capture.as_mut().filter(|capture| capture.depth == depth) {
            capture.push_text(text);
        } else if depth == 0 && !self.is_answer() {
            let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
            if !text.trim_ascii().is_empty() {
                return Err(Stop::Foreign(Foreign::Other));
            }
        }
        Ok(())
    }

    /// Checks the encoding in the XML declaration.
    fn declaration(&mut self, markup: &Markup) -> Result<Option<Item>, Stop> {
        let bytes = &self.scanner.bytes()[markup.start..markup.end];
        let Some(content) = bytes.strip_prefix(b"<?xml ").and_then(|rest| rest.strip_suffix(b"?>")) else {
            return Ok(None);
        };
        match attributes(content).find(|(name, _)| *name == "encoding") {
            Some((_, name)) if !["utf-8", "utf8", "us-ascii", "ascii"].contains(&&*name.to_ascii_lowercase()) => {
                Err(Stop::Page(PageError::Encoding(name.chars().take(64).collect())))
            }
            _ => Ok(None),
        }
    }

    fn start(&mut self, markup: &Markup, depth: usize) -> Result<(), Stop> {
        let bytes = self.scanner.bytes();
        let name = local(markup.name(bytes));
        let attributes = markup.attributes(bytes);
        let mut field = None;
        match depth {
            0 if name != b"OAI-PMH" || self.is_answer() => return Err(Stop::Foreign(Foreign::Other)),
            1 => match name {
                b"responseDate" => field = Some(Field::ResponseDate),
                b"error" => field = Some(Field::Error(attribute(attributes, "code").unwrap_or_default())),
                _ => self.page.verb = self.page.verb.or_else(|| Verb::of_name(name)),
            },
            2 if !self.list_closed => match (self.page.verb, name) {
                (_, b"resumptionToken") => {
                    self.page.token_expires =
                        attribute(attributes, "expirationDate").and_then(|text| parse_datestamp(&text));
                    let number = |name| attribute(attributes, name).and_then(|text| text.trim().parse().ok());
                    self.page.complete_list_size = number("completeListSize");
                    self.page.cursor = number("cursor");
                    field = Some(Field::Token);
                }
                (Some(Verb::ListRecords | Verb::GetRecord), b"record") => {
                    self.record = Some(OpenRecord::new(markup.start));
                }
                (Some(Verb::ListIdentifiers), b"header") => {
                    let mut record = OpenRecord::new(markup.start);
                    record.section = Section::Header;
                    record.record.deleted = is_deleted(attributes);
                    self.record = Some(record);
                }
                (Some(Verb::Identify), _) => field = Some(Field::Entry(text_of(name))),
                _ => {}
            },
            3 | 4 => field = self.start_within(markup, depth)?,
            _ => {}
        }
        if depth < 4 {
            self.scopes.declare(depth, markup.attributes(self.scanner.bytes()));
        }
        if let Some(field) = field {
            self.capture = Some(Capture::new(field, depth + 1));
        }
        Ok(())
    }

    /// Handles the start of an element inside a record or an entry.
    fn start_within(&mut self, markup: &Markup, depth: usize) -> Result<Option<Field>, Stop> {
        let bytes = self.scanner.bytes();
        let name = local(markup.name(bytes));
        let Some(open) = &mut self.record else {
            let is_entry = matches!(self.page.verb, Some(Verb::ListSets | Verb::ListMetadataFormats)) && depth == 3;
            return Ok(is_entry.then(|| Field::Entry(text_of(name))));
        };
        let header_depth = if self.page.verb == Some(Verb::ListIdentifiers) { 3 } else { 4 };
        if open.section == Section::Header && depth == header_depth {
            return Ok(match name {
                b"identifier" => Some(Field::Identifier),
                b"datestamp" => Some(Field::Datestamp),
                b"setSpec" => Some(Field::SetSpec),
                _ => None,
            });
        }
        match (depth, name, open.section) {
            (3, b"header", _) => {
                open.section = Section::Header;
                open.record.deleted = is_deleted(markup.attributes(bytes));
            }
            (3, b"metadata", _) => open.section = Section::Metadata,
            (3, b"record", _) => return Err(Fault::Malformed("a record starts inside another").into()),
            (4, _, Section::Metadata) => {
                let name_end = markup.start + 1 + markup.name(bytes).len();
                open.start_root(markup.start, name_end, markup.end)?;
            }
            _ => {}
        }
        Ok(None)
    }

    /// Handles the end of an element at this depth.
    fn close(&mut self, markup: &Markup, depth: usize) -> Result<Option<Item>, Stop> {
        if self.capture.as_ref().is_some_and(|capture| capture.depth == depth + 1)
            && let Some(capture) = self.capture.take()
        {
            self.captured(capture);
        }
        if depth == 2
            && let Some(record) = self.record.take()
        {
            self.scopes.truncate(depth);
            return Ok(Some(self.finish_record(record, markup.end)));
        }
        if let Some(open) = &mut self.record {
            match depth {
                4 if open.section == Section::Metadata => open.end_root(markup.end, self.scanner.bytes(), &self.scopes),
                3 if self.page.verb != Some(Verb::ListIdentifiers) => open.section = Section::Outside,
                _ => {}
            }
            self.scopes.truncate(depth);
            return Ok(None);
        }
        self.scopes.truncate(depth);
        let name = local(markup.name(self.scanner.bytes()));
        let is_list = depth == 1 && self.page.verb.is_some_and(|verb| verb.name().as_bytes() == name);
        if is_list {
            self.list_closed = true;
            self.page.complete = true;
        }
        let ends_entry = match self.page.verb {
            Some(Verb::Identify) => is_list,
            Some(Verb::ListSets) => depth == 2 && name == b"set",
            Some(Verb::ListMetadataFormats) => depth == 2 && name == b"metadataFormat",
            _ => false,
        };
        Ok(ends_entry.then(|| Item::Entry(std::mem::take(&mut self.entry))))
    }

    /// Uses the text of an element that has ended.
    fn captured(&mut self, capture: Capture<Field>) {
        let Capture { field, text, fault, .. } = capture;
        let header = self.record.as_mut();
        match (field, header) {
            (Field::ResponseDate, _) => self.page.response_date = parse_datestamp(&text),
            (Field::Error(code), _) => self.page.errors.push((code, text.trim().to_owned())),
            (Field::Token, _) => {
                self.page.token = Some(text.trim().to_owned()).filter(|token| !token.is_empty());
                // All records stand before it: the page can be used even if its end is damaged.
                self.page.complete = true;
            }
            (Field::Entry(name), _) => self.entry.push((name, text.trim().to_owned())),
            (Field::Identifier, Some(open)) => {
                open.record.identifier = text.trim().to_owned();
                open.blame(fault.map(Fault::Header));
            }
            (Field::Datestamp, Some(open)) => open.record.datestamp = parse_datestamp(&text),
            (Field::SetSpec, Some(open)) => {
                if open.record.sets.len() >= self.limits.sets {
                    open.blame(Some(Fault::TooManySets(self.limits.sets)));
                } else {
                    open.record.sets.push(text.trim().to_owned());
                }
                open.blame(fault.map(Fault::Header));
            }
            (Field::Identifier | Field::Datestamp | Field::SetSpec, None) => {}
        }
    }

    /// Returns the record that ends at `end`.
    fn finish_record(&self, mut open: OpenRecord, end: usize) -> Item {
        let most = self.limits.record_bytes;
        open.blame((end - open.start > most).then_some(Fault::TooLarge(most)));
        let offset = self.scanner.offset(open.start);
        open.finish(self.scanner.bytes(), end, offset).map_or_else(Item::SetAside, Item::Record)
    }
}

fn text_of(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn is_deleted(header: &[u8]) -> bool {
    attribute(header, "status").is_some_and(|status| status.trim() == "deleted")
}

/// Returns the value of an attribute, unescaped.
fn attribute(text: &[u8], name: &str) -> Option<String> {
    let (_, value) = attributes(text).find(|(each, _)| *each == name)?;
    Some(quick_xml::escape::unescape(value).map_or_else(|_| value.to_owned(), std::borrow::Cow::into_owned))
}
