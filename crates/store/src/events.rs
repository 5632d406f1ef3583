//! Changes of requests as other programs learn of them: written with the change, and read in the order of the commits.
//!
//! A row has no position when it is written: two transactions may commit in another order than they began, and a reader
//! that continues after the last position would miss the one that commits later. [`Store::place_events`] gives positions to
//! committed rows, under a lock. See docs/decisions/0053-events.md.

use jiff::Timestamp;
use lending::{AgencyCode, InstitutionCode, LibraryCode, PickupLocationCode, Request, RequestId};
use serde_json::Value;

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::unit::Unit;

/// The number of events that get their positions in one commit.
const PLACED_AT_ONCE: u64 = 1_000;

/// Gives positions to the next events. Those of one request are in the order of its versions.
const PLACE: &str = "UPDATE request_event SET position = placed.position FROM ( \
         SELECT request, version, \
             (SELECT COALESCE(MAX(position), 0) FROM request_event WHERE position IS NOT NULL) \
                 + ROW_NUMBER() OVER (ORDER BY version, at, request) AS position \
         FROM request_event WHERE position IS NULL ORDER BY version, at, request LIMIT 1000 \
     ) AS placed \
     WHERE request_event.request = placed.request AND request_event.version = placed.version";

const AFTER: &str = "SELECT request, version, position, at, borrower, lender, lender_library, pickup_location, document \
                     FROM request_event WHERE position IS NOT NULL AND position > $1 ORDER BY position LIMIT $2";

/// A change of a request. It holds no data of the patron.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestEvent {
    /// The request.
    pub request: RequestId,
    /// The version that the change gave it. Request and version together identify the event.
    pub version: i64,
    /// When it was decided.
    pub at: Timestamp,
    /// The patron's agency.
    pub borrower: AgencyCode,
    /// The lender and its library, if a copy is chosen.
    pub lender: Option<(InstitutionCode, LibraryCode)>,
    /// The pickup location.
    pub pickup_location: PickupLocationCode,
    /// The change, as the caller writes it.
    pub document: Value,
}

impl RequestEvent {
    /// Creates the event of a request's change.
    pub fn new(request: &Request, version: i64, at: Timestamp, document: Value) -> Self {
        let lender = request.supply.as_ref().map(|supply| (supply.institution.clone(), supply.copy.library.clone()));
        Self {
            request: request.id,
            version,
            at,
            borrower: request.patron.agency.clone(),
            lender,
            pickup_location: request.pickup.code.clone(),
            document,
        }
    }

    pub(crate) fn of(row: &Row) -> Result<Self, Error> {
        let lender = row.optional_text("lender")?.zip(row.optional_text("lender_library")?);
        let document = row.text("document")?;
        Ok(Self {
            request: row.parse("request")?,
            version: row.int("version")?,
            at: row.time("at")?,
            borrower: row.text("borrower")?.into(),
            lender: lender.map(|(lender, library)| (lender.into(), library.into())),
            pickup_location: row.text("pickup_location")?.into(),
            document: serde_json::from_str(&document)
                .map_err(|error| Error::Corrupt { table: "request_event", what: error.to_string() })?,
        })
    }
}

/// An event with its position.
#[derive(Clone, PartialEq, Debug)]
pub struct PlacedEvent {
    /// Its place in the order of the commits, from 1.
    pub position: i64,
    /// The event.
    pub event: RequestEvent,
}

impl Store {
    /// Gives positions to the events that are committed and have none. Returns the number of events.
    pub async fn place_events(&self) -> Result<u64, Error> {
        let mut all = 0;
        loop {
            if self
                .read("SELECT 1 AS one FROM request_event WHERE position IS NULL LIMIT 1", values![])
                .await?
                .is_empty()
            {
                return Ok(all);
            }
            let mut unit = self.unit();
            unit.lock("events");
            let placed = unit.run(PLACE, values![]);
            let placed = self.commit(unit).await?.touched(placed);
            all += placed;
            if placed < PLACED_AT_ONCE {
                return Ok(all);
            }
        }
    }

    /// Returns the positions of the oldest and the newest event; `None` if there is none.
    pub async fn event_positions(&self) -> Result<Option<(i64, i64)>, Error> {
        let sql = "SELECT COALESCE(MIN(position), 0) AS oldest, COALESCE(MAX(position), 0) AS newest FROM request_event \
                   WHERE position IS NOT NULL";
        let rows = self.read(sql, values![]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let newest = row.int("newest")?;
        Ok(if newest == 0 { None } else { Some((row.int("oldest")?, newest)) })
    }

    /// Returns the next events after a position, at most `limit`.
    pub async fn events_after(&self, position: i64, limit: u32) -> Result<Vec<PlacedEvent>, Error> {
        let rows = self.read(AFTER, values![position, i64::from(limit)]).await?;
        rows.iter()
            .map(|row| Ok(PlacedEvent { position: row.int("position")?, event: RequestEvent::of(row)? }))
            .collect()
    }
}

impl Unit {
    /// Adds an event, to be committed with the change.
    pub fn insert_event(&mut self, event: &RequestEvent) {
        let (lender, library) = event.lender.as_ref().map(|(lender, library)| (lender, library)).unzip();
        self.run(
            "INSERT INTO request_event (request, version, at, borrower, lender, lender_library, pickup_location, document) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                event.request,
                event.version,
                event.at,
                &event.borrower,
                lender,
                library,
                &event.pickup_location,
                event.document.to_string(),
            ],
        );
    }

    /// Removes events from before a time. The newest one stays, so that no later event gets its position.
    pub fn prune_events(&mut self, before: Timestamp) {
        self.run(
            "DELETE FROM request_event WHERE at < $1 AND position IS NOT NULL \
                 AND position < (SELECT MAX(position) FROM request_event WHERE position IS NOT NULL)",
            values![before],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan;

    #[test]
    fn events_are_read_by_the_index_of_their_positions() {
        let plan = plan(AFTER).join("; ");
        assert!(plan.contains("request_event_position") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}
