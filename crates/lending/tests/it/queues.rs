//! The queue in which a request waits at the desks.

use jiff::SignedDuration;
use lending::example::noon;
use lending::{
    Hold, HoldState, ItemState, Loan, Progress, Queue, Request, Status, Supply, Tracked, Wait, WaitLimits, example,
};

fn held(state: HoldState) -> Tracked<Hold> {
    Tracked::Open(Hold { id: "h".into(), state, shelf_until: Some(noon()) })
}

fn request(status: Status) -> Request {
    let supply = Supply { hold: held(HoldState::NotStarted), ..Supply::new("01LEND".into(), example::copy("31999")) };
    Request { status, status_since: noon(), supply: Some(supply), ..example::placed() }
}

fn at_lender(item: ItemState, hold: HoldState) -> Request {
    let mut request = request(Status::RequestPlacedAtBorrowingAgency);
    let supply = request.supply.as_mut().unwrap();
    (supply.item, supply.hold) = (item, held(hold));
    request
}

fn at_pickup(status: Status, item: Option<ItemState>, hold: HoldState, progress: Progress) -> Request {
    let mut request = request(status);
    let here = &mut request.borrower;
    (here.item_state, here.hold, here.progress) = (item, held(hold), progress);
    request
}

#[test]
fn each_place_of_the_item_belongs_to_one_queue() {
    use HoldState::{InProcess, NotStarted, OnHoldShelf};
    use Progress::{OnHoldShelf as Shelved, Returned, Waiting};
    let ready = Status::ReadyForPickup;
    let home = Status::ReturnTransit;
    for (request, queue) in [
        (at_lender(ItemState::InPlace, NotStarted), Queue::Pick),
        (at_lender(ItemState::Requested, NotStarted), Queue::Pick),
        (at_lender(ItemState::Requested, InProcess), Queue::Send),
        (at_lender(ItemState::OnHoldShelf, InProcess), Queue::Send),
        (at_lender(ItemState::Missing, NotStarted), Queue::CopyUnavailable),
        (at_pickup(Status::PickupTransit, Some(ItemState::InTransit), InProcess, Waiting), Queue::Receive),
        (at_pickup(Status::ReceivedAtPickup, Some(ItemState::InPlace), InProcess, Progress::Received), Queue::Shelve),
        (at_pickup(ready, Some(ItemState::OnHoldShelf), OnHoldShelf, Shelved), Queue::OnHoldShelf),
        (at_pickup(ready, Some(ItemState::InPlace), NotStarted, Shelved), Queue::Shelve),
        (at_pickup(ready, Some(ItemState::InTransit), InProcess, Shelved), Queue::Receive),
        (at_pickup(Status::Loaned, Some(ItemState::OnLoan), OnHoldShelf, Progress::OnLoan), Queue::OnLoan),
        (at_pickup(home, Some(ItemState::OnHoldShelf), OnHoldShelf, Shelved), Queue::ClearHoldShelf),
        (at_pickup(home, Some(ItemState::InPlace), OnHoldShelf, Returned), Queue::SendBack),
        (at_pickup(home, Some(ItemState::InTransit), OnHoldShelf, Returned), Queue::CheckIn),
    ] {
        assert_eq!(request.queue(), Some(queue), "{} {:?}", request.status, request.borrower.item_state);
        assert_eq!(request.next_step().unwrap().step, queue.name());
    }
}

#[test]
fn request_that_the_hub_prepares_or_has_ended_is_in_no_queue() {
    let waiting = Status::ALL.into_iter().filter(|status| request(*status).queue().is_some());
    let in_none = Status::ALL.into_iter().filter(|status| status.is_final() || status.is_ending());
    let (waiting, in_none): (Vec<_>, Vec<_>) = (waiting.collect(), in_none.collect());
    assert!(in_none.iter().all(|status| !waiting.contains(status)), "{waiting:?}");
    assert!(!waiting.contains(&Status::SubmittedToDcb) && waiting.contains(&Status::Confirmed));
}

#[test]
fn wait_on_loan_runs_from_the_due_date_and_other_waits_from_the_status() {
    let due = noon() + SignedDuration::from_hours(48);
    let mut lent = request(Status::Loaned);
    lent.borrower.loan = Tracked::Open(Loan { id: "l".into(), due: Some(due) });
    assert_eq!((lent.waits_since(), lent.next_step().unwrap().by), (Some(due), Some(due)));
    assert_eq!(request(Status::PickupTransit).waits_since(), Some(noon()));
    let shelved =
        at_pickup(Status::ReadyForPickup, Some(ItemState::OnHoldShelf), HoldState::OnHoldShelf, Progress::OnHoldShelf);
    assert_eq!(shelved.next_step().unwrap().by, Some(noon()), "the end of its time on the shelf");
}

#[test]
fn limit_of_a_wait_is_in_days_before_now() {
    let limits = WaitLimits::default();
    let days = Wait::ALL.map(|wait| limits.days(wait));
    assert_eq!(days, [3, 7, 7, 0, 7]);
    assert_eq!(limits.before(Wait::AtLender, noon()), noon() - SignedDuration::from_hours(72));
    assert_eq!(limits.before(Wait::Overdue, noon()), noon());
}

#[test]
fn every_queue_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = Queue::ALL.into_iter().map(Queue::name).collect();
    assert_eq!(names.len(), Queue::ALL.len());
}
