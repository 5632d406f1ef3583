//! Units that are handed over at the same time: they may share a commit, and each is done or undone alone.

use lending::Side;
use store::{Error, Unit};

use crate::harness::{both, commit, noon};
use crate::queue::{at, poll, queue};
use crate::requests::{insert, request};

const UNITS: u128 = 100;

/// What a unit of this number is to fail with, if at all.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Done,
    Expectation,
    Statement,
}

fn fate(number: u128) -> Fate {
    match number % 10 {
        3 => Fate::Expectation,
        7 => Fate::Statement,
        _ => Fate::Done,
    }
}

/// A request, something that may fail, and a poll of the request.
fn fill(unit: &mut Unit, number: u128) {
    unit.insert_request(&request(number), &[], noon(0)).unwrap();
    match fate(number) {
        Fate::Done => unit.insert_message(&"01X".into(), &number.to_string(), noon(0)),
        Fate::Expectation => unit.insert_message(&"01X".into(), "known", noon(0)),
        Fate::Statement => _ = unit.insert_request(&request(1_000), &[], noon(0)).unwrap(),
    }
    unit.add_intent(&poll(number, number, Side::Borrower, 0), noon(0));
}

both! {
    async fn only_the_units_that_fail_are_undone_of_many_that_are_handed_over_at_once(fixture) {
        insert(&fixture, &request(1_000)).await;
        commit(&fixture.store, |unit| unit.insert_message(&"01X".into(), "known", noon(0))).await.unwrap();
        let before = fixture.store.commits();
        let units = (1..=UNITS).map(|number| commit(&fixture.store, move |unit| fill(unit, number)));
        let done = futures::future::join_all(units).await;

        for (number, done) in (1..=UNITS).zip(done) {
            match fate(number) {
                Fate::Done => drop(done.unwrap()),
                Fate::Expectation => assert!(matches!(done, Err(Error::Duplicate)), "{number}: {done:?}"),
                Fate::Statement => assert!(matches!(done, Err(Error::Unavailable { .. })), "{number}: {done:?}"),
            }
            let is_there = fixture.store.request(request(number).id).await.unwrap().is_some();
            assert_eq!(is_there, fate(number) == Fate::Done, "{number}");
        }
        let whole = (1..=UNITS).filter(|number| fate(*number) == Fate::Done).count() as u64;
        assert_eq!(fixture.store.commits() - before, whole);
        assert_eq!(fixture.store.queue_counts().await.unwrap().open, whole);
        assert_eq!(fixture.store.messages_since(&"01X".into(), noon(0)).await.unwrap(), whole + 1);
    }

    async fn of_two_units_that_are_handed_over_at_once_the_one_that_fails_is_undone_alone(fixture) {
        for round in 0..20 {
            let [good, bad] = [2 * round + 1, 2 * round + 2];
            let done = commit(&fixture.store, |unit| _ = unit.insert_request(&request(good), &[], noon(0)).unwrap());
            let failed = commit(&fixture.store, |unit| {
                unit.insert_request(&request(bad), &[], noon(0)).unwrap();
                unit.insert_message(&"01X".into(), "one", noon(0));
                unit.insert_message(&"01X".into(), "one", noon(0));
            });
            let (failed, done) = if round % 2 == 0 {
                futures::join!(failed, done)
            } else {
                let (done, failed) = futures::join!(done, failed);
                (failed, done)
            };
            done.unwrap();
            assert!(matches!(failed, Err(Error::Duplicate)));
            assert!(fixture.store.request(request(good).id).await.unwrap().is_some());
            assert!(fixture.store.request(request(bad).id).await.unwrap().is_none());
        }
        assert_eq!(fixture.store.messages_since(&"01X".into(), noon(0)).await.unwrap(), 0);
    }

    async fn expectations_that_fail_say_so_even_where_a_later_statement_can_not_be_done(fixture) {
        insert(&fixture, &request(1)).await;
        queue(&fixture.store, &[poll(1, 1, Side::Borrower, 0)]).await;
        let mut lost = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
        lost.fencing_token -= 1;
        let failed = commit(&fixture.store, |unit| {
            unit.finish_intent(&lost, "seen", noon(1));
            unit.insert_request(&request(1), &[], noon(1)).unwrap();
        });
        assert!(matches!(failed.await, Err(Error::LeaseLost)));
    }

    async fn hints_that_come_at_the_same_time_are_all_kept(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Borrower, 600)]).await;
        let of = poll(1, 1, Side::Borrower, 0).request;
        let hints = (0..30).map(|number| {
            commit(&fixture.store, move |unit| _ = unit.add_hint(of, Side::Borrower, &format!("{number:02}"), noon(1), noon(1)))
        });
        for hinted in futures::future::join_all(hints).await {
            hinted.unwrap();
        }
        let mut hints = fixture.store.claim(&at(1)).await.unwrap().intents.remove(0).hints;
        hints.sort_unstable();
        assert_eq!(hints, (0..30).map(|number| format!("{number:02}")).collect::<Vec<_>>());
    }

    async fn unit_without_anything_to_do_is_done(fixture) {
        let unit = fixture.store.unit();
        assert!(unit.is_empty());
        fixture.store.commit(unit).await.unwrap();
    }

    async fn unit_is_refused_once_the_store_is_closed(fixture) {
        fixture.store.close().await;
        let late = commit(&fixture.store, |unit| unit.insert_message(&"01X".into(), "one", noon(0)));
        assert!(matches!(late.await, Err(Error::Unavailable { .. })));
    }
}
