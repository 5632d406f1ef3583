//! Reads one record of the usual form from MARCXML, without a general XML parser.
//!
//! The usual form has the elements and attributes of the schema in any order and quoting, with or without a prefix, and
//! no fault. Whatever else XML allows or a damaged record contains (comments, CDATA sections, elements of other formats,
//! wrong tags and indicators) is left to the thorough reader, which gives the same record for the usual form.

use memchr::{memchr, memchr2};

use super::NAMESPACE;
use crate::iso2709::is_indicator;
use crate::{CompactRecord, Leader, Tag};

/// A position in a text of MARCXML.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Whether the text may contain characters that XML forbids or changes.
    suspicious: bool,
    /// The prefix of MARC elements with its colon; empty if they have none.
    prefix: &'a str,
}

/// The attributes of a data field, control field or subfield.
#[derive(Default)]
struct Attributes<'a> {
    tag: Option<&'a str>,
    ind1: Option<&'a str>,
    ind2: Option<&'a str>,
    code: Option<&'a str>,
}

impl<'a> Scanner<'a> {
    /// Starts at a position of a text.
    pub(super) fn new(text: &'a str, at: usize, suspicious: bool) -> Self {
        Self { text, at, suspicious, prefix: "" }
    }

    /// Returns the position after what was read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Reads a record, whose start tag is next. Returns `None` if it isn't of the usual form.
    ///
    /// The prefixes are those that an element around the record binds to the MARCXML namespace.
    pub(super) fn record(&mut self, prefixes: &[&str], record: &mut CompactRecord) -> Option<()> {
        record.restart(&Leader::default());
        self.skip_declaration()?;
        self.start_of_record(prefixes)?;
        let mut has_leader = false;
        loop {
            self.skip_space();
            self.skip("<")?;
            if self.skip("/").is_some() {
                self.rest_of_end("record")?;
                return (has_leader && !record.is_empty()).then_some(());
            }
            self.skip_prefix()?;
            if self.skip("datafield").is_some() {
                self.data_field(record)?;
            } else if self.skip("controlfield").is_some() {
                self.control_field(record)?;
            } else if !has_leader && self.skip("leader>").is_some() {
                has_leader = true;
                self.leader(record)?;
            } else {
                return None;
            }
        }
    }

    /// Reads the start tag of an element that contains records. Returns its local name and the prefixes that it binds
    /// to the MARCXML namespace, or `None` if records in it need the thorough reader.
    pub(super) fn start_of_collection(&mut self) -> Option<(&'a str, Vec<&'a str>)> {
        self.skip_declaration()?;
        self.skip("<")?;
        let name = self.name();
        let mut prefixes = Vec::new();
        loop {
            let spaced = self.skip_space();
            if self.skip(">").is_some() {
                return Some((name.rsplit(':').next()?, prefixes));
            }
            let (attribute, value) = self.attribute().filter(|_| spaced)?;
            match attribute.strip_prefix("xmlns") {
                // Without a prefix, every record would be in this other namespace.
                Some("") if value != NAMESPACE => return None,
                Some(bound) if value == NAMESPACE => prefixes.extend(bound.strip_prefix(':')),
                _ => {}
            }
        }
    }

    fn start_of_record(&mut self, prefixes: &[&str]) -> Option<()> {
        self.skip("<")?;
        let name = self.name();
        let (prefix, local) = name.rsplit_once(':').unwrap_or(("", name));
        self.prefix = if prefix.is_empty() { "" } else { &name[..=prefix.len()] };
        let mut bound = prefix.is_empty() || prefixes.contains(&prefix);
        let mut declared = false;
        loop {
            let spaced = self.skip_space();
            if self.skip(">").is_some() {
                return (local == "record" && bound).then_some(());
            }
            let (attribute, value) = self.attribute().filter(|_| spaced)?;
            let declares = attribute.strip_prefix("xmlns").map(|rest| rest.strip_prefix(':').unwrap_or(rest));
            if declares == Some(prefix) {
                if declared || value != NAMESPACE {
                    return None;
                }
                declared = true;
                bound = true;
            }
        }
    }

