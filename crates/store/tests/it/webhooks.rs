//! What is known of institutions' webhooks, and messages that come while something else is decided.

use lending::Side;
use secrecy::ExposeSecret;
use store::{Error, NewIntent, Webhook, WebhookUpdate};

use crate::harness::{both, commit, noon};
use crate::queue::{at, poll, queue};
use crate::requests::request;

both! {
    async fn every_secret_counts_until_the_change_is_ended(fixture) {
        let put = async |secret: &str| {
            fixture.store.put_webhook_secret(&"01X".into(), &secret.into(), store::Expected::Anything, "hub", noon(0)).await.unwrap();
        };
        let all = async || -> Vec<String> {
            let secrets = fixture.store.webhook_secrets(&"01X".into()).await.unwrap().unwrap().all();
            secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
        };
        for secret in ["one", "two", "two", "three"] {
            put(secret).await;
        }
        assert_eq!(all().await, ["three", "two", "one"], "the second was shown and never set in Alma, say");
        commit(&fixture.store, |unit| unit.forget_previous_webhook_secret(&"01X".into())).await.unwrap();
        assert_eq!(all().await, ["three"]);
    }

    async fn webhook_state_reads_back(fixture) {
        let note = async |update: WebhookUpdate| fixture.store.update_webhook(&"01X".into(), &update).await.unwrap();
        note(WebhookUpdate::Message(noon(1))).await;
        assert_eq!(fixture.store.webhooks().await.unwrap(), [], "there is none of which to know anything");

        fixture.store.put_webhook_secret(&"01X".into(), &"one".into(), store::Expected::Anything, "hub", noon(0)).await.unwrap();
        let never = Webhook { institution: "01X".into(), last_message_at: None, last_item_message_at: None, missed_message: None };
        assert_eq!(fixture.store.webhooks().await.unwrap(), std::slice::from_ref(&never));
        note(WebhookUpdate::Missed(noon(2), "loan".to_owned())).await;
        note(WebhookUpdate::Message(noon(1))).await;
        note(WebhookUpdate::ItemMessage(noon(3))).await;
        let missed = Some((noon(2), "loan".to_owned()));
        let received = Webhook { last_message_at: Some(noon(1)), last_item_message_at: Some(noon(3)), missed_message: missed, ..never };
        assert_eq!(fixture.store.webhooks().await.unwrap(), std::slice::from_ref(&received));
        note(WebhookUpdate::Trusted).await;
        assert_eq!(fixture.store.webhooks().await.unwrap(), [Webhook { missed_message: None, ..received }]);
    }

    async fn message_that_comes_while_a_poll_ends_waits_for_the_next_poll(fixture) {
        // Enough that the message comes both before the poll ends and after it.
        for number in 1..=20 {
            let request = request(number);
            let poll = poll(number, number, Side::Borrower, 0);
            commit(&fixture.store, |unit| {
                unit.insert_request(&request, &[], noon(0)).unwrap();
                unit.add_intent(&poll, noon(0));
            })
            .await
            .unwrap();
            let under_way = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);

            let next = NewIntent { due_at: noon(600), ..poll };
            let ending = commit(&fixture.store, |unit| unit.restart_poll(&under_way, &next, noon(1)));
            let mut added = fixture.store.unit();
            let hinted = added.add_hint(request.id, Side::Borrower, "added", noon(1), noon(1));
            let (ended, added) = if number % 2 == 0 {
                futures::join!(ending, fixture.store.commit(added))
            } else {
                let (added, ended) = futures::join!(fixture.store.commit(added), ending);
                (ended, added)
            };
            ended.unwrap();
            assert_eq!(added.unwrap().touched(hinted), 1);
            let polls = fixture.store.claim(&at(1)).await.unwrap().intents;
            assert_eq!(polls.iter().map(|poll| poll.hints.as_slice()).collect::<Vec<_>>(), [["added"]], "{number}");
            commit(&fixture.store, |unit| unit.finish_intent(&polls[0], "seen", noon(1))).await.unwrap();
        }
    }

    async fn message_that_comes_while_the_last_poll_of_a_side_ends_is_not_left_for_a_later_one(fixture) {
        for number in 1..=20 {
            let poll = poll(number, 1, Side::Borrower, 0);
            commit(&fixture.store, |unit| unit.add_intent(&poll, noon(0))).await.unwrap();
            let under_way = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);
            assert!(under_way.hints.is_empty(), "{number}: {under_way:?}");
            let added = commit(&fixture.store, |unit| _ = unit.add_hint(poll.request, Side::Borrower, "added", noon(1), noon(1)));
            let ending = commit(&fixture.store, |unit| unit.finish_intent(&under_way, "seen", noon(1)));
            let (added, ended) = futures::join!(added, ending);
            added.unwrap();
            ended.unwrap();
            assert_eq!(fixture.store.queue_counts().await.unwrap().open, 0);
        }
    }

    async fn message_noted_twice_is_a_duplicate_and_the_rest_of_its_unit_is_undone(fixture) {
        queue(&fixture.store, &[poll(1, 1, Side::Borrower, 600)]).await;
        let receive = async |message: &str, hint: &str| {
            commit(&fixture.store, |unit| {
                unit.add_hint(poll(1, 1, Side::Borrower, 0).request, Side::Borrower, hint, noon(1), noon(1));
                unit.insert_message(&"01X".into(), message, noon(1));
            })
            .await
        };
        receive("one", "added").await.unwrap();
        assert!(matches!(receive("one", "added again").await, Err(Error::Duplicate)));
        receive("two", "added more").await.unwrap();
        assert_eq!(fixture.store.claim(&at(1)).await.unwrap().intents[0].hints, ["added", "added more"]);
        // The same message of another institution is another one; one that is forgotten is new.
        commit(&fixture.store, |unit| unit.insert_message(&"01Y".into(), "one", noon(1))).await.unwrap();
        commit(&fixture.store, |unit| unit.prune_messages(noon(2))).await.unwrap();
        receive("one", "added anew").await.unwrap();
    }

    async fn message_received_several_times_at_once_is_stored_once(fixture) {
        let receiving = (0..20).map(async |_| {
            commit(&fixture.store, |unit| unit.insert_message(&"01X".into(), "one", noon(1))).await
        });
        let received = futures::future::join_all(receiving).await;
        assert_eq!(received.iter().filter(|received| received.is_ok()).count(), 1, "{received:?}");
        assert_eq!(received.iter().filter(|received| matches!(received, Err(Error::Duplicate))).count(), 19);
        assert_eq!(fixture.store.messages_since(&"01X".into(), noon(0)).await.unwrap(), 1);
    }
}
