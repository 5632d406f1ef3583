//! The tables of poll intervals: never sooner than the settings allow, never later than the stated maximum, and longer the longer
//! nothing has changed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{Coverage, ListContext, PollCase, PollContext, PollSettings, Status, list_interval, poll_interval};
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn coverage() -> impl Strategy<Value = Coverage> {
    prop_oneof![
        Just(Coverage::None),
        Just(Coverage::Webhook),
        (any::<bool>(), any::<bool>()).prop_map(|(names_hold, webhook)| Coverage::List { names_hold, webhook }),
    ]
}

prop_compose! {
    fn context()(
        status in proptest::sample::select(Status::ALL.to_vec()),
        is_patrons_loan in any::<bool>(),
        due_in_hours in proptest::option::of(-200_i64..2_000),
        covered_by in coverage(),
        unchanged in 0_u32..100,
    ) -> PollContext {
        let due = due_in_hours.map(|hours| now() + SignedDuration::from_hours(hours));
        PollContext { status, is_patrons_loan, due, covered_by, unchanged }
    }
}

prop_compose! {
    fn list()(
        interval_factor in proptest::sample::select(vec![1_u32, 4, 36]),
        needs_item_messages in any::<bool>(),
        webhook in any::<bool>(),
        quiet_minutes in 0_i64..20_000,
        length in 0_usize..50_000,
        detection_minutes in proptest::option::of(1_u64..600),
    ) -> ListContext {
        ListContext {
            interval_factor,
            needs_item_messages,
            webhook,
            quiet: SignedDuration::from_mins(quiet_minutes),
            length,
            detection_target: detection_minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        }
    }
}

proptest! {
    #[test]
    fn poll_comes_no_later_than_its_row_allows(context in context()) {
        let settings = PollSettings::default();
        let interval = poll_interval(&context, &settings, now());
        prop_assert!(interval <= PollCase::of(&context, now()).interval(&settings).max);
        prop_assert!(interval <= settings.longest());
    }

    #[test]
    fn poll_comes_no_sooner_than_the_shortest_interval_unless_a_loan_falls_due(context in context()) {
        let settings = PollSettings::default();
        let case = PollCase::of(&context, now());
        prop_assume!(case != PollCase::ListedBeforeDue);
        prop_assert!(poll_interval(&context, &settings, now()) >= settings.uncovered.initial);
    }

    #[test]
    fn loan_whose_renewal_nothing_reports_is_polled_a_day_before_it_is_due_at_the_latest(
        hours in 25_i64..2_000,
        unchanged in 0_u32..100,
        names_hold in any::<bool>(),
    ) {
        let settings = PollSettings::default();
        let context = PollContext {
            status: Status::Loaned,
            is_patrons_loan: true,
            due: Some(now() + SignedDuration::from_hours(hours)),
            covered_by: Coverage::List { names_hold, webhook: false },
            unchanged,
        };
        prop_assert_eq!(PollCase::of(&context, now()), PollCase::ListedBeforeDue);
        let polled = now() + SignedDuration::try_from(poll_interval(&context, &settings, now())).unwrap();
        prop_assert!(polled <= context.due.unwrap() - SignedDuration::from_hours(24));
    }

    #[test]
    fn interval_grows_with_polls_that_show_nothing_new(context in context()) {
        let settings = PollSettings::default();
        let next = PollContext { unchanged: context.unchanged + 1, ..context };
        prop_assert!(poll_interval(&context, &settings, now()) <= poll_interval(&next, &settings, now()));
    }

    #[test]
    fn list_is_read_no_more_often_than_the_shortest_interval(list in list()) {
        let settings = PollSettings::default();
        prop_assert!(list_interval(&list, &settings) >= settings.batch);
    }

    #[test]
    fn list_is_read_within_the_detection_time_unless_it_is_long_or_shows_unusual_changes_only(
        list in list(),
        interval_factor in proptest::sample::select(vec![1_u32, 4]),
        length in 0_usize..=1_000,
        minutes in 1_u64..600,
    ) {
        let (settings, target) = (PollSettings::default(), Duration::from_secs(60 * minutes));
        let list = ListContext { interval_factor, length, detection_target: Some(target), ..list };
        prop_assert!(list_interval(&list, &settings) <= target.max(settings.batch));
    }

    #[test]
    fn list_is_read_less_often_the_longer_it_is_quiet(list in list(), more in 0_i64..10_000) {
        let settings = PollSettings::default();
        let later = ListContext { quiet: list.quiet + SignedDuration::from_mins(more), ..list };
        prop_assert!(list_interval(&list, &settings) <= list_interval(&later, &settings));
    }
}

#[test]
fn quiet_list_is_read_at_a_third_after_an_hour_and_at_a_twelfth_after_four_days() {
    let settings = PollSettings::default();
    let minutes = [0, 1, 2, 96, 97].map(|hours| {
        let quiet = SignedDuration::from_hours(hours);
        let list = ListContext {
            interval_factor: 1,
            needs_item_messages: false,
            webhook: false,
            quiet,
            length: 1,
            detection_target: None,
        };
        list_interval(&list, &settings).as_secs() / 60
    });
    assert_eq!(minutes, [5, 5, 15, 15, 60]);
}

#[test]
fn interval_grows_while_nothing_happens_and_stops_at_the_longest() {
    let polls = PollSettings::default().uncovered;
    let minutes: Vec<u64> = [0, 1, 2, 8, u32::MAX].into_iter().map(|n| polls.after(n).as_secs() / 60).collect();
    assert_eq!(minutes, [5, 7, 11, 120, 120]);
}
