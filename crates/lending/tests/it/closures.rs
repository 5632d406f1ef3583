//! The table of endings: each closure at each side in each live status.

use lending::{
    Attention, CancelledBy, Closure, ClosureResponse, Command, Condition, Effect, HoldState, ItemState, Observation,
    Observed, Outcome, Side, Status, example, response_to_closure,
};

use crate::walk::{Walk, after_days, hold_closed, item, item_and_hold, on_loan, on_loan_at_lender, returned};

/// A request that has come to `status`, with a second lender to turn to.
fn at(status: Status) -> Walk {
    let mut walk = Walk::new();
    walk.request.candidates.push(example::candidate_elsewhere("32000"));
    match status {
        Status::RequestPlacedAtSupplyingAgency | Status::Confirmed => {
            walk.run_until(Effect::CreateVirtualBib(Side::Borrower));
        }
        _ => {
            walk.run();
        }
    }
    let steps: [(Status, Side, Observation); 4] = [
        (Status::PickupTransit, Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess)),
        (Status::ReadyForPickup, Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf)),
        (Status::Loaned, Side::Borrower, on_loan()),
        (Status::ReturnTransit, Side::Borrower, returned(ItemState::InTransit)),
    ];
    for (reached, side, seen) in steps {
        if walk.status() == status || !status.is_dispatched() {
            break;
        }
        walk.see(side, seen);
        assert_eq!(walk.status(), reached);
    }
    walk
}

fn close(walk: &mut Walk, side: Side, closure: Closure) {
    walk.apply(hold_closed(side, closure));
}

const LIVE: [Status; 6] = [
    Status::Confirmed,
    Status::RequestPlacedAtBorrowingAgency,
    Status::PickupTransit,
    Status::ReadyForPickup,
    Status::Loaned,
    Status::ReturnTransit,
];

#[test]
fn every_closure_at_the_lender_has_the_declared_answer() {
    for status in LIVE {
        for closure in Closure::ALL {
            let mut walk = at(status);
            close(&mut walk, Side::Lender, closure);
            let came_to = (walk.status(), walk.request.out_of_sequence);
            let wanted = match (status, closure) {
                (Status::Confirmed | Status::RequestPlacedAtBorrowingAgency, _) => {
                    (Status::NotSuppliedCurrentSupplier, false)
                }
                (Status::PickupTransit | Status::ReadyForPickup, Closure::Completed) => (status, false),
                (Status::PickupTransit | Status::ReadyForPickup, _) => (status, true),
                _ => (status, false),
            };
            assert_eq!(came_to, wanted, "{closure:?} at the lender in {status}");
        }
    }
}

#[test]
fn every_closure_at_the_borrower_has_the_declared_answer() {
    for status in LIVE.into_iter().filter(|status| *status != Status::Confirmed) {
        for closure in Closure::ALL {
            let mut walk = at(status);
            close(&mut walk, Side::Borrower, closure);
            let asked = matches!(walk.request.attention, Attention::NeedsStaff { .. });
            let second = walk.request.in_flight == Some(Effect::PlaceHold(Side::Borrower));
            let came_to = (walk.status(), walk.request.outcome, asked, second);
            let before = status == Status::RequestPlacedAtBorrowingAgency;
            let under_way = matches!(status, Status::PickupTransit | Status::ReadyForPickup);
            let wanted = match closure {
                _ if !before && !under_way => (status, None, false, false),
                Closure::Rejected => (status, None, true, false),
                Closure::Failed => (status, None, false, true),
                _ if before => (Status::Cancelled, Some(Outcome::Cancelled), false, false),
                Closure::Canceled | Closure::Expired => (Status::ReturnTransit, Some(Outcome::Cancelled), false, false),
                Closure::Completed | Closure::HoldShelfExpired => {
                    (Status::ReturnTransit, Some(Outcome::NotCollected), false, false)
                }
            };
            assert_eq!(came_to, wanted, "{closure:?} at the borrower in {status}");
        }
    }
}

#[test]
fn every_ending_leaves_nothing_behind() {
    for status in LIVE {
        for side in [Side::Lender, Side::Borrower] {
            for closure in Closure::ALL {
                let mut walk = at(status);
                close(&mut walk, side, closure);
                play_out(&mut walk);
                let case = format!("{closure:?} at the {} in {status}", side.name());
                assert_eq!(walk.status(), Status::Finalised, "{case}: {:?}", walk.request.attention);
                assert!(walk.request.outcome.is_some(), "{case}");
                let here = &walk.request.borrower;
                assert!(!here.bib.is_open() && !here.item.is_open() && !here.hold.is_open(), "{case}");
                assert!(!walk.request.supply.as_ref().unwrap().hold.is_open(), "{case}");
            }
        }
    }
}

