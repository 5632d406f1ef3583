//! Times as they are stored: microseconds since 1970, in UTC. Both databases keep these exactly.

use jiff::Timestamp;

pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}
