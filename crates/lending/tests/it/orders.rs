//! Evidence in any order and any number of times; stored requests read back as they were.

use lending::{EffectResult, HoldState, ItemState, Observation, ObservationSource, Observed, Request, Side, Status};
use proptest::prelude::*;

use crate::walk::{Walk, item, item_and_hold, on_loan, returned};

fn evidence() -> impl Strategy<Value = (bool, Observation)> {
    let states = prop_oneof![
        Just(item_and_hold(ItemState::InPlace, HoldState::NotStarted)),
        Just(item_and_hold(ItemState::InTransit, HoldState::InProcess)),
        Just(item_and_hold(ItemState::InPlace, HoldState::Gone)),
        Just(item(ItemState::OnHoldShelf)),
        Just(item(ItemState::Missing)),
        Just(item(ItemState::Absent)),
        Just(on_loan()),
        Just(returned(ItemState::InTransit)),
        Just(returned(ItemState::InPlace)),
    ];
    (any::<bool>(), states)
}

proptest! {
    #[test]
    fn no_evidence_leads_off_the_path_or_to_two_open_effects(seen in prop::collection::vec(evidence(), 0..40)) {
        let mut walk = Walk::new();
        walk.run();
        for (lender, seen) in seen {
            // `tell` asserts that transitions form a path and effects are open one at a time.
            walk.see(if lender { Side::Lender } else { Side::Borrower }, seen);
            let text = serde_json::to_string(&walk.request).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Request>(&text).unwrap(), &walk.request);
        }
        if walk.status() == Status::Finalised {
            prop_assert!(!walk.request.borrower.bib.is_open());
            prop_assert!(walk.request.outcome.is_some());
        }
    }

    #[test]
    fn repeated_evidence_ends_where_single_evidence_ends(repeats in prop::collection::vec(1_usize..4, 5)) {
        let story = [
            (Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess)),
            (Side::Borrower, item(ItemState::OnHoldShelf)),
            (Side::Borrower, on_loan()),
            (Side::Borrower, returned(ItemState::InTransit)),
            (Side::Lender, returned(ItemState::InPlace)),
        ];
        let mut once = Walk::new();
        let mut often = Walk::new();
        once.run();
        often.run();
        for ((side, seen), repeat) in story.iter().zip(repeats) {
            once.see(*side, seen.clone());
            for _ in 0..repeat {
                often.see(*side, seen.clone());
            }
        }
        prop_assert_eq!(once.status(), Status::Finalised);
        prop_assert_eq!(once.request, often.request);
        prop_assert_eq!(once.effects, often.effects);
    }
}

/// What libraries show, in the order in which it happens.
fn story() -> Vec<(Side, Observation)> {
    vec![
        (Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess)),
        (Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf)),
        (Side::Borrower, on_loan()),
        (Side::Borrower, returned(ItemState::InTransit)),
        (Side::Lender, returned(ItemState::InPlace)),
    ]
}

fn reported_and_polled(order: Vec<usize>, hinted: Vec<bool>) -> Request {
    let mut walk = Walk::new();
    walk.run();
    for (at, is_notified) in order.into_iter().zip(hinted) {
        let (side, seen) = story().remove(at);
        let source = if is_notified { ObservationSource::Notification } else { ObservationSource::Poll };
        walk.apply(Observed::Seen { side, observation: seen, source });
        walk.run();
    }
    // Looks go on, and show what is so.
    for _ in 0..3 {
        for (side, seen) in [story().remove(3), story().remove(4)] {
            walk.see(side, seen);
        }
    }
    walk.request
}

proptest! {
    /// Late, early, doubled, by look or by message: once all of it has come, the end is the same.
    #[test]
    fn evidence_in_any_order_ends_in_the_same_state(
        order in Just((0..5_usize).chain(0..5).collect::<Vec<_>>()).prop_shuffle(),
        hinted in prop::collection::vec(any::<bool>(), 10),
    ) {
        let request = reported_and_polled(order, hinted);
        prop_assert_eq!((request.status, request.outcome), (Status::Finalised, Some(lending::Outcome::Supplied)));
        let here = &request.borrower;
        prop_assert!(!here.bib.is_open() && !here.item.is_open() && !here.hold.is_open() && !here.loan.is_open());
        prop_assert!(!request.supply.as_ref().unwrap().hold.is_open());
    }
}

#[test]
fn patron_identifiers_show_in_no_debug_output() {
    let mut walk = Walk::new();
    walk.apply(EffectResult::PatronVerified(lending::example::verified()));
    let text = format!("{:?}", walk.request);
    assert!(text.contains("[redacted]"));
    assert!(!text.contains("reader@example.org"));
}
