//! Requests with an ordinary course from placing to the end.

use lending::Status;

use super::Scenario;
use crate::failure::{Failure, Result, same};
use crate::stage::Stage;

pub(super) const LIST: [Scenario; 3] = [
    Scenario::new("completed", "A book is asked for, sent, collected, returned and back on its shelf.", |stage| {
        Box::pin(completed(stage))
    }),
    Scenario::new(
        "awkward-titles",
        "Titles with markup, quotes and other scripts reach the borrower's Alma unchanged.",
        |stage| Box::pin(awkward_titles(stage)),
    ),
    Scenario::new(
        "barcode-taken",
        "The borrower has a book of its own with the lender's barcode, and it is left alone.",
        |stage| Box::pin(barcode_taken(stage)),
    ),
];

async fn completed(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.one_virtual_item_stands().await?;
    let request = stage.lend_and_return().await?;
    let wanted = [
        "SUBMITTED_TO_DCB",
        "PATRON_VERIFIED",
        "RESOLVED",
        "REQUEST_PLACED_AT_SUPPLYING_AGENCY",
        "CONFIRMED",
        "REQUEST_PLACED_AT_BORROWING_AGENCY",
        "PICKUP_TRANSIT",
        "RECEIVED_AT_PICKUP",
        "READY_FOR_PICKUP",
        "LOANED",
        "RETURN_TRANSIT",
        "COMPLETED",
        "FINALISED",
    ];
    same("the way of the request", request.passed(), wanted.to_vec())?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}

/// The first four titles of every lender: markup and quotes, Cyrillic, Chinese, Arabic.
async fn awkward_titles(stage: &mut Stage) -> Result<()> {
    for number in 1..=4 {
        let barcode = stage.lenders[0].barcode(number);
        let wanted = stage.lenders[0].item(&barcode).await?.title;
        stage.place(&stage.wish_for(number)).await?;
        let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
        same("the title at the hub", request.title.as_deref(), Some(wanted.as_str()))?;
        let bib = request.borrower.bib.ok_or_else(|| Failure::new("There is no virtual record."))?;
        same("the title at the borrower", stage.borrower.title_of(&bib).await?, Some(wanted))?;
        stage.patron_cancels().await?;
        stage.until(Status::Finalised).await?;
        stage.ended_as("CANCELLED").await?;
    }
    Ok(())
}

async fn barcode_taken(stage: &mut Stage) -> Result<()> {
    let barcode = stage.lenders[0].barcode(1);
    stage.borrower.add_book("A book of our own", &barcode).await?;
    let own = stage.borrower.item(&barcode).await?;
    stage.place(&stage.wish()).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    same("the virtual item's barcode", request.borrower.barcode, Some(format!("DCB-{barcode}")))?;
    stage.lend_and_return().await?;
    same("the borrower's own book", stage.borrower.item(&barcode).await?, own)?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}
