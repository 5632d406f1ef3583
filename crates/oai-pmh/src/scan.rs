//! Splits a stream of XML into markup and text without copying it.
//!
//! A general XML reader makes an event of each tag and stops for good at the first fault. The envelope needs less, and
//! more: it passes over the metadata, needs only the names of elements to find the end, and has to find the next record
//! after damage. So this scanner knows tags, comments, CDATA, processing instructions and nothing else.

use std::ops::Range;

use memchr::{memchr, memmem};

use crate::record::Fault;

/// Bytes that have arrived and are still needed.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    bytes: Vec<u8>,
    /// The next byte to be scanned.
    at: usize,
    /// The `<` of the last markup that was found, complete or not.
    last: usize,
    /// The offset in the page of the first byte held.
    base: u64,
    /// Whether no more bytes will come.
    ended: bool,
    /// How far the text or markup at `at` has been searched without finding its end.
    searched: Option<Searched>,
    /// For comments, CDATA and instructions: offsets in the page between which no end of one begins.
    no_end: [Range<u64>; 3],
}

/// The state of a search that ran out of bytes.
#[derive(Debug, Clone, Copy)]
struct Searched {
    /// The markup's `<`, if it has been found.
    open: Option<usize>,
    /// The next byte to be searched.
    to: usize,
    /// Inside a tag: the quote that is open, and the number of quoted values so far.
    quote: Option<u8>,
    values: usize,
}

/// The kinds of markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `<name …>`
    Start,
    /// `<name …/>`
    Empty,
    /// `</name>`
    End,
    /// `<!-- … -->`
    Comment,
    /// `<![CDATA[ … ]]>`
    CData,
    /// `<? … ?>`
    Instruction,
}

/// A piece of markup, and the text before it. The numbers are positions in [`Scanner::bytes`], valid until bytes are
/// added or discarded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Markup {
    pub(crate) kind: Kind,
    /// Where the text before it begins; it ends at `start`.
    pub(crate) text: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The end of the name of a tag, which begins after `<` or `</`.
    name_end: usize,
}

impl Markup {
    pub(crate) fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let from = self.start + if self.kind == Kind::End { 2 } else { 1 };
        bytes.get(from..self.name_end).unwrap_or_default()
    }

    /// The attributes of a start tag, without the name.
    pub(crate) fn attributes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let to = self.end - if self.kind == Kind::Empty { 2 } else { 1 };
        bytes.get(self.name_end..to).unwrap_or_default()
    }

    /// The content of a CDATA section.
    pub(crate) fn cdata<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start + CDATA.len()..self.end - 3).unwrap_or_default()
    }
}

const CDATA: &[u8] = b"<![CDATA[";
const COMMENT: &[u8] = b"<!--";

/// The result of a scan.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// The next piece of markup.
    Markup(Markup),
    /// More bytes are needed.
    More,
    /// The page has ended; text may remain.
    End,
}

/// Removes the prefix of a qualified name.
pub(crate) fn local(name: &[u8]) -> &[u8] {
    match memchr(b':', name) {
        Some(colon) => &name[colon + 1..],
        None => name,
    }
}

