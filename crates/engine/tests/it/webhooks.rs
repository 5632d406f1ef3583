//! Webhook messages and their effect on requests and polls.

use alma_sim::{Fault, FaultKind, Mark};
use engine::{WebhookError, WebhookResult};
use lending::{Command, ItemState, Outcome, Status};
use lms::WebhookRejection;
use serde_json::json;

use crate::batch_polls::{pass, with_saved_searches};
use crate::world::{BORROWER, LENDER, OTHER, PATRON, World, both};

const SECRET: &str = "a-secret-of-the-webhook";
const OF_ANOTHER: &str = "a-secret-of-another-institution";
const ITEM: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const LIST: &str = "GET /task-lists/requested-resources";
const HOLDS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

/// Minutes until a poll of an institution with a webhook: a day, or longer if earlier polls found nothing new.
const A_DAY_OR_MORE: std::ops::RangeInclusive<i64> = 23 * 60..=8 * 24 * 60;

/// Sets up a webhook that has received one message.
pub(crate) async fn with_webhook(world: &World, institution: &str) {
    world
        .engine
        .polling()
        .set_webhook_secret(&institution.into(), &SECRET.into(), store::Expected::Anything)
        .await
        .unwrap();
    assert_eq!(send(world, institution, &item_updated("the first", "none")).await.unwrap(), WebhookResult::Ignored);
}

/// Checks that the hub finds a change without a message within the next hour.
async fn within_an_hour(world: &World, status: Status) {
    pass(world, 1).await;
    assert_eq!(world.request().await.status, status);
    // The webhooks count as if they had reported everything before.
    for institution in [LENDER, BORROWER] {
        world.engine.store().update_webhook(&institution.into(), &store::WebhookUpdate::Trusted).await.unwrap();
    }
}

/// Sends a message as the Alma of `institution` would.
pub(crate) async fn send(
    world: &World,
    institution: &str,
    body: &serde_json::Value,
) -> Result<WebhookResult, WebhookError> {
    send_with(world, institution, body, SECRET).await
}

async fn send_with(
    world: &World,
    institution: &str,
    body: &serde_json::Value,
    secret: &str,
) -> Result<WebhookResult, WebhookError> {
    let body = body.to_string();
    let lms = world.lms(institution);
    let signature = lms.sign_webhook(&secret.into(), body.as_bytes());
    world.engine.receive_webhook(&institution.into(), |_| Some(signature), body.as_bytes()).await
}

async fn item_of(world: &World, institution: &str) -> String {
    let request = world.request().await;
    let item = if institution == LENDER {
        request.supply.unwrap().copy.item
    } else {
        request.borrower.item.open().unwrap().clone()
    };
    item.as_str().to_owned()
}

/// Lets the lender's staff send the item. Returns the item's id.
async fn send_item(world: &World) -> String {
    let (staff, barcode, library) = world.supplier().await;
    staff.scan_in(&barcode, &library, crate::world::DESK).unwrap();
    item_of(world, LENDER).await
}

fn item_updated(id: &str, pid: &str) -> serde_json::Value {
    json!({"id": id, "action": "ITEM", "event": {"value": "ITEM_UPDATED"}, "item": {
        "bib_data": {"mms_id": "99"}, "holding_data": {"holding_id": "22"}, "item_data": {"pid": pid}}})
}

/// Creates a message about a loan.
pub(crate) fn of_loan(id: &str, event: &str, loan: &alma_sim::LoanView, at: jiff::Timestamp) -> serde_json::Value {
    json!({"id": id, "action": "LOAN", "event": {"value": event}, "time": at.to_string(), "item_loan": {
        "loan_id": loan.id, "item_id": loan.item_pid, "user_id": loan.user, "due_date": loan.due}})
}

/// Creates a message about the request's hold at the borrower.
pub(crate) async fn of_hold(world: &World, id: &str, event: &str, at: jiff::Timestamp) -> serde_json::Value {
    let hold = world.request().await.borrower.hold.open().unwrap().id.clone();
    json!({"id": id, "action": "REQUEST", "event": {"value": event}, "time": at.to_string(), "user_request": {
        "request_id": hold.as_str(), "comment": format!("[DCB-REQUEST:{}]", world.id)}})
}

