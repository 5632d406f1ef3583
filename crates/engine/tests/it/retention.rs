//! Patrons' data is erased: some time after the end of a request, and when the patron wants it.

use engine::{ErasedPatron, StillNeeded};
use lending::{ANONYMOUS, CancelledBy, KeptFor, Outcome, RequestId, Status};
use store::ERASED;

use crate::world::{BORROWER, LENDER, World, both};

const DELETED: &str = "DELETE /users/{user_id}";
const DAY: i64 = 24;

/// Places a request and cancels it with a reason. Returns its virtual patron's id at the lender.
async fn cancelled(world: &mut World) -> String {
    world.place().await;
    let reason = Some("Jo Reader has bought the book".to_owned());
    world.engine.cancel(world.id, CancelledBy::Patron, reason, "test").await.unwrap();
    let ended = world.until_ended().await;
    ended.supply.unwrap().virtual_patron.unwrap().as_str().to_owned()
}

async fn after_days(world: &World, days: i64) {
    world.clock.by_hours(days * DAY);
    world.settle().await;
}

async fn notes(world: &World, id: RequestId) -> Vec<String> {
    let rows = world.engine.store().timeline(id).await.unwrap();
    rows.into_iter().filter_map(|row| row.entry.note).collect()
}

/// Checks that nothing of the patron is left in the request, and that its audit is whole.
async fn assert_erased(world: &World) {
    let stored = world.engine.store().request(world.id).await.unwrap().unwrap();
    let document = serde_json::to_string(&stored.request).unwrap();
    for personal in ["jo.reader", "Jo Reader", "dcb-"] {
        assert!(!document.contains(personal), "{personal}: {document}");
    }
    assert_eq!(stored.request.patron.identifier.as_str(), ANONYMOUS);
    assert!(stored.request.anonymised_at.is_some());
    let patron = world.placing().patron;
    assert!(world.engine.store().requests_of_patron(&BORROWER.into(), &patron).await.unwrap().is_empty());
    let notes = notes(world, world.id).await;
    assert!(!notes.is_empty() && notes.iter().all(|note| note == ERASED), "{notes:?}");
    let verified = world.engine.store().verify_audit(Some(world.id)).await.unwrap();
    assert!(verified.faults.is_empty() && verified.entries > 3, "{verified:?}");
}

