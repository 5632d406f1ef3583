//! Titles in several volumes.

use lending::Status;

use super::Scenario;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{RequestInput, Stage};

pub(super) const LIST: [Scenario; 2] = [
    Scenario::new(
        "volume",
        "The patron asks for \"Bd. 2\" of a title, gets \"v.2\", and both libraries see which volume it is.",
        |stage| Box::pin(volume(stage)),
    ),
    Scenario::new(
        "volume-ambiguous",
        "Two volumes may be the one that the patron asks for, so the hub names both and asks for neither.",
        |stage| Box::pin(volume_ambiguous(stage)),
    ),
];

async fn ask_for(stage: &mut Stage, volume: &str, held: &[(&str, &str, &str)]) -> Result<()> {
    let record = stage.lenders[0].add_volumes("A title in volumes", held).await?;
    let wish =
        RequestInput { copies: Vec::new(), record: Some(record), volume: Some(volume.to_owned()), ..stage.wish() };
    // The hub may refuse it now or later.
    stage.try_to_place(&wish).await.map(drop)
}

async fn volume(stage: &mut Stage) -> Result<()> {
    ask_for(stage, "Bd. 2", &[("VOL-1", "v.1", "1984"), ("VOL-2", "v.2", "1985")]).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    same("the volume", request.volume.as_deref(), Some("v.2 (1985)"))?;
    same("the copy", request.lender.map(|lender| lender.barcode).as_deref(), Some("VOL-2"))?;
    let item = stage.borrower.item(&stage.virtual_barcode().await?).await?;
    let year = item.volume.get("chronology_i").map(String::as_str);
    same("the virtual item", (item.volume.get("description").map(String::as_str), year), (Some("v.2"), Some("1985")))?;
    for alma in [&stage.lenders[0], &stage.borrower] {
        let hold = alma.hold_of(stage.id()?).await?.ok_or_else(|| Failure::new("There is no hold."))?;
        let comment = hold.comment.unwrap_or_default();
        expect(comment.contains("volume: v.2 (1985)"), || format!("The hold names no volume: {comment}"))?;
    }
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn volume_ambiguous(stage: &mut Stage) -> Result<()> {
    ask_for(stage, "v.2", &[("VOL-2A", "v.2 (1985)", ""), ("VOL-2B", "v.2 (1990)", "")]).await?;
    let request = stage.until(Status::Finalised).await?;
    let refusal = request.refusal.clone().unwrap_or_default();
    same("the refusal", refusal.code.as_str(), "VOLUME_AMBIGUOUS")?;
    expect(refusal.explanation.contains("v.2 (1985); v.2 (1990)"), || refusal.explanation.clone())?;
    same("the holds at the lender", stage.lenders[0].hold_of(stage.id()?).await?, None)
}
