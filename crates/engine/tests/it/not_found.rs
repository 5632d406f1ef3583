//! A bare HTTP 404, as a gateway in front of Alma answers, proves nothing: the hub treats no record as absent because
//! of it.

use alma_sim::{Fault, FaultKind, Staff};
use lending::{Attention, CancelledBy, Command, ItemState, Outcome, Request, Status};

use crate::world::{BORROWER, LENDER, World, both, copy};

const HOLD: &str = "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}";
const HOLDS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const PLACING: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const ITEM: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const DELETION: &str = "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const ITEMS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items";
const BARCODE: &str = "GET /items";
const USER: &str = "GET /users/{user_id}";

/// Makes `call` answer with a gateway's 404, `times` times or until the fault is removed.
fn arm(world: &World, institution: &str, call: &str, times: Option<u64>, body: &str) {
    world.sim.arm(institution, Fault { times, ..Fault::always(call, FaultKind::bare(404, body)) }).unwrap();
}

fn our_holds(staff: &Staff) -> usize {
    let ours = |comment: &Option<String>| comment.as_deref().is_some_and(|text| text.contains("[DCB-REQUEST:"));
    staff.requests().iter().filter(|hold| ours(&hold.comment)).count()
}

fn asks_staff(request: &Request, code: &str) -> bool {
    matches!(&request.attention, Attention::NeedsStaff { code: shown, .. } if shown == code)
}

/// Lets the hub work until `holds`, without requesting polls.
async fn until(world: &World, what: &str, holds: impl Fn(&Request) -> bool) -> Request {
    let request = world.reaches(world.id, &holds).await;
    assert!(holds(&request), "{what}: {} {:?}", request.status, request.attention);
    request
}

async fn cancel(world: &World) {
    let asked = Command::Cancel { by: CancelledBy::Patron, reason: None };
    world.engine.execute_command(world.id, &asked, "test").await.unwrap();
}

