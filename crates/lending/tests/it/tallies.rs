//! What a request adds to the daily numbers.

use jiff::SignedDuration;
use lending::example::noon;
use lending::{
    Cancellation, CancelledBy, EarlierSupply, Hold, HoldState, Measure, Outcome, Progress, Refusal, Request, Side,
    Status, Supply, Tally, Tracked, example, tallies,
};

fn asked() -> Request {
    let hold = Tracked::Open(Hold { id: "h".into(), state: HoldState::NotStarted, shelf_until: None });
    let supply = Supply { hold, ..Supply::new("01LEND".into(), example::copy("1")) };
    Request { supply: Some(supply), ..example::placed() }
}

fn sent() -> Request {
    let mut request = asked();
    request.supply.as_mut().unwrap().dispatched = true;
    request
}

fn shown(tallies: &[Tally]) -> Vec<(Side, &str, Measure, &str, i64)> {
    let all = tallies.iter();
    all.map(|one| (one.side, one.place.as_str(), one.measure, one.detail.as_str(), one.number)).collect()
}

#[test]
fn new_request_counts_as_placed_at_borrower_and_pickup() {
    let found = tallies(None, &example::placed(), noon());
    let both =
        [(Side::Borrower, "BORROW", Measure::Placed, "", 1), (Side::Pickup, "BORROW-MAIN", Measure::Placed, "", 1)];
    let mut found = shown(&found);
    found.sort_unstable_by_key(|(_, place, ..)| *place);
    assert_eq!(found, both);
}

#[test]
fn lender_counts_as_asked_with_its_hold_and_as_filled_when_the_item_leaves() {
    let found = tallies(Some(&example::placed()), &asked(), noon());
    assert_eq!(shown(&found), [(Side::Lender, "01LEND/MAIN", Measure::Placed, "", 1)]);
    assert_eq!(found[0].institution, "01LEND");
    let found = tallies(Some(&asked()), &sent(), noon());
    assert_eq!(shown(&found), [(Side::Lender, "01LEND/MAIN", Measure::Sent, "", 1)]);
}

#[test]
fn loan_counts_once_at_each_side_with_its_days() {
    let mut lent = sent();
    lent.borrower.progress = Progress::OnLoan;
    let then = noon() + SignedDuration::from_hours(24 * 4 + 5);
    let found = tallies(Some(&sent()), &lent, then);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|one| (one.measure, one.detail.as_str(), one.days) == (Measure::Lent, "4", 4)));
    let mut back = lent.clone();
    back.borrower.progress = Progress::Returned;
    assert_eq!(tallies(Some(&lent), &back, then), []);
}

#[test]
fn lender_that_does_not_supply_is_counted_once_with_its_reason() {
    let mut passed = asked();
    let supply = passed.supply.take().unwrap();
    passed.earlier_suppliers.push(EarlierSupply {
        institution: supply.institution,
        library: Some(supply.copy.library),
        barcode: supply.copy.barcode,
        refusal: Refusal::new("NOT_ON_SHELF", "It isn't there."),
        had_hold: true,
    });
    let found = tallies(Some(&asked()), &passed, noon());
    assert_eq!(shown(&found), [(Side::Lender, "01LEND/MAIN", Measure::Unfilled, "NOT_ON_SHELF", 1)]);
}

#[test]
fn cancellation_that_is_undone_is_taken_back() {
    let cancellation = Some(Cancellation { by: CancelledBy::Patron, reason: None });
    let cancelled = Request { status: Status::Cancelled, outcome: Some(Outcome::Cancelled), cancellation, ..asked() };
    let found = tallies(Some(&asked()), &cancelled, noon());
    assert_eq!(found.len(), 3);
    assert!(
        found.iter().all(|one| (one.measure, one.detail.as_str(), one.number) == (Measure::Cancelled, "patron", 1))
    );
    let undone = tallies(Some(&cancelled), &asked(), noon());
    assert!(undone.len() == 3 && undone.iter().all(|one| (one.measure, one.number) == (Measure::Cancelled, -1)));
}

#[test]
fn erasure_of_the_patron_changes_no_number() {
    let ended = Request { status: Status::Finalised, outcome: Some(Outcome::NotSupplied), ..asked() };
    let mut erased = Request { refusal: None, ..ended.clone() };
    erased.erase_patron(noon());
    assert_eq!(tallies(Some(&ended), &erased, noon()), []);
}
