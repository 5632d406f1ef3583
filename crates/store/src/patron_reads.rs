//! Reads of patron data: who saw the data of which request's patron. They name no patron: the request does.

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
    /// The request whose patron was shown.
    pub request: RequestId,
    /// The patron's agency.
    pub agency: AgencyCode,
    /// How much was shown.
    pub shown: String,
    /// Why, if the caller gave a reason. Sealed at rest: it may name a person.
    pub reason: Option<String>,
}

/// Reads of some agencies' patrons, or of all. `REPLACE` finds a line in a set of lines.
const LATEST: &str = "SELECT id, at, actor, origin, operation, request, agency, shown, reason FROM patron_read \
                      WHERE ($1 = '*' OR REPLACE($1, '\n' || agency || '\n', '') <> $1) AND id < $2 AND ($4 = '' OR actor = $4) \
                      ORDER BY id DESC LIMIT $3";

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
        let rows = self.read(LATEST, values![of, before, i64::from(limit), actor.unwrap_or_default()]).await?;
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
            request: row.parse("request")?,
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
        self.run(
            "INSERT INTO patron_read (id, at, actor, origin, operation, request, agency, shown, reason) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            values![
                read.id,
                read.at,
                &read.actor,
                &read.origin,
                &read.operation,
                read.request,
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
