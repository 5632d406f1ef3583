//! The open elements of a page, and the namespaces that they declare.

use memchr::memmem;
use quick_xml::events::attributes::Attributes;

/// The names of the open elements, outermost first.
#[derive(Debug, Default)]
pub(crate) struct OpenElements {
    names: Vec<u8>,
    starts: Vec<usize>,
}

impl OpenElements {
    pub(crate) fn depth(&self) -> usize {
        self.starts.len()
    }

    pub(crate) fn push(&mut self, name: &[u8]) {
        self.starts.push(self.names.len());
        self.names.extend_from_slice(name);
    }

    /// Closes the innermost element if it has this name; otherwise returns the name of the open one.
    pub(crate) fn pop(&mut self, name: &[u8]) -> Result<(), Option<&[u8]>> {
        let Some(start) = self.starts.last().copied() else { return Err(None) };
        if &self.names[start..] != name {
            return Err(Some(&self.names[start..]));
        }
        self.starts.pop();
        self.names.truncate(start);
        Ok(())
    }

    /// Closes all but the outermost `depth` elements.
    pub(crate) fn truncate(&mut self, depth: usize) {
        if let Some(start) = self.starts.get(depth).copied() {
            self.starts.truncate(depth);
            self.names.truncate(start);
        }
    }
}

/// The namespace declarations of the envelope that are in scope.
#[derive(Debug, Default)]
pub(crate) struct Scopes(Vec<Declaration>);

#[derive(Debug)]
struct Declaration {
    depth: usize,
    /// `xmlns` or `xmlns:prefix`.
    name: String,
    /// `prefix:`, empty for the default namespace.
    used_as: String,
    /// The value as it is to be written between double quotes.
    value: String,
}

impl Scopes {
    /// Adds the declarations among the attributes of an element at this depth.
    pub(crate) fn declare(&mut self, depth: usize, attributes: &[u8]) {
        if memmem::find(attributes, b"xmlns").is_none() {
            return;
        }
        for (name, value) in self::attributes(attributes) {
            let prefix = name.strip_prefix("xmlns:").map(|prefix| format!("{prefix}:"));
            let Some(used_as) = prefix.or_else(|| (name == "xmlns").then(String::new)) else { continue };
            self.0.push(Declaration { depth, name: name.to_owned(), used_as, value: value.replace('"', "&quot;") });
        }
    }

    /// Removes the declarations of elements at this depth and below.
    pub(crate) fn truncate(&mut self, depth: usize) {
        while self.0.last().is_some_and(|last| last.depth >= depth) {
            self.0.pop();
        }
    }

    /// Returns the declarations that a fragment needs to be read alone, as attributes to be put behind the name of its
    /// root. `root` holds the root's attributes.
    pub(crate) fn missing(&self, fragment: &[u8], root: &[u8]) -> String {
        let declares = |name: &str| {
            memmem::find(root, b"xmlns").is_some() && attributes(root).any(|(declared, _)| declared == name)
        };
        let mut missing = String::new();
        for (at, each) in self.0.iter().enumerate() {
            let hidden = self.0[at + 1..].iter().any(|later| later.name == each.name);
            let is_used = each.used_as.is_empty() || memmem::find(fragment, each.used_as.as_bytes()).is_some();
            if !hidden && is_used && !declares(&each.name) {
                missing.extend([" ", &each.name, "=\"", &each.value, "\""]);
            }
        }
        missing
    }
}

/// The attributes of a tag with their values as written, up to the first fault.
pub(crate) fn attributes(text: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let mut attributes = Attributes::new(text, 0);
    attributes.with_checks(false);
    attributes.map_while(Result::ok).map(move |attribute| {
        let value = match attribute.value {
            std::borrow::Cow::Borrowed(value) => value,
            std::borrow::Cow::Owned(_) => "",
        };
        (attribute.key.into_inner(), value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragment_gets_the_declarations_that_it_uses_and_does_not_have() {
        let mut scopes = Scopes::default();
        scopes.declare(0, br#" xmlns="http://oai" xmlns:xsi='http://"xsi"' xmlns:unused="u""#);
        scopes.declare(2, br#" xmlns:m="http://outer""#);
        scopes.declare(3, br#" xmlns:m="http://marc" id="1""#);
        let fragment = br#"<m:record xsi:x="1"/>"#;
        let root = br#" xsi:x="1""#;
        assert_eq!(
            scopes.missing(fragment, root),
            r#" xmlns="http://oai" xmlns:xsi="http://&quot;xsi&quot;" xmlns:m="http://marc""#
        );
        scopes.truncate(3);
        assert!(scopes.missing(fragment, root).ends_with(r#" xmlns:m="http://outer""#));
        let own = br#"<record xmlns="http://marc"/>"#;
        assert_eq!(scopes.missing(own, br#" xmlns="http://marc""#), "");
    }

    #[test]
    fn elements_close_in_order() {
        let mut open = OpenElements::default();
        open.push(b"a");
        open.push(b"b:c");
        open.push(b"d");
        assert_eq!(open.pop(b"x"), Err(Some(&b"d"[..])));
        assert_eq!(open.pop(b"d"), Ok(()));
        open.truncate(1);
        assert_eq!(open.depth(), 1);
        assert_eq!(open.pop(b"a"), Ok(()));
        assert_eq!(open.pop(b"a"), Err(None));
    }
}
