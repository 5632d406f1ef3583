//! Several nodes on one PostgreSQL database.

use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, Engine, Ids, Settings};
use lending::{Outcome, Status};
use tokio::sync::oneshot;

use crate::world::{BORROWER, LENDER, World};

const HOLD: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";

/// Creates another node on the world's database, which doesn't work yet.
fn node(world: &World, name: &str, settings: Settings) -> Arc<Engine> {
    let mut settings = settings;
    name.clone_into(&mut settings.node);
    let clock: Arc<dyn Clock> = Arc::<crate::world::ManualClock>::clone(&world.clock);
    Arc::new(Engine::new(world.engine.store().clone(), settings, clock, Ids::seeded(2)))
}

/// A node at work in a task of its own.
struct Running {
    end: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(node: &Arc<Engine>) -> Self {
        let (end, asked) = oneshot::channel::<()>();
        Self { end, ended: tokio::spawn(Arc::clone(node).run(async { drop(asked.await) })) }
    }

    /// Waits until it has finished what it has begun.
    async fn end(self) {
        drop(self.end);
        self.ended.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_of_one_node_reaches_another_at_once() {
    let mut world = World::on_postgres().await;
    // The node does no work of its own, so it learns of changes by notifications only.
    let idle = node(&world, "idle", Settings { workers: 0, ..Settings::default() });
    tokio::spawn(Arc::clone(&idle).run(std::future::pending()));
    let id = world.place().await.id;
    let waiting = tokio::spawn({
        let idle = Arc::clone(&idle);
        async move { idle.wait(id, Duration::from_secs(60), |request| request.status == Status::PickupTransit).await }
    });
    world.dispatch().await;
    let received =
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the notification doesn't arrive").unwrap();
    assert_eq!(received.unwrap().request.status, Status::PickupTransit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_the_work_and_do_nothing_twice() {
    let mut world = World::on_postgres().await;
    let second = node(&world, "second", Settings { workers: 8, ..Settings::default() });
    tokio::spawn(Arc::clone(&second).run(std::future::pending()));
    let mut ids = Vec::new();
    for number in 1..=12 {
        let mut placing = world.placing();
        let engine = if number % 2 == 0 { &second } else { &world.engine };
        placing.copies = vec![crate::world::copy(LENDER, &alma_sim::presets::barcode(LENDER, 'M', number))];
        ids.push(engine.place(placing, "test").await.unwrap());
    }
    tokio::spawn(Arc::clone(&world.engine).run(std::future::pending()));
    for id in ids {
        let placed = |request: &lending::Request| request.status == Status::RequestPlacedAtBorrowingAgency;
        let stored = world.engine.wait(id, Duration::from_secs(30), placed).await.unwrap();
        assert!(placed(&stored.request), "{}", stored.request.status);
        world.id = id;
    }
    assert_eq!((world.calls(LENDER, HOLD), world.calls(BORROWER, HOLD)), (12, 12));
    assert_eq!(world.calls(BORROWER, "POST /bibs"), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_paused_past_its_lease_writes_nothing_and_the_hold_is_placed_once() {
    let mut world = World::on_postgres().await;
    // The first node's call takes so long that its lease runs out. The node can't renew the lease, since its clock
    // stands still.
    let stopped = node(&world, "stopped", Settings { lease: Duration::from_secs(3_600), ..Settings::default() });
    world
        .sim
        .arm(LENDER, alma_sim::Fault::once(HOLD, alma_sim::FaultKind::Delay { ms: 1_500, before: false }))
        .unwrap();
    let stopped_runs = Running::start(&stopped);
    world.id = stopped.place(world.placing(), "test").await.unwrap();
    // The hold is placed at the lender. Its answer is on the way to a node whose clock stands still.
    world.within_patience("the hold is placed", || !world.at(LENDER).requests().is_empty()).await;
    world.clock.by_hours(2);
    let other = node(&world, "other", Settings::default());
    let other_runs = Running::start(&other);
    let placed = |request: &lending::Request| request.status == Status::RequestPlacedAtBorrowingAgency;
    let stored = other.wait(world.id, Duration::from_secs(20), placed).await.unwrap();
    assert!(placed(&stored.request), "{} {:?}", stored.request.status, stored.request.attention);
    assert_eq!(world.calls(LENDER, HOLD), 1);
    // What follows counts rounds of polls, which the nodes would take away from it.
    stopped_runs.end().await;
    other_runs.end().await;
    assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
    world.assert_clean();
}
