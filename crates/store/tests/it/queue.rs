//! The queue: claims, leases, fences.

use std::collections::HashSet;
use std::time::Duration;

use lending::{Deadline, Effect, RequestId, Side};
use store::{Claim, Error, FailingPolls, Intent, NOTHING_NEW, NewIntent, Store, Work};
use uuid::Uuid;

use crate::harness::{Fixture, both, noon};

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

async fn queue(store: &Store, intents: &[NewIntent]) {
    let mut tx = store.begin().await.unwrap();
    for intent in intents {
        tx.add_intent(intent, noon(0)).await.unwrap();
    }
    tx.commit().await.unwrap();
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
        except: &[],
    }
}

async fn finish(store: &Store, intent: &Intent) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    tx.finish_intent(intent, "done", noon(100)).await?;
    tx.commit().await
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
            let mut tx = fixture.store.begin().await.unwrap();
            tx.postpone_intent(intent, noon(60), false, what, noon(i64::from(intent.id.as_u128() == 2) + 5)).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(oldest().await, [("01X".into(), noon(5))]);
        let failed = fixture.store.claim(&at(60)).await.unwrap().intents.remove(0);
        let mut tx = fixture.store.begin().await.unwrap();
        tx.postpone_intent(&failed, noon(90), false, "no answer", noon(61)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(oldest().await, [("01X".into(), noon(5))], "what was seen before is still known");
    }

    async fn polls_that_keep_failing_are_counted_by_institution_until_one_is_made(fixture) {
        let elsewhere = NewIntent { institution: "01Y".into(), ..poll(2, 2, Side::Lender, 0) };
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 0), elsewhere, poll(3, 3, Side::Borrower, 0)]).await;
        let failing = async |times| fixture.store.failing_polls(times).await.unwrap();
        let fail = async |second: i64, but: u128| {
            for poll in fixture.store.claim(&at(second)).await.unwrap().intents {
                let mut tx = fixture.store.begin().await.unwrap();
                if poll.id.as_u128() == but {
                    tx.postpone_intent(&poll, noon(second + 10), false, "not now", noon(second)).await.unwrap();
                } else {
                    tx.postpone_failed_poll(&poll, noon(second + 10), "no answer", noon(second)).await.unwrap();
                }
                tx.commit().await.unwrap();
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
        let mut tx = fixture.store.begin().await.unwrap();
        for poll in &made {
            assert!(poll.failures >= 2 && poll.failing_since == noon(0), "{poll:?}");
            if poll.id.as_u128() == 1 {
                tx.postpone_intent(poll, noon(90), false, NOTHING_NEW, noon(31)).await.unwrap();
            }
            if poll.id.as_u128() == 2 {
                tx.finish_intent(poll, "seen", noon(31)).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        assert_eq!(failing(2).await, [FailingPolls { polls: 1, ..at_x }]);
    }

    async fn request_has_one_open_effect_at_most(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0)]).await;
        let mut tx = fixture.store.begin().await.unwrap();
        let second = async {
            tx.add_intent(&effect(2, 1, "01X", 0), noon(0)).await?;
            tx.commit().await
        };
        assert!(second.await.is_err());
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

    async fn named_institutions_are_left_alone(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01DEAD", 0), effect(2, 2, "01LIVE", 0)]).await;
        let except = ["01DEAD".into()];
        assert_eq!(numbers(&fixture.store.claim(&Claim { except: &except, ..at(0) }).await.unwrap().intents), [2]);
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
        let mut tx = fixture.store.begin().await.unwrap();
        let postponed = async {
            tx.postpone_intent(&paused, noon(40), false, "late", noon(32)).await?;
            tx.commit().await
        };
        assert!(matches!(postponed.await, Err(Error::LeaseLost)));
        finish(&fixture.store, &other).await.unwrap();
    }

    async fn intent_that_is_queued_under_lease_is_nobody_elses_until_that_runs_out(fixture) {
        let mut tx = fixture.store.begin().await.unwrap();
        let mine = tx.add_leased_intent(&effect(1, 1, "01X", 0), "one", noon(30), noon(0)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(fixture.store.claim(&at(1)).await.unwrap().intents.is_empty());
        let mut tx = fixture.store.begin().await.unwrap();
        assert!(!tx.effect_never_claimed(mine.request).await.unwrap(), "somebody may be sending it");
        drop(tx);
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
        let mut tx = fixture.store.begin().await.unwrap();
        tx.postpone_intent(&intent, noon(10), true, "no answer", noon(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(fixture.store.claim(&at(5)).await.unwrap().intents.len(), 0);
        let second = fixture.store.claim(&at(10)).await.unwrap().intents.remove(0);
        assert_eq!((second.attempts, second.unclear), (1, true));
    }

    async fn polls_and_deadlines_become_those_that_are_wanted(fixture) {
        let want = async |fixture: &Fixture, wanted: &[NewIntent]| {
            let mut tx = fixture.store.begin().await.unwrap();
            tx.set_scheduled(RequestId(Uuid::from_u128(1)), wanted, noon(0)).await.unwrap();
            tx.commit().await.unwrap();
        };
        let deadline = NewIntent { work: Work::Deadline(Deadline::ItemArrives), ..poll(4, 1, Side::Borrower, 20) };
        want(&fixture, &[poll(1, 1, Side::Lender, 10), poll(2, 1, Side::Borrower, 10), deadline.clone()]).await;
        want(&fixture, &[poll(3, 1, Side::Borrower, 99), deadline]).await;
        assert_eq!(fixture.store.queue_counts().await.unwrap().open, 2);
        assert_eq!(numbers(&fixture.store.claim(&at(10)).await.unwrap().intents), [2], "it keeps its time");
        want(&fixture, &[]).await;
        assert_eq!(fixture.store.queue_counts().await.unwrap().open, 1, "one under way ends by itself");
    }

    async fn effect_is_untouched_until_a_worker_has_it(fixture) {
        queue(&fixture.store, &[effect(1, 1, "01X", 0)]).await;
        let untouched = async |fixture: &Fixture| {
            let mut tx = fixture.store.begin().await.unwrap();
            tx.effect_never_claimed(RequestId(Uuid::from_u128(1))).await.unwrap()
        };
        assert!(untouched(&fixture).await);
        fixture.store.claim(&at(0)).await.unwrap();
        assert!(!untouched(&fixture).await);
    }

    async fn rescheduled_poll_is_due_at_once(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 600)]).await;
        let mut tx = fixture.store.begin().await.unwrap();
        tx.reschedule_polls(RequestId(Uuid::from_u128(1)), "now\n", noon(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(fixture.store.claim(&at(1)).await.unwrap().intents.len(), 1);
    }

    async fn poll_that_is_requested_while_it_runs_is_repeated(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 0)]).await;
        let under_way = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
        let mut tx = fixture.store.begin().await.unwrap();
        tx.reschedule_polls(under_way.request, "now\n", noon(1)).await.unwrap();
        tx.postpone_intent(&under_way, noon(600), false, NOTHING_NEW, noon(2)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(fixture.store.claim(&at(2)).await.unwrap().intents.len(), 1);
    }

    async fn failed_poll_keeps_its_hints(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Lender, 600)]).await;
        let mut tx = fixture.store.begin().await.unwrap();
        tx.add_hint(RequestId(Uuid::from_u128(1)), Side::Lender, "told\n", noon(0), noon(0)).await.unwrap();
        tx.commit().await.unwrap();
        let failed = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
        let mut tx = fixture.store.begin().await.unwrap();
        tx.postpone_intent(&failed, noon(5), false, "no answer", noon(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(fixture.store.claim(&at(4)).await.unwrap().intents.len(), 0);
        let second = fixture.store.claim(&at(5)).await.unwrap().intents.remove(0);
        assert_eq!((second.has_hint, second.hints.as_str(), second.hinted_at), (true, "told\n", noon(0)));
    }

    async fn hint_waits_with_its_poll_and_postpones_nothing(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Borrower, 600), poll(2, 1, Side::Lender, 9_999)]).await;
        let hint = async |hints: &str, due: i64, now: i64| {
            let mut tx = fixture.store.begin().await.unwrap();
            let request = RequestId(Uuid::from_u128(1));
            assert_eq!(tx.add_hint(request, Side::Borrower, hints, noon(due), noon(now)).await.unwrap(), 1);
            tx.commit().await.unwrap();
        };
        hint("one\n", 1, 0).await;
        hint("two\n", 3, 0).await;
        let poll = fixture.store.claim(&at(1)).await.unwrap().intents.remove(0);
        assert_eq!((poll.id.as_u128(), poll.has_hint, poll.hints.as_str()), (1, true, "one\ntwo\n"));

        // What is reported during the poll is left for the next one, and what was read is not.
        hint("three\n", 2, 2).await;
        let mut tx = fixture.store.begin().await.unwrap();
        assert_eq!(tx.hints_since_claim(&poll).await.unwrap().as_deref(), Some("three\n"));
        tx.postpone_intent(&poll, noon(900), false, NOTHING_NEW, noon(2)).await.unwrap();
        tx.commit().await.unwrap();
        let second = fixture.store.claim(&at(3)).await.unwrap().intents.remove(0);
        assert!(second.has_hint && second.hints.ends_with("three\n"), "{second:?}");
        let mut tx = fixture.store.begin().await.unwrap();
        tx.postpone_intent(&second, noon(900), false, NOTHING_NEW, noon(4)).await.unwrap();
        tx.commit().await.unwrap();
        let by_the_clock = fixture.store.claim(&at(900)).await.unwrap().intents.into_iter().find(|poll| poll.id == second.id);
        assert_eq!(by_the_clock.map(|poll| (poll.has_hint, poll.hints)), Some((false, String::new())));
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
