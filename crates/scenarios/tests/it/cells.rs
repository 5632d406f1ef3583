//! The stage's tools for ends of holds: each live status is reached, and plays out to a clean end.

use lending::{Side, Status};
use scenarios::{Cell, Closed, Closure, LIVE, Stage};

use crate::host::Host;

async fn driven(status: Status) -> Host {
    let mut host = Host::on_sqlite().await;
    host.stage.drive_to(status).await.unwrap();
    host
}

/// Each way in which a hold can end on a side is played out to a clean end, and where it can't end so the request is
/// supplied. `closures` are those that are possible there.
async fn ends_clean(status: Status, side: Side, closures: &[Closure]) {
    let mut host = Host::on_sqlite().await;
    let mut possible = Vec::new();
    for cell in Cell::all().into_iter().filter(|cell| (cell.status, cell.side) == (status, side)) {
        let played = host.stage.play_cell(cell).await;
        let played = played.unwrap_or_else(|failure| panic!("{cell:?}\n{}\n{failure}", host.steps()));
        if let Ok(played) = &played {
            possible.push(cell.closure);
            println!("{cell:?}: {:?}", played.passed);
        }
        let ended = host.stage.play_out().await;
        let ended = ended.unwrap_or_else(|failure| panic!("{cell:?}\n{}\n{failure}", host.steps()));
        println!("    ends as {:?}: {:?}", ended.outcome, ended.passed());
        if played.is_err() {
            assert_eq!(ended.outcome.as_deref(), Some("SUPPLIED"), "{cell:?}\n{}", host.steps());
        }
    }
    assert_eq!(possible, closures);
}

const ANY: &[Closure] = &Closure::ALL;
const OFF_THE_SHELF: &[Closure] = &[
    Closure::Completed,
    Closure::CompletedAndReturned,
    Closure::Canceled,
    Closure::Expired,
    Closure::Rejected,
    Closure::Failed,
];
const ON_THE_SHELF: &[Closure] = &[
    Closure::Completed,
    Closure::CompletedAndReturned,
    Closure::Canceled,
    Closure::Rejected,
    Closure::Failed,
    Closure::HoldShelfExpired,
];

macro_rules! ends {
    ($($name:ident: $status:ident, $side:ident, $closures:expr;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            ends_clean(Status::$status, Side::$side, $closures).await;
        })+
    };
}

ends! {
    lenders_hold_ends_before_the_borrowers_is_placed: Confirmed, Lender, ANY;
    lenders_hold_ends_before_dispatch: RequestPlacedAtBorrowingAgency, Lender, ANY;
    borrowers_hold_ends_before_dispatch: RequestPlacedAtBorrowingAgency, Borrower, OFF_THE_SHELF;
    lenders_hold_ends_in_transit: PickupTransit, Lender, ANY;
    borrowers_hold_ends_in_transit: PickupTransit, Borrower, OFF_THE_SHELF;
    lenders_hold_ends_while_the_item_waits_for_the_patron: ReadyForPickup, Lender, ANY;
    borrowers_hold_ends_on_the_shelf: ReadyForPickup, Borrower, ON_THE_SHELF;
}

/// The loan fulfilled both holds, so nothing can end them any more.
async fn holds_have_ended(status: Status) {
    let mut host = driven(status).await;
    for side in [Side::Lender, Side::Borrower] {
        for closure in Closure::ALL {
            let closed = host.stage.close(side, closure).await.unwrap();
            assert!(matches!(closed, Closed::Impossible(_)), "{side:?} {closure:?} {closed:?}");
        }
    }
    supplied(&mut host).await;
}

async fn supplied(host: &mut Host) {
    let ended = host.stage.play_out().await;
    let ended = ended.unwrap_or_else(|failure| panic!("{}\n{failure}", host.steps()));
    assert_eq!(ended.outcome.as_deref(), Some("SUPPLIED"), "{}", host.steps());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_have_ended_with_the_loan() {
    holds_have_ended(Status::Loaned).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_have_ended_on_return() {
    holds_have_ended(Status::ReturnTransit).await;
}

/// The hub passes this status without resting in it, so it plays out from CONFIRMED.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_placed_at_the_lender_is_played_out() {
    let mut host = driven(Status::RequestPlacedAtSupplyingAgency).await;
    supplied(&mut host).await;
}

#[test]
fn table_holds_every_closure_on_both_sides_in_every_live_status() {
    assert_eq!(Cell::all().len(), LIVE.len() * 2 * Closure::ALL.len());
}

/// Ends a hold and tells what Alma then shows of it: whether the hold is there, the item's process, whether it is lent.
async fn shown(stage: &Stage, side: Side, closure: Closure) -> (Closed, bool, String, bool) {
    let request = stage.request().await.unwrap();
    let closed = stage.close(side, closure).await.unwrap();
    let (alma, barcode) = match side {
        Side::Borrower => (&stage.borrower, request.borrower.barcode.clone().unwrap()),
        _ => (&stage.lenders[0], request.lender.clone().unwrap().barcode),
    };
    let hold = alma.hold_of(&request.id).await.unwrap().is_some();
    let item = alma.item(&barcode).await.unwrap();
    (closed, hold, item.process_type, item.loan_id.is_some())
}

macro_rules! closures {
    ($($name:ident: $status:ident, $side:ident, $closure:ident => $process:literal, $lent:literal;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let host = driven(Status::$status).await;
            let found = shown(&host.stage, Side::$side, Closure::$closure).await;
            assert_eq!(found, (Closed::Done, false, $process.to_owned(), $lent));
        })+
    };
}

closures! {
    fulfilled_hold_of_the_lender_shows_as_a_loan: RequestPlacedAtBorrowingAgency, Lender, Completed => "LOAN", true;
    cancelled_hold_of_the_lender_leaves_the_item_in_place: RequestPlacedAtBorrowingAgency, Lender, Canceled => "", false;
    expired_hold_of_the_lender_leaves_the_item_in_place: RequestPlacedAtBorrowingAgency, Lender, Expired => "", false;
    failed_hold_of_the_lender_shows_a_missing_item: RequestPlacedAtBorrowingAgency, Lender, Failed => "MISSING", false;
    shelf_of_the_lender_expires_after_a_wrong_scan: PickupTransit, Lender, HoldShelfExpired => "HOLDSHELF", false;
    rejected_hold_of_the_borrower_leaves_the_item_in_transit: PickupTransit, Borrower, Rejected => "TRANSIT", false;
    expired_shelf_of_the_borrower_keeps_the_item: ReadyForPickup, Borrower, HoldShelfExpired => "HOLDSHELF", false;
    fulfilled_and_returned_hold_of_the_borrower_shows_nothing:
        ReadyForPickup, Borrower, CompletedAndReturned => "", false;
}
