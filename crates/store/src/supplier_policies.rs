//! The policy for the choice of the supplier, in all its versions. The newest one applies.

use jiff::Timestamp;
use lending::supplier::SupplierPolicy;

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::unit::Unit;

/// A version of the policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredPolicy {
    /// Its number, from 1. The policy that a hub begins with, before anybody sets one, has 0.
    pub version: i64,
    /// When it was set; `None` for version 0.
    pub at: Option<Timestamp>,
    /// Who set it: the name of a key or a user, or `command line`.
    pub actor: String,
    /// The policy.
    pub policy: SupplierPolicy,
}

impl StoredPolicy {
    /// Returns the policy that a hub begins with.
    pub fn initial() -> Self {
        Self { version: 0, at: None, actor: String::new(), policy: SupplierPolicy::default() }
    }
}

const NEWEST: &str = "SELECT seq, at, actor, document FROM supplier_policy ORDER BY seq DESC LIMIT 1";
const VERSIONS: &str = "SELECT seq, at, actor, document FROM supplier_policy WHERE seq < $1 ORDER BY seq DESC LIMIT $2";

impl Store {
    /// Returns the policy that applies: the newest version, or else the one that a hub begins with.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is of another program.
    pub async fn supplier_policy(&self) -> Result<StoredPolicy, Error> {
        let rows = self.lookup(NEWEST, values![]).await?;
        rows.first().map_or_else(|| Ok(StoredPolicy::initial()), policy)
    }

    /// Returns the versions with a number below `before`, newest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if one is of another program.
    pub async fn supplier_policies(&self, before: Option<i64>, limit: u32) -> Result<Vec<StoredPolicy>, Error> {
        let rows = self.read(VERSIONS, values![before.unwrap_or(i64::MAX), i64::from(limit)]).await?;
        rows.iter().map(policy).collect()
    }
}

impl Unit {
    /// Keeps a new version of the policy, the one after `known`. At the commit, [`Error::Conflict`] if another version
    /// was set meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it can't be written.
    pub fn put_supplier_policy(
        &mut self,
        policy: &SupplierPolicy,
        known: i64,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let document = serde_json::to_string(policy).map_err(|error| corrupt(&error))?;
        self.refuse_any("SELECT seq FROM supplier_policy WHERE seq > $1", values![known], Error::Conflict);
        self.run_on_one(
            "INSERT INTO supplier_policy (seq, at, actor, document) VALUES ($1, $2, $3, $4) ON CONFLICT (seq) DO NOTHING",
            values![known + 1, now, actor, document],
            Error::Conflict,
        );
        Ok(())
    }
}

fn policy(row: &Row) -> Result<StoredPolicy, Error> {
    Ok(StoredPolicy {
        version: row.int("seq")?,
        at: Some(row.time("at")?),
        actor: row.text("actor")?,
        policy: serde_json::from_value(row.json("document")?).map_err(|error| corrupt(&error))?,
    })
}

fn corrupt(error: &serde_json::Error) -> Error {
    Error::Corrupt { table: "supplier_policy", what: error.to_string() }
}
