//! The choice of the supplier from the policy and the rules of the agencies to the hold at the lender.

use alma_sim::{Fault, FaultKind};
use lending::supplier::{Coordinates, Criterion, Place, ReasonCode, SupplierPolicy};
use lending::{CopyState, Outcome, Request, RequestId, Rules, Status, Supply, example};
use uuid::Uuid;

use crate::titles::{catalogue, for_the_title};
use crate::world::{BORROWER, LENDER, OTHER, World, both};

const PLACE_HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

async fn set_policy(world: &World, criterion: Criterion) {
    let policy = SupplierPolicy { criteria: vec![criterion], ..SupplierPolicy::default() };
    let store = world.engine.store();
    let known = store.supplier_policy().await.unwrap().version;
    let mut unit = store.unit();
    unit.put_supplier_policy(&policy, known, "test", world.now()).unwrap();
    store.commit(unit).await.unwrap();
    world.engine.supplier_policy_changed().await.unwrap();
}

async fn set_latitude(world: &World, institution: &str, agency: &str, latitude: f64) {
    let place = Place { region: None, coordinates: Coordinates::new(latitude, 8.0) };
    world.set_rules(institution, agency, Rules { place, ..Rules::default() }).await;
}

/// Stores a request of somebody else that an institution supplies, without any work for it.
async fn insert_supplied(world: &World, number: u128, institution: &str, status: Status) {
    let mut request = Request {
        id: RequestId(Uuid::from_u128(number + 100)),
        placed_at: world.now(),
        status,
        outcome: (status == Status::Finalised).then_some(Outcome::Supplied),
        supply: Some(Supply::new(institution.into(), example::copy(&format!("9{number}")))),
        ..example::placed()
    };
    request.patron.identifier = format!("someone-{number}").as_str().into();
    let mut unit = world.engine.store().unit();
    unit.insert_request(&request, &[], world.now()).unwrap();
    world.engine.store().commit(unit).await.unwrap();
}

fn lender(request: &Request) -> &str {
    request.supply.as_ref().map_or("none", |supply| supply.institution.as_str())
}

/// Returns the codes of the reasons against copies in the last choice.
async fn reasons_against(world: &World) -> Vec<ReasonCode> {
    let choices = world.engine.store().choices_of(world.id).await.unwrap();
    choices.last().unwrap().record.choice.left_out.iter().map(|copy| copy.reason.code).collect()
}

both! {
    async fn nearer_lender_is_asked_first_and_the_farther_one_when_it_refuses(world) {
        catalogue(&world);
        set_policy(&world, Criterion::Distance { step_km: 5 }).await;
        set_latitude(&world, LENDER, "LEND", 47.1).await;
        set_latitude(&world, OTHER, "OTHER", 45.0).await;
        set_latitude(&world, BORROWER, "BORROW", 47.0).await;
        let refuse = FaultKind::Refuse { code: "401129".to_owned(), message: "No items can fulfill.".to_owned() };
        world.sim.arm(LENDER, Fault::once(PLACE_HOLD, refuse)).unwrap();
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        assert_eq!((lender(&placed), placed.earlier_suppliers[0].institution.as_str()), (OTHER, LENDER));
        let choices = world.engine.store().choices_of(world.id).await.unwrap();
        assert_eq!((choices.len(), choices[0].policy), (1, 1), "the second copy is on the first list");
        let words = &choices[0].record.choice.ranked[0].reason.explanation;
        assert!(words.contains("distance (11 km against 222 km)"), "{words}");
    }

    async fn changed_policy_applies_to_the_next_request(world) {
        catalogue(&world);
        for (first, second) in [(47.1, 45.0), (45.0, 47.1)] {
            set_policy(&world, Criterion::Distance { step_km: 5 }).await;
            set_latitude(&world, BORROWER, "BORROW", 47.0).await;
            set_latitude(&world, LENDER, "LEND", first).await;
            set_latitude(&world, OTHER, "OTHER", second).await;
            let placed = world.place_as(for_the_title(&world)).await;
            assert_eq!(lender(&placed), if first > second { LENDER } else { OTHER });
            world.ask(lending::Command::Cancel { by: lending::CancelledBy::Staff, reason: None }).await;
            world.until_ended().await;
        }
        assert_eq!(world.engine.store().choices_of(world.id).await.unwrap()[0].policy, 2);
    }

    async fn lender_that_has_lent_less_is_asked_first(world) {
        catalogue(&world);
        set_policy(&world, Criterion::Balance { days: 30, step: 2 }).await;
        for (number, institution) in (0..5).map(|number| (number, LENDER)).chain([(5, OTHER)]) {
            insert_supplied(&world, number, institution, Status::Finalised).await;
        }
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!(lender(&placed), OTHER);
        let choices = world.engine.store().choices_of(world.id).await.unwrap();
        assert_eq!(choices[0].record.choice.ranked[0].values[0].words, "lent 1, borrowed 0");
    }

    async fn lender_at_its_limit_or_suspended_is_skipped(world) {
        catalogue(&world);
        let limited = Rules { most_open_supplies: Some(1), ..Rules::default() };
        world.set_rules(LENDER, "LEND", limited).await;
        let suspended = Rules { suspended_until: Some("2099-12-31".parse().unwrap()), ..Rules::default() };
        world.set_rules(OTHER, "OTHER", suspended).await;
        insert_supplied(&world, 1, LENDER, Status::Completed).await;
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!((lender(&placed), reasons_against(&world).await), (LENDER, vec![ReasonCode::LenderSuspended]));
        world.ask(lending::Command::Cancel { by: lending::CancelledBy::Staff, reason: None }).await;
        world.until_ended().await;

        insert_supplied(&world, 2, LENDER, Status::Loaned).await;
        let placed = world.place_as(for_the_title(&world)).await;
        assert_eq!(lender(&placed), "none", "{:?}", placed.attention);
        let reasons = reasons_against(&world).await;
        assert_eq!(reasons, [ReasonCode::LenderAtLimit, ReasonCode::LenderSuspended]);
    }

    async fn volume_that_one_library_has_is_asked_for_there(world) {
        let catalogue = catalogue(&world);
        catalogue.set_volume(LENDER, "v.2");
        catalogue.set_volume(OTHER, "Bd. 3");
        let mut wish = for_the_title(&world);
        wish.title.as_mut().unwrap().volume = Some("Vol. 3".to_owned());
        world.place_as(wish).await;
        assert_eq!(reasons_against(&world).await, [ReasonCode::VolumeNotFound]);
        let choices = world.engine.store().choices_of(world.id).await.unwrap();
        let record = &choices[0].record;
        assert_eq!(record.best_of(&record.choice).unwrap().institution.as_str(), OTHER);
    }

    async fn nothing_is_available_so_the_request_waits_where_the_lender_allows_it(world) {
        let catalogue = catalogue(&world);
        for institution in [LENDER, OTHER] {
            catalogue.set_state(institution, &CopyState::Lent { due: None });
        }
        world.set_rules(OTHER, "OTHER", Rules { longest_queue: Some(3), ..Rules::default() }).await;
        world.place_as(for_the_title(&world)).await;
        let choices = world.engine.store().choices_of(world.id).await.unwrap();
        let record = &choices[0].record;
        assert!(record.choice.queued);
        assert_eq!(record.best_of(&record.choice).unwrap().institution.as_str(), OTHER);
        assert_eq!(record.choice.left_out[0].reason.code, ReasonCode::QueueNotAllowed);
    }
}