both! {
    async fn lenders_hold_is_cancelled_although_a_gateway_answers_404_to_its_deletion(world) {
        for body in ["", "404 page not found"] {
            world.place().await;
            assert_eq!(our_holds(&world.at(LENDER)), 1);
            arm(&world, LENDER, HOLD, Some(1), body);
            cancel(&world).await;
            let ended = world.until_ended().await;
            assert_eq!((ended.status, ended.outcome), (Status::Finalised, Some(Outcome::Cancelled)));
            assert_eq!(our_holds(&world.at(LENDER)), 0, "{body:?}: the hold is open in Alma");
            world.assert_clean();
        }
    }

    async fn patrons_hold_is_cancelled_although_a_gateway_answers_404_to_its_deletion(world) {
        world.place().await;
        arm(&world, BORROWER, HOLD, Some(1), "");
        cancel(&world).await;
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }

    async fn hold_that_a_gateway_never_lets_be_cancelled_is_a_case_for_staff_and_ends_with_almas_answer(world) {
        world.place().await;
        arm(&world, LENDER, HOLD, None, "");
        cancel(&world).await;
        let asked = |request: &Request| asks_staff(request, "CANCEL_HOLD_AT_LENDER_UNEXPLAINED");
        let waiting = until(&world, "staff are not asked", asked).await;
        assert_eq!(waiting.status, Status::Cancelled, "it isn't final");
        assert!(waiting.supply.unwrap().hold.is_open(), "the hub knows that the hold is open");
        assert_eq!(our_holds(&world.at(LENDER)), 1);
        assert!(world.calls(LENDER, HOLDS) > 0, "the list of holds is read between two deletions");
        assert_eq!(world.engine.systems().down().len(), 0, "the institution isn't down");
        world.sim.disarm(LENDER).unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }

    async fn hold_that_is_gone_from_the_list_is_cancelled_whatever_a_gateway_answers(world) {
        let placed = world.place().await;
        arm(&world, LENDER, HOLD, None, "");
        world.at(LENDER).cancel(placed.supply.unwrap().hold.open().unwrap().id.as_str(), "CannotBeFulfilled").unwrap();
        cancel(&world).await;
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }

    async fn lender_is_not_passed_over_because_a_gateway_answers_404_to_reading_its_item(world) {
        for (call, times) in [(ITEM, 2), (BARCODE, 2)] {
            arm(&world, LENDER, call, Some(times), "404 page not found");
            let request = world.place().await;
            let supply = request.supply.unwrap();
            assert_eq!((supply.institution.as_str(), request.earlier_suppliers.len()), (LENDER, 0), "{call}");
            assert!(world.sim.calls(LENDER).unwrap().get(call).is_some_and(|calls| *calls > times), "{call}");
            cancel(&world).await;
            world.until_ended().await;
        }
    }

    async fn copy_whose_item_a_gateway_never_shows_is_read_from_the_list_of_its_record(world) {
        let item = world.at(LENDER).item(&world.barcode).unwrap();
        let mut named = copy(LENDER, &world.barcode);
        (named.bib, named.item, named.barcode) = (Some(item.mms_id.as_str().into()), Some(item.pid.as_str().into()), None);
        arm(&world, LENDER, ITEM, None, "");
        let mut placing = world.placing();
        placing.copies[0] = named;
        let request = world.place_as(placing).await;
        let supply = request.supply.unwrap();
        assert_eq!((supply.institution.as_str(), supply.copy.item.as_str()), (LENDER, item.pid.as_str()));
        assert!(world.calls(LENDER, ITEMS) > 0);
    }

    async fn copy_that_a_gateway_never_shows_is_a_case_for_staff_and_no_other_lender_is_asked(world) {
        arm(&world, LENDER, BARCODE, None, "");
        world.id = world.engine.place(world.placing(), "test").await.unwrap();
        let waiting =
            until(&world, "staff are not asked", |request| asks_staff(request, "CHOOSE_SUPPLIER_UNEXPLAINED")).await;
        assert_eq!((waiting.status, waiting.candidates.len()), (Status::PatronVerified, 2));
        world.sim.disarm(LENDER).unwrap();
        let request = world.settled().await;
        assert_eq!(request.supply.unwrap().institution.as_str(), LENDER);
    }

    async fn patron_is_not_unknown_because_a_gateway_answers_404(world) {
        arm(&world, BORROWER, USER, Some(2), "404 page not found");
        let request = world.place().await;
        assert_eq!((request.status, request.refusal), (Status::RequestPlacedAtBorrowingAgency, None));
    }

    async fn hold_whose_placing_a_gateway_answers_with_404_is_placed_once(world) {
        for institution in [LENDER, BORROWER] {
            arm(&world, institution, PLACING, Some(1), "");
        }
        let request = world.place().await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!((our_holds(&world.at(LENDER)), our_holds(&world.at(BORROWER))), (1, 1));
        assert_eq!(world.calls(LENDER, HOLDS), 1, "the holds are read before it is placed again");
        world.supply().await;
        world.assert_clean();
    }

    async fn hold_that_was_placed_and_answered_with_404_is_adopted(world) {
        for institution in [LENDER, BORROWER] {
            let lost = FaultKind::StatusAfter { status: 404, body: Some(String::new()) };
            world.sim.arm(institution, Fault::once(PLACING, lost)).unwrap();
        }
        world.place().await;
        assert_eq!((our_holds(&world.at(LENDER)), our_holds(&world.at(BORROWER))), (1, 1));
        assert_eq!(world.calls(LENDER, PLACING), 1);
        world.supply().await;
        world.assert_clean();
    }

    async fn virtual_item_is_deleted_although_a_gateway_answers_404_to_its_deletion(world) {
        for body in ["", "404 page not found"] {
            world.place().await;
            let before = world.calls(BORROWER, DELETION);
            arm(&world, BORROWER, DELETION, Some(1), body);
            world.supply().await;
            assert_eq!(world.calls(BORROWER, DELETION), before + 2, "{body:?}: it isn't deleted again");
            world.assert_clean();
            world.at(LENDER).item(&world.barcode).unwrap();
        }
    }

    async fn virtual_item_that_was_deleted_and_answered_with_404_is_gone(world) {
        world.place().await;
        let lost = FaultKind::StatusAfter { status: 404, body: Some("gone".to_owned()) };
        world.sim.arm(BORROWER, Fault::once(DELETION, lost)).unwrap();
        world.supply().await;
        assert_eq!(world.calls(BORROWER, DELETION), 1);
        world.assert_clean();
    }

    async fn virtual_item_is_not_taken_for_deleted_because_a_gateway_answers_404(world) {
        world.place().await;
        world.dispatch().await;
        let before = world.calls(BORROWER, ITEM);
        arm(&world, BORROWER, ITEM, Some(3), "404 page not found");
        for _ in 0..3 {
            world.engine.poll_now(world.id).await.unwrap();
            let now = world.settled().await;
            assert!(!matches!(now.attention, Attention::NeedsStaff { .. }), "{:?}", now.attention);
        }
        assert!(world.calls(BORROWER, ITEM) >= before + 3, "the item isn't read");
        let now = world.receive().await;
        assert_eq!((now.status, now.staff_case), (Status::ReadyForPickup, None));
    }

    async fn case_of_a_deleted_virtual_item_ends_with_the_next_poll_that_shows_it(world) {
        world.place().await;
        world.dispatch().await;
        let gone = FaultKind::Refuse { code: "401683".to_owned(), message: "No items can be found.".to_owned() };
        world.sim.arm(BORROWER, Fault::always(ITEM, gone)).unwrap();
        let asked = |request: &Request| asks_staff(request, "VIRTUAL_ITEM_DELETED_AT_BORROWER");
        world.until_it("the case for staff", asked).await;
        world.sim.disarm(BORROWER).unwrap();
        let now = world.until_it("the end of the case", |request| request.staff_case.is_none()).await;
        assert!(!matches!(now.attention, Attention::NeedsStaff { .. }), "{:?}", now.attention);
        assert!(now.borrower.item.is_open() && now.borrower.hold.is_open());
        world.receive().await;
        world.lend().await;
        world.end_batch_poll().await;
        world.bring_home().await;
        world.assert_clean();
    }

    async fn item_on_its_way_to_remote_storage_is_no_dispatch(world) {
        world.at(LENDER).set_behaviour(|alma| alma.first_request_status = alma_sim::FirstRequestStatus::InProcess);
        world.place().await;
        let (staff, barcode, _) = world.supplier().await;
        staff.mark(&barcode, alma_sim::Mark::ToRemoteStorage).unwrap();
        let state = ItemState::Unavailable("TRANSIT_TO_REMOTE_STORAGE".to_owned());
        let seen = |request: &Request| request.supply.as_ref().is_some_and(|supply| supply.item == state);
        let now = world.until_it("the item's state", seen).await;
        assert_eq!(now.status, Status::RequestPlacedAtBorrowingAgency);
        assert!(!now.is_dispatched());
        world.supply().await;
        world.assert_clean();
    }
}
