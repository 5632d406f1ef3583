//! Reads one page, an answer of a repository, while it arrives.

use jiff::Timestamp;

use crate::datestamp::parse_datestamp;
use crate::limits::Limits;
use crate::names::{OpenElements, Scopes, attributes};
use crate::record::{Fault, Record, SetAside};
use crate::scan::{Kind, Markup, Scanner, Step, local};
use crate::text::Capture;
use crate::verb::Verb;

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A record, or a header of a list of identifiers.
    Record(Record),
    /// A place that can't be read. Reading continues with the next record.
    SetAside(SetAside),
    /// A set, a metadata format, or the repository's description: the names of its elements with their texts.
    Entry(Vec<(String, String)>),
}

/// The parts of a page that are not records; see [`PageReader::page`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The repository's clock when it answered.
    pub response_date: Option<Timestamp>,
    /// The list that the page contains. `None` if there is none, as with an error.
    pub verb: Option<Verb>,
    /// The protocol errors, each with code and text.
    pub errors: Vec<(String, String)>,
    /// The token of the next page. `None` on the last page: the element was missing or empty.
    pub token: Option<String>,
    /// The attribute `expirationDate`.
    pub token_expires: Option<Timestamp>,
    /// The attribute `completeListSize`.
    pub complete_list_size: Option<u64>,
    /// The attribute `cursor`.
    pub cursor: Option<u64>,
    /// Whether the list was read to its end, so that a missing token means the last page.
    pub complete: bool,
    /// Bytes of the page, decompressed.
    pub bytes: u64,
}

/// A page that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The answer is not OAI-PMH: HTML, plain text or other XML.
    #[error("the answer is not OAI-PMH")]
    NotOai {
        /// The beginning of the answer.
        head: String,
    },
    /// The answer has a document type, which can declare entities and is refused.
    #[error("the answer has a document type declaration, which is refused")]
    DocumentType,
    /// The answer is not in UTF-8, which the protocol requires.
    #[error("the answer is encoded in {0}; OAI-PMH requires UTF-8")]
    Encoding(String),
    /// The page exceeds [`Limits::page_bytes`].
    #[error("the page has more than {0} bytes")]
    TooLarge(u64),
    /// The XML around the records is damaged.
    #[error("the page is damaged at byte {offset}: {fault}")]
    Damaged {
        /// The byte of the page.
        offset: u64,
        /// The damage.
        fault: Fault,
    },
}

