//! Lenders' lists of what waits at their desks.

use alma_sim::presets;
use lending::{RequestId, Status};

use crate::world::{LENDER, World, both, copy};

const LIST: &str = "GET /task-lists/requested-resources";
const ITEM: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";

/// Requests for copies of the lender, placed and waiting at its desk.
async fn waiting(world: &mut World, count: usize) -> Vec<RequestId> {
    let mut ids = Vec::new();
    for number in 1..=count {
        let mut placing = world.placing();
        placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', number))];
        assert_eq!(world.place_as(placing).await.status, Status::RequestPlacedAtBorrowingAgency);
        ids.push(world.id);
    }
    ids
}

/// Lets the hub's time pass until all looks are due, and waits until `made` of them are.
async fn looked(world: &World, made: impl Fn(&World) -> bool) {
    world.clock.by_hours(2);
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !made(world) {
        assert!(tokio::time::Instant::now() < patience, "the looks are not made");
        tokio::task::yield_now().await;
    }
}

both! {
    async fn holds_that_wait_at_a_desk_are_followed_by_one_call_for_all_of_them(world) {
        let ids = waiting(&mut world, 6).await;
        let lists = |world: &World| world.calls(LENDER, LIST);
        let (list, items) = (lists(&world), world.calls(LENDER, ITEM));
        looked(&world, |world| lists(world) > list).await;

        world.id = ids[3];
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, crate::world::DESK).unwrap();
        looked(&world, |world| world.calls(LENDER, ITEM) > items).await;
        let sent = |request: &lending::Request| request.is_dispatched();
        let stored = world.engine.wait(world.id, std::time::Duration::from_secs(20), sent).await.unwrap();
        assert!(sent(&stored.request));
        assert_eq!((lists(&world), world.calls(LENDER, ITEM)), (list + 2, items + 1), "the other five were not read");
    }

    async fn lender_without_a_list_is_looked_at_item_by_item(world) {
        waiting(&mut world, 2).await;
        let refuse = alma_sim::FaultKind::Refuse { code: "40166414".to_owned(), message: "Not allowed.".to_owned() };
        world.sim.arm(LENDER, alma_sim::Fault::always(LIST, refuse)).unwrap();
        let items = world.calls(LENDER, ITEM);
        looked(&world, |world| world.calls(LENDER, ITEM) == items + 2).await;
    }
}
