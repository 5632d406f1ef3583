//! When the data of a request's patron may be erased, and the parts that stay.

use jiff::{SignedDuration, Timestamp};
use lending::{
    ANONYMOUS, Condition, Erasure, Hold, HoldState, ItemState, KeptFor, Loan, PersonName, Request, Settlement,
    StaffCase, StaffCaseCause, Status, Supply, Tracked, erasure, example, scheduled_erasure,
};

const KEEP: SignedDuration = SignedDuration::from_hours(90 * 24);

fn ended() -> Request {
    let mut request = example::placed();
    request.patron.verified = Some(example::verified());
    request.status = Status::Finalised;
    request
}

fn with_supply(change: impl FnOnce(&mut Supply)) -> Request {
    let mut supply = Supply::new("01LEND".into(), example::copy("31999"));
    change(&mut supply);
    Request { supply: Some(supply), ..ended() }
}

#[test]
fn data_is_kept_for_its_time_after_the_end() {
    let request = ended();
    let end = request.status_since;
    let at = |after: SignedDuration| scheduled_erasure(&request, KEEP, end + after);
    assert_eq!(at(KEEP - SignedDuration::from_secs(1)), Erasure::NotBefore(end + KEEP));
    assert_eq!(at(KEEP), Erasure::Due);
    assert_eq!(scheduled_erasure(&request, SignedDuration::MAX, Timestamp::MAX), Erasure::Due);
}

#[test]
fn request_that_is_still_needed_is_kept_with_the_reason() {
    let open = Request { status: Status::Loaned, ..ended() };
    let lost = with_supply(|supply| supply.item = ItemState::Lost);
    let claimed = Request { conditions: [Condition::Lost].into(), ..ended() };
    let case = StaffCase { cause: StaffCaseCause::NotSent, explanation: String::new() };
    let case = Request { staff_case: Some(case), ..ended() };
    let hold = Hold { id: "h1".into(), state: HoldState::NotStarted, shelf_until: None };
    let held = with_supply(|supply| supply.hold = Tracked::Open(hold));
    let mut recorded = ended();
    recorded.borrower.bib = Tracked::Open("991".into());
    for (request, reason) in [
        (open, KeptFor::OpenRequest),
        (lost, KeptFor::UnsettledLoss),
        (claimed, KeptFor::UnsettledLoss),
        (case, KeptFor::StaffCase),
        (held, KeptFor::OpenRecords),
        (recorded, KeptFor::OpenRecords),
    ] {
        assert_eq!(erasure(&request), Erasure::Kept(reason));
        assert_eq!(scheduled_erasure(&request, KEEP, Timestamp::MAX), Erasure::Kept(reason));
    }
}

#[test]
fn settled_loss_and_records_left_to_staff_keep_nothing() {
    let mut settled = with_supply(|supply| supply.item = ItemState::Lost);
    settled.settlement = Some(Settlement::Paid);
    assert_eq!(erasure(&settled), Erasure::Due);
    let mut left = ended();
    left.borrower.bib = Tracked::Open("991".into());
    left.borrower.left_to_staff = true;
    assert_eq!(erasure(&left), Erasure::Due);
}

#[test]
fn loss_that_nobody_can_settle_any_more_and_a_hold_of_the_local_system_keep_nothing() {
    let loan = Loan { id: "l1".into(), due: None };
    let found = with_supply(|supply| {
        supply.item = ItemState::Lost;
        supply.loan = Tracked::Closed(loan);
    });
    assert_eq!(erasure(&found), Erasure::Due, "the lender has closed the loan");
    let ended_by_hand = with_supply(|supply| supply.item = ItemState::Lost);
    assert_eq!(erasure(&Request { ended_manually: true, ..ended_by_hand }), Erasure::Due);
    let hold = Hold { id: "h1".into(), state: HoldState::NotStarted, shelf_until: None };
    let local = with_supply(|supply| supply.hold = Tracked::Open(hold));
    assert_eq!(erasure(&Request { status: Status::HandedOffAsLocal, ..local }), Erasure::Due);
}

#[test]
fn erased_request_names_nobody_and_keeps_its_statistics() {
    let hold = |id: &str| Tracked::Closed(Hold { id: id.into(), state: HoldState::Gone, shelf_until: None });
    let mut request = with_supply(|supply| {
        supply.virtual_patron = Some("secret-virtual".into());
        supply.hold = hold("secret-hold");
    });
    request.patron.identifier = "secret-barcode".into();
    let verified = request.patron.verified.as_mut().unwrap();
    verified.id = "secret-id".into();
    verified.pickup_code = Some("secret-code".into());
    verified.shown_at_pickup.last_name = Some(PersonName::from("secret-name".to_owned()));
    request.borrower.virtual_patron = Some("secret-virtual".into());
    request.borrower.hold = hold("secret-hold");
    request.damage = Some("secret-damage".to_owned());
    request.refusal = Some(lending::Refusal::new("PATRON_EXPIRED", "secret-sentence"));
    request.cancellation =
        Some(lending::Cancellation { by: lending::CancelledBy::Patron, reason: Some("secret-reason".to_owned()) });
    request.undo = Some(Box::new(request.clone()));
    request.erase_patron(example::noon());
    let document = serde_json::to_string(&request).unwrap();
    assert!(!document.contains("secret"), "{document}");
    assert_eq!(request.patron.identifier.as_str(), ANONYMOUS);
    assert_eq!(request.patron.verified.unwrap().patron_type.0, "undergraduate");
    assert_eq!(request.refusal.unwrap().code, "PATRON_EXPIRED");
    assert_eq!(erasure(&Request { anonymised_at: Some(example::noon()), ..ended() }), Erasure::Done);
}
