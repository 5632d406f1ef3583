//! Deadlines, shared calls, remembered answers and the budget.

use std::sync::Arc;
use std::time::Duration;

use alma_sim::{Fault, FaultKind};
use availability::{Asking, Missing};
use futures::future::join_all;
use lending::Priority;
use serde_json::json;

use crate::world::{ITEMS, NORTH, SOUTH, World, record};

const MINUTE: Duration = Duration::from_secs(60);

fn slow(ms: u64) -> Fault {
    Fault::once(ITEMS, FaultKind::Delay { ms, before: false })
}

#[tokio::test]
async fn all_institutions_are_asked_with_one_call_for_each_record() {
    let world = World::start().await;
    let records = [world.record(NORTH, 1), world.record(NORTH, 2), world.record(SOUTH, 1)];
    let report = world.ask(&records).await;
    assert!(report.records.iter().all(|each| each.missing.is_none() && each.answer.is_some()), "{report:?}");
    assert!(report.records.iter().zip(&records).all(|(each, asked)| each.record == *asked), "in the same order");
    assert_eq!((world.reads(NORTH), world.reads(SOUTH)), (2, 1));
    let spent = world.systems.quota(&NORTH.into()).await.unwrap().used;
    let kinds: Vec<_> = spent.by_priority.keys().copied().collect();
    assert_eq!(kinds, [Priority::Availability], "every call is charged to the budget of availability");
}

#[tokio::test]
async fn institution_that_is_late_is_missing_and_its_answer_is_remembered() {
    let world = World::start().await;
    let records = [world.record(NORTH, 1), world.record(SOUTH, 1)];
    // The locations are known, so that the delay is the only one.
    world.ask(&[world.record(NORTH, 2), world.record(SOUTH, 2)]).await;
    let (north, south) = (world.reads(NORTH), world.reads(SOUTH));
    world.sim.arm(SOUTH, slow(1_500)).unwrap();
    let hasty = Asking { deadline: Duration::from_millis(700), ..world.patiently() };
    let report = world.availability.of(&records, hasty).await;
    assert!(report.records[0].answer.is_some() && report.records[1].answer.is_none(), "{report:?}");
    assert_eq!(report.records[1].missing, Some(Missing::NoAnswerYet));
    let later = world.ask(&records).await;
    assert!(later.records[1].answer.is_some() && later.records[1].missing.is_none());
    assert_eq!((world.reads(NORTH) - north, world.reads(SOUTH) - south), (1, 1), "nothing was asked twice");
}

#[tokio::test]
async fn those_who_ask_the_same_at_once_share_one_call() {
    let world = World::start().await;
    let records = [world.record(NORTH, 1)];
    let reports = join_all((0..20).map(|_| world.ask(&records))).await;
    assert!(reports.iter().all(|report| report.records[0].answer.is_some()));
    assert_eq!(world.reads(NORTH), 1);
}

#[tokio::test]
async fn answer_is_remembered_for_a_minute() {
    let world = World::start().await;
    let records = [world.record(NORTH, 1)];
    world.ask(&records).await;
    world.advance(MINUTE);
    let report = world.ask(&records).await;
    assert_eq!((report.records[0].answer.clone().unwrap().age, world.reads(NORTH)), (MINUTE, 1));
    world.advance(Duration::from_secs(1));
    let report = world.ask(&records).await;
    assert_eq!((report.records[0].answer.clone().unwrap().age, world.reads(NORTH)), (Duration::ZERO, 2));
}

#[tokio::test]
async fn last_answer_stands_in_with_its_age_while_the_system_is_down() {
    let world = World::start().await;
    let records = [world.record(NORTH, 1), world.record(NORTH, 2)];
    world.ask(&records[..1]).await;
    world.advance(10 * MINUTE);
    let out_of_order = FaultKind::Status { status: 503, body: None };
    world.sim.arm(NORTH, Fault::always("*", out_of_order)).unwrap();
    world.ask(&records).await;
    let report = world.ask(&records).await;
    assert!(matches!(report.records[0].missing, Some(Missing::Down(_))), "{report:?}");
    assert_eq!(report.records[0].answer.clone().unwrap().age, 10 * MINUTE);
    assert_eq!(report.records[1].answer, None, "it was never asked before");
    world.advance(Duration::from_secs(24 * 3_600));
    let report = world.ask(&records[..1]).await;
    assert_eq!(report.records[0].answer, None, "it is too old");
}

