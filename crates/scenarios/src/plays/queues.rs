//! Several patrons, one book.

use lending::Status;

use super::Scenario;
use crate::failure::{Failure, Result, same};
use crate::stage::{PICKUP_LIBRARY, Stage, Who};

pub(super) const LIST: [Scenario; 2] = [
    Scenario::new(
        "two-patrons-in-a-queue",
        "Two patrons ask for the same book, and the second gets it when it has come home from the first.",
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
    let mut wish = stage.wish();
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let first = stage.id()?.to_owned();
    SECOND_PATRON.clone_into(&mut wish.patron);
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let second = stage.id()?.to_owned();

    stage.lender_sends().await?;
    stage.looked_at(&stage.lenders[0]).await?;
    same(
        "where the second request stands",
        stage.request().await?.status.as_str(),
        "REQUEST_PLACED_AT_BORROWING_AGENCY",
    )?;
    stage.turn_to(&first);
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    stage.pickup_receives().await?;
    stage.until(Status::ReadyForPickup).await?;
    stage.tell(Who::PickupLibrary, "lends the item to the first patron");
    stage.borrower.lend(&stage.virtual_barcode().await?, crate::stage::PATRON, PICKUP_LIBRARY).await?;
    stage.until(Status::Loaned).await?;
    stage.settled().await?;
    stage.patron_returns().await?;
    stage.until(Status::ReturnTransit).await?;
    stage.lender_takes_back().await?;
    let ended = stage.until(Status::Finalised).await?;
    same("the first request's outcome", ended.outcome.as_deref(), Some("SUPPLIED"))?;

    stage.turn_to(&second);
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    stage.receive_lend_and_return().await?;
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
    let told = if codes.is_empty() { vec![refused.why.code.as_str()] } else { codes };
    same("the code of the refusal", told, vec!["DUPLICATE_REQUEST"])?;
    stage.turn_to(&first);
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}
