//! The rows of what the desks have to do, and their counts.

use lending::{Attention, Queue, Request, Status, Supply, Wait, WaitLimits, example};
use store::{AnyOr, OfAgencies, QueueCount, RequestFilter, Sort};

use crate::harness::{Fixture, both, commit, noon};
use crate::requests::{insert, request};

const DAY: i64 = 86_400;

fn waiting(number: u128, status: Status) -> Request {
    Request {
        status,
        status_since: noon(0),
        supply: Some(Supply::new("01LEND".into(), example::copy(&format!("b{number}")))),
        ..request(number)
    }
}

async fn save(fixture: &Fixture, next: &Request, seconds: i64) {
    let before = fixture.store.request(next.id).await.unwrap().unwrap();
    commit(&fixture.store, |unit| _ = unit.save_request(&before, next, &[], noon(seconds)).unwrap()).await.unwrap();
}

async fn counts(fixture: &Fixture, of: Option<&OfAgencies>, seconds: i64) -> Vec<QueueCount> {
    fixture.store.work_counts(of, &WaitLimits::default(), noon(seconds)).await.unwrap().lender
}

async fn listed(fixture: &Fixture, filter: RequestFilter) -> Vec<u128> {
    let page = fixture.store.list(&filter).await.unwrap();
    assert_eq!(fixture.store.count_requests(&filter).await.unwrap(), page.requests.len() as u64);
    page.requests.iter().map(|listed| listed.id.0.as_u128()).collect()
}

