//! The table of docs/workflow.md: how a hold can end in Alma, at each side and in each live status, with a clean
//! lender and borrower at the end.

use alma_sim::{Fault, FaultKind};
use lending::{
    Closure, ClosureBasis, ClosureResponse, ClosureSource, Command, HoldEnd, Outcome, Rules, Side, Status,
    response_to_closure,
};
use serde_json::json;

use crate::world::{BORROWER, LENDER, PICKUP, World, both};

/// Ends the hold in Alma in such a way that the hub finds this closure by polling alone.
async fn end_in_alma(world: &World, side: Side, closure: Closure) {
    let request = world.request().await;
    let (staff, barcode, hold) = if side == Side::Lender {
        let (staff, barcode, _) = world.supplier().await;
        (staff, barcode, request.supply.unwrap().hold.any().unwrap().id.clone())
    } else {
        (world.at(BORROWER), world.virtual_barcode().await, request.borrower.hold.any().unwrap().id.clone())
    };
    match closure {
        Closure::HoldShelfExpired => {
            staff.expire_hold(hold.as_str()).unwrap();
            // The hub must see the hold on its shelf, with its last day, before the job removes it.
            world
                .until_it("the last day on the shelf", |r| {
                    r.borrower.hold.open().is_none_or(|hold| hold.shelf_until.is_some_and(|day| day < world.now()))
                })
                .await;
            staff.run_hold_shelf_expiry();
        }
        // A missing item can't fill its hold any more, so Alma cancels the hold.
        Closure::Failed => {
            staff.mark(&barcode, alma_sim::Mark::Missing).unwrap();
            let _ = staff.cancel(hold.as_str(), "CannotBeFulfilled");
        }
        _ => staff.cancel(hold.as_str(), "CannotBeFulfilled").unwrap(),
    }
}

/// Acts as the libraries do until the request has ended, whatever its status.
async fn play_out(world: &World) {
    for _ in 0..8 {
        match world.settled().await.status {
            Status::Confirmed | Status::RequestPlacedAtBorrowingAgency => world.dispatch().await,
            Status::PickupTransit => world.receive().await,
            Status::ReadyForPickup => world.lend().await,
            Status::Loaned => world.end_batch_poll().await,
            Status::ReturnTransit => world.bring_home().await,
            _ => break,
        };
    }
    assert_eq!(world.until_ended().await.status, Status::Finalised);
}

/// The list of a record's requests.
const CLOSED: &str = "GET /bibs/{mms_id}/requests";

async fn keep_closed_requests(world: &World, code: &str) {
    world.at(code).set_behaviour(|alma| alma.keep_history = true);
    world.change_settings(code, "keeps_closed_requests", json!(true)).await;
}

/// Gives the next list of closed requests a closure in place of `HISTORY`, with which the requirements page shows them.
fn show_closure(world: &World, code: &str, closure: Closure) {
    let value = json!(closure.name());
    let fault = FaultKind::EditAnswer { at: "/user_request/*/request_status".to_owned(), value };
    world.sim.arm(code, Fault::once(CLOSED, fault)).unwrap();
}

/// Ends a hold in an Alma that keeps closed requests, whose status has a word of the requirements page. The answer is
/// edited for that, since no other source has seen such a word. The hub never reads [`Closure::Completed`] there, since
/// the loan shows it: `lending`'s tests of the table cover it.
async fn close_hold(world: &World, side: Side, closure: Closure) {
    let request = world.request().await;
    let (code, hold) = match side {
        Side::Lender => {
            let supply = request.supply.unwrap();
            (supply.institution.as_str().to_owned(), supply.hold.any().unwrap().id.clone())
        }
        Side::Borrower => (BORROWER.to_owned(), request.borrower.hold.any().unwrap().id.clone()),
        Side::Pickup => (PICKUP.to_owned(), request.at_pickup().hold.any().unwrap().id.clone()),
    };
    world.at(&code).set_behaviour(|alma| alma.keep_history = true);
    world.change_settings(&code, "keeps_closed_requests", json!(true)).await;
    // While the item is on loan, the hold doesn't exist any more.
    if world.at(&code).close(hold.as_str(), closure.name()).is_ok() {
        show_closure(world, &code, closure);
    }
    world.engine.poll_now(world.id).await.unwrap();
}