fn all_calls(world: &World, institution: &str) -> u64 {
    world.sim.calls(institution).unwrap().values().sum()
}

/// Returns the loan of an item at its library.
fn loan_of(world: &World, institution: &str, item: &str) -> alma_sim::LoanView {
    world.at(institution).loans().into_iter().find(|loan| loan.item_pid == item).unwrap()
}

async fn until(world: &World, status: Status) {
    let request = world.settled().await;
    assert_eq!(request.status, status, "{:?}", request.attention);
}

/// Returns the minutes to the next poll. In these tests polls are an hour apart, and a quarter of an hour if the
/// library has a webhook.
async fn minutes_to_next(world: &World) -> i64 {
    let due = world.engine.store().next_poll(world.id).await.unwrap().unwrap();
    due.duration_since(world.now()).as_mins()
}

/// Checks that the next poll is due within this range of minutes.
async fn assert_next_in(world: &World, minutes: std::ops::RangeInclusive<i64>) {
    world.settle().await;
    let next = minutes_to_next(world).await;
    assert!(minutes.contains(&next), "{next} minutes");
}

both! {
    async fn what_fresh_messages_show_is_not_read(world) {
        with_webhook(&world, BORROWER).await;
        with_webhook(&world, LENDER).await;
        world.bring_to(Status::PickupTransit).await;
        assert_next_in(&world, A_DAY_OR_MORE).await;
        let before = all_calls(&world, BORROWER);
        let (here, there) = (item_of(&world, BORROWER).await, item_of(&world, LENDER).await);
        let barcode = world.virtual_barcode().await;

        world.at(BORROWER).scan_in(&barcode, "MAIN", crate::world::DESK).unwrap();
        let placed = of_hold(&world, "1", "REQUEST_PLACED_ON_SHELF", world.now()).await;
        assert_eq!(send(&world, BORROWER, &placed).await.unwrap(), WebhookResult::Accepted(1));
        until(&world, Status::ReadyForPickup).await;

        world.at(BORROWER).lend(&barcode, PATRON, "MAIN", crate::world::DESK).unwrap();
        let (loan, closed) = (loan_of(&world, BORROWER, &here), of_hold(&world, "2", "REQUEST_CLOSED", world.now()).await);
        // The message about the hold's end arrives before the one about the loan that ended it.
        assert_eq!(send(&world, BORROWER, &closed).await.unwrap(), WebhookResult::Accepted(1));
        let made = of_loan("3", "LOAN_CREATED", &loan, world.now());
        assert_eq!(send(&world, BORROWER, &made).await.unwrap(), WebhookResult::Accepted(1));
        until(&world, Status::Loaned).await;
        assert!(!world.settled().await.borrower.hold.is_open());

        world.at(BORROWER).scan_in(&barcode, "MAIN", crate::world::DESK).unwrap();
        let back = of_loan("4", "LOAN_RETURNED", &loan, world.now());
        assert_eq!(send(&world, BORROWER, &back).await.unwrap(), WebhookResult::Accepted(1));
        until(&world, Status::ReturnTransit).await;
        assert_eq!(all_calls(&world, BORROWER), before, "the hub doesn't read what a message reported");

        let lent = loan_of(&world, LENDER, &there);
        let (staff, real, library) = world.supplier().await;
        let at_lender = all_calls(&world, LENDER);
        staff.scan_in(&real, &library, crate::world::DESK).unwrap();
        let home = of_loan("5", "LOAN_RETURNED", &lent, world.now());
        assert_eq!(send(&world, LENDER, &home).await.unwrap(), WebhookResult::Accepted(1));
        until(&world, Status::Finalised).await;
        assert_eq!(all_calls(&world, LENDER), at_lender, "the hub doesn't read what a message reported");
        world.assert_clean();
    }

    async fn messages_of_one_act_are_decided_on_in_one_unit(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        world.settle().await;
        let pid = item_of(&world, BORROWER).await;
        let closed = of_hold(&world, "1", "REQUEST_CLOSED", world.now()).await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", crate::world::DESK).unwrap();
        let mut changed = item_updated("2", &pid);
        changed["time"] = json!(world.now().to_string());
        changed["item"]["holding_data"]["holding_id"] =
            json!(world.request().await.borrower.holding.open().unwrap().as_str());
        changed["item"]["item_data"]["process_type"] = json!({"value": "LOAN"});
        changed["item"]["item_data"]["base_status"] = json!({"value": "0"});
        let made = of_loan("3", "LOAN_CREATED", &loan_of(&world, BORROWER, &pid), world.now());
        let (units, calls) = (world.engine.store().commits(), all_calls(&world, BORROWER));
        for message in [&changed, &closed] {
            assert_eq!(send(&world, BORROWER, message).await.unwrap(), WebhookResult::Accepted(1));
        }
        assert_eq!(world.engine.store().commits(), units, "they wait for the loan");
        assert_eq!(send(&world, BORROWER, &made).await.unwrap(), WebhookResult::Accepted(1));
        assert_eq!(world.engine.store().commits(), units + 1);
        let request = world.request().await;
        assert_eq!(request.status, Status::Loaned);
        assert!(!request.borrower.hold.is_open());
        // The loan at the lender follows; what has waited adds nothing to it.
        until(&world, Status::Loaned).await;
        assert_eq!(all_calls(&world, BORROWER), calls);
    }

    async fn message_that_waits_for_its_companion_is_kept_when_the_hub_stops(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        world.settle().await;
        let closed = of_hold(&world, "1", "REQUEST_CLOSED", world.now()).await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", crate::world::DESK).unwrap();
        assert_eq!(send(&world, BORROWER, &closed).await.unwrap(), WebhookResult::Accepted(1));
        let is_due = async || world.engine.store().due(world.now()).await.unwrap().0;
        assert!(!is_due().await, "the message waits in memory");
        std::sync::Arc::clone(&world.engine).run(std::future::ready(())).await;
        assert!(is_due().await, "its poll is due");
    }

    async fn message_that_shows_too_little_is_polled_and_decided_on_in_one_unit(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        let pid = send_item(&world).await;
        let units = world.engine.store().commits();
        assert_eq!(send(&world, LENDER, &item_updated("1", &pid)).await.unwrap(), WebhookResult::Accepted(1));
        assert_eq!(world.engine.store().commits(), units + 1);
        assert_eq!(world.request().await.status, Status::PickupTransit);
    }

    async fn what_a_message_shows_at_the_lender_before_is_not_taken_for_the_next_one(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        let message = item_updated("1", &item_of(&world, LENDER).await);
        world.at(LENDER).mark(&world.barcode, Mark::Missing).unwrap();
        let chosen = alma_sim::presets::barcode(OTHER, 'M', 5);
        let copy = Some(crate::world::copy(OTHER, &chosen));
        world.sim.arm(LENDER, Fault::once(ITEM, FaultKind::Delay { ms: 1_500, before: false })).unwrap();
        let before = world.calls(LENDER, ITEM);
        let meanwhile = async {
            world.within_patience("the message's poll is made", || world.calls(LENDER, ITEM) > before).await;
            world.ask(Command::NextSupplier { reason: None, copy }).await
        };
        let (received, _) = tokio::join!(send(&world, LENDER, &message), meanwhile);
        assert!(received.is_ok());
        let supply = world.request().await.supply.unwrap();
        assert_eq!((supply.institution.as_str(), supply.copy.barcode.as_str()), (OTHER, chosen.as_str()));
        assert_eq!(supply.item, ItemState::InPlace);
        assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn message_is_kept_when_the_poll_that_it_needs_fails(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        let pid = send_item(&world).await;
        world.sim.arm(LENDER, Fault::always("*", FaultKind::Refuse { code: "401873".to_owned(), message: String::new() })).unwrap();
        assert_eq!(send(&world, LENDER, &item_updated("1", &pid)).await.unwrap(), WebhookResult::Accepted(1));
        assert!(world.engine.store().due(world.now()).await.unwrap().0, "its poll is due");
        world.sim.disarm(LENDER).unwrap();
        until(&world, Status::PickupTransit).await;
    }

    async fn message_that_comes_late_is_only_a_hint(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::PickupTransit).await;
        assert_next_in(&world, A_DAY_OR_MORE).await;
        let before = world.calls(BORROWER, HOLDS);
        // The message reports a state that is out of date.
        let then = world.now() - jiff::SignedDuration::from_mins(61);
        let placed = of_hold(&world, "1", "REQUEST_PLACED_ON_SHELF", then).await;
        assert_eq!(send(&world, BORROWER, &placed).await.unwrap(), WebhookResult::Accepted(1));
        assert_eq!(world.settled().await.status, Status::PickupTransit);
        assert!(world.calls(BORROWER, HOLDS) > before, "it is polled");
    }

    async fn end_of_a_hold_is_polled_where_no_loan_message_comes_with_it(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        world.settle().await;
        let closed = of_hold(&world, "1", "REQUEST_CLOSED", world.now()).await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", crate::world::DESK).unwrap();
        assert_eq!(send(&world, BORROWER, &closed).await.unwrap(), WebhookResult::Accepted(1));
        until(&world, Status::Loaned).await;
    }

    async fn items_reported_as_sent_are_read_by_their_hold_and_make_the_list_rare(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        let pid = send_item(&world).await;
        let before = world.calls(LENDER, ITEM);
        let mut sent = item_updated("1", &pid);
        sent["time"] = json!(world.now().to_string());
        sent["item"]["item_data"]["process_type"] = json!({"value": "TRANSIT"});
        sent["item"]["item_data"]["base_status"] = json!({"value": "0"});
        assert_eq!(send(&world, LENDER, &sent).await.unwrap(), WebhookResult::Accepted(1));
        until(&world, Status::PickupTransit).await;
        assert_eq!(world.calls(LENDER, ITEM), before, "the hub reads the hold; a message reported the item");

        let mut placing = world.placing();
        placing.copies = vec![crate::world::copy(LENDER, &alma_sim::presets::barcode(LENDER, 'M', 2))];
        world.place_as(placing).await;
        let lists = world.calls(LENDER, LIST);
        pass(&world, 1).await;
        assert!(world.calls(LENDER, LIST) > lists, "the list is read");
        // From now on once a day, and not each hour or third hour.
        let lists = world.calls(LENDER, LIST);
        for _ in 0..4 {
            pass(&world, 4).await;
        }
        let more = world.calls(LENDER, LIST) - lists;
        assert!(more <= 1, "{more}");
    }

    async fn dispatch_is_seen_when_the_lender_sends_a_message_about_its_item(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        let pid = send_item(&world).await;
        assert_eq!(send(&world, LENDER, &item_updated("1", &pid)).await.unwrap(), WebhookResult::Accepted(1));
        until(&world, Status::PickupTransit).await;
    }

    async fn secrets_count_from_the_moment_they_are_changed_until_the_change_is_ended(world) {
        with_webhook(&world, LENDER).await;
        let message = item_updated("1", "23");
        let received = async |secret| send_with(&world, LENDER, &message, secret).await;
        assert!(received(SECRET).await.is_ok(), "it is remembered now");
        // Another node has set a new secret, and this node has not learned of it.
        let (lender, secret) = (LENDER.into(), "the-new-one".into());
        world.engine.store().put_webhook_secret(&lender, &secret, store::Expected::Anything, "other", world.now()).await.unwrap();
        assert!(received("the-new-one").await.is_ok());
        assert!(received(SECRET).await.is_ok(), "both count");
        world.engine.polling().end_rotation(&LENDER.into(), store::Expected::Anything).await.unwrap();
        assert!(matches!(received(SECRET).await, Err(WebhookError::Rejected(_))));
        assert!(received("the-new-one").await.is_ok());
        world.engine.polling().remove_webhook(&LENDER.into(), store::Expected::Anything).await.unwrap();
        assert!(matches!(received("the-new-one").await, Err(WebhookError::Rejected(WebhookRejection::InvalidSignature))));
        let unknown = world.engine.receive_webhook(&"01NOBODY_INST".into(), |_| None, b"{}").await;
        assert!(matches!(unknown, Err(WebhookError::Rejected(WebhookRejection::InvalidSignature))));
    }

    async fn repeated_message_costs_no_second_poll(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        let pid = item_of(&world, LENDER).await;
        let before = world.calls(LENDER, ITEM);
        assert_eq!(send(&world, LENDER, &item_updated("1", &pid)).await.unwrap(), WebhookResult::Accepted(1));
        world.settle().await;
        assert_eq!(world.calls(LENDER, ITEM), before + 1);
        assert_eq!(send(&world, LENDER, &item_updated("1", &pid)).await.unwrap(), WebhookResult::Duplicate);
        assert_eq!(world.settled().await.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(world.calls(LENDER, ITEM), before + 1);
    }

    async fn message_of_another_institution_is_refused_although_it_is_signed(world) {
        // Both institutions were given the same secret.
        with_webhook(&world, LENDER).await;
        with_webhook(&world, OTHER).await;
        world.place().await;
        let pid = item_of(&world, LENDER).await;
        let (before, version) = (all_calls(&world, LENDER), world.stored_version().await);
        let of = |id: &str, code: &str| {
            let mut message = item_updated(id, &pid);
            // Alma names the institution by its code (Alma Developer Network, "Webhooks").
            message["institution"] = json!({"value": code, "desc": "A university"});
            message
        };
        for (receiver, sender) in [(LENDER, OTHER), (OTHER, LENDER)] {
            let received = send(&world, receiver, &of("1", sender)).await;
            assert!(
                matches!(received, Err(WebhookError::Rejected(WebhookRejection::OtherInstitution))),
                "{received:?}"
            );
        }
        world.settle().await;
        assert_eq!((all_calls(&world, LENDER), world.stored_version().await), (before, version));
        assert_eq!(send(&world, LENDER, &of("1", LENDER)).await.unwrap(), WebhookResult::Accepted(1));
    }

    async fn replayed_message_has_no_second_effect(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        let (here, barcode) = (item_of(&world, BORROWER).await, world.virtual_barcode().await);
        world.at(BORROWER).lend(&barcode, PATRON, "MAIN", crate::world::DESK).unwrap();
        let loan = loan_of(&world, BORROWER, &here);
        let made = of_loan("1", "LOAN_CREATED", &loan, world.now());
        assert_eq!(send(&world, BORROWER, &made).await.unwrap(), WebhookResult::Accepted(1));
        until(&world, Status::Loaned).await;
        let state = async || {
            let timeline = world.engine.store().timeline(world.id).await.unwrap().len();
            (world.stored_version().await, timeline, all_calls(&world, BORROWER))
        };
        let before = state().await;
        for _ in 0..3 {
            let replayed = send(&world, BORROWER, &made).await.unwrap();
            assert!(matches!(replayed, WebhookResult::Duplicate | WebhookResult::Ignored), "{replayed:?}");
            world.settle().await;
            assert_eq!(state().await, before);
        }
        // The patron has returned the item since: the old message about the loan must not lend it once more.
        world.at(BORROWER).scan_in(&barcode, "MAIN", crate::world::DESK).unwrap();
        let back = of_loan("2", "LOAN_RETURNED", &loan, world.now());
        send(&world, BORROWER, &back).await.unwrap();
        until(&world, Status::ReturnTransit).await;
        let before = world.stored_version().await;
        // The hub has forgotten the message by then.
        world.clock.by_hours(25);
        let mut unit = world.engine.store().unit();
        unit.prune_messages(world.now() - jiff::SignedDuration::from_hours(24));
        world.engine.store().commit(unit).await.unwrap();
        send(&world, BORROWER, &made).await.unwrap();
        until(&world, Status::ReturnTransit).await;
        assert_eq!(world.stored_version().await, before);
    }

    async fn message_that_no_request_waits_for_costs_no_call(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        let before = world.calls(BORROWER, ITEM);
        let strange = json!({"id": "1", "action": "LOAN", "event": {"value": "LOAN_CREATED"},
            "item_loan": {"loan_id": "1", "item_id": "2"}});
        assert_eq!(send(&world, BORROWER, &strange).await.unwrap(), WebhookResult::Ignored);
        let marker = format!("[DCB-REQUEST:{}]", world.id);
        for (id, event) in [("2", "REQUEST_CREATED"), ("3", "REQUEST_PLACED_ON_SHELF")] {
            let known = json!({"id": id, "action": "REQUEST", "event": {"value": event},
                "user_request": {"request_id": "8", "comment": marker}});
            assert_eq!(send(&world, BORROWER, &known).await.unwrap(), WebhookResult::Ignored, "{event}");
        }
        assert_eq!(world.calls(BORROWER, ITEM), before);
    }

    async fn change_reported_during_a_poll_is_polled_once_more(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        // The poll reads the hold before the item is lent, and its answer is delayed.
        world.sim.arm(BORROWER, Fault::once(HOLDS, FaultKind::Delay { ms: 600, before: false })).unwrap();
        let before = world.calls(BORROWER, HOLDS);
        world.engine.poll_now(world.id).await.unwrap();
        let poll = tokio::spawn({
            let engine = std::sync::Arc::clone(&world.engine);
            async move { engine.step().await }
        });
        world.within_patience("the hold is read", || world.calls(BORROWER, HOLDS) > before).await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", crate::world::DESK).unwrap();
        let pid = item_of(&world, BORROWER).await;
        let made = json!({"id": "1", "action": "LOAN", "event": {"value": "LOAN_CREATED"},
            "item_loan": {"loan_id": "77", "item_id": pid}});
        assert_eq!(send(&world, BORROWER, &made).await.unwrap(), WebhookResult::Accepted(1));
        poll.await.unwrap();
        until(&world, Status::Loaned).await;
    }

    async fn forged_message_changes_nothing(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        let body = item_updated("1", &item_of(&world, LENDER).await).to_string();
        let before = world.calls(LENDER, ITEM);
        // Another library knows its own secret, and signs a message in the lender's name with it.
        world.engine.polling().set_webhook_secret(&OTHER.into(), &OF_ANOTHER.into(), store::Expected::Anything).await.unwrap();
        let of_another = world.lms(OTHER).sign_webhook(&OF_ANOTHER.into(), body.as_bytes());
        for signature in [None, Some("AAAA".to_owned()), Some(of_another)] {
            let received = world.engine.receive_webhook(&LENDER.into(), |_| signature, body.as_bytes()).await;
            assert!(matches!(received, Err(WebhookError::Rejected(WebhookRejection::InvalidSignature))), "{received:?}");
        }
        let elsewhere = world.engine.receive_webhook(&BORROWER.into(), |_| None, body.as_bytes()).await;
        assert!(matches!(elsewhere, Err(WebhookError::Rejected(WebhookRejection::InvalidSignature))), "{elsewhere:?}");
        assert_eq!(world.calls(LENDER, ITEM), before);
    }

    async fn lender_is_polled_as_without_webhook_until_it_has_sent_the_item(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        assert!(minutes_to_next(&world).await <= 60, "no message reports that the item was sent");
    }

    async fn institution_with_webhook_has_its_own_poll_interval(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::PickupTransit).await;
        assert_next_in(&world, A_DAY_OR_MORE).await;
    }

    async fn webhook_without_any_message_is_not_trusted(world) {
        world.engine.polling().set_webhook_secret(&BORROWER.into(), &SECRET.into(), store::Expected::Anything).await.unwrap();
        world.bring_to(Status::PickupTransit).await;
        assert_next_in(&world, 50..=60).await;
    }

    async fn removed_webhook_leaves_no_poll_waiting_for_it(world) {
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::PickupTransit).await;
        assert_next_in(&world, A_DAY_OR_MORE).await;
        world.engine.polling().remove_webhook(&BORROWER.into(), store::Expected::Anything).await.unwrap();
        assert_next_in(&world, 50..=120).await;
    }

    async fn changes_while_the_hub_was_down_are_polled_when_it_starts(world) {
        with_saved_searches(&world).await;
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::PickupTransit).await;
        world.settle().await;
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "MAIN", crate::world::DESK).unwrap();
        world.clock.by_hours(2);
        world.restart().await;
        until(&world, Status::ReadyForPickup).await;
        world.settle().await;
        let (_, missed) = world.engine.polling().webhook_status(&BORROWER.into()).await.unwrap();
        assert_eq!(missed, None, "the webhook is not to blame");
    }

    async fn list_that_could_not_be_read_when_the_hub_started_is_read_soon(world) {
        with_webhook(&world, BORROWER).await;
        world.place().await;
        world.settle().await;
        world.clock.by_hours(2);
        let broken = FaultKind::status(500);
        world.sim.arm(BORROWER, Fault::always(LIST, broken)).unwrap();
        let before = world.calls(BORROWER, LIST);
        world.restart().await;
        pass(&world, 0).await;
        assert!(world.calls(BORROWER, LIST) > before);
        world.sim.disarm(BORROWER).unwrap();
        let before = world.calls(BORROWER, LIST);
        pass(&world, 1).await;
        assert_eq!(world.calls(BORROWER, LIST), before + 1, "and not after days, as with a trusted webhook");
    }

    async fn messages_lost_while_the_store_failed_are_polled_for_when_it_recovers(world) {
        with_saved_searches(&world).await;
        with_webhook(&world, BORROWER).await;
        world.bring_to(Status::ReadyForPickup).await;
        world.settle().await;
        let closed = of_hold(&world, "1", "REQUEST_CLOSED", world.now()).await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", crate::world::DESK).unwrap();
        world.clock.by_hours(2);
        world.change_database("ALTER TABLE webhook_message RENAME TO elsewhere").await;
        assert!(matches!(send(&world, BORROWER, &closed).await, Err(WebhookError::Store(_))));
        world.change_database("ALTER TABLE elsewhere RENAME TO webhook_message").await;
        until(&world, Status::Loaned).await;
    }

    async fn lists_that_were_just_read_are_not_reread_when_the_hub_starts(world) {
        with_webhook(&world, LENDER).await;
        world.place().await;
        pass(&world, 4).await;
        let lists = world.calls(LENDER, LIST);
        world.restart().await;
        pass(&world, 0).await;
        assert_eq!(world.calls(LENDER, LIST), lists);
    }

    async fn message_that_is_lost_is_noticed_within_the_time_an_institution_wants_to_be_sure_of(world) {
        with_saved_searches(&world).await;
        for institution in [LENDER, BORROWER] {
            with_webhook(&world, institution).await;
            world.change_more(institution, "lost_message_detection_minutes", json!(60)).await;
        }
        world.place().await;
        let (staff, barcode, library) = world.supplier().await;
        let mut sent = item_updated("1", &item_of(&world, LENDER).await);
        sent["item"]["item_data"]["process_type"] = json!({"value": "TRANSIT"});
        staff.scan_in(&barcode, &library, crate::world::DESK).unwrap();
        send(&world, LENDER, &sent).await.unwrap();
        until(&world, Status::PickupTransit).await;

        let virtual_barcode = world.virtual_barcode().await;
        let here = world.at(BORROWER);
        here.scan_in(&virtual_barcode, "MAIN", crate::world::DESK).unwrap();
        within_an_hour(&world, Status::ReadyForPickup).await;
        here.lend(&virtual_barcode, PATRON, "MAIN", crate::world::DESK).unwrap();
        within_an_hour(&world, Status::Loaned).await;
        // An item that was loaned a day ago or longer is in transit because it was returned.
        pass(&world, 30).await;
        here.scan_in(&virtual_barcode, "MAIN", crate::world::DESK).unwrap();
        within_an_hour(&world, Status::ReturnTransit).await;
        staff.scan_in(&barcode, &library, crate::world::DESK).unwrap();
        within_an_hour(&world, Status::Finalised).await;
    }

    async fn webhook_that_says_nothing_for_days_is_not_counted_on(world) {
        with_webhook(&world, BORROWER).await;
        world.clock.by_hours(169);
        world.bring_to(Status::PickupTransit).await;
        assert_next_in(&world, 50..=60).await;
        let result = send(&world, BORROWER, &item_updated("1", "none")).await.unwrap();
        assert_eq!(result, WebhookResult::Ignored);
        world.engine.poll_now(world.id).await.unwrap();
        // The webhook receives messages again, and is trusted.
        assert_next_in(&world, A_DAY_OR_MORE).await;
    }

    async fn nothing_is_polled_while_the_library_is_closed(world) {
        // It is ten o'clock: the library opens in three hours.
        let (opens, closes) = (Some(jiff::civil::time(13, 0, 0, 0)), Some(jiff::civil::time(14, 0, 0, 0)));
        let calendar = lending::Calendar { opens, closes, ..lending::Calendar::default() };
        world.set_rules(BORROWER, "BORROW", lending::Rules { calendar, ..lending::Rules::default() }).await;
        world.bring_to(Status::PickupTransit).await;
        // Polls come an hour later if no library is closed.
        assert_next_in(&world, 110..=240).await;
    }
}
