//! What the hub should do and doesn't do yet: these scenarios fail today. They are no part of [`all`](super::all), so
//! that tests and demo show only what holds; one that has come to pass moves to the module of its subject.

use lending::Status;

use super::Scenario;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Closure, Stage, Who};

pub(super) const LIST: [Scenario; 5] = [
    // Today the outcome is CANCELLED, by `at_borrower`: the look doesn't tell an expired shelf from a cancellation.
    Scenario::new(
        "not-collected",
        "The book waits on the hold shelf until its time is over, and goes home.",
        |stage| Box::pin(not_collected(stage)),
    ),
    // Today LEND_TO_VIRTUAL_PATRON_REFUSED offers `cancel`, which is answered 409 NOT_ALLOWED in LOANED.
    Scenario::new(
        "offered-actions-are-allowed",
        "The lender's item is missing in its Alma as the patron gets the book; what staff are offered can be done.",
        |stage| Box::pin(offered_actions_are_allowed(stage)),
    ),
    // Today the request waits for its next try, 5 to 10 minutes, whatever staff mend.
    Scenario::new("new-key-is-used-at-once", "The lender's API key is revoked and staff enter the new one.", |stage| {
        Box::pin(new_key_is_used_at_once(stage))
    }),
    // Today `working_on` and `attention` tell nothing of looks that fail: the request seems to wait for the lender.
    Scenario::new(
        "failed-look-is-told",
        "The lender's Alma doesn't answer while the hub waits for dispatch.",
        |stage| Box::pin(failed_look_is_told(stage)),
    ),
    // Today the patron's hold is gone and the request is CANCELLED; docs/workflow.md wants one new attempt.
    Scenario::new(
        "virtual-item-marked-missing",
        "The pickup library marks the virtual item missing by mistake.",
        |stage| Box::pin(virtual_item_marked_missing(stage)),
    ),
];

async fn not_collected(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    stage.close(lending::Side::Borrower, Closure::HoldShelfExpired).await?;
    stage.until(Status::ReturnTransit).await?;
    stage.play_out().await?;
    stage.ended_as("NOT_COLLECTED").await.map(drop)
}

async fn offered_actions_are_allowed(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    stage.close(lending::Side::Lender, Closure::Failed).await?;
    stage.pickup_lends().await?;
    let request = stage.until_that("need staff", crate::view::RequestView::needs_staff).await?;
    if request.attention.actions.iter().any(|action| action == "cancel") {
        stage.tell(Who::HubStaff, "cancels the request");
        stage.hub.cancel(stage.id()?, "staff", "can't be lent").await?;
    }
    stage.play_out().await.map(drop)
}

async fn new_key_is_used_at_once(stage: &mut Stage) -> Result<()> {
    let lender = stage.lenders[0].clone();
    lender.revoke_key().await?;
    stage.place(&stage.wish()).await?;
    stage.until_waiting_for("lender_system").await?;
    lender.restore_key().await?;
    stage.tell(Who::HubStaff, "enters the new API key");
    stage.set_up(&lender, &serde_json::json!({})).await?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn failed_look_is_told(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.tell(Who::Trouble, "puts the lender's Alma out of order");
    stage.lenders[0].fail_always(503).await?;
    stage.until_waiting_for("lender_system").await?;
    stage.lenders[0].mend().await?;
    stage.until_waiting_for("lending_library").await.map(drop)
}

async fn virtual_item_marked_missing(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    let before = stage.patrons_hold().await?;
    stage.close(lending::Side::Borrower, Closure::Failed).await?;
    let renewed = |request: &crate::view::RequestView| {
        request.borrower.hold.as_ref().is_some_and(|hold| hold.open && hold.id != before)
    };
    let request = stage.until_that("place the patron's hold anew", renewed).await?;
    same("the status", request.status.as_str(), "REQUEST_PLACED_AT_BORROWING_AGENCY")?;
    expect(!request.needs_staff(), || format!("Staff need not be asked yet: it is {}.", request.stand()))?;
    let ended = stage.play_out().await?;
    ended
        .outcome
        .filter(|outcome| outcome == "SUPPLIED")
        .map(drop)
        .ok_or_else(|| Failure::new("It should be supplied."))
}
