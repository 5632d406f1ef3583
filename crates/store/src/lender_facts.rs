//! Counts about lenders on which the choice of the supplier depends.

use jiff::Timestamp;
use lending::{AgencyCode, InstitutionCode, LibraryCode, Status};

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};

/// The open requests that a library supplies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SupplyCounts {
    /// The institution.
    pub institution: InstitutionCode,
    /// The library there that owns the items.
    pub library: LibraryCode,
    /// The number of its open requests, until the items are back.
    pub open: u32,
    /// The number of these whose items its staff still have to send.
    pub to_send: u32,
}

/// The number of items that a library sent to the patrons of an agency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LendingCounts {
    /// The lending institution.
    pub institution: InstitutionCode,
    /// The library there that owns the items.
    pub library: LibraryCode,
    /// The patrons' agency.
    pub borrower: AgencyCode,
    /// The number of items.
    pub items: u32,
}

/// The open requests of some lenders, by library and status.
const SUPPLIES: &str = "SELECT lender_place, status, COUNT(*) AS requests FROM patron_request \
                        WHERE open = 1 AND COALESCE(lender, '') = $1 AND lender_place IS NOT NULL GROUP BY lender_place, status";

/// The requests whose items were sent, by library and agency: those that are out, and those that ended so.
const LENT: &str = "SELECT lender_place, agency, COUNT(*) AS requests FROM patron_request \
                    WHERE placed_at >= $1 AND lender_place IS NOT NULL \
                    AND (outcome IN ('SUPPLIED', 'NOT_COLLECTED', 'LOST') OR status IN ('PICKUP_TRANSIT', \
                    'RECEIVED_AT_PICKUP', 'READY_FOR_PICKUP', 'LOANED', 'RETURN_TRANSIT')) \
                    GROUP BY lender_place, agency";

impl Store {
    /// Counts the open requests that the libraries of these institutions supply. It reads an index entry and the start of
    /// a row for each open request of these lenders.
    pub async fn supply_counts(&self, institutions: &[InstitutionCode]) -> Result<Vec<SupplyCounts>, Error> {
        let queries = institutions.iter().map(|institution| (SUPPLIES, values![institution])).collect();
        let mut found: Vec<SupplyCounts> = Vec::new();
        for row in self.read_all(queries).await?.iter().flatten() {
            let (institution, library) = lender_place(row)?;
            let (status, requests): (Status, u32) = (row.parse("status")?, count(row)?);
            // What has ended needs no more of the lender; only the hub's clean-up remains.
            if status.is_ending() || status.is_final() {
                continue;
            }
            let to_send = if status.is_dispatched() { 0 } else { requests };
            match found.last_mut().filter(|last| last.institution == institution && last.library == library) {
                Some(last) => {
                    last.open += requests;
                    last.to_send += to_send;
                }
                None => found.push(SupplyCounts { institution, library, open: requests, to_send }),
            }
        }
        Ok(found)
    }

    /// Counts the items that were sent for requests placed since then. It reads all requests of that time, so callers
    /// keep the result for a while.
    pub async fn lending_counts(&self, since: Timestamp) -> Result<Vec<LendingCounts>, Error> {
        let rows = self.read(LENT, values![since]).await?;
        let counts = rows.iter().map(|row| {
            let (institution, library) = lender_place(row)?;
            Ok(LendingCounts {
                institution,
                library,
                borrower: row.text("agency")?.as_str().into(),
                items: count(row)?,
            })
        });
        counts.collect()
    }
}

fn count(row: &Row) -> Result<u32, Error> {
    Ok(u32::try_from(row.count("requests")?).unwrap_or(u32::MAX))
}

/// Reads the institution and the library of a lender. Neither code has a slash in Alma.
fn lender_place(row: &Row) -> Result<(InstitutionCode, LibraryCode), Error> {
    let place = row.text("lender_place")?;
    let (institution, library) = place.split_once('/').unwrap_or((&place, ""));
    Ok((institution.into(), library.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan;

    #[test]
    fn supplies_of_a_lender_are_found_by_their_index() {
        let plan = plan(SUPPLIES).join("; ");
        assert!(plan.contains("patron_request_supplies") && !plan.contains("SCAN"), "{plan}");
    }

    #[test]
    fn lent_items_are_found_by_the_time_of_the_request() {
        let plan = plan(LENT).join("; ");
        assert!(plan.contains("patron_request_placed") && !plan.contains("SCAN"), "{plan}");
    }
}
