//! Measures how soon the hub acts on the actions of staff.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alma_sim::{Sim, Staff, WebhookProfile};
use scenarios::Hub;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::lost_message::{self, Late, LostMessage, ONE_BATCH_POLL};
use super::{PATIENCE, SECRET, Stage, at, idle, ms, place_all, reached, runtime, until};
use crate::Scale;
use crate::simulate::sim_setup::{self, BORROWER, DESK, LENDERS};
use crate::verdict::{Verdict, table};

/// The number of staff actions per second.
const ACTS_PER_SECOND: u64 = 50;
/// The number of lifecycles that run at the same time.
const LIFECYCLES: usize = 24;
/// The detection time for lost messages that a library may set, in minutes.
const SURE_WITHIN: u32 = 5;
const REACT_P50: Duration = Duration::from_millis(20);
const REACT_P99: Duration = Duration::from_millis(250);

/// The actions of staff, and the status to which each leads.
const ACTS: [(&str, &str); 6] = [
    ("dispatch", "PICKUP_TRANSIT"),
    ("on the shelf", "READY_FOR_PICKUP"),
    ("loan", "LOANED"),
    ("return", "RETURN_TRANSIT"),
    ("back home", "FINALISED"),
    ("cancelled", "CANCELLED"),
];
const LOAN: usize = 2;
const CANCELLED: usize = 5;
/// One request whose hold the borrower's staff cancel, for this many requests that are supplied.
const SUPPLIED: usize = 5;

pub(crate) fn react(scale: Scale) -> Result<Verdict, String> {
    let lifecycles = match scale {
        Scale::Full => 1_000,
        Scale::Quick => 150,
    };
    runtime()?.block_on(async {
        let requests = lifecycles + lifecycles / SUPPLIED;
        let stage = Stage::set(requests + 1).await?;
        for code in [LENDERS[0], BORROWER] {
            let actions = ["LOAN", "REQUEST", "ITEM"].map(str::to_owned).into();
            let profile = WebhookProfile { actions, at_once: 16, ..WebhookProfile::new(&stage.url(code), SECRET) };
            stage.sim.add_webhook(code, profile).map_err(|error| error.to_string())?;
            let staff = stage.sim.staff(code).map_err(|error| error.to_string())?;
            // A site whose Alma sends ITEM messages on circulation: without them dispatch is found by polling only.
            staff.set_behaviour(|site| site.circulation_raises_item_events = true);
        }
        let placed = place_all(&stage.hub.client, requests).await?;
        let begun = Instant::now();
        let took = play(&stage, Arc::new(placed)).await?;
        let long = begun.elapsed();
        drop(stage);
        let requests = if scale == Scale::Full { 16 } else { 4 };
        let sure = Some(SURE_WITHIN);
        let one_sure = lost_message::delays(LostMessage::One, requests, sure).await?;
        let items_sure = lost_message::delays(LostMessage::Items, requests, sure).await?;
        let mut verdict = reacted(lifecycles, long, took, longest(&one_sure).max(longest(&items_sure)));
        let minutes = format!("lost_message_detection_minutes = {SURE_WITHIN}");
        verdict.notes.push(late(&format!("one message lost, {minutes}"), &one_sure));
        verdict.notes.push(late(&format!("no messages of items, {minutes}"), &items_sure));
        verdict.notes.push(late("one message lost", &lost_message::delays(LostMessage::One, requests, None).await?));
        verdict
            .notes
            .push(late("no messages of items", &lost_message::delays(LostMessage::Items, requests, None).await?));
        verdict.notes.push(late("all messages lost", &lost_message::delays(LostMessage::All, requests, None).await?));
        Ok(verdict)
    })
}

/// Returns, for each action, how long it took until its status was visible and the other side's call was sent.
async fn play(stage: &Stage, placed: Arc<Vec<String>>) -> Result<Vec<Vec<Duration>>, String> {
    let next = Arc::new(AtomicUsize::new(0));
    let turns = Arc::new(Semaphore::new(0));
    let pace = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / ACTS_PER_SECOND));
            loop {
                ticks.tick().await;
                if turns.available_permits() < 2 {
                    turns.add_permits(1);
                }
            }
        }
    });
    let mut workers = JoinSet::new();
    for _ in 0..LIFECYCLES {
        let (sim, hub) = (stage.sim.clone(), stage.hub.client.clone());
        let (next, turns, placed) = (Arc::clone(&next), Arc::clone(&turns), Arc::clone(&placed));
        workers.spawn(async move {
            let mut took = vec![Vec::new(); ACTS.len()];
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(id) = placed.get(number) else { return Ok::<_, String>(took) };
                let is_cancelled = number % (SUPPLIED + 1) == SUPPLIED;
                let acts = if is_cancelled { CANCELLED..CANCELLED + 1 } else { 0..CANCELLED };
                for act in acts {
                    let times = &mut took[act];
                    turns.acquire().await.map_err(|error| error.to_string())?.forget();
                    times.push(one(&sim, &hub, id, number, act).await?);
                }
            }
        });
    }
    let mut all = vec![Vec::new(); ACTS.len()];
    while let Some(ended) = workers.join_next().await {
        for (all, took) in all.iter_mut().zip(ended.map_err(|error| error.to_string())??) {
            all.extend(took);
        }
    }
    pace.abort();
    Ok(all)
}

