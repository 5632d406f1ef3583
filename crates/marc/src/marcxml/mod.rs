//! MARCXML, the XML form of MARC 21.
//!
//! Source: the MARC21slim schema, Library of Congress. Alma accepts and returns the same elements without a namespace
//! (Bibliographic records API, `record` in `bib`).

mod compact;
mod element;
mod fast;
mod read;
mod write;

pub use compact::{CompactRecords, LARGEST_RECORD, read_all_compact, read_compact};
pub use read::{Records, read_all, read_one};
pub use write::{Namespace, write, write_collection};

const NAMESPACE: &str = "http://www.loc.gov/MARC21/slim";

/// Returns whether XML 1.0 can contain the character.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}
