//! The lender's hold names the library where the patron collects, for the staff who send the item.

use alma_sim::{Fault, FaultKind};
use lending::{Command, Status};

use crate::workflows::allows_visiting_pickup;
use crate::world::{LENDER, World, both};

const UPDATE: &str = "PUT /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}";

fn comment(world: &World) -> String {
    world.at(LENDER).requests().remove(0).comment.unwrap()
}

async fn change_to_branch(world: &World) {
    let pickup = world.engine.store().pickup_location(&"BORROW-BRANCH".into()).await.unwrap().unwrap().location;
    world.ask(Command::ChangePickup { pickup }).await;
}

both! {
    async fn lenders_hold_names_the_pickup_library_and_follows_its_change(world) {
        world.place().await;
        assert!(comment(&world).contains("; pickup: BORROW MAIN"), "{}", comment(&world));
        let before = world.at(LENDER).requests().remove(0);
        change_to_branch(&world).await;
        let after = world.at(LENDER).requests().remove(0);
        assert!(comment(&world).contains("; pickup: BORROW BRANCH"), "{}", comment(&world));
        assert!(comment(&world).contains(&format!("[DCB-REQUEST:{}]", world.id)));
        assert_eq!((after.id, after.pickup_library), (before.id, before.pickup_library), "it is the same hold");
        assert_eq!(world.calls(LENDER, UPDATE), 1);
        world.dispatch().await;
    }

    async fn lenders_hold_names_a_pickup_library_of_a_third_institution(world) {
        allows_visiting_pickup(&world).await;
        let mut placing = world.placing();
        placing.pickup_location = "PICK-MAIN".into();
        world.place_as(placing).await;
        assert!(comment(&world).contains("; pickup: PICK MAIN"), "{}", comment(&world));
    }

    async fn lender_is_not_called_for_a_change_after_the_dispatch(world) {
        world.bring_to(Status::PickupTransit).await;
        change_to_branch(&world).await;
        assert_eq!(world.calls(LENDER, UPDATE), 0);
    }

    async fn refused_change_of_the_lenders_hold_is_noted_and_stops_nothing(world) {
        world.place().await;
        let refuse = FaultKind::Refuse { code: "60331".to_owned(), message: "General failure.".to_owned() };
        world.sim.arm(LENDER, Fault::once(UPDATE, refuse)).unwrap();
        change_to_branch(&world).await;
        let rows = world.engine.store().timeline(world.id).await.unwrap();
        let notes: Vec<String> = rows.into_iter().filter_map(|row| row.entry.note).collect();
        assert!(notes.iter().any(|note| note.contains("still names the earlier pickup library")), "{notes:?}");
        assert_eq!(world.request().await.staff_case, None);
        world.dispatch().await;
    }

    async fn change_of_the_lenders_hold_whose_answer_is_lost_is_made_once_more(world) {
        world.place().await;
        world.sim.arm(LENDER, Fault::once(UPDATE, FaultKind::DropAfter)).unwrap();
        change_to_branch(&world).await;
        world.until_it("the change", |request| !request.supply.as_ref().unwrap().pickup_outdated).await;
        assert!(comment(&world).contains("; pickup: BORROW BRANCH"), "{}", comment(&world));
    }
}
