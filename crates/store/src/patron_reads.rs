//! Reads of patron data: who saw the data of which request's patron. They name no patron: the requests do.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lending::{AgencyCode, RequestId};
use uuid::Uuid;

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::unit::{StepId, Unit};

/// A read of a patron's data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatronRead {
    /// Its id, ordered by time.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// By whom: the name of a key or a user.
    pub actor: String,
    /// From where.
    pub origin: String,
    /// By which operation of the API.
    pub operation: String,
    /// The requests whose patron was shown: one, or those of a patron's list. A preview has none.
    pub requests: Vec<RequestId>,
    /// The patron's agency.
    pub agency: AgencyCode,
    /// How much was shown.
    pub shown: String,
    /// Why, if the caller gave a reason. Sealed at rest: it may name a person.
    pub reason: Option<String>,
}

/// Reads of some agencies' patrons, or of all. `REPLACE` finds a line in a set of lines. SQLite numbers parameters as they first
/// occur, so they occur in order.
const LATEST: &str = "SELECT id, at, actor, origin, operation, request, other_requests, agency, shown, reason \
                      FROM patron_read \
                      WHERE ($1 = '*' OR REPLACE($1, '\n' || agency || '\n', '') <> $1) AND id < $2 AND ($3 = '' OR actor = $3) \
                      ORDER BY id DESC LIMIT $4";

/// Reads of one request, alone or in a list.
const OF_REQUEST: &str = "SELECT id, at, actor, origin, operation, request, other_requests, agency, shown, reason \
                          FROM patron_read WHERE request = $1 \
                          UNION ALL \
                          SELECT id, at, actor, origin, operation, request, other_requests, agency, shown, reason \
                          FROM patron_read WHERE agency = $2 AND other_requests IS NOT NULL \
                              AND REPLACE(other_requests, $1, '') <> other_requests";

/// Stands for no request, in the column that earlier programs filled for every read.
const NO_REQUEST: RequestId = RequestId(Uuid::nil());

/// Returns the requests of a read.
fn requests(row: &Row) -> Result<Vec<RequestId>, Error> {
    let first: RequestId = row.parse("request")?;
    let others = row.optional_str("other_requests")?.unwrap_or_default();
    let others = others.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().map_err(|_| corrupt(id)));
    let known = (first != NO_REQUEST).then_some(Ok(first));
    known.into_iter().chain(others).collect()
}

fn corrupt(id: &str) -> Error {
    Error::Corrupt { table: "patron_read", what: format!("{id} is no id of a request") }
}

impl Store {
    /// Returns reads of the patrons of `of`, or of all, made by `actor` or by anybody, newest first: at most `limit`, and before the one with the id
    /// `before`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the reasons were sealed with another master key.
    pub async fn patron_reads(
        &self,
        of: Option<&[AgencyCode]>,
        actor: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<PatronRead>, Error> {
        let lines = |of: &[AgencyCode]| of.iter().fold("\n".to_owned(), |set, agency| set + agency.as_str() + "\n");
        let of = of.map_or_else(|| "*".to_owned(), lines);
        let before = before.unwrap_or(Uuid::max());
        let rows = self.read(LATEST, values![of, before, actor.unwrap_or_default(), i64::from(limit)]).await?;
        rows.iter().map(|row| self.patron_read(row)).collect()
    }

    /// Returns the reads in which some requests of an agency's patron were shown, oldest first.
    ///
    /// # Errors
    ///
    /// As [`Store::patron_reads`].
    pub async fn reads_of_requests(
        &self,
        agency: &AgencyCode,
        requests: &[RequestId],
    ) -> Result<Vec<PatronRead>, Error> {
        let mut reads = BTreeMap::new();
        for request in requests {
            for row in self.read(OF_REQUEST, values![*request, agency]).await? {
                let read = self.patron_read(&row)?;
                reads.insert(read.id, read);
            }
        }
        Ok(reads.into_values().collect())
    }

    fn patron_read(&self, row: &Row) -> Result<PatronRead, Error> {
        let id: Uuid = row.parse("id")?;
        let sealed = row.optional_text("reason")?;
        Ok(PatronRead {
            id,
            at: row.time("at")?,
            actor: row.text("actor")?,
            origin: row.text("origin")?,
            operation: row.text("operation")?,
            requests: requests(row)?,
            agency: row.text("agency")?.into(),
            shown: row.text("shown")?,
            reason: sealed.map(|sealed| self.sealer.open(&place(&id.to_string()), &sealed)).transpose()?,
        })
    }
}

impl Unit {
    /// Adds a read.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if its reason can't be sealed.
    pub fn insert_patron_read(&mut self, read: &PatronRead) -> Result<(), Error> {
        let reason = read.reason.as_ref().map(|reason| self.seal(&place(&read.id.to_string()), reason)).transpose()?;
        let first = read.requests.first().copied().unwrap_or(NO_REQUEST);
        let others: Vec<String> = read.requests.iter().skip(1).map(ToString::to_string).collect();
        let others = (!others.is_empty()).then(|| others.join(","));
        self.run(
            "INSERT INTO patron_read (id, at, actor, origin, operation, request, other_requests, agency, shown, reason) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                read.id,
                read.at,
                &read.actor,
                &read.origin,
                &read.operation,
                first,
                others,
                &read.agency,
                &read.shown,
                reason
            ],
        );
        Ok(())
    }

    /// Removes the oldest reads from before a time, at most `limit`: a unit that removes very many would make others wait. It
    /// touches as many rows as it removes.
    pub fn prune_patron_reads(&mut self, before: Timestamp, limit: u32) -> StepId {
        let sql = "DELETE FROM patron_read \
                   WHERE id IN (SELECT id FROM patron_read WHERE at < $1 ORDER BY at, id LIMIT $2)";
        self.run(sql, values![before, i64::from(limit)])
    }
}

/// The place of the reason for a read.
pub(crate) fn place(id: &str) -> String {
    format!("patron_read:{id}:reason")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan;

    #[test]
    fn reads_of_a_request_are_found_by_indexes() {
        let plan = plan(OF_REQUEST).join("; ");
        assert!(plan.contains("patron_read_request") && plan.contains("patron_read_lists"), "{plan}");
        assert!(!plan.contains("SCAN"), "{plan}");
    }
}
