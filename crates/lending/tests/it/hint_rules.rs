//! Messages that are fresh enough to count as looks.

use lending::{
    Barcode, Hint, HintResult, HoldChange, HoldState, ItemSnapshot, ItemState, LoanChange, LoanState, Observed,
    Outcome, Side, Status, Tracked, example, interpret_hints,
};
use proptest::prelude::*;

use crate::walk::{Walk, after_days, item_and_hold, on_loan};

const LAST_SHELF_DAY: jiff::civil::Date = jiff::civil::date(2026, 3, 12);

fn on_shelf(walk: &Walk) -> Hint {
    let hold = walk.request.borrower.hold.any().unwrap().id.clone();
    Hint::Hold { request: walk.request.id, hold, change: HoldChange::OnShelf { until: Some(LAST_SHELF_DAY) } }
}

fn lent() -> Hint {
    let (of, due) = (Some(example::verified().id), Some(after_days(28)));
    Hint::Loan { item: "232".into(), loan: "72".into(), patron: of, change: LoanChange::Created { due } }
}

fn closed(walk: &Walk) -> Hint {
    let hold = walk.request.borrower.hold.any().unwrap().id.clone();
    Hint::Hold { request: walk.request.id, hold, change: HoldChange::Closed }
}

fn returned(item: &str, loan: &str) -> Hint {
    Hint::Loan { item: item.into(), loan: loan.into(), patron: None, change: LoanChange::Returned }
}

fn lenders_item(walk: &Walk) -> String {
    walk.request.supply.as_ref().unwrap().copy.item.as_str().to_owned()
}

fn item(state: ItemState) -> Hint {
    let snapshot = ItemSnapshot {
        state: Some(state),
        barcode: Some(Barcode::from("31999")),
        bib: None,
        holding: Some("222".into()),
    };
    Hint::Item { item: "232".into(), snapshot }
}

/// What the hints show is reported; that they show something is asserted.
fn apply_hints(walk: &mut Walk, side: Side, hints: &[Hint]) {
    let HintResult::Observed(mut seen) = interpret_hints(&walk.request, side, hints, example::noon()) else {
        panic!("{hints:?} show nothing by themselves at {}", walk.status());
    };
    lending::Rules::default().set_shelf_end(&mut seen);
    walk.apply(Observed::Seen { side, observation: *seen, source: lending::ObservationSource::Notification });
    walk.run();
}

fn sent() -> Walk {
    let mut walk = Walk::new();
    walk.run();
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    assert_eq!(walk.status(), Status::PickupTransit);
    walk
}

#[test]
fn messages_alone_take_an_item_that_was_sent_to_its_end() {
    let mut walk = sent();
    let shelf = on_shelf(&walk);
    apply_hints(&mut walk, Side::Borrower, &[shelf]);
    assert_eq!(walk.status(), Status::ReadyForPickup);
    let ends = lending::Rules::default().end_of_day(LAST_SHELF_DAY);
    assert_eq!(walk.request.borrower.hold.open().unwrap().shelf_until, Some(ends));
    let closed = closed(&walk);
    apply_hints(&mut walk, Side::Borrower, &[lent()]);
    assert_eq!(walk.status(), Status::Loaned);
    assert!(!walk.request.borrower.hold.is_open(), "the loan has fulfilled it");
    let then = interpret_hints(&walk.request, Side::Borrower, &[closed], example::noon());
    assert_eq!(then, HintResult::NoChange);
    apply_hints(&mut walk, Side::Borrower, &[returned("232", "72")]);
    assert_eq!(walk.status(), Status::ReturnTransit);
    let home = returned(&lenders_item(&walk), "71");
    apply_hints(&mut walk, Side::Lender, &[home]);
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Supplied)));
    assert!(matches!(walk.request.borrower.bib, Tracked::Closed(_)));
}

#[test]
fn hint_about_the_item_of_another_lender_shows_nothing() {
    let mut walk = sent();
    let shelf = on_shelf(&walk);
    apply_hints(&mut walk, Side::Borrower, &[shelf]);
    apply_hints(&mut walk, Side::Borrower, &[lent()]);
    apply_hints(&mut walk, Side::Borrower, &[returned("232", "72")]);
    let of_another = returned("231-of-another", "71");
    assert!(!of_another.is_relevant(&walk.request, Side::Lender));
    let shown = interpret_hints(&walk.request, Side::Lender, &[of_another], example::noon());
    assert_eq!(shown, HintResult::NoChange);
}

#[test]
fn messages_of_the_same_moment_show_the_same_in_any_order() {
    let mut walk = sent();
    let all = [item(ItemState::OnLoan), closed(&walk), lent(), on_shelf(&walk)];
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 2, 3], [2, 0, 1, 3]];
    for order in orders {
        let hints: Vec<Hint> = order.iter().map(|at: &usize| all[*at].clone()).collect();
        let HintResult::Observed(seen) = interpret_hints(&walk.request, Side::Borrower, &hints, example::noon()) else {
            panic!("{order:?}")
        };
        let loan = LoanState::Active { id: "72".into(), due: Some(after_days(28)) };
        assert_eq!((seen.item, seen.hold, seen.loan), (Some(ItemState::OnLoan), Some(HoldState::Gone), Some(loan)));
    }
    apply_hints(&mut walk, Side::Borrower, &all);
    assert_eq!(walk.status(), Status::Loaned);
    assert_eq!(interpret_hints(&walk.request, Side::Borrower, &all, example::noon()), HintResult::NoChange);
}

