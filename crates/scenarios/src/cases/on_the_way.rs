//! What libraries do with a book on its way that the workflow doesn't expect.

use std::time::Duration;

use alma_sim::Mark;
use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Actor, Stage};
use crate::view::RequestView;

/// Another reader of the lender.
const READER: &str = "sam.student";

pub(super) const LIST: [Scenario; 13] = [
    Scenario::new(
        "item-linked-to-another-record",
        "The lender's staff link the held book to another record, so that its old address is refused.",
        |stage| Box::pin(linked_elsewhere(stage)),
    ),
    Scenario::new(
        "virtual-record-deleted-by-staff",
        "The borrower's staff delete the virtual item and its record while the book goes home.",
        |stage| Box::pin(virtual_record_deleted(stage)),
    ),
    Scenario::new(
        "virtual-record-taken-over-by-staff",
        "The borrower's staff show the virtual record to readers, so it isn't the hub's to delete any more.",
        |stage| Box::pin(virtual_record_taken_over(stage)),
    ),
    Scenario::new(
        "held-copy-missing",
        "The lender can't find the held book and marks it as missing; the next lender is asked at once.",
        |stage| Box::pin(held_copy_missing(stage)),
    ),
    Scenario::new(
        "held-copy-lent-to-another",
        "The lender lends the held book to its own reader; after an open day the next lender is asked.",
        |stage| Box::pin(held_copy_lent(stage)),
    )
    .moving_time(),
    Scenario::new(
        "missing-from-the-hold-shelf",
        "The pickup library can't find the book on its hold shelf, and then finds it.",
        |stage| Box::pin(missing_from_shelf(stage)),
    ),
    Scenario::new(
        "sent-on-to-a-branch",
        "The patron wants the book, which waits for them, at a branch; it is not announced until it is there.",
        |stage| Box::pin(sent_on(stage)),
    ),
    Scenario::new(
        "lost-at-the-lender-and-returned",
        "The lender marks the book as lost, and then the patron returns it.",
        |stage| Box::pin(lost_and_returned(stage)),
    ),
    Scenario::new(
        "book-of-an-ended-request",
        "A book turns up whose request has ended; its barcode says where it belongs.",
        |stage| Box::pin(found_by_barcode(stage)),
    ),
    Scenario::new(
        "taken-back-by-the-lender",
        "The lender sends the book, cancels the hold and puts the book back; the next lender is asked.",
        |stage| Box::pin(taken_back(stage)),
    ),
    Scenario::new(
        "same-pickup-location",
        "Staff change the pickup location to the present one while the book is on the hold shelf.",
        |stage| Box::pin(same_pickup_location(stage)),
    ),
    Scenario::new(
        "cancelled-on-the-shelf",
        "The book is on the hold shelf and lent to the virtual patron when the patron cancels; it must still be sent home.",
        |stage| Box::pin(cancelled_on_the_shelf(stage)),
    ),
    Scenario::new(
        "scanned-at-a-wrong-branch",
        "The book is scanned in at another branch first; nobody says that it waits for the patron.",
        |stage| Box::pin(wrong_branch(stage)),
    ),
];

fn reason(request: &RequestView) -> &str {
    request.attention.reason.as_deref().unwrap_or_default()
}

fn has(condition: &'static str) -> impl Fn(&RequestView) -> bool {
    move |request| request.conditions.iter().any(|each| each == condition)
}

async fn next_lender_supplies(stage: &mut Stage) -> Result<()> {
    let second = stage.lenders[1].institution.clone();
    let is_asked = |request: &RequestView| {
        request.lender.as_ref().is_some_and(|lender| lender.institution == second)
            && request.is(Status::RequestPlacedAtBorrowingAgency)
    };
    stage.until_that("be asked of the next lender", is_asked).await?;
    let request = stage.settled().await?;
    let lender = request.lender.map(|lender| lender.institution);
    same("the lender", lender.as_deref(), Some(stage.lenders[1].institution.as_str()))?;
    stage.lend_and_return().await.map(drop)
}

