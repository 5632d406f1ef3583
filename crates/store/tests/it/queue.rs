//! The queue: claims, leases, fences.

use std::collections::HashSet;
use std::time::Duration;

use lending::{Deadline, Effect, RequestId, Side};
use store::{Claim, Error, FailingPolls, Intent, NOTHING_NEW, NewIntent, Store, Unit, Work};
use uuid::Uuid;

use crate::harness::{both, commit, noon};

fn effect(number: u128, request: u128, institution: &str, due: i64) -> NewIntent {
    NewIntent {
        id: Uuid::from_u128(number),
        request: RequestId(Uuid::from_u128(request)),
        work: Work::Effect(Effect::VerifyPatron),
        institution: institution.into(),
        due_at: noon(due),
        on_list: None,
    }
}

pub(crate) fn poll(number: u128, request: u128, side: Side, due: i64) -> NewIntent {
    NewIntent { work: Work::Poll(side), ..effect(number, request, "01X", due) }
}

pub(crate) async fn queue(store: &Store, intents: &[NewIntent]) {
    commit(store, |unit| intents.iter().for_each(|intent| unit.add_intent(intent, noon(0)))).await.unwrap();
}

/// How a poll ends.
type End = fn(&mut Unit, &Intent);

/// The request that most tests have.
fn first() -> RequestId {
    RequestId(Uuid::from_u128(1))
}

async fn hint(store: &Store, side: Side, hint: &str, due: i64, now: i64) {
    let mut unit = store.unit();
    let hinted = unit.add_hint(first(), side, hint, noon(due), noon(now));
    assert_eq!(store.commit(unit).await.unwrap().touched(hinted), 1);
}

/// A claim at a moment, of as much as there is.
pub(crate) fn at(seconds: i64) -> Claim<'static> {
    Claim {
        owner: "one",
        now: noon(seconds),
        lease: Duration::from_secs(30),
        limit: 10,
        max_per_institution: 10,
        max_polls: 10,
        max_polls_per_institution: 10,
    }
}

async fn finish(store: &Store, intent: &Intent) -> Result<(), Error> {
    commit(store, |unit| unit.finish_intent(intent, "done", noon(100))).await.map(drop)
}

fn numbers(intents: &[Intent]) -> Vec<u128> {
    intents.iter().map(|intent| intent.id.as_u128()).collect()
}

