//! Runs several nodes on one PostgreSQL database: measures the throughput that another process adds, and checks the
//! effects of a node that was stopped past its lease.
//!
//! Each node has few workers, and the Almas answer with a latency as the real Alma does. So the latency of the calls
//! limits a node's throughput, and not the computing power of the machine.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alma_sim::{Fault, FaultKind, Server, Sim, SimClock};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::sync::watch;

use crate::Scale;
use crate::live::databases::Databases;
use crate::live::hub::{HubProcess, Setup};
use crate::live::staff::{Desk, Open};
use crate::live::{Seen, Wrong, counts, keep_busy};
use crate::simulate::sim_setup::{self, BORROWER, LENDERS};
use crate::verdict::{Verdict, table};

/// The throughput that two nodes must reach, as a multiple of the throughput of one node.
const TWO_NODES: f64 = 1.7;
/// The share of the requests, in tenths, whose end the benchmark waits for. The last requests leave workers idle,
/// whatever the number of nodes.
const TENTHS: usize = 8;
/// The delay of an Alma's answer to each call, in milliseconds.
const LATENCY_MS: u64 = 50;
/// The number of calls that one node waits for at the same time.
const WORKERS: usize = 4;
const LEASE: Duration = Duration::from_millis(1_500);
/// How long a stopped node stands still, as a multiple of its lease.
const STILL: std::ops::Range<f64> = 1.5..3.5;
/// How long the node works between two stops, in milliseconds.
const AT_WORK: std::ops::Range<u64> = 200..2_000;

#[derive(Clone, Copy, Debug)]
struct Plan {
    /// The number of requests of each measurement of throughput, all in flight at once.
    requests: usize,
    /// How often a node is stopped.
    stops: usize,
    in_flight: usize,
}

impl Plan {
    /// Returns the number of requests whose end the benchmark waits for.
    fn ended(self) -> usize {
        self.requests * TENTHS / 10
    }
}

/// The result of a number of nodes.
#[derive(Debug)]
struct Measured {
    nodes: usize,
    took: Duration,
    wrong: Wrong,
}

impl Measured {
    fn rate(&self, plan: Plan) -> f64 {
        plan.ended() as f64 / self.took.as_secs_f64()
    }
}

