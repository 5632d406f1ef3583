//! Kills the real hub with SIGKILL again and again while many requests are in flight, and counts the requests that are
//! lost, doubled or left over.
//!
//! The hub runs on the embedded store or on PostgreSQL. One request in ten is cancelled by its patron, one in ten by
//! the first lender, so that a second one is asked.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alma_sim::{Server, Sim, SimClock};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::Scale;
use crate::live::databases::peer_at;
use crate::live::hub::{HubProcess, Setup};
use crate::live::staff::{Desk, Open};
use crate::live::{PATIENCE, Seen, Wrong, calls, counts, keep_busy, outcomes};
use crate::simulate::sim_setup::{self, BORROWER};
use crate::verdict::Verdict;

/// The limit on the time from the start of the hub to its first call of an Alma, at the 99th percentile of all
/// restarts.
const RESUMED_WITHIN: Duration = Duration::from_secs(2);
/// How long the hub works before it is killed, in milliseconds. Some kills hit the hub while it starts, others while it
/// works at full speed.
const LIVES: std::ops::Range<u64> = 20..900;
/// The settings by which the hub polls a library every 2 to 10 seconds. The benchmark also asks the hub for a poll at
/// once after each action of staff.
const POLLS: &str = "batch_poll_interval_ms = 2000\npoll_interval_initial_ms = 2000\npoll_interval_max_ms = 10000\n";

#[derive(Clone, Copy, Debug)]
struct Plan {
    kills: usize,
    in_flight: usize,
    titles: usize,
}

pub(crate) fn run(scale: Scale, database: Option<&str>) -> Result<Verdict, String> {
    let plan = match scale {
        Scale::Full => Plan { kills: 200, in_flight: 1_000, titles: 60_000 },
        Scale::Quick => Plan { kills: 15, in_flight: 60, titles: 5_000 },
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let sim = sim_setup::build(SimClock::Real, plan.titles)?;
        let server = Server::start(sim.clone(), SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .map_err(|error| format!("the simulated Almas can't listen: {error}"))?;
        let setup = Setup { database: database.map(str::to_owned), engine: POLLS.to_owned() };
        let hub = HubProcess::start(setup).await?;
        hub.introduce(&server.base_url()).await?;
        let mut verdict = play(plan, &sim, hub).await?;
        if let Some(database) = database {
            verdict.notes.push(peer_at(database).await?);
        }
        Ok(verdict)
    })
}

async fn play(plan: Plan, sim: &Sim, hub: HubProcess) -> Result<Verdict, String> {
    let begun = Instant::now();
    let before = counts(sim, BORROWER)?;
    let mut desk = Desk::new(sim.clone(), hub.client.clone(), plan.titles);
    let mut seen = Seen::default();
    let killing = Arc::new(AtomicBool::new(true));
    let killer = tokio::spawn(kill(plan.kills, hub, sim.clone(), Arc::clone(&killing)));
    keep_busy(sim, &mut desk, plan.in_flight, &mut seen, |_| killing.load(Ordering::Relaxed)).await?;
    let (hub, resumed) = killer.await.map_err(|_| "the killer panicked".to_owned())??;
    let ended = desk.all().await?;
    drop(hub);
    let wrong = Wrong::find(sim, &seen, &ended, &before)?;
    Ok(verdict(plan, begun.elapsed(), &seen, resumed, &ended, &wrong))
}

/// Kills the hub and starts it again. Returns the time from each start to the first call of an Alma.
async fn kill(
    kills: usize,
    mut hub: HubProcess,
    sim: Sim,
    killing: Arc<AtomicBool>,
) -> Result<(HubProcess, Vec<Duration>), String> {
    let mut rng = StdRng::from_os_rng();
    let mut resumed = Vec::with_capacity(kills);
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(rng.random_range(LIVES))).await;
        hub.kill()?;
        let before = calls(&sim)?;
        let started = Instant::now();
        hub.restart()?;
        while calls(&sim)? == before {
            if started.elapsed() > PATIENCE {
                killing.store(false, Ordering::Relaxed);
                return Err("the hub does nothing after a restart".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        resumed.push(started.elapsed());
    }
    killing.store(false, Ordering::Relaxed);
    Ok((hub, resumed))
}

fn verdict(
    plan: Plan,
    took: Duration,
    seen: &Seen,
    mut resumed: Vec<Duration>,
    ended: &[Open],
    wrong: &Wrong,
) -> Verdict {
    resumed.sort_unstable();
    let quantile = |share: usize| resumed.get((resumed.len() * share / 100).min(resumed.len().saturating_sub(1)));
    let p99 = quantile(99).copied().unwrap_or(Duration::MAX);
    let mut notes = vec![
        format!(
            "{} kills with {} requests in flight, {:.1} s; {} accepted, {} placements unanswered, {} requests in all",
            resumed.len(),
            plan.in_flight,
            took.as_secs_f64(),
            seen.accepted.len(),
            seen.unanswered,
            ended.len(),
        ),
        format!(
            "from start to the first call of an Alma: p50 {:.3} s, p99 {:.3} s",
            quantile(50).copied().unwrap_or_default().as_secs_f64(),
            p99.as_secs_f64()
        ),
    ];
    notes.extend(wrong.notes());
    Verdict {
        table: outcomes(ended),
        notes,
        figure: format!(
            "{} in {} requests, resumed within {:.3} s at p99",
            wrong.figure(),
            ended.len(),
            p99.as_secs_f64()
        ),
        target: format!("0, 0, 0, at most {} s", RESUMED_WITHIN.as_secs()),
        met: wrong.count() == 0 && p99 <= RESUMED_WITHIN && !ended.is_empty(),
    }
}