both! {
    async fn request_moves_from_queue_to_queue_and_leaves_at_its_end(fixture) {
        insert(&fixture, &waiting(1, Status::SubmittedToDcb)).await;
        assert_eq!(counts(&fixture, None, 0).await, []);
        for (status, queue) in [
            (Status::Confirmed, Queue::Pick), (Status::PickupTransit, Queue::Receive), (Status::ReturnTransit, Queue::CheckIn),
        ] {
            save(&fixture, &waiting(1, status), 10).await;
            let counts = counts(&fixture, None, 20).await;
            assert_eq!(counts.iter().map(|count| (count.queue, count.requests)).collect::<Vec<_>>(), [(Some(queue), 1)]);
            assert_eq!(counts[0].oldest, Some(noon(10)));
        }
        save(&fixture, &waiting(1, Status::Completed), 30).await;
        assert_eq!(counts(&fixture, None, 40).await, []);
    }

    async fn wait_lasts_over_the_next_status_and_begins_anew_at_another_lender(fixture) {
        insert(&fixture, &waiting(1, Status::Confirmed)).await;
        save(&fixture, &waiting(1, Status::RequestPlacedAtBorrowingAgency), DAY).await;
        assert_eq!(counts(&fixture, None, DAY).await[0].oldest, Some(noon(0)));
        let mut moved = waiting(1, Status::RequestPlacedAtBorrowingAgency);
        moved.supply.as_mut().unwrap().institution = "01OTHER".into();
        save(&fixture, &moved, 2 * DAY).await;
        assert_eq!(counts(&fixture, None, 2 * DAY).await[0].oldest, Some(noon(2 * DAY)));
    }

    async fn wait_is_too_long_after_its_days_and_the_list_shows_the_same(fixture) {
        for number in 1..=3 {
            insert(&fixture, &waiting(number, Status::Confirmed)).await;
        }
        save(&fixture, &waiting(3, Status::PickupTransit), 2 * DAY).await;
        let now = 3 * DAY + 1;
        let late: u64 = counts(&fixture, None, now).await.iter().map(|count| count.late).sum();
        assert_eq!(late, 2, "the third is on its way since yesterday");
        let before = WaitLimits::default().before(Wait::AtLender, noon(now));
        let filter = |sort| RequestFilter { waiting: Some((Wait::AtLender, before)), sort, ..RequestFilter::default() };
        for sort in Sort::ALL {
            let mut found = listed(&fixture, filter(sort)).await;
            found.sort_unstable();
            assert_eq!(found, [1, 2], "{}", sort.name());
        }
        assert_eq!(listed(&fixture, filter(Sort::NewestFirst)).await, [2, 1]);
        assert_eq!(listed(&fixture, RequestFilter { queue: Some(Queue::Receive), ..RequestFilter::default() }).await, [3]);
    }

    async fn list_of_a_queue_is_paged_without_gap_or_repeat(fixture) {
        for number in 1..=5 {
            insert(&fixture, &waiting(number, Status::Confirmed)).await;
        }
        for sort in Sort::ALL {
            let mut filter = RequestFilter { queue: Some(Queue::Pick), sort, limit: 2, ..RequestFilter::default() };
            let mut seen = Vec::new();
            loop {
                let page = fixture.store.list(&filter).await.unwrap();
                seen.extend(page.requests.iter().map(|listed| listed.id.0.as_u128()));
                let Some(next) = page.next else { break };
                filter.after = Some(next);
            }
            seen.sort_unstable();
            assert_eq!(seen, [1, 2, 3, 4, 5], "{}", sort.name());
        }
    }

    async fn counts_of_agencies_are_by_side_and_library(fixture) {
        insert(&fixture, &waiting(1, Status::Confirmed)).await;
        let mut branch = waiting(2, Status::Confirmed);
        branch.supply.as_mut().unwrap().copy.library = "BRANCH".into();
        insert(&fixture, &branch).await;
        let of = async |of: OfAgencies| {
            let counts = fixture.store.work_counts(Some(&of), &WaitLimits::default(), noon(0)).await.unwrap();
            [counts.borrower, counts.lender, counts.pickup].map(|side| side.iter().map(|count| count.requests).sum::<u64>())
        };
        let borrower = OfAgencies { borrowers: vec!["BORROW".into()], ..OfAgencies::default() };
        assert_eq!(of(borrower).await, [2, 0, 0]);
        let pickup = OfAgencies { pickup_locations: vec!["BORROW-MAIN".into()], ..OfAgencies::default() };
        assert_eq!(of(pickup).await, [0, 0, 2]);
        let one_library = OfAgencies { lender_libraries: vec![("01LEND".into(), "BRANCH".into())], ..OfAgencies::default() };
        assert_eq!(of(one_library).await, [0, 1, 0]);
        let others = vec![("01LEND".into(), "BRANCH".into())];
        let rest = OfAgencies { lenders: vec!["01LEND".into()], other_libraries: others, ..OfAgencies::default() };
        assert_eq!(of(rest).await, [0, 1, 0]);
        assert_eq!(of(OfAgencies::default()).await, [0, 0, 0]);
    }

    async fn decision_counts_since_it_is_needed_and_cases_are_listed_by_kind(fixture) {
        let stuck = |explanation: &str| Attention::NeedsStaff {
            code: "X".to_owned(), explanation: explanation.to_owned(), actions: Vec::new(), unexplained: None,
        };
        insert(&fixture, &Request { attention: stuck("one"), ..waiting(1, Status::PatronVerified) }).await;
        save(&fixture, &Request { attention: stuck("two"), ..waiting(1, Status::PatronVerified) }, 50).await;
        let counts = counts(&fixture, None, 60).await;
        assert_eq!((counts[0].queue, counts[0].decisions, counts[0].decision_oldest), (None, 1, Some(noon(0))));
        let damaged = Request { damage: Some("torn".to_owned()), ..waiting(2, Status::ReturnTransit) };
        insert(&fixture, &damaged).await;
        let cases = |case| RequestFilter { case: Some(case), ..RequestFilter::default() };
        assert_eq!(listed(&fixture, cases(AnyOr::Any)).await, [2]);
        assert_eq!(listed(&fixture, cases(AnyOr::One(lending::Case::Damaged))).await, [2]);
        assert_eq!(listed(&fixture, cases(AnyOr::One(lending::Case::Lost))).await, [0; 0]);
    }

    async fn store_of_an_earlier_program_gets_the_rows_of_its_open_requests(fixture) {
        for number in 1..=3 {
            insert(&fixture, &waiting(number, Status::Confirmed)).await;
        }
        let forget = "DELETE FROM open_work; DELETE FROM setting WHERE name = 'open_work_filled'";
        crate::harness::behind_its_back(&fixture.database, forget).await.unwrap();
        assert_eq!(counts(&fixture, None, 0).await, []);
        // No other process may open an embedded store; the test of an earlier file shows the same there.
        if fixture.file().is_some() {
            return;
        }
        use rand::SeedableRng as _;
        let rng = rand::rngs::StdRng::seed_from_u64(9);
        let reopened = store::Store::open(&fixture.database, fixture.key.clone(), rng).await.unwrap();
        let found = reopened.work_counts(None, &WaitLimits::default(), noon(0)).await.unwrap().lender;
        assert_eq!((found[0].requests, found[0].oldest), (3, Some(noon(0))));
    }
}
