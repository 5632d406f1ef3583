//! Answers with parts that can't be read.

use alma_sim::{Fault, FaultKind, presets};
use lending::{Attention, CopyRef, Outcome, Request, Status, WaitingOn};
use serde_json::{Value, json};

use crate::batch_polls::{pass, waiting};
use crate::world::{BORROWER, DESK, LENDER, OTHER, PATRON, World, both, copy};

const USER: &str = "GET /users/{user_id}";
const ITEMS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items";
const ITEM: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const HOLDS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const LOANS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/loans";
const LIST: &str = "GET /task-lists/requested-resources";
const PLACE_HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const CREATE_ITEM: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items";

fn edited(call: &str, at: &str, value: Value) -> Fault {
    Fault::always(call, FaultKind::EditAnswer { at: at.to_owned(), value })
}

/// Returns any copy of a title of which the lender has two, and as second choice one of the other lender.
fn any_copy_of_a_title(world: &World) -> Vec<CopyRef> {
    let staff = world.at(LENDER);
    let title_of = |place, number| Some(staff.item(&presets::barcode(LENDER, place, number)).ok()?.mms_id);
    let of_two = |number: &usize| title_of('M', *number).is_some_and(|title| title_of('B', *number) == Some(title));
    let title = (1..=43).find(of_two).and_then(|number| title_of('M', number)).expect("a title of two copies");
    let any = CopyRef { bib: Some(title.as_str().into()), barcode: None, ..copy(LENDER, "") };
    vec![any, copy(OTHER, &presets::barcode(OTHER, 'M', 2))]
}

async fn until(world: &World, what: &str, holds: impl Fn(&Request) -> bool) -> Request {
    let request = world.reaches(world.id, &holds).await;
    assert!(holds(&request), "{what} is not reached: {} {:?}", request.status, request.attention);
    request
}

/// Polls until the request reports failing polls.
async fn until_polls_fail(world: &World, system: WaitingOn) -> Request {
    let shows = |request: &Request| matches!(&request.attention, Attention::Waiting { on, next_try: None, .. } if *on == system);
    world.engine.poll_now(world.id).await.unwrap();
    until(world, "a poll that keeps failing", shows).await
}

