//! Lenders that don't supply, and the next ones.

use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::alma::CreatedRecords;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Actor, Stage};

pub(super) const LIST: [Scenario; 8] = [
    Scenario::new(
        "lender-cancels-next-supplies",
        "The lender cancels its hold and the next one supplies; the patron keeps the same hold and notices nothing.",
        |stage| Box::pin(lender_cancels_next_supplies(stage)),
    ),
    Scenario::new("no-lender-left", "The only lender cancels its hold, and there is no other.", |stage| {
        Box::pin(no_lender_left(stage))
    }),
    Scenario::new(
        "lender-refuses-hold",
        "The lender's rules don't allow a hold on the book, so the next one supplies.",
        |stage| Box::pin(lender_refuses_hold(stage)),
    ),
    Scenario::new(
        "copy-not-on-shelf",
        "The first copy is missing when the hub reads it, so the next is taken.",
        |stage| Box::pin(copy_not_on_shelf(stage)),
    ),
    Scenario::new("no-copy-on-shelf", "No copy is on its shelf, so nothing is made anywhere.", |stage| {
        Box::pin(no_copy_on_shelf(stage))
    }),
    Scenario::new(
        "copy-unknown",
        "The barcode of the wanted copy is mistyped, and the hub says so while the patron waits.",
        |stage| Box::pin(copy_unknown(stage)),
    ),
    Scenario::new(
        "copy-checked-before-lender-is-dropped",
        "Staff ask for another copy with a mistyped barcode, then for their own; the lender is kept until they name a fit one.",
        |stage| Box::pin(copy_checked_before_lender_is_dropped(stage)),
    ),
    Scenario::new(
        "last-lender-kept",
        "Staff ask for another lender where none is left: the present one is kept, and supplies.",
        |stage| Box::pin(last_lender_kept(stage)),
    ),
];

/// Asks for another lender. The hub must refuse it with a code, and keep the present lender and its hold.
async fn keeps_the_lender(stage: &mut Stage, wanted: &serde_json::Value, code: &str) -> Result<()> {
    let before = stage.request().await?;
    let held = stage.lender_of(&before)?.hold_of(&before.id).await?.map(|hold| hold.id);
    let path = format!("/api/v1/requests/{}/next-supplier", before.id);
    let (status, answer) = stage.hub.try_call(reqwest::Method::POST, &path, Some(wanted)).await?;
    same("the answer", status.as_u16(), 422)?;
    let noted = [&answer["code"], &answer["errors"][0]["code"]].into_iter().any(|noted| noted == code);
    expect(noted, || format!("The answer should have the code {code}, but it is {answer}."))?;
    let after = stage.settled().await?;
    same("the lender", lender(&after), lender(&before))?;
    same("the status", &after.status, &before.status)?;
    same("its hold", stage.lender_of(&after)?.hold_of(&after.id).await?.map(|hold| hold.id), held)
}

