//! The quota of an institution: call priorities, work that waits when few calls are left, and the reports about it.

use std::sync::Arc;
use std::time::Duration;

use alma_sim::presets;
use engine::Quota;
use jiff::Timestamp;
use lending::{Attention, Priority, Request, Status, WaitingOn};
use lms::Outage;
use serde_json::json;

use crate::world::{BORROWER, LENDER, OTHER, World, both, copy};

const PATIENCE: Duration = Duration::from_secs(20);
const PLACED: Status = Status::RequestPlacedAtBorrowingAgency;

async fn quota(world: &World, institution: &str) -> Quota {
    world.engine.systems().quota(&institution.into()).await.unwrap()
}

fn all_calls(world: &World, institution: &str) -> u64 {
    world.sim.calls(institution).unwrap().values().sum()
}

fn midnight_after(now: Timestamp) -> i64 {
    (now.as_second() / 86_400 + 1) * 86_400
}

/// Moves the clock out of the first hour of a day, in which the hub checks once more whether yesterday's limit has
/// ended.
fn later_in_the_day(world: &World) {
    if world.now().as_second() % 86_400 < 3_600 {
        world.clock.by_hours(2);
    }
}

async fn place_at_lender(world: &World, number: usize) -> lending::RequestId {
    let mut placing = world.placing();
    placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', number))];
    world.engine.place(placing, "test").await.unwrap()
}

async fn until(world: &World, id: lending::RequestId, what: impl Fn(&Request) -> bool) -> Request {
    world.reaches(id, what).await
}

/// Advances the clock so far that libraries are polled.
async fn let_polls_come(world: &World) {
    world.clock.by_hours(2);
    world.settle().await;
}

/// Sets the clock to eight, UTC, so that some hours of the day are left.
fn in_the_morning(world: &World) {
    let hour = world.now().as_second().rem_euclid(86_400) / 3_600;
    world.clock.by_hours((24 + 8 - hour) % 24);
}

fn is_placed(request: &Request) -> bool {
    request.status == PLACED && request.in_flight.is_none()
}

