//! Shares a quota with other applications: counts which calls are refused, how long patrons wait, and what stops when
//! few calls are left.
//!
//! Each of three Almas allows 25 calls a second. Three other applications of the library use the same quota: one makes
//! calls evenly, one in bursts, one now and then. The hub always has more polls to make than its quota allows, and
//! patrons place requests meanwhile. At the end only a few of the day's calls are left at each Alma.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alma_sim::{Fault, FaultKind, Server, Sim, SimClock};
use reqwest::{Method, StatusCode};
use scenarios::Hub;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Scale;
use crate::live::hub::{HubProcess, Setup};
use crate::simulate::sim_setup::{self, BORROWER, LENDERS};
use crate::verdict::{Verdict, table};

const INSTITUTIONS: [&str; 3] = [LENDERS[0], LENDERS[1], BORROWER];
/// The number of calls per second that each Alma allows.
const LIMIT: u32 = 25;
/// The number of calls a day that the hub leaves to other applications and to patrons.
const RESERVE: u64 = 500;
/// The number of calls that are left above the reserve when the last part of the benchmark begins.
const ABOVE: u64 = 150;
/// The largest number of refused calls, out of 10,000.
const MOST_REFUSED: f64 = 1.0;
const MOST_WAIT: Duration = Duration::from_secs(1);
/// The time between two placements of patrons.
const PLACEMENTS: Duration = Duration::from_millis(1_300);
/// The number of calls that polls in progress may still make when the reserve is reached: eight polls of three calls.
const UNDER_WAY: u64 = 24;
/// The settings by which the hub polls every open request this often on both sides, which is more than the limit
/// allows.
const POLLS: &str = "batch_poll_interval_ms = 500\npoll_interval_initial_ms = 500\npoll_interval_max_ms = 500\n";
const PLACED: &str = "REQUEST_PLACED_AT_BORROWING_AGENCY";
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
struct Plan {
    /// The number of open requests, all of which the hub polls.
    open: usize,
    /// How long the hub competes with the other applications.
    contended: Duration,
    /// How long the benchmark runs once the reserve is reached.
    at_reserve: Duration,
}

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let (contended, at_reserve) = match scale {
        Scale::Full => (Duration::from_secs(480), Duration::from_secs(40)),
        Scale::Quick => (Duration::from_secs(25), Duration::from_secs(6)),
    };
    let plan = Plan { open: 60, contended, at_reserve };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let sim = sim_setup::build_for(SimClock::Real, 2_000, 2_000)?;
        for code in LENDERS {
            // The key lacks the area Task-lists, so the hub has to read each item. That makes more polls than the limit
            // allows.
            let refuse = FaultKind::Refuse { code: "40166414".to_owned(), message: "Not allowed.".to_owned() };
            let fault = Fault::always("GET /task-lists/requested-resources", refuse);
            sim.arm(code, fault).map_err(|error| error.to_string())?;
        }
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(sim.clone(), listen).await.map_err(|error| error.to_string())?;
        let hub = HubProcess::start(Setup { database: None, engine: POLLS.to_owned() }).await?;
        hub.introduce(&server.base_url()).await?;
        let mut bench = Fair { sim, base: server.base_url(), hub: hub.client.clone(), next: 0 };
        bench.play(plan).await
    })
}

struct Fair {
    sim: Sim,
    base: String,
    hub: Hub,
    /// The number of the next title and patron.
    next: usize,
}

impl Fair {
    async fn play(&mut self, plan: Plan) -> Result<Verdict, String> {
        // The open requests are placed before the limits are set.
        for _ in 0..plan.open {
            self.place().await?;
        }
        for code in INSTITUTIONS {
            self.limit(code, None)?;
            let mut settings = sim_setup::settings();
            settings["base_url"] = json!(self.base);
            settings["calls_per_second"] = json!(LIMIT);
            settings["reserve_calls_per_day"] = json!(RESERVE);
            let body = json!({"name": code, "kind": "alma", "api_key": sim_setup::key(code), "settings": settings});
            self.hub
                .put(&format!("/api/v1/institutions/{code}"), &body)
                .await
                .map_err(|failure| failure.to_string())?;
        }
        let others = Others::start(&self.base)?;
        let (calls, refused) = (self.hub_calls(&others)?, self.hub_refused(&others)?);
        let spent = self.spent().await?;
        let contended = self.patrons(plan.contended).await?;
        let (calls, refused) = (self.hub_calls(&others)? - calls, self.hub_refused(&others)? - refused);
        let spent = self.spent().await?.less(&spent);

        // Only a few calls are left now: polling must stop, and patrons' requests must go on.
        let mut at_reserve = Spent::default();
        for code in INSTITUTIONS {
            let quota = self.quota(code).await?;
            let (total, left) = (number(&quota["per_day"]["total"]), number(&quota["per_day"]["remaining"]));
            self.limit(code, Some(total.saturating_sub(left) + RESERVE + ABOVE))?;
        }
        for code in INSTITUTIONS {
            at_reserve.batch_poll += self.until_paused(code).await?;
        }
        let at_end = self.patrons(plan.at_reserve).await?;
        let polls_after = self.spent().await?.batch_poll - at_reserve.batch_poll;
        let others_refused = others.refused.load(Ordering::Relaxed);
        let others_calls = others.calls.load(Ordering::Relaxed);
        drop(others);
        Ok(verdict(
            plan,
            &Measurements { calls, refused, spent, contended, at_end, polls_after, others_calls, others_refused },
        ))
    }

