//! While the book is with the patron.

use alma_sim::Mark;
use jiff::{SignedDuration, Timestamp};
use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::failure::{Failure, Result, expect, same};
use crate::stage::{Actor, PATRON, Stage};
use crate::view::RequestView;

pub(super) const LIST: [Scenario; 12] = [
    Scenario::new("renewal", "The patron renews; the lender's loan is renewed first, and both dates agree.", |stage| {
        Box::pin(renewal(stage))
    }),
    Scenario::new(
        "renewal-refused",
        "The patron renews, the lender doesn't allow it, and the date is put back.",
        |stage| Box::pin(renewal_refused(stage)),
    ),
    Scenario::new(
        "due-date-overwritten",
        "The borrower's library lends for longer than the lender; the owner's date counts, time and again.",
        |stage| Box::pin(due_date_overwritten(stage)),
    ),
    Scenario::new("recall", "Somebody at the lender waits for the book, so it can't be renewed any more.", |stage| {
        Box::pin(recall(stage))
    }),
    Scenario::new(
        "renewal-not-denied",
        "Somebody at the lender waits for the book, and no item policy keeps the patron from renewing: staff are asked at once.",
        |stage| Box::pin(renewal_not_denied(stage)),
    ),
    Scenario::new("lender-extends", "The lender sets a later due date, and the patron gets it too.", |stage| {
        Box::pin(lender_extends(stage))
    }),
    Scenario::new(
        "overdue",
        "The book isn't returned in time; it is shown, and still followed to its shelf.",
        |stage| Box::pin(overdue(stage)),
    ),
    Scenario::new("lost", "The book is declared lost, and found again.", |stage| Box::pin(lost(stage))),
    Scenario::new("lost-and-paid", "The book is lost and paid for, and staff record that at the hub.", |stage| {
        Box::pin(lost_and_paid(stage))
    }),
    Scenario::new(
        "claimed-returned",
        "The patron claims to have returned the book, which turns up at the lender.",
        |stage| Box::pin(claimed_returned(stage)),
    ),
    Scenario::new(
        "returned-at-the-lender",
        "The patron brings the book straight back to the lender; the loan at home is closed too.",
        |stage| Box::pin(returned_at_the_lender(stage)),
    ),
    Scenario::new("returned-elsewhere", "The patron returns the book at another library of the borrower.", |stage| {
        Box::pin(returned_elsewhere(stage))
    }),
];

async fn until_condition(stage: &mut Stage, wanted: &str) -> Result<RequestView> {
    let has = |request: &RequestView| request.conditions.iter().any(|each| each == wanted);
    stage.until_that(&format!("come to be {wanted}"), has).await
}

async fn due_at(alma: &crate::alma::SimAlma, barcode: &str) -> Result<Timestamp> {
    let loan = alma.loan_of(barcode).await?.ok_or_else(|| Failure::new(format!("{barcode} is on no loan.")))?;
    loan.due.parse().map_err(|_| Failure::new(format!("{:?} is no date.", loan.due)))
}

/// Lets the patron renew by ten days. Returns the barcodes of the virtual item and of the lender's item.
async fn patron_renews(stage: &mut Stage) -> Result<(String, String)> {
    let request = stage.drive_to(Status::Loaned).await?;
    let lender = request.lender.ok_or_else(|| Failure::new("There is no lender."))?;
    let barcode = stage.virtual_barcode().await?;
    let later = due_at(&stage.lenders[0], &lender.barcode).await? + SignedDuration::from_hours(24 * 10);
    stage.narrate(Actor::Patron, "renews the loan");
    stage.borrower.set_due(&barcode, later).await?;
    Ok((barcode, lender.barcode))
}

