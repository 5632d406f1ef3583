//! Patrons who may not borrow. Each cause has its code, and the hub creates nothing for them.

use lending::Status;

use super::Scenario;
use crate::alma::CreatedRecords;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Actor, Stage};

pub(super) const LIST: [Scenario; 5] = [
    Scenario::new("patron-blocked", "A patron with an active block asks for a book.", |stage| {
        Box::pin(refused(stage, "blocked.reader", "PATRON_BLOCKED"))
    }),
    Scenario::new("patron-expired", "A patron whose card has expired asks for a book.", |stage| {
        Box::pin(refused(stage, "expired.reader", "PATRON_EXPIRED"))
    }),
    Scenario::new("patron-inactive", "A patron whose record is inactive asks for a book.", |stage| {
        Box::pin(refused(stage, "inactive.reader", "PATRON_INACTIVE"))
    }),
    Scenario::new("patron-unknown", "Somebody whom the library doesn't know asks for a book.", |stage| {
        Box::pin(refused(stage, "nobody.reader", "PATRON_NOT_FOUND"))
    }),
    Scenario::new(
        "patron-unblocked",
        "A blocked patron asks for a book, has the block lifted, and asks again.",
        |stage| Box::pin(unblocked(stage)),
    ),
];

async fn refused(stage: &mut Stage, patron: &str, code: &str) -> Result<()> {
    let mut wish = stage.wish();
    patron.clone_into(&mut wish.patron);
    let Err(not_placed) = stage.try_to_place(&wish).await? else {
        return Err(Failure::new(format!("The hub took a request of {patron}, who may not borrow.")));
    };
    same("the code of the refusal", not_placed.reason.code.as_str(), code)?;
    expect(not_placed.reason.explanation.len() > 20, || "The refusal should be explained in a sentence.".to_owned())?;
    stage.until(Status::Cancelled).await?;
    stage.until(Status::Finalised).await?;
    let request = stage.ended_as("CANCELLED").await?;
    same("the code kept with the request", request.refusal.map(|refusal| refusal.code), Some(code.to_owned()))?;
    let (lenders, borrower) = stage.made().await?;
    same("what was made", (lenders, borrower), ([CreatedRecords::default(); 2], CreatedRecords::default()))
}

async fn unblocked(stage: &mut Stage) -> Result<()> {
    refused(stage, "blocked.reader", "PATRON_BLOCKED").await?;
    stage.narrate(Actor::PickupLibrary, "lifts the patron's block");
    stage.borrower.unblock("blocked.reader").await?;
    let mut wish = stage.wish();
    "blocked.reader".clone_into(&mut wish.patron);
    stage.place(&wish).await?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}