impl Scanner {
    /// Adds bytes. Those before `keep` are not needed any more.
    pub(crate) fn feed(&mut self, more: &[u8], keep: usize) -> usize {
        let keep = keep.min(self.at);
        if keep > 0 {
            self.bytes.drain(..keep);
            self.base += keep as u64;
            self.at -= keep;
            self.last = self.last.saturating_sub(keep);
            if let Some(searched) = &mut self.searched {
                searched.to -= keep;
                searched.open = searched.open.map(|open| open - keep);
            }
        }
        self.bytes.extend_from_slice(more);
        keep
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Where the last markup begins, complete or not.
    pub(crate) fn last(&self) -> usize {
        self.last
    }

    /// The offset in the page of a position.
    pub(crate) fn offset(&self, position: usize) -> u64 {
        self.base + position as u64
    }

    /// Continues at another position.
    pub(crate) fn seek(&mut self, position: usize) {
        self.at = position.min(self.bytes.len());
        self.searched = None;
    }

    /// Finds the next piece of markup and moves behind it. `attributes` is the largest number of them in a tag.
    pub(crate) fn next(&mut self, attributes: usize) -> Result<Step, Fault> {
        let open = match self.searched {
            Some(Searched { open: Some(open), .. }) => open,
            found => {
                let from = found.map_or(self.at, |searched| searched.to);
                match memchr(b'<', &self.bytes[from..]) {
                    Some(distance) => from + distance,
                    None => return Ok(self.wait(None, self.bytes.len())),
                }
            }
        };
        self.last = open;
        match self.bytes.get(open + 1) {
            None => self.unfinished(open),
            Some(b'!') => self.declaration(open),
            Some(b'?') => self.until(open, open + 2, b"?>", Kind::Instruction),
            Some(b'/') => self.end_tag(open),
            Some(_) => self.start_tag(open, attributes),
        }
    }

    /// Remembers how far the search went.
    fn wait(&mut self, open: Option<usize>, to: usize) -> Step {
        if self.ended {
            return Step::End;
        }
        self.searched = Some(Searched { open, to, quote: None, values: 0 });
        Step::More
    }

    fn unfinished(&mut self, open: usize) -> Result<Step, Fault> {
        match self.wait(Some(open), open) {
            Step::End => Err(Fault::Truncated),
            step => Ok(step),
        }
    }

    fn found(&mut self, kind: Kind, start: usize, end: usize, name_end: usize) -> Result<Step, Fault> {
        let markup = Markup { kind, text: self.at, start, end, name_end };
        self.at = end;
        self.searched = None;
        Ok(Step::Markup(markup))
    }

    fn declaration(&mut self, open: usize) -> Result<Step, Fault> {
        let rest = &self.bytes[open..];
        if rest.starts_with(COMMENT) {
            return self.until(open, open + COMMENT.len(), b"-->", Kind::Comment);
        }
        if rest.starts_with(CDATA) {
            return self.until(open, open + CDATA.len(), b"]]>", Kind::CData);
        }
        if COMMENT.starts_with(rest) || CDATA.starts_with(rest) {
            return self.unfinished(open);
        }
        Err(Fault::DocumentType)
    }

    /// Finds the end of a comment, a CDATA section or an instruction. A search that found none isn't repeated over the
    /// same bytes, even if the reader has gone back after damage.
    fn until(&mut self, open: usize, from: usize, end: &'static [u8], kind: Kind) -> Result<Step, Fault> {
        let slot = match kind {
            Kind::Comment => 0,
            Kind::CData => 1,
            _ => 2,
        };
        let known = self.no_end[slot].clone();
        let held = |offset: u64| {
            let position = offset.saturating_sub(self.base);
            usize::try_from(position).unwrap_or(usize::MAX).min(self.bytes.len())
        };
        let (known_from, known_to) = (held(known.start), held(known.end));
        let from = from.min(self.bytes.len());
        let begin = self.offset(from);
        // Before what is known, there may be an end.
        let gap =
            if begin < known.start { from..(known_from + end.len() - 1).min(self.bytes.len()) } else { from..from };
        let rest = if begin > known.end { from } else { from.max(known_to) };
        let found = memmem::find(&self.bytes[gap.clone()], end)
            .map(|distance| gap.start + distance)
            .or_else(|| memmem::find(&self.bytes[rest..], end).map(|distance| rest + distance));
        if let Some(at) = found {
            let end = at + end.len();
            return self.found(kind, open, end, end);
        }
        let searched = self.bytes.len().saturating_sub(end.len() - 1).max(rest);
        let first = if begin > known.end { begin } else { begin.min(known.start) };
        self.no_end[slot] = first..self.offset(searched);
        self.unfinished(open)
    }

    fn end_tag(&mut self, open: usize) -> Result<Step, Fault> {
        let rest = &self.bytes[open + 2..];
        let Some(close) = rest.iter().take(MOST_NAME).position(|byte| matches!(byte, b'>' | b'<')) else {
            return if rest.len() >= MOST_NAME {
                Err(Fault::Malformed("a name is too long"))
            } else {
                self.unfinished(open)
            };
        };
        if rest[close] == b'<' {
            return Err(Fault::Malformed("an end tag isn't closed"));
        }
        let name = rest[..close].trim_ascii_end();
        if !is_name(name) {
            return Err(Fault::Malformed("an end tag has no name"));
        }
        let name_end = open + 2 + name.len();
        self.found(Kind::End, open, open + 2 + close + 1, name_end)
    }

    fn start_tag(&mut self, open: usize, attributes: usize) -> Result<Step, Fault> {
        let searched = self.searched.filter(|searched| searched.to > open);
        let (from, mut quote, mut values) =
            searched.map_or((open + 1, None, 0), |searched| (searched.to, searched.quote, searched.values));
        for (distance, byte) in self.bytes[from..].iter().enumerate() {
            match (quote, byte) {
                (Some(_), b'<') => return Err(Fault::Malformed("an attribute isn't closed")),
                (None, b'<') => return Err(Fault::Malformed("a tag isn't closed")),
                (Some(open), byte) if open == *byte => quote = None,
                (None, b'"' | b'\'') => {
                    quote = Some(*byte);
                    values += 1;
                    if values > attributes {
                        return Err(Fault::TooManyAttributes(attributes));
                    }
                }
                (None, b'>') => return self.start_tag_found(open, from + distance + 1),
                _ => {}
            }
        }
        if self.ended {
            return Err(Fault::Truncated);
        }
        self.searched = Some(Searched { open: Some(open), to: self.bytes.len(), quote, values });
        Ok(Step::More)
    }

    fn start_tag_found(&mut self, open: usize, end: usize) -> Result<Step, Fault> {
        let empty = self.bytes[end - 2] == b'/';
        let content = &self.bytes[open + 1..end - 1 - usize::from(empty)];
        let length = content.iter().position(u8::is_ascii_whitespace).unwrap_or(content.len());
        if !is_name(&content[..length]) {
            return Err(Fault::Malformed("a tag has no name"));
        }
        let kind = if empty { Kind::Empty } else { Kind::Start };
        self.found(kind, open, end, open + 1 + length)
    }
}

/// The longest name of an element, in bytes.
const MOST_NAME: usize = 1024;

/// Whether the bytes can be a name: a letter first, and no punctuation that ends one.
fn is_name(name: &[u8]) -> bool {
    let starts = name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_' || *first >= 0x80);
    let ends = |byte: &u8| matches!(byte, b'"' | b'\'' | b'=' | b'/' | b'&' | b'<' | b'>' | 0..=b' ');
    starts && name.len() <= MOST_NAME && !name.iter().any(ends)
}