    fn limit(&self, code: &str, per_day: Option<u64>) -> Result<(), String> {
        self.sim.set_limits(code, Some(LIMIT), per_day, 0).map_err(|refusal| format!("{refusal:?}"))
    }

    /// Places one request after another for some time. Returns how long each took.
    async fn patrons(&mut self, long: Duration) -> Result<Vec<Duration>, String> {
        let (until, mut took, mut running) = (Instant::now() + long, Vec::new(), JoinSet::new());
        let mut pace = tokio::time::interval(PLACEMENTS);
        while Instant::now() < until {
            pace.tick().await;
            let (hub, body) = (self.hub.clone(), self.placement());
            running.spawn(async move { placed(&hub, &body).await });
            while let Some(ended) = running.try_join_next() {
                took.push(ended.map_err(|error| error.to_string())??);
            }
        }
        while let Some(ended) = running.join_next().await {
            took.push(ended.map_err(|error| error.to_string())??);
        }
        took.sort_unstable();
        Ok(took)
    }

    async fn place(&mut self) -> Result<(), String> {
        let body = self.placement();
        placed(&self.hub, &body).await.map(drop)
    }

    fn placement(&mut self) -> Value {
        let (number, lender) = (self.next, LENDERS[self.next % 2]);
        self.next += 1;
        json!({
            "agency": "BORROW", "patron": sim_setup::one_of_many(number), "pickup_location": "BORROW-MAIN",
            "copies": [{"institution": lender, "barcode": sim_setup::barcode(lender, number)}],
        })
    }

    async fn quota(&self, code: &str) -> Result<Value, String> {
        let path = format!("/api/v1/institutions/{code}/quota");
        self.hub.call(Method::GET, &path, None).await.map_err(|failure| failure.to_string())
    }

    async fn spent(&self) -> Result<Spent, String> {
        let mut all = Spent::default();
        for code in INSTITUTIONS {
            let by = self.quota(code).await?["used"]["by_priority"].take();
            all.patron += number(&by["patron"]);
            all.batch_poll += number(&by["poll"]);
        }
        Ok(all)
    }

