//! A gateway in front of an Alma answers HTTP 404 without Alma's error code, which proves nothing.

use alma_sim::{Fault, FaultKind};
use lending::Status;

use super::Scenario;
use crate::failure::{Result, expect, same};
use crate::stage::{Actor, Stage};

pub(super) const LIST: [Scenario; 2] = [
    Scenario::new(
        "gateway-not-found",
        "A gateway answers 404 to reads and writes of both Almas, and nothing is taken for absent.",
        |stage| Box::pin(gateway_404(stage)),
    ),
    Scenario::new(
        "gateway-not-found-at-cancellation",
        "A gateway answers 404 to each try to cancel the lender's hold: staff are asked, and it is cancelled in the end.",
        |stage| Box::pin(at_cancellation(stage)),
    ),
];

const BARCODE: &str = "GET /items";
const ITEM: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const CANCELLATION: &str = "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}";
const DELETION: &str = "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";

async fn gateway_404(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::Fault, "answers 404 in place of both Almas now and then, with a line of text or nothing");
    let (text, nothing) = (FaultKind::bare(404, "404 page not found"), FaultKind::bare(404, ""));
    for (call, fault) in [(BARCODE, &text), (ITEM, &nothing), (HOLD, &nothing)] {
        stage.lenders[0].inject_fault(&Fault::once(call, fault.clone())).await?;
    }
    for (call, fault) in [(HOLD, &text), (ITEM, &text), (DELETION, &nothing)] {
        stage.borrower.inject_fault(&Fault::once(call, fault.clone())).await?;
    }
    stage.place(&stage.wish_of_both()).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let asked = stage.lender_of(&request)?.institution.clone();
    same("the lender that was asked", asked, stage.lenders[0].institution.clone())?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await?;
    same("the deletions of the virtual item", stage.borrower.calls_to(DELETION).await?, 2)?;
    stage.made_each_once().await
}

async fn at_cancellation(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    let lender = stage.lenders[0].clone();
    stage.narrate(Actor::Fault, "answers 404 to each try to cancel the lender's hold");
    lender.inject_fault(&Fault::always(CANCELLATION, FaultKind::bare(404, ""))).await?;
    stage.patron_cancels().await?;
    let waiting = stage.until_that("need staff", crate::view::RequestView::needs_staff).await?;
    let code = waiting.attention.code.clone().unwrap_or_default();
    same("what staff are asked about", code.as_str(), "CANCEL_HOLD_AT_LENDER_UNEXPLAINED")?;
    same("where the request stands", waiting.status.as_str(), "CANCELLED")?;
    let held = lender.hold_of(&request.id).await?.is_some();
    expect(held, || "The lender's hold should be open, as the hub says.".to_owned())?;
    stage.narrate(Actor::Fault, "ends");
    lender.clear_faults().await?;
    stage.until_that("be final", |request| request.is(Status::Finalised)).await?;
    stage.ended_as("CANCELLED").await?;
    let held = lender.hold_of(&request.id).await?.is_some();
    expect(!held, || "The lender's hold should be cancelled.".to_owned())?;
    stage.narrate(Actor::LendingLibrary, "scans the item in, and it stays");
    let copy = request.lender.map(|lender| (lender.barcode, lender.library)).unwrap_or_default();
    same("where the scan sends the item", lender.scan_in(&copy.0, &copy.1).await?.as_str(), "")
}
