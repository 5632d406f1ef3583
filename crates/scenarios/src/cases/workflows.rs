//! Requests with other roles: one library, three libraries, a patron at the lender's desk.

use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::alma::SimAlma;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Actor, PATRON, PICKUP_LIBRARY, RequestInput, Stage};

pub(super) const LIST: [Scenario; 7] = [
    Scenario::new(
        "local",
        "The book is the patron's own library's: it is handed off to it, without virtual records.",
        |stage| Box::pin(local(stage)),
    ),
    Scenario::new(
        "shared-alma",
        "Two agencies share one Alma; the patron of one asks for the other's book, which needs no virtual records.",
        |stage| Box::pin(shared_alma(stage)),
    ),
    Scenario::new(
        "own-item-elsewhere",
        "The patron has their own library's book sent to a third library, where it is lent to them.",
        |stage| Box::pin(own_item_elsewhere(stage)),
    ),
    Scenario::new("pickup-anywhere", "The patron collects at a third library; three Almas follow one book.", |stage| {
        Box::pin(pickup_anywhere(stage))
    }),
    Scenario::new(
        "pickup-codes",
        "Two patrons collect at a third library, which knows each by a code and not by a name.",
        |stage| Box::pin(pickup_codes(stage)),
    ),
    Scenario::new(
        "virtual-item-at-dispatch",
        "The patron's library makes the virtual item when the book is sent, and not when it is asked for.",
        |stage| Box::pin(virtual_item_at_dispatch(stage)),
    ),
    Scenario::new("expedited", "The patron stands at the lender's desk with the book, and gets it at once.", |stage| {
        Box::pin(expedited(stage))
    }),
];

/// Opens an agency with a pickup location `{agency}-MAIN` at an institution.
async fn open_agency(stage: &Stage, agency: &str, institution: &str, rules: serde_json::Value) -> Result<String> {
    let body = json!({"name": agency, "institution": institution, "library": null, "rules": rules});
    stage.hub.put(&format!("/api/v1/agencies/{agency}"), &body).await?;
    let pickup = format!("{agency}-{PICKUP_LIBRARY}");
    let body = json!({"name": pickup, "agency": agency, "library": PICKUP_LIBRARY, "desk": null});
    stage.hub.put(&format!("/api/v1/pickup-locations/{pickup}"), &body).await?;
    Ok(pickup)
}

async fn local(stage: &mut Stage) -> Result<()> {
    let home = stage.borrower.institution.clone();
    open_agency(stage, crate::stage::AGENCY, &home, json!({"lends_to_own_patrons": true})).await?;
    let wish = RequestInput { own: Some(stage.borrower.barcode(2)), copies: Vec::new(), ..stage.wish() };
    stage.place(&wish).await?;
    let request = stage.until(Status::HandedOffAsLocal).await?;
    same("the workflow", request.workflow.as_str(), "local")?;
    let holds = stage.borrower.holds().await?;
    same("whose hold it is", holds.iter().map(|hold| hold.user.as_str()).collect::<Vec<_>>(), vec![PATRON])?;
    let (_, borrower) = stage.made().await?;
    same("the virtual records made", borrower.bibs, 0)
}

async fn shared_alma(stage: &mut Stage) -> Result<()> {
    let home = stage.borrower.institution.clone();
    open_agency(stage, "NEIGHBOUR", &home, json!({})).await?;
    let wish = RequestInput { own: Some(stage.borrower.barcode(2)), copies: Vec::new(), ..stage.wish() };
    stage.place(&wish).await?;
    let request = stage.until(Status::HandedOffAsLocal).await?;
    same("the workflow", request.workflow.as_str(), "local")?;
    let (_, borrower) = stage.made().await?;
    same("the virtual records made", borrower.bibs, 0)
}

/// Lets the third library receive the item that was sent, and lend it to the patron. Returns the virtual item's
/// barcode.
async fn lent_at_third(stage: &mut Stage, third: &SimAlma) -> Result<String> {
    let request = stage.settled().await?;
    let barcode = request.pickup_side.and_then(|here| here.barcode);
    let barcode = barcode.ok_or_else(|| Failure::new("There is no virtual item at the third library."))?;
    stage.narrate(Actor::PickupLibrary, "scans the item in and puts it on the hold shelf");
    third.scan_in(&barcode, PICKUP_LIBRARY).await?;
    stage.until(Status::ReadyForPickup).await?;
    let holder = third.hold_of(stage.id()?).await?.map(|hold| hold.user);
    let holder = holder.ok_or_else(|| Failure::new("There is no hold at the third library."))?;
    stage.narrate(Actor::PickupLibrary, "lends the item to the patron");
    third.lend(&barcode, &holder, PICKUP_LIBRARY).await?;
    stage.until(Status::Loaned).await?;
    stage.settled().await?;
    Ok(barcode)
}

