//! An Alma that doesn't answer, or refuses the hub. The request waits, names the cause, and goes on when the Alma is
//! back.

use std::time::Duration;

use alma_sim::{Fault, FaultKind};
use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Actor, Stage};

pub(super) const LIST: [Scenario; 10] = [
    Scenario::new("lender-out-of-order", "The lender's Alma answers 503 for a while as a request comes in.", |stage| {
        Box::pin(lender_out_of_order(stage))
    }),
    Scenario::new("lender-unreachable", "The lender's Alma can't be reached for a while.", |stage| {
        Box::pin(lender_unreachable(stage))
    }),
    Scenario::new("lender-out-at-loan", "The lender's Alma is out of order as the patron gets the book.", |stage| {
        Box::pin(lender_out_at_loan(stage))
    }),
    Scenario::new("borrower-out-at-dispatch", "The borrower's Alma is out of order as the book is sent.", |stage| {
        Box::pin(borrower_out_at_dispatch(stage))
    }),
    Scenario::new("slow-scan", "A scan takes longer than the hub waits, and is done all the same.", |stage| {
        Box::pin(slow_scan(stage))
    }),
    Scenario::new("limit-per-second", "Now and then both Almas take no more calls in this second.", |stage| {
        Box::pin(limit_per_second(stage))
    }),
    Scenario::new(
        "limit-per-day",
        "The lender's calls of the day are used up, and it goes on the next day.",
        |stage| Box::pin(limit_per_day(stage)),
    )
    .moving_time(),
    Scenario::new("key-revoked", "The lender's API key is revoked as a request comes in, and given back.", |stage| {
        Box::pin(key_revoked(stage))
    })
    .moving_time(),
    Scenario::new(
        "key-revoked-while-waiting",
        "The lender's API key is revoked, the book is sent meanwhile, and the key is given back.",
        |stage| Box::pin(key_revoked_while_waiting(stage)),
    )
    .moving_time(),
    Scenario::new("new-key", "The lender's API key is revoked, and staff enter the new one.", |stage| {
        Box::pin(new_key(stage))
    }),
];

const LENDER_SYSTEM: &str = "lender_system";
const BORROWER_SYSTEM: &str = "borrower_system";

async fn ended_completely(stage: &Stage) -> Result<()> {
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}

async fn lender_out_of_order(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::Fault, "puts the lender's Alma out of order");
    stage.lenders[0].fail_always(503).await?;
    stage.place(&stage.wish()).await?;
    let request = stage.until_waiting_for(LENDER_SYSTEM).await?;
    same("where the request waits", request.status.as_str(), "PATRON_VERIFIED")?;
    expect(request.attention.next_try.is_some(), || "The request should say when the hub tries again.".to_owned())?;
    stage.narrate(Actor::Fault, "ends");
    stage.lenders[0].clear_faults().await?;
    stage.lend_and_return().await?;
    ended_completely(stage).await
}

/// An address at which nobody listens: port 1 of this machine.
async fn lender_unreachable(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::Fault, "cuts the lender's Alma off");
    stage.set_up(&stage.lenders[0], &json!({"base_url": "http://127.0.0.1:1"})).await?;
    stage.place(&stage.wish()).await?;
    stage.until_waiting_for(LENDER_SYSTEM).await?;
    stage.narrate(Actor::Fault, "ends");
    stage.set_up(&stage.lenders[0], &json!({})).await?;
    stage.lend_and_return().await?;
    ended_completely(stage).await
}

async fn lender_out_at_loan(stage: &mut Stage) -> Result<()> {
    on_hold_shelf(stage).await?;
    stage.narrate(Actor::Fault, "puts the lender's Alma out of order");
    stage.lenders[0].fail_always(503).await?;
    stage.pickup_lends().await?;
    stage.until(Status::Loaned).await?;
    stage.until_waiting_for(LENDER_SYSTEM).await?;
    stage.narrate(Actor::Fault, "ends");
    stage.lenders[0].clear_faults().await?;
    let request = stage.settled().await?;
    let lent = request.lender.and_then(|lender| lender.loan).is_some_and(|loan| loan.open);
    expect(lent, || "The lender's loan should be made once its Alma is back.".to_owned())?;
    stage.return_and_end().await?;
    ended_completely(stage).await
}

async fn on_hold_shelf(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    stage.pickup_receives().await?;
    stage.until(Status::ReadyForPickup).await.map(drop)
}

