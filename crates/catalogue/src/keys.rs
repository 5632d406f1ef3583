//! What grouping compares of a record.

use marc::CompactRecord;

/// Returns the keys of a record as they are stored.
pub(crate) fn of(_record: &CompactRecord) -> Vec<u8> {
    Vec::new()
}
