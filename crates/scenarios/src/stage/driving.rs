//! Brings a fresh request to any status in which both libraries may act.

use alma_sim::{Fault, FaultKind};
use lending::Status;

use super::Stage;
use crate::failure::{Failure, Result};
use crate::view::RequestView;

/// The live statuses: a library has a hold in them, which may end.
pub const LIVE: [Status; 7] = [
    Status::RequestPlacedAtSupplyingAgency,
    Status::Confirmed,
    Status::RequestPlacedAtBorrowingAgency,
    Status::PickupTransit,
    Status::ReadyForPickup,
    Status::Loaned,
    Status::ReturnTransit,
];

impl Stage {
    /// Places the usual request for copies of both lenders and brings it to one of [`LIVE`].
    ///
    /// `REQUEST_PLACED_AT_SUPPLYING_AGENCY` and `CONFIRMED` follow each other in one decision of the hub, so both lead
    /// to `CONFIRMED`. The borrower's Alma creates no record there and so holds the request until [`Self::release`].
    ///
    /// # Errors
    /// As each step; a status that is none of [`LIVE`].
    pub async fn drive_to(&mut self, status: Status) -> Result<RequestView> {
        if !LIVE.contains(&status) {
            return Err(Failure::new(format!("{status} is no status in which a hold stands at a library.")));
        }
        let early = matches!(status, Status::RequestPlacedAtSupplyingAgency | Status::Confirmed);
        if early {
            self.borrower.inject_fault(&Fault::always("POST /bibs", FaultKind::status(503))).await?;
        }
        let wish = self.wish_of_both();
        self.place(&wish).await?;
        if early {
            return self.until(status).await;
        }
        let mut request = self.until(Status::RequestPlacedAtBorrowingAgency).await?;
        for next in [Status::PickupTransit, Status::ReadyForPickup, Status::Loaned, Status::ReturnTransit] {
            if request.is(status) {
                break;
            }
            match next {
                Status::PickupTransit => self.lender_sends().await?,
                Status::ReadyForPickup => self.pickup_receives().await?,
                Status::Loaned => self.pickup_lends().await?,
                _ => self.patron_returns().await?,
            }
            self.until(next).await?;
            request = self.settled().await?;
        }
        Ok(request)
    }

    /// Releases a request that [`Self::drive_to`] keeps at `CONFIRMED`.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn release(&self) -> Result<()> {
        self.borrower.clear_faults().await
    }
}