/// Tests one cell of the table: closure, side, status, and the expected result.
async fn cell(world: &mut World, side: Side, closure: Closure, status: Status, follows: Status, outcome: Outcome) {
    world.bring_to(status).await;
    let seen_in_alma = match closure {
        Closure::Canceled => true,
        Closure::HoldShelfExpired => side == Side::Borrower && status == Status::ReadyForPickup,
        Closure::Failed => side == Side::Lender,
        _ => false,
    };
    if seen_in_alma {
        end_in_alma(world, side, closure).await;
    } else {
        close_hold(world, side, closure).await;
    }
    if response_to_closure(side, closure, status) == ClosureResponse::RetryHold {
        world.until_it("another hold", |request| request.borrower.hold_attempts > 1).await;
    }
    if follows != status {
        world.poll_until_passed(follows).await;
        assert!(world.path().await.contains(&follows), "{closure:?} at {side:?} in {status}: no {follows}");
    }
    play_out(world).await;
    assert!(world.path().await.contains(&follows), "{closure:?} at {side:?} in {status}: {:?}", world.path().await);
    assert_eq!(world.request().await.outcome, Some(outcome), "{closure:?} at {side:?} in {status}");
    world.assert_clean();
}

macro_rules! cells {
    ($($name:ident: $closure:ident at $side:ident in $status:ident => $follows:ident, $outcome:ident;)+) => {
        both! {
            $(async fn $name(world) {
                cell(
                    &mut world, Side::$side, Closure::$closure, Status::$status, Status::$follows, Outcome::$outcome,
                ).await;
            })+
        }
    };
}

cells! {
    lender_cancels_before_dispatch: Canceled at Lender in RequestPlacedAtBorrowingAgency
        => NotSuppliedCurrentSupplier, Supplied;
    lenders_hold_expires_before_dispatch: Expired at Lender in RequestPlacedAtBorrowingAgency
        => NotSuppliedCurrentSupplier, Supplied;
    lender_rejects_before_dispatch: Rejected at Lender in RequestPlacedAtBorrowingAgency
        => NotSuppliedCurrentSupplier, Supplied;
    lenders_hold_fails_before_dispatch: Failed at Lender in RequestPlacedAtBorrowingAgency
        => NotSuppliedCurrentSupplier, Supplied;
    lenders_hold_shelf_expires_before_dispatch: HoldShelfExpired at Lender in RequestPlacedAtBorrowingAgency
        => NotSuppliedCurrentSupplier, Supplied;

    lender_cancels_in_transit: Canceled at Lender in PickupTransit => PickupTransit, Supplied;
    lenders_hold_expires_in_transit: Expired at Lender in PickupTransit => PickupTransit, Supplied;
    lender_rejects_in_transit: Rejected at Lender in PickupTransit => PickupTransit, Supplied;
    lenders_hold_shelf_expires_in_transit: HoldShelfExpired at Lender in PickupTransit => PickupTransit, Supplied;
    lender_cancels_while_on_the_shelf: Canceled at Lender in ReadyForPickup => ReadyForPickup, Supplied;
    lender_rejects_while_on_the_shelf: Rejected at Lender in ReadyForPickup => ReadyForPickup, Supplied;

    borrower_cancels_before_dispatch: Canceled at Borrower in RequestPlacedAtBorrowingAgency => Cancelled, Cancelled;
    borrowers_hold_expires_before_dispatch: Expired at Borrower in RequestPlacedAtBorrowingAgency
        => Cancelled, Cancelled;
    borrowers_hold_shelf_expires_before_dispatch: HoldShelfExpired at Borrower in RequestPlacedAtBorrowingAgency
        => Cancelled, Cancelled;
    borrowers_hold_fails_before_dispatch_and_is_placed_once_more: Failed at Borrower in RequestPlacedAtBorrowingAgency
        => RequestPlacedAtBorrowingAgency, Supplied;

    borrower_cancels_in_transit: Canceled at Borrower in PickupTransit => ReturnTransit, Cancelled;
    borrowers_hold_expires_in_transit: Expired at Borrower in PickupTransit => ReturnTransit, Cancelled;
    borrower_cancels_while_on_the_shelf: Canceled at Borrower in ReadyForPickup => ReturnTransit, Cancelled;
    borrowers_hold_expires_while_on_the_shelf: Expired at Borrower in ReadyForPickup => ReturnTransit, Cancelled;
    hold_shelf_expires_and_the_item_goes_home: HoldShelfExpired at Borrower in ReadyForPickup
        => ReturnTransit, NotCollected;
}

