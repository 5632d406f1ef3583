//! Actions of staff and patron in the course of a request, reported to the observer.

use lending::Status;

use super::{Actor, PICKUP_LIBRARY, Stage};
use crate::failure::{Failure, Result};
use crate::view::RequestView;

impl Stage {
    /// The lender's staff take the item from its shelf and scan it in, which sends it to the borrower.
    ///
    /// # Errors
    /// No lender holds it, or Alma refuses.
    pub async fn lender_sends(&self) -> Result<()> {
        self.lender_scans("scans the item in and sends it").await
    }

    /// The lender's staff scan the item in as it comes home.
    ///
    /// # Errors
    /// No lender lent it, or Alma refuses.
    pub async fn lender_takes_back(&self) -> Result<()> {
        self.lender_scans("scans the item in as it comes home").await
    }

    async fn lender_scans(&self, what: &str) -> Result<()> {
        let request = self.request().await?;
        let alma = self.lender_of(&request)?;
        let copy = request.lender.as_ref().ok_or_else(|| Failure::new("The request has no lender."))?;
        self.narrate(Actor::LendingLibrary, what);
        alma.scan_in(&copy.barcode, &copy.library).await.map(drop)
    }

    /// The pickup library's staff scan the item in, which puts it on the hold shelf.
    ///
    /// # Errors
    /// There is no virtual item, or Alma refuses.
    pub async fn pickup_receives(&self) -> Result<()> {
        let barcode = self.virtual_barcode().await?;
        self.narrate(Actor::PickupLibrary, "scans the item in and puts it on the hold shelf");
        self.borrower.scan_in(&barcode, PICKUP_LIBRARY).await.map(drop)
    }

    /// The pickup library lends the item to its patron.
    ///
    /// # Errors
    /// There is no virtual item, or Alma refuses.
    pub async fn pickup_lends(&self) -> Result<()> {
        let barcode = self.virtual_barcode().await?;
        self.narrate(Actor::PickupLibrary, "lends the item to the patron");
        self.borrower.lend(&barcode, &self.patron(), PICKUP_LIBRARY).await.map(drop)
    }

    /// The patron brings the item back, and the pickup library scans it in.
    ///
    /// # Errors
    /// There is no virtual item, or Alma refuses.
    pub async fn patron_returns(&self) -> Result<()> {
        let barcode = self.virtual_barcode().await?;
        self.narrate(Actor::Patron, "brings the item back");
        self.borrower.take_back(&barcode, PICKUP_LIBRARY).await.map(drop)
    }

    /// The patron cancels through the hub.
    ///
    /// # Errors
    /// The hub's own message if the state doesn't allow it.
    pub async fn patron_cancels(&self) -> Result<()> {
        self.narrate(Actor::Patron, "cancels the request");
        self.hub.cancel(self.id()?, "patron", "not needed any more").await
    }

    /// Returns the barcode of the virtual item.
    ///
    /// # Errors
    /// There is none.
    pub async fn virtual_barcode(&self) -> Result<String> {
        let request = self.request().await?;
        let stand = request.stand();
        request.borrower.barcode.ok_or_else(|| Failure::new(format!("There is no virtual item yet: it is {stand}.")))
    }

    /// Returns the patron's primary id at the borrower.
    pub(super) fn patron(&self) -> String {
        self.wish.as_ref().map_or_else(String::new, |wish| wish.patron.clone())
    }

    /// Plays from the borrower's hold to the end: sent, received, lent, returned, home. The hub notices each step.
    ///
    /// # Errors
    /// As each step; and an end other than supplied.
    pub async fn lend_and_return(&mut self) -> Result<RequestView> {
        self.until(Status::RequestPlacedAtBorrowingAgency).await?;
        self.lender_sends().await?;
        self.until(Status::PickupTransit).await?;
        self.settled().await?;
        self.receive_lend_and_return().await
    }

    /// Plays from transit to the end: received, lent, returned, home. The hub notices each step.
    ///
    /// # Errors
    /// As each step; and an end other than supplied.
    pub async fn receive_lend_and_return(&mut self) -> Result<RequestView> {
        self.pickup_receives().await?;
        self.until(Status::ReadyForPickup).await?;
        self.pickup_lends().await?;
        self.until(Status::Loaned).await?;
        self.settled().await?;
        self.return_and_end().await
    }

    /// Plays from the loan to the end: returned, home. The hub notices each step.
    ///
    /// # Errors
    /// As each step; and an end other than supplied.
    pub async fn return_and_end(&mut self) -> Result<RequestView> {
        self.patron_returns().await?;
        self.until(Status::ReturnTransit).await?;
        self.lender_takes_back().await?;
        self.until(Status::Completed).await?;
        self.until(Status::Finalised).await
    }
}