    /// Waits until the hub has paused polling. Returns the number of calls that polls had made by then.
    async fn until_paused(&self, code: &str) -> Result<u64, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let quota = self.quota(code).await?;
            if quota["paused"]["what"] == "polling" {
                return Ok(number(&quota["used"]["by_priority"]["poll"]));
            }
            if Instant::now() > deadline {
                return Err(format!("polling of {code} is not paused: {quota}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the number of the hub's calls: all calls that the Almas counted, less those of the other applications.
    fn hub_calls(&self, others: &Others) -> Result<u64, String> {
        let mut all = 0;
        for code in INSTITUTIONS {
            let calls = self.sim.calls(code).map_err(|refusal| format!("{refusal:?}"))?;
            all += calls.values().sum::<u64>();
        }
        Ok(all.saturating_sub(others.calls.load(Ordering::Relaxed)))
    }

    fn hub_refused(&self, others: &Others) -> Result<u64, String> {
        let mut all = 0;
        for code in INSTITUTIONS {
            all += self.sim.refused(code).map_err(|refusal| format!("{refusal:?}"))?;
        }
        Ok(all.saturating_sub(others.refused.load(Ordering::Relaxed)))
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

async fn placed(hub: &Hub, body: &Value) -> Result<Duration, String> {
    let begun = Instant::now();
    let placed = hub.call(Method::POST, "/api/v1/requests?wait=0", Some(body)).await;
    let placed = placed.map_err(|failure| failure.to_string())?;
    let id = placed["id"].as_str().ok_or_else(|| format!("a placement has no id: {placed}"))?;
    loop {
        let request = hub.request(id).await.map_err(|failure| failure.to_string())?;
        if request.status == PLACED {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{id} stands at {}", request.status));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[derive(Clone, Copy, Default)]
struct Spent {
    patron: u64,
    batch_poll: u64,
}

impl Spent {
    fn less(self, before: &Self) -> Self {
        Self { patron: self.patron - before.patron, batch_poll: self.batch_poll - before.batch_poll }
    }
}

/// Three other applications of each institution. They stop when this value is dropped.
struct Others {
    calls: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Drop for Others {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Others {
    fn start(base: &str) -> Result<Self, String> {
        let others = Self { calls: Arc::default(), refused: Arc::default(), stop: Arc::default() };
        let http = scenarios::http_client().map_err(|failure| failure.to_string())?;
        let ms = Duration::from_millis;
        for code in INSTITUTIONS {
            // The number of calls in a burst, the pause between two of them, and the pause after the burst. On average
            // that is 2, 2 and 1.5 calls a second.
            for (calls, between, rest) in [(1, ms(0), ms(500)), (10, ms(200), ms(3_000)), (30, ms(333), ms(10_000))] {
                let call = http
                    .get(format!("{base}/almaws/v1/conf/general"))
                    .header("Authorization", format!("apikey {}", sim_setup::key(code)));
                let (counted, refused) = (Arc::clone(&others.calls), Arc::clone(&others.refused));
                let stop = Arc::clone(&others.stop);
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        for _ in 0..calls {
                            let Some(answer) = call.try_clone() else { return };
                            match answer.send().await.map(|answer| answer.status()) {
                                Ok(StatusCode::TOO_MANY_REQUESTS) => refused.fetch_add(1, Ordering::Relaxed),
                                Ok(_) => counted.fetch_add(1, Ordering::Relaxed),
                                Err(_) => return,
                            };
                            tokio::time::sleep(between).await;
                        }
                        tokio::time::sleep(rest).await;
                    }
                });
            }
        }
        Ok(others)
    }
}

/// The results of a run.
struct Measurements {
    calls: u64,
    refused: u64,
    spent: Spent,
    contended: Vec<Duration>,
    at_end: Vec<Duration>,
    polls_after: u64,
    others_calls: u64,
    others_refused: u64,
}

#[allow(clippy::cast_precision_loss, reason = "counts of some thousands")]
fn verdict(plan: Plan, measured: &Measurements) -> Verdict {
    let at = |sorted: &[Duration], share: usize| {
        sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let mut rows = table(&["placements", "done", "p50", "p90", "p99", "longest"]);
    for (name, took) in
        [("polls saturate, others call", &measured.contended), ("at the reserve_calls_per_day", &measured.at_end)]
    {
        let mut row = vec![name.to_owned(), took.len().to_string()];
        row.extend([50, 90, 99, 100].map(|share| format!("{:.0} ms", at(took, share).as_secs_f64() * 1_000.0)));
        rows.add_row(row);
    }
    let refused = measured.refused as f64 * 10_000.0 / measured.calls.max(1) as f64;
    let p99 = at(&measured.contended, 99).max(at(&measured.at_end, 99));
    let per_second = |calls: u64| calls as f64 / plan.contended.as_secs_f64() / INSTITUTIONS.len() as f64;
    Verdict {
        table: rows,
        notes: vec![
            format!(
                "{} calls of the hub in {} s at 3 Almas, {:.1} a second each: {} for patrons, {} for polls; {} refused",
                measured.calls,
                plan.contended.as_secs(),
                per_second(measured.calls),
                measured.spent.patron,
                measured.spent.batch_poll,
                measured.refused
            ),
            format!("{} calls of the others, {} of theirs refused", measured.others_calls, measured.others_refused),
            format!("{} s at the reserve: {} calls of polls", plan.at_reserve.as_secs(), measured.polls_after),
        ],
        figure: format!(
            "{refused:.2} of 10,000 calls refused, placements {:.0} ms at p99, {} calls of polls after the reserve was reached",
            p99.as_secs_f64() * 1_000.0,
            measured.polls_after
        ),
        target: format!(
            "at most {MOST_REFUSED:.0}, less than {} ms, at most {} that were under way",
            MOST_WAIT.as_millis(),
            UNDER_WAY * 3
        ),
        met: refused <= MOST_REFUSED && p99 < MOST_WAIT && measured.polls_after <= UNDER_WAY * 3,
    }
}
