//! Checks of a request that has ended.

use lending::Side;

use super::Stage;
use crate::alma::{AlmaState, CreatedRecords};
use crate::failure::{Failure, Result, expect, same};
use crate::view::RequestView;

impl Stage {
    /// Checks that nothing of the hub is left on a side: no virtual record, holding or item, no hold with the hub's
    /// marker, no loan to a virtual patron, no loan of the virtual item. At the lender it also checks that the
    /// requested items are in place.
    ///
    /// # Errors
    /// A sentence that names everything that is left.
    pub async fn assert_clean(&self, side: Side) -> Result<()> {
        let mut left = Vec::new();
        match side {
            Side::Borrower => {
                left.extend(self.borrower.left().await?);
                let copies: Vec<&str> =
                    self.wish.iter().flat_map(|wish| &wish.copies).map(|(_, barcode)| barcode.as_str()).collect();
                let loans = self.borrower.loans().await?;
                // The virtual item may have a prefix before the lender's barcode.
                let ours = loans.iter().filter(|loan| copies.iter().any(|copy| loan.barcode.ends_with(copy)));
                left.extend(ours.map(|loan| format!("loan of {} to the patron", loan.barcode)));
            }
            _ => {
                for lender in &self.lenders {
                    left.extend(lender.left().await?);
                }
                for (lender, barcode) in self.wish.iter().flat_map(|wish| &wish.copies) {
                    let Some(alma) = self.lenders.get(*lender) else { continue };
                    // Staff may have withdrawn it.
                    if let Some(item) = alma.find_item(barcode).await?
                        && !item.process_type.is_empty()
                    {
                        left.push(format!("item {barcode} of {} is {}", alma.institution, item.process_type));
                    }
                }
            }
        }
        expect(left.is_empty(), || format!("At the {} something is left: {}.", side.name(), left.join("; ")))
    }

    /// Checks with [`Self::clean`] on both sides.
    ///
    /// # Errors
    /// A sentence that names everything that is left.
    pub async fn clean_on_both_sides(&self) -> Result<()> {
        self.assert_clean(Side::Borrower).await?;
        self.assert_clean(Side::Lender).await
    }

    /// Checks that the request ended this way, finished, with nothing left.
    ///
    /// # Errors
    /// A sentence that names the difference.
    pub async fn ended_as(&self, outcome: &str) -> Result<RequestView> {
        let request = self.request().await?;
        same("the status", request.status.as_str(), "FINALISED")?;
        same("the outcome", request.outcome.as_deref(), Some(outcome))?;
        self.clean_on_both_sides().await?;
        Ok(request)
    }

    /// Checks that a request which one lender supplied in the ordinary course made each record once: one virtual
    /// patron, hold and loan at the lender; one record, item, hold and loan at the borrower.
    ///
    /// # Errors
    /// A sentence with the number of records.
    pub async fn made_each_once(&self) -> Result<()> {
        let (lenders, borrower) = self.made().await?;
        let once = CreatedRecords { virtual_patrons: 1, holds: 1, loans: 1, ..CreatedRecords::default() };
        same("what was made at the lender", lenders, [once, CreatedRecords::default()])?;
        let once = CreatedRecords { bibs: 1, items: 1, holds: 1, loans: 1, ..CreatedRecords::default() };
        same("what was made at the borrower", borrower, once)
    }

    /// Checks that the borrower has one virtual record with one holding and one item.
    ///
    /// # Errors
    /// A sentence with the records at the borrower.
    pub async fn one_virtual_item_stands(&self) -> Result<()> {
        let AlmaState { bibs, holdings, items, .. } = self.borrower.standing().await?;
        expect(bibs.len() == 1 && holdings.len() == 1 && items.len() == 1, || {
            format!(
                "At the borrower there are {} virtual records, {} virtual holdings and {} virtual items, where there \
                 should be one of each.",
                bibs.len(),
                holdings.len(),
                items.len()
            )
        })
    }

    /// Checks that the borrower has the patron's hold. Returns its id.
    ///
    /// # Errors
    /// The borrower hasn't got it.
    pub async fn patrons_hold(&self) -> Result<String> {
        let hold = self.borrower.hold_of(self.id()?).await?;
        hold.map(|hold| hold.id).ok_or_else(|| Failure::new("The patron's hold isn't there at the borrower."))
    }
}