/// The reason why a piece of markup can't be used.
enum Stop {
    Fault(Fault),
    Page(PageError),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// An OAI record whose elements are still arriving. Positions are those of the scanner's bytes.
#[derive(Debug, Default)]
struct OpenRecord {
    start: usize,
    record: Record,
    /// Why the header can't be relied on.
    fault: Option<Fault>,
    section: Section,
    /// The root of the metadata: its start, the end of its name and of its tag, and its end.
    root: Option<Root>,
}

#[derive(Debug, Clone, Copy)]
struct Root {
    start: usize,
    name_end: usize,
    tag_end: usize,
    end: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Section {
    #[default]
    Outside,
    Header,
    Metadata,
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
        let keep = self.record.as_ref().map_or(self.scanner.at(), |record| record.start);
        let removed = self.scanner.feed(bytes, keep);
        if let Some(record) = &mut self.record {
            record.start -= removed;
            if let Some(root) = &mut record.root {
                root.start -= removed;
                root.name_end -= removed;
                root.tag_end -= removed;
                root.end -= removed;
            }
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
            if self.skipping && !self.skip_damage() {
                return Ok(None);
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
                    Stop::Page(self.not_oai())
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
                Stop::Fault(fault) => {
                    if let Some(item) = self.damage(fault)? {
                        return Ok(Some(item));
                    }
                }
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

    fn not_oai(&self) -> PageError {
        PageError::NotOai { head: String::from_utf8_lossy(&self.head).into_owned() }
    }

    fn in_list(&self) -> bool {
        !self.list_closed && matches!(self.page.verb, Some(Verb::ListRecords | Verb::ListIdentifiers | Verb::GetRecord))
    }

    /// Sets the place aside if it is in a list of records. Damage after the list is of no importance, and damage before
    /// it or in other lists makes the page unusable.
    fn damage(&mut self, fault: Fault) -> Result<Option<Item>, PageError> {
        if self.list_closed {
            self.finished = true;
            return Ok(None);
        }
        let position = self.record.as_ref().map_or(self.scanner.at(), |record| record.start);
        let offset = self.scanner.offset(position);
        if !self.in_list() {
            return Err(match fault {
                Fault::DocumentType
                    if !String::from_utf8_lossy(&self.head).to_ascii_lowercase().contains("<!doctype html") =>
                {
                    PageError::DocumentType
                }
                _ if self.open.depth() == 0 => self.not_oai(),
                fault => PageError::Damaged { offset, fault },
            });
        }
        self.scanner.seek(position + 1);
        self.open.truncate(2);
        self.scopes.truncate(2);
        self.capture = None;
        self.skipping = true;
        let record = self.record.take().map(|open| open.record).unwrap_or_default();
        let identifier = Some(record.identifier).filter(|identifier| !identifier.is_empty());
        Ok(Some(Item::SetAside(SetAside { identifier, datestamp: record.datestamp, offset, fault })))
    }

    /// Moves to the next place at which a record or the end of the list starts. Returns whether it has arrived.
    fn skip_damage(&mut self) -> bool {
        let Some(verb) = self.page.verb else { return true };
        let mut at = self.scanner.at();
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
                return Err(Stop::Page(self.not_oai()));
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
            0 if name != b"OAI-PMH" || self.is_answer() => return Err(Stop::Page(self.not_oai())),
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
                    self.record = Some(OpenRecord { start: markup.start, ..OpenRecord::default() });
                }
                (Some(Verb::ListIdentifiers), b"header") => {
                    let mut record = OpenRecord { start: markup.start, section: Section::Header, ..Default::default() };
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
                if open.root.is_some() {
                    return Err(Fault::Malformed("the metadata has more than one element").into());
                }
                let name_end = markup.start + 1 + markup.name(bytes).len();
                open.root = Some(Root { start: markup.start, name_end, tag_end: markup.end, end: markup.end });
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
        if depth == 2 && self.record.is_some() {
            let item = self.finish_record(markup.end);
            self.scopes.truncate(depth);
            return item.map(Some);
        }
        self.scopes.truncate(depth);
        if let Some(open) = &mut self.record {
            match (depth, &mut open.root) {
                (4, Some(root)) if open.section == Section::Metadata => root.end = markup.end,
                (3, _) if self.page.verb != Some(Verb::ListIdentifiers) => open.section = Section::Outside,
                _ => {}
            }
            return Ok(None);
        }
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
                open.fault = open.fault.take().or(fault.map(Fault::Header));
            }
            (Field::Datestamp, Some(open)) => open.record.datestamp = parse_datestamp(&text),
            (Field::SetSpec, Some(open)) => {
                if open.record.sets.len() >= self.limits.sets {
                    open.fault.get_or_insert(Fault::TooManySets(self.limits.sets));
                } else {
                    open.record.sets.push(text.trim().to_owned());
                }
                open.fault = open.fault.take().or(fault.map(Fault::Header));
            }
            (Field::Identifier | Field::Datestamp | Field::SetSpec, None) => {}
        }
    }

    /// Returns the record that ends at `end`.
    fn finish_record(&mut self, end: usize) -> Result<Item, Stop> {
        let Some(OpenRecord { start, mut record, fault, root, .. }) = self.record.take() else {
            return Err(Fault::Malformed("a record ends that hasn't started").into());
        };
        let fault = fault
            .or_else(|| (end - start > self.limits.record_bytes).then_some(Fault::TooLarge(self.limits.record_bytes)))
            .or_else(|| record.identifier.is_empty().then_some(Fault::NoIdentifier));
        if let Some(fault) = fault {
            let identifier = Some(record.identifier).filter(|identifier| !identifier.is_empty());
            let offset = self.scanner.offset(start);
            return Ok(Item::SetAside(SetAside { identifier, datestamp: record.datestamp, offset, fault }));
        }
        if let Some(root) = root {
            let (metadata, replaced) = self.fragment(root);
            record.metadata = Some(metadata);
            record.replaced = replaced;
        }
        Ok(Item::Record(record))
    }

    /// Copies the metadata, with the namespaces it needs, and replaces what isn't UTF-8.
    fn fragment(&self, root: Root) -> (Vec<u8>, usize) {
        let bytes = self.scanner.bytes();
        let fragment = &bytes[root.start..root.end];
        let declarations = self.scopes.missing(fragment, &bytes[root.name_end..root.tag_end]);
        let mut out = Vec::with_capacity(fragment.len() + declarations.len());
        out.extend_from_slice(&bytes[root.start..root.name_end]);
        out.extend_from_slice(declarations.as_bytes());
        out.extend_from_slice(&bytes[root.name_end..root.end]);
        if std::str::from_utf8(&out).is_ok() {
            return (out, 0);
        }
        let replaced = out.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
        (String::from_utf8_lossy(&out).into_owned().into_bytes(), replaced)
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

mod restart {
    //! Recognises the start of a record or of the end of the list after damage.

    use super::{Verb, local};

    pub(super) enum Start {
        Yes,
        No,
        /// More bytes are needed.
        Unknown,
    }

    /// How far a start is searched: a tag `record` with some namespaces, white space, and the tag `header`.
    const REACH: usize = 4096;

    /// Whether `bytes`, which begin with `<`, start a record, the token or the end of the list.
    pub(super) fn is_start(bytes: &[u8], verb: Verb, ended: bool) -> Start {
        let unknown = if ended || bytes.len() >= REACH { Start::No } else { Start::Unknown };
        let Some((name, rest)) = tag(bytes) else {
            return if bytes.len() > 256 { Start::No } else { unknown };
        };
        if let Some(name) = name.strip_prefix(b"/") {
            return if local(name) == verb.name().as_bytes() { Start::Yes } else { Start::No };
        }
        match (local(name), verb) {
            (b"resumptionToken", _) | (b"header", Verb::ListIdentifiers) => Start::Yes,
            (b"record", Verb::ListRecords | Verb::GetRecord) => {
                let Some(end) = rest.iter().take(REACH).position(|byte| *byte == b'>') else { return unknown };
                let inner = rest[end + 1..].trim_ascii_start();
                match tag(inner) {
                    Some((name, _)) if inner.starts_with(b"<") && local(name) == b"header" => Start::Yes,
                    None if inner.len() < 256 && (inner.is_empty() || inner.starts_with(b"<")) => unknown,
                    _ => Start::No,
                }
            }
            _ => Start::No,
        }
    }

    /// Returns the name of a tag, with its `/` if it is an end tag, and the bytes after it.
    fn tag(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let bytes = bytes.get(1..)?;
        let end = bytes
            .iter()
            .skip(1)
            .take(256)
            .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))?;
        Some(bytes.split_at(end + 1))
    }
}
