//! The lookups of a record as they are stored with it: each a hash of eight bytes.

use grouping::Keys;
use marc::CompactRecord;

/// Returns the lookups of a record as they are stored.
pub(crate) fn of(record: &CompactRecord) -> Vec<u8> {
    Keys::of(record).lookups().iter().flat_map(|lookup| lookup.hash.to_le_bytes()).collect()
}
