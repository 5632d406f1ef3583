//! A write is done, and its answer is lost. The hub polls, finds the record, and creates nothing twice.

use alma_sim::{Fault, FaultKind};
use lending::Status;
use serde_json::json;

use super::Scenario;
use crate::alma::SimAlma;
use crate::failure::{Result, expect, same};
use crate::stage::{Actor, Stage};

const USER: &str = "POST /users";
const HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const LOAN: &str = "POST /users/{user_id}/loans";
const BIB: &str = "POST /bibs";
const HOLDING: &str = "POST /bibs/{mms_id}/holdings";
const ITEM: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items";
const SCAN: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const CHANGED_ITEM: &str = "PUT /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const CANCELLATION: &str = "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}";
const DELETED_ITEM: &str = "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const DELETED_BIB: &str = "DELETE /bibs/{mms_id}";

/// Every write for a supplied request, by side.
const AT_LENDER: [&str; 3] = [USER, HOLD, LOAN];
const AT_BORROWER: [&str; 7] = [BIB, HOLDING, ITEM, HOLD, SCAN, DELETED_ITEM, DELETED_BIB];
const WRITES: usize = AT_LENDER.len() + AT_BORROWER.len();
/// Alma answers these without a body, so the answer can't break off.
const DELETIONS: usize = 2;

pub(super) const LIST: [Scenario; 18] = [
    Scenario::new("lost-reply-virtual-patron", "The answer to making the virtual patron is lost.", |stage| {
        Box::pin(supplied(stage, Site::Lender, USER))
    }),
    Scenario::new("lost-reply-lender-hold", "The answer to the lender's hold is lost.", |stage| {
        Box::pin(supplied(stage, Site::Lender, HOLD))
    }),
    Scenario::new("lost-reply-loan", "The answer to the loan to the virtual patron is lost.", |stage| {
        Box::pin(supplied(stage, Site::Lender, LOAN))
    }),
    Scenario::new("lost-reply-virtual-record", "The answer to making the virtual record is lost.", |stage| {
        Box::pin(supplied(stage, Site::Borrower, BIB))
    }),
    Scenario::new("lost-reply-virtual-holding", "The answer to making the virtual holding is lost.", |stage| {
        Box::pin(supplied(stage, Site::Borrower, HOLDING))
    }),
    Scenario::new("lost-reply-virtual-item", "The answer to making the virtual item is lost.", |stage| {
        Box::pin(supplied(stage, Site::Borrower, ITEM))
    }),
    Scenario::new("lost-reply-patron-hold", "The answer to the patron's hold is lost.", |stage| {
        Box::pin(supplied(stage, Site::Borrower, HOLD))
    }),
    Scenario::new("lost-reply-scan", "The answer to the scan of the virtual item is lost.", |stage| {
        Box::pin(supplied(stage, Site::Borrower, SCAN))
    }),
    Scenario::new("lost-reply-delete-item", "The answer to deleting the virtual item is lost.", |stage| {
        Box::pin(supplied(stage, Site::Borrower, DELETED_ITEM))
    }),
    Scenario::new("lost-reply-delete-record", "The answer to deleting the virtual record is lost.", |stage| {
        Box::pin(supplied(stage, Site::Borrower, DELETED_BIB))
    }),
    Scenario::new("lost-reply-cancel-at-lender", "The answer to cancelling the lender's hold is lost.", |stage| {
        Box::pin(cancelled(stage, Site::Lender))
    }),
    Scenario::new("lost-reply-cancel-at-borrower", "The answer to cancelling the patron's hold is lost.", |stage| {
        Box::pin(cancelled(stage, Site::Borrower))
    }),
    Scenario::new(
        "lost-reply-change-of-item",
        "The next lender supplies, and the answer to changing the virtual item is lost.",
        |stage| Box::pin(changed(stage)),
    ),
    Scenario::new("lost-reply-to-every-write", "The answer to every write is lost, each once.", |stage| {
        Box::pin(every_write(stage, FaultKind::DropAfter, WRITES))
    }),
    Scenario::new("every-write-lost-on-the-way", "Every write is lost before it arrives, each once.", |stage| {
        Box::pin(every_write(stage, FaultKind::DropBefore, WRITES))
    }),
    Scenario::new("every-write-reset", "At every write the connection is reset, each once.", |stage| {
        Box::pin(every_write(stage, FaultKind::Reset, WRITES))
    }),
    Scenario::new(
        "every-answer-broken-off",
        "The answer to every write breaks off in the middle, each once.",
        |stage| Box::pin(every_write(stage, FaultKind::Truncated, WRITES - DELETIONS)),
    ),
    Scenario::new(
        "every-write-done-and-answered-badly",
        "Every write is done and answered with 502, each once.",
        |stage| Box::pin(every_write(stage, FaultKind::StatusAfter { status: 502, body: None }, WRITES)),
    ),
];

