//! Batch polls: when each list is due, and which polls it covers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{InstitutionCode, LibraryCode, RequestId, Side};
use uuid::Uuid;

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::unit::Unit;

/// A poll's entry on a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListEntry {
    /// The list's name, which is the library system's own.
    pub list: String,
    /// What stands on it for the request.
    pub key: String,
    /// Whether it is there as long as nothing happens.
    pub expected_present: bool,
}

/// A list that is to be read from time to time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewBatchPoll {
    /// Whose system it is of.
    pub institution: InstitutionCode,
    /// Its name.
    pub list: String,
    /// The library whose hours it goes by.
    pub library: Option<LibraryCode>,
    /// How many times the shortest interval lies between two readings.
    pub interval_factor: u32,
    /// Whether what it shows is reported by those only that report each change of an item.
    pub needs_item_messages: bool,
    /// Not before this.
    pub due_at: Timestamp,
}

/// A list that was taken to be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchPoll {
    /// Whose system it is of.
    pub institution: InstitutionCode,
    /// Its name.
    pub list: String,
    /// The library whose hours it goes by.
    pub library: Option<LibraryCode>,
    /// How many times the shortest interval lies between two readings.
    pub interval_factor: u32,
    /// Whether what it shows is reported by those only that report each change of an item.
    pub needs_item_messages: bool,
    /// When something on it was last seen to have happened.
    pub last_change_at: Timestamp,
    /// When it was last read, or first wanted.
    pub read_at: Timestamp,
    /// When it was due.
    due_at: i64,
    /// The number that this claim writes with.
    fencing_token: i64,
}

/// An open look that stands on a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedPoll {
    /// The intent.
    pub id: Uuid,
    /// For which request.
    pub request: RequestId,
    /// At which side.
    pub side: Side,
    /// What stands on the list for it.
    pub key: String,
    /// Whether it is there as long as nothing happens.
    pub expected_present: bool,
    /// How often it showed nothing new.
    pub attempts: u32,
    /// When it was last made or changed.
    pub updated_at: Timestamp,
}

impl Store {
    /// Takes lists that are due, the longest due ones first.
    pub async fn claim_batch_polls(
        &self,
        owner: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<BatchPoll>, Error> {
        let sql = "SELECT institution, list, library, interval_factor, needs_item_messages, last_change_at, last_read_at, \
                       due_at, fencing_token \
                   FROM batch_poll WHERE due_at <= $1 AND lease_until <= $1 ORDER BY due_at LIMIT $2";
        // As a rule there is none.
        let rows = self.lookup(sql, values![now, i64::try_from(limit).unwrap_or(i64::MAX)]).await?;
        let until = now.saturating_add(SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX));
        let until = until.unwrap_or(Timestamp::MAX);
        let (mut unit, mut steps) = (self.unit(), Vec::new());
        for row in &rows {
            steps.push(unit.run(
                "UPDATE batch_poll SET lease_owner = $1, lease_until = $2, fencing_token = fencing_token + 1 \
                 WHERE institution = $3 AND list = $4 AND fencing_token = $5 AND due_at <= $6 AND lease_until <= $6",
                values![owner, until, row.text("institution")?, row.text("list")?, row.int("fencing_token")?, now],
            ));
        }
        let done = self.commit(unit).await?;
        rows.iter().zip(steps).filter(|(_, step)| done.touched(*step) == 1).map(|(row, _)| claimed(row)).collect()
    }

