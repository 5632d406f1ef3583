//! The last requests that a lender supplied, for what a patron may expect of the next one.

use jiff::Timestamp;
use lending::{InstitutionCode, PastSupply};
use serde_json::Value;

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};

/// The last requests of a lender, each with the times at which the item was ready and lent.
const LAST: &str = "SELECT placed_at, document, \
                    COALESCE((SELECT MIN(at) FROM audit WHERE request = id AND to_status = 'READY_FOR_PICKUP'), 0) AS ready_at, \
                    COALESCE((SELECT MIN(at) FROM audit WHERE request = id AND to_status = 'LOANED'), 0) AS lent_at \
                    FROM patron_request WHERE lender = $1 ORDER BY placed_at DESC LIMIT $2";

impl Store {
    /// Returns the last requests, at most `most`, that a lender was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if one is of another program.
    pub async fn past_supplies(&self, lender: &InstitutionCode, most: u32) -> Result<Vec<PastSupply>, Error> {
        self.read(LAST, values![lender, i64::from(most)]).await?.iter().map(past_supply).collect()
    }
}

fn past_supply(row: &Row) -> Result<PastSupply, Error> {
    let document = row.json("document")?;
    // The patron's loan is at the pickup side where there is one.
    let side = if document["pickup_side"].is_object() { &document["pickup_side"] } else { &document["borrower"] };
    let flag = |name: &str| side["due_dates"][name].as_bool().unwrap_or_default();
    Ok(PastSupply {
        placed_at: row.time("placed_at")?,
        ready_at: row.time_unless_zero("ready_at")?,
        lent_at: row.time_unless_zero("lent_at")?,
        due: due(&side["loan"]["value"]),
        renewed: flag("renewed"),
        renewal_refused: flag("renewal_refused"),
    })
}

fn due(loan: &Value) -> Option<Timestamp> {
    loan["due"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan;

    #[test]
    fn last_requests_of_a_lender_are_found_by_indexes() {
        let plan = plan(LAST).join("; ");
        assert!(
            plan.contains("patron_request_lender") && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
}
