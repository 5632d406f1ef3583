//! Workflows with other sides: local, pickup anywhere, own item elsewhere, expedited.

use alma_sim::presets;
use lending::{Outcome, Rules, Status, Workflow};

use crate::world::{BORROWER, DESK, LENDER, PATRON, PICKUP, World, both, copy};

pub(crate) async fn allows_visiting_pickup(world: &World) {
    world.set_rules(PICKUP, "PICK", Rules { allows_visiting_pickup: true, ..Rules::default() }).await;
}

/// Lends the item at the third library to the user who represents the patron there.
async fn lend_at_pickup(world: &World) {
    let request = world.request().await;
    let holder = request.holder(lending::Side::Pickup).unwrap().as_str().to_owned();
    world.at(PICKUP).lend(&world.virtual_barcode().await, &holder, "MAIN", DESK).unwrap();
    world.until(Status::Loaned).await;
}

/// Places a request with pickup at the third library, and brings it to a status.
pub(crate) async fn bring_to(world: &mut World, status: Status) {
    let mut placing = world.placing();
    placing.pickup_location = "PICK-MAIN".into();
    assert_eq!(world.place_as(placing).await.status, Status::RequestPlacedAtPickupAgency);
    while world.request().await.status != status {
        step(world).await;
    }
}

/// Makes the next step of the libraries for a request with pickup at the third library.
async fn step(world: &World) {
    match world.settled().await.status {
        Status::RequestPlacedAtPickupAgency => {
            world.dispatch().await;
        }
        Status::PickupTransit => {
            world.at(PICKUP).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
            world.until(Status::ReadyForPickup).await;
        }
        Status::ReadyForPickup => lend_at_pickup(world).await,
        Status::Loaned => {
            world.at(PICKUP).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
            world.until(Status::ReturnTransit).await;
        }
        _ => {
            world.bring_home().await;
        }
    }
}

/// Makes the libraries' steps until the request has ended, whatever its status.
pub(crate) async fn play_out(world: &World) {
    for _ in 0..8 {
        let status = world.settled().await.status;
        if status.is_ending() || status.is_final() {
            break;
        }
        step(world).await;
    }
    world.until_ended().await;
}

both! {
    async fn virtual_item_is_made_at_dispatch_where_the_agency_wants_it_so(world) {
        let rules = Rules { virtual_item_at_dispatch: true, ..Rules::default() };
        world.set_rules(BORROWER, "BORROW", rules).await;
        let request = world.place_as(world.placing()).await;
        assert_eq!(request.status, Status::Confirmed, "{:?}", request.attention);
        assert_eq!(world.calls(BORROWER, "POST /bibs"), 0);
        assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn own_copy_is_handed_off_with_the_real_patrons_hold(world) {
        world.set_rules(BORROWER, "BORROW", Rules { lends_to_own_patrons: true, ..Rules::default() }).await;
        let mut placing = world.placing();
        let barcode = presets::barcode(BORROWER, 'B', 3);
        placing.copies = vec![copy(BORROWER, &barcode)];
        let request = world.place_as(placing).await;
        assert_eq!((request.status, request.workflow), (Status::HandedOffAsLocal, Workflow::Local), "{:?}", request.refusal);
        let holds = world.at(BORROWER).requests();
        assert_eq!(holds.len(), 1);
        assert_eq!((holds[0].user.as_str(), holds[0].pickup_library.as_str()), (PATRON, "MAIN"));
        assert_eq!(world.calls(BORROWER, "POST /bibs"), 0, "no virtual records");
    }

    async fn pickup_anywhere_completes_its_lifecycle_over_three_libraries(world) {
        allows_visiting_pickup(&world).await;
        let mut placing = world.placing();
        placing.pickup_location = "PICK-MAIN".into();
        let request = world.place_as(placing).await;
        assert_eq!(request.status, Status::RequestPlacedAtPickupAgency, "{:?}", request.attention);
        world.dispatch().await;
        world.at(PICKUP).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        world.until(Status::ReadyForPickup).await;
        lend_at_pickup(&world).await;
        let home = world.at(BORROWER).loans();
        assert_eq!(home.len(), 1, "the loan is mirrored at home");
        assert_eq!(home[0].user, PATRON);
        assert_eq!(world.at(LENDER).loans().len(), 1);
        world.at(PICKUP).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        world.until(Status::ReturnTransit).await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
        assert!(world.at(BORROWER).loans().is_empty());
    }

    async fn own_item_is_collected_elsewhere(world) {
        allows_visiting_pickup(&world).await;
        world.set_rules(BORROWER, "BORROW", Rules { lends_to_own_patrons: true, ..Rules::default() }).await;
        let mut placing = world.placing();
        placing.pickup_location = "PICK-MAIN".into();
        placing.copies = vec![copy(BORROWER, &presets::barcode(BORROWER, 'M', 3))];
        let request = world.place_as(placing).await;
        assert_eq!(request.workflow, Workflow::OwnItemElsewhere);
        assert_eq!(request.status, Status::RequestPlacedAtPickupAgency, "{:?}", request.attention);
        world.dispatch().await;
        world.at(PICKUP).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        world.until(Status::ReadyForPickup).await;
        lend_at_pickup(&world).await;
        assert_eq!(world.at(BORROWER).loans()[0].user, PATRON, "at home it is the patron's own loan");
        world.at(PICKUP).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        world.until(Status::ReturnTransit).await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn expedited_request_is_on_loan_at_both_sides_and_ends_at_the_lenders_desk(world) {
        let mut placing = world.placing();
        placing.expedited = true;
        placing.pickup_location = "LEND-MAIN".into();
        placing.copies.truncate(1);
        let request = world.place_as(placing).await;
        assert_eq!((request.status, request.workflow), (Status::Loaned, Workflow::Expedited), "{:?}", request.attention);
        assert_eq!(world.at(LENDER).loans().len(), 1);
        assert_eq!(world.at(BORROWER).loans()[0].user, PATRON);
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
        assert!(world.at(BORROWER).loans().is_empty());
    }
}
