//! What staff at the hub do about a request.

use lending::Status;
use reqwest::Method;
use serde_json::json;

use super::Scenario;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Stage, Who};

pub(super) const LIST: [Scenario; 4] = [
    Scenario::new("next-supplier", "Staff have the next lender asked; the patron's hold stays as it is.", |stage| {
        Box::pin(next_supplier(stage))
    }),
    Scenario::new("pickup-location-changed", "The patron wants to collect at the branch instead.", |stage| {
        Box::pin(pickup_location_changed(stage))
    }),
    Scenario::new("ended-by-hand", "Staff see what ending the request would do on both sides, and end it.", |stage| {
        Box::pin(ended_by_hand(stage))
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
    stage.tell(Who::HubStaff, "has the next lender asked");
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
    let branch = json!({"name": "Branch", "agency": crate::stage::AGENCY, "library": "BRANCH", "desk": null});
    stage.hub.put("/api/v1/pickup-locations/BORROW-BRANCH", &branch).await?;
    stage.drive_to(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.tell(Who::HubStaff, "changes the pickup location to the branch");
    stage.act("pickup-location", Some(&json!({"pickup_location": "BORROW-BRANCH"}))).await?;
    stage.settled().await?;
    let hold = stage.borrower.hold_of(stage.id()?).await?.map(|hold| hold.pickup_library);
    same("where the patron's hold is collected", hold.as_deref(), Some("BRANCH"))?;
    stage.patron_cancels().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("CANCELLED").await.map(drop)
}

async fn ended_by_hand(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::ReadyForPickup).await?;
    let path = format!("/api/v1/requests/{}/end", stage.id()?);
    let preview = stage.hub.call(Method::GET, &path, None).await?;
    let steps = preview["steps"].as_array().map(Vec::len).unwrap_or_default();
    expect(steps > 0, || "Staff should be shown what ending it would do.".to_owned())?;
    stage.tell(Who::HubStaff, format!("sees the {steps} steps that would follow, and ends the request"));
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