async fn renewal(stage: &mut Stage) -> Result<()> {
    let (barcode, lenders) = patron_renews(stage).await?;
    let renew = "POST /users/{user_id}/loans/{loan_id}";
    let mut tries = 0;
    while stage.lenders[0].calls_to(renew).await? == 0 {
        stage.polled(&stage.borrower).await?;
        tries += 1;
        expect(tries < 100, || "The lender is not asked to renew.".to_owned())?;
    }
    stage.settled().await?;
    let (at_home, ceiling) = (due_at(&stage.borrower, &barcode).await?, due_at(&stage.lenders[0], &lenders).await?);
    expect(at_home <= ceiling, || format!("At the borrower it is due {at_home}, at the lender already {ceiling}."))?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn renewal_refused(stage: &mut Stage) -> Result<()> {
    stage.narrate(Actor::LendingLibrary, "allows no renewals");
    stage.lenders[0].behave(&json!({"max_renewals": 0})).await?;
    let (barcode, lenders) = patron_renews(stage).await?;
    until_condition(stage, "renewal_refused").await?;
    stage.settled().await?;
    let (at_home, ceiling) = (due_at(&stage.borrower, &barcode).await?, due_at(&stage.lenders[0], &lenders).await?);
    same("the due date at the borrower", at_home, ceiling)?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn due_date_overwritten(stage: &mut Stage) -> Result<()> {
    stage.lenders[0].behave(&json!({"max_renewals": 0})).await?;
    let request = stage.drive_to(Status::Loaned).await?;
    let lender = request.lender.ok_or_else(|| Failure::new("There is no lender."))?;
    let barcode = stage.virtual_barcode().await?;
    let ceiling = due_at(&stage.lenders[0], &lender.barcode).await?;
    for days in [30, 60] {
        stage.narrate(Actor::PickupLibrary, format!("sets the due date {days} days later"));
        stage.borrower.set_due(&barcode, ceiling + SignedDuration::from_hours(24 * days)).await?;
        let mut tries = 0;
        while due_at(&stage.borrower, &barcode).await? != ceiling {
            stage.polled(&stage.borrower).await?;
            tries += 1;
            expect(tries < 100, || "The due date stays beyond the lender's.".to_owned())?;
        }
        stage.settled().await?;
    }
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn renewal_not_denied(stage: &mut Stage) -> Result<()> {
    stage.set_up(&stage.borrower, &json!({"virtual_item_policy_no_renewal": null})).await?;
    let request = stage.drive_to(Status::Loaned).await?;
    let barcode = request.lender.map(|lender| lender.barcode).unwrap_or_default();
    stage.narrate(Actor::LendingLibrary, "takes the wish of its own reader, who waits for the book");
    let waiting = stage.lenders[0].place_hold("sam.student", &barcode, "MAIN").await?;
    let is_case = |request: &RequestView| request.attention.code.as_deref() == Some("DENY_RENEWAL_AT_BORROWER_REFUSED");
    stage.until_that("be a case for staff", is_case).await?;
    stage.narrate(Actor::HubStaff, "names an item policy without renewals, and lets the hub try once more");
    stage.set_up(&stage.borrower, &json!({"virtual_item_policy_no_renewal": "DCB_NR"})).await?;
    stage.act("resume", None).await?;
    stage.settled().await?;
    let item = stage.borrower.item(&stage.virtual_barcode().await?).await?;
    same("the policy of the virtual item", item.policy.as_str(), "DCB_NR")?;
    stage.lenders[0].cancel_hold(&waiting, "CannotBeFulfilled").await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn lender_extends(stage: &mut Stage) -> Result<()> {
    let request = stage.drive_to(Status::Loaned).await?;
    let lender = request.lender.ok_or_else(|| Failure::new("There is no lender."))?;
    let barcode = stage.virtual_barcode().await?;
    let later = due_at(&stage.lenders[0], &lender.barcode).await? + SignedDuration::from_hours(24 * 14);
    stage.narrate(Actor::LendingLibrary, "lends the book for two weeks more");
    stage.lenders[0].set_due(&lender.barcode, later).await?;
    let mut tries = 0;
    while due_at(&stage.borrower, &barcode).await? != later {
        stage.polled(&stage.lenders[0]).await?;
        tries += 1;
        expect(tries < 100, || "The patron's due date stays as it was.".to_owned())?;
    }
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn recall(stage: &mut Stage) -> Result<()> {
    let request = stage.drive_to(Status::Loaned).await?;
    let barcode = request.lender.map(|lender| lender.barcode).unwrap_or_default();
    stage.narrate(Actor::LendingLibrary, "takes the wish of its own reader, who waits for the book");
    let waiting = stage.lenders[0].place_hold("sam.student", &barcode, "MAIN").await?;
    until_condition(stage, "recalled").await?;
    stage.settled().await?;
    stage.patron_returns().await?;
    stage.until(Status::ReturnTransit).await?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    same("where the book waits", stage.lenders[0].item(&barcode).await?.process_type.as_str(), "HOLDSHELF")?;
    stage.lenders[0].cancel_hold(&waiting, "CancelledAtPatronRequest").await?;
    stage.lenders[0].scan_in(&barcode, "MAIN").await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn overdue(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::Loaned).await?;
    let barcode = stage.virtual_barcode().await?;
    let soon = due_at(&stage.borrower, &barcode).await?;
    let state = stage.borrower.state().await?;
    let now: Timestamp = state["now"].as_str().and_then(|text| text.parse().ok()).unwrap_or(soon);
    stage.borrower.set_due(&barcode, now + SignedDuration::from_millis(1_200)).await?;
    stage.narrate(Actor::Patron, "lets the due date pass");
    until_condition(stage, "overdue").await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn declared_lost(stage: &mut Stage) -> Result<String> {
    stage.drive_to(Status::Loaned).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::PickupLibrary, "declares the book lost");
    stage.borrower.mark(&barcode, Mark::Lost).await?;
    until_condition(stage, "lost").await?;
    Ok(barcode)
}

async fn lost(stage: &mut Stage) -> Result<()> {
    let barcode = declared_lost(stage).await?;
    stage.narrate(Actor::Patron, "finds the book");
    stage.borrower.mark(&barcode, Mark::Found).await?;
    stage.until_that("be found", |request| !request.conditions.iter().any(|each| each == "lost")).await?;
    stage.return_and_end().await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn lost_and_paid(stage: &mut Stage) -> Result<()> {
    declared_lost(stage).await?;
    let lender = stage.request().await?.lender.map(|lender| lender.barcode).unwrap_or_default();
    stage.narrate(Actor::HubStaff, "informs the hub that the book is paid for");
    stage.act("settle-loss", Some(&json!({"how": "paid"}))).await?;
    stage.until(Status::Finalised).await?;
    same("the outcome", stage.request().await?.outcome.as_deref(), Some("LOST"))?;
    stage.assert_clean(lending::Side::Borrower).await?;
    stage.narrate(Actor::LendingLibrary, "closes its own loan");
    stage.lenders[0].scan_in(&lender, "MAIN").await?;
    stage.ended_as("LOST").await.map(drop)
}

async fn claimed_returned(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::Loaned).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::Patron, "claims to have returned the book");
    stage.borrower.mark(&barcode, Mark::ClaimedReturned).await?;
    until_condition(stage, "claimed_returned").await?;
    stage.lender_takes_back().await?;
    stage.until_that("end", |request| request.is(Status::Finalised)).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}

async fn returned_at_the_lender(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::Loaned).await?;
    stage.narrate(Actor::Patron, "brings the book straight back to the lender");
    stage.lender_takes_back().await?;
    stage.until(Status::Completed).await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("SUPPLIED").await?;
    let loans = stage.borrower.loans().await?;
    expect(!loans.iter().any(|loan| loan.user == PATRON), || "The patron's loan at home should be closed.".to_owned())
}

async fn returned_elsewhere(stage: &mut Stage) -> Result<()> {
    stage.drive_to(Status::Loaned).await?;
    let barcode = stage.virtual_barcode().await?;
    stage.narrate(Actor::Patron, "returns the book at the branch");
    stage.borrower.take_back(&barcode, "BRANCH").await?;
    stage.until(Status::ReturnTransit).await?;
    stage.lender_takes_back().await?;
    stage.until(Status::Finalised).await?;
    stage.ended_as("SUPPLIED").await.map(drop)
}
