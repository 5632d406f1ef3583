//! Requests for a title: the hub chooses the copy.

use lending::Status;
use reqwest::Method;
use serde_json::{Value, json};

use super::Scenario;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{AGENCY, Actor, PATRON, RequestInput, Stage};
use crate::view::RequestView;

pub(super) const LIST: [Scenario; 6] = [
    Scenario::new(
        "title-nearer-lender-refuses",
        "Two libraries hold the title. The nearer one refuses, so the farther one supplies.",
        |stage| Box::pin(nearer_lender_refuses(stage)),
    ),
    Scenario::new(
        "title-balance-decides",
        "Two libraries hold the title. The one that has lent less is asked first.",
        |stage| Box::pin(balance_decides(stage)),
    ),
    Scenario::new(
        "title-lender-at-its-limit",
        "The nearer library supplies as many requests as it allows, so the other one is asked.",
        |stage| Box::pin(lender_at_its_limit(stage)),
    ),
    Scenario::new(
        "title-volume-at-one-library",
        "Two libraries hold the title, and only the farther one has the wanted volume.",
        |stage| Box::pin(volume_at_one_library(stage)),
    ),
    Scenario::new(
        "title-queued",
        "All copies are on loan. The request waits where the library allows it, and the book comes when it is back.",
        |stage| Box::pin(queued(stage)),
    ),
    Scenario::new(
        "title-preview-agrees",
        "The terms that the patron reads before the request name the lender that then supplies, and change nothing.",
        |stage| Box::pin(preview_agrees(stage)),
    ),
];

const TITLE: &str = "title-1";
const FIRST: &str = "T-FIRST";
const SECOND: &str = "T-SECOND";

/// Adds a book at each lender, and lists both under one title. Returns the wish for it.
async fn listed(stage: &Stage) -> Result<RequestInput> {
    let first = stage.lenders[0].add_book("One title of two libraries", FIRST).await?;
    let second = stage.lenders[1].add_book("One title of two libraries", SECOND).await?;
    stage.list_title(TITLE, [&first, &second]).await?;
    Ok(wish())
}

fn wish() -> RequestInput {
    RequestInput { patron: PATRON.to_owned(), title: Some(TITLE.to_owned()), ..RequestInput::default() }
}

/// Makes the lenders agencies with these rules.
async fn with_rules(stage: &Stage, rules: [Value; 2]) -> Result<()> {
    for ((alma, code), rules) in stage.lenders.iter().zip(["NEAR", "FAR"]).zip(rules) {
        let agency = json!({"name": code, "institution": alma.institution, "library": null, "rules": rules});
        stage.hub.put(&format!("/api/v1/agencies/{code}"), &agency).await?;
    }
    Ok(())
}

/// Puts the first lender next to the patron's library, and the second one far away.
async fn with_places(stage: &Stage, more: [Value; 2]) -> Result<()> {
    let [near, far, home] =
        [47.0, 52.0, 47.1].map(|latitude| json!({"coordinates": {"latitude": latitude, "longitude": 8.0}}));
    let [mut first, mut second] = more;
    (first["place"], second["place"]) = (near, far);
    with_rules(stage, [first, second]).await?;
    let institution = &stage.borrower.institution;
    let agency =
        json!({"name": "Borrowing College", "institution": institution, "library": null, "rules": {"place": home}});
    stage.hub.put(&format!("/api/v1/agencies/{AGENCY}"), &agency).await
}

/// Makes one criterion decide.
async fn by(stage: &Stage, criterion: Value) -> Result<()> {
    stage.hub.put("/api/v1/supplier-policy", &json!({"policy": {"criteria": [criterion]}})).await
}

async fn choices(stage: &Stage) -> Result<Vec<Value>> {
    let path = format!("/api/v1/requests/{}/choices", stage.id()?);
    let answer = stage.hub.call(Method::GET, &path, None).await?;
    Ok(answer["choices"].as_array().cloned().unwrap_or_default())
}

fn supplied_by(stage: &Stage, request: &RequestView, lender: usize) -> Result<()> {
    let institution = request.lender.as_ref().map(|lender| lender.institution.as_str());
    same("the lender", institution, Some(stage.lenders[lender].institution.as_str()))
}

