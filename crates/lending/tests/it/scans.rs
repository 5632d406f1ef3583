//! The meaning of a scan at each side.

use lending::{
    Hold, HoldState, ItemState, PickupLocation, Progress, Request, ScanAct, Settlement, Side, Status, Supply, Tracked,
    example,
};

fn request(status: Status) -> Request {
    let hold = Tracked::Open(Hold { id: "h".into(), state: HoldState::NotStarted, shelf_until: None });
    let supply =
        Supply { hold, dispatched: status.is_dispatched(), ..Supply::new("01LEND".into(), example::copy("1")) };
    let mut request = Request { status, supply: Some(supply), ..example::placed() };
    request.borrower.progress = match status {
        Status::Loaned => Progress::OnLoan,
        Status::ReadyForPickup => Progress::OnHoldShelf,
        _ => Progress::Waiting,
    };
    if status == Status::ReadyForPickup {
        request.borrower.item_state = Some(ItemState::OnHoldShelf);
        request.borrower.hold =
            Tracked::Open(Hold { id: "h".into(), state: HoldState::OnHoldShelf, shelf_until: None });
    }
    request
}

#[test]
fn scan_means_the_next_move_of_the_side_at_which_it_is_made() {
    for (status, at_lender, at_pickup) in [
        (Status::SubmittedToDcb, ScanAct::Nothing, ScanAct::Nothing),
        (Status::RequestPlacedAtBorrowingAgency, ScanAct::Ship, ScanAct::Receive),
        (Status::PickupTransit, ScanAct::Ship, ScanAct::Receive),
        (Status::ReceivedAtPickup, ScanAct::SendOn, ScanAct::Receive),
        (Status::ReadyForPickup, ScanAct::SendOn, ScanAct::KeepOnHoldShelf),
        (Status::Loaned, ScanAct::CheckIn, ScanAct::Return),
        (Status::ReturnTransit, ScanAct::CheckIn, ScanAct::SendHome),
        (Status::Finalised, ScanAct::Nothing, ScanAct::SendHome),
    ] {
        let request = request(status);
        assert_eq!(request.scan_meaning(Side::Lender).act, at_lender, "{status} at the lender");
        assert_eq!(request.scan_meaning(Side::Borrower).act, at_pickup, "{status} at the pickup library");
    }
}

#[test]
fn every_sentence_is_in_the_list() {
    for status in Status::ALL {
        for side in [Side::Lender, Side::Borrower] {
            assert!(lending::SCAN_MESSAGES.contains(&request(status).scan_meaning(side).message), "{status}");
        }
    }
}

#[test]
fn item_at_the_patrons_library_is_sent_to_another_pickup_library() {
    let pickup = PickupLocation { institution: "01PICK".into(), ..example::placed().pickup };
    let elsewhere = Request { pickup, pickup_side: Some(Box::default()), ..request(Status::PickupTransit) };
    assert_eq!(elsewhere.scan_meaning(Side::Borrower).act, ScanAct::SendOn);
    assert_eq!(elsewhere.scan_meaning(Side::Pickup).act, ScanAct::Receive);
}

#[test]
fn item_that_turns_up_after_its_loss_was_settled_is_checked_in_by_its_owner() {
    let settled = Request { settlement: Some(Settlement::Paid), ..request(Status::Finalised) };
    let meaning = settled.scan_meaning(Side::Lender);
    assert_eq!((meaning.act, meaning.message), (ScanAct::CheckIn, "scan-found-after-settlement"));
}
