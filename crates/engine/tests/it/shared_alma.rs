//! An Alma that several agencies share: which of them a patron belongs to, and where their virtual items are.

use alma_sim::User;
use lending::{AgencyEvidence, Request, Rules, Status};
use serde_json::json;
use store::Agency;

use crate::world::{BORROWER, DESK, LENDER, World, agency_of, both};

const NORTH: &str = "BORROW-NORTH";

/// Adds a second agency to the borrower's institution, and a patron of each campus.
async fn share(world: &World) {
    let north: Agency = agency_of(BORROWER, NORTH, Rules::default());
    let mut unit = world.engine.store().unit();
    unit.put_agency(&north).unwrap();
    world.engine.store().commit(unit).await.unwrap();
    world.engine.agency_changed().await.unwrap();
    for (patron, campus) in [("ann.south", "SOUTH"), ("nils.north", "NORTH"), ("wim.west", "WEST")] {
        let user = User::new(patron).campus(campus).expires("2039-12-31");
        world.at(BORROWER).add_user(&user).unwrap();
    }
}

async fn name_campuses(world: &World) {
    world.change_more(BORROWER, "campus_agencies", json!({"SOUTH": "BORROW", "NORTH": NORTH})).await;
}

async fn place_for(world: &mut World, agency: &str, patron: &str) -> Request {
    let mut placing = world.placing();
    placing.agency = agency.into();
    placing.patron = patron.into();
    world.place_as(placing).await
}

async fn notes(world: &World) -> String {
    let rows = world.engine.store().timeline(world.id).await.unwrap();
    rows.into_iter().filter_map(|row| row.entry.note).collect::<Vec<_>>().join("\n")
}

both! {
    async fn campus_decides_the_agency_and_a_caller_that_names_another_gets_the_right_one(world) {
        share(&world).await;
        name_campuses(&world).await;
        let refused = place_for(&mut world, "BORROW", "nils.north").await;
        let refusal = refused.refusal.unwrap();
        assert_eq!((refused.status, refusal.code.as_str()), (Status::Finalised, "PATRON_OF_OTHER_AGENCY"));
        assert_eq!(refusal.agency.map(|agency| agency.to_string()).as_deref(), Some(NORTH));
        assert!(refusal.explanation.contains(NORTH), "{}", refusal.explanation);
        assert!(world.sim.calls(LENDER).unwrap().is_empty(), "no lender is asked");

        let placed = place_for(&mut world, NORTH, "nils.north").await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.refusal);
        assert_eq!(placed.patron.verified.unwrap().agency, AgencyEvidence::Campus);
        assert!(!notes(&world).await.contains("caller"));
    }

    async fn campus_that_no_agency_is_named_for_is_refused(world) {
        share(&world).await;
        name_campuses(&world).await;
        for patron in ["wim.west", "jo.reader"] {
            let refusal = place_for(&mut world, "BORROW", patron).await.refusal.unwrap();
            assert_eq!(refusal.code, "PATRON_CAMPUS_UNMAPPED");
            assert!(refusal.explanation.contains("campus_agencies"), "{}", refusal.explanation);
        }
    }

    async fn without_a_table_of_campuses_the_caller_is_believed_and_the_audit_says_so(world) {
        share(&world).await;
        let placed = place_for(&mut world, "BORROW", "nils.north").await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(placed.patron.verified.unwrap().agency, AgencyEvidence::Caller);
        assert!(notes(&world).await.contains("the one that the caller named"), "{}", notes(&world).await);
    }

    async fn only_agency_of_an_institution_needs_no_evidence(world) {
        let placed = world.place().await;
        assert_eq!(placed.patron.verified.unwrap().agency, AgencyEvidence::OnlyAgency);
        assert!(!notes(&world).await.contains("caller"));
    }

    async fn agency_with_a_virtual_library_of_its_own_completes_the_lifecycle_there(world) {
        share(&world).await;
        name_campuses(&world).await;
        world.change_more(BORROWER, "virtual_libraries", json!({"BORROW-NORTH": "BRANCH/brstacks"})).await;
        let placed = place_for(&mut world, NORTH, "nils.north").await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        let item = world.at(BORROWER).item(&world.virtual_barcode().await).unwrap();
        assert_eq!((item.library.as_str(), item.location.as_str()), ("BRANCH", "brstacks"));
        world.dispatch().await;
        let item = world.at(BORROWER).item(&world.virtual_barcode().await).unwrap();
        assert_eq!((item.process_type.as_str(), item.transit_to.as_deref()), ("TRANSIT", Some("MAIN")));
        world.receive().await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, "nils.north", "MAIN", DESK).unwrap();
        world.until(Status::Loaned).await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(lending::Outcome::Supplied));
        world.assert_clean();
    }

    async fn other_agencies_share_the_virtual_library_of_the_institution(world) {
        share(&world).await;
        name_campuses(&world).await;
        world.change_more(BORROWER, "virtual_libraries", json!({"BORROW-NORTH": "BRANCH/brstacks"})).await;
        place_for(&mut world, "BORROW", "ann.south").await;
        assert_eq!(world.at(BORROWER).item(&world.virtual_barcode().await).unwrap().library, "DCB_LIB");
    }
}
