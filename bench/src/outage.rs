//! Measures how an outage of one library's Alma affects the patrons of the other libraries.
//!
//! Normal times and outages alternate in one run. In an outage the first lender's Alma delays each call for long, which
//! is harder on a hub than a refusal, or refuses each call. Many requests wait for that Alma before the measurement
//! begins. The benchmark measures placements for copies of the second lender.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alma_sim::{Fault, FaultKind, Server, Sim, SimClock};
use reqwest::Method;
use scenarios::Hub;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Scale;
use crate::live::hub::{HubProcess, Setup};
use crate::simulate::sim_setup::{self, LENDERS};
use crate::verdict::{Verdict, table};

/// The largest ratio between the time of a placement during an outage and in normal times.
const MOST: f64 = 1.2;
/// The number of patrons who place requests at the same time.
const TOGETHER: usize = 4;
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the Alma that hangs delays each call.
const HANGS: Duration = Duration::from_secs(20);
/// The status of a request whose lender can't be reached.
const VERIFIED: &str = "PATRON_VERIFIED";
/// The settings by which polls come an hour later. Polls of requests placed before would fall into one measurement and
/// not into another.
const POLLS: &str =
    "batch_poll_interval_ms = 3600000\npoll_interval_initial_ms = 3600000\npoll_interval_max_ms = 3600000\n";
const PLACED: &str = "REQUEST_PLACED_AT_BORROWING_AGENCY";

#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    /// The number of placements measured in each half of a round.
    measured: usize,
    /// The number of requests that wait for the library that is down.
    waiting: usize,
}

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let plan = match scale {
        Scale::Full => Plan { rounds: 2, measured: 300, waiting: 60 },
        Scale::Quick => Plan { rounds: 1, measured: 100, waiting: 30 },
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let titles = (plan.rounds + 1) * 4 * plan.measured.max(plan.waiting);
        // Each request has a patron of its own: a patron with hundreds of requests would be slow for that reason alone.
        let sim = sim_setup::build_for(SimClock::Real, titles, 2 * titles)?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(sim.clone(), listen).await.map_err(|error| error.to_string())?;
        let hub = HubProcess::start(Setup { database: None, engine: POLLS.to_owned() }).await?;
        hub.introduce(&server.base_url()).await?;
        let mut bench = Outage { sim, hub: hub.client.clone(), next: [0, 0] };
        bench.play(plan).await
    })
}

struct Outage {
    sim: Sim,
    hub: Hub,
    /// The number of the next title at each lender.
    next: [usize; 2],
}

/// The times that placements took.
#[derive(Default)]
struct Took {
    normal: Vec<Duration>,
    hanging: Vec<Duration>,
    refusing: Vec<Duration>,
    /// The time from the end of an outage until all waiting requests were placed.
    resumed: Vec<Duration>,
}

impl Outage {
    async fn play(&mut self, plan: Plan) -> Result<Verdict, String> {
        let ms = u64::try_from(HANGS.as_millis()).unwrap_or(u64::MAX);
        let mut took = Took::default();
        // The first placements open connections and create virtual patrons, so they are not measured.
        self.measure(plan.measured / 4).await?;
        for _ in 0..plan.rounds {
            took.normal.extend(self.measure(plan.measured).await?);
            let waiting = self.take_down(FaultKind::Delay { ms, before: true }, plan.waiting).await?;
            took.hanging.extend(self.measure(plan.measured).await?);
            took.resumed.push(self.bring_back(waiting).await?);
            took.normal.extend(self.measure(plan.measured).await?);
            let waiting = self.take_down(FaultKind::status(503), plan.waiting).await?;
            self.until_known().await?;
            took.refusing.extend(self.measure(plan.measured).await?);
            took.resumed.push(self.bring_back(waiting).await?);
        }
        Ok(verdict(plan, took))
    }

    /// Makes the first lender's Alma fail at every call, and places requests for its copies. Returns these requests.
    async fn take_down(&mut self, fault: FaultKind, count: usize) -> Result<Vec<String>, String> {
        self.sim.arm(LENDERS[0], Fault::always("*", fault)).map_err(|error| error.to_string())?;
        let mut waiting = Vec::with_capacity(count);
        for _ in 0..count {
            let body = self.placement(0);
            waiting.push(place(&self.hub, &body).await?);
        }
        // The calls to the borrower that these requests make first are ordinary load and no part of the outage.
        for id in &waiting {
            until(&self.hub, id, VERIFIED).await?;
        }
        Ok(waiting)
    }

