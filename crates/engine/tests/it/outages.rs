//! Outages of a library's system, and their effect on other institutions.

use alma_sim::{ApiKey, BadKey, Fault, FaultKind, presets};
use lending::{Attention, Outcome, Status, WaitingOn};
use lms::Outage;

use crate::world::{LENDER, OTHER, PATRON, World, both, copy, key};

/// Places requests for copies of the lender, one for each barcode.
async fn place_some(world: &mut World, count: usize) -> Vec<lending::RequestId> {
    let mut ids = Vec::new();
    for number in 1..=count {
        let mut placing = world.placing();
        placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', number))];
        ids.push(world.engine.place(placing, "test").await.unwrap());
    }
    ids
}

async fn until_all(world: &World, ids: &[lending::RequestId], status: Status) {
    for id in ids {
        world.reaches(*id, |request| request.status == status && request.in_flight.is_none()).await;
    }
}

fn all_calls(world: &World, institution: &str) -> u64 {
    world.sim.calls(institution).unwrap().values().sum()
}

async fn until_down(world: &World) -> engine::Down {
    for _ in 0..40 {
        world.settle().await;
        if let Some((institution, down)) = world.engine.systems().down().into_iter().next() {
            assert_eq!(institution.as_str(), LENDER);
            return down;
        }
    }
    panic!("the lender's system does not count as down");
}

both! {
    async fn requests_wait_visibly_while_the_lenders_system_is_down_and_go_on_by_themselves(world) {
        world.sim.arm(LENDER, Fault::always("*", FaultKind::status(503))).unwrap();
        let ids = place_some(&mut world, 6).await;
        let down = until_down(&world).await;
        assert_eq!(down.outage, Outage::Unreachable);
        for id in &ids {
            let waits = |request: &lending::Request| {
                matches!(&request.attention, Attention::Waiting { on: WaitingOn::LenderSystem, next_try: Some(_), .. })
            };
            world.reaches(*id, waits).await;
        }
        world.sim.disarm(LENDER).unwrap();
        until_all(&world, &ids, Status::RequestPlacedAtBorrowingAgency).await;
        assert!(world.engine.systems().down().is_empty());
    }

    async fn outage_of_a_day_ends_without_staff(world) {
        world.sim.arm(LENDER, Fault::always("*", FaultKind::status(503))).unwrap();
        let ids = place_some(&mut world, 6).await;
        until_down(&world).await;
        world.clock.by_hours(24);
        world.sim.disarm(LENDER).unwrap();
        until_all(&world, &ids, Status::RequestPlacedAtBorrowingAgency).await;
    }

    async fn an_outage_is_asked_after_by_one_call_at_a_time(world) {
        world.sim.arm(LENDER, Fault::always("*", FaultKind::status(503))).unwrap();
        let ids = place_some(&mut world, 8).await;
        until_down(&world).await;
        let before = all_calls(&world, LENDER);
        for id in &ids {
            world.engine.poll_now(*id).await.unwrap();
        }
        // The pauses limit the number of probes: the longest is 100 ms, and the client repeats a failed read.
        world.settle().await;
        let probes = all_calls(&world, LENDER) - before;
        assert!(probes <= 300, "{probes} calls in three seconds to a system that is down");
        world.sim.disarm(LENDER).unwrap();
        until_all(&world, &ids, Status::RequestPlacedAtBorrowingAgency).await;
    }

    async fn other_institutions_go_on_while_one_is_down(world) {
        world.sim.arm(LENDER, Fault::always("*", FaultKind::status(503))).unwrap();
        let waiting = place_some(&mut world, 8).await;
        until_down(&world).await;
        let mut placing = world.placing();
        placing.copies = vec![copy(OTHER, &presets::barcode(OTHER, 'M', 11))];
        let request = world.place_as(placing).await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(world.engine.store().request(waiting[0]).await.unwrap().unwrap().request.supply, None);
    }

    async fn a_refused_key_pauses_the_institution_and_a_new_one_is_used_at_once(world) {
        world.sim.revoke_key(&key(LENDER));
        let ids = place_some(&mut world, 3).await;
        let down = until_down(&world).await;
        assert_eq!(down.outage, Outage::KeyRefused);
        assert!(down.reason.contains("API key"), "{}", down.reason);
        // Without help the hub would retry only after minutes.
        assert!(down.next_try.duration_since(world.now()).as_secs() > 200);
        world.sim.add_key(LENDER, ApiKey::new(&key(LENDER))).unwrap();
        world.change_settings(LENDER, "calls_per_second", serde_json::json!(1000)).await;
        until_all(&world, &ids, Status::RequestPlacedAtBorrowingAgency).await;
    }

    async fn key_that_a_gateway_answers_with_403_is_a_refused_key(world) {
        for bad_key in [BadKey::Forbidden, BadKey::InvalidRequest] {
            world.at(LENDER).set_behaviour(|behaviour| behaviour.bad_key = bad_key);
            world.sim.revoke_key(&key(LENDER));
            let id = place_some(&mut world, 1).await[0];
            let down = until_down(&world).await;
            assert_eq!(down.outage, Outage::KeyRefused, "{bad_key:?}");
            assert!(down.reason.contains("doesn't accept the hub's API key"), "{}", down.reason);
            world.sim.add_key(LENDER, ApiKey::new(&key(LENDER))).unwrap();
            world.change_settings(LENDER, "calls_per_second", serde_json::json!(1000)).await;
            until_all(&world, &[id], Status::RequestPlacedAtBorrowingAgency).await;
            world.id = id;
            world.engine.cancel(id, lending::CancelledBy::Patron, None, "test").await.unwrap();
            world.until_ended().await;
        }
    }

    async fn a_request_of_an_outage_ends_as_any_other(world) {
        world.place().await;
        world.dispatch().await;
        world.sim.arm(LENDER, Fault::always("*", FaultKind::DropBefore)).unwrap();
        world.receive().await;
        world.at(crate::world::BORROWER)
            .lend(&world.virtual_barcode().await, PATRON, "MAIN", crate::world::DESK)
            .unwrap();
        world.engine.poll_now(world.id).await.unwrap();
        until_down(&world).await;
        world.sim.disarm(LENDER).unwrap();
        world.until(Status::Loaned).await;
        world.end_batch_poll().await;
        let ended = world.bring_home().await;
        assert_eq!(ended.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }
}