pub(crate) fn run(scale: Scale, database: Option<&str>) -> Result<Verdict, String> {
    let plan = match scale {
        Scale::Full => Plan { requests: 160, stops: 15, in_flight: 40 },
        Scale::Quick => Plan { requests: 30, stops: 2, in_flight: 16 },
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let databases = Databases::open(database)?;
    runtime.block_on(play(plan, databases))
}

async fn play(plan: Plan, mut databases: Databases) -> Result<Verdict, String> {
    let mut measured = Vec::new();
    for nodes in 1..=3 {
        let cluster = Cluster::open(plan.requests, &mut databases, nodes).await?;
        let (took, wrong) = cluster.throughput(plan).await?;
        measured.push(Measured { nodes, took, wrong });
    }
    // There are more titles than patrons can request before the last stop.
    let cluster = Cluster::open(plan.stops * 200 + 1_000, &mut databases, 2).await?;
    let (ended, seen, wrong) = cluster.stopped(plan).await?;
    let mut verdict = verdict(plan, measured, &ended, &seen, wrong);
    verdict.notes.push(databases.peer().await?);
    Ok(verdict)
}

/// Nodes on a fresh database, with fresh Almas.
struct Cluster {
    sim: Sim,
    _server: Server,
    nodes: Vec<HubProcess>,
    before: Value,
    titles: usize,
    database: String,
    databases: Databases,
}

impl Cluster {
    async fn open(titles: usize, databases: &mut Databases, nodes: usize) -> Result<Self, String> {
        let sim = sim_setup::build(SimClock::Real, titles)?;
        let delay = Fault::always("*", FaultKind::Delay { ms: LATENCY_MS, before: true });
        for code in [LENDERS[0], LENDERS[1], BORROWER] {
            sim.arm(code, delay.clone()).map_err(|error| error.to_string())?;
        }
        let server = Server::start(sim.clone(), SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .map_err(|error| format!("the simulated Almas can't listen: {error}"))?;
        let database = databases.make().await?;
        let first = HubProcess::start(setup(databases.url(&database))).await?;
        first.introduce(&server.base_url()).await?;
        let mut all = vec![first];
        for number in 2..=nodes {
            let node = all[0].another(&format!("node-{number}")).await?;
            all.push(node);
        }
        let before = counts(&sim, BORROWER)?;
        Ok(Self { sim, _server: server, nodes: all, before, titles, database, databases: databases.clone() })
    }

    fn desk(&self) -> Desk {
        Desk::new(self.sim.clone(), self.nodes[0].client.clone(), self.titles)
    }

    /// Places all requests at once. Returns the time until most have ended; then waits for the others.
    async fn throughput(self, plan: Plan) -> Result<(Duration, Wrong), String> {
        let (mut desk, mut seen) = (self.desk(), Seen::default());
        let begun = Instant::now();
        keep_busy(&self.sim, &mut desk, plan.requests, &mut seen, |desk| !desk.is_through()).await?;
        if seen.accepted.len() != plan.requests {
            return Err(format!("{} of {} requests were accepted", seen.accepted.len(), plan.requests));
        }
        let few = |open: usize| open <= plan.requests - plan.ended();
        // Few requests are open at the beginning too, so the last such moment counts.
        let many = seen.open.iter().rposition(|(_, open)| !few(*open)).ok_or("the requests were never in flight")?;
        let (at, _) = seen.open.get(many + 1).ok_or("most requests didn't end")?;
        let took = at.duration_since(begun);
        let ended = desk.all().await?;
        let wrong = Wrong::find(&self.sim, &seen, &ended, &self.before)?;
        self.close().await?;
        Ok((took, wrong))
    }

    /// Stops the second node past its lease, again and again, under load.
    async fn stopped(mut self, plan: Plan) -> Result<(Vec<Open>, Seen, Wrong), String> {
        let (mut desk, mut seen) = (self.desk(), Seen::default());
        let second = self.nodes.pop().ok_or("there is no second node")?;
        let (over, still) = watch::channel(true);
        let stopping = tokio::spawn(async move {
            let second = stop_and_go(plan.stops, second).await;
            let _ = over.send(false);
            second
        });
        keep_busy(&self.sim, &mut desk, plan.in_flight, &mut seen, |_| *still.borrow()).await?;
        self.nodes.push(stopping.await.map_err(|_| "the stopping panicked".to_owned())??);
        let ended = desk.all().await?;
        let wrong = Wrong::find(&self.sim, &seen, &ended, &self.before)?;
        self.close().await?;
        Ok((ended, seen, wrong))
    }

    async fn close(self) -> Result<(), String> {
        drop(self.nodes);
        self.databases.drop(&self.database).await
    }
}

fn setup(database: String) -> Setup {
    let engine = format!(
        "workers = {WORKERS}\nworkers_per_institution = 64\nlease_ms = {}\nbatch_poll_interval_ms = 5000\npoll_interval_initial_ms = 5000\npoll_interval_max_ms = 10000\n",
        LEASE.as_millis()
    );
    Setup { database: Some(database), engine }
}

async fn stop_and_go(stops: usize, node: HubProcess) -> Result<HubProcess, String> {
    let mut rng = StdRng::from_os_rng();
    for _ in 0..stops {
        tokio::time::sleep(Duration::from_millis(rng.random_range(AT_WORK))).await;
        node.pause()?;
        tokio::time::sleep(LEASE.mul_f64(rng.random_range(STILL))).await;
        node.resume()?;
    }
    Ok(node)
}

fn verdict(plan: Plan, measured: Vec<Measured>, ended: &[Open], seen: &Seen, mut wrong: Wrong) -> Verdict {
    let mut rows = table(&["nodes", "ended", "seconds", "requests/s", "ratio"]);
    let alone = measured.first().map_or(f64::NAN, |one| one.rate(plan));
    let mut ratios = Vec::new();
    for one in measured {
        let (rate, seconds) = (one.rate(plan), one.took.as_secs_f64());
        rows.add_row([
            one.nodes.to_string(),
            format!("{} of {}", plan.ended(), plan.requests),
            format!("{seconds:.1}"),
            format!("{rate:.2}"),
            format!("{:.2}", rate / alone),
        ]);
        ratios.push(rate / alone);
        wrong.add(one.wrong);
    }
    let ratio = |nodes: usize| ratios.get(nodes - 1).copied().unwrap_or_default();
    let mut notes = vec![
        format!("{WORKERS} workers a node, {LATENCY_MS} ms for each answer of an Alma"),
        format!(
            "one of two nodes stopped {} times past its lease of {:.1} s with {} requests in flight: {} requests, {} \
             placements unanswered",
            plan.stops,
            LEASE.as_secs_f64(),
            plan.in_flight,
            ended.len(),
            seen.unanswered,
        ),
    ];
    notes.extend(wrong.notes());
    Verdict {
        table: rows,
        notes,
        figure: format!(
            "{:.2} times at 2 nodes, {:.2} at 3, {} with a node stopped {} times",
            ratio(2),
            ratio(3),
            wrong.figure(),
            plan.stops
        ),
        target: format!("at least {TWO_NODES} times at 2 nodes, 0, 0, 0"),
        met: ratio(2) >= TWO_NODES && wrong.count() == 0 && !ended.is_empty(),
    }
}