    async fn until_known(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let health = self.hub.call(Method::GET, "/health", None).await.map_err(|failure| failure.to_string())?;
            if health["systems_down"].as_array().is_some_and(|down| !down.is_empty()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err("the hub doesn't notice that the lender's Alma is down".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn bring_back(&self, waiting: Vec<String>) -> Result<Duration, String> {
        self.sim.disarm(LENDERS[0]).map_err(|error| error.to_string())?;
        let back = Instant::now();
        for id in waiting {
            until(&self.hub, &id, PLACED).await?;
        }
        Ok(back.elapsed())
    }

    /// Places requests for copies of the second lender. Returns how long each took until both holds existed.
    async fn measure(&mut self, count: usize) -> Result<Vec<Duration>, String> {
        let mut took = Vec::with_capacity(count);
        let mut running = JoinSet::new();
        for _ in 0..count {
            if running.len() == TOGETHER
                && let Some(ended) = running.join_next().await
            {
                took.push(ended.map_err(|error| error.to_string())??);
            }
            let (hub, body) = (self.hub.clone(), self.placement(1));
            running.spawn(async move {
                let begun = Instant::now();
                let id = place(&hub, &body).await?;
                until(&hub, &id, PLACED).await?;
                Ok::<_, String>(begun.elapsed())
            });
        }
        while let Some(ended) = running.join_next().await {
            took.push(ended.map_err(|error| error.to_string())??);
        }
        Ok(took)
    }

    fn placement(&mut self, lender: usize) -> Value {
        let number = self.next[lender];
        self.next[lender] += 1;
        let copy = json!({"institution": LENDERS[lender], "barcode": sim_setup::barcode(LENDERS[lender], number)});
        json!({
            "agency": "BORROW", "patron": sim_setup::one_of_many(2 * number + lender), "pickup_location": "BORROW-MAIN", "copies": [copy],
        })
    }
}

async fn place(hub: &Hub, body: &Value) -> Result<String, String> {
    let placed = hub.call(Method::POST, "/api/v1/requests?wait=0", Some(body)).await;
    let placed = placed.map_err(|failure| failure.to_string())?;
    placed["id"].as_str().map(str::to_owned).ok_or_else(|| format!("a placement has no id: {placed}"))
}

async fn until(hub: &Hub, id: &str, status: &str) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = hub.request(id).await.map_err(|failure| failure.to_string())?;
        if request.status == status {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{id} stands at {}", request.status));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn verdict(plan: Plan, mut took: Took) -> Verdict {
    for all in [&mut took.normal, &mut took.hanging, &mut took.refusing, &mut took.resumed] {
        all.sort_unstable();
    }
    let at = |sorted: &[Duration], share: usize| {
        sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let ratio = |of: &[Duration], share: usize| at(of, share).as_secs_f64() / at(&took.normal, share).as_secs_f64();
    let mut rows = table(&["placement", "all well", "one hangs", "ratio", "one refuses", "ratio"]);
    for (name, share) in [("p50", 50), ("p90", 90), ("p99", 99)] {
        let ms = |sorted: &[Duration]| format!("{:.1} ms", at(sorted, share).as_secs_f64() * 1_000.0);
        let times = |of| format!("{:.2}", ratio(of, share));
        let row =
            [ms(&took.normal), ms(&took.hanging), times(&took.hanging), ms(&took.refusing), times(&took.refusing)];
        rows.add_row(std::iter::once(name.to_owned()).chain(row).collect::<Vec<_>>());
    }
    let worst = |share| ratio(&took.hanging, share).max(ratio(&took.refusing, share));
    let (p50, p99) = (worst(50), worst(99));
    Verdict {
        table: rows,
        notes: vec![format!(
            "{} rounds of {} placements each; {} requests waited in each outage; all were placed {:.1} s after its end at the latest",
            plan.rounds,
            plan.measured,
            plan.waiting,
            at(&took.resumed, 100).as_secs_f64()
        )],
        figure: format!("{p50:.2} times the latency at p50, {p99:.2} at p99"),
        target: format!("at most {MOST} at p50 and p99"),
        met: p50 <= MOST && p99 <= MOST,
    }
}
