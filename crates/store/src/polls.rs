//! The polls of requests' sides, and the hints that make them due.
//!
//! A hint that comes while a poll is under way is left for the next one. Both change the poll's row, so that one of them
//! waits for the other, and `poll.hints` says which hints a claim has seen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lending::{InstitutionCode, RequestId, Side};

use crate::batch_polls::ListEntry;
use crate::database::Store;
use crate::error::Error;
use crate::sql::values;
use crate::time::micros;
use crate::unit::{StepId, Unit};
use crate::work::{Intent, NOTHING_NEW, NewIntent, Work};

/// Polls at an institution that keep failing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailingPolls {
    /// The institution.
    pub institution: InstitutionCode,
    /// How many.
    pub polls: u64,
    /// Since when the one that has failed longest does.
    pub since: Timestamp,
}

impl Store {
    /// Returns when a request is polled next, alone or with a list.
    pub async fn next_poll(&self, request: RequestId) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT due_at FROM poll WHERE request = $1 \
                   UNION ALL \
                   SELECT batch_poll.due_at FROM poll JOIN batch_poll \
                       ON batch_poll.institution = poll.institution AND batch_poll.list = poll.list \
                   WHERE poll.request = $1";
        let rows = self.lookup(sql, values![request]).await?;
        let dues = rows.iter().map(|row| row.time("due_at")).collect::<Result<Vec<_>, _>>()?;
        Ok(dues.into_iter().min())
    }

    /// Since when, at the longest, an open poll of each institution has seen nothing: since it was made last, or since it
    /// was wanted where it was not made since. What stands on a list is seen when that is read.
    pub async fn oldest_polls(&self) -> Result<Vec<(InstitutionCode, Timestamp)>, Error> {
        let alone = "SELECT institution, MIN(last_polled_at) AS since FROM poll WHERE list = '' GROUP BY institution";
        let lists = "SELECT institution, MIN(last_read_at) AS since FROM batch_poll \
                     WHERE EXISTS (SELECT 1 FROM poll WHERE poll.list <> '' AND poll.list = batch_poll.list \
                         AND poll.institution = batch_poll.institution) \
                     GROUP BY institution";
        let mut oldest = BTreeMap::new();
        for row in self.read_all(vec![(alone, values![]), (lists, values![])]).await?.concat() {
            let since = row.time("since")?;
            let known = oldest.entry(row.text("institution")?).or_insert(since);
            *known = since.min(*known);
        }
        Ok(oldest.into_iter().map(|(code, since)| (code.into(), since)).collect())
    }

    /// Polls that have failed so often in a row, by institution.
    pub async fn failing_polls(&self, times: u32) -> Result<Vec<FailingPolls>, Error> {
        // The first condition is the one of the index of the few that fail.
        let sql = "SELECT institution, COUNT(*) AS polls, MIN(failing_since) AS since FROM poll \
                   WHERE failures > 0 AND failures >= $1 GROUP BY institution ORDER BY institution";
        let rows = self.read(sql, values![times]).await?;
        rows.iter()
            .map(|row| {
                let institution = row.text("institution")?.into();
                Ok(FailingPolls { institution, polls: row.count("polls")?, since: row.time("since")? })
            })
            .collect()
    }
}

impl Unit {
    pub(crate) fn add_poll(&mut self, poll: &NewIntent, now: Timestamp) {
        let Work::Poll(side) = poll.work else { return };
        let (list, key, expected) = entry(poll.on_list.as_ref());
        self.run(
            "INSERT INTO poll (id, request, side, institution, due_at, list, list_key, list_expected, last_polled_at, \
                 created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9)",
            values![poll.id, poll.request, side, &poll.institution, poll.due_at, list, key, expected, now],
        );
    }

    /// Takes away the poll of a side at an institution that has no part in the request any more, under way or not. If it
    /// is under way, its worker loses the lease, so that nothing is decided on what it observes.
    pub fn remove_poll_at(&mut self, request: RequestId, side: Side, institution: &InstitutionCode) {
        self.run(
            "DELETE FROM poll WHERE request = $1 AND side = $2 AND institution = $3",
            values![request, side, institution],
        );
        self.remove_hints_without_poll(request, side);
    }