async fn one(sim: &Sim, hub: &Hub, id: &str, number: usize, act: usize) -> Result<Duration, String> {
    let staff = |code: &str| sim.staff(code).map_err(|error| error.to_string());
    let (lender, borrower) = (staff(LENDERS[0])?, staff(BORROWER)?);
    let refused = |refusal: alma_sim::Refusal| format!("{} is refused: {refusal}", ACTS[act].0);
    let lenders = sim_setup::barcode(LENDERS[0], number);
    // A book takes longer from one circulation desk to the next than the hub takes for its open effects.
    let request = idle(hub, id).await?;
    let here = request.borrower.barcode.unwrap_or_default();
    let hold = hold_on(&borrower, &here);
    let begun = Instant::now();
    match act {
        0 | 4 => lender.scan_in(&lenders, "MAIN", DESK).map(drop).map_err(refused)?,
        LOAN => borrower.lend(&here, &sim_setup::one_of_many(number), "MAIN", DESK).map(drop).map_err(refused)?,
        CANCELLED => borrower.cancel(&hold.ok_or("no hold to cancel")?, "PatronNotInterested").map_err(refused)?,
        _ => borrower.scan_in(&here, "MAIN", DESK).map(drop).map_err(refused)?,
    }
    // Waits for the other side's call too: the loan at the lender, or the end of its hold.
    match act {
        LOAN => {
            until(hub, id, ACTS[act].1).await?;
            let is_lent = || Ok(lender.item(&lenders).map_err(refused)?.process_type == "LOAN");
            at_alma(&format!("the loan of {id} isn't mirrored"), is_lent).await?;
        }
        CANCELLED => {
            reached(hub, id, ACTS[act].1, |request| ["CANCELLED", "FINALISED"].contains(&&*request.status)).await?;
            let is_free = || Ok(hold_on(&lender, &lenders).is_none());
            at_alma(&format!("the lender's hold of {id} isn't cancelled"), is_free).await?;
        }
        _ => until(hub, id, ACTS[act].1).await?,
    }
    Ok(begun.elapsed())
}

fn hold_on(staff: &Staff, barcode: &str) -> Option<String> {
    let hold = staff.requests().into_iter().find(|hold| hold.barcode.as_deref() == Some(barcode));
    hold.map(|hold| hold.id)
}

async fn at_alma(otherwise: &str, holds: impl Fn() -> Result<bool, String>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !holds()? {
        if Instant::now() > deadline {
            return Err(otherwise.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn longest(acts: &[Late]) -> Duration {
    acts.iter().map(|late| late.longest).max().unwrap_or_default()
}

/// Describes how late lists showed the changes that no message reported.
fn late(name: &str, acts: &[Late]) -> String {
    let minutes = |late: &Late| {
        format!("{:?} within {} min, then {}", late.act, late.longest.as_secs() / 60, late.longest_then.as_secs() / 60)
    };
    let acts = acts.iter().map(minutes).collect::<Vec<_>>().join(", ");
    format!("{name}, in opening hours, seen in lists: {acts}")
}

fn reacted(lifecycles: usize, took: Duration, acts: Vec<Vec<Duration>>, lost_message: Duration) -> Verdict {
    let mut rows = table(&["act", "seen", "p50", "p99", "longest"]);
    let mut all: Vec<Duration> = acts.iter().flatten().copied().collect();
    all.sort_unstable();
    for ((act, status), mut times) in ACTS.iter().zip(acts) {
        times.sort_unstable();
        let row =
            [(*act).to_owned(), (*status).to_owned(), ms(at(&times, 50)), ms(at(&times, 99)), ms(at(&times, 100))];
        rows.add_row(row);
    }
    let (p50, p99) = (at(&all, 50), at(&all, 99));
    let rate = f64::from(u32::try_from(all.len()).unwrap_or(u32::MAX)) / took.as_secs_f64();
    Verdict {
        table: rows,
        notes: vec![
            format!("{lifecycles} lifecycles, {} acts of staff, {rate:.0} a second", all.len()),
            "a loan counts until the lender's Alma has it too, a cancellation until the lender's hold is cancelled; \
             back home, until all records are deleted"
                .to_owned(),
        ],
        figure: format!(
            "p50 {}, p99 {}, {} min where it wasn't reported",
            ms(p50),
            ms(p99),
            lost_message.as_secs() / 60
        ),
        target: format!(
            "at most {} and {}, at most {} min with lost_message_detection_minutes = {SURE_WITHIN}",
            ms(REACT_P50),
            ms(REACT_P99),
            ONE_BATCH_POLL.as_secs() / 60
        ),
        met: p50 <= REACT_P50 && p99 <= REACT_P99 && lost_message <= ONE_BATCH_POLL,
    }
}
