//! Places of a source or file that could not be read: what was to be read is kept, within limits, so that a person can see
//! the damage.

use store::{Batch, Row};

use crate::database::{Catalogue, values};
use crate::error::Error;
use crate::sources::SourceLease;

/// The most bytes that are kept of one place.
pub(crate) const MOST_BYTES: usize = 64 << 10;
/// The failures of one harvest of which the bytes are kept. Of further ones the reason is kept.
pub(crate) const MOST_KEPT: u64 = 1_000;

/// A place that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Its number in the catalogue.
    pub number: i64,
    /// The harvest that found it.
    pub harvest: i64,
    /// The record's id, if it could be read.
    pub local_id: Option<String>,
    /// The reason.
    pub reason: String,
    /// The beginning of what was to be read, at most 64 KiB; none if it was not kept.
    pub bytes: Option<Vec<u8>>,
}

impl Damage {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            number: row.int("id")?,
            harvest: row.int("harvest")?,
            local_id: row.optional_text("local_id")?,
            reason: row.text("reason")?,
            bytes: row.optional_bytes("bytes")?.map(<[u8]>::to_vec),
        })
    }
}

impl Catalogue {
    /// Returns the places of an institution that could not be read, the last ones first: those before the number `before`, or
    /// all.
    pub async fn damage(&self, institution: &str, before: Option<i64>, most: u32) -> Result<Vec<Damage>, Error> {
        let sql = "SELECT set_aside.id, set_aside.harvest, local_id, reason, bytes FROM set_aside \
                   JOIN source ON source.number = set_aside.source WHERE institution = $1 AND set_aside.id < $2 \
                   ORDER BY set_aside.id DESC LIMIT $3";
        let rows = self.store.read(sql, values![institution, before.unwrap_or(i64::MAX), i64::from(most)]).await?;
        rows.iter().map(Damage::read).collect()
    }
}

/// Forgets the places that are outdated when a run ends: records that can be read since, records whose damage was found once
/// more, and after a full harvest the places without an id that earlier runs found.
pub(crate) fn forget_outdated(batch: &mut Batch, lease: &SourceLease, run: i64, is_full: bool) {
    batch.run(
        "DELETE FROM set_aside WHERE source = $1 AND local_id IS NOT NULL AND (\
         NOT EXISTS (SELECT 1 FROM record WHERE record.source = set_aside.source \
         AND record.local_id = set_aside.local_id AND record.state = 3) \
         OR EXISTS (SELECT 1 FROM set_aside AS later WHERE later.source = set_aside.source \
         AND later.local_id = set_aside.local_id AND later.id > set_aside.id))",
        values![lease.number],
    );
    if is_full {
        batch.run(
            "DELETE FROM set_aside WHERE source = $1 AND local_id IS NULL AND harvest < $2",
            values![lease.number, run],
        );
    }
}
