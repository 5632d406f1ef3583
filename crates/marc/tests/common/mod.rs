//! The real records of `data/marc`, which every test file reads.

use std::path::Path;

use marc::{Read, Record, iso2709};

/// Files of sound ISO 2709 records, with the number of records in each.
#[allow(dead_code, reason = "not every test file uses it")]
pub(crate) const SOUND: [(&str, usize); 5] =
    [("marc.dat", 20), ("marc8.dat", 1), ("multi_isbn.dat", 1), ("diacritic.dat", 1), ("utf8_errors.dat", 1)];

pub(crate) fn data(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/marc").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the records of a file whose records can all be read.
#[allow(dead_code, reason = "not every test file uses it")]
pub(crate) fn reads(name: &str) -> Vec<Read> {
    iso2709::read_all(&data(name)).collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[allow(dead_code, reason = "not every test file uses it")]
pub(crate) fn sound_records() -> Vec<Record> {
    SOUND.iter().flat_map(|(name, _)| reads(name)).map(|read| read.record).collect()
}
