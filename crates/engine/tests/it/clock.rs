//! A machine whose clock jumps.

use std::sync::Arc;
use std::time::Duration;

use alma_sim::{Fault, FaultKind};
use engine::{Clock, Engine, Ids, Settings};
use lending::{Outcome, Request, Status};

use crate::world::{BORROWER, LENDER, both};

const HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

both! {
    async fn clock_that_jumps_ahead_while_a_call_is_under_way_doubles_nothing(world) {
        // Every lease has run out by the new time, also that of the call under way.
        world.sim.arm(LENDER, Fault::once(HOLD, FaultKind::Delay { ms: 800, before: false })).unwrap();
        world.id = world.engine.place(world.placing(), "test").await.unwrap();
        while world.at(LENDER).requests().is_empty() {
            tokio::task::yield_now().await;
        }
        world.clock.by_hours(5);
        world.engine.look_now(world.id).await.unwrap();
        let placed = |request: &Request| request.status == Status::RequestPlacedAtBorrowingAgency;
        let stored = world.engine.wait(world.id, Duration::from_secs(20), placed).await.unwrap();
        assert!(placed(&stored.request), "{} {:?}", stored.request.status, stored.request.attention);
        assert_eq!((world.calls(LENDER, HOLD), world.calls(BORROWER, HOLD)), (1, 1));
        assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn hub_started_after_its_clock_was_set_back_does_at_once_what_was_put_off(world) {
        world.stop_working();
        world.clock.by_hours(5);
        world.id = world.engine.place(world.placing(), "test").await.unwrap();
        world.clock.by_hours(-5);
        let clock: Arc<dyn Clock> = Arc::<crate::deadlines::Turned>::clone(&world.clock);
        let settings = Settings { node: "again".to_owned(), ..Settings::default() };
        let again = Arc::new(Engine::new(world.engine.store().clone(), settings, clock, Ids::seeded(3)));
        tokio::spawn(Arc::clone(&again).run(std::future::pending()));
        let placed = |request: &Request| request.status == Status::RequestPlacedAtBorrowingAgency;
        let stored = again.wait(world.id, Duration::from_secs(20), placed).await.unwrap();
        assert!(placed(&stored.request), "{} {:?}", stored.request.status, stored.request.attention);
        assert_eq!((world.calls(LENDER, HOLD), world.calls(BORROWER, HOLD)), (1, 1));
    }
}
