//! The policy for the choice of the supplier, the choices, and the counts of lenders.

use lending::supplier::{Candidate, ChoiceRecord, Criterion, Lender, Place, SupplierPolicy, Wish};
use lending::{Outcome, Request, Rules, Status, Supply, example};
use store::{AuditEntry, ChoiceCursor, Error, LendingCounts, StoredPolicy, SupplyCounts};
use uuid::Uuid;

use crate::harness::{Fixture, both, commit, noon};
use crate::requests::{insert, request};

fn policy(criterion: Criterion) -> SupplierPolicy {
    SupplierPolicy { criteria: vec![criterion], ..SupplierPolicy::default() }
}

async fn put(fixture: &Fixture, policy: &SupplierPolicy, known: i64) -> Result<(), Error> {
    let put = commit(&fixture.store, |unit| unit.put_supplier_policy(policy, known, "Admin", noon(known)).unwrap());
    put.await.map(drop)
}

fn record(number: u128) -> ChoiceRecord {
    let wish = Wish {
        seed: Uuid::from_u128(number),
        borrower: "BORROW".into(),
        institution: "01BORROW".into(),
        pickup: "BORROW-MAIN".into(),
        pickup_institution: "01BORROW".into(),
        pickup_place: Place::default(),
        volume: Some("v.1".to_owned()),
        needed_until: None,
        left_out: vec![example::candidate("31999")],
        staff_choice: None,
    };
    let candidate = Candidate {
        index: 1,
        institution: "01LEND".into(),
        agency: Some("LEND".into()),
        bib: "991".into(),
        copy: None,
        answered_at: None,
        unmapped: None,
    };
    let lender = Lender::with_rules("01LEND".into(), Some("LEND".into()), &Rules::default(), noon(0));
    ChoiceRecord::new(&SupplierPolicy::default(), wish, vec![candidate], vec![lender], noon(0))
}

/// A request that `library` of `institution` supplies, in this status.
fn supplied(number: u128, institution: &str, library: &str, status: Status, outcome: Option<Outcome>) -> Request {
    let copy = lending::Copy { library: library.into(), ..example::copy("31999") };
    let mut request = Request { status, outcome, ..request(number) };
    request.supply = Some(Supply::new(institution.into(), copy));
    request
}