both! {
    async fn polling_pauses_at_the_reserve_and_placing_continues(world) {
        in_the_morning(&world);
        world.sim.set_limits(LENDER, None, Some(1_000), 0).unwrap();
        world.place().await;
        let left = quota(&world, LENDER).await.remaining.unwrap();
        assert_eq!(quota(&world, LENDER).await.paused, None);
        world.change_settings(LENDER, "reserve_calls_per_day", json!(left)).await;
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, crate::world::DESK).unwrap();
        let before = all_calls(&world, LENDER);
        let_polls_come(&world).await;
        assert_eq!(world.request().await.status, PLACED, "it was polled");
        assert_eq!(all_calls(&world, LENDER), before);
        let paused = quota(&world, LENDER).await.paused.unwrap();
        assert!(!paused.everything && paused.reason.contains("polls wait until midnight"), "{paused:?}");
        assert!(paused.until.as_second() >= midnight_after(world.now()));
        assert_eq!(world.engine.systems().polling_paused()[0].0.as_str(), LENDER);

        let second = place_at_lender(&world, 7).await;
        until(&world, second, is_placed).await;
        let spent = quota(&world, LENDER).await.used;
        assert!(spent.by_priority[&Priority::Patron] >= 3, "{spent:?}");
        assert!(spent.by_endpoint.keys().all(|endpoint| !endpoint.contains(LENDER)), "{spent:?}");

        // On another day the first answer reports the calls left.
        world.sim.set_limits(LENDER, None, None, 0).unwrap();
        world.clock.by_hours(24);
        world.until(Status::PickupTransit).await;
    }

    async fn lower_reserve_lets_polling_continue_at_once(world) {
        in_the_morning(&world);
        world.sim.set_limits(LENDER, None, Some(1_000), 0).unwrap();
        world.place().await;
        world.change_settings(LENDER, "reserve_calls_per_day", json!(999)).await;
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, crate::world::DESK).unwrap();
        let_polls_come(&world).await;
        assert_eq!(world.request().await.status, PLACED, "it was polled");
        world.change_settings(LENDER, "reserve_calls_per_day", json!(10)).await;
        until(&world, world.id, |request| request.status == Status::PickupTransit).await;
    }

    async fn the_daily_limit_pauses_everything_until_midnight_and_says_so(world) {
        later_in_the_day(&world);
        world.sim.set_limits(LENDER, None, Some(0), 0).unwrap();
        let first = place_at_lender(&world, 1).await;
        let waits = |request: &Request| {
            matches!(&request.attention, Attention::Waiting { on: WaitingOn::LenderSystem, next_try: Some(_), .. })
        };
        let waiting = until(&world, first, waits).await;
        let Attention::Waiting { reason, next_try: Some(next_try), .. } = waiting.attention else { unreachable!() };
        assert!(reason.contains("daily number of Alma API calls is used up"), "{reason}");
        let midnight = midnight_after(world.now());
        assert!(next_try.as_second() >= midnight, "{next_try}");
        let down = world.engine.systems().down().remove(0).1;
        assert_eq!(down.outage, Outage::QuotaUsedUp);
        assert!((midnight..midnight + 60).contains(&down.next_try.as_second()), "{down:?}");
        let paused = quota(&world, LENDER).await.paused.unwrap();
        assert!(paused.everything && paused.until == down.next_try, "{paused:?}");

        // The hub doesn't even try other calls, and nothing is lost.
        let refused = world.sim.calls(LENDER).unwrap();
        let second = place_at_lender(&world, 2).await;
        until(&world, second, waits).await;
        assert_eq!(world.sim.calls(LENDER).unwrap(), refused);
        world.sim.set_limits(LENDER, None, None, 0).unwrap();
        world.clock.by_hours(24);
        until(&world, first, is_placed).await;
        until(&world, second, is_placed).await;
        assert!(world.engine.systems().down().is_empty());
    }

    async fn patron_is_served_while_polls_saturate_the_budget(world) {
        let mut ids = Vec::new();
        for number in 1..=20 {
            ids.push(place_at_lender(&world, number).await);
        }
        for id in &ids {
            until(&world, *id, is_placed).await;
        }
        for institution in [LENDER, BORROWER] {
            world.change_settings(institution, "calls_per_second", json!(20)).await;
        }
        for id in &ids {
            world.engine.poll_now(*id).await.unwrap();
        }
        tokio::spawn(Arc::clone(&world.engine).run(std::future::pending()));
        let saturated = async || quota(&world, LENDER).await.call_rate.unwrap().waiting >= 4;
        world.eventually("calls wait for their turn", saturated).await;
        let patron = place_at_lender(&world, 21).await;
        let served = world.engine.wait(patron, PATIENCE, is_placed).await.unwrap();
        assert!(is_placed(&served.request), "{}", served.request.status);
        assert!(quota(&world, LENDER).await.call_rate.unwrap().waiting > 0, "the patron waited until the polls were over");
    }

    async fn metrics_name_endpoints_and_no_people(world) {
        world.place().await;
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, crate::world::DESK).unwrap();
        let_polls_come(&world).await;
        until(&world, world.id, |request| request.status == Status::PickupTransit).await;
        let metrics = world.engine.metrics().await.unwrap();
        let patron = r#"consort_lms_calls_total{institution="01BORROW_INST",endpoint="GET /users/{user}",priority="patron",outcome="answered"} 1"#;
        assert!(metrics.contains(patron), "{metrics}");
        assert!(metrics.contains(r#"priority="poll""#), "{metrics}");
        assert!(metrics.contains(r#"consort_reaction_seconds_count{cause="poll"}"#), "{metrics}");
        assert!(metrics.contains(r#"consort_oldest_poll_age_seconds{institution="01BORROW_INST"}"#), "{metrics}");
        assert!(metrics.contains(r#"consort_quota_remaining_calls{institution="01LEND_INST"}"#), "{metrics}");
        assert!(!metrics.contains(crate::world::PATRON) && !metrics.contains(&world.barcode), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_share_an_institutions_calls_per_second() {
    let world = World::on_postgres().await;
    // The test makes no call to this institution: a call would give the node new knowledge about other applications'
    // calls.
    world.change_settings(OTHER, "calls_per_second", json!(100)).await;
    let alone = quota(&world, OTHER).await;
    assert_eq!(alone.nodes, 1);
    tokio::spawn(Arc::clone(&world.engine).run(std::future::pending()));
    let _second = world.engine.store().join("second").await.unwrap();
    let half = alone.call_rate.unwrap().allowed / 2.0;
    let is_shared = async || {
        let shared = quota(&world, OTHER).await;
        shared.nodes == 2 && (shared.call_rate.unwrap().allowed - half).abs() < 1.0
    };
    world.eventually("two nodes share the calls of a second", is_shared).await;
}
