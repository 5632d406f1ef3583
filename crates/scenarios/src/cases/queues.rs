//! Several patrons, one book.

use lending::Status;

use super::Scenario;
use crate::failure::{Failure, Result, same};
use crate::stage::{PICKUP_LIBRARY, Stage};

pub(super) const LIST: [Scenario; 2] = [
    Scenario::new(
        "copy-is-waited-for",
        "Two patrons ask for the same book, and the second gets another lender's copy.",
        |stage| Box::pin(two_patrons(stage)),
    ),
    Scenario::new(
        "asked-for-twice",
        "A patron asks for the same book again, most likely by a second click.",
        |stage| Box::pin(asked_for_twice(stage)),
    ),
];

const SECOND_PATRON: &str = "sam.student";

async fn two_patrons(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let first = stage.id()?.to_owned();
    let mut wish = stage.wish_of_both();
    SECOND_PATRON.clone_into(&mut wish.patron);
    stage.place(&wish).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let lender = request.lender.as_ref().map(|lender| lender.institution.as_str());
    same("the second patron's lender", lender, Some(stage.lenders[1].institution.as_str()))?;
    stage.lend_and_return().await?;
    same("the second request's outcome", stage.request().await?.outcome.as_deref(), Some("SUPPLIED"))?;
    stage.select_request(&first);
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    stage.pickup_receives().await?;
    stage.until(Status::ReadyForPickup).await?;
    stage.borrower.lend(&stage.virtual_barcode().await?, crate::stage::PATRON, PICKUP_LIBRARY).await?;
    stage.until(Status::Loaned).await?;
    stage.settled().await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn asked_for_twice(stage: &mut Stage) -> Result<()> {
    let wish = stage.wish();
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let first = stage.id()?.to_owned();
    let Err(refused) = stage.try_to_place(&wish).await? else {
        return Err(Failure::new("The hub took the same request twice."));
    };
    let codes: Vec<&str> = refused.faults.iter().map(|(_, code)| code.as_str()).collect();
    let noted = if codes.is_empty() { vec![refused.reason.code.as_str()] } else { codes };
    same("the code of the refusal", noted, vec!["DUPLICATE_REQUEST"])?;
    stage.select_request(&first);
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}