both! {
    async fn policy_has_versions_of_which_the_newest_applies(fixture) {
        let store = &fixture.store;
        assert_eq!(store.supplier_policy().await.unwrap(), StoredPolicy::initial());
        put(&fixture, &policy(Criterion::Region {}), 0).await.unwrap();
        put(&fixture, &policy(Criterion::Cost {}), 1).await.unwrap();
        let newest = store.supplier_policy().await.unwrap();
        assert_eq!((newest.version, newest.at, newest.actor.as_str()), (2, Some(noon(1)), "Admin"));
        assert_eq!(newest.policy, policy(Criterion::Cost {}));
        let versions = store.supplier_policies(None, 10).await.unwrap();
        assert_eq!(versions.iter().map(|policy| policy.version).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(store.supplier_policies(Some(2), 1).await.unwrap()[0].policy, policy(Criterion::Region {}));
    }

    async fn of_two_changes_of_one_version_of_the_policy_one_is_made(fixture) {
        put(&fixture, &policy(Criterion::Region {}), 0).await.unwrap();
        assert!(matches!(put(&fixture, &policy(Criterion::Cost {}), 0).await, Err(Error::Conflict)));
        let policies = [policy(Criterion::Cost {}), policy(Criterion::Calendar {})];
        let done = futures::future::join_all(policies.iter().map(|policy| put(&fixture, policy, 1))).await;
        assert_eq!(done.iter().filter(|done| matches!(done, Err(Error::Conflict))).count(), 1, "{done:?}");
    }

    async fn choices_of_a_request_are_numbered_and_read_back_as_they_were_made(fixture) {
        let store = &fixture.store;
        let (one, other) = (insert(&fixture, &request(1)).await, insert(&fixture, &request(2)).await);
        for (id, seconds) in [(one.request.id, 10), (other.request.id, 20), (one.request.id, 30)] {
            store.record_choice(id, 4, &record(id.0.as_u128()), noon(seconds)).await.unwrap();
        }
        let choices = store.choices_of(one.request.id).await.unwrap();
        assert_eq!(choices.iter().map(|choice| (choice.number, choice.at)).collect::<Vec<_>>(), [(1, noon(10)), (2, noon(30))]);
        assert_eq!((choices[0].policy, &choices[0].record), (4, &record(1)));
        assert_eq!(choices[0].record.choice.best(), Some(1));

        let (first, cursor) = store.first_choices(&ChoiceCursor::since(noon(5)), 1).await.unwrap();
        assert_eq!((first.len(), first[0].request), (1, one.request.id));
        let (next, cursor) = store.first_choices(&cursor.unwrap(), 5).await.unwrap();
        assert_eq!(next.iter().map(|choice| choice.request).collect::<Vec<_>>(), [other.request.id]);
        assert!(store.first_choices(&cursor.unwrap(), 5).await.unwrap().0.is_empty());
        let since_20 = store.first_choices(&ChoiceCursor::since(noon(20)), 5).await.unwrap().0;
        assert_eq!(since_20.iter().map(|choice| choice.request).collect::<Vec<_>>(), [other.request.id]);
    }

    async fn choice_is_kept_in_the_unit_that_stores_the_request(fixture) {
        let request = request(1);
        commit(&fixture.store, |unit| {
            unit.insert_request(&request, &[], noon(0)).unwrap();
            unit.record_choice(request.id, 0, &record(1), noon(0)).unwrap();
            unit.record_choice(request.id, 0, &record(1), noon(0)).unwrap();
        })
        .await
        .unwrap();
        let numbers: Vec<i64> =
            fixture.store.choices_of(request.id).await.unwrap().iter().map(|choice| choice.number).collect();
        assert_eq!(numbers, [1, 2]);
    }

    async fn choices_go_when_the_patrons_data_is_erased(fixture) {
        let stored = insert(&fixture, &request(1)).await;
        fixture.store.record_choice(stored.request.id, 0, &record(1), noon(0)).await.unwrap();
        let entry = AuditEntry {
            request: stored.request.id,
            at: noon(1),
            event: "erased".to_owned(),
            actor: "hub".to_owned(),
            from: None,
            to: None,
            reason: None,
            note: None,
            evidence: None,
        };
        commit(&fixture.store, |unit| _ = unit.save_erased(&stored, &stored.request, &entry, noon(1)).unwrap())
            .await
            .unwrap();
        assert_eq!(fixture.store.choices_of(stored.request.id).await.unwrap(), []);
    }

    async fn open_supplies_are_counted_by_library_until_the_item_is_back(fixture) {
        use Status::{Completed, Confirmed, Finalised, Loaned, PickupTransit, Resolved};
        for (number, library, status) in [
            (1, "MAIN", Confirmed),
            (2, "MAIN", Resolved),
            (3, "MAIN", Loaned),
            (4, "BRANCH", PickupTransit),
            (5, "BRANCH", Completed),
            (6, "BRANCH", Finalised),
        ] {
            insert(&fixture, &supplied(number, "01LEND", library, status, None)).await;
        }
        insert(&fixture, &supplied(7, "01OTHER", "MAIN", Confirmed, None)).await;
        insert(&fixture, &request(8)).await;
        let of = |institution: &str, library: &str, open, to_send| SupplyCounts {
            institution: institution.into(),
            library: library.into(),
            open,
            to_send,
        };
        let mut counts = fixture.store.supply_counts(&["01LEND".into()]).await.unwrap();
        counts.sort_by_key(|counts| counts.library.clone());
        assert_eq!(counts, [of("01LEND", "BRANCH", 1, 0), of("01LEND", "MAIN", 3, 2)]);
        let both = fixture.store.supply_counts(&["01LEND".into(), "01OTHER".into(), "01NONE".into()]).await.unwrap();
        assert_eq!(both.len(), 3);
        assert!(both.contains(&of("01OTHER", "MAIN", 1, 1)));
    }

    async fn items_that_were_sent_are_counted_by_library_and_agency(fixture) {
        use Status::{Cancelled, Confirmed, Finalised, Loaned};
        for (number, status, outcome) in [
            (1, Finalised, Some(Outcome::Supplied)),
            (10, Loaned, None),
            (11, Confirmed, None),
            (12, Finalised, Some(Outcome::Supplied)),
            (13, Cancelled, Some(Outcome::Cancelled)),
            (14, Finalised, Some(Outcome::NotCollected)),
        ] {
            insert(&fixture, &supplied(number, "01LEND", "MAIN", status, outcome)).await;
        }
        let counts = |items| LendingCounts {
            institution: "01LEND".into(),
            library: "MAIN".into(),
            borrower: "BORROW".into(),
            items,
        };
        assert_eq!(fixture.store.lending_counts(noon(5)).await.unwrap(), [counts(3)], "that of 1 was placed before");
        assert_eq!(fixture.store.lending_counts(noon(0)).await.unwrap(), [counts(4)]);
    }
}