/// Lets the patron have the book from the hold shelf, and takes it home.
async fn lend_return_and_end(stage: &mut Stage) -> Result<()> {
    stage.pickup_lends().await?;
    stage.until(Status::Loaned).await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn linked_elsewhere(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    let lender = stage.lenders[0].clone();
    let other = lender.add_book("Another title", "LINKED-TO").await?;
    stage.narrate(Actor::LendingLibrary, "links the held book to another record");
    lender.relink(&lender.barcode(1), &other).await?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn virtual_record_deleted(stage: &mut Stage) -> Result<()> {
    let request = stage.drive_to(Status::ReturnTransit).await?;
    let record = request.borrower.bib.ok_or_else(|| Failure::new("There is no virtual record."))?;
    stage.narrate(Actor::PickupLibrary, "deletes the virtual item and its record");
    stage.borrower.withdraw(&stage.virtual_barcode().await?).await?;
    stage.borrower.delete_bib(&record).await?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn virtual_record_taken_over(stage: &mut Stage) -> Result<()> {
    let request = stage.drive_to(Status::ReturnTransit).await?;
    let record = request.borrower.bib.ok_or_else(|| Failure::new("There is no virtual record."))?;
    stage.narrate(Actor::PickupLibrary, "shows the virtual record to its readers");
    stage.borrower.suppress(&record, false).await?;
    stage.lender_takes_back().await?;
    let ended = stage.until(Status::Finalised).await?;
    same("the outcome", ended.outcome.as_deref(), Some("SUPPLIED"))?;
    expect(has("left_to_staff")(&ended), || format!("The record isn't left to staff: {:?}.", ended.conditions))?;
    expect(stage.borrower.title_of(&record).await?.is_some(), || "The record is gone.".to_owned())
}

async fn held_copy_missing(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    let lender = stage.lenders[0].clone();
    stage.narrate(Actor::LendingLibrary, "can't find the book, and marks it as missing");
    lender.mark(&lender.barcode(1), Mark::Missing).await?;
    next_lender_supplies(stage).await?;
    lender.mark(&lender.barcode(1), Mark::Found).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn held_copy_lent(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    let lender = stage.lenders[0].clone();
    stage.narrate(Actor::LendingLibrary, "lends the held book to its own reader");
    lender.lend_overriding_hold(&lender.barcode(1), READER, "MAIN").await?;
    let seen = stage.until_that("need staff", RequestView::needs_staff).await?;
    let explanation = seen.attention.explanation.unwrap_or_default();
    expect(explanation.contains("on loan to somebody else"), || explanation.clone())?;
    stage.advance_time(Duration::from_secs(2 * 86_400))?;
    next_lender_supplies(stage).await?;
    lender.scan_in(&lender.barcode(1), "MAIN").await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn missing_from_shelf(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::PickupLibrary, "can't find the book on the hold shelf, and marks it as missing");
    stage.borrower.mark(&barcode, Mark::Missing).await?;
    let seen = stage.until_that("be missed", has("missing_at_pickup")).await?;
    for action in ["report_found", "settle_loss"] {
        expect(seen.actions.iter().any(|each| each == action), || {
            format!("{action} isn't offered: {:?}.", seen.actions)
        })?;
    }
    stage.narrate(Actor::PickupLibrary, "finds the book, and puts it on the hold shelf");
    stage.borrower.mark(&barcode, Mark::Found).await?;
    stage.until_that("be found", |request| !has("missing_at_pickup")(request)).await?;
    stage.settled().await?;
    stage.borrower.scan_in(&barcode, "MAIN").await?;
    stage.until_waiting_for("patron").await?;
    lend_return_and_end(stage).await
}

async fn sent_on(stage: &mut Stage) -> Result<()> {
    super::staff_acts::branch(stage).await?;
    stage.drive_to(Status::ReadyForPickup).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::HubStaff, "changes the pickup location to the branch");
    stage.act("pickup-location", Some(&json!({"pickup_location": "BORROW-BRANCH"}))).await?;
    let changed = stage.settled().await?;
    expect(reason(&changed).contains("send it on"), || reason(&changed).to_owned())?;
    stage.borrower.scan_in(&barcode, "MAIN").await?;
    let on_its_way = |request: &RequestView| reason(request).contains("on its way to the hold shelf");
    stage.until_that("be on its way", on_its_way).await?;
    stage.borrower.scan_in(&barcode, "BRANCH").await?;
    stage.until_waiting_for("patron").await.map(drop)
}

async fn lost_and_returned(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::Loaned).await?;
    let lender = stage.lenders[0].clone();
    stage.narrate(Actor::LendingLibrary, "marks the book as lost");
    lender.mark(&lender.barcode(1), Mark::Lost).await?;
    stage.until_that("be lost", has("lost")).await?;
    stage.patron_returns().await?;
    stage.until_that("be on its way home", |request| request.is(Status::ReturnTransit)).await?;
    let returned = stage.settled().await?;
    same("the conditions", returned.conditions.len(), 0)?;
    expect(reason(&returned).contains("marked it as lost"), || reason(&returned).to_owned())?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn found_by_barcode(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::HubStaff, "ends the request by hand");
    stage.act("end", Some(&json!({"reason": "The book can't be found."}))).await?;
    let ended = stage.until(Status::Finalised).await?;
    let path = format!("/api/v1/requests?barcode={barcode}");
    let (status, found) = stage.hub.try_call(reqwest::Method::GET, &path, None).await?;
    same("the answer", status.as_u16(), 200)?;
    let first = &found["requests"][0];
    same("the request", first["id"].as_str(), Some(ended.id.as_str()))?;
    let place = first["item_place"].as_str().unwrap_or_default();
    expect(place.contains("Send it home"), || place.to_owned())
}

async fn taken_back(stage: &mut Stage) -> Result<()> {
    let request = stage.drive_to(Status::PickupTransit).await?;
    let lender = stage.lenders[0].clone();
    let hold = lender.hold_of(&request.id).await?.ok_or_else(|| Failure::new("The lender has no hold."))?;
    stage.narrate(Actor::LendingLibrary, "cancels the hold, and puts the book back on its shelf");
    lender.cancel_hold(&hold.id, "CannotBeFulfilled").await?;
    lender.scan_in(&lender.barcode(1), "MAIN").await?;
    next_lender_supplies(stage).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn same_pickup_location(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    let hold = stage.patrons_hold().await?;
    stage.narrate(Actor::HubStaff, "changes the pickup location to the present one");
    stage.act("pickup-location", Some(&json!({"pickup_location": "BORROW-MAIN"}))).await?;
    stage.settled().await?;
    same("the patron's hold", stage.patrons_hold().await?, hold)?;
    lend_return_and_end(stage).await
}

async fn cancelled_on_the_shelf(stage: &mut Stage) -> Result<()> {
    let request = stage.drive_to(Status::ReadyForPickup).await?;
    let lender = stage.lenders[0].clone();
    let hold = lender.hold_of(&request.id).await?.ok_or_else(|| Failure::new("The lender has no hold."))?;
    stage.narrate(Actor::LendingLibrary, "lends the book to the virtual patron by hand");
    lender.lend(&lender.barcode(1), &hold.user, "MAIN").await?;
    stage.patron_cancels().await?;
    stage.until(Status::ReturnTransit).await?;
    let seen = stage.settled().await?;
    expect(reason(&seen).contains("from the hold shelf"), || reason(&seen).to_owned())?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("CANCELLED").await.map(drop)
}

async fn wrong_branch(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::PickupTransit).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::PickupLibrary, "scans the book in at the branch, which sends it on");
    stage.borrower.scan_in(&barcode, "BRANCH").await?;
    let seen = stage.noticed().await?;
    expect(!reason(&seen).contains("waits on the hold shelf"), || reason(&seen).to_owned())?;
    stage.pickup_receives().await?;
    stage.until(Status::ReadyForPickup).await?;
    lend_return_and_end(stage).await
}