#[tokio::test]
async fn used_up_budget_stops_the_questions_and_nothing_else() {
    let world = World::start().await;
    world.set(NORTH, json!({"reserve_calls_per_day": 0, "availability_percent": 10})).await;
    world.sim.set_limits(NORTH, None, Some(20), 0).unwrap();
    let (first, second) = (world.record(NORTH, 1), world.record(NORTH, 2));
    // The list of items, and whether its location is hidden.
    world.ask(std::slice::from_ref(&first)).await;
    world.advance(2 * MINUTE);
    let report = world.ask(&[first, second]).await;
    assert!(report.records.iter().all(|each| matches!(each.missing, Some(Missing::BudgetUsedUp(_)))), "{report:?}");
    assert!(report.records[0].answer.is_some(), "the last answer stands in");
    assert_eq!(world.reads(NORTH), 1);
    for other in [Priority::Patron, Priority::Circulation, Priority::Poll] {
        world.systems.check_budget(&NORTH.into(), other).await.unwrap();
    }
    world.advance(Duration::from_secs(24 * 3_600));
    let report = world.ask(&[world.record(NORTH, 1)]).await;
    assert_eq!(report.records[0].missing, None, "a new day has begun");
}

#[tokio::test]
async fn institution_can_refuse_all_questions_for_availability() {
    let world = World::start().await;
    world.set(NORTH, json!({"availability_percent": 0})).await;
    let report = world.ask(&[world.record(NORTH, 1)]).await;
    assert!(matches!(report.records[0].missing, Some(Missing::BudgetUsedUp(_))), "{report:?}");
    assert_eq!(world.reads(NORTH), 0);
}

#[tokio::test]
async fn unknown_institution_is_missing_with_the_reason() {
    let world = World::start().await;
    let report = world.ask(&[record("01NOWHERE_INST", "99")]).await;
    let Some(Missing::NotSetUp(reason)) = &report.records[0].missing else { panic!("{report:?}") };
    assert!(reason.contains("01NOWHERE_INST"), "{reason}");
}

#[tokio::test]
async fn forgotten_record_needs_a_new_answer_and_one_under_way_is_not_remembered() {
    let world = World::start().await;
    let records = [world.record(NORTH, 1)];
    world.ask(&records).await;
    world.availability.forget(&records[0]);
    world.sim.arm(NORTH, slow(300)).unwrap();
    let hasty = Asking { deadline: Duration::ZERO, ..world.patiently() };
    let (availability, asked) = (Arc::clone(&world.availability), records.clone());
    assert_eq!(availability.of(&asked, hasty).await.records[0].missing, Some(Missing::NoAnswerYet));
    world.availability.forget(&records[0]);
    world.ask(&records).await;
    assert_eq!(world.reads(NORTH), 3, "the question under way may be older than the change");
}

#[tokio::test]
async fn records_beyond_the_bound_of_a_question_are_not_asked_for() {
    let world = World::start().await;
    let many = vec![record("01NOWHERE_INST", "99"); availability::MOST_RECORDS + 1];
    let report = world.ask(&many).await;
    assert_eq!(report.records.last().unwrap().missing, Some(Missing::TooManyRecords));
}

#[tokio::test]
async fn remembered_answer_does_for_a_question_with_more_detail_if_nothing_is_left_to_count() {
    let world = World::start().await;
    let records = [world.record(NORTH, 1)];
    world.ask(&records).await;
    let report = world.availability.of(&records, world.counting()).await;
    assert!(report.records[0].answer.is_some());
    assert_eq!(world.reads(NORTH), 1);
}
