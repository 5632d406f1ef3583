//! Answers to calls with a key.

use jiff::SignedDuration;
use store::{AnswerRun, Begun, KeyedCall, Store};

use crate::harness::{behind_its_back, both, noon};

const CALL: KeyedCall<'_> =
    KeyedCall { caller: "discovery", operation: "POST /api/v1/requests", key: "key-1", content: "first body" };

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

async fn begin(store: &Store, call: KeyedCall<'_>, after: i64) -> Begun {
    store.begin_call(call, minutes(2), noon(0) + minutes(after)).await.unwrap()
}

async fn begun(store: &Store, call: KeyedCall<'_>, after: i64) -> AnswerRun {
    match begin(store, call, after).await {
        Begun::Now(run) => run,
        other => panic!("{other:?}"),
    }
}

both! {
    async fn answer_is_kept_for_a_day_by_caller_operation_and_key(fixture) {
        let store = &fixture.store;
        let run = begun(store, CALL, 0).await;
        assert!(matches!(begin(store, CALL, 1).await, Begun::Running(until) if until == noon(0) + minutes(2)));
        store.keep_answer(&run, "the answer").await.unwrap();
        assert!(matches!(begin(store, CALL, 24 * 60 - 1).await, Begun::Kept(answer) if answer == "the answer"));
        assert!(matches!(begin(store, KeyedCall { content: "other", ..CALL }, 1).await, Begun::OtherCall));
        for other in [
            KeyedCall { caller: "desk", ..CALL },
            KeyedCall { operation: "POST /api/v1/other", ..CALL },
            KeyedCall { key: "key-2", ..CALL },
        ] {
            begun(store, other, 1).await;
        }
        begun(store, CALL, 24 * 60).await;
    }

    async fn lost_run_is_followed_by_one_other_whose_answer_counts(fixture) {
        let store = &fixture.store;
        let lost = begun(store, CALL, 0).await;
        let next = begun(store, CALL, 2).await;
        assert!(matches!(begin(store, CALL, 3).await, Begun::Running(_)), "only one takes it over");
        store.keep_answer(&lost, "late").await.unwrap();
        store.forget_call(&lost).await.unwrap();
        assert!(matches!(begin(store, CALL, 3).await, Begun::Running(_)), "the lost run changes nothing");
        store.keep_answer(&next, "in time").await.unwrap();
        assert!(matches!(begin(store, CALL, 9).await, Begun::Kept(answer) if answer == "in time"));
    }

    async fn of_calls_at_the_same_moment_one_runs(fixture) {
        let store = &fixture.store;
        let all = futures::future::join_all((0..8).map(|_| begin(store, CALL, 0))).await;
        assert_eq!(all.iter().filter(|begun| matches!(begun, Begun::Now(_))).count(), 1, "{all:?}");
        assert_eq!(all.iter().filter(|begun| matches!(begun, Begun::Running(_))).count(), 7, "{all:?}");
    }

    async fn secret_is_noted_and_a_forgotten_call_begins_anew(fixture) {
        let store = &fixture.store;
        let run = begun(store, CALL, 0).await;
        store.note_secret_answer(&run).await.unwrap();
        assert!(matches!(begin(store, CALL, 1).await, Begun::Secret));
        let other = KeyedCall { key: "key-2", ..CALL };
        let run = begun(store, other, 0).await;
        store.forget_call(&run).await.unwrap();
        begun(store, other, 0).await;
    }

    async fn answer_that_does_not_open_is_not_run_anew(fixture) {
        let run = begun(&fixture.store, CALL, 0).await;
        fixture.store.keep_answer(&run, "the answer").await.unwrap();
        behind_its_back(&fixture.database, "UPDATE answer SET answer = 'v1:0000:AAAA:AAAA'").await.unwrap();
        assert!(matches!(begin(&fixture.store, CALL, 1).await, Begun::Unreadable));
    }

    async fn nothing_of_caller_key_and_answer_is_readable_and_old_answers_are_removed(fixture) {
        let run = begun(&fixture.store, CALL, 0).await;
        fixture.store.keep_answer(&run, "the answer").await.unwrap();
        if let Some(file) = fixture.file() {
            let file = rusqlite::Connection::open(file).unwrap();
            let row = file.query_row("SELECT id || call || answer FROM answer", [], |row| row.get::<_, String>(0)).unwrap();
            assert!(!["discovery", "key-1", "body", "the answer"].iter().any(|text| row.contains(text)), "{row}");
        }
        fixture.store.prune_answers(noon(0) + minutes(24 * 60)).await.unwrap();
        assert_eq!(fixture.store.digest().await.unwrap().rows, empty_rows());
    }
}

/// The number of rows of a store with no answers: the id of its master key, its two secrets, and that the work is listed.
fn empty_rows() -> u64 {
    4
}