#[test]
fn what_can_be_more_than_one_thing_is_read() {
    let walk = sent();
    let loan = |what| Hint::Loan { item: "232".into(), loan: "72".into(), patron: None, change: what };
    for hint in [loan(LoanChange::Returned), loan(LoanChange::Changed), closed(&walk)] {
        let hinted = interpret_hints(&walk.request, Side::Borrower, std::slice::from_ref(&hint), example::noon());
        assert_eq!(hinted, HintResult::PollNeeded(None), "{hint:?}");
    }
    let moved = interpret_hints(&walk.request, Side::Borrower, &[item(ItemState::Missing)], example::noon());
    assert_eq!(moved, HintResult::PollNeeded(Some(ItemState::Missing)));
}

#[test]
fn cancelled_hold_sends_the_request_to_its_end_or_to_the_next_lender() {
    let cancelled =
        |hold: &str| Hint::Hold { request: example::placed().id, hold: hold.into(), change: HoldChange::Cancelled };
    let mut walk = Walk::new();
    walk.request.candidates.push(example::candidate_elsewhere("31888"));
    walk.run();
    let hold = walk.request.supply.as_ref().unwrap().hold.open().unwrap().id.clone();
    apply_hints(&mut walk, Side::Lender, &[cancelled(hold.as_str())]);
    assert_eq!(walk.request.earlier_suppliers.len(), 1, "the next lender is asked");
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);

    let hold = walk.request.borrower.hold.open().unwrap().id.clone();
    apply_hints(&mut walk, Side::Borrower, &[cancelled(hold.as_str())]);
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::Cancelled)));
}

#[test]
fn hold_cancelled_on_the_shelf_is_read_since_it_may_have_expired() {
    let mut walk = sent();
    let shelf = on_shelf(&walk);
    apply_hints(&mut walk, Side::Borrower, std::slice::from_ref(&shelf));
    let Hint::Hold { request, hold, .. } = shelf else { panic!("{shelf:?}") };
    let cancelled = Hint::Hold { request, hold, change: HoldChange::Cancelled };
    assert_eq!(
        interpret_hints(&walk.request, Side::Borrower, &[cancelled], example::noon()),
        HintResult::PollNeeded(None)
    );
}

#[test]
fn end_of_an_earlier_hold_is_not_relevant() {
    let walk = sent();
    let ended = |what| Hint::Hold { request: walk.request.id, hold: "80".into(), change: what };
    for hint in [ended(HoldChange::Cancelled), ended(HoldChange::Closed)] {
        assert!(!hint.is_relevant(&walk.request, Side::Borrower));
        assert_eq!(interpret_hints(&walk.request, Side::Borrower, &[hint], example::noon()), HintResult::NoChange);
    }
}

#[test]
fn loan_that_is_not_known_to_be_the_patrons_is_polled() {
    let walk = sent();
    let made = |of| Hint::Loan {
        item: "232".into(),
        loan: "72".into(),
        patron: of,
        change: LoanChange::Created { due: None },
    };
    assert!(lent().matches_holder(&walk.request, Side::Borrower));
    assert!(!made(None).matches_holder(&walk.request, Side::Borrower));
    assert!(!made(Some("somebody.else".into())).matches_holder(&walk.request, Side::Borrower));
}

#[test]
fn stored_message_names_nobody() {
    let kept = serde_json::to_string(&lent()).unwrap();
    assert!(!kept.contains(example::verified().id.as_str()), "{kept}");
    let Hint::Loan { patron: of, change: what, .. } = serde_json::from_str(&kept).unwrap() else { panic!("{kept}") };
    assert_eq!((of, what), (None, LoanChange::Created { due: Some(after_days(28)) }));
}

#[test]
fn return_of_what_was_lost_is_read() {
    let mut walk = sent();
    walk.see(Side::Borrower, on_loan());
    let loan = LoanState::Active { id: "72".into(), due: Some(after_days(28)) };
    let lost = lending::Observation { loan: Some(loan), ..crate::walk::item(ItemState::Lost) };
    walk.see(Side::Borrower, lost);
    assert_eq!(
        interpret_hints(&walk.request, Side::Borrower, &[returned("232", "72")], example::noon()),
        HintResult::PollNeeded(None)
    );
}

proptest! {
    /// Whatever messages come, looks end what they end without them.
    #[test]
    fn messages_in_any_order_keep_no_request_from_its_end(
        order in prop::collection::vec((any::<bool>(), 0_usize..6), 0..12)
    ) {
        let mut walk = sent();
        for (lender, which) in order {
            let hints = [
                on_shelf(&walk), lent(), closed(&walk), returned("232", "72"), returned(&lenders_item(&walk), "71"), item(ItemState::InTransit),
            ];
            let side = if lender { Side::Lender } else { Side::Borrower };
            if let HintResult::Observed(seen) = interpret_hints(&walk.request, side, &hints[which..=which], example::noon()) {
                walk.apply(Observed::Seen { side, observation: *seen, source: lending::ObservationSource::Notification });
                walk.run();
            }
        }
        walk.see(Side::Borrower, on_loan());
        walk.see(Side::Borrower, crate::walk::returned(ItemState::InTransit));
        walk.see(Side::Lender, crate::walk::returned(ItemState::InPlace));
        prop_assert_eq!(walk.status(), Status::Finalised);
        prop_assert_eq!(walk.request.outcome, Some(Outcome::Supplied));
    }
}

#[test]
fn message_about_an_unchanged_virtual_item_is_not_relevant() {
    let mut walk = Walk::new();
    walk.run();
    let item = walk.request.borrower.item.open().unwrap().clone();
    let hinted = |state| Hint::Item {
        item: item.clone(),
        snapshot: ItemSnapshot { state: Some(state), ..ItemSnapshot::default() },
    };
    for state in [ItemState::InPlace, ItemState::Requested] {
        assert!(!hinted(state).is_relevant(&walk.request, Side::Borrower));
    }
    assert!(hinted(ItemState::OnHoldShelf).is_relevant(&walk.request, Side::Borrower));
}