both! {
    async fn data_is_erased_after_its_time_and_the_audit_stays_whole(world) {
        let user = cancelled(&mut world).await;
        assert!(notes(&world, world.id).await.iter().any(|note| note.contains("Jo Reader")));
        after_days(&world, 89).await;
        assert_eq!(world.request().await.anonymised_at, None);
        assert_eq!(world.calls(LENDER, DELETED), 0);

        after_days(&world, 2).await;
        assert_erased(&world).await;
        let request = world.request().await;
        assert_eq!((request.status, request.outcome), (Status::Finalised, Some(Outcome::Cancelled)), "statistics stay");
        assert_eq!(request.supply.unwrap().institution.as_str(), LENDER);
        assert!(request.patron.verified.is_some_and(|patron| patron.patron_type.0 == "undergraduate"));
        assert_eq!(world.calls(LENDER, DELETED), 1, "the virtual patron is gone");
        assert!(!world.has_user(LENDER, &user));

        // The hub makes the virtual patron anew for the next request.
        after_days(&world, 1).await;
        assert_eq!(world.calls(LENDER, DELETED), 1, "and is not removed twice");
        let next = world.place().await;
        assert_eq!(next.supply.unwrap().virtual_patron.unwrap().as_str(), user);
        assert!(world.has_user(LENDER, &user));
    }

    async fn open_request_is_kept_however_old_it_is(world) {
        world.bring_to(Status::Loaned).await;
        after_days(&world, 400).await;
        let request = world.request().await;
        assert_eq!((request.status, request.anonymised_at), (Status::Loaned, None));
        assert_eq!(world.calls(LENDER, DELETED), 0);
    }

    async fn virtual_patron_that_the_library_still_needs_is_kept_and_stops_nothing(world) {
        let user = cancelled(&mut world).await;
        let item = world.request().await.supply.unwrap().copy.item;
        world.place_marked_hold(LENDER, &user, item.as_str(), "SHARING");
        after_days(&world, 91).await;
        assert_erased(&world).await;
        assert_eq!(world.calls(LENDER, DELETED), 0, "the user has a request");
        assert!(world.has_user(LENDER, &user));
        let reads = world.calls(LENDER, "GET /users/{user_id}");
        after_days(&world, 1).await;
        assert_eq!(world.calls(LENDER, "GET /users/{user_id}"), reads, "it is left alone for a week");

        world.cancel_holds(LENDER, &user);
        after_days(&world, 8).await;
        assert_eq!(world.calls(LENDER, DELETED), 1);
        assert!(!world.has_user(LENDER, &user));
    }

    async fn user_that_is_not_the_hubs_is_never_removed(world) {
        let user = cancelled(&mut world).await;
        world.replace_user(LENDER, &user, "external_id", "SIS");
        let deleted = world.calls(LENDER, DELETED);
        after_days(&world, 91).await;
        assert_eq!(world.calls(LENDER, DELETED), deleted);
        assert!(world.has_user(LENDER, &user));
    }

    async fn library_that_gives_no_service_delays_the_removal_only(world) {
        let user = cancelled(&mut world).await;
        world.sim.arm(LENDER, alma_sim::Fault::always("GET /users/{user_id}", alma_sim::FaultKind::Status { status: 503, body: None })).unwrap();
        after_days(&world, 91).await;
        assert_erased(&world).await;
        world.sim.disarm(LENDER).unwrap();
        assert!(world.has_user(LENDER, &user));
        after_days(&world, 1).await;
        assert!(!world.has_user(LENDER, &user));
    }

    async fn patron_is_erased_on_request_unless_a_request_is_open(world) {
        world.place().await;
        let (home, agency, patron) = (BORROWER.into(), "BORROW".into(), world.placing().patron);
        let erase = async || world.engine.erase_patron(&home, &agency, &patron, "test").await.unwrap();
        assert_eq!(erase().await, Err(StillNeeded(vec![(world.id, KeptFor::OpenRequest)])));
        assert_eq!(world.request().await.patron.identifier, patron, "nothing is erased");
        world.engine.cancel(world.id, CancelledBy::Patron, Some("Jo Reader is ill".to_owned()), "test").await.unwrap();
        let user = world.until_ended().await.supply.unwrap().virtual_patron.unwrap();

        let data = world.engine.patron_data(&home, &agency, &patron).await.unwrap();
        assert_eq!((data.requests.len(), data.virtual_patrons.len()), (1, 1));
        let ids: Vec<_> = data.virtual_patrons.iter().map(|known| (known.institution.as_str(), &known.id)).collect();
        assert_eq!(ids, [(LENDER, &user)]);
        let removed = ErasedPatron { requests: 1, virtual_patrons_removed: 1, virtual_patrons_left: 0 };
        assert_eq!(erase().await, Ok(removed));
        assert_erased(&world).await;
        assert!(!world.has_user(LENDER, user.as_str()));
        let data = world.engine.patron_data(&home, &agency, &patron).await.unwrap();
        assert!(data.requests.is_empty() && data.virtual_patrons.is_empty());
        assert_eq!(erase().await, Ok(ErasedPatron::default()), "there is nothing more to erase");
    }

    async fn virtual_patron_that_stays_after_an_erasure_is_removed_when_the_library_allows_it(world) {
        let user = cancelled(&mut world).await;
        let item = world.request().await.supply.unwrap().copy.item;
        world.place_marked_hold(LENDER, &user, item.as_str(), "SHARING");
        let (home, agency, patron) = (BORROWER.into(), "BORROW".into(), world.placing().patron);
        let erased = world.engine.erase_patron(&home, &agency, &patron, "test").await.unwrap();
        assert_eq!(erased, Ok(ErasedPatron { requests: 1, virtual_patrons_removed: 0, virtual_patrons_left: 1 }));
        world.cancel_holds(LENDER, &user);
        after_days(&world, 8).await;
        assert!(!world.has_user(LENDER, &user));
    }
}
