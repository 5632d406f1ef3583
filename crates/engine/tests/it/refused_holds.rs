//! Holds that Alma refuses with 401129, and the reason that the hub finds out.

use alma_sim::{Mark, presets};
use lending::{Attention, Request, RequestId, Status};
use lms::{Attempt, LenderHold};
use serde_json::json;

use crate::world::{BORROWER, DESK, LENDER, World, both, copy};

const OPTIONS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/request-options";
const PLACE: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

/// Returns the reason for which the first lender refused, and checks that Alma was asked for it once.
fn reason_of_lender(world: &World, request: &Request) -> String {
    let refusal = request.earlier_suppliers.first().map(|earlier| earlier.refusal.clone()).unwrap();
    assert_eq!(refusal.code, "401129");
    assert_eq!(world.calls(LENDER, OPTIONS), 1);
    refusal.explanation
}

/// Asks the adapter for a hold on an item, whatever its state. Returns the explanation of the refusal.
async fn refuse_at_lender(world: &World, barcode: &str) -> String {
    let item = world.at(LENDER).item(barcode).unwrap();
    let wanted = LenderHold {
        request: RequestId(uuid::Uuid::from_u128(7)),
        item: lms::ItemRef {
            bib: item.mms_id.as_str().into(),
            holding: item.holding_id.as_str().into(),
            item: item.pid.as_str().into(),
            barcode: None,
            agency: None,
        },
        holder: "sam.student".into(),
        library: "MAIN".into(),
        item_type: lending::ItemType("book".to_owned()),
        needed_until: None,
        pickup: None,
        volume: None,
        destination: None,
    };
    match world.lms(LENDER).place_lender_hold(&wanted, Attempt::Fresh).await {
        Err(lms::Error::Refused(refusal)) => refusal.explanation,
        other => panic!("it isn't refused: {other:?}"),
    }
}

both! {
    async fn refusal_names_the_rules_of_the_user_group(world) {
        world.at(LENDER).set_behaviour(|behaviour| {
            behaviour.rules.groups_without_holds.insert("DCB".to_owned());
        });
        let placed = world.place().await;
        let reason = reason_of_lender(&world, &placed);
        assert!(reason.contains("offer the user's group no hold on an item of the policy"), "{reason}");
        assert!(reason.contains("MAIN/stacks"), "{reason}");
    }

    async fn refusal_names_the_pickup_location(world) {
        // Alma's resource sharing library can't be the pickup library of a hold.
        world.change_settings(LENDER, "sharing_library", json!("RES_SHARE")).await;
        let placed = world.place().await;
        let reason = reason_of_lender(&world, &placed);
        assert!(reason.contains("the pickup location is the cause") && reason.contains("RES_SHARE"), "{reason}");
    }

    async fn refusal_names_the_state_of_the_item(world) {
        world.at(LENDER).mark(&world.barcode, Mark::Missing).unwrap();
        let reason = refuse_at_lender(&world, &world.barcode).await;
        assert!(reason.contains("can't be requested now: it is missing."), "{reason}");
    }

    async fn refusal_names_a_suppressed_record(world) {
        let item = world.at(LENDER).item(&world.barcode).unwrap();
        world.at(LENDER).suppress_bib(&item.mms_id, true).unwrap();
        world.at(LENDER).set_behaviour(|behaviour| {
            behaviour.rules.groups_without_holds.insert("UNDRGRD".to_owned());
        });
        let reason = refuse_at_lender(&world, &world.barcode).await;
        assert!(reason.contains("is suppressed from discovery"), "{reason}");
    }

    async fn reason_that_alma_does_not_give_leaves_the_refusal_as_it_is(world) {
        world.at(LENDER).mark(&world.barcode, Mark::Missing).unwrap();
        world.sim.arm(LENDER, alma_sim::Fault::always(OPTIONS, alma_sim::FaultKind::status(503))).unwrap();
        let reason = refuse_at_lender(&world, &world.barcode).await;
        assert!(reason.contains("No items can fulfill"), "{reason}");
    }

    async fn reason_at_the_borrower_is_asked_for_once_after_the_item_had_time_to_settle(world) {
        world.at(BORROWER).set_behaviour(|behaviour| {
            behaviour.rules.policies_without_holds.insert("DCB".to_owned());
        });
        let mut placing = world.placing();
        placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', 1))];
        world.id = world.engine.place(placing, "test").await.unwrap();
        let asks_staff = |request: &Request| matches!(request.attention, Attention::NeedsStaff { .. });
        let request = world.reaches(world.id, asks_staff).await;
        let Attention::NeedsStaff { explanation, .. } = &request.attention else { unreachable!() };
        assert!(explanation.contains("no hold on an item of the policy DCB at DCB_LIB/dcbvirtual"), "{explanation}");
        assert_eq!((world.calls(BORROWER, PLACE), world.calls(BORROWER, OPTIONS)), (6, 1));

        world.at(BORROWER).set_behaviour(|behaviour| behaviour.rules.policies_without_holds.clear());
        world.ask(lending::Command::Resume).await;
        assert_eq!(world.request().await.status, Status::RequestPlacedAtBorrowingAgency);
        world.at(LENDER).scan_in(&world.barcode, "MAIN", DESK).unwrap();
        world.until(Status::PickupTransit).await;
    }
}
