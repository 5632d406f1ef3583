//! Holds that end in Alma otherwise than by a loan, and deadlines that pass.

use std::time::Duration;

use lending::{Side, Status};

use super::Scenario;
use crate::failure::{Result, expect, same};
use crate::stage::{Actor, Closure, Stage};
use crate::view::RequestView;

const DAY: Duration = Duration::from_secs(24 * 3_600);

pub(super) const LIST: [Scenario; 9] = [
    Scenario::new(
        "hold-shelf-expired",
        "The book waits on the hold shelf until its time is over, and goes home.",
        |stage| Box::pin(hold_shelf_expired(stage)),
    ),
    Scenario::new("expired", "The lender's hold expires before the book is sent; the next lender supplies.", |stage| {
        Box::pin(next_supplies_after(stage, Closure::Expired))
    }),
    Scenario::new("rejected", "The lender's staff turn the hold down; the next lender supplies.", |stage| {
        Box::pin(next_supplies_after(stage, Closure::Rejected))
    }),
    Scenario::new("failed", "The book can't be found on the lender's shelf; the next lender supplies.", |stage| {
        Box::pin(next_supplies_after(stage, Closure::Failed))
    }),
    Scenario::new(
        "damaged",
        "The book comes damaged: the patron's hold is rejected, and the book goes home.",
        |stage| Box::pin(damaged(stage)),
    ),
    Scenario::new(
        "lender-cancels-after-dispatch",
        "The lender's hold is cancelled on its way, and the book goes on.",
        |stage| Box::pin(lender_cancels_after_dispatch(stage)),
    ),
    Scenario::new(
        "virtual-item-marked-missing",
        "The pickup library marks the virtual item missing by mistake.",
        |stage| Box::pin(virtual_item_marked_missing(stage)),
    ),
    Scenario::new("lender-silent", "The lender doesn't send the book for weeks; the next one is asked.", |stage| {
        Box::pin(lender_silent(stage))
    })
    .moving_time(),
    Scenario::new(
        "missing-in-transit",
        "The book is under way for too long; both libraries search, and it comes.",
        |stage| Box::pin(missing_in_transit(stage)),
    )
    .moving_time(),
];

async fn hold_shelf_expired(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    let hold = stage.patrons_hold().await?;
    stage.narrate(Actor::Patron, "doesn't come for the book in time");
    stage.borrower.expire_on_shelf(&hold).await?;
    // The hub reads that the hold's last day has passed before Alma's job removes the hold.
    stage.polled(&stage.borrower).await?;
    stage.narrate(Actor::PickupLibrary, "works off the expired hold shelf");
    stage.borrower.work_off_shelf().await?;
    stage.until(Status::ReturnTransit).await?;
    stage.play_out().await?;
    let request = stage.ended_as("NOT_COLLECTED").await?;
    let (lenders, borrower) = stage.made().await?;
    same("the number of loans", lenders[0].loans + borrower.loans, 0)?;
    expect(request.passed().contains(&"RETURN_TRANSIT"), || "The book should go home.".to_owned())
}

async fn next_supplies_after(stage: &mut Stage, closure: Closure) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.close(Side::Lender, closure).await?;
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let lender = request.lender.as_ref().map(|lender| lender.institution.as_str());
    same("the lender", lender, Some(stage.lenders[1].institution.as_str()))?;
    let ended = stage.play_out().await?;
    same("the outcome", ended.outcome.as_deref(), Some("SUPPLIED"))
}

async fn damaged(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    stage.narrate(Actor::PickupLibrary, "finds the book damaged");
    stage.close(Side::Borrower, Closure::Rejected).await?;
    let ended = stage.play_out().await?;
    expect(ended.outcome.as_deref() != Some("SUPPLIED"), || "Nothing was lent to the patron.".to_owned())
}

async fn lender_cancels_after_dispatch(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::PickupTransit).await?;
    stage.close(Side::Lender, Closure::Canceled).await?;
    stage.noticed().await?;
    stage.receive_lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn virtual_item_marked_missing(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.close(Side::Borrower, Closure::Failed).await?;
    stage.noticed().await?;
    stage.play_out().await.map(drop)
}

async fn lender_silent(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.advance_time(60 * DAY)?;
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let lender = request.lender.as_ref().map(|lender| lender.institution.as_str());
    same("the lender", lender, Some(stage.lenders[1].institution.as_str()))?;
    let ended = stage.play_out().await?;
    same("the outcome", ended.outcome.as_deref(), Some("SUPPLIED"))
}

async fn missing_in_transit(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::PickupTransit).await?;
    stage.advance_time(60 * DAY)?;
    let missing = |request: &RequestView| request.conditions.iter().any(|each| each == "missing_in_transit");
    stage.until_that("be missed", missing).await?;
    stage.narrate(Actor::PickupLibrary, "finds the book in a box");
    stage.pickup_receives().await?;
    stage.until_that("be found", |request| request.is(Status::ReadyForPickup)).await?;
    stage.pickup_lends().await?;
    stage.until(Status::Loaned).await?;
    stage.settled().await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}
