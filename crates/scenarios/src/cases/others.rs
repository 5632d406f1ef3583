//! Loans that the hub first reads as lost, and loans to somebody other than the holder.

use alma_sim::Mark;
use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::failure::{Result, expect, same};
use crate::stage::{Actor, PICKUP_LIBRARY, Stage};
use crate::view::RequestView;

/// Another reader of the borrower.
const ANOTHER: &str = "sam.student";

pub(super) const LIST: [Scenario; 4] = [
    Scenario::new(
        "lent-and-lost",
        "The book is lent and marked lost before the hub polls; the loan is made at both sides, and the loss is paid for.",
        |stage| Box::pin(lent_and_lost(stage)),
    ),
    Scenario::new(
        "lent-and-claimed-returned",
        "The book is lent and claimed returned before the hub polls, and is found at the lender.",
        |stage| Box::pin(lent_and_claimed_returned(stage)),
    ),
    Scenario::new(
        "lent-to-another",
        "The desk lends the book to another reader in spite of the hold; the patron gets it afterwards.",
        |stage| Box::pin(lent_to_another(stage)),
    ),
    Scenario::new(
        "lent-to-another-and-ended",
        "The request is ended by hand while another reader has the book, whose loan nobody touches.",
        |stage| Box::pin(lent_to_another_and_ended(stage)),
    ),
];

/// Lets the pickup library lend the book to the patron, and changes the loan before the hub has noticed it.
async fn lend_and_mark(stage: &mut Stage, mark: Mark, what: &str, condition: &str) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.pickup_lends().await?;
    stage.narrate(Actor::PickupLibrary, what);
    stage.borrower.mark(&barcode, mark).await?;
    stage.until(Status::Loaned).await?;
    let has = |request: &RequestView| request.conditions.iter().any(|each| each == condition);
    stage.until_that(&format!("come to be {condition}"), has).await?;
    stage.settled().await?;
    let (lenders, borrower) = stage.made().await?;
    same("the number of loans and holds", (lenders[0].loans, borrower.loans, borrower.holds), (1, 1, 1))
}

async fn lent_and_lost(stage: &mut Stage) -> Result<()> {
    lend_and_mark(stage, Mark::Lost, "marks the book lost at once", "lost").await?;
    let lender = stage.request().await?.lender.map(|lender| lender.barcode).unwrap_or_default();
    stage.narrate(Actor::HubStaff, "informs the hub that the book is paid for");
    stage.act("settle-loss", Some(&json!({"how": "paid"}))).await?;
    stage.until(Status::Finalised).await?;
    same("what the lender's item is", stage.lenders[0].item(&lender).await?.process_type.as_str(), "LOAN")?;
    stage.narrate(Actor::LendingLibrary, "closes its own loan");
    stage.lenders[0].scan_in(&lender, "MAIN").await?;
    stage.ended_as("LOST").await.map(drop)
}

async fn lent_and_claimed_returned(stage: &mut Stage) -> Result<()> {
    let what = "notes that the patron claims to have returned it";
    lend_and_mark(stage, Mark::ClaimedReturned, what, "claimed_returned").await?;
    stage.lender_takes_back().await?;
    stage.until_that("end", |request| request.is(Status::Finalised)).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

fn is_lent_to_another(request: &RequestView) -> bool {
    request.attention.code.as_deref() == Some("LENT_TO_ANOTHER_AT_BORROWER")
}

/// Lets the desk lend the book to another reader. The hub then asks staff for a decision.
async fn lend_to_another(stage: &mut Stage) -> Result<String> {
    stage.drive_to(Status::ReadyForPickup).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::PickupLibrary, "lends the book to another reader in spite of the hold");
    stage.borrower.lend_overriding_hold(&barcode, ANOTHER, PICKUP_LIBRARY).await?;
    let request = stage.until_that("be a case for staff", is_lent_to_another).await?;
    same("the status", request.status.as_str(), "READY_FOR_PICKUP")?;
    stage.patrons_hold().await?;
    Ok(barcode)
}

async fn is_with_another(stage: &Stage, barcode: &str) -> Result<()> {
    let loan = stage.borrower.loan_of(barcode).await?;
    same("who has the book", loan.map(|loan| loan.user).as_deref(), Some(ANOTHER))
}

async fn lent_to_another(stage: &mut Stage) -> Result<()> {
    let barcode = lend_to_another(stage).await?;
    let (lenders, _) = stage.made().await?;
    same("the number of loans at the lender", lenders[0].loans, 0)?;
    is_with_another(stage, &barcode).await?;
    stage.narrate(Actor::PickupLibrary, "takes the book back from the other reader, and keeps it for the patron");
    stage.borrower.take_back(&barcode, PICKUP_LIBRARY).await?;
    let request = stage.until_that("wait for its patron again", |request| !is_lent_to_another(request)).await?;
    expect(!request.passed().contains(&"LOANED"), || "The patron hasn't had the book yet.".to_owned())?;
    stage.pickup_lends().await?;
    stage.until(Status::Loaned).await?;
    stage.settled().await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn lent_to_another_and_ended(stage: &mut Stage) -> Result<()> {
    let barcode = lend_to_another(stage).await?;
    stage.narrate(Actor::HubStaff, "ends the request by hand");
    stage.act("end", Some(&json!({"reason": "lent to another reader"}))).await?;
    stage.until(Status::Completed).await?;
    stage.settled().await?;
    is_with_another(stage, &barcode).await?;
    stage.narrate(Actor::PickupLibrary, "takes the book back from the other reader");
    stage.borrower.take_back(&barcode, PICKUP_LIBRARY).await?;
    stage.until_that("end", |request| request.is(Status::Finalised)).await?;
    let request = stage.request().await?;
    let lender = request.lender.map(|lender| lender.barcode).unwrap_or_default();
    stage.narrate(Actor::LendingLibrary, "scans the book in as it comes home");
    stage.lenders[0].scan_in(&lender, "MAIN").await?;
    stage.ended_as("UNKNOWN").await.map(drop)
}