async fn copy_checked_before_lender_is_dropped(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    let (second, own) = (stage.lenders[1].clone(), stage.borrower.clone());
    let copy = |institution: &str, barcode: &str| json!({"copy": {"institution": institution, "barcode": barcode}});
    stage.narrate(Actor::HubStaff, "asks for another copy, and mistypes its barcode");
    keeps_the_lender(stage, &copy(&second.institution, "MISTYPED"), "COPY_NOT_FOUND").await?;
    stage.narrate(Actor::HubStaff, "asks for a copy of the patron's own library");
    keeps_the_lender(stage, &copy(&own.institution, &own.barcode(1)), "OWN_COPY").await?;
    stage.narrate(Actor::HubStaff, "asks for a copy of the second lender");
    stage.act("next-supplier", Some(&copy(&second.institution, &second.barcode(2)))).await?;
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    same("the lender", lender(&request), Some(second.institution.as_str()))?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn last_lender_kept(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    stage.narrate(Actor::HubStaff, "asks for another lender, though none is left");
    keeps_the_lender(stage, &json!({"reason": "asked by mistake"}), "NO_CANDIDATE_LEFT").await?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn lender_cancels_next_supplies(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish_of_both()).await?;
    let first = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let hold = stage.patrons_hold().await?;
    lender_cancels(stage).await?;
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let second = stage.settled().await?;
    same("the lender", lender(&second), Some(stage.lenders[1].institution.as_str()))?;
    same("the patron's hold", stage.patrons_hold().await?, hold)?;
    same("the virtual item", &second.borrower.item, &first.borrower.item)?;
    same("the virtual item's barcode", second.borrower.barcode, Some(stage.lenders[1].barcode(1)))?;
    stage.one_virtual_item_stands().await?;

    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await?;
    let (lenders, borrower) = stage.made().await?;
    let tried = CreatedRecords { virtual_patrons: 1, holds: 1, ..CreatedRecords::default() };
    same("what was made at the lenders", lenders, [tried, CreatedRecords { loans: 1, ..tried }])?;
    let once = CreatedRecords { bibs: 1, items: 1, holds: 1, loans: 1, ..CreatedRecords::default() };
    same("what was made at the borrower", borrower, once)?;
    let events = stage.borrower.events().await?;
    let cancelled = events.iter().filter(|event| *event == "REQUEST_CANCELED").count();
    let announced = events.iter().filter(|event| *event == "REQUEST_PLACED_ON_SHELF").count();
    same("how often the patron was reported", (cancelled, announced), (0, 1))
}

async fn no_lender_left(stage: &mut Stage) -> Result<()> {
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    lender_cancels(stage).await?;
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    stage.until(Status::NoItemsSelectableAtAnyAgency).await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("NOT_SUPPLIED").await.map(drop)
}

/// Lets the lender's staff cancel the hold that they were to fulfil.
async fn lender_cancels(stage: &mut Stage) -> Result<()> {
    let request = stage.settled().await?;
    let alma = stage.lender_of(&request)?;
    let hold = alma.hold_of(&request.id).await?;
    let hold = hold.ok_or_else(|| Failure::new("The lender has no hold of the request."))?;
    stage.narrate(Actor::LendingLibrary, "cancels the hold");
    alma.cancel_hold(&hold.id, "CannotBeFulfilled").await
}

async fn lender_refuses_hold(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::LendingLibrary, "lets nobody place holds on books of four weeks");
    stage.lenders[0].behave(&json!({"rules": {"policies_without_holds": ["4-WEEK"]}})).await?;
    stage.place(&stage.wish_of_both()).await?;
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    same("the lender", lender(&request), Some(stage.lenders[1].institution.as_str()))?;
    stage.lend_and_return().await?;
    let request = stage.ended_as("SUPPLIED").await?;
    let noted = request.timeline.iter().filter_map(|row| row.note.as_deref()).any(|note| note.contains("401129"));
    expect(noted, || "The timeline should say that the first lender refused, with Alma's code 401129.".to_owned())?;
    let (lenders, _) = stage.made().await?;
    same("the holds at the lenders", lenders.map(|made| made.holds), [0, 1])
}

async fn copy_not_on_shelf(stage: &mut Stage) -> Result<()> {
    let wish = stage.wish_of_both();
    stage.narrate(Actor::LendingLibrary, "misses the book");
    stage.lenders[0].mark(&wish.copies[0].1, alma_sim::Mark::Missing).await?;
    stage.place(&wish).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    same("the lender", lender(&request), Some(stage.lenders[1].institution.as_str()))?;
    stage.lend_and_return().await?;
    let (lenders, _) = stage.made().await?;
    same("what was made at the first lender", lenders[0], CreatedRecords::default())?;
    stage.lenders[0].scan_in(&wish.copies[0].1, "MAIN").await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn no_copy_on_shelf(stage: &mut Stage) -> Result<()> {
    let wish = stage.wish_of_both();
    stage.narrate(Actor::LendingLibrary, "misses the book");
    for (lender, barcode) in &wish.copies {
        stage.lenders[*lender].mark(barcode, alma_sim::Mark::Missing).await?;
    }
    let Err(refused) = stage.try_to_place(&wish).await? else {
        return Err(Failure::new("The hub took a request that no copy can fill."));
    };
    same("the refusal", refused.reason.code.as_str(), "COPY_NOT_AVAILABLE")?;
    stage.until(Status::NoItemsSelectableAtAnyAgency).await?;
    stage.until(Status::Finalised).await?;
    let (lenders, borrower) = stage.made().await?;
    same("what was made", (lenders, borrower), ([CreatedRecords::default(); 2], CreatedRecords::default()))?;
    for (lender, barcode) in &wish.copies {
        stage.lenders[*lender].scan_in(barcode, "MAIN").await?;
    }
    stage.ended_as("NOT_SUPPLIED").await.map(drop)
}

async fn copy_unknown(stage: &mut Stage) -> Result<()> {
    let mut wish = stage.wish();
    wish.copies = vec![(0, "MISTYPED".to_owned())];
    let Err(refused) = stage.try_to_place(&wish).await? else {
        return Err(Failure::new("The hub took a request for a copy that doesn't exist."));
    };
    same("the refusal", refused.reason.code.as_str(), "COPY_NOT_FOUND")?;
    let codes: Vec<&str> = refused.faults.iter().map(|(field, _)| field.as_str()).collect();
    same("the refused part of the input", codes, vec!["copies"])?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("NOT_SUPPLIED").await.map(drop)
}

fn lender(request: &crate::view::RequestView) -> Option<&str> {
    request.lender.as_ref().map(|lender| lender.institution.as_str())
}
