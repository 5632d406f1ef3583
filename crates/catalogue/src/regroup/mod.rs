//! Groups the records that harvests have changed. One node at a time does it, under a lease, so that two nodes never make
//! two groups for one edition.
//!
//! A batch of changed records is read with everything that may belong to them; `grouping` decides in memory; the result
//! is stored in one transaction. A record that a harvest changes meanwhile stays in the queue, since its version differs.

mod decide;
mod load;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use store::{Sql, Value};

use crate::database::{Catalogue, values};
use crate::error::Error;
use crate::sources::LEASE;
use decide::Decision;
use load::Loaded;

/// Changed records that are grouped together.
const TOGETHER: i64 = 2_000;

const LEASE_NAME: &str = "grouping";

/// The right to group records.
#[derive(Debug)]
pub struct GroupingLease {
    owner: String,
    fencing_token: i64,
}

const SET_EDITION: Sql = Sql {
    sqlite: "UPDATE record SET edition = $1 WHERE id = $2",
    postgres: "UPDATE record SET edition = moved.edition \
               FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS moved (edition, id) WHERE record.id = moved.id",
};
const PUT_EDITION: Sql = Sql {
    sqlite: "INSERT INTO edition (id, change, display, members, merged_into) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO UPDATE SET change = excluded.change, display = excluded.display, \
             members = excluded.members, merged_into = excluded.merged_into",
    postgres: "INSERT INTO edition (id, change, display, members, merged_into) \
               SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), \
               CAST($5 AS BIGINT[])) ON CONFLICT (id) DO UPDATE SET change = excluded.change, display = excluded.display, \
               members = excluded.members, merged_into = excluded.merged_into",
};
/// Earlier redirects, and records that aren't shown, follow their group into the one that took it.
const REDIRECT: Sql = Sql {
    sqlite: "UPDATE edition SET merged_into = $1 WHERE merged_into = $2",
    postgres: "UPDATE edition SET merged_into = merged.target \
               FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS merged (target, source) \
               WHERE edition.merged_into = merged.source",
};
const REDIRECT_RECORDS: Sql = Sql {
    sqlite: "UPDATE record SET edition = $1 WHERE edition = $2",
    postgres: "UPDATE record SET edition = merged.target \
               FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS merged (target, source) \
               WHERE record.edition = merged.source",
};
const PUT_GROUPED: Sql = Sql {
    sqlite: "INSERT INTO grouped (record, version, keys) VALUES ($1, $2, $3) \
             ON CONFLICT (record) DO UPDATE SET version = excluded.version, keys = excluded.keys",
    postgres: "INSERT INTO grouped (record, version, keys) \
               SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[])) \
               ON CONFLICT (record) DO UPDATE SET version = excluded.version, keys = excluded.keys",
};
const DROP_KEY: Sql = Sql {
    sqlite: "DELETE FROM match_key WHERE key = $1 AND record = $2",
    postgres: "DELETE FROM match_key USING unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS gone (key, record) \
               WHERE match_key.key = gone.key AND match_key.record = gone.record",
};
const PUT_KEY: Sql = Sql {
    sqlite: "INSERT INTO match_key (key, record) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    postgres: "INSERT INTO match_key (key, record) SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) \
               ON CONFLICT DO NOTHING",
};
const DONE: Sql = Sql {
    sqlite: "DELETE FROM pending WHERE record = $1 AND version = $2",
    postgres: "DELETE FROM pending USING unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS done (record, version) \
               WHERE pending.record = done.record AND pending.version = done.version",
};

impl Catalogue {
    /// Takes or renews the right to group. Returns `None` while another node has it.
    pub async fn lease_grouping(&self, owner: &str, now: Timestamp) -> Result<Option<GroupingLease>, Error> {
        let mut batch = self.store.batch();
        batch.run(
            "UPDATE lease SET owner = $1, lease_until = $2, fencing_token = fencing_token + 1 \
             WHERE name = $3 AND (owner = $1 OR lease_until <= $4)",
            values![owner, now.saturating_add(LEASE).unwrap_or(Timestamp::MAX), LEASE_NAME, now],
        );
        self.store.commit(batch).await?;
        let sql = "SELECT fencing_token FROM lease WHERE name = $1 AND owner = $2";
        let rows = self.store.lookup(sql, values![LEASE_NAME, owner]).await?;
        let lease =
            |row: &store::Row| Ok(GroupingLease { owner: owner.to_owned(), fencing_token: row.int("fencing_token")? });
        rows.first().map(lease).transpose()
    }

