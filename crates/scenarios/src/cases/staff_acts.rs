//! Actions of the hub's staff on a request.

use lending::Status;
use reqwest::Method;
use serde_json::json;

use super::Scenario;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Actor, Stage};

pub(super) const LIST: [Scenario; 7] = [
    Scenario::new("next-supplier", "Staff have the next lender asked; the patron's hold stays as it is.", |stage| {
        Box::pin(next_supplier(stage))
    }),
    Scenario::new("pickup-location-changed", "The patron wants to collect at the branch instead.", |stage| {
        Box::pin(pickup_location_changed(stage))
    }),
    Scenario::new(
        "pickup-location-on-shelf",
        "The book is on the hold shelf already when the patron wants to collect it at the branch.",
        |stage| Box::pin(pickup_location_on_shelf(stage)),
    ),
    Scenario::new(
        "virtual-item-deleted",
        "Staff of the borrower delete the virtual item by hand; it is made again when they say so.",
        |stage| Box::pin(virtual_item_deleted(stage)),
    ),
    Scenario::new(
        "found-and-undone",
        "Staff report a missing book found, take that back, and the book turns up all the same.",
        |stage| Box::pin(found_and_undone(stage)),
    )
    .moving_time(),
    Scenario::new("ended-by-hand", "Staff see what ending the request would do on both sides, and end it.", |stage| {
        Box::pin(ended_manually(stage))
    }),
    Scenario::new(
        "offered-actions-are-allowed",
        "The lender's item is missing as the patron gets it; what staff are offered can be done.",
        |stage| Box::pin(offered_actions_are_allowed(stage)),
    ),
];

async fn next_supplier(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    let hold = stage.patrons_hold().await?;
    stage.narrate(Actor::HubStaff, "has the next lender asked");
    stage.act("next-supplier", Some(&json!({"reason": "The book is being rebound."}))).await?;
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    let lender = request.lender.map(|lender| lender.institution);
    same("the lender", lender.as_deref(), Some(stage.lenders[1].institution.as_str()))?;
    same("the patron's hold", stage.patrons_hold().await?, hold)?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn pickup_location_changed(stage: &mut Stage) -> Result<()> {
    branch(stage).await?;
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.narrate(Actor::HubStaff, "changes the pickup location to the branch");
    stage.act("pickup-location", Some(&json!({"pickup_location": "BORROW-BRANCH"}))).await?;
    stage.settled().await?;
    let hold = stage.borrower.hold_of(stage.id()?).await?.map(|hold| hold.pickup_library);
    same("where the patron's hold is collected", hold.as_deref(), Some("BRANCH"))?;
    let at_lender = stage.lenders[0].hold_of(stage.id()?).await?.and_then(|hold| hold.comment).unwrap_or_default();
    expect(at_lender.contains("; pickup: Branch"), || format!("The lender's hold names another place: {at_lender}"))?;
    stage.patron_cancels().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("CANCELLED").await.map(drop)
}

pub(super) async fn branch(stage: &Stage) -> Result<()> {
    let branch = json!({"name": "Branch", "agency": crate::stage::AGENCY, "library": "BRANCH", "desk": null});
    stage.hub.put("/api/v1/pickup-locations/BORROW-BRANCH", &branch).await.map(drop)
}

async fn pickup_location_on_shelf(stage: &mut Stage) -> Result<()> {
    branch(stage).await?;
    stage.drive_to(Status::ReadyForPickup).await?;
    stage.narrate(Actor::HubStaff, "changes the pickup location to the branch");
    let wish = json!({"pickup_location": "BORROW-BRANCH", "reason": "The patron has moved."});
    stage.act("pickup-location", Some(&wish)).await?;
    stage.settled().await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::PickupLibrary, "scans the book, which goes to the branch");
    stage.borrower.scan_in(&barcode, "MAIN").await?;
    stage.borrower.scan_in(&barcode, "BRANCH").await?;
    same("where it waits", stage.borrower.item(&barcode).await?.process_type.as_str(), "HOLDSHELF")?;
    stage.narrate(Actor::PickupLibrary, "lends it to the patron at the branch");
    stage.borrower.lend(&barcode, crate::stage::PATRON, "BRANCH").await?;
    stage.until(Status::Loaned).await?;
    stage.settled().await?;
    stage.borrower.take_back(&barcode, "BRANCH").await?;
    stage.until(Status::ReturnTransit).await?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn virtual_item_deleted(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    let (hold, barcode) = (stage.patrons_hold().await?, stage.virtual_barcode().await?);
    stage.narrate(Actor::PickupLibrary, "takes the virtual item for a leftover, and deletes it with its hold");
    stage.borrower.cancel_hold(&hold, "CannotBeFulfilled").await?;
    stage.borrower.withdraw(&barcode).await?;
    stage.until_that("need staff", crate::view::RequestView::needs_staff).await?;
    stage.narrate(Actor::HubStaff, "has it made again");
    stage.act("resume", Some(&json!({"reason": "deleted by mistake"}))).await?;
    stage.settled().await?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn found_and_undone(stage: &mut Stage) -> Result<()> {
    let missing =
        |request: &crate::view::RequestView| request.conditions.iter().any(|each| each == "missing_in_transit");
    stage.drive_to(Status::PickupTransit).await?;
    stage.advance_time(std::time::Duration::from_secs(60 * 86_400))?;
    stage.until_that("be missed", missing).await?;
    stage.narrate(Actor::HubStaff, "reports the book found");
    stage.act("found", Some(&json!({"reason": "in the van"}))).await?;
    stage.until_that("be found", |request| !missing(request)).await?;
    stage.narrate(Actor::HubStaff, "takes that back: it was another book");
    stage.act("undo", Some(&json!({"reason": "another book"}))).await?;
    stage.until_that("be missed again", missing).await?;
    stage.pickup_receives().await?;
    stage.until_that("be there", |request| request.is(Status::ReadyForPickup)).await?;
    stage.pickup_lends().await?;
    stage.until(Status::Loaned).await?;
    stage.settled().await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn ended_manually(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    let path = format!("/api/v1/requests/{}/end", stage.id()?);
    let preview = stage.hub.call(Method::GET, &path, None).await?;
    let steps = preview["steps"].as_array().map(Vec::len).unwrap_or_default();
    expect(steps > 0, || "Staff should be shown what ending it would do.".to_owned())?;
    stage.narrate(Actor::HubStaff, format!("sees the {steps} steps that would follow, and ends the request"));
    stage.act("end", Some(&json!({"reason": "settled by telephone"}))).await?;
    stage.until(Status::Finalised).await?;
    let lender = stage.request().await?.lender.ok_or_else(|| Failure::new("There is no lender."))?;
    stage.lenders[0].scan_in(&lender.barcode, &lender.library).await?;
    stage.ended_as("UNKNOWN").await.map(drop)
}

async fn offered_actions_are_allowed(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    stage.close(lending::Side::Lender, crate::stage::Closure::Failed).await?;
    stage.pickup_lends().await?;
    let request = stage.until_that("need staff", crate::view::RequestView::needs_staff).await?;
    let allowed = |action: &String| request.actions.contains(action);
    expect(request.attention.actions.iter().all(allowed), || {
        format!("Staff are offered {:?}, but may {:?}.", request.attention.actions, request.actions)
    })?;
    stage.play_out().await.map(drop)
}