both! {
    async fn rejected_hold_at_the_borrower_is_for_staff_to_decide_and_replaced_when_they_resume(world) {
        world.bring_to(Status::RequestPlacedAtBorrowingAgency).await;
        close_hold(&world, Side::Borrower, Closure::Rejected).await;
        let asked = |request: &lending::Request| matches!(request.attention, lending::Attention::NeedsStaff { .. });
        let now = world.until_it("a case for staff", asked).await;
        assert!(matches!(&now.attention, lending::Attention::NeedsStaff { code, .. } if code == "HOLD_REJECTED_AT_BORROWER"));
        world.ask(Command::Resume).await;
        play_out(&world).await;
        assert_eq!(world.request().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn item_lent_although_its_hold_had_ended_is_followed_to_the_end(world) {
        world.bring_to(Status::ReadyForPickup).await;
        end_in_alma(&world, Side::Borrower, Closure::HoldShelfExpired).await;
        world.until(Status::ReturnTransit).await;
        world.at(BORROWER)
            .lend(&world.virtual_barcode().await, crate::world::PATRON, "DCB_LIB", crate::world::DESK)
            .unwrap();
        world.until(Status::Loaned).await;
        world.end_batch_poll().await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
        assert_eq!(world.calls(LENDER, "POST /users/{user_id}/loans"), 1);
    }
}

both! {
    async fn closure_is_read_from_the_closed_requests_where_alma_keeps_them(world) {
        keep_closed_requests(&world, BORROWER).await;
        world.bring_to(Status::RequestPlacedAtBorrowingAgency).await;
        let hold = world.request().await.borrower.hold.open().unwrap().id.clone();
        world.at(BORROWER).cancel(hold.as_str(), "CannotBeFulfilled").unwrap();
        show_closure(&world, BORROWER, Closure::Canceled);
        world.engine.poll_now(world.id).await.unwrap();
        let end = world.until_ended().await.borrower.hold_end.unwrap();
        assert_eq!(end, HoldEnd::reported(Closure::Canceled));
        assert_eq!(world.calls(BORROWER, CLOSED), 1);
        world.assert_clean();
    }

    async fn closed_request_whose_last_day_of_interest_had_passed_is_inferred_to_have_expired(world) {
        keep_closed_requests(&world, LENDER).await;
        world.bring_to(Status::RequestPlacedAtBorrowingAgency).await;
        let hold = world.request().await.supply.unwrap().hold.open().unwrap().id.clone();
        world.let_interest_end(LENDER, hold.as_str());
        world.poll_until_passed(Status::NotSuppliedCurrentSupplier).await;
        let refusal = world.request().await.earlier_suppliers.remove(0).refusal;
        assert_eq!(refusal.code, "HOLD_ENDED_AT_LENDER");
        let reason = "The lender's hold expired before the item was sent: its last day of interest had passed.";
        assert_eq!(refusal.explanation, reason);
        play_out(&world).await;
        world.assert_clean();
    }

    async fn closed_request_shows_that_the_hold_expired_on_a_shelf_where_no_poll_saw_it(world) {
        keep_closed_requests(&world, BORROWER).await;
        world.bring_to(Status::PickupTransit).await;
        let hold = world.request().await.borrower.hold.open().unwrap().id.clone();
        let staff = world.at(BORROWER);
        staff.scan_in(&world.virtual_barcode().await, "MAIN", crate::world::DESK).unwrap();
        staff.expire_hold(hold.as_str()).unwrap();
        assert_eq!(staff.run_hold_shelf_expiry(), 1);
        let seen = world.until_it("the end of the hold", |request| request.borrower.hold_end.is_some()).await;
        let end = seen.borrower.hold_end.unwrap();
        assert_eq!((end.closure, end.source), (Closure::HoldShelfExpired, ClosureSource::Inferred));
        assert_eq!(end.basis, Some(ClosureBasis::ShelfTime));
        play_out(&world).await;
        assert_eq!(world.request().await.outcome, Some(Outcome::NotCollected));
        world.assert_clean();
    }

    async fn closed_request_without_a_sign_is_inferred_to_be_cancelled_and_costs_one_call_a_poll(world) {
        keep_closed_requests(&world, BORROWER).await;
        world.bring_to(Status::RequestPlacedAtBorrowingAgency).await;
        let hold = world.request().await.borrower.hold.open().unwrap().id.clone();
        world.at(BORROWER).close(hold.as_str(), "Rejected").unwrap();
        let end = world.until_ended().await.borrower.hold_end.unwrap();
        assert_eq!((end.closure, end.source), (Closure::Canceled, ClosureSource::Inferred));
        assert_eq!(end.basis, Some(ClosureBasis::Absence));
        assert_eq!(world.calls(BORROWER, CLOSED), 2);
        assert_eq!(world.calls(BORROWER, "GET /users/{user_id}/requests"), 0);
        world.assert_clean();
    }
}

/// Returns the expected result of a closure in a status, by the table that docs/workflow.md prints, and how such a
/// request ends.
fn declared(side: Side, closure: Closure, status: Status) -> (Status, Outcome, bool) {
    match response_to_closure(side, closure, status) {
        ClosureResponse::Nothing | ClosureResponse::Continue => (status, Outcome::Supplied, false),
        ClosureResponse::NextSupplier => (Status::NotSuppliedCurrentSupplier, Outcome::Supplied, false),
        ClosureResponse::Cancel => (Status::Cancelled, Outcome::Cancelled, false),
        ClosureResponse::ReturnToLender(outcome) => (Status::ReturnTransit, outcome, false),
        ClosureResponse::RetryHold => (status, Outcome::Supplied, false),
        ClosureResponse::AskStaff => (status, Outcome::Supplied, true),
    }
}

/// Brings a request to its status, in a workflow that involves the side.
async fn bring(world: &mut World, side: Side, status: Status) {
    if status == Status::Confirmed {
        let rules = Rules { virtual_item_at_dispatch: true, ..Rules::default() };
        world.set_rules(BORROWER, "BORROW", rules).await;
        assert_eq!(world.place().await.status, Status::Confirmed);
    } else if side == Side::Pickup {
        crate::workflows::allows_visiting_pickup(world).await;
        crate::workflows::bring_to(world, status).await;
    } else {
        world.bring_to(status).await;
    }
}

/// Tests one cell of the table, in any workflow, up to a clean end at both libraries.
async fn any_cell(side: Side, closure: Closure, status: Status) {
    let mut world = World::on_sqlite().await;
    let cell = format!("{closure:?} at {side:?} in {status}");
    bring(&mut world, side, status).await;
    let (follows, outcome, asks) = declared(side, closure, status);
    let placed = |request: &lending::Request| request.at_pickup().hold_attempts;
    let before = placed(&world.request().await);
    close_hold(&world, side, closure).await;
    if asks {
        let asked = |request: &lending::Request| matches!(request.attention, lending::Attention::NeedsStaff { .. });
        world.until_it(&cell, asked).await;
        world.ask(Command::Resume).await;
    }
    if asks || response_to_closure(side, closure, status) == ClosureResponse::RetryHold {
        world.until_it(&cell, |request| placed(request) > before).await;
        if status == Status::ReadyForPickup {
            // Alma has removed the item from the hold shelf. Staff put it there for the new hold.
            let pickup = if side == Side::Pickup { PICKUP } else { BORROWER };
            world.at(pickup).scan_in(&world.virtual_barcode().await, "MAIN", crate::world::DESK).unwrap();
        }
    } else if follows != status {
        world.poll_until_passed(follows).await;
        assert!(world.path().await.contains(&follows), "{cell}: no {follows}: {:?}", world.path().await);
    }
    if side == Side::Pickup {
        crate::workflows::play_out(&world).await;
    } else {
        play_out(&world).await;
    }
    assert_eq!(world.request().await.outcome, Some(outcome), "{cell}: {:?}", world.path().await);
    world.assert_clean();
}

macro_rules! tables {
    ($($name:ident: $side:ident in $status:ident;)+) => {
        $(mod $name {
            use lending::{Closure, Side, Status};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn canceled() {
                super::any_cell(Side::$side, Closure::Canceled, Status::$status).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn expired() {
                super::any_cell(Side::$side, Closure::Expired, Status::$status).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn rejected() {
                super::any_cell(Side::$side, Closure::Rejected, Status::$status).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn failed() {
                super::any_cell(Side::$side, Closure::Failed, Status::$status).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn hold_shelf_expired() {
                super::any_cell(Side::$side, Closure::HoldShelfExpired, Status::$status).await;
            }
        })+
    };
}

// The whole table except `Completed`. Each cell has libraries of its own.
tables! {
    every_closure_at_the_lender_while_nothing_is_made_for_the_patron: Lender in Confirmed;
    every_closure_at_the_lender_before_dispatch: Lender in RequestPlacedAtBorrowingAgency;
    every_closure_at_the_lender_in_transit: Lender in PickupTransit;
    every_closure_at_the_lender_while_on_the_shelf: Lender in ReadyForPickup;
    every_closure_at_the_lender_while_on_loan: Lender in Loaned;
    every_closure_at_the_lender_on_the_way_home: Lender in ReturnTransit;
    every_closure_at_the_borrower_before_dispatch: Borrower in RequestPlacedAtBorrowingAgency;
    every_closure_at_the_borrower_in_transit: Borrower in PickupTransit;
    every_closure_at_the_borrower_while_on_the_shelf: Borrower in ReadyForPickup;
    every_closure_at_the_borrower_while_on_loan: Borrower in Loaned;
    every_closure_at_the_borrower_on_the_way_home: Borrower in ReturnTransit;
    every_closure_at_the_pickup_library_before_dispatch: Pickup in RequestPlacedAtPickupAgency;
    every_closure_at_the_pickup_library_in_transit: Pickup in PickupTransit;
    every_closure_at_the_pickup_library_while_on_the_shelf: Pickup in ReadyForPickup;
}
