//! Answers that are lost, that refuse for now, or that make no sense: the hub makes each change once, and the request
//! continues.

use alma_sim::{Fault, FaultKind};
use lending::{Attention, Outcome, Status};

use crate::world::{BORROWER, LENDER, World, both};

/// Every write in a request's life, with the institution that receives it.
const WRITES: [(&str, &str); 10] = [
    (LENDER, "POST /users"),
    (LENDER, "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests"),
    (BORROWER, "POST /bibs"),
    (BORROWER, "POST /bibs/{mms_id}/holdings"),
    (BORROWER, "POST /bibs/{mms_id}/holdings/{holding_id}/items"),
    (BORROWER, "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests"),
    (BORROWER, "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}"),
    (LENDER, "POST /users/{user_id}/loans"),
    (BORROWER, "DELETE /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}"),
    (BORROWER, "DELETE /bibs/{mms_id}"),
];

async fn full_lifecycle(world: &mut World) {
    world.place().await;
    let ended = world.supply().await;
    assert_eq!((ended.status, ended.outcome), (Status::Finalised, Some(Outcome::Supplied)));
}

both! {
    async fn every_write_whose_answer_is_lost_is_done_once(world) {
        for (institution, call) in WRITES {
            world.sim.arm(institution, Fault::once(call, FaultKind::DropAfter)).unwrap();
        }
        full_lifecycle(&mut world).await;
        world.assert_clean();
        for (institution, call) in WRITES {
            let made = world.calls(institution, call);
            // A scan, a deletion and a creation under a natural key are safe to repeat. For the others the hub first
            // searches for the result.
            let repeated = call.starts_with("DELETE") || call == "POST /users";
            assert!(made == 1 || repeated, "{call} at {institution}: {made} times");
        }
    }

    async fn every_write_that_never_arrived_is_resent(world) {
        for (institution, call) in WRITES {
            world.sim.arm(institution, Fault::once(call, FaultKind::DropBefore)).unwrap();
        }
        full_lifecycle(&mut world).await;
        world.assert_clean();
    }

    async fn server_errors_after_the_work_was_done_double_nothing(world) {
        for (institution, call) in WRITES {
            world.sim.arm(institution, Fault::once(call, FaultKind::StatusAfter { status: 502, body: None })).unwrap();
        }
        full_lifecycle(&mut world).await;
        world.assert_clean();
    }

    async fn calls_refused_for_the_second_wait_and_are_done(world) {
        for (institution, call) in WRITES {
            world.sim.arm(institution, Fault::once(call, FaultKind::PerSecond)).unwrap();
        }
        full_lifecycle(&mut world).await;
        world.assert_clean();
    }

    async fn unreachable_alma_is_waited_for_visibly_and_the_request_continues(world) {
        world.sim.arm(LENDER, Fault::always("", FaultKind::status(503))).unwrap();
        world.id = world.engine.place(world.placing(), "test").await.unwrap();
        let waits = |request: &lending::Request| {
            matches!(&request.attention, Attention::Waiting { on: lending::WaitingOn::LenderSystem, next_try: Some(_), .. })
        };
        world.reaches(world.id, waits).await;
        world.sim.disarm(LENDER).unwrap();
        world.reaches(world.id, |request| request.status == Status::RequestPlacedAtBorrowingAgency).await;
    }
}