    /// Makes sure that a side is polled. A poll that is queued keeps its institution and its time. Where what happens next
    /// shows in another list its time is another too, unless it is under way or something was reported about it.
    pub fn ensure_poll(&mut self, poll: &NewIntent, now: Timestamp) {
        let Work::Poll(side) = poll.work else { return };
        let (list, key, expected) = entry(poll.on_list.as_ref());
        self.run(
            "INSERT INTO poll (id, request, side, institution, due_at, list, list_key, list_expected, last_polled_at, \
                 created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9) \
             ON CONFLICT (request, side) DO UPDATE SET \
                 list = excluded.list, list_key = excluded.list_key, list_expected = excluded.list_expected, \
                 due_at = CASE WHEN poll.lease_until <= $9 AND poll.hinted_at = 0 THEN excluded.due_at ELSE poll.due_at END \
             WHERE poll.list <> excluded.list OR poll.list_key <> excluded.list_key \
                 OR poll.list_expected <> excluded.list_expected",
            values![poll.id, poll.request, side, &poll.institution, poll.due_at, list, key, expected, now],
        );
    }

    /// Takes away the poll of a side. A poll that is under way stays until it has ended.
    pub fn remove_poll(&mut self, request: RequestId, side: Side, now: Timestamp) {
        self.run(
            "DELETE FROM poll WHERE request = $1 AND side = $2 AND lease_until <= $3",
            values![request, side, now],
        );
        self.remove_hints_without_poll(request, side);
    }

    /// Follows what takes a poll away: a hint that comes at the same moment is there by then, or finds no poll. The next
    /// poll of the side counts its hints from 1 again.
    pub(crate) fn remove_hints_without_poll(&mut self, request: RequestId, side: Side) {
        self.run(
            "DELETE FROM hint WHERE request = $1 AND side = $2 \
                 AND NOT EXISTS (SELECT 1 FROM poll WHERE poll.request = $1 AND poll.side = $2)",
            values![request, side],
        );
    }

    /// Ends a poll that has found something new, and queues the next one of its side. Where a hint came meanwhile that
    /// is due now. At the commit, [`Error::LeaseLost`] when the lease is somebody else's by now.
    pub fn restart_poll(&mut self, made: &Intent, next: &NewIntent, now: Timestamp) {
        let (list, key, expected) = entry(next.on_list.as_ref());
        self.run_on_one(
            "UPDATE poll SET attempts = 0, failures = 0, failing_since = 0, outcome = '', lease_until = 0, \
                 due_at = CASE WHEN hints > $1 THEN $2 ELSE CAST($3 AS BIGINT) END, \
                 hinted_at = CASE WHEN hints > $1 THEN hinted_at ELSE 0 END, \
                 list = $4, list_key = $5, list_expected = $6, \
                 last_polled_at = $2, created_at = $2, updated_at = $2 \
             WHERE id = $7 AND fencing_token = $8 AND institution = $9",
            values![
                made.hints_seen,
                now,
                next.due_at,
                list,
                key,
                expected,
                made.id,
                made.fencing_token,
                &next.institution
            ],
            Error::LeaseLost,
        );
        self.settle_hints(made);
    }

    /// Ends the poll of a side that a message has made needless, and queues the next one if there is one. At the commit,
    /// [`Error::PollBusy`] where it is under way or something else was reported about it.
    pub fn replace_poll(&mut self, request: RequestId, side: Side, next: Option<&NewIntent>, now: Timestamp) {
        let Some(next) = next else {
            self.run_on_one(
                "DELETE FROM poll WHERE request = $1 AND side = $2 AND lease_until <= $3 AND hinted_at = 0",
                values![request, side, now],
                Error::PollBusy,
            );
            return;
        };
        let (list, key, expected) = entry(next.on_list.as_ref());
        self.run_on_one(
            "UPDATE poll SET attempts = 0, failures = 0, failing_since = 0, outcome = '', due_at = $1, list = $2, \
                 list_key = $3, list_expected = $4, last_polled_at = $5, created_at = $5, updated_at = $5 \
             WHERE request = $6 AND side = $7 AND institution = $8 AND lease_until <= $5 AND hinted_at = 0",
            values![next.due_at, list, key, expected, now, request, side, &next.institution],
            Error::PollBusy,
        );
    }

