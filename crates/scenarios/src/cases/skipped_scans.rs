//! Desks that skip a scan, or are quicker than the hub's polls. A later observation implies the earlier steps.

use lending::Status;

use super::Scenario;
use crate::failure::{Result, expect};
use crate::stage::{Actor, PATRON, Stage};

pub(super) const LIST: [Scenario; 4] = [
    Scenario::new(
        "lent-at-once",
        "The pickup library receives and lends the book before the hub has polled.",
        |stage| Box::pin(lent_at_once(stage)),
    ),
    Scenario::new("lent-without-receipt", "The pickup library lends the book without having scanned it in.", |stage| {
        Box::pin(lent_without_receipt(stage))
    }),
    Scenario::new(
        "sent-without-scan",
        "The lender sends the book without scanning it, and it is first seen on the hold shelf.",
        |stage| Box::pin(sent_without_scan(stage)),
    ),
    Scenario::new(
        "sent-and-lent-without-scan",
        "Neither the sending nor the receipt is scanned, and the book is first seen on loan.",
        |stage| Box::pin(sent_and_lent_without_scan(stage)),
    ),
];

async fn lent_at_once(stage: &mut Stage) -> Result<()> {
    on_its_way(stage).await?;
    stage.pickup_receives().await?;
    stage.pickup_lends().await?;
    caught_up_and_ended(stage).await
}

async fn lent_without_receipt(stage: &mut Stage) -> Result<()> {
    on_its_way(stage).await?;
    lend_at_desk_of_virtual_items(stage).await?;
    caught_up_and_ended(stage).await
}

async fn sent_without_scan(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    stage.narrate(Actor::LendingLibrary, "sends the item without scanning it");
    stage.pickup_receives().await?;
    stage.until(Status::ReadyForPickup).await?;
    stage.pickup_lends().await?;
    caught_up_and_ended(stage).await
}

async fn sent_and_lent_without_scan(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    stage.narrate(Actor::LendingLibrary, "sends the item without scanning it");
    lend_at_desk_of_virtual_items(stage).await?;
    caught_up_and_ended(stage).await
}

async fn on_its_way(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    stage.settled().await.map(drop)
}

/// A desk may lend an item that isn't on its own hold shelf only if it serves the item's location.
async fn lend_at_desk_of_virtual_items(stage: &Stage) -> Result<()> {
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::PickupLibrary, "lends the item without scanning it in first");
    stage.borrower.lend(&barcode, PATRON, crate::alma::VIRTUAL_LIBRARY).await.map(drop)
}

/// Checks that every status was passed nevertheless, that each record was created once, and that the request ended as
/// supplied.
async fn caught_up_and_ended(stage: &mut Stage) -> Result<()> {
    stage.until(Status::Loaned).await?;
    let request = stage.settled().await?;
    let passed = request.passed();
    for status in ["PICKUP_TRANSIT", "RECEIVED_AT_PICKUP", "READY_FOR_PICKUP", "LOANED"] {
        let times = passed.iter().filter(|each| **each == status).count();
        expect(times == 1, || format!("The timeline should show {status} once: {passed:?}."))?;
    }
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}