    fn leader(&mut self, record: &mut CompactRecord) -> Option<()> {
        let start = self.at;
        let end = start + Leader::LENGTH;
        let text = self.text.get(start..end)?;
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'<' | b'&')) {
            return None;
        }
        record.replace_leader(text);
        self.at = end;
        self.end_tag("leader")
    }

    fn control_field(&mut self, record: &mut CompactRecord) -> Option<()> {
        let tag = Tag::from_bytes(self.attributes()?.tag?.as_bytes())?;
        if tag.is_numeric() && !tag.is_control() {
            return None;
        }
        self.content(record)?;
        record.end_field(tag, None);
        self.end_tag("controlfield")
    }

    fn data_field(&mut self, record: &mut CompactRecord) -> Option<()> {
        let (tag, indicators) = self.usual_data_field().or_else(|| {
            let attributes = self.attributes()?;
            Some((attributes.tag?.as_bytes(), [single(attributes.ind1?)?, single(attributes.ind2?)?]))
        })?;
        let tag = Tag::from_bytes(tag).filter(|tag| !tag.is_control())?;
        let indicators = indicators.map(char::from);
        if !indicators.iter().copied().all(is_indicator) {
            return None;
        }
        loop {
            self.skip_space();
            self.skip("<")?;
            if self.skip("/").is_some() {
                record.end_field(tag, Some(indicators));
                return self.rest_of_end("datafield");
            }
            self.skip_prefix()?;
            self.skip("subfield")?;
            self.subfield(record)?;
        }
    }

    /// Reads the attributes of a data field as most programs write them.
    fn usual_data_field(&mut self) -> Option<(&'a [u8], [u8; 2])> {
        let bytes = self.text.as_bytes().get(self.at..self.at + 31)?;
        let usual = bytes.starts_with(b" tag=\"")
            && &bytes[9..17] == b"\" ind1=\""
            && &bytes[18..26] == b"\" ind2=\""
            && &bytes[27..29] == b"\">";
        usual.then(|| {
            self.at += 29;
            (&bytes[6..9], [bytes[17], bytes[26]])
        })
    }

    fn subfield(&mut self, record: &mut CompactRecord) -> Option<()> {
        let bytes = self.text.as_bytes().get(self.at..self.at + 10)?;
        let code = if bytes.starts_with(b" code=\"") && bytes.ends_with(b"\">") {
            self.at += 10;
            bytes[7]
        } else {
            single(self.attributes()?.code?)?
        };
        // Within quotation marks, these three aren't what they look like.
        if !code.is_ascii_graphic() || matches!(code, b'&' | b'<' | b'"') {
            return None;
        }
        self.content(record)?;
        record.end_subfield(char::from(code));
        self.end_tag("subfield")
    }

    /// Reads text up to the next tag and appends it to the record.
    #[inline]
    fn content(&mut self, record: &mut CompactRecord) -> Option<()> {
        let out = record.text_mut();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let length = memchr2(b'<', b'&', rest)?;
            let piece = self.text.get(self.at..self.at + length)?;
            if self.suspicious && is_suspicious(piece.as_bytes()) {
                return None;
            }
            out.push_str(piece);
            self.at += length;
            if rest[length] == b'<' {
                return Some(());
            }
            out.push(self.reference()?);
        }
    }

    /// Reads a character reference or one of XML's five entities.
    fn reference(&mut self) -> Option<char> {
        let rest = self.text.get(self.at + 1..)?;
        let end = rest.bytes().take(12).position(|byte| byte == b';')?;
        let name = rest.get(..end)?;
        self.at += end + 2;
        Some(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#')?;
                let digits = number.strip_prefix('x');
                let valid = |digits: &str, radix| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
                let code = match digits {
                    Some(hex) if valid(hex, 16) => u32::from_str_radix(hex, 16).ok()?,
                    None if valid(number, 10) => number.parse().ok()?,
                    _ => return None,
                };
                char::from_u32(code).filter(|c| super::is_xml(*c))?
            }
        })
    }

    #[inline(always)]
    fn end_tag(&mut self, name: &str) -> Option<()> {
        self.skip("</")?;
        self.rest_of_end(name)
    }

    #[inline(always)]
    fn rest_of_end(&mut self, name: &str) -> Option<()> {
        self.skip_prefix()?;
        self.skip(name)?;
        if self.skip(">").is_none() {
            self.skip_space();
            self.skip(">")?;
        }
        Some(())
    }

    /// Reads attributes up to the end of a start tag.
    fn attributes(&mut self) -> Option<Attributes<'a>> {
        let mut found = Attributes::default();
        loop {
            let spaced = self.skip_space();
            if self.skip(">").is_some() {
                return Some(found);
            }
            let (name, value) = self.attribute().filter(|_| spaced)?;
            let place = match name {
                "tag" => &mut found.tag,
                "ind1" => &mut found.ind1,
                "ind2" => &mut found.ind2,
                "code" => &mut found.code,
                // Some programs declare the namespace on each element.
                _ if name.starts_with("xmlns") && value == NAMESPACE => continue,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
    }

    fn attribute(&mut self) -> Option<(&'a str, &'a str)> {
        let name = self.name();
        self.skip_space();
        self.skip("=")?;
        self.skip_space();
        let quote = *self.text.as_bytes().get(self.at)?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let start = self.at + 1;
        let end = start + memchr(quote, &self.text.as_bytes()[start..])?;
        self.at = end + 1;
        let value = self.text.get(start..end)?;
        let plain = !name.is_empty() && !value.bytes().any(|byte| matches!(byte, b'<' | b'&' | b'\t' | b'\n' | b'\r'));
        plain.then_some((name, value))
    }

    fn name(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest
            .bytes()
            .position(|byte| !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'-' | b'.'));
        let name = &rest[..end.unwrap_or(rest.len())];
        self.at += name.len();
        name
    }

    /// Skips a byte order mark and an XML declaration.
    fn skip_declaration(&mut self) -> Option<()> {
        let _ = self.skip("\u{FEFF}");
        if self.skip("<?xml ").is_some() {
            let (declaration, _) = self.text[self.at..].split_once("?>")?;
            if declaration.contains('<') {
                return None;
            }
            self.at += declaration.len() + 2;
        }
        self.skip_space();
        Some(())
    }

    /// Skips this text. Inlined, so that the comparison with a literal is one of whole words and not a call.
    #[inline(always)]
    fn skip(&mut self, expected: &str) -> Option<()> {
        let found = self.text.as_bytes().get(self.at..self.at + expected.len())?;
        (found == expected.as_bytes()).then(|| self.at += expected.len())
    }

    /// Skips the prefix of MARC elements, which most documents don't have.
    #[inline(always)]
    fn skip_prefix(&mut self) -> Option<()> {
        if self.prefix.is_empty() { Some(()) } else { self.skip(self.prefix) }
    }

    /// Skips white space; returns whether there was any.
    #[inline]
    pub(super) fn skip_space(&mut self) -> bool {
        let start = self.at;
        while matches!(self.text.as_bytes().get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.at > start
    }

    /// Returns whether an end tag or the end of the text is next.
    pub(super) fn is_at_end(&self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        rest.is_empty() || rest.starts_with(b"</")
    }
}

