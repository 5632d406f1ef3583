//! Polls that keep failing, and what a request shows then.

use lending::{Attention, Command, Event, HoldState, ItemState, Observed, Side, Status, WaitingOn, example};

use crate::walk::{Walk, after_days, item_and_hold, on_loan};

fn failed(side: Side, days: i64) -> Event {
    Event::Observed(Observed::PollFailed { side, reason: "no answer".to_owned(), since: after_days(days) })
}

fn placed() -> Walk {
    let mut walk = Walk::new();
    walk.run();
    walk
}

#[test]
fn poll_that_keeps_failing_shows_with_its_reason_and_since_when() {
    let mut walk = placed();
    walk.apply(failed(Side::Lender, 2));
    let Attention::Waiting { on, since, next_try, reason } = walk.request.attention.clone() else {
        panic!("{:?}", walk.request.attention)
    };
    assert_eq!((on, since, next_try), (WaitingOn::LenderSystem, after_days(2), None));
    assert!(reason.contains("no answer"), "{reason}");
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn same_failure_once_more_changes_nothing() {
    let mut walk = placed();
    walk.apply(failed(Side::Lender, 2));
    let before = walk.request.clone();
    assert!(lending::decide(&before, &failed(Side::Lender, 2), example::noon()).is_unchanged(&before));
}

#[test]
fn poll_that_is_made_ends_it_at_its_side_alone() {
    let mut walk = placed();
    walk.apply(failed(Side::Lender, 2));
    walk.apply(failed(Side::Borrower, 3));
    walk.see(Side::Lender, item_and_hold(ItemState::InPlace, HoldState::NotStarted));
    assert_eq!(walk.request.failing_polls.keys().collect::<Vec<_>>(), [&Side::Borrower]);
    walk.see(Side::Borrower, item_and_hold(ItemState::InPlace, HoldState::NotStarted));
    assert!(walk.request.failing_polls.is_empty());
    assert!(matches!(walk.request.attention, Attention::Waiting { on: WaitingOn::LendingLibrary, .. }));
}

#[test]
fn status_that_waits_for_nothing_there_ends_it_too() {
    let mut walk = placed();
    walk.apply(failed(Side::Borrower, 2));
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    assert_eq!(walk.request.failing_polls.len(), 1);
    walk.see(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf));
    walk.apply(failed(Side::Lender, 2));
    assert!(walk.request.failing_polls.is_empty(), "the lender isn't polled now");
    walk.see(Side::Borrower, on_loan());
    assert_eq!(walk.status(), Status::Loaned);
}

#[test]
fn what_staff_must_decide_is_shown_before_a_failing_poll() {
    let mut walk = placed();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.apply(Observed::DeadlinePassed { deadline: lending::Deadline::ItemArrives });
    walk.apply(failed(Side::Borrower, 2));
    assert!(matches!(walk.request.attention, Attention::NeedsStaff { .. }), "{:?}", walk.request.attention);
}

#[test]
fn failing_poll_leaves_the_last_act_of_staff_to_be_taken_back() {
    let mut walk = placed();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    walk.apply(Observed::DeadlinePassed { deadline: lending::Deadline::ItemArrives });
    walk.apply(Command::ItemFound);
    let had = walk.request.undo.is_some();
    walk.apply(failed(Side::Borrower, 2));
    assert_eq!(walk.request.undo.is_some(), had);
    walk.see(Side::Borrower, item_and_hold(ItemState::InTransit, HoldState::NotStarted));
    assert!(walk.request.failing_polls.is_empty());
}
