//! Answers with a part that can't be read. If the part decides nothing, it is unknown; if it might be the hold, it
//! proves no absence.

use alma_sim::{Fault, FaultKind};
use lending::Status;
use reqwest::Method;
use serde_json::{Value, json};

use super::Scenario;
use crate::alma::SimAlma;
use crate::failure::{Result, expect, same};
use crate::stage::{Actor, Stage};

pub(super) const LIST: [Scenario; 1] = [Scenario::new(
    "unreadable-answers",
    "Dates and a row of both Almas' answers can't be read; the request goes on, or waits and says why.",
    |stage| Box::pin(unreadable_answers(stage)),
)];

const HOLDS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const LOANS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/loans";

async fn edit(alma: &SimAlma, call: &str, at: &str, value: Value) -> Result<()> {
    alma.inject_fault(&Fault::always(call, FaultKind::EditAnswer { at: at.to_owned(), value })).await
}

async fn failing_polls(stage: &Stage) -> Result<Vec<Value>> {
    let health = stage.hub.call(Method::GET, "/health", None).await?;
    Ok(health["polls_failing"].as_array().cloned().unwrap_or_default())
}

async fn unreadable_answers(stage: &mut Stage) -> Result<()> {
    let (lender, borrower) = (stage.lenders[0].clone(), stage.borrower.clone());
    stage.narrate(
        Actor::Fault,
        "puts an impossible date of birth into the patron's record, and an unknown day into the item's",
    );
    edit(&borrower, "GET /users/{user_id}", "/birth_date", json!("00-00-0000")).await?;
    edit(&lender, "*", "/item_data/modification_date", json!("unknown")).await?;
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;

    stage.narrate(Actor::Fault, "makes a row of the lender's list of holds unreadable");
    lender.clear_faults().await?;
    edit(&lender, HOLDS, "/user_request/0/request_id", json!({"x": 1})).await?;
    let request = stage.until_waiting_for("lender_system").await?;
    same("where the request waits", request.status.as_str(), "REQUEST_PLACED_AT_BORROWING_AGENCY")?;
    let reason = request.attention.reason.unwrap_or_default();
    expect(reason.contains("can't be read"), || format!("The request should say what can't be read, but: {reason}"))?;
    let failing = failing_polls(stage).await?;
    let named = failing.iter().any(|row| row["institution"] == json!(lender.institution));
    expect(named, || format!("/health should name the lender, but: {failing:?}"))?;

    stage.narrate(Actor::Fault, "ends");
    lender.clear_faults().await?;
    stage.until_waiting_for("lending_library").await?;
    same("the polls that fail", failing_polls(stage).await?.len(), 0)?;

    stage.narrate(Actor::Fault, "makes the due date of the patron's loan unreadable");
    edit(&borrower, LOANS, "/item_loan/0/due_date", json!("00-00-0000")).await?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}
