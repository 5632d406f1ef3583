//! What would stop a request later is found when it is placed.

use alma_sim::{Fault, FaultKind};
use engine::NewRequest;
use lending::{Outcome, Status};
use serde_json::json;

use crate::workflows::allows_visiting_pickup;
use crate::world::{BORROWER, LENDER, OTHER, PICKUP, both, copy};

const DESKS: &str = "GET /conf/libraries/{library}/circ-desks/{desk}";

both! {
    async fn pickup_library_without_a_hold_shelf_is_refused_before_a_lender_is_asked(world) {
        world.add_pickup_location(BORROWER, "BORROW", "NOSHELF").await;
        let placing = NewRequest { pickup_location: "BORROW-NOSHELF".into(), ..world.placing() };
        let request = world.place_as(placing).await;
        let refusal = request.refusal.unwrap();
        assert_eq!((refusal.code.as_str(), request.status), ("PICKUP_WITHOUT_HOLD_SHELF", Status::Finalised));
        assert_eq!(request.outcome, Some(Outcome::Cancelled));
        assert!(refusal.explanation.contains("BORROW NOSHELF"), "{}", refusal.explanation);
        assert!(world.sim.calls(LENDER).unwrap().is_empty());
    }

    async fn pickup_library_of_another_institution_without_a_hold_shelf_is_refused(world) {
        allows_visiting_pickup(&world).await;
        world.add_pickup_location(PICKUP, "PICK", "NOSHELF").await;
        let placing = NewRequest { pickup_location: "PICK-NOSHELF".into(), ..world.placing() };
        assert_eq!(world.place_as(placing).await.refusal.unwrap().code, "PICKUP_WITHOUT_HOLD_SHELF");
    }

    async fn hold_shelf_is_read_once_a_day(world) {
        for (number, hours, calls) in [(1, 0, 1), (2, 23, 1), (3, 2, 2)] {
            world.clock.by_hours(hours);
            let copies = vec![copy(OTHER, &alma_sim::presets::barcode(OTHER, 'M', number))];
            let request = world.place_as(NewRequest { copies, ..world.placing() }).await;
            assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", request.refusal);
            assert_eq!(world.calls(BORROWER, DESKS), calls);
        }
    }

    async fn hold_shelf_that_cannot_be_read_is_no_reason_to_refuse(world) {
        let refuse = FaultKind::Refuse { code: "UNAUTHORIZED".to_owned(), message: "not allowed".to_owned() };
        world.sim.arm(BORROWER, Fault::once(DESKS, refuse)).unwrap();
        let request = world.place().await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", request.refusal);
    }

    async fn item_type_that_the_borrower_does_not_map_is_refused_before_anything_is_made(world) {
        world.change_more(BORROWER, "material_types", json!({"map": "BOOK"})).await;
        let request = world.place().await;
        let refusal = request.refusal.unwrap();
        assert_eq!((refusal.code.as_str(), request.status), ("ITEM_TYPE_UNMAPPED_AT_BORROWER", Status::Finalised));
        assert!(refusal.explanation.contains(BORROWER) && refusal.explanation.contains("\"book\""), "{}", refusal.explanation);
        assert_eq!(refusal.other_refusals.len(), 1, "the reason of each copy is kept");
        assert_eq!(world.calls(BORROWER, "POST /bibs"), 0);
        assert!(world.at(LENDER).requests().is_empty());
    }

    async fn patron_type_that_the_pickup_library_does_not_map_is_refused_before_anything_is_made(world) {
        allows_visiting_pickup(&world).await;
        world.change_more(PICKUP, "user_groups", json!({"staff": "DCB"})).await;
        let placing = NewRequest { pickup_location: "PICK-MAIN".into(), ..world.placing() };
        let refusal = world.place_as(placing).await.refusal.unwrap();
        assert_eq!(refusal.code, "PATRON_TYPE_UNMAPPED_AT_LENDER");
        assert!(refusal.explanation.contains(PICKUP), "{}", refusal.explanation);
        assert!(world.at(LENDER).requests().is_empty());
    }

    async fn lender_that_does_not_map_the_patron_type_is_passed_over_without_a_call_that_changes_something(world) {
        world.change_more(LENDER, "user_groups", json!({"staff": "DCB"})).await;
        let request = world.place().await;
        assert_eq!(request.supply.unwrap().institution.as_str(), OTHER);
        assert_eq!(world.calls(LENDER, "POST /users"), 0);
    }

    async fn collection_at_the_lender_is_refused_unless_the_patron_is_there(world) {
        let copies = vec![copy(LENDER, &world.barcode)];
        let placing = NewRequest { pickup_location: "LEND-MAIN".into(), copies, ..world.placing() };
        let Err(engine::Error::Invalid(problems)) = world.engine.place(placing.clone(), "test").await else {
            panic!("it was placed");
        };
        assert_eq!((problems[0].code, problems[0].field.as_str()), ("PICKUP_AT_LENDER", "pickup_location"));
        assert!(problems[0].message.contains("expedited"), "{}", problems[0].message);
        let request = world.place_as(NewRequest { expedited: true, ..placing }).await;
        assert_eq!(request.status, Status::Loaned, "{:?}", request.refusal);
    }
}
