//! The stage's tools for ends of holds: each live status is reached, and plays out to a clean end.

use lending::{Side, Status};
use scenarios::{Closed, Closure, LIVE, Stage};

use crate::host::Host;

async fn driven(status: Status) -> Host {
    let mut host = Host::on_sqlite().await;
    host.stage.drive_to(status).await.unwrap();
    host
}

async fn plays_out(status: Status) {
    let mut host = driven(status).await;
    let ended = host.stage.play_out().await;
    let request = ended.unwrap_or_else(|failure| panic!("{}\n{failure}", host.steps()));
    assert_eq!(request.outcome.as_deref(), Some("SUPPLIED"), "{}", host.steps());
}

macro_rules! every_live_status {
    ($($name:ident: $status:expr,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            plays_out($status).await;
        })+

        #[test]
        fn every_live_status_is_played_out() {
            assert_eq!(LIVE.to_vec(), vec![$($status),+]);
        }
    };
}

every_live_status! {
    request_placed_at_the_lender_plays_out: Status::RequestPlacedAtSupplyingAgency,
    confirmed_request_plays_out: Status::Confirmed,
    request_placed_at_the_borrower_plays_out: Status::RequestPlacedAtBorrowingAgency,
    request_in_transit_plays_out: Status::PickupTransit,
    request_on_the_hold_shelf_plays_out: Status::ReadyForPickup,
    lent_request_plays_out: Status::Loaned,
    returned_request_plays_out: Status::ReturnTransit,
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_that_is_fulfilled_cannot_end_again() {
    let host = driven(Status::Loaned).await;
    for side in [Side::Lender, Side::Borrower] {
        let closed = host.stage.close(side, Closure::Canceled).await.unwrap();
        assert!(matches!(closed, Closed::Impossible(_)), "{closed:?}");
    }
}
