//! Requests that somebody ends.

use alma_sim::{Fault, FaultKind};
use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::alma::CreatedRecords;
use crate::failure::{Result, same};
use crate::stage::{Actor, PICKUP_LIBRARY, Stage};

pub(super) const LIST: [Scenario; 10] = [
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
    Scenario::new(
        "sent-before-cancelling",
        "The lender sends the book, and the patron cancels before the hub knows; the book is followed home.",
        |stage| Box::pin(sent_before_cancelling(stage)),
    ),
    Scenario::new(
        "sent-while-cancelling",
        "The lender's Alma is out of order as the patron cancels, and the book is sent meanwhile.",
        |stage| Box::pin(sent_while_cancelling(stage)),
    ),
    Scenario::new(
        "sent-before-ending",
        "The lender sends the book, and staff end the request before the hub knows; the book is followed home.",
        |stage| Box::pin(sent_before_ending(stage)),
    ),
    Scenario::new(
        "cancelled-with-refused-hold",
        "The borrower refuses the patron's hold, the lender sends the book, and the request is cancelled: the book goes home.",
        |stage| Box::pin(cancelled_with_refused_hold(stage)),
    ),
];

const PLACE_HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const HOLDS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

/// Lets the lender's staff send the book while the hub can't notice it. The hub polls so often here that a fault must
/// prevent its polls.
async fn placed_and_sent(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish_of_both()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    let later = FaultKind::Refuse { code: "INTERNAL_SERVER_ERROR".to_owned(), message: "Later.".to_owned() };
    stage.lenders[0].inject_fault(&Fault::always(HOLDS, later)).await?;
    stage.lender_sends().await
}

/// Checks that the item goes home and that the second lender was never asked.
async fn goes_home_alone(stage: &mut Stage) -> Result<()> {
    goes_home(stage).await?;
    let (lenders, _) = stage.made().await?;
    same("what was made at the second lender", lenders[1], CreatedRecords::default())
}

async fn sent_before_cancelling(stage: &mut Stage) -> Result<()> {
    placed_and_sent(stage).await?;
    stage.patron_cancels().await?;
    stage.lenders[0].clear_faults().await?;
    goes_home_alone(stage).await
}

async fn sent_while_cancelling(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish_of_both()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    stage.narrate(Actor::Fault, "puts the lender's Alma out of order");
    stage.lenders[0].fail_always(503).await?;
    stage.patron_cancels().await?;
    stage.until_waiting_for("lender_system").await?;
    stage.lender_sends().await?;
    stage.narrate(Actor::Fault, "ends");
    stage.lenders[0].clear_faults().await?;
    goes_home_alone(stage).await
}

async fn sent_before_ending(stage: &mut Stage) -> Result<()> {
    placed_and_sent(stage).await?;
    stage.narrate(Actor::HubStaff, "ends the request by hand");
    stage.act("end", Some(&json!({"reason": "settled by telephone"}))).await?;
    stage.lenders[0].clear_faults().await?;
    goes_home_alone(stage).await
}

async fn cancelled_with_refused_hold(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::PickupLibrary, "has an Alma that refuses the patron's holds");
    let refuse = FaultKind::Refuse { code: "401652".to_owned(), message: "General error.".to_owned() };
    stage.borrower.inject_fault(&Fault::always(PLACE_HOLD, refuse)).await?;
    stage.place(&stage.wish_of_both()).await?;
    stage.until_that("need staff", crate::view::RequestView::needs_staff).await?;
    stage.lender_sends().await?;
    let is_away = |request: &crate::view::RequestView| {
        request.lender.as_ref().is_some_and(|lender| lender.item_state == "in_transit")
    };
    stage.until_that("see the book sent", is_away).await?;
    stage.patron_cancels().await?;
    stage.until(Status::ReturnTransit).await?;
    let request = stage.settled().await?;
    let id = stage.id()?.to_owned();
    let hold = stage.lender_of(&request)?.hold_of(&id).await?;
    same("whether the lender's hold would send the book out again", hold.is_some(), false)?;
    same("the patron's holds", stage.made().await?.1.holds, 0)?;
    stage.lender_takes_back().await?;
    stage.until(Status::Completed).await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("CANCELLED").await.map(drop)
}

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
    stage.narrate(Actor::Fault, "ends");
    stage.release().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("CANCELLED").await.map(drop)
}

async fn staff_cancel_at_hub(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.narrate(Actor::HubStaff, "cancels the request");
    stage.hub.cancel(stage.id()?, "staff", "asked for twice").await?;
    cancelled_without_moving(stage, "staff").await
}

async fn staff_cancel_at_borrower(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let hold = stage.patrons_hold().await?;
    stage.narrate(Actor::PickupLibrary, "cancels the patron's hold in its Alma");
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

/// Lets the book come to the pickup library, if it isn't there yet, which sends it home.
async fn goes_home(stage: &mut Stage) -> Result<()> {
    stage.until(Status::ReturnTransit).await?;
    stage.settled().await?;
    stage.narrate(Actor::PickupLibrary, "scans the item and sends it home");
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