async fn own_item_elsewhere(stage: &mut Stage) -> Result<()> {
    let (home, third) = (stage.borrower.clone(), stage.lenders[1].clone());
    let pickup = open_agency(stage, "PICK", &third.institution, json!({"allows_visiting_pickup": true})).await?;
    let rules = json!({"name": "Borrower", "institution": home.institution, "library": null, "rules": {"lends_to_own_patrons": true}});
    stage.hub.put(&format!("/api/v1/agencies/{}", crate::stage::AGENCY), &rules).await?;
    let own = home.barcode(2);
    let wish = RequestInput { own: Some(own.clone()), copies: Vec::new(), pickup: Some(pickup), ..stage.wish() };
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtPickupAgency).await?;
    stage.settled().await?;
    stage.narrate(Actor::LendingLibrary, "scans the book in and sends it");
    home.scan_in(&own, PICKUP_LIBRARY).await?;
    stage.until(Status::PickupTransit).await?;
    let barcode = lent_at_third(stage, &third).await?;
    third.take_back(&barcode, PICKUP_LIBRARY).await?;
    stage.until(Status::ReturnTransit).await?;
    home.scan_in(&own, PICKUP_LIBRARY).await?;
    stage.until(Status::Finalised).await?;
    same("the outcome", stage.request().await?.outcome.as_deref(), Some("SUPPLIED"))
}

async fn pickup_anywhere(stage: &mut Stage) -> Result<()> {
    let third = stage.lenders[1].clone();
    let pickup = open_agency(stage, "PICK", &third.institution, json!({"allows_visiting_pickup": true})).await?;
    let wish = RequestInput { pickup: Some(pickup), ..stage.wish() };
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtPickupAgency).await?;
    stage.settled().await?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    let barcode = lent_at_third(stage, &third).await?;
    let at_home = stage.borrower.loans().await?;
    same("whose loan it is at home", at_home.iter().map(|loan| loan.user.as_str()).collect::<Vec<_>>(), vec![PATRON])?;
    stage.narrate(Actor::Patron, "brings the item back to the third library");
    third.take_back(&barcode, PICKUP_LIBRARY).await?;
    stage.until(Status::ReturnTransit).await?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn pickup_codes(stage: &mut Stage) -> Result<()> {
    let third = stage.lenders[1].clone();
    let pickup = open_agency(stage, "PICK", &third.institution, json!({"allows_visiting_pickup": true})).await?;
    let mut codes = Vec::new();
    for (number, patron) in [(1, PATRON), (2, "sam.student")] {
        let wish = RequestInput { patron: patron.to_owned(), pickup: Some(pickup.clone()), ..stage.wish_for(number) };
        stage.place(&wish).await?;
        let request = stage.until(Status::RequestPlacedAtPickupAgency).await?;
        let code = request.pickup_code.ok_or_else(|| Failure::new("The patron gets no pickup code."))?;
        let hold =
            third.hold_of(stage.id()?).await?.ok_or_else(|| Failure::new("There is no hold at the third library."))?;
        let comment = hold.comment.unwrap_or_default();
        expect(comment.contains(&format!("pickup code: {code}")), || format!("The hold has another code: {comment}"))?;
        let users = third.users().await?;
        let name = users.iter().find(|user| user["primary_id"] == hold.user).map(|user| user["last_name"].clone());
        same("the name on the shelf", name, Some(json!(format!("VPATRON {} {code}", crate::stage::AGENCY))))?;
        codes.push(code);
    }
    expect(codes[0] != codes[1], || "Both patrons have the same code.".to_owned())?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    let barcode = lent_at_third(stage, &third).await?;
    third.take_back(&barcode, PICKUP_LIBRARY).await?;
    stage.until(Status::ReturnTransit).await?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    same("the outcome", stage.request().await?.outcome.as_deref(), Some("SUPPLIED"))
}

async fn virtual_item_at_dispatch(stage: &mut Stage) -> Result<()> {
    let home = stage.borrower.institution.clone();
    open_agency(stage, crate::stage::AGENCY, &home, json!({"virtual_item_at_dispatch": true})).await?;
    stage.place(&stage.wish()).await?;
    stage.until(Status::Confirmed).await?;
    stage.settled().await?;
    let (_, borrower) = stage.made().await?;
    same("the virtual records made", borrower.bibs, 0)?;
    stage.lender_sends().await?;
    stage.until(Status::PickupTransit).await?;
    stage.settled().await?;
    stage.one_virtual_item_stands().await?;
    stage.receive_lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn expedited(stage: &mut Stage) -> Result<()> {
    let lender = stage.lenders[0].clone();
    let pickup = open_agency(stage, "LEND", &lender.institution, json!({})).await?;
    let wish = RequestInput { pickup: Some(pickup), expedited: true, ..stage.wish() };
    stage.place(&wish).await?;
    let request = stage.until(Status::Loaned).await?;
    same("the workflow", request.workflow.as_str(), "expedited")?;
    stage.settled().await?;
    expect(!stage.borrower.loans().await?.is_empty(), || "The loan should show at home too.".to_owned())?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}