both! {
    async fn only_due_intents_are_claimed_and_only_once(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0), effect(2, 2, "01X", 60)]).await;
        assert_eq!(numbers(&fixture.store.claim(&at(0)).await.unwrap().intents), [1]);
        assert_eq!(numbers(&fixture.store.claim(&at(0)).await.unwrap().intents), []);
        assert_eq!(fixture.store.next_due(noon(0)).await.unwrap(), Some(noon(30)));
        assert_eq!(numbers(&fixture.store.claim(&at(60)).await.unwrap().intents), [1, 2]);
    }

    async fn one_intent_of_a_request_at_a_time_and_effects_before_polls(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 0), poll(2, 1, Side::Borrower, 0), effect(3, 1, "01X", 0)]).await;
        let first = fixture.store.claim(&at(0)).await.unwrap().intents;
        assert_eq!(numbers(&first), [3]);
        assert_eq!(numbers(&fixture.store.claim(&at(1)).await.unwrap().intents), [], "the request is being worked on");
        finish(&fixture.store, &first[0]).await.unwrap();
        assert_eq!(fixture.store.claim(&at(1)).await.unwrap().intents.len(), 1);
    }

    async fn polls_leave_room_for_effects_of_their_institution(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 0), poll(2, 2, Side::Lender, 0)]).await;
        let claim = Claim { max_polls_per_institution: 1, max_per_institution: 2, ..at(0) };
        assert_eq!(numbers(&fixture.store.claim(&claim).await.unwrap().intents), [1]);
        queue(&fixture.store, &[effect(3, 3, "01X", 0)]).await;
        assert_eq!(numbers(&fixture.store.claim(&claim).await.unwrap().intents), [3]);
        let elsewhere = NewIntent { institution: "01Y".into(), ..poll(4, 4, Side::Lender, 0) };
        queue(&fixture.store, &[elsewhere]).await;
        assert_eq!(numbers(&fixture.store.claim(&Claim { max_polls: 0, ..claim }).await.unwrap().intents), []);
        assert_eq!(numbers(&fixture.store.claim(&claim).await.unwrap().intents), [4]);
    }

    async fn poll_age_counts_from_the_last_successful_poll(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 0), poll(2, 2, Side::Lender, 0)]).await;
        let oldest = async || fixture.store.oldest_polls().await.unwrap();
        assert_eq!(oldest().await, [("01X".into(), noon(0))]);
        for (intent, what) in fixture.store.claim(&at(0)).await.unwrap().intents.iter().zip([NOTHING_NEW, NOTHING_NEW]) {
            let now = noon(i64::from(intent.id.as_u128() == 2) + 5);
            commit(&fixture.store, |unit| unit.postpone_intent(intent, noon(60), false, what, now)).await.unwrap();
        }
        assert_eq!(oldest().await, [("01X".into(), noon(5))]);
        let failed = fixture.store.claim(&at(60)).await.unwrap().intents.remove(0);
        commit(&fixture.store, |unit| unit.postpone_intent(&failed, noon(90), false, "no answer", noon(61))).await.unwrap();
        assert_eq!(oldest().await, [("01X".into(), noon(5))], "what was seen before is still known");
    }

    async fn polls_that_keep_failing_are_counted_by_institution_until_one_is_made(fixture) {
        let elsewhere = NewIntent { institution: "01Y".into(), ..poll(2, 2, Side::Lender, 0) };
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 0), elsewhere, poll(3, 3, Side::Borrower, 0)]).await;
        let failing = async |times| fixture.store.failing_polls(times).await.unwrap();
        let fail = async |second: i64, but: u128| {
            for poll in fixture.store.claim(&at(second)).await.unwrap().intents {
                let postponed = commit(&fixture.store, |unit| {
                    if poll.id.as_u128() == but {
                        unit.postpone_intent(&poll, noon(second + 10), false, "not now", noon(second));
                    } else {
                        unit.postpone_failed_poll(&poll, noon(second + 10), "no answer", noon(second));
                    }
                });
                postponed.await.unwrap();
            }
        };
        fail(0, 0).await;
        assert_eq!(failing(2).await, []);
        fail(10, 2).await;
        let at_x = FailingPolls { institution: "01X".into(), polls: 2, since: noon(0) };
        assert_eq!(failing(2).await, std::slice::from_ref(&at_x), "what was put off has not failed");
        fail(20, 0).await;
        let at_y = FailingPolls { institution: "01Y".into(), polls: 1, since: noon(0) };
        assert_eq!(failing(2).await, [at_x.clone(), at_y.clone()]);
        let made = fixture.store.claim(&at(30)).await.unwrap().intents;
        let mut unit = fixture.store.unit();
        for poll in &made {
            assert!(poll.failures >= 2 && poll.failing_since == noon(0), "{poll:?}");
            if poll.id.as_u128() == 1 {
                unit.postpone_intent(poll, noon(90), false, NOTHING_NEW, noon(31));
            }
            if poll.id.as_u128() == 2 {
                unit.finish_intent(poll, "seen", noon(31));
            }
        }
        fixture.store.commit(unit).await.unwrap();
        assert_eq!(failing(2).await, [FailingPolls { polls: 1, ..at_x }]);
    }

    async fn request_has_one_open_effect_at_most(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0)]).await;
        assert!(commit(&fixture.store, |unit| unit.add_intent(&effect(2, 1, "01X", 0), noon(0))).await.is_err());
        assert_eq!(numbers(&fixture.store.claim(&at(1)).await.unwrap().intents), [1]);
    }

    async fn full_institution_leaves_room_for_others(fixture) {
        let mut intents: Vec<NewIntent> = (1..=8).map(|n| effect(n, n, "01DEAD", 0)).collect();
        intents.push(effect(9, 9, "01LIVE", 1));
        queue(&fixture.store, &intents).await;
        let claim = Claim { max_per_institution: 2, ..at(5) };
        let mut claimed = fixture.store.claim(&claim).await.unwrap().intents;
        claimed.extend(fixture.store.claim(&claim).await.unwrap().intents);
        let dead = claimed.iter().filter(|intent| intent.institution == "01DEAD".into()).count();
        assert_eq!(dead, 2);
        assert!(claimed.iter().any(|intent| intent.institution == "01LIVE".into()));
    }

    async fn full_institution_does_not_hold_back_one_with_a_similar_code(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01A-X", 0)]).await;
        let claim = Claim { max_per_institution: 1, ..at(0) };
        assert_eq!(numbers(&fixture.store.claim(&claim).await.unwrap().intents), [1]);
        queue(&fixture.store, &[effect(2, 2, "01A_X", 0), effect(3, 3, "01a-x", 0), effect(4, 4, "01A-X", 0)]).await;
        let mut claimed = numbers(&fixture.store.claim(&claim).await.unwrap().intents);
        claimed.sort_unstable();
        assert_eq!(claimed, [2, 3]);
    }

    async fn expired_lease_makes_an_effect_unclear_but_not_a_poll(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0), poll(2, 2, Side::Lender, 0)]).await;
        let first = fixture.store.claim(&at(0)).await.unwrap().intents;
        assert!(first.iter().all(|intent| !intent.unclear));
        let second = fixture.store.claim(&at(31)).await.unwrap().intents;
        let unclear: Vec<(u128, bool)> = second.iter().map(|i| (i.id.as_u128(), i.unclear)).collect();
        assert_eq!(unclear, [(1, true), (2, false)]);
    }

    async fn paused_owner_cannot_write_after_another_took_over(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0)]).await;
        let paused = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
        let other = fixture.store.claim(&Claim { owner: "two", ..at(31) }).await.unwrap().intents.remove(0);
        assert!(matches!(finish(&fixture.store, &paused).await, Err(Error::LeaseLost)));
        assert!(matches!(fixture.store.renew_lease(&paused, noon(90)).await, Err(Error::LeaseLost)));
        let postponed = commit(&fixture.store, |unit| unit.postpone_intent(&paused, noon(40), false, "late", noon(32)));
        assert!(matches!(postponed.await, Err(Error::LeaseLost)));
        finish(&fixture.store, &other).await.unwrap();
    }

    async fn intent_that_is_queued_under_lease_is_nobody_elses_until_that_runs_out(fixture) {
        let mut unit = fixture.store.unit();
        let mine = unit.add_leased_intent(&effect(1, 1, "01X", 0), "one", noon(30), noon(0));
        fixture.store.commit(unit).await.unwrap();
        assert!(fixture.store.claim(&at(1)).await.unwrap().intents.is_empty());
        let untouched = commit(&fixture.store, |unit| unit.expect_effect_never_claimed(mine.request)).await;
        assert!(matches!(untouched, Err(Error::EffectClaimed)), "somebody may be sending it");
        let taken = fixture.store.claim(&Claim { owner: "two", ..at(31) }).await.unwrap().intents.remove(0);
        assert!(taken.unclear, "it may have been sent");
        assert!(matches!(finish(&fixture.store, &mine).await, Err(Error::LeaseLost)));
        finish(&fixture.store, &taken).await.unwrap();
    }

    async fn claim_reports_whether_something_was_passed_over(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0), effect(2, 2, "01X", 0), effect(3, 3, "01X", 0)]).await;
        let first = fixture.store.claim(&Claim { limit: 2, ..at(0) }).await.unwrap();
        assert_eq!((first.intents.len(), first.more), (2, true));
        let second = fixture.store.claim(&Claim { limit: 2, ..at(0) }).await.unwrap();
        assert_eq!((second.intents.len(), second.more), (1, false));
        // As many due as are polled for one place: whatever is behind them wasn't seen.
        let more: Vec<_> = (4..9).map(|number| effect(number, number, "01Y", 0)).collect();
        queue(&fixture.store, &more).await;
        let one = fixture.store.claim(&Claim { limit: 1, ..at(0) }).await.unwrap();
        assert_eq!((one.intents.len(), one.more), (1, true));
    }

    async fn renewed_lease_holds_on(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0)]).await;
        let intent = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
        fixture.store.renew_lease(&intent, noon(60)).await.unwrap();
        assert_eq!(fixture.store.claim(&at(31)).await.unwrap().intents.len(), 0);
    }

    async fn node_that_restarts_releases_its_own_leases_at_once(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0), effect(2, 2, "01X", 0)]).await;
        fixture.store.claim(&Claim { limit: 1, ..at(0) }).await.unwrap();
        fixture.store.claim(&Claim { owner: "two", ..at(0) }).await.unwrap();
        assert_eq!(fixture.store.release_own_leases("one", noon(1)).await.unwrap(), 1);
        let back = fixture.store.claim(&at(1)).await.unwrap().intents;
        assert_eq!(back.len(), 1);
        assert!(back[0].unclear, "it may have been sent");
    }

    async fn postponed_intent_counts_and_remembers(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0)]).await;
        let intent = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
        commit(&fixture.store, |unit| unit.postpone_intent(&intent, noon(10), true, "no answer", noon(1))).await.unwrap();
        assert_eq!(fixture.store.claim(&at(5)).await.unwrap().intents.len(), 0);
        let second = fixture.store.claim(&at(10)).await.unwrap().intents.remove(0);
        assert_eq!((second.attempts, second.unclear), (1, true));
    }

    async fn polls_and_deadlines_become_those_that_are_wanted(fixture) {
        let store = &fixture.store;
        let deadline = NewIntent { work: Work::Deadline(Deadline::ItemArrives), ..poll(4, 1, Side::Borrower, 20) };
        let want = async |polls: &[NewIntent], needless: &[Side], deadlines: &[NewIntent], over: &[Deadline]| {
            commit(store, |unit| {
                polls.iter().for_each(|poll| unit.ensure_poll(poll, noon(0)));
                needless.iter().for_each(|side| unit.remove_poll(first(), *side, noon(0)));
                unit.change_deadlines(first(), deadlines, over, noon(0));
            })
            .await
            .unwrap();
        };
        want(&[poll(1, 1, Side::Lender, 10), poll(2, 1, Side::Borrower, 10)], &[], std::slice::from_ref(&deadline), &[]).await;
        assert_eq!(store.queue_counts().await.unwrap().open, 3);
        let later = NewIntent { id: Uuid::from_u128(5), due_at: noon(99), ..deadline };
        want(&[poll(3, 1, Side::Borrower, 99)], &[Side::Lender, Side::Pickup], &[later], &[]).await;
        assert_eq!(store.queue_counts().await.unwrap().open, 2);
        assert_eq!(numbers(&store.claim(&at(10)).await.unwrap().intents), [2], "it keeps its time");
        want(&[], &[Side::Borrower], &[], &[Deadline::LenderAnswers]).await;
        assert_eq!(store.queue_counts().await.unwrap().open, 2, "one under way ends on its own");
        assert_eq!(store.next_due(noon(10)).await.unwrap(), Some(noon(20)), "it keeps its time");
        want(&[], &[], &[], &[Deadline::ItemArrives]).await;
        assert_eq!(store.queue_counts().await.unwrap().open, 1);
    }

    async fn deadline_under_way_stays_and_leaves_nothing_once_it_is_done(fixture) {
        let store = &fixture.store;
        let deadline = NewIntent { work: Work::Deadline(Deadline::ItemArrives), ..poll(1, 1, Side::Borrower, 0) };
        let change = async |new: &[NewIntent], over: &[Deadline], now: i64| {
            commit(store, |unit| unit.change_deadlines(first(), new, over, noon(now))).await.unwrap();
        };
        change(std::slice::from_ref(&deadline), &[], 0).await;
        let under_way = store.claim(&at(0)).await.unwrap().intents.remove(0);
        assert_eq!(under_way.work, Work::Deadline(Deadline::ItemArrives));
        change(&[], &[Deadline::ItemArrives], 1).await;
        finish(store, &under_way).await.unwrap();
        assert_eq!(store.queue_counts().await.unwrap().open, 0);
        change(&[deadline], &[], 2).await;
        assert_eq!(numbers(&store.claim(&at(2)).await.unwrap().intents), [1]);
    }

    async fn poll_of_another_lender_starts_without_the_hints_of_the_one_before(fixture) {
        let store = &fixture.store;
        queue(store, &[poll(1, 1, Side::Lender, 600)]).await;
        hint(store, Side::Lender, "of the first", 1, 0).await;
        let other = NewIntent { institution: "01Y".into(), ..poll(2, 1, Side::Lender, 600) };
        commit(store, |unit| {
            unit.remove_poll_at(other.request, Side::Lender, &"01X".into());
            unit.ensure_poll(&other, noon(1));
        })
        .await
        .unwrap();
        assert!(store.claim(&at(1)).await.unwrap().intents.is_empty());
        hint(store, Side::Lender, "of the second", 2, 2).await;
        let polls = store.claim(&at(2)).await.unwrap().intents;
        assert_eq!(numbers(&polls), [2]);
        assert_eq!((polls[0].institution.as_str(), polls[0].hints.as_slice()), ("01Y", ["of the second".to_owned()].as_slice()));
    }

    async fn poll_that_comes_back_starts_without_the_hints_of_the_one_that_was_removed(fixture) {
        let store = &fixture.store;
        queue(store, &[poll(1, 1, Side::Lender, 600)]).await;
        hint(store, Side::Lender, "before", 1, 0).await;
        commit(store, |unit| unit.remove_poll(first(), Side::Lender, noon(0))).await.unwrap();
        commit(store, |unit| unit.ensure_poll(&poll(2, 1, Side::Lender, 600), noon(0))).await.unwrap();
        hint(store, Side::Lender, "after", 1, 0).await;
        assert_eq!(store.claim(&at(1)).await.unwrap().intents[0].hints, ["after"]);
    }

    async fn poll_is_replaced_unless_it_is_under_way_or_something_was_reported_about_it(fixture) {
        let store = &fixture.store;
        queue(store, &[poll(1, 1, Side::Lender, 0)]).await;
        let replace = async |next: Option<&NewIntent>, now| {
            commit(store, |unit| unit.replace_poll(first(), Side::Lender, next, noon(now))).await.map(drop)
        };
        let next = poll(2, 1, Side::Lender, 50);
        let under_way = store.claim(&at(0)).await.unwrap().intents.remove(0);
        assert!(matches!(replace(Some(&next), 1).await, Err(Error::PollBusy)));
        assert!(matches!(replace(None, 1).await, Err(Error::PollBusy)));
        commit(store, |unit| unit.postpone_intent(&under_way, noon(600), false, NOTHING_NEW, noon(1))).await.unwrap();
        replace(Some(&next), 2).await.unwrap();
        assert_eq!(store.next_due(noon(2)).await.unwrap(), Some(noon(50)));
        hint(store, Side::Lender, "added", 30, 3).await;
        assert!(matches!(replace(Some(&next), 4).await, Err(Error::PollBusy)));
        assert!(matches!(replace(None, 4).await, Err(Error::PollBusy)));
        let added = store.claim(&at(30)).await.unwrap().intents.remove(0);
        assert_eq!((added.attempts, added.hints.as_slice()), (0, ["added".to_owned()].as_slice()));
        commit(store, |unit| unit.postpone_intent(&added, noon(600), false, NOTHING_NEW, noon(31))).await.unwrap();
        replace(None, 32).await.unwrap();
        assert_eq!(store.queue_counts().await.unwrap().open, 0);
    }

    async fn effect_is_untouched_until_a_worker_has_it(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0)]).await;
        let untouched = async || commit(&fixture.store, |unit| unit.expect_effect_never_claimed(first())).await;
        untouched().await.unwrap();
        fixture.store.claim(&at(0)).await.unwrap();
        assert!(matches!(untouched().await, Err(Error::EffectClaimed)));
    }

    async fn rescheduled_poll_is_due_at_once(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 600)]).await;
        commit(&fixture.store, |unit| unit.add_hint_to_all(first(), "now", noon(1))).await.unwrap();
        assert_eq!(fixture.store.claim(&at(1)).await.unwrap().intents.len(), 1);
    }

    async fn poll_that_is_requested_while_it_runs_is_repeated(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 0)]).await;
        let under_way = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
        let both = commit(&fixture.store, |unit| {
            unit.add_hint_to_all(under_way.request, "now", noon(1));
            unit.postpone_intent(&under_way, noon(600), false, NOTHING_NEW, noon(2));
        });
        both.await.unwrap();
        assert_eq!(fixture.store.claim(&at(2)).await.unwrap().intents.len(), 1);
    }

    async fn failed_poll_keeps_its_hints(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 600)]).await;
        hint(&fixture.store, Side::Lender, "added", 0, 0).await;
        let failed = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
        commit(&fixture.store, |unit| unit.postpone_intent(&failed, noon(5), false, "no answer", noon(1))).await.unwrap();
        assert_eq!(fixture.store.claim(&at(4)).await.unwrap().intents.len(), 0);
        let second = fixture.store.claim(&at(5)).await.unwrap().intents.remove(0);
        assert_eq!((second.hints.as_slice(), second.hinted_at), (["added".to_owned()].as_slice(), noon(0)));
    }

    async fn hint_waits_with_its_poll_and_postpones_nothing(fixture) {
        let store = &fixture.store;
        queue(store, &[poll(1, 1, Side::Borrower, 600), poll(2, 1, Side::Lender, 9_999)]).await;
        hint(store, Side::Borrower, "one", 1, 0).await;
        hint(store, Side::Borrower, "two", 3, 0).await;
        let poll = store.claim(&at(1)).await.unwrap().intents.remove(0);
        assert_eq!((poll.id.as_u128(), poll.hints.join(" ")), (1, "one two".to_owned()));

        // What is reported during the poll is left for the next one, and what was read is not.
        hint(store, Side::Borrower, "three", 2, 2).await;
        commit(store, |unit| unit.postpone_intent(&poll, noon(900), false, NOTHING_NEW, noon(2))).await.unwrap();
        let second = store.claim(&at(3)).await.unwrap().intents.remove(0);
        assert_eq!((second.id, second.hints.join(" ")), (poll.id, "three".to_owned()));
        commit(store, |unit| unit.postpone_intent(&second, noon(900), false, NOTHING_NEW, noon(4))).await.unwrap();
        assert!(store.claim(&at(899)).await.unwrap().intents.is_empty());
        let by_the_clock = store.claim(&at(900)).await.unwrap().intents.into_iter().find(|poll| poll.id == second.id);
        assert_eq!(by_the_clock.map(|poll| poll.hints), Some(Vec::new()));
    }

    async fn hint_that_comes_during_a_poll_is_kept_for_the_next_one(fixture) {
        let store = &fixture.store;
        queue(store, &[poll(1, 1, Side::Lender, 0)]).await;
        hint(store, Side::Lender, "before", 0, 0).await;
        // A poll that found something, one that found nothing, and one that could not be made.
        let ends: [(End, &str); 4] = [
            (|unit, made| unit.restart_poll(made, &poll(9, 1, Side::Lender, 600), noon(2)), "hint 0"),
            (|unit, made| unit.postpone_intent(made, noon(600), false, NOTHING_NEW, noon(2)), "hint 1"),
            (|unit, made| unit.postpone_intent(made, noon(600), false, "not now", noon(2)), "hint 1,hint 2"),
            (|unit, made| unit.postpone_failed_poll(made, noon(600), "no answer", noon(2)), "hint 1,hint 2,hint 3"),
        ];
        let mut under_way = store.claim(&at(0)).await.unwrap().intents.remove(0);
        assert_eq!(under_way.hints, ["before"]);
        for (number, (end, then)) in ends.into_iter().enumerate() {
            hint(store, Side::Lender, &format!("hint {number}"), 1, 1).await;
            commit(store, |unit| end(unit, &under_way)).await.unwrap();
            let mut next = store.claim(&at(2)).await.unwrap().intents;
            assert_eq!(next.len(), 1, "the poll is due at once after {number}");
            under_way = next.remove(0);
            assert_eq!(under_way.hints.join(","), then, "after {number}");
        }
        let next = poll(9, 1, Side::Lender, 600);
        commit(store, |unit| unit.restart_poll(&under_way, &next, noon(3))).await.unwrap();
        assert!(store.claim(&at(599)).await.unwrap().intents.is_empty(), "nothing is new");
        assert_eq!(store.claim(&at(600)).await.unwrap().intents[0].hints, [""; 0]);
    }

    async fn hint_of_a_side_that_is_not_polled_touches_nothing(fixture) {
        let store = &fixture.store;
        queue(store, &[poll(1, 1, Side::Lender, 600)]).await;
        let mut unit = store.unit();
        let hinted = unit.add_hint(first(), Side::Borrower, "added", noon(1), noon(1));
        assert_eq!(store.commit(unit).await.unwrap().touched(hinted), 0);
        queue(store, &[poll(2, 1, Side::Borrower, 0)]).await;
        assert_eq!(store.claim(&at(1)).await.unwrap().intents[0].hints, [""; 0]);
    }

    async fn claim_by_two_owners_at_once_gives_each_intent_to_one_of_them(fixture) {
        let store = &fixture.store;
        let polls: Vec<NewIntent> = (1..=10).map(|n| poll(n, n, Side::Lender, 0)).collect();
        let effects: Vec<NewIntent> = (11..=20).map(|n| effect(n, n, "01Y", 0)).collect();
        queue(store, &polls).await;
        queue(store, &effects).await;
        let (mut one, mut two) = (Vec::new(), Vec::new());
        loop {
            let claim = |owner| Claim { owner, limit: 7, max_per_institution: 100, max_polls_per_institution: 100, ..at(0) };
            let (by_one, by_two) = (claim("one"), claim("two"));
            let (first, second) = futures::join!(store.claim(&by_one), store.claim(&by_two));
            let (first, second) = (first.unwrap().intents, second.unwrap().intents);
            if first.is_empty() && second.is_empty() {
                break;
            }
            one.extend(first);
            two.extend(second);
        }
        let mut all = numbers(&one);
        all.extend(numbers(&two));
        all.sort_unstable();
        assert_eq!(all, (1..=20).collect::<Vec<_>>());
        // Each can write what it has, and nobody else can.
        for intent in one.iter().chain(&two) {
            let mut stale = intent.clone();
            stale.fencing_token -= 1;
            assert!(matches!(finish(store, &stale).await, Err(Error::LeaseLost)));
            finish(store, intent).await.unwrap();
        }
        assert_eq!(store.queue_counts().await.unwrap().open, 0);
    }

    async fn claimers_at_the_same_time_get_different_intents(fixture) {
        let intents: Vec<NewIntent> = (1..=40).map(|n| effect(n, n, "01X", 0)).collect();
        queue(&fixture.store, &intents).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = fixture.store.clone();
            tasks.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claim = Claim { limit: 3, max_per_institution: 100, ..at(0) };
                    let claimed = store.claim(&claim).await.unwrap().intents;
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(numbers(&claimed));
                }
            });
        }
        let all: Vec<u128> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(all.len(), 40);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 40);
    }
}
