//! Calls that are repeated, and calls that never are.

#![allow(
    clippy::disallowed_methods,
    reason = "the client paces and retries its calls by the machine's clock; its tests pause Tokio's"
)]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alma::{
    Access, Area, CallOutcome, Cancellation, Error, ItemPath, Limit, NewLoan, NewRequest, NewUser, Pickup, Priority,
    RetryPolicy, ScanIn, UserId,
};
use parking_lot::Mutex;

use crate::fake::{Fake, answer, builder, fixture, nobody, ok, refusal};

fn throttle() -> axum::response::Response {
    answer(429, &fixture("error-429.json"))
}

#[tokio::test]
async fn a_burst_that_alma_refuses_is_done_in_the_end() {
    let fake = Fake::start(|_, nth| if nth < 3 { throttle() } else { ok(&fixture("user.json")) }).await;
    fake.client().users().get(&UserId::from("x")).await.unwrap();
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn a_write_that_was_refused_for_the_limit_is_repeated_since_it_was_not_done() {
    let fake = Fake::start(|_, nth| if nth == 0 { throttle() } else { ok(&fixture("item-scan-transit.json")) }).await;
    let scan = ScanIn::at_desk("MAIN", "DESK");
    fake.client().items().scan_in(&ItemPath::new("1", "2", "3"), &scan).await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].line(), seen[1].line());
}

#[tokio::test]
async fn the_limit_is_given_up_on_after_the_attempts_that_were_set() {
    let fake = Fake::start(|_, _| throttle()).await;
    let error = fake.client().users().get(&UserId::from("x")).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { limit: Limit::PerSecond, .. }));
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn the_daily_limit_is_never_repeated() {
    let fake = Fake::start(|_, _| answer(429, &fixture("error-429.json").replace("PER_SECOND", "DAILY"))).await;
    let error = fake.client().users().get(&UserId::from("x")).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { limit: Limit::PerDay, .. }));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_read_is_repeated_after_an_internal_error() {
    let fake = Fake::start(|_, nth| if nth == 0 { answer(503, "") } else { ok(&fixture("user.json")) }).await;
    fake.client().users().get(&UserId::from("x")).await.unwrap();
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn no_write_is_repeated_after_an_internal_error() {
    let fake = Fake::start(|_, _| answer(500, "")).await;
    let client = fake.client();
    let (user, item) = (UserId::from("x"), ItemPath::new("1", "2", "3"));
    let hold = NewRequest::hold(Pickup::Library("MAIN".into()));
    let unclear = [
        client.users().create(&NewUser::external("x", "y", "DCB", "DCB")).await.is_err_and(|e| e.is_unclear()),
        client.users().delete(&user).await.is_err_and(|e| e.is_unclear()),
        client.user_requests(&user).create(&item.pid, &hold).await.is_err_and(|e| e.is_unclear()),
        client
            .user_requests(&user)
            .cancel(&"9".into(), &Cancellation::silent("R"))
            .await
            .is_err_and(|e| e.is_unclear()),
        client
            .user_loans(&user)
            .create(item.pid.clone(), &NewLoan::at("MAIN", "DESK"))
            .await
            .is_err_and(|e| e.is_unclear()),
        client.user_loans(&user).renew(&"9".into()).await.is_err_and(|e| e.is_unclear()),
        client.bibs().create("<record/>", true).await.is_err_and(|e| e.is_unclear()),
        client.items().delete(&item, alma::DeleteItem::default()).await.is_err_and(|e| e.is_unclear()),
    ];
    assert_eq!(unclear, [true; 8]);
    assert_eq!(fake.seen().len(), unclear.len());
}

#[tokio::test]
async fn a_refusal_is_never_repeated() {
    let fake = Fake::start(|_, _| refusal("401129")).await;
    assert!(fake.client().users().get(&UserId::from("x")).await.is_err());
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_test_of_the_right_to_write_is_repeated_since_it_writes_nothing() {
    let fake = Fake::start(|_, nth| if nth == 0 { answer(500, "") } else { ok("") }).await;
    fake.client().conf().test(Area::Bibs, Access::Write).await.unwrap();
    assert_eq!(fake.lines(), ["POST /bibs/test", "POST /bibs/test"]);
}

#[tokio::test]
async fn refused_connection_is_retried_also_for_a_write() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let client = builder(&nobody().await)
        .on_call(Arc::new(move |report| {
            assert_eq!(report.outcome, CallOutcome::Unreachable);
            count.fetch_add(1, Ordering::Relaxed);
        }))
        .build()
        .unwrap();
    assert!(client.users().delete(&UserId::from("x")).await.is_err());
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn nothing_is_repeated_when_the_policy_says_so() {
    let fake = Fake::start(|_, _| throttle()).await;
    let client = fake.builder().retries(RetryPolicy::never()).build().unwrap();
    assert!(client.users().get(&UserId::from("x")).await.is_err());
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn clones_share_the_limit_of_calls_per_second() {
    let fake = Fake::answering("user.json").await;
    let client = fake.builder().calls_per_second(NonZeroU32::new(50).unwrap()).build().unwrap();
    let started = Instant::now();
    let calls = (0..11).map(|_| {
        let client = client.clone();
        async move { client.users().get(&UserId::from("x")).await.map(drop) }
    });
    futures::future::try_join_all(calls).await.unwrap();
    // Eleven calls at 50 per second have ten gaps of 20 ms.
    assert!(started.elapsed() >= Duration::from_millis(195), "{:?}", started.elapsed());
}

#[tokio::test]
async fn observer_gets_every_exchange_and_nothing_personal() {
    let fake = Fake::start(|_, nth| if nth == 0 { throttle() } else { answer(400, &fixture("error.json")) }).await;
    let reports = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&reports);
    let client = fake.builder().on_call(Arc::new(move |report| log.lock().push(report.clone()))).build().unwrap();
    assert!(Priority::Poll.scope(client.users().get(&UserId::from("nobody"))).await.is_err());
    let reports = reports.lock();
    let seen: Vec<_> = reports.iter().map(|report| (report.endpoint, report.attempt, report.outcome)).collect();
    assert_eq!(
        seen,
        [
            ("GET /users/{user}", 1, CallOutcome::Limited(Limit::PerSecond)),
            ("GET /users/{user}", 2, CallOutcome::NotFound),
        ]
    );
    assert_eq!(reports[1].remaining, Some(424_242));
    assert!(reports.iter().all(|report| report.priority == Priority::Poll));
    assert!(!format!("{reports:?}").contains("nobody"));
}

#[tokio::test]
async fn the_calls_that_are_left_today_are_known_also_from_a_refusal() {
    let fake = Fake::start(|_, _| refusal("401652")).await;
    let client = fake.client();
    assert_eq!(client.remaining(), None);
    assert!(client.users().get(&UserId::from("x")).await.is_err());
    assert_eq!(client.clone().remaining(), Some(424_242));
}

#[tokio::test]
async fn patrons_call_is_answered_while_polls_saturate_the_limit() {
    let fake = Fake::answering("user.json").await;
    let client = fake.builder().calls_per_second(NonZeroU32::new(50).unwrap()).build().unwrap();
    let mut polls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let client = client.clone();
        polls.spawn(Priority::Poll.scope(async move { client.users().get(&UserId::from("x")).await.map(drop) }));
    }
    while client.call_rate().waiting < 90 {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    for _ in 0..5 {
        Priority::Patron.scope(client.users().get(&UserId::from("x"))).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(client.call_rate().waiting > 50, "the polls left first: {:?}", client.call_rate());
}
