//! Limits on what a server may send.

/// The largest sizes that are accepted from a server. A record that exceeds one is set aside; a page that exceeds
/// [`page_bytes`](Self::page_bytes) ends the harvest with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a page after decompression (default 1 GiB). Pages are read as a stream and never held in memory.
    pub page_bytes: u64,
    /// Bytes of a record (default 16 MiB); at the same time the most memory that a reader needs.
    pub record_bytes: usize,
    /// Depth of nested elements (default 64).
    pub depth: usize,
    /// Attributes of an element (default 64).
    pub attributes: usize,
    /// Sets of a record (default 1024).
    pub sets: usize,
    /// Entries of a list of sets or formats over all pages (default 100000).
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { page_bytes: 1 << 30, record_bytes: 16 << 20, depth: 64, attributes: 64, sets: 1024, entries: 100_000 }
    }
}