async fn borrower_out_at_dispatch(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    stage.narrate(Actor::Fault, "puts the borrower's Alma out of order");
    stage.borrower.fail_always(503).await?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    stage.until_waiting_for(BORROWER_SYSTEM).await?;
    stage.narrate(Actor::Fault, "ends");
    stage.borrower.clear_faults().await?;
    stage.settled().await?;
    let item = stage.borrower.item(&stage.virtual_barcode().await?).await?;
    same("the virtual item", item.process_type.as_str(), "TRANSIT")?;
    stage.receive_lend_and_return().await?;
    ended_completely(stage).await
}

/// Simulates a scan that takes longer than the hub waits. In reality a scan took 52 seconds without an answer and had
/// been done. Here it takes one and a half, and the hub waits one.
async fn slow_scan(stage: &mut Stage) -> Result<()> {
    stage.set_up(&stage.borrower, &json!({"timeout_seconds": 1})).await?;
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.narrate(Actor::Fault, "makes scans at the borrower slow");
    stage.borrower.behave(&json!({"scan_delay_ms": 1_500})).await?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    let item = stage.borrower.item(&stage.virtual_barcode().await?).await?;
    same("the virtual item", item.process_type.as_str(), "TRANSIT")?;
    stage.receive_lend_and_return().await?;
    ended_completely(stage).await
}

async fn limit_per_second(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::Fault, "lets both Almas refuse calls now and then");
    for (alma, after) in [(&stage.lenders[0], 2), (&stage.borrower, 4)] {
        alma.inject_fault(&Fault { after, ..Fault::once("*", FaultKind::PerSecond) }).await?;
    }
    stage.place(&stage.wish()).await?;
    stage.lend_and_return().await?;
    ended_completely(stage).await
}

async fn limit_per_day(stage: &mut Stage) -> Result<()> {
    let lender = stage.lenders[0].clone();
    stage.narrate(Actor::Fault, "uses the lender's calls of the day up");
    lender.limit(None, Some(0)).await?;
    stage.place(&stage.wish()).await?;
    let request = stage.until_waiting_for(LENDER_SYSTEM).await?;
    let reason = request.attention.reason.unwrap_or_default();
    expect(reason.contains("daily"), || format!("The request should wait for the daily limit, but: {reason}"))?;
    same("the calls without success", lender.refused_for_limits().await?, 1)?;
    lender.limit(None, None).await?;
    stage.advance_time(Duration::from_secs(24 * 60 * 60))?;
    stage.lend_and_return().await?;
    ended_completely(stage).await
}

async fn key_revoked(stage: &mut Stage) -> Result<()> {
    let lender = stage.lenders[0].clone();
    stage.narrate(Actor::Fault, "takes the hub's API key away at the lender");
    lender.revoke_key().await?;
    stage.place(&stage.wish()).await?;
    let request = stage.until_waiting_for(LENDER_SYSTEM).await?;
    let reason = request.attention.reason.unwrap_or_default();
    expect(reason.contains("API key"), || format!("The request should report the API key, but: {reason}"))?;
    lender.restore_key().await?;
    stage.advance_time(Duration::from_secs(11 * 60))?;
    stage.lend_and_return().await?;
    ended_completely(stage).await
}

async fn key_revoked_while_waiting(stage: &mut Stage) -> Result<()> {
    let lender = stage.lenders[0].clone();
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    stage.narrate(Actor::Fault, "takes the hub's API key away at the lender");
    lender.revoke_key().await?;
    stage.lender_sends().await?;
    stage.polled(&stage.borrower).await?;
    let request = stage.request().await?;
    if !request.is(Status::RequestPlacedAtBorrowingAgency) {
        return Err(Failure::new(format!("The hub can't know that the book was sent, but it is {}.", request.stand())));
    }
    lender.restore_key().await?;
    stage.advance_time(Duration::from_secs(11 * 60))?;
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    stage.receive_lend_and_return().await?;
    ended_completely(stage).await
}

async fn new_key(stage: &mut Stage) -> Result<()> {
    let lender = stage.lenders[0].clone();
    lender.revoke_key().await?;
    stage.place(&stage.wish()).await?;
    stage.until_waiting_for(LENDER_SYSTEM).await?;
    lender.restore_key().await?;
    stage.narrate(Actor::HubStaff, "enters the new API key");
    stage.set_up(&lender, &json!({})).await?;
    stage.lend_and_return().await?;
    ended_completely(stage).await
}
