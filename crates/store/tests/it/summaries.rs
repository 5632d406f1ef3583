//! The daily numbers.

use jiff::civil::{Date, date};
use lending::{Hold, HoldState, Measure, Progress, Request, Side, Supply, Tracked, example};
use store::{DayNumber, OfAgencies};

use crate::harness::{Fixture, both, commit, noon};
use crate::requests::{insert, request};

const DAY: i64 = 86_400;

fn first() -> Date {
    date(2026, 3, 4)
}

async fn save(fixture: &Fixture, next: &Request, seconds: i64) {
    let before = fixture.store.request(next.id).await.unwrap().unwrap();
    commit(&fixture.store, |unit| _ = unit.save_request(&before, next, &[], noon(seconds)).unwrap()).await.unwrap();
}

fn lent(number: u128) -> Request {
    let hold = Tracked::Open(Hold { id: "h".into(), state: HoldState::NotStarted, shelf_until: None });
    let supply = Supply { hold, dispatched: true, ..Supply::new("01LEND".into(), example::copy("1")) };
    let mut lent = Request { supply: Some(supply), ..request(number) };
    lent.borrower.progress = Progress::OnLoan;
    lent
}

async fn numbers(fixture: &Fixture, of: Option<&OfAgencies>) -> Vec<DayNumber> {
    fixture.store.daily_numbers(first(), date(2026, 12, 31), of).await.unwrap()
}

both! {
    async fn numbers_are_the_same_before_and_after_they_are_added_up_and_twice_changes_nothing(fixture) {
        for number in 1..=3 {
            insert(&fixture, &request(number)).await;
        }
        save(&fixture, &lent(1), 4 * DAY).await;
        let before = numbers(&fixture, None).await;
        for _ in 0..2 {
            fixture.store.fold_summaries().await.unwrap();
            assert_eq!(numbers(&fixture, None).await, before);
        }
        save(&fixture, &lent(2), 4 * DAY).await;
        fixture.store.fold_summaries().await.unwrap();
        let after = numbers(&fixture, None).await;
        let find = |side, measure| {
            let found = after.iter().find(|one| one.side == side && one.measure == measure).unwrap();
            (found.day.to_string(), found.detail.clone(), found.number, found.days)
        };
        assert_eq!(find(Side::Borrower, Measure::Placed), ("2026-03-04".to_owned(), String::new(), 3, 0));
        assert_eq!(find(Side::Lender, Measure::Sent), ("2026-03-08".to_owned(), String::new(), 2, 0));
        assert_eq!(find(Side::Borrower, Measure::Lent), ("2026-03-08".to_owned(), "3".to_owned(), 2, 6));
    }

    async fn numbers_added_up_at_the_same_time_are_counted_once(fixture) {
        for number in 1..=20 {
            insert(&fixture, &request(number)).await;
        }
        let runs = (0..4).map(|_| fixture.store.fold_summaries());
        let more = (21..=30).map(async |number| {
            insert(&fixture, &request(number)).await;
        });
        let (runs, _) = futures::future::join(futures::future::join_all(runs), futures::future::join_all(more)).await;
        assert!(runs.iter().any(Result::is_ok));
        fixture.store.fold_summaries().await.unwrap();
        let placed = numbers(&fixture, None).await.into_iter().find(|one| one.side == Side::Borrower).unwrap();
        assert_eq!(placed.number, 30);
    }

    async fn numbers_of_agencies_are_those_of_their_sides(fixture) {
        insert(&fixture, &request(1)).await;
        save(&fixture, &lent(1), DAY).await;
        let sides = async |of: OfAgencies| {
            let mut sides: Vec<Side> = numbers(&fixture, Some(&of)).await.into_iter().map(|one| one.side).collect();
            sides.dedup();
            sides
        };
        assert_eq!(sides(OfAgencies { borrowers: vec!["BORROW".into()], ..OfAgencies::default() }).await, [Side::Borrower]);
        let libraries = vec![("01LEND".into(), "MAIN".into())];
        assert_eq!(sides(OfAgencies { lender_libraries: libraries, ..OfAgencies::default() }).await, [Side::Lender]);
        assert_eq!(sides(OfAgencies { lenders: vec!["01LEND".into()], ..OfAgencies::default() }).await, [Side::Lender]);
        let pickup = OfAgencies { pickup_locations: vec!["BORROW-MAIN".into()], ..OfAgencies::default() };
        assert_eq!(sides(pickup).await, [Side::Pickup]);
        assert_eq!(sides(OfAgencies { borrowers: vec!["LEND".into()], ..OfAgencies::default() }).await, []);
    }

    async fn numbers_stay_when_the_patrons_data_is_erased(fixture) {
        insert(&fixture, &request(1)).await;
        let before = numbers(&fixture, None).await;
        let stored = fixture.store.request(request(1).id).await.unwrap().unwrap();
        let mut erased = stored.request.clone();
        erased.erase_patron(noon(DAY));
        let entry = store::AuditEntry {
            request: erased.id, at: noon(DAY), event: "erased".to_owned(), actor: "hub".to_owned(),
            from: None, to: None, reason: None, note: None, evidence: None,
        };
        commit(&fixture.store, |unit| _ = unit.save_erased(&stored, &erased, &entry, noon(DAY)).unwrap()).await.unwrap();
        fixture.store.fold_summaries().await.unwrap();
        assert_eq!(numbers(&fixture, None).await, before);
    }
}
