//! A reader for the XML that this crate needs: error bodies, and bibliographic records if Alma answers in XML.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// An element directly inside the root.
pub(crate) struct Child<'x> {
    /// Its name without a prefix.
    pub(crate) name: String,
    /// Its text, including that of the elements in it.
    pub(crate) text: String,
    /// The element as it is in the document.
    pub(crate) outer: &'x str,
}

/// The root element of a document.
pub(crate) struct Root<'x> {
    /// Its name without a prefix.
    pub(crate) name: String,
    /// The elements directly inside it.
    pub(crate) children: Vec<Child<'x>>,
}

impl<'x> Root<'x> {
    /// Returns the first child of this name as a root element.
    pub(crate) fn open(&self, name: &str) -> Option<Root<'x>> {
        read(self.children.iter().find(|child| child.name == name)?.outer).ok()
    }

    /// Returns the text of the first child of this name, if it has any.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = self.children.iter().find(|child| child.name == name)?.text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// Reads a document down to the children of its root. Fails unless the document is well-formed to its end.
pub(crate) fn read(xml: &str) -> Result<Root<'_>, &'static str> {
    const BROKEN: &str = "XML that isn't well-formed";
    let mut reader = Reader::from_str(xml);
    let mut root: Option<Root<'_>> = None;
    let mut open: Option<(String, usize)> = None;
    let mut text = String::new();
    let mut depth = 0_usize;
    loop {
        let start = position(&reader);
        let event = reader.read_event().map_err(|_| BROKEN)?;
        match event {
            Event::Start(ref tag) | Event::Empty(ref tag) => {
                let name = tag.local_name();
                let name = name.as_ref().to_owned();
                let closed = matches!(event, Event::Empty(_));
                match (depth, &mut root) {
                    (0, None) => root = Some(Root { name, children: Vec::new() }),
                    (0, Some(_)) => return Err(BROKEN),
                    (1, Some(root)) if closed => {
                        let outer = xml.get(start..position(&reader)).ok_or(BROKEN)?;
                        root.children.push(Child { name, text: String::new(), outer });
                    }
                    (1, _) => {
                        open = Some((name, start));
                        text.clear();
                    }
                    _ => {}
                }
                depth += usize::from(!closed);
            }
            Event::End(_) => {
                depth = depth.checked_sub(1).ok_or(BROKEN)?;
                if depth == 1
                    && let (Some((name, start)), Some(root)) = (open.take(), &mut root)
                {
                    let outer = xml.get(start..position(&reader)).ok_or(BROKEN)?;
                    root.children.push(Child { name, text: std::mem::take(&mut text), outer });
                }
            }
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::CData(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(|_| BROKEN)? {
                Some(character) => text.push(character),
                None => text.push_str(resolve_predefined_entity(&reference.into_inner()).ok_or(BROKEN)?),
            },
            Event::Eof if depth == 0 => return root.ok_or("no XML element"),
            Event::Eof => return Err(BROKEN),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// Returns the document without its declaration.
pub(crate) fn without_declaration(xml: &str) -> &str {
    let xml = xml.trim_start_matches('\u{feff}').trim();
    match xml.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        Some((_, document)) => document.trim_start(),
        None => xml,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_found_with_text_and_source() {
        let xml = "<?xml version=\"1.0\"?>\n<a:bib xmlns:a=\"x\"><title>cats &amp; d&#243;gs</title><link/><record><leader>x</leader></record></a:bib>";
        let root = read(xml).unwrap();
        assert_eq!(root.name, "bib");
        assert_eq!(root.text("title").as_deref(), Some("cats & dógs"));
        assert_eq!(root.text("link"), None);
        assert_eq!(root.children[2].outer, "<record><leader>x</leader></record>");
    }

    #[test]
    fn documents_that_are_cut_or_doubled_are_refused() {
        for bad in ["", "text", "<a><b>", "<a></b>", "<a/><b/>", "<a>&unknown;</a>"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_declaration_is_dropped_whatever_encoding_it_claims() {
        assert_eq!(without_declaration("<?xml version=\"1.0\" encoding=\"UTF-16\"?><record/>"), "<record/>");
        assert_eq!(without_declaration("<record/>"), "<record/>");
    }
}
