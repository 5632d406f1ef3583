//! Makes work, polls and lists due earlier: when an institution is reachable again, and when the clock was set back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::InstitutionCode;

use crate::database::Store;
use crate::error::Error;
use crate::sql::values;
use crate::unit::Unit;

impl Store {
    /// Lets effects and polls be done, and lists be read, now that are due later than any pause could put them off: they were put off by a
    /// clock that has been set back since. Leases that end later than any lease could are taken as run out, for the same
    /// reason. Deadlines stay. Answers how many there were.
    pub async fn reschedule_after_clock_change(
        &self,
        now: Timestamp,
        effects: Duration,
        polls: Duration,
        leases: Duration,
    ) -> Result<u64, Error> {
        let latest = |pause: Duration| {
            let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
            now.checked_add(pause).unwrap_or(Timestamp::MAX)
        };
        let (effects, polls, leases) = (latest(effects), latest(polls), latest(leases));
        let mut unit = self.unit();
        let steps = [
            unit.run(
                "UPDATE work SET due_at = $1 WHERE state = 'open' AND kind = 'effect' AND due_at > $2",
                values![now, effects],
            ),
            unit.run("UPDATE poll SET due_at = $1 WHERE due_at > $2", values![now, polls]),
            unit.run("UPDATE batch_poll SET due_at = $1 WHERE due_at > $2", values![now, polls]),
            unit.run(
                "UPDATE work SET lease_until = $1 WHERE lease_until > 0 AND lease_until > $2 AND state = 'open'",
                values![now, leases],
            ),
            unit.run(
                "UPDATE poll SET lease_until = $1 WHERE lease_until > 0 AND lease_until > $2",
                values![now, leases],
            ),
            unit.run("UPDATE batch_poll SET lease_until = $1 WHERE lease_until > $2", values![now, leases]),
        ];
        let done = self.commit(unit).await?;
        Ok(steps.into_iter().map(|step| done.touched(step)).sum())
    }

    /// Lets all lists of an institution be read at once, and its polls that stand on none be made at `latest`.
    pub async fn reschedule_unlisted_polls(
        &self,
        institution: &InstitutionCode,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<(), Error> {
        let mut unit = self.unit();
        unit.reschedule_lists(institution, now);
        unit.run(
            "UPDATE poll SET due_at = $1 WHERE list = '' AND institution = $2 AND due_at > $1",
            values![latest, institution],
        );
        self.commit(unit).await.map(drop)
    }

    /// Lets the lists of all institutions that have a webhook be read at once, and those that were read less than `apart` ago
    /// when that has passed. Answers how many there are.
    pub async fn reschedule_webhook_lists(&self, now: Timestamp, apart: Duration) -> Result<u64, Error> {
        let apart = i64::try_from(apart.as_micros()).unwrap_or(i64::MAX);
        let mut unit = self.unit();
        // A list that is being read may have been read too early.
        let lists = unit.run(
            "UPDATE batch_poll SET \
                 due_at = CASE WHEN last_read_at + $1 > $2 THEN last_read_at + $1 ELSE CAST($2 AS BIGINT) END \
             WHERE institution IN (SELECT institution FROM webhook) \
                 AND (due_at > CASE WHEN last_read_at + $1 > $2 THEN last_read_at + $1 ELSE CAST($2 AS BIGINT) END \
                     OR lease_until > $2)",
            values![apart, now],
        );
        Ok(self.commit(unit).await?.touched(lists))
    }
}

impl Unit {
    /// Lets what was put off for an institution be done at once: effects, and polls that could not be made. Its lists are
    /// read, too.
    pub fn reschedule_postponed(&mut self, institution: &InstitutionCode, now: Timestamp) {
        self.run(
            "UPDATE work SET due_at = $1 WHERE state = 'open' AND kind = 'effect' AND institution = $2 AND due_at > $1",
            values![now, institution],
        );
        self.run(
            "UPDATE poll SET due_at = $1 \
             WHERE institution = $2 AND due_at > $1 AND outcome <> '' AND outcome <> 'nothing new'",
            values![now, institution],
        );
        self.reschedule_lists(institution, now);
    }

    fn reschedule_lists(&mut self, institution: &InstitutionCode, now: Timestamp) {
        // A list that is being read may have been read too early.
        self.run(
            "UPDATE batch_poll SET due_at = $1 WHERE institution = $2 AND (due_at > $1 OR lease_until > $1)",
            values![now, institution],
        );
    }
}
