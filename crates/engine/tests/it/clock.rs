//! A machine whose clock jumps.

use alma_sim::{Fault, FaultKind};
use engine::{Clock, Engine, Ids, Settings};
use lending::{Outcome, Status};
use std::sync::Arc;

use crate::world::{BORROWER, LENDER, both};

const HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

both! {
    async fn clock_that_jumps_ahead_while_a_call_is_under_way_doubles_nothing(world) {
        // At the new time every lease has run out, including that of the call in progress.
        world.sim.arm(LENDER, Fault::once(HOLD, FaultKind::Delay { ms: 800, before: false })).unwrap();
        world.id = world.engine.place(world.placing(), "test").await.unwrap();
        let step = tokio::spawn({
            let engine = Arc::clone(&world.engine);
            async move { engine.step().await }
        });
        world.within_patience("the hold is placed", || !world.at(LENDER).requests().is_empty()).await;
        world.clock.by_hours(5);
        world.engine.poll_now(world.id).await.unwrap();
        step.await.unwrap();
        world.reaches(world.id, |request| request.status == Status::RequestPlacedAtBorrowingAgency).await;
        assert_eq!((world.calls(LENDER, HOLD), world.calls(BORROWER, HOLD)), (1, 1));
        assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn hub_started_after_its_clock_was_set_back_does_at_once_what_was_put_off(world) {
        world.clock.by_hours(5);
        world.id = world.engine.place(world.placing(), "test").await.unwrap();
        world.clock.by_hours(-5);
        let clock: Arc<dyn Clock> = Arc::<crate::world::ManualClock>::clone(&world.clock);
        let settings = Settings { node: "again".to_owned(), ..Settings::default() };
        let second = Arc::new(Engine::new(world.engine.store().clone(), settings, clock, Ids::seeded(3)));
        second.start().await;
        second.step().await;
        let placed = world.request().await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.attention);
        assert_eq!((world.calls(LENDER, HOLD), world.calls(BORROWER, HOLD)), (1, 1));
    }
}
