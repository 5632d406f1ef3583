//! Times as they are stored: microseconds since 1970, in UTC. Both databases keep these exactly.

use jiff::Timestamp;

use crate::error::Error;

pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn at(table: &'static str, micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(micros).map_err(|_| Error::Corrupt { table, what: "a time out of range".to_owned() })
}