    /// Puts off a poll that could not be made, which counts as failed. At the commit, [`Error::LeaseLost`] when the lease
    /// is somebody else's by now.
    pub fn postpone_failed_poll(&mut self, poll: &Intent, due_at: Timestamp, reason: &str, now: Timestamp) {
        let since = if poll.failures == 0 { now } else { poll.failing_since };
        let failed = (poll.failures.saturating_add(1), micros(since));
        self.postpone_poll(poll, due_at, reason, failed, now);
    }

    pub(crate) fn postpone_poll(
        &mut self,
        poll: &Intent,
        due_at: Timestamp,
        reason: &str,
        (failures, failing_since): (u32, i64),
        now: Timestamp,
    ) {
        let is_made = reason == NOTHING_NEW;
        // A poll that failed is still due to its hints.
        self.run_on_one(
            "UPDATE poll SET attempts = $1, failures = $2, failing_since = $3, outcome = $4, lease_until = 0, \
                 due_at = CASE WHEN hints > $5 THEN hinted_at ELSE CAST($6 AS BIGINT) END, \
                 hinted_at = CASE WHEN $7 = 1 AND hints <= $5 THEN 0 ELSE hinted_at END, \
                 last_polled_at = CASE WHEN $7 = 1 THEN CAST($8 AS BIGINT) ELSE last_polled_at END, \
                 updated_at = $8 \
             WHERE id = $9 AND fencing_token = $10",
            values![
                poll.attempts.saturating_add(1),
                failures,
                failing_since,
                reason,
                poll.hints_seen,
                due_at,
                is_made,
                now,
                poll.id,
                poll.fencing_token
            ],
            Error::LeaseLost,
        );
        if is_made {
            self.settle_hints(poll);
        }
    }

    fn settle_hints(&mut self, poll: &Intent) {
        if let Work::Poll(side) = poll.work
            && poll.hints_seen > 0
        {
            self.run(
                "DELETE FROM hint WHERE request = $1 AND side = $2 AND seq <= $3",
                values![poll.request, side, poll.hints_seen],
            );
        }
    }

    /// Lets the poll of a request's side be made at `due_at` at the latest, with what was reported about it; where it is
    /// under way, once more after it. It touches one row, or none where the side is not polled.
    pub fn add_hint(
        &mut self,
        request: RequestId,
        side: Side,
        hint: &str,
        due_at: Timestamp,
        now: Timestamp,
    ) -> StepId {
        let step = self.run(
            "UPDATE poll SET hints = hints + 1, hinted_at = $1, \
                 due_at = CASE WHEN due_at < $2 THEN due_at ELSE CAST($2 AS BIGINT) END \
             WHERE request = $3 AND side = $4",
            values![now, due_at, request, side],
        );
        self.run(
            "INSERT INTO hint (request, side, seq, body) SELECT request, side, hints, CAST($1 AS TEXT) \
             FROM poll WHERE request = $2 AND side = $3",
            values![hint, request, side],
        );
        step
    }

    /// Lets the polls of all sides of a request be made at once, with what was reported about them; one that is under way
    /// may have read before, and is made once more.
    pub fn add_hint_to_all(&mut self, request: RequestId, hint: &str, due_at: Timestamp) {
        for side in [Side::Lender, Side::Borrower, Side::Pickup] {
            self.add_hint(request, side, hint, due_at, due_at);
        }
    }
}

/// How the table names a poll's entry on a list.
fn entry(on_list: Option<&ListEntry>) -> (&str, &str, bool) {
    on_list.map_or(("", "", false), |on| (&on.list, &on.key, on.expected_present))
}