/// What the libraries do to bring a request to its end, whatever has happened to it.
fn play_out(walk: &mut Walk) {
    for _ in 0..12 {
        walk.run();
        if matches!(walk.request.attention, Attention::NeedsStaff { .. }) {
            walk.apply(Command::Resume);
            continue;
        }
        match walk.status() {
            Status::RequestPlacedAtBorrowingAgency => {
                walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
            }
            Status::PickupTransit | Status::ReceivedAtPickup => {
                walk.see(Side::Borrower, item(ItemState::OnHoldShelf));
            }
            Status::ReadyForPickup => {
                walk.see(Side::Borrower, on_loan());
            }
            Status::Loaned => {
                walk.see(Side::Borrower, returned(ItemState::InTransit));
            }
            Status::ReturnTransit => {
                walk.see(Side::Lender, returned(ItemState::InPlace));
            }
            _ => {}
        }
    }
}

#[test]
fn hold_that_failed_twice_is_for_staff_to_decide() {
    let mut walk = at(Status::RequestPlacedAtBorrowingAgency);
    close(&mut walk, Side::Borrower, Closure::Failed);
    walk.run();
    assert_eq!(walk.effects.last(), Some(&Effect::PlaceHold(Side::Borrower)));
    close(&mut walk, Side::Borrower, Closure::Failed);
    let Attention::NeedsStaff { code, .. } = &walk.request.attention else { panic!("staff are not asked") };
    assert_eq!(code, "HOLD_FAILED_AT_BORROWER");
    assert_eq!(walk.request.in_flight, None);
}

#[test]
fn vanished_hold_past_its_time_on_the_shelf_was_not_collected() {
    let mut walk = at(Status::PickupTransit);
    let shelf = Observation {
        shelf_until: Some(after_days(-1)),
        ..item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf)
    };
    walk.see(Side::Borrower, shelf);
    let gone = item_and_hold(ItemState::OnHoldShelf, HoldState::Gone);
    walk.see(Side::Borrower, gone.clone());
    assert_eq!(walk.status(), Status::ReadyForPickup, "one poll is not enough");
    walk.see(Side::Borrower, gone);
    assert_eq!((walk.status(), walk.request.outcome), (Status::ReturnTransit, Some(Outcome::NotCollected)));
    assert_eq!(walk.request.cancellation.as_ref().unwrap().by, CancelledBy::AtBorrower);
}

#[test]
fn vanished_hold_within_its_time_on_the_shelf_was_cancelled() {
    let mut walk = at(Status::ReadyForPickup);
    let gone = item_and_hold(ItemState::OnHoldShelf, HoldState::Gone);
    walk.see(Side::Borrower, gone.clone());
    walk.see(Side::Borrower, gone);
    assert_eq!((walk.status(), walk.request.outcome), (Status::ReturnTransit, Some(Outcome::Cancelled)));
}

#[test]
fn item_lent_after_its_hold_ended_is_on_loan_after_all() {
    let mut walk = at(Status::ReadyForPickup);
    close(&mut walk, Side::Borrower, Closure::HoldShelfExpired);
    walk.run();
    assert_eq!(walk.status(), Status::ReturnTransit);
    walk.see(Side::Borrower, on_loan());
    assert_eq!((walk.status(), walk.request.outcome), (Status::Loaned, None));
    assert!(walk.request.supply.as_ref().unwrap().loan.is_open(), "the loan is mirrored at the lender");
}

#[test]
fn item_deleted_at_the_lender_before_dispatch_goes_to_the_next_lender() {
    let mut walk = at(Status::RequestPlacedAtBorrowingAgency);
    walk.apply(Observed::Seen {
        side: Side::Lender,
        observation: item(ItemState::Absent),
        source: lending::ObservationSource::Poll,
    });
    assert_eq!(walk.status(), Status::NotSuppliedCurrentSupplier);
}

#[test]
fn item_scanned_in_at_the_lender_while_still_on_loan_at_the_borrower_ends_clean() {
    let mut walk = at(Status::Loaned);
    walk.see(Side::Lender, on_loan_at_lender(after_days(28)));
    walk.see(Side::Lender, returned(ItemState::InPlace));
    assert_eq!(walk.status(), Status::Finalised);
    assert!(walk.effects.contains(&Effect::CheckIn(Side::Borrower)), "the borrower's loan is closed too");
    assert_eq!(walk.request.outcome, Some(Outcome::Supplied));
}

#[test]
fn the_table_answers_every_closure_in_every_status() {
    for status in Status::ALL {
        for side in Side::ALL {
            for closure in Closure::ALL {
                let answered = response_to_closure(side, closure, status);
                if status.is_final() || status.is_ending() {
                    assert_eq!(answered, ClosureResponse::Nothing);
                }
                if side == Side::Lender {
                    assert!(
                        !matches!(answered, ClosureResponse::Cancel | ClosureResponse::ReturnToLender(_)),
                        "the lender ends no request"
                    );
                }
            }
        }
    }
}

#[test]
fn out_of_sequence_is_shown_as_a_condition() {
    let mut walk = at(Status::PickupTransit);
    close(&mut walk, Side::Lender, Closure::Canceled);
    assert!(walk.request.conditions.contains(&Condition::OutOfSequence));
}
