//! Events that are still to be sent to a subscription, and those that could not be.
//!
//! A delivered event leaves no row. Those of one request are sent one after the other; those of different requests don't wait
//! for each other.

use jiff::Timestamp;
use lending::RequestId;

use crate::database::Store;
use crate::error::Error;
use crate::events::RequestEvent;
use crate::sql::values;
use crate::unit::Unit;

/// An event to be sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivery {
    /// The subscription.
    pub subscription: String,
    /// The event's position.
    pub position: i64,
    /// The attempts that failed.
    pub attempts: u32,
    /// When it was due first.
    pub first_at: Timestamp,
    /// The event.
    pub event: RequestEvent,
}

/// An event that could not be delivered.
#[derive(Clone, PartialEq, Debug)]
pub struct DeadLetter {
    /// The event's position.
    pub position: i64,
    /// The request.
    pub request: RequestId,
    /// The attempts that failed.
    pub attempts: u32,
    /// When it was due first.
    pub first_at: Timestamp,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// The events of a subscription that have not arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryQueue {
    /// The subscription.
    pub subscription: String,
    /// Whether events are sent.
    pub active: bool,
    /// The number of deliveries to be made, and of newer events that may become deliveries.
    pub pending: u64,
    /// The number of deliveries that were given up.
    pub dead: u64,
    /// When the oldest of the deliveries to be made was due first.
    pub oldest: Option<Timestamp>,
}

/// The oldest pending delivery of each request that is due.
const DUE: &str = "SELECT d.subscription, d.position, d.attempts, d.first_at, e.request, e.version, e.at, e.borrower, e.lender, \
                       e.lender_library, e.pickup_location, e.document \
                   FROM delivery AS d JOIN request_event AS e ON e.position = d.position \
                   WHERE d.subscription = $1 AND d.state = 'pending' AND d.due_at <= $2 AND NOT EXISTS ( \
                       SELECT 1 FROM delivery AS b WHERE b.subscription = d.subscription AND b.request = d.request \
                           AND b.state = 'pending' AND b.position < d.position) \
                   ORDER BY d.position LIMIT $3";

impl Store {
    /// Returns deliveries of a subscription that are due, at most one of each request.
    pub async fn due_deliveries(&self, code: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, Error> {
        let rows = self.read(DUE, values![code, now, i64::from(limit)]).await?;
        let read = rows.iter().map(|row| {
            Ok(Delivery {
                subscription: row.text("subscription")?,
                position: row.int("position")?,
                attempts: row.small("attempts")?,
                first_at: row.time("first_at")?,
                event: RequestEvent::of(row)?,
            })
        });
        read.collect()
    }

    /// Returns the number of pending and of dead deliveries of a subscription.
    pub async fn count_deliveries(&self, code: &str) -> Result<(u64, u64), Error> {
        let sql = "SELECT COUNT(CASE WHEN state = 'pending' THEN 1 END) AS pending, \
                       COUNT(CASE WHEN state = 'dead' THEN 1 END) AS dead \
                   FROM delivery WHERE subscription = $1";
        let rows = self.read(sql, values![code]).await?;
        rows.first().map_or(Ok((0, 0)), |row| Ok((row.count("pending")?, row.count("dead")?)))
    }

    /// Returns what has not arrived, for each subscription.
    pub async fn delivery_queues(&self) -> Result<Vec<DeliveryQueue>, Error> {
        let sql = "SELECT s.code, s.active, \
                       COUNT(CASE WHEN d.state = 'pending' THEN 1 END) AS pending, \
                       COUNT(CASE WHEN d.state = 'dead' THEN 1 END) AS dead, \
                       COALESCE(MIN(CASE WHEN d.state = 'pending' THEN d.first_at END), 0) AS oldest, \
                       COALESCE((SELECT MAX(e.position) FROM request_event AS e), 0) - s.position AS newer \
                   FROM subscription AS s LEFT JOIN delivery AS d ON d.subscription = s.code \
                   GROUP BY s.code, s.active, s.position ORDER BY s.code";
        let rows = self.read(sql, values![]).await?;
        let read = rows.iter().map(|row| {
            let newer = u64::try_from(row.int("newer")?).unwrap_or_default();
            Ok(DeliveryQueue {
                subscription: row.text("code")?,
                active: row.int("active")? != 0,
                pending: row.count("pending")?.saturating_add(newer),
                dead: row.count("dead")?,
                oldest: row.time_unless_zero("oldest")?,
            })
        });
        read.collect()
    }

    /// Returns the events that could not be delivered to a subscription, oldest first, after a position.
    pub async fn dead_letters(&self, code: &str, after: i64, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        let sql = "SELECT position, request, attempts, first_at, error FROM delivery \
                   WHERE subscription = $1 AND state = 'dead' AND position > $2 ORDER BY position LIMIT $3";
        let rows = self.read(sql, values![code, after, i64::from(limit)]).await?;
        let read = rows.iter().map(|row| {
            Ok(DeadLetter {
                position: row.int("position")?,
                request: row.parse("request")?,
                attempts: row.small("attempts")?,
                first_at: row.time("first_at")?,
                error: row.optional_text("error")?,
            })
        });
        read.collect()
    }
}

impl Unit {
    /// Moves a subscription on to the position `to`, and adds deliveries of the events that it wants. At the commit,
    /// [`Error::Conflict`] if it isn't at `from` any more: another node has moved it.
    pub fn advance_subscription(
        &mut self,
        code: &str,
        from: i64,
        to: i64,
        wanted: &[(i64, RequestId)],
        now: Timestamp,
    ) {
        self.run_on_one(
            "UPDATE subscription SET position = $1 WHERE code = $2 AND position = $3",
            values![to, code, from],
            Error::Conflict,
        );
        for (position, request) in wanted {
            self.run(
                "INSERT INTO delivery (subscription, position, request, state, first_at, due_at) \
                 VALUES ($1, $2, $3, 'pending', $4, $4)",
                values![code, *position, *request, now],
            );
        }
    }

