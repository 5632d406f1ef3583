//! The user records that represent patrons in the systems of other libraries: which there are, by the digest of the patron.

use jiff::Timestamp;
use lending::{InstitutionCode, PatronId, Side};

use crate::database::Store;
use crate::error::Error;
use crate::requests::digest;
use crate::sql::{Row, values};
use crate::time::micros;
use crate::unit::Unit;

/// What the store knows of a patron's user record at another library.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KnownVirtualPatron {
    /// Its id, if the hub has made or found one.
    pub id: Option<PatronId>,
    /// The time until which requests were placed for which the hub made ids without a key; none in a newer store.
    pub unkeyed_until: Option<Timestamp>,
}

impl Store {
    /// Returns the known user record at `institution` that represents a patron of `home` there.
    pub async fn virtual_patron(
        &self,
        home: &InstitutionCode,
        patron: &PatronId,
        institution: &InstitutionCode,
        side: Side,
    ) -> Result<KnownVirtualPatron, Error> {
        let digest = digest(&self.sealer, home, patron)?;
        let known = "SELECT id FROM virtual_patron WHERE patron = $1 AND institution = $2 AND side = $3";
        let unkeyed = "SELECT value FROM setting WHERE name = 'unkeyed_ids_until'";
        let queries = vec![(known, values![digest, institution, side.name()]), (unkeyed, values![])];
        let mut rows = self.lookup_all(queries).await?.into_iter();
        let mut first = || rows.next().unwrap_or_default().into_iter().next();
        let id = first().map(|row| row.text("id")).transpose()?.map(PatronId::from);
        let until = first().map(|row| row.parse::<i64>("value")).transpose()?;
        Ok(KnownVirtualPatron { id, unkeyed_until: until.and_then(|at| Timestamp::from_microsecond(at).ok()) })
    }
}

/// A user record that represents a patron at another library, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredVirtualPatron {
    /// The digest of the patron's id.
    patron: String,
    /// Whose system has it.
    pub institution: InstitutionCode,
    /// The side that it is for.
    pub side: Side,
    /// Its id there.
    pub id: PatronId,
    /// When a request needed it last; the beginning of time if the patron wants to be forgotten.
    pub last_used_at: Timestamp,
}

/// Where a list of virtual patrons goes on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VirtualPatronCursor(i64, String);

/// The start of every statement that reads virtual patrons.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT patron, institution, side, id, last_used_at FROM virtual_patron WHERE ", $rest)
    };
}

impl StoredVirtualPatron {
    fn of(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            patron: row.text("patron")?,
            institution: row.text("institution")?.into(),
            side: row.side("side")?,
            id: row.text("id")?.into(),
            last_used_at: row.time("last_used_at")?,
        })
    }

    /// Where the list goes on after it.
    pub fn cursor(&self) -> VirtualPatronCursor {
        VirtualPatronCursor(micros(self.last_used_at), self.patron.clone())
    }
}

impl Store {
    /// Returns virtual patrons that no request has needed since `before`: none of the patron's is open or ended later.
    pub async fn unused_virtual_patrons(
        &self,
        before: Timestamp,
        now: Timestamp,
        after: &VirtualPatronCursor,
        limit: u32,
    ) -> Result<Vec<StoredVirtualPatron>, Error> {
        let sql = select!(
            "last_used_at <= $1 AND kept_until <= $2 AND (last_used_at, patron) > ($3, $4) \
                 AND NOT EXISTS (SELECT 1 FROM patron_request \
                     WHERE patron_request.patron_verified = virtual_patron.patron \
                         AND (patron_request.open = 1 OR patron_request.finished_at > $1)) \
             ORDER BY last_used_at, patron LIMIT $5"
        );
        let rows = self.read(sql, values![before, now, after.0, &after.1, i64::from(limit)]).await?;
        rows.iter().map(StoredVirtualPatron::of).collect()
    }

    /// Returns whether a virtual patron is still one of [`Store::unused_virtual_patrons`]: a request may need it by now.
    pub async fn is_still_unused(&self, known: &StoredVirtualPatron, before: Timestamp) -> Result<bool, Error> {
        let sql = select!(
            "patron = $1 AND institution = $2 AND side = $3 AND last_used_at <= $4 \
                 AND NOT EXISTS (SELECT 1 FROM patron_request \
                     WHERE patron_request.patron_verified = virtual_patron.patron \
                         AND (patron_request.open = 1 OR patron_request.finished_at > $4))"
        );
        let values = values![&known.patron, &known.institution, known.side.name(), before];
        Ok(!self.lookup(sql, values).await?.is_empty())
    }

    /// Returns all virtual patrons of a patron of `home`.
    pub async fn virtual_patrons_of(
        &self,
        home: &InstitutionCode,
        patron: &PatronId,
    ) -> Result<Vec<StoredVirtualPatron>, Error> {
        let digest = digest(&self.sealer, home, patron)?;
        let rows = self.read(select!("patron = $1 ORDER BY institution, side"), values![digest]).await?;
        rows.iter().map(StoredVirtualPatron::of).collect()
    }
}

impl Unit {
    /// Forgets a virtual patron that is removed, unless a request has needed it since it was read.
    pub fn forget_virtual_patron(&mut self, removed: &StoredVirtualPatron) {
        self.run(
            "DELETE FROM virtual_patron WHERE patron = $1 AND institution = $2 AND side = $3 AND last_used_at = $4",
            values![&removed.patron, &removed.institution, removed.side.name(), removed.last_used_at],
        );
    }

    /// Tries the removal of a virtual patron no sooner than `until`.
    pub fn keep_virtual_patron(&mut self, kept: &StoredVirtualPatron, until: Timestamp) {
        self.run(
            "UPDATE virtual_patron SET kept_until = $1 WHERE patron = $2 AND institution = $3 AND side = $4",
            values![until, &kept.patron, &kept.institution, kept.side.name()],
        );
    }

    /// Makes a virtual patron one that is removed whenever the library's system allows it. Returns it as it is stored then.
    pub fn let_virtual_patron_go(&mut self, unwanted: &StoredVirtualPatron) -> StoredVirtualPatron {
        self.run(
            "UPDATE virtual_patron SET last_used_at = 0, kept_until = 0 WHERE patron = $1 AND institution = $2 AND side = $3",
            values![&unwanted.patron, &unwanted.institution, unwanted.side.name()],
        );
        StoredVirtualPatron { last_used_at: Timestamp::UNIX_EPOCH, ..unwanted.clone() }
    }

    /// Notes the user record at `institution` that represents a patron of `home` there, and that it is needed now.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the patron's digest can't be made.
    pub fn put_virtual_patron(
        &mut self,
        (home, patron): (&InstitutionCode, &PatronId),
        institution: &InstitutionCode,
        side: Side,
        id: &PatronId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let digest = digest(&self.sealer, home, patron)?;
        self.run(
            "INSERT INTO virtual_patron (patron, institution, side, id, last_used_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (patron, institution, side) DO UPDATE SET id = excluded.id, last_used_at = excluded.last_used_at, \
                 kept_until = 0",
            values![digest, institution, side.name(), id.as_str(), now],
        );
        Ok(())
    }
}