/// Places the wish and brings it to the end, supplied by this lender.
async fn is_supplied_by(stage: &mut Stage, wish: &RequestInput, lender: usize) -> Result<()> {
    stage.place(wish).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    supplied_by(stage, &request, lender)?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn nearer_lender_refuses(stage: &mut Stage) -> Result<()> {
    let wish = listed(stage).await?;
    with_places(stage, [json!({}), json!({})]).await?;
    by(stage, json!({"by": "distance"})).await?;
    stage.narrate(Actor::LendingLibrary, "lets nobody place holds on books of four weeks");
    stage.lenders[0].behave(&json!({"rules": {"policies_without_holds": ["4-WEEK"]}})).await?;
    stage.place(&wish).await?;
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    supplied_by(stage, &request, 1)?;
    let choices = choices(stage).await?;
    same("the number of choices, since the list had both copies", choices.len(), 1)?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn balance_decides(stage: &mut Stage) -> Result<()> {
    let wish = listed(stage).await?;
    with_rules(stage, [json!({}), json!({})]).await?;
    by(stage, json!({"by": "balance", "step": 1})).await?;
    stage.narrate(Actor::Patron, "borrows another book of the first library");
    stage.place(&stage.wish_for(2)).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await?;
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    supplied_by(stage, &request, 1)?;
    let choices = choices(stage).await?;
    let text = Value::from(choices).to_string();
    expect(text.contains("balance (lent 0, borrowed 0 against lent 1, borrowed 0)"), || text)?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn lender_at_its_limit(stage: &mut Stage) -> Result<()> {
    let wish = listed(stage).await?;
    with_places(stage, [json!({"most_open_supplies": 1}), json!({})]).await?;
    by(stage, json!({"by": "distance"})).await?;
    stage.narrate(Actor::Patron, "asks for another book of the nearer library, which allows one request at a time");
    stage.place(&stage.wish_for(2)).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let other = stage.id()?.to_owned();
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    supplied_by(stage, &request, 1)?;
    let text = Value::from(choices(stage).await?).to_string();
    expect(text.contains("LENDER_AT_LIMIT"), || text)?;
    let second = stage.id()?.to_owned();
    stage.select_request(&other);
    stage.patron_cancels().await?;
    stage.until(Status::Finalised).await?;
    stage.select_request(&second);
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn volume_at_one_library(stage: &mut Stage) -> Result<()> {
    let first = stage.lenders[0]
        .add_volumes("A title in volumes", &[("NEAR-1", "v.1", "1984"), ("NEAR-3", "v.3", "1986")])
        .await?;
    let second = stage.lenders[1]
        .add_volumes("A title in volumes", &[("FAR-1", "Bd. 1", "1984"), ("FAR-2", "Bd. 2", "1985")])
        .await?;
    stage.list_title(TITLE, [&first, &second]).await?;
    with_places(stage, [json!({}), json!({})]).await?;
    by(stage, json!({"by": "distance"})).await?;
    let wish = RequestInput { volume: Some("v.2".to_owned()), ..wish() };
    is_supplied_by(stage, &wish, 1).await?;
    same("the volume", stage.request().await?.volume.as_deref(), Some("Bd. 2 (1985)"))
}

async fn queued(stage: &mut Stage) -> Result<()> {
    let wish = listed(stage).await?;
    with_rules(stage, [json!({"longest_queue": 1}), json!({})]).await?;
    for (alma, barcode) in stage.lenders.iter().zip([FIRST, SECOND]) {
        stage.narrate(Actor::LendingLibrary, "lends its copy to a reader of its own");
        alma.lend(barcode, "sam.student", "MAIN").await?;
    }
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    supplied_by(stage, &request, 0)?;
    expect(request.attention.kind != "needs_staff", || format!("Staff are asked: {:?}", request.attention))?;
    let text = Value::from(choices(stage).await?).to_string();
    expect(text.contains("QUEUE_NOT_ALLOWED"), || text)?;
    stage.narrate(Actor::LendingLibrary, "takes its copy back from the reader");
    stage.lenders[0].take_back(FIRST, "MAIN").await?;
    stage.until(Status::PickupTransit).await?;
    stage.receive_lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn preview_agrees(stage: &mut Stage) -> Result<()> {
    let wish = listed(stage).await?;
    with_places(stage, [json!({}), json!({})]).await?;
    by(stage, json!({"by": "distance"})).await?;
    let writes = async |stage: &Stage| -> Result<u64> {
        let mut writes = 0;
        for alma in stage.lenders.iter().chain([&stage.borrower]) {
            let calls = alma.calls().await?;
            writes += calls.iter().filter(|(call, _)| !call.starts_with("GET ")).map(|(_, count)| count).sum::<u64>();
        }
        Ok(writes)
    };
    let before = writes(stage).await?;
    stage.narrate(Actor::Patron, "asks for the terms");
    let terms = stage.hub.call(Method::POST, "/api/v1/requests/preview", Some(&stage.body_of(&wish))).await?;
    same("the writes of the preview", writes(stage).await?, before)?;
    same("whether it is possible", &terms["possible"], &json!(true))?;
    let lender = terms["expected"]["lender"].as_str().ok_or_else(|| Failure::new(format!("no lender: {terms}")))?;
    same("the lender of the preview", lender, stage.lenders[0].institution.as_str())?;
    stage.place(&wish).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    let request = stage.settled().await?;
    supplied_by(stage, &request, 0)?;
    let items = |copies: &Value| -> Vec<Value> {
        let copies = copies.as_array().into_iter().flatten();
        copies.filter(|copy| !copy["place"].is_null()).map(|copy| copy["item"].clone()).collect()
    };
    let ranked = choices(stage).await?[0]["ranked"].clone();
    let asked: Vec<Value> = ranked.as_array().into_iter().flatten().map(|copy| copy["item"].clone()).collect();
    same("the order of the copies", asked, items(&terms["copies"]))?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}