    /// Notes that an event is delivered.
    pub fn finish_delivery(&mut self, delivery: &Delivery, now: Timestamp) {
        let code = &delivery.subscription;
        self.run("DELETE FROM delivery WHERE subscription = $1 AND position = $2", values![code, delivery.position]);
        self.run(
            "UPDATE subscription SET failures = 0, due_at = $1, last_delivered_at = $1, last_error = NULL WHERE code = $2",
            values![now, code],
        );
    }

    /// Notes that a delivery failed. It is due once more at `due`, or dead if that is none. The subscription rests until
    /// `rest_until`.
    pub fn fail_delivery(&mut self, delivery: &Delivery, error: &str, due: Option<Timestamp>, rest_until: Timestamp) {
        let code = &delivery.subscription;
        let state = if due.is_some() { "pending" } else { "dead" };
        self.run(
            "UPDATE delivery SET attempts = attempts + 1, state = $1, due_at = $2, error = $3 \
             WHERE subscription = $4 AND position = $5",
            values![state, due.unwrap_or(rest_until), error, code, delivery.position],
        );
        self.run(
            "UPDATE subscription SET failures = failures + 1, due_at = $1, last_error = $2 WHERE code = $3",
            values![rest_until, error, code],
        );
    }

    /// Makes dead deliveries of a subscription due now: those of some positions, or all.
    pub fn resend_dead_letters(&mut self, code: &str, positions: Option<&[i64]>, now: Timestamp) {
        let all = "UPDATE delivery SET state = 'pending', attempts = 0, first_at = $1, due_at = $1 \
                   WHERE subscription = $2 AND state = 'dead'";
        let one = "UPDATE delivery SET state = 'pending', attempts = 0, first_at = $1, due_at = $1 \
                   WHERE subscription = $2 AND state = 'dead' AND position = $3";
        match positions {
            None => drop(self.run(all, values![now, code])),
            Some(positions) => {
                for position in positions {
                    self.run(one, values![now, code, *position]);
                }
            }
        }
        self.run("UPDATE subscription SET failures = 0, due_at = $1 WHERE code = $2", values![now, code]);
    }

    /// Removes deliveries whose event is removed.
    pub fn prune_deliveries(&mut self) {
        self.run(
            "DELETE FROM delivery WHERE position < (SELECT COALESCE(MIN(position), 0) FROM request_event \
                 WHERE position IS NOT NULL)",
            values![],
        );
    }
}