    /// Returns when the next of an institution's lists is read.
    pub async fn next_batch_poll(&self, institution: &InstitutionCode) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT due_at FROM batch_poll WHERE institution = $1 ORDER BY due_at LIMIT 1";
        let rows = self.read(sql, values![institution]).await?;
        rows.first().map(|row| row.time("due_at")).transpose()
    }

    /// Returns each list of an institution with the number of the hub's entries on it, but for lists with at least this
    /// interval factor.
    pub async fn list_lengths(
        &self,
        institution: &InstitutionCode,
        rare_factor: u32,
    ) -> Result<Vec<(String, u64)>, Error> {
        let sql = "SELECT batch_poll.list AS list, COUNT(*) AS entries FROM batch_poll JOIN poll ON poll.list = batch_poll.list \
                   AND poll.institution = batch_poll.institution \
                   WHERE poll.list <> '' AND batch_poll.institution = $1 AND batch_poll.interval_factor < $2 \
                   GROUP BY batch_poll.list";
        let rows = self.read(sql, values![institution, i64::from(rare_factor)]).await?;
        rows.iter().map(|row| Ok((row.text("list")?, row.count("entries")?))).collect()
    }

    /// Returns the open polls on a list that have neither a lease nor hints.
    pub async fn listed(
        &self,
        institution: &InstitutionCode,
        list: &str,
        now: Timestamp,
    ) -> Result<Vec<ListedPoll>, Error> {
        let sql = "SELECT id, request, side, list_key, list_expected, attempts, updated_at FROM poll \
                   WHERE list <> '' AND list = $1 AND institution = $2 AND hinted_at = 0 AND lease_until <= $3";
        let rows = self.read(sql, values![list, institution, now]).await?;
        rows.iter()
            .map(|row| {
                Ok(ListedPoll {
                    id: row.parse("id")?,
                    request: row.parse("request")?,
                    side: row.side("side")?,
                    key: row.text("list_key")?,
                    expected_present: row.yes("list_expected")?,
                    attempts: row.small("attempts")?,
                    updated_at: row.time("updated_at")?,
                })
            })
            .collect()
    }
}

fn claimed(row: &Row) -> Result<BatchPoll, Error> {
    Ok(BatchPoll {
        institution: row.text("institution")?.into(),
        list: row.text("list")?,
        library: row.optional_text("library")?.map(Into::into),
        interval_factor: row.small("interval_factor")?,
        needs_item_messages: row.yes("needs_item_messages")?,
        last_change_at: row.time("last_change_at")?,
        read_at: row.time("last_read_at")?,
        due_at: row.int("due_at")?,
        fencing_token: row.int("fencing_token")? + 1,
    })
}

impl Unit {
    /// Lets a list be read from time to time; one that is read already keeps its time.
    pub fn add_batch_poll(&mut self, batch_poll: &NewBatchPoll, now: Timestamp) {
        self.run(
            "INSERT INTO batch_poll (institution, list, library, interval_factor, needs_item_messages, last_change_at, \
                 last_read_at, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7) ON CONFLICT (institution, list) DO NOTHING",
            values![
                &batch_poll.institution,
                &batch_poll.list,
                batch_poll.library.as_ref(),
                batch_poll.interval_factor,
                batch_poll.needs_item_messages,
                now,
                batch_poll.due_at
            ],
        );
    }

    /// Gives a list back, with [`BatchPoll::last_change_at`] and [`BatchPoll::read_at`] as they are now. One that was to be
    /// read at once meanwhile is read once more. At the commit, [`Error::LeaseLost`] when somebody else reads it by now.
    pub fn finish_batch_poll(&mut self, batch_poll: &BatchPoll, due_at: Timestamp) {
        self.run_on_one(
            "UPDATE batch_poll SET due_at = CASE WHEN due_at <> $1 THEN due_at ELSE CAST($2 AS BIGINT) END, \
                 last_change_at = $3, last_read_at = $4, lease_until = 0 \
             WHERE institution = $5 AND list = $6 AND fencing_token = $7",
            values![
                batch_poll.due_at,
                due_at,
                batch_poll.last_change_at,
                batch_poll.read_at,
                &batch_poll.institution,
                &batch_poll.list,
                batch_poll.fencing_token
            ],
            Error::LeaseLost,
        );
    }

    /// Makes polls due one by one from `due_at` on, where no list covers them any more.
    pub fn detach_from_list(&mut self, polls: &[Uuid], due_at: Timestamp) {
        for poll in polls {
            self.run("UPDATE poll SET list = '', due_at = $1 WHERE id = $2 AND due_at > $1", values![due_at, *poll]);
        }
    }
}
