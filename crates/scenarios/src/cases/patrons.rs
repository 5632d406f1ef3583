//! Patrons who may not borrow. Each cause has its code, and the hub creates nothing for them.

use std::time::Duration;

use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::alma::CreatedRecords;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{AGENCY, Actor, PATRON, PICKUP_LIBRARY, Stage};
use crate::view::RequestView;

/// More than the 28 days for which the simulated Alma lends.
const LOAN_AND_MORE: Duration = Duration::from_secs(40 * 24 * 3_600);

pub(super) const LIST: [Scenario; 8] = [
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
        "patron-at-loan-limit",
        "A patron with as many loans as the library allows asks for a book; the desk would refuse it after its journey.",
        |stage| Box::pin(at_loan_limit(stage)),
    ),
    Scenario::new("patron-with-overdue-item", "A patron with an overdue item asks for a book.", |stage| {
        Box::pin(with_overdue_item(stage))
    }),
    Scenario::new(
        "patron-role-missing",
        "The lender's Alma has no rule that makes new users patrons, and refuses the loan until its staff give the role.",
        |stage| Box::pin(without_role(stage)),
    ),
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

/// Sets the limits of the borrower's patrons.
async fn set_limits(stage: &Stage, limits: serde_json::Value) -> Result<()> {
    let agency = json!({
        "name": "Borrowing College", "institution": stage.borrower.institution, "library": null,
        "rules": {"patron_limits": {"undergraduate": limits}},
    });
    stage.hub.put(&format!("/api/v1/agencies/{AGENCY}"), &agency).await
}

async fn at_loan_limit(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::PickupLibrary, "allows one loan, and lends the patron a book of its own");
    stage.borrower.behave(&json!({"max_loans": 1})).await?;
    set_limits(stage, json!({"max_loans": 1})).await?;
    stage.borrower.lend(&stage.borrower.barcode(1), PATRON, PICKUP_LIBRARY).await?;
    refused(stage, PATRON, "PATRON_LOAN_LIMIT").await?;
    stage.narrate(Actor::PickupLibrary, "takes its own book back");
    stage.borrower.take_back(&stage.borrower.barcode(1), PICKUP_LIBRARY).await?;
    stage.place(&stage.wish()).await?;
    stage.lend_and_return().await?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}

async fn with_overdue_item(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::PickupLibrary, "lends the patron a book of its own, which isn't returned in time");
    let barcode = stage.borrower.barcode(1);
    stage.borrower.lend(&barcode, PATRON, PICKUP_LIBRARY).await?;
    stage.advance_time(LOAN_AND_MORE)?;
    refused(stage, PATRON, "PATRON_OVERDUE").await
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

async fn without_role(stage: &mut Stage) -> Result<()> {
    let lender = stage.lenders[0].clone();
    lender.behave(&json!({"patron_role_rule": false})).await?;
    stage.drive_to(Status::ReadyForPickup).await?;
    stage.pickup_lends().await?;
    let refused = stage.until_that("need staff", RequestView::needs_staff).await?;
    let reason = refused.attention.explanation.clone().unwrap_or_default();
    expect(reason.contains("role assignment rule"), || format!("The remedy should be named: {reason}"))?;
    stage
        .narrate(Actor::LendingLibrary, "gives the virtual patron the patron role, and creates the rule for new users");
    let standing = lender.standing().await?;
    let patron = standing.virtual_patrons.first().ok_or_else(|| Failure::new("The lender has no virtual patron."))?;
    let role = json!({"status": {"value": "ACTIVE"}, "role_type": {"value": "200"}, "parameter": []});
    lender.change_user(patron, &json!({"user_role": [role]})).await?;
    lender.behave(&json!({"patron_role_rule": true})).await?;
    stage.narrate(Actor::HubStaff, "has the loan tried once more");
    stage.act("resume", Some(&json!({"reason": "the virtual patron has the role now"}))).await?;
    stage.until(Status::Loaned).await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}
