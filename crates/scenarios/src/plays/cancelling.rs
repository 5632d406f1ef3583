//! Requests that somebody ends.

use lending::Status;

use super::Scenario;
use crate::failure::{Result, same};
use crate::stage::{PICKUP_LIBRARY, Stage, Who};

pub(super) const LIST: [Scenario; 6] = [
    Scenario::new(
        "patron-cancels-before-dispatch",
        "The patron cancels before the lender has sent the book, which stays on its shelf.",
        |stage| Box::pin(patron_cancels_before_dispatch(stage)),
    ),
    Scenario::new(
        "patron-cancels-after-dispatch",
        "The patron cancels while the book is on its way, and it goes home.",
        |stage| Box::pin(patron_cancels_after_dispatch(stage)),
    ),
    Scenario::new(
        "patron-cancels-on-hold-shelf",
        "The patron cancels while the book waits on the hold shelf, and it goes home.",
        |stage| Box::pin(patron_cancels_on_hold_shelf(stage)),
    ),
    Scenario::new(
        "staff-cancel-at-borrower",
        "Staff of the pickup library cancel the patron's hold in their Alma before the book is sent.",
        |stage| Box::pin(staff_cancel_at_borrower(stage)),
    ),
    Scenario::new(
        "patron-cancels-in-the-middle",
        "The patron cancels while the borrower's Alma doesn't answer and a record may or may not have been made.",
        |stage| Box::pin(patron_cancels_in_the_middle(stage)),
    ),
    Scenario::new("staff-cancel-at-hub", "Staff at the hub cancel before the book is sent.", |stage| {
        Box::pin(staff_cancel_at_hub(stage))
    }),
];

async fn patron_cancels_before_dispatch(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.patron_cancels().await?;
    cancelled_without_moving(stage, "patron").await
}

async fn patron_cancels_in_the_middle(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::Confirmed).await?;
    stage.until_waiting_for("borrower_system").await?;
    stage.patron_cancels().await?;
    stage.until(Status::Cancelled).await?;
    stage.tell(Who::Trouble, "ends");
    stage.release().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("CANCELLED").await.map(drop)
}

async fn staff_cancel_at_hub(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.tell(Who::HubStaff, "cancels the request");
    stage.hub.cancel(stage.id()?, "staff", "asked for twice").await?;
    cancelled_without_moving(stage, "staff").await
}

async fn staff_cancel_at_borrower(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let hold = stage.patrons_hold().await?;
    stage.tell(Who::PickupLibrary, "cancels the patron's hold in its Alma");
    stage.borrower.cancel_hold(&hold, "PatronNotInterested").await?;
    cancelled_without_moving(stage, "at_borrower").await
}

async fn cancelled_without_moving(stage: &mut Stage, by: &str) -> Result<()> {
    stage.until(Status::Cancelled).await?;
    stage.until(Status::Finalised).await?;
    let request = stage.ended_as("CANCELLED").await?;
    same("who cancelled", request.cancellation.map(|cancellation| cancellation.by), Some(by.to_owned()))?;
    let (lenders, borrower) = stage.made().await?;
    same("the number of loans", lenders[0].loans + borrower.loans, 0)
}

async fn patron_cancels_after_dispatch(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    stage.patron_cancels().await?;
    goes_home(stage).await
}

async fn patron_cancels_on_hold_shelf(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    stage.pickup_receives().await?;
    stage.until(Status::ReadyForPickup).await?;
    stage.patron_cancels().await?;
    goes_home(stage).await
}

/// The book comes to the pickup library (or is there), which sends it on home.
async fn goes_home(stage: &mut Stage) -> Result<()> {
    stage.until(Status::ReturnTransit).await?;
    stage.settled().await?;
    stage.tell(Who::PickupLibrary, "scans the item and sends it home");
    let process = stage.borrower.scan_in(&stage.virtual_barcode().await?, PICKUP_LIBRARY).await?;
    same("where the scan sends the virtual item", process.as_str(), "TRANSIT")?;
    same("where the request stands", stage.request().await?.status.as_str(), "RETURN_TRANSIT")?;
    stage.lender_takes_back().await?;
    stage.until(Status::Completed).await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("CANCELLED").await?;
    let (lenders, borrower) = stage.made().await?;
    same("the number of loans", lenders[0].loans + borrower.loans, 0)
}
