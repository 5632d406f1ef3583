//! Finished requests whose patron's data may be erased, all requests of a patron, and the erasure itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lending::{InstitutionCode, PatronId, Request, RequestId};

use crate::audit::AuditEntry;
use crate::database::Store;
use crate::error::Error;
use crate::requests::{Stored, digest, select};
use crate::sql::values;
use crate::time::micros;
use crate::unit::Unit;

/// Where a list of finished requests goes on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FinishedCursor(i64, String);

/// Requests that ended, oldest first.
const FINISHED: &str = select!(
    "finished_at IS NOT NULL AND finished_at <= $1 AND (finished_at, id) > ($2, $3) ORDER BY finished_at, id LIMIT $4"
);
/// The requests of a patron that aren't anonymous.
const OF_PATRON: &str = select!("patron_identifier_digest = $1 OR patron_verified = $1");

impl Store {
    /// Takes the right to make the next pass over old data, which one node makes for all. Returns whether it is this node's turn:
    /// the last pass was begun at least `interval` ago, or at a time that is still to come by a clock that was wrong.
    pub async fn claim_retention_pass(&self, now: Timestamp, interval: std::time::Duration) -> Result<bool, Error> {
        let known = self.read("SELECT value FROM setting WHERE name = 'retention_pass_at'", values![]).await?;
        let last = known.first().map(|row| row.text("value")).transpose()?;
        let last_at = last.as_ref().and_then(|text| text.parse::<i64>().ok()).unwrap_or(i64::MIN);
        let least = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        let (now, next) = (micros(now), last_at.saturating_add(least));
        if last_at <= now && now < next {
            return Ok(false);
        }
        let mut unit = self.unit();
        let claimed = match last {
            Some(last) => unit.run(
                "UPDATE setting SET value = $1 WHERE name = 'retention_pass_at' AND value = $2",
                values![now.to_string(), last],
            ),
            None => unit.run(
                "INSERT INTO setting (name, value) VALUES ('retention_pass_at', $1) ON CONFLICT (name) DO NOTHING",
                values![now.to_string()],
            ),
        };
        let done = self.commit(unit).await?;
        Ok(done.touched(claimed) == 1)
    }

    /// Returns requests that ended at `before` or earlier and aren't anonymous, oldest first, and where the list goes on.
    pub async fn finished_requests(
        &self,
        before: Timestamp,
        after: &FinishedCursor,
        limit: u32,
    ) -> Result<(Vec<Stored>, Option<FinishedCursor>), Error> {
        let rows = self.read(FINISHED, values![before, after.0, &after.1, i64::from(limit)]).await?;
        let last = rows.last().map(|row| Ok::<_, Error>(FinishedCursor(row.int("finished_at")?, row.text("id")?)));
        Ok((self.stored(&rows)?, last.transpose()?))
    }

    /// Returns all requests of a patron that aren't anonymous, oldest first: by the identifier as given, by the one that the library
    /// knows. That one finds the requests for which the patron gave another identifier.
    pub async fn requests_of_patron(
        &self,
        institution: &InstitutionCode,
        patron: &PatronId,
    ) -> Result<Vec<Stored>, Error> {
        let mut found: BTreeMap<RequestId, Stored> = BTreeMap::new();
        let (mut asked, mut ids) = (Vec::new(), vec![patron.clone()]);
        while let Some(id) = ids.pop() {
            let digest = digest(&self.sealer, institution, &id)?;
            if asked.contains(&digest) {
                continue;
            }
            for stored in self.stored(&self.read(OF_PATRON, values![&digest]).await?)? {
                // A card's number may belong to another reader by now, so only the library's own identifier leads further.
                ids.extend(stored.request.patron.verified.as_ref().map(|known| known.id.clone()));
                found.insert(stored.request.id, stored);
            }
            asked.push(digest);
        }
        Ok(found.into_values().collect())
    }
}

impl Unit {
    /// Keeps a request whose patron's data is erased: nothing finds it by the patron any more, nobody can read the texts of its
    /// audit, and the choices of its copies are gone: title, agency and time together may point to a person. At the commit, [`Error::Conflict`] where somebody else has changed it since `before` was read.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it can't be written.
    pub fn save_erased(
        &mut self,
        before: &Stored,
        next: &Request,
        entry: &AuditEntry,
        now: Timestamp,
    ) -> Result<Stored, Error> {
        let without_key = Stored { text_key: None, ..before.clone() };
        let saved = self.save_request(&without_key, next, std::slice::from_ref(entry), now)?;
        self.run(
            "UPDATE patron_request SET audit_key = NULL, patron_identifier_digest = '' WHERE id = $1",
            values![next.id],
        );
        self.run("DELETE FROM hint WHERE request = $1", values![next.id]);
        self.run("DELETE FROM supplier_choice WHERE request = $1", values![next.id]);
        self.run("DELETE FROM unread_message WHERE request = $1", values![next.id]);
        Ok(saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan;

    /// Otherwise each pass over a store with many old requests would read all of them.
    #[test]
    fn old_requests_and_those_of_a_patron_are_found_by_indexes() {
        for (sql, index) in [(FINISHED, "patron_request_finished"), (OF_PATRON, "patron_request_verified")] {
            let plan = plan(sql).join("; ");
            assert!(plan.contains(index) && !plan.contains("SCAN"), "{plan}");
        }
    }
}