/// The Alma whose answer is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Site {
    Lender,
    Borrower,
}

impl Site {
    fn alma(self, stage: &Stage) -> &SimAlma {
        match self {
            Self::Lender => &stage.lenders[0],
            Self::Borrower => &stage.borrower,
        }
    }
}

async fn lose(stage: &Stage, site: Site, call: &str) -> Result<()> {
    stage.narrate(Actor::Fault, format!("loses the answer to {call} once"));
    site.alma(stage).inject_fault(&Fault::once(call, FaultKind::DropAfter)).await
}

/// Checks that the hub met as many failures as were ordered. Otherwise the fault was never tested.
async fn was_delayed(stage: &Stage, times: usize) -> Result<()> {
    let timeline = stage.timeline().await?;
    let delays = timeline.iter().filter(|row| row.event == "effect_delayed").count();
    expect(delays >= times, || format!("The timeline should report {times} delays, and reports {delays}."))
}

/// Makes the Alma keep the record when the item is deleted, so that a call of its own has to delete it.
async fn bib_is_left(stage: &Stage) -> Result<()> {
    stage.borrower.behave(&json!({"item_deletion_leaves_bib": true})).await
}

async fn supplied(stage: &mut Stage, site: Site, call: &str) -> Result<()> {
    if call == DELETED_BIB {
        bib_is_left(stage).await?;
    }
    lose(stage, site, call).await?;
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.one_virtual_item_stands().await?;
    stage.lend_and_return().await?;
    was_delayed(stage, 1).await?;
    if call == SCAN {
        same("the number of scans by the hub", stage.borrower.calls_to(SCAN).await?, 1)?;
    }
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}

async fn cancelled(stage: &mut Stage, site: Site) -> Result<()> {
    lose(stage, site, CANCELLATION).await?;
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.patron_cancels().await?;
    stage.until(Status::Finalised).await?;
    was_delayed(stage, 1).await?;
    stage.ended_as("CANCELLED").await?;
    let (lenders, borrower) = stage.made().await?;
    same("the holds that were made", (lenders[0].holds, borrower.holds), (1, 1))
}

async fn changed(stage: &mut Stage) -> Result<()> {
    lose(stage, Site::Borrower, CHANGED_ITEM).await?;
    stage.place(&stage.wish_of_both()).await?;
    let request = stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.settled().await?;
    if let Some(hold) = stage.lenders[0].hold_of(&request.id).await? {
        stage.narrate(Actor::LendingLibrary, "cancels the hold");
        stage.lenders[0].cancel_hold(&hold.id, "CannotBeFulfilled").await?;
    }
    stage.until(Status::NotSuppliedCurrentSupplier).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.one_virtual_item_stands().await?;
    let changed = stage.virtual_barcode().await?;
    same("the virtual item's barcode", changed, stage.lenders[1].barcode(1))?;
    stage.lend_and_return().await?;
    was_delayed(stage, 1).await?;
    stage.ended_as("SUPPLIED").await?;
    let (_, borrower) = stage.made().await?;
    same("what was made at the borrower", (borrower.bibs, borrower.items, borrower.holds, borrower.loans), (1, 1, 1, 1))
}

async fn every_write(stage: &mut Stage, fault: FaultKind, felt: usize) -> Result<()> {
    bib_is_left(stage).await?;
    stage.narrate(Actor::Fault, "breaks every write once");
    for (site, calls) in [(Site::Lender, &AT_LENDER[..]), (Site::Borrower, &AT_BORROWER[..])] {
        for call in calls {
            site.alma(stage).inject_fault(&Fault::once(call, fault.clone())).await?;
        }
    }
    stage.place(&stage.wish()).await?;
    stage.until(Status::RequestPlacedAtBorrowingAgency).await?;
    stage.one_virtual_item_stands().await?;
    stage.lend_and_return().await?;
    was_delayed(stage, felt).await?;
    stage.ended_as("SUPPLIED").await?;
    stage.made_each_once().await
}