both! {
    async fn birth_date_that_is_no_date_keeps_nobody_from_borrowing(world) {
        world.sim.arm(BORROWER, edited(USER, "/birth_date", json!("00-00-0000"))).unwrap();
        world.sim.arm(BORROWER, edited(USER, "/purge_date", json!({"x": 1}))).unwrap();
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
    }

    async fn change_date_that_is_no_date_keeps_no_copy_of_a_record_from_being_lent(world) {
        let copies = any_copy_of_a_title(&world);
        world.sim.arm(LENDER, edited(ITEMS, "/item/1/item_data/modification_date", json!("unknown"))).unwrap();
        let placing = engine::NewRequest { copies, ..world.placing() };
        let request = world.place_as(placing).await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(request.supply.unwrap().institution.as_str(), LENDER);
    }

    async fn copy_whose_row_cannot_be_read_is_passed_over_for_another_of_its_record(world) {
        let copies = any_copy_of_a_title(&world);
        world.sim.arm(LENDER, edited(ITEMS, "/item/0/item_data/pid", json!({"x": 1}))).unwrap();
        let placing = engine::NewRequest { copies, ..world.placing() };
        let request = world.place_as(placing).await;
        assert_eq!(request.supply.unwrap().institution.as_str(), LENDER);
        let metrics = world.engine.metrics().await.unwrap();
        let counted = metrics.lines().find(|line| line.starts_with("consort_lms_unreadable_rows_total{"));
        assert!(counted.is_some_and(|line| line.contains(LENDER) && line.ends_with(" 1")), "{metrics}");
    }

    async fn record_of_which_no_copy_can_be_read_gives_way_to_the_next_lender(world) {
        let copies = any_copy_of_a_title(&world);
        world.sim.arm(LENDER, edited(ITEMS, "/item/*/item_data/pid", json!(null))).unwrap();
        let placing = engine::NewRequest { copies, ..world.placing() };
        let request = world.place_as(placing).await;
        assert_eq!(request.supply.unwrap().institution.as_str(), OTHER);
    }

    async fn copy_of_which_the_answer_cannot_be_read_gives_way_to_the_next_lender(world) {
        world.sim.arm(LENDER, edited("*", "/item_data/pid", json!(null))).unwrap();
        let request = world.place().await;
        assert_eq!(request.supply.unwrap().institution.as_str(), OTHER);
    }

    async fn copy_of_which_it_cannot_be_read_whether_it_is_hidden_is_not_lent(world) {
        world.sim.arm(LENDER, edited("*", "/bib_data/bib_suppress_from_publishing", json!("perhaps"))).unwrap();
        let request = world.place().await;
        assert_eq!(request.supply.unwrap().institution.as_str(), OTHER);
    }

    async fn loan_whose_due_date_cannot_be_read_is_a_loan(world) {
        world.bring_to(Status::ReadyForPickup).await;
        world.sim.arm(BORROWER, edited(LOANS, "/item_loan/0/due_date", json!("00-00-0000"))).unwrap();
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", DESK).unwrap();
        let request = world.until(Status::Loaned).await;
        let loan = request.at_pickup().loan.open().cloned().unwrap();
        assert_eq!(loan.due, None);
        world.sim.disarm(BORROWER).unwrap();
        world.until_it("the due date", |request| request.at_pickup().loan.open().is_some_and(|loan| loan.due.is_some())).await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn hold_is_not_gone_because_a_row_of_the_list_cannot_be_read(world) {
        world.place().await;
        world.sim.arm(LENDER, edited(HOLDS, "/user_request/0/request_id", json!({"x": 1}))).unwrap();
        let request = until_polls_fail(&world, WaitingOn::LenderSystem).await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency);
        assert!(request.supply.as_ref().unwrap().hold.is_open());
    }

    async fn hold_whose_marker_cannot_be_read_is_not_gone(world) {
        world.place().await;
        world.sim.arm(LENDER, edited(HOLDS, "/user_request/0/comment", json!({"x": 1}))).unwrap();
        let request = until_polls_fail(&world, WaitingOn::LenderSystem).await;
        assert!(request.supply.as_ref().unwrap().hold.is_open());
    }

    async fn hold_whose_state_cannot_be_read_is_no_dispatch(world) {
        world.place().await;
        world.sim.arm(LENDER, edited(HOLDS, "/user_request/0/request_status", json!({"x": 1}))).unwrap();
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        world.until_it("the poll", |request| {
            request.supply.as_ref().is_some_and(|supply| supply.item == lending::ItemState::InTransit)
        }).await;
        assert!(!world.request().await.is_dispatched());
        world.sim.disarm(LENDER).unwrap();
        world.until(Status::PickupTransit).await;
    }

    async fn poll_that_keeps_failing_shows_at_its_request_and_in_health_until_one_is_made(world) {
        world.place().await;
        let before = world.request().await;
        assert!(matches!(before.attention, Attention::Waiting { on: WaitingOn::LendingLibrary, .. }));
        assert_eq!(world.engine.health().await.polls_failing, []);

        world.sim.arm(LENDER, edited(HOLDS, "/user_request/0/request_id", json!({"x": 1}))).unwrap();
        let request = until_polls_fail(&world, WaitingOn::LenderSystem).await;
        let Attention::Waiting { since, reason, .. } = request.attention.clone() else { panic!("it waits") };
        assert!(reason.contains("a row of the list of the item's requests"), "{reason}");
        let failing = world.engine.health().await.polls_failing;
        assert_eq!(failing.len(), 1, "{failing:?}");
        assert_eq!((failing[0].institution.as_str(), failing[0].polls), (LENDER, 1));
        assert_eq!(failing[0].since, since);
        assert!(since >= before.status_since);

        world.sim.disarm(LENDER).unwrap();
        let waits = |request: &Request| matches!(request.attention, Attention::Waiting { on: WaitingOn::LendingLibrary, .. });
        until(&world, "the end of it", waits).await;
        assert_eq!(world.engine.health().await.polls_failing, []);
        assert_eq!(world.request().await.failing_polls.len(), 0);
        world.supply().await;
        world.assert_clean();
    }

    async fn failing_poll_is_reported_once_in_the_timeline(world) {
        world.place().await;
        world.sim.arm(LENDER, edited(HOLDS, "/user_request/0/request_id", json!(null))).unwrap();
        until_polls_fail(&world, WaitingOn::LenderSystem).await;
        for _ in 0..3 {
            let reads = world.calls(LENDER, HOLDS);
            world.engine.poll_now(world.id).await.unwrap();
            world.settle().await;
            assert!(world.calls(LENDER, HOLDS) > reads, "no poll is made");
        }
        let rows = world.engine.store().timeline(world.id).await.unwrap();
        let reported = rows.iter().filter(|row| row.entry.event == "poll_failed_at_lender").count();
        assert_eq!(reported, 1);
    }

    async fn hold_of_a_lost_answer_is_not_placed_once_more_while_the_list_cannot_be_read(world) {
        world.sim.arm(LENDER, Fault::once(PLACE_HOLD, FaultKind::DropAfter)).unwrap();
        world.sim.arm(LENDER, edited(HOLDS, "/user_request/0/request_id", json!({"x": 1}))).unwrap();
        world.id = world.engine.place(world.placing(), "test").await.unwrap();
        let delayed = |request: &Request| {
            matches!(&request.attention, Attention::Waiting { on: WaitingOn::LenderSystem, next_try: Some(_), reason, .. }
                if reason.contains("can't be read"))
        };
        until(&world, "a delay that says why", delayed).await;
        assert_eq!(world.calls(LENDER, PLACE_HOLD), 1);
        world.sim.disarm(LENDER).unwrap();
        world.settled().await;
        assert_eq!(world.calls(LENDER, PLACE_HOLD), 1, "the hold is adopted");
        let ours = world.at(LENDER).requests().into_iter().filter(|hold| hold.comment.is_some()).count();
        assert_eq!(ours, 1);
    }

    async fn virtual_item_of_a_lost_answer_is_not_recreated_while_the_list_cannot_be_read(world) {
        world.sim.arm(BORROWER, Fault::once(CREATE_ITEM, FaultKind::DropAfter)).unwrap();
        world.sim.arm(BORROWER, edited(ITEMS, "/item/*/item_data/pid", json!({"x": 1}))).unwrap();
        world.id = world.engine.place(world.placing(), "test").await.unwrap();
        let delayed = |request: &Request| {
            matches!(&request.attention, Attention::Waiting { on: WaitingOn::BorrowerSystem, reason, .. }
                if reason.contains("can't be read"))
        };
        until(&world, "a delay that says why", delayed).await;
        assert_eq!(world.calls(BORROWER, CREATE_ITEM), 1);
        world.sim.disarm(BORROWER).unwrap();
        world.settled().await;
        assert_eq!(world.calls(BORROWER, CREATE_ITEM), 1, "the item is adopted");
    }

    async fn loan_is_not_gone_because_its_borrower_cannot_be_read(world) {
        world.bring_to(Status::Loaned).await;
        // The list of the patron's loans shows whose loan it is.
        world.sim.arm(BORROWER, edited(LOANS, "/item_loan/0/user_id", json!({"x": 1}))).unwrap();
        world.engine.poll_now(world.id).await.unwrap();
        let request = world.settled().await;
        assert_eq!((request.status, request.failing_polls.len()), (Status::Loaned, 0));
        assert!(request.at_pickup().loan.is_open());
        world.sim.disarm(BORROWER).unwrap();
        // A row without its id may be any loan.
        world.sim.arm(BORROWER, edited(LOANS, "/item_loan/0/loan_id", json!({"x": 1}))).unwrap();
        let request = until_polls_fail(&world, WaitingOn::BorrowerSystem).await;
        assert_eq!(request.status, Status::Loaned);
        assert!(request.at_pickup().loan.is_open());
        world.sim.disarm(BORROWER).unwrap();
        until(&world, "a poll that is made", |request| request.failing_polls.is_empty()).await;
        assert!(world.calls(BORROWER, ITEM) > 0);
    }

    async fn anything_that_is_not_seen_on_a_list_with_an_unreadable_row_is_polled_alone(world) {
        waiting(&mut world, 3).await;
        let items = world.calls(LENDER, ITEM);
        world.sim.arm(LENDER, edited(LIST, "/requested_resource/0/request/0/id", json!({"x": 1}))).unwrap();
        pass(&world, 4).await;
        assert_eq!(world.calls(LENDER, ITEM), items + 1, "the other two are on the list");
        assert_eq!(world.request().await.status, Status::RequestPlacedAtBorrowingAgency);
    }

    async fn list_of_which_no_answer_can_be_read_is_done_without(world) {
        waiting(&mut world, 2).await;
        let items = world.calls(LENDER, ITEM);
        world.sim.arm(LENDER, Fault::always(LIST, FaultKind::Html)).unwrap();
        pass(&world, 4).await;
        assert_eq!(world.calls(LENDER, ITEM), items, "the list may be unreadable only once");
        pass(&world, 4).await;
        pass(&world, 4).await;
        assert!(world.calls(LENDER, ITEM) >= items + 2);
    }
}
