//! What is known of institutions' webhooks, and messages that come while something else is decided.

use lending::Side;
use secrecy::ExposeSecret;
use store::{NewIntent, Webhook, WebhookUpdate, Work};
use uuid::Uuid;

use crate::harness::{both, noon};
use crate::queue::{at, poll};
use crate::requests::request;

both! {
    async fn every_secret_counts_until_the_change_is_ended(fixture) {
        let put = async |secret: &str| {
            let mut tx = fixture.store.begin().await.unwrap();
            tx.put_webhook_secret(&"01X".into(), &secret.into(), noon(0)).await.unwrap();
            tx.commit().await.unwrap();
        };
        let all = async || -> Vec<String> {
            let secrets = fixture.store.webhook_secrets(&"01X".into()).await.unwrap().unwrap().all();
            secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
        };
        for secret in ["one", "two", "two", "three"] {
            put(secret).await;
        }
        assert_eq!(all().await, ["three", "two", "one"], "the second was shown and never set in Alma, say");
        let mut tx = fixture.store.begin().await.unwrap();
        tx.forget_previous_webhook_secret(&"01X".into()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(all().await, ["three"]);
    }

    async fn webhook_state_reads_back(fixture) {
        let note = async |update: WebhookUpdate| fixture.store.update_webhook(&"01X".into(), &update).await.unwrap();
        note(WebhookUpdate::Message(noon(1))).await;
        assert_eq!(fixture.store.webhooks().await.unwrap(), [], "there is none of which to know anything");

        let mut tx = fixture.store.begin().await.unwrap();
        tx.put_webhook_secret(&"01X".into(), &"one".into(), noon(0)).await.unwrap();
        tx.commit().await.unwrap();
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
        let request = request(1);
        let mut tx = fixture.store.begin().await.unwrap();
        tx.insert_request(&request, noon(0)).await.unwrap();
        let poll = NewIntent { request: request.id, ..poll(1, 1, Side::Borrower, 0) };
        tx.add_intent(&poll, noon(0)).await.unwrap();
        tx.commit().await.unwrap();
        let under_way = fixture.store.claim(&at(0)).await.unwrap().intents.remove(0);

        let mut ending = fixture.store.begin().await.unwrap();
        ending.request(request.id).await.unwrap().unwrap();
        let (store, id) = (fixture.store.clone(), request.id);
        let hinting = tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            tx.lock_request(id).await.unwrap();
            let hints = tx.add_hint(id, Side::Borrower, "told\n", noon(1), noon(1)).await.unwrap();
            tx.commit().await.unwrap();
            hints
        });
        // It has time to come in between, if nothing keeps it.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        ending.finish_intent(&under_way, "seen", noon(1)).await.unwrap();
        let next = NewIntent { id: Uuid::from_u128(2), due_at: noon(600), ..poll };
        assert!(matches!(next.work, Work::Poll(Side::Borrower)));
        ending.add_intent(&next, noon(1)).await.unwrap();
        ending.commit().await.unwrap();
        assert_eq!(hinting.await.unwrap(), 1);
        let polls = fixture.store.claim(&at(1)).await.unwrap().intents;
        assert_eq!(polls.iter().map(|poll| poll.hints.as_str()).collect::<Vec<_>>(), ["told\n"]);
    }
}
