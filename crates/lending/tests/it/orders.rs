//! Evidence in any order and any number of times; stored requests read back as they were.

use lending::{Event, HoldState, ItemState, Observation, Request, Side, Status};
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
            prop_assert!(!walk.request.borrowing.bib.is_open());
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

#[test]
fn patron_identifiers_show_in_no_debug_output() {
    let mut walk = Walk::new();
    walk.tell(&Event::PatronVerified(lending::example::verified()));
    let text = format!("{:?}", walk.request);
    assert!(text.contains("[redacted]"));
    assert!(!text.contains("reader@example.org"));
}
