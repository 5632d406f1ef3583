//! The choices of copies for requests: what was known, which copies were chosen, and why. No choice names a patron.

use jiff::Timestamp;
use lending::RequestId;
use lending::supplier::ChoiceRecord;

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::time::micros;
use crate::unit::Unit;

/// A choice as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredChoice {
    /// The request.
    pub request: RequestId,
    /// Its number among the choices for this request, from 1.
    pub number: i64,
    /// When it was made.
    pub at: Timestamp,
    /// The version of the policy; 0 for the policy that a hub begins with.
    pub policy: i64,
    /// What was known and what was chosen.
    pub record: ChoiceRecord,
}

/// The place at which a list of choices continues.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChoiceCursor(i64, String);

impl ChoiceCursor {
    /// Returns the place before the choices that were made at `time` or later.
    pub fn since(time: Timestamp) -> Self {
        Self(micros(time), String::new())
    }
}

const OF_REQUEST: &str =
    "SELECT request, seq, at, policy, document FROM supplier_choice WHERE request = $1 ORDER BY seq";
const FIRST_SINCE: &str = "SELECT request, seq, at, policy, document FROM supplier_choice \
                           WHERE (at, request) > ($1, $2) AND seq = 1 ORDER BY at, request LIMIT $3";

impl Store {
    /// Keeps a choice for a request.
    ///
    /// # Errors
    ///
    /// As [`Unit::record_choice`].
    pub async fn record_choice(
        &self,
        request: RequestId,
        policy: i64,
        record: &ChoiceRecord,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut unit = self.unit();
        unit.record_choice(request, policy, record, now)?;
        self.commit(unit).await.map(drop)
    }

    /// Returns the choices for a request, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if one is of another program.
    pub async fn choices_of(&self, request: RequestId) -> Result<Vec<StoredChoice>, Error> {
        self.read(OF_REQUEST, values![request]).await?.iter().map(choice).collect()
    }

    /// Returns the first choices of requests after a place, oldest first, and the place at which the list continues.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if one is of another program.
    pub async fn first_choices(
        &self,
        after: &ChoiceCursor,
        limit: u32,
    ) -> Result<(Vec<StoredChoice>, Option<ChoiceCursor>), Error> {
        let rows = self.read(FIRST_SINCE, values![after.0, &after.1, i64::from(limit)]).await?;
        let last = rows.last().map(|row| Ok::<_, Error>(ChoiceCursor(row.int("at")?, row.text("request")?)));
        Ok((rows.iter().map(choice).collect::<Result<_, _>>()?, last.transpose()?))
    }
}

impl Unit {
    /// Keeps a choice for a request that is stored, or that this unit stores.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it can't be written.
    pub fn record_choice(
        &mut self,
        request: RequestId,
        policy: i64,
        record: &ChoiceRecord,
        now: Timestamp,
    ) -> Result<(), Error> {
        let document = serde_json::to_string(record).map_err(|error| corrupt(&error))?;
        self.run(
            "INSERT INTO supplier_choice (request, seq, at, policy, document) \
             SELECT CAST($1 AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS TEXT) \
             FROM supplier_choice WHERE request = $1",
            values![request, now, policy, document],
        );
        Ok(())
    }
}

fn choice(row: &Row) -> Result<StoredChoice, Error> {
    Ok(StoredChoice {
        request: row.parse("request")?,
        number: row.int("seq")?,
        at: row.time("at")?,
        policy: row.int("policy")?,
        record: serde_json::from_value(row.json("document")?).map_err(|error| corrupt(&error))?,
    })
}

fn corrupt(error: &serde_json::Error) -> Error {
    Error::Corrupt { table: "supplier_choice", what: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan;

    #[test]
    fn choices_are_found_by_indexes() {
        for (sql, index) in [(OF_REQUEST, "supplier_choice"), (FIRST_SINCE, "supplier_choice_at")] {
            let plan = plan(sql).join("; ");
            assert!(plan.contains(index) && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
