//! SIGKILL of the real hub, again and again, with many requests in flight: what is lost, doubled or left over.
//!
//! The hub is the program as it is shipped, a process of its own, on the embedded store or on PostgreSQL. It is judged from outside: by its
//! public API, and by the simulated Almas, which live on in this process. One request in ten is cancelled by its patron,
//! one in ten by the first lender, so that a second one is asked.

pub(crate) mod hub;
mod staff;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alma_sim::{Server, Sim, SimClock};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use self::hub::{HubProcess, build_hub};
use self::staff::{Desk, Open};
use crate::Scale;
use crate::simulate::house::{BORROWER, LENDERS};
use crate::simulate::{house, rules};
use crate::verdict::{Verdict, table};

/// From start to the first call of an Alma, at the 99th of a hundred restarts.
const RESUMED_WITHIN: Duration = Duration::from_secs(2);
/// How long what is in flight at the end may take, with nothing going wrong any more.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the hub works before it is killed, in milliseconds: from the middle of its start to well in its stride.
const LIVES: std::ops::Range<u64> = 20..900;
/// Requests whose virtual records are counted, in each round.
const SAMPLE: usize = 20;
/// Violations that are told.
const SHOWN: usize = 20;

#[derive(Clone, Copy, Debug)]
struct Plan {
    kills: usize,
    in_flight: usize,
    titles: usize,
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    /// Requests that the hub answered 201 for.
    accepted: BTreeSet<String>,
    /// Placements that nobody answered: the hub may have taken them or not.
    unanswered: usize,
    doubled: BTreeSet<String>,
}

pub(crate) fn run(scale: Scale, database: Option<&str>) -> Result<Verdict, String> {
    let plan = match scale {
        Scale::Full => Plan { kills: 200, in_flight: 1_000, titles: 60_000 },
        Scale::Quick => Plan { kills: 15, in_flight: 60, titles: 5_000 },
    };
    let program = build_hub()?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let sim = house::build(SimClock::Real, plan.titles)?;
        let server = Server::start(sim.clone(), SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .map_err(|error| format!("the simulated Almas can't listen: {error}"))?;
        let mut hub = HubProcess::start(&program, database).await?;
        hub.introduce(&server.base_url()).await?;
        play(plan, &sim, hub).await
    })
}

async fn play(plan: Plan, sim: &Sim, hub: HubProcess) -> Result<Verdict, String> {
    let begun = Instant::now();
    let before = counts(sim, BORROWER)?;
    let client = hub.client.clone();
    let killing = Arc::new(AtomicBool::new(true));
    let killer = tokio::spawn(kill(plan.kills, hub, sim.clone(), Arc::clone(&killing)));
    let mut desk = Desk::new(sim.clone(), client, plan.titles);
    let mut seen = Seen::default();
    let mut drained_since = None;
    let mut open = Vec::new();
    loop {
        if let Some(listed) = desk.open().await {
            open = listed;
            desk.work(&open).await;
            look(sim, &open, &mut seen)?;
        }
        if killing.load(Ordering::Relaxed) {
            desk.place(plan.in_flight.saturating_sub(open.len()), &mut seen).await;
        } else {
            let since = *drained_since.get_or_insert_with(Instant::now);
            if open.is_empty() || since.elapsed() > PATIENCE {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (hub, resumed) = killer.await.map_err(|_| "the killer panicked".to_owned())??;
    let ended = desk.all().await?;
    drop(hub);
    let left = strays(sim, &before)?;
    Ok(verdict(plan, begun.elapsed(), &seen, resumed, &ended, &left))
}

/// Kills the hub and starts it again; answers how long each start took to its first call of an Alma.
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
        hub.start_again()?;
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

fn calls(sim: &Sim) -> Result<u64, String> {
    let mut all = 0;
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        all += sim.calls(code).map_err(|error| error.to_string())?.values().sum::<u64>();
    }
    Ok(all)
}

/// At this moment: no two holds of one request at a library, none at two lenders, no two virtual records.
fn look(sim: &Sim, open: &[Open], seen: &mut Seen) -> Result<(), String> {
    let doubled = rules::doubled_holds(sim)?;
    seen.doubled.extend(doubled);
    let mut rng = StdRng::from_os_rng();
    for _ in 0..SAMPLE.min(open.len()) {
        let request = &open[rng.random_range(0..open.len())];
        let records = rules::records_of(sim, &request.id)?;
        if records > 1 {
            seen.doubled.insert(format!("{records} virtual records of {}", request.id));
        }
    }
    Ok(())
}

fn counts(sim: &Sim, code: &str) -> Result<Value, String> {
    Ok(sim.staff(code).map_err(|error| error.to_string())?.counts())
}

/// What is left at the libraries once all has ended.
fn strays(sim: &Sim, before: &Value) -> Result<Vec<String>, String> {
    let mut left = Vec::new();
    let after = counts(sim, BORROWER)?;
    for what in ["bibs", "holdings", "items", "requests", "loans"] {
        if after[what] != before[what] {
            left.push(format!("{what} at the borrower: {} before, {} after", before[what], after[what]));
        }
    }
    for code in LENDERS {
        let after = counts(sim, code)?;
        for what in ["requests", "loans"] {
            if after[what] != 0 {
                left.push(format!("{} {what} at {code}", after[what]));
            }
        }
    }
    Ok(left)
}

fn verdict(
    plan: Plan,
    took: Duration,
    seen: &Seen,
    mut resumed: Vec<Duration>,
    ended: &[Open],
    left: &[String],
) -> Verdict {
    resumed.sort_unstable();
    let quantile = |share: usize| resumed.get((resumed.len() * share / 100).min(resumed.len().saturating_sub(1)));
    let p99 = quantile(99).copied().unwrap_or(Duration::MAX);
    let known: BTreeSet<&str> = ended.iter().map(|request| request.id.as_str()).collect();
    let mut lost: Vec<String> = seen.accepted.iter().filter(|id| !known.contains(id.as_str())).cloned().collect();
    let stuck = ended.iter().filter(|request| request.status != "FINALISED");
    lost.extend(stuck.map(|request| format!("{} stands at {} ({})", request.id, request.status, request.waits)));
    let mut outcomes = std::collections::BTreeMap::<&str, usize>::new();
    for request in ended {
        *outcomes.entry(request.outcome.as_str()).or_default() += 1;
    }
    let mut rows = table(&["outcome", "requests"]);
    for (outcome, count) in outcomes {
        rows.add_row([outcome.to_owned(), count.to_string()]);
    }
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
    notes.extend(lost.iter().map(|what| format!("lost: {what}")).take(SHOWN));
    notes.extend(seen.doubled.iter().map(|what| format!("doubled: {what}")).take(SHOWN));
    notes.extend(left.iter().map(|what| format!("stray: {what}")).take(SHOWN));
    let (lost, doubled, strays) = (lost.len(), seen.doubled.len(), left.len());
    Verdict {
        table: rows,
        notes,
        figure: format!(
            "{lost} lost, {doubled} doubled, {strays} stray in {} requests, resumed within {:.3} s at p99",
            ended.len(),
            p99.as_secs_f64()
        ),
        target: format!("0, 0, 0, at most {} s", RESUMED_WITHIN.as_secs()),
        met: lost + doubled + strays == 0 && p99 <= RESUMED_WITHIN && !ended.is_empty(),
    }
}