fn single(value: &str) -> Option<u8> {
    match value.as_bytes() {
        [byte] => Some(*byte),
        _ => None,
    }
}

/// Returns whether bytes of text contain a control character that XML forbids, a carriage return, which it changes, or
/// the start of U+FFFE or U+FFFF, which it forbids.
pub(super) fn is_suspicious(bytes: &[u8]) -> bool {
    // A sum over all bytes, which the compiler turns into operations on many bytes at once.
    let controls = bytes.chunks(128).any(|chunk| {
        chunk.iter().fold(0_u8, |count, byte| count | u8::from(*byte < b' ' && *byte != b'\n' && *byte != b'\t')) != 0
    });
    controls
        || memchr::memmem::find(bytes, "\u{FFFE}".as_bytes()).is_some()
        || memchr::memmem::find(bytes, "\u{FFFF}".as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::Scanner;
    use crate::CompactRecord;

    fn is_usual(fields: &str) -> bool {
        let xml = format!("<record>\n<leader>00000nam a2200000 i 4500</leader>{fields}</record>");
        Scanner::new(&xml, 0, true).record(&[], &mut CompactRecord::default()).is_some()
    }

    #[test]
    fn usual_form_needs_no_thorough_reader() {
        assert!(is_usual("<controlfield tag=\"001\">1</controlfield>\r\n"));
        assert!(is_usual(
            "<datafield tag='245' ind2='0' ind1=' '><subfield code='a'>R&amp;D &#233;</subfield> </datafield>"
        ));
        assert!(is_usual("<datafield tag=\"245\" ind1=\"1\" ind2=\"0\"><subfield code=\"a\">T</subfield></datafield>"));
    }

    #[test]
    fn faults_and_rare_forms_need_it() {
        for fields in [
            "",
            "<controlfield tag=\"001\">a<!-- b --></controlfield>",
            "<controlfield tag=\"01\">1</controlfield>",
            "<controlfield tag=\"001\">\r</controlfield>",
            "<controlfield tag=\"001\">&#1;</controlfield>",
            "<datafield tag=\"245\" ind1=\"\" ind2=\"0\"><subfield code=\"a\">T</subfield></datafield>",
            "<datafield tag=\"245\" ind1=\"1\" ind2=\"0\">T</datafield>",
            "<datafield tag=\"245\" ind1=\"1\" ind2=\"0\"><subfield code=\"&\">T</subfield></datafield>",
        ] {
            assert!(!is_usual(fields), "{fields}");
        }
    }
}
