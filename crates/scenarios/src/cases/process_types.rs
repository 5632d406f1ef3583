//! Process types of a lender's item in Alma: which of them prove a dispatch, and which don't.

use alma_sim::Mark;
use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::failure::{Failure, Result};
use crate::stage::{Actor, Stage};

pub(super) const LIST: [Scenario; 1] = [Scenario::new(
    "item-to-remote-storage",
    "The lender's item goes to remote storage while its hold is in process, which is no dispatch.",
    |stage| Box::pin(to_remote_storage(stage)),
)];

async fn to_remote_storage(stage: &mut Stage) -> Result<()> {
    stage.lenders[0].behave(&json!({"first_request_status": "IN_PROCESS"})).await?;
    stage.place(&stage.wish()).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    let barcode = request.lender.map(|lender| lender.barcode).unwrap_or_default();
    stage.narrate(Actor::LendingLibrary, "sends the item to remote storage");
    stage.lenders[0].mark(&barcode, Mark::ToRemoteStorage).await?;
    stage.polled(&stage.lenders[0]).await?;
    let request = stage.request().await?;
    if !request.is(Status::RequestPlacedAtBorrowingAgency) {
        return Err(Failure::new(format!(
            "The item was not sent to the borrower, but the request is {}.",
            request.stand()
        )));
    }
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}
