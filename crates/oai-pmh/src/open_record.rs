//! A record whose elements are still arriving.

use crate::names::Scopes;
use crate::record::{Fault, Record, SetAside};

/// A record whose elements are still arriving. Positions are those of the scanner's bytes.
#[derive(Debug, Default)]
pub(crate) struct OpenRecord {
    pub(crate) start: usize,
    pub(crate) record: Record,
    /// Why the header can't be relied on.
    pub(crate) fault: Option<Fault>,
    pub(crate) section: Section,
    root: Option<Root>,
}

/// The element inside `metadata`.
#[derive(Debug)]
struct Root {
    start: usize,
    name_end: usize,
    tag_end: usize,
    end: usize,
    /// The namespaces that it needs from outside, as attributes.
    declarations: String,
}

/// The part of a record that is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    #[default]
    Outside,
    Header,
    Metadata,
}

impl OpenRecord {
    pub(crate) fn new(start: usize) -> Self {
        Self { start, ..Self::default() }
    }

    /// Follows the scanner, which has removed bytes from its beginning.
    pub(crate) fn shift(&mut self, removed: usize) {
        self.start -= removed;
        if let Some(root) = &mut self.root {
            root.start -= removed;
            root.name_end -= removed;
            root.tag_end -= removed;
            root.end -= removed;
        }
    }

    /// Begins the element inside `metadata`, of which there is one.
    pub(crate) fn start_root(&mut self, start: usize, name_end: usize, tag_end: usize) -> Result<(), Fault> {
        if self.root.is_some() {
            return Err(Fault::Malformed("the metadata has more than one element"));
        }
        self.root = Some(Root { start, name_end, tag_end, end: tag_end, declarations: String::new() });
        Ok(())
    }

    /// Ends the element inside `metadata`, while the namespaces around it are still in scope.
    pub(crate) fn end_root(&mut self, end: usize, bytes: &[u8], scopes: &Scopes) {
        if let Some(root) = &mut self.root {
            root.end = end;
            let own = &bytes[root.name_end..root.tag_end];
            root.declarations = scopes.missing(&bytes[root.start..end], own);
        }
    }

    /// Keeps the first reason why the header can't be relied on.
    pub(crate) fn blame(&mut self, fault: Option<Fault>) {
        self.fault = self.fault.take().or(fault);
    }

    /// Returns the finished record, or why it is set aside.
    #[allow(clippy::result_large_err, reason = "both become an item, whose size is that of a record")]
    pub(crate) fn finish(mut self, bytes: &[u8], end: usize, offset: u64) -> Result<Record, SetAside> {
        let missing = self.record.identifier.is_empty().then_some(Fault::NoIdentifier);
        if let Some(fault) = self.fault.take().or(missing) {
            let start = self.start;
            return Err(self.set_aside(offset, fault, beginning(&bytes[start..end]).to_vec()));
        }
        if let Some(root) = &self.root {
            let (metadata, replaced) = root.copy(bytes);
            self.record.metadata = Some(metadata);
            self.record.replaced = replaced;
        }
        Ok(self.record)
    }

    pub(crate) fn set_aside(self, offset: u64, fault: Fault, bytes: Vec<u8>) -> SetAside {
        let identifier = Some(self.record.identifier).filter(|identifier| !identifier.is_empty());
        SetAside { identifier, datestamp: self.record.datestamp, offset, fault, bytes }
    }
}

/// The most bytes of a damaged record that are kept.
pub(crate) const LONGEST_EXCERPT: usize = 64 << 10;

/// Returns the beginning of a damaged record.
pub(crate) fn beginning(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(LONGEST_EXCERPT)]
}

impl Root {
    /// Copies the element with the namespaces it needs, and replaces what isn't UTF-8. Returns the number of
    /// replacements too.
    fn copy(&self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let declarations = self.declarations.as_bytes();
        let mut out = Vec::with_capacity(self.end - self.start + declarations.len());
        out.extend_from_slice(&bytes[self.start..self.name_end]);
        out.extend_from_slice(declarations);
        out.extend_from_slice(&bytes[self.name_end..self.end]);
        if std::str::from_utf8(&out).is_ok() {
            return (out, 0);
        }
        let replaced = out.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
        (String::from_utf8_lossy(&out).into_owned().into_bytes(), replaced)
    }
}