    /// Groups some of the changed records. Returns how many; 0 if none waits.
    ///
    /// # Errors
    ///
    /// Nothing is stored then. If the lease is lost, another node groups.
    pub async fn group_some(&self, lease: &GroupingLease, now: Timestamp) -> Result<usize, Error> {
        let Some(mut loaded) = Loaded::read(self, TOGETHER).await? else { return Ok(0) };
        let decision = Decision::of(self, &mut loaded).await?;
        let count = loaded.pending.len();
        self.store_groups(lease, &loaded, &decision, now).await?;
        Ok(count)
    }

    /// Groups all changed records.
    ///
    /// # Errors
    ///
    /// What was stored stays, and the rest still waits.
    pub async fn group_all(&self, owner: &str, now: impl Fn() -> Timestamp) -> Result<usize, Error> {
        let mut count = 0;
        loop {
            let Some(lease) = self.lease_grouping(owner, now()).await? else { return Ok(count) };
            match self.group_some(&lease, now()).await? {
                0 => return Ok(count),
                more => count += more,
            }
        }
    }

    async fn store_groups(
        &self,
        lease: &GroupingLease,
        loaded: &Loaded,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut batch = self.store.batch();
        batch.run_on_one(
            "UPDATE lease SET lease_until = $1 WHERE name = $2 AND owner = $3 AND fencing_token = $4",
            values![
                now.saturating_add(LEASE).unwrap_or(Timestamp::MAX),
                LEASE_NAME,
                lease.owner.as_str(),
                lease.fencing_token
            ],
            store::Error::LeaseLost,
        );
        let (dropped, added) = loaded.key_changes();
        batch.run_for_each(DROP_KEY, pairs(&dropped));
        batch.run_for_each(PUT_KEY, pairs(&added));
        batch.run_for_each(PUT_GROUPED, loaded.grouped_rows());
        let moved = decision.moved.iter().map(|(record, edition)| (*edition, *record)).collect();
        batch.run_for_each(SET_EDITION, pairs(&moved));
        let merged: BTreeSet<(i64, i64)> = decision.redirects();
        batch.run_for_each(REDIRECT_RECORDS, pairs(&merged));
        batch.run_for_each(REDIRECT, pairs(&merged));
        batch.run_for_each(PUT_EDITION, self.edition_rows(decision).await?);
        let done = loaded.pending.iter().map(|(record, pending)| (*record, pending.version)).collect();
        batch.run_for_each(DONE, pairs(&done));
        failpoint::hit(failpoint::Point::BeforeGroupsStored);
        self.store.commit(batch).await?;
        failpoint::hit(failpoint::Point::AfterGroupsStored);
        self.groups_changed.notify_waiters();
        Ok(())
    }

    /// Numbers the changes of the feed. Only the node with the lease does it, so that they are committed in their order.
    async fn edition_rows(&self, decision: &Decision) -> Result<Vec<Vec<Value>>, Error> {
        let rows = self.store.lookup("SELECT COALESCE(MAX(change), 0) AS change FROM edition", values![]).await?;
        let mut change = rows.first().map_or(Ok(0), |row| row.int("change"))?;
        let row = |(id, edition): (&i64, &decide::Edition)| {
            change += 1;
            let members = i64::try_from(edition.members).unwrap_or(i64::MAX);
            values![*id, change, edition.display, members, edition.merged_into]
        };
        Ok(decision.editions.iter().map(row).collect())
    }

    /// Returns the id under which a group is found today: its own, or that of the group that took its records.
    pub async fn current_edition(&self, id: i64) -> Result<Option<i64>, Error> {
        let rows = self.store.read("SELECT id, merged_into FROM edition WHERE id = $1", values![id]).await?;
        let current = |row: &store::Row| Ok(row.optional_int("merged_into")?.unwrap_or(row.int("id")?));
        rows.first().map(current).transpose()
    }
}

fn pairs(pairs: &BTreeSet<(i64, i64)>) -> Vec<Vec<Value>> {
    pairs.iter().map(|(first, second)| vec![Value::Int(*first), Value::Int(*second)]).collect()
}

/// Records by a number, such as those of a lookup or a group.
type Records = BTreeMap<i64, BTreeSet<i64>>;
