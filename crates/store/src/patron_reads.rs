//! Reads of patron data: who saw the data of which request's patron. They name no patron: the requests do.

use jiff::Timestamp;
use lending::{AgencyCode, RequestId};
use uuid::Uuid;

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::unit::Unit;

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

/// Reads of some agencies' patrons, or of all. `REPLACE` finds a line in a set of lines.
const LATEST: &str = "SELECT id, at, actor, origin, operation, request, other_requests, agency, shown, reason \
                      FROM patron_read \
                      WHERE ($1 = '*' OR REPLACE($1, '\n' || agency || '\n', '') <> $1) AND id < $2 \
                      ORDER BY id DESC LIMIT $3";

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
    /// Returns reads of the patrons of `of`, or of all, newest first: at most `limit`, and before the one with the id
    /// `before`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the reasons were sealed with another master key.
    pub async fn patron_reads(
        &self,
        of: Option<&[AgencyCode]>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<PatronRead>, Error> {
        let lines = |of: &[AgencyCode]| of.iter().fold("\n".to_owned(), |set, agency| set + agency.as_str() + "\n");
        let of = of.map_or_else(|| "*".to_owned(), lines);
        let before = before.unwrap_or(Uuid::max());
        let rows = self.read(LATEST, values![of, before, i64::from(limit)]).await?;
        rows.iter().map(|row| self.patron_read(row)).collect()
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

    /// Removes reads from before a time.
    pub fn prune_patron_reads(&mut self, before: Timestamp) {
        self.run("DELETE FROM patron_read WHERE at < $1", values![before]);
    }
}

/// The place of the reason for a read.
pub(crate) fn place(id: &str) -> String {
    format!("patron_read:{id}:reason")
}
