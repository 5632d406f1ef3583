//! Measures how soon the hub acts on the actions of staff, next to the bare chain of each: as many messages, durable units
//! and calls, one after the other, under the same load.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alma_sim::{Sim, Staff, WebhookProfile};
use scenarios::Hub;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::chain::{Bare, Steps};
use super::lost_message::{self, Detection, Late, LostMessage, ONE_BATCH_POLL};
use super::{PATIENCE, SECRET, Stage, at, idle, ms, place_all, reached, runtime, until};
use crate::Scale;
use crate::live::calls;
use crate::simulate::sim_setup::{self, BORROWER, DESK, LENDERS};
use crate::verdict::{Verdict, table};

/// The numbers of staff actions per second.
const ACTS_PER_SECOND: [u64; 2] = [50, 200];
/// The number of lifecycles that run at the same time.
pub(super) const LIFECYCLES: usize = 24;
/// One bare chain for this many acts, so that the chains add little to the load.
const ACTS_PER_CHAIN: usize = 4;
/// How many times as long as its bare chain an act may take.
const TIMES: f64 = 3.0;
/// The detection time for lost messages that a library may set, in minutes.
const SURE_WITHIN: u32 = 5;

/// An action of staff.
struct Act {
    name: &'static str,
    /// The status to which it leads.
    status: &'static str,
    /// What the hub does until the act counts as seen.
    steps: Steps,
}

const fn act(name: &'static str, status: &'static str, units: usize, calls: usize) -> Act {
    Act { name, status, steps: Steps { units, calls } }
}

/// The hub reads the lender's hold when the item is sent, lends at the lender when the patron has borrowed, deletes the
/// virtual item when the book is home, and cancels the lender's hold when the patron's is cancelled.
const ACTS: [Act; 6] = [
    act("dispatch", "PICKUP_TRANSIT", 1, 1),
    act("on the shelf", "READY_FOR_PICKUP", 1, 0),
    act("loan", "LOANED", 1, 1),
    act("return", "RETURN_TRANSIT", 1, 0),
    act("back home", "FINALISED", 2, 1),
    act("cancelled", "CANCELLED", 1, 1),
];
const LOAN: usize = 2;
const CANCELLED: usize = 5;
/// One request whose hold the borrower's staff cancel, for this many requests that are supplied.
const SUPPLIED: usize = 5;
/// The calls in a day of which lists use the default share.
const BUDGETS: [u64; 3] = [5_000, 50_000, 500_000];

/// How long the acts of one kind took, and their bare chains.
#[derive(Clone, Default)]
pub(super) struct Times {
    pub(super) acts: Vec<Duration>,
    chains: Vec<Duration>,
}

/// What was measured at one rate.
struct Played {
    acts_per_second: u64,
    took: Duration,
    /// One for each of [`ACTS`].
    times: Vec<Times>,
}

pub(crate) fn react(scale: Scale) -> Result<Verdict, String> {
    let (lifecycles, requests) = match scale {
        Scale::Full => (1_000, 16),
        Scale::Quick => (100, 4),
    };
    runtime()?.block_on(async {
        check_steps().await?;
        let mut played = Vec::new();
        for acts_per_second in ACTS_PER_SECOND {
            played.push(play_at(acts_per_second, lifecycles).await?);
        }
        let sure = Detection::Within(SURE_WITHIN);
        let one_sure = lost_message::delays(LostMessage::One, requests, sure).await?;
        let items_sure = lost_message::delays(LostMessage::Items, requests, sure).await?;
        let mut verdict = reacted(&played, longest(&one_sure).max(longest(&items_sure)));
        let minutes = format!("lost_message_detection_minutes = {SURE_WITHIN}");
        let mut lates = vec![
            (format!("one message lost, {minutes}"), one_sure),
            (format!("no messages of items, {minutes}"), items_sure),
            (
                "one message lost".to_owned(),
                lost_message::delays(LostMessage::One, requests, Detection::Ordinary).await?,
            ),
            (
                "no messages of items".to_owned(),
                lost_message::delays(LostMessage::Items, requests, Detection::Ordinary).await?,
            ),
            (
                "all messages lost".to_owned(),
                lost_message::delays(LostMessage::All, requests, Detection::Ordinary).await?,
            ),
        ];
        for calls in BUDGETS {
            let name = format!("one message lost, lists at 4 % of {calls} calls a day");
            lates
                .push((name, lost_message::delays(LostMessage::One, requests, Detection::AtCallsPerDay(calls)).await?));
        }
        verdict.notes.extend(lates.iter().map(|(name, acts)| late(name, acts)));
        Ok(verdict)
    })
}

/// Checks that no bare chain has more steps than the hub needs for the act, by one request that is supplied and one that
/// is cancelled.
async fn check_steps() -> Result<(), String> {
    let stage = stage(SUPPLIED + 1).await?;
    let placed = place_all(&stage.hub.client, SUPPLIED + 1).await?;
    for (act, Act { name, steps, .. }) in ACTS.iter().enumerate() {
        let number = if act == CANCELLED { SUPPLIED } else { 0 };
        idle(&stage.hub.client, &placed[number]).await?;
        let before = (stage.hub.commits().await?, calls(&stage.sim)?);
        one(&stage.sim, &stage.hub.client, &placed[number], number, act).await?;
        idle(&stage.hub.client, &placed[number]).await?;
        let (units, calls) = (stage.hub.commits().await? - before.0, calls(&stage.sim)? - before.1);
        if units < steps.units as u64 || calls < steps.calls as u64 {
            return Err(format!("{name}: the hub needs {units} units and {calls} calls, fewer than its chain"));
        }
    }
    Ok(())
}

/// Starts Almas and a hub, with webhooks that report everything.
pub(super) async fn stage(titles: usize) -> Result<Stage, String> {
    let stage = Stage::set(titles).await?;
    for code in [LENDERS[0], BORROWER] {
        let actions = ["LOAN", "REQUEST", "ITEM"].map(str::to_owned).into();
        let profile = WebhookProfile { actions, at_once: 16, ..WebhookProfile::new(&stage.url(code), SECRET) };
        stage.sim.add_webhook(code, profile).map_err(|error| error.to_string())?;
        let staff = stage.sim.staff(code).map_err(|error| error.to_string())?;
        // A site whose Alma sends ITEM messages on circulation: without them dispatch is found by polling only.
        staff.set_behaviour(|site| site.circulation_raises_item_events = true);
    }
    Ok(stage)
}

/// Lets staff act so often on the books of new lifecycles.
async fn play_at(acts_per_second: u64, lifecycles: usize) -> Result<Played, String> {
    let requests = lifecycles + lifecycles / SUPPLIED;
    let stage = stage(requests).await?;
    let placed = place_all(&stage.hub.client, requests).await?;
    let bare = Arc::new(Bare::start(LIFECYCLES as u64).await?);
    let begun = Instant::now();
    let times = play(&stage, Arc::new(placed), &bare, acts_per_second).await?;
    Ok(Played { acts_per_second, took: begun.elapsed(), times })
}

/// Returns, for each action, how long it took until its status was visible and the other side's call was sent.
pub(super) async fn play(
    stage: &Stage,
    placed: Arc<Vec<String>>,
    bare: &Arc<Bare>,
    acts_per_second: u64,
) -> Result<Vec<Times>, String> {
    let next = Arc::new(AtomicUsize::new(0));
    let acts_done = Arc::new(AtomicUsize::new(0));
    let turns = Arc::new(Semaphore::new(0));
    let pace = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / acts_per_second));
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
        let (sim, hub, bare) = (stage.sim.clone(), stage.hub.client.clone(), Arc::clone(bare));
        let (next, turns, placed) = (Arc::clone(&next), Arc::clone(&turns), Arc::clone(&placed));
        let acts_done = Arc::clone(&acts_done);
        workers.spawn(async move {
            let mut took = vec![Times::default(); ACTS.len()];
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(id) = placed.get(number) else { return Ok::<_, String>(took) };
                let is_cancelled = number % (SUPPLIED + 1) == SUPPLIED;
                let acts = if is_cancelled { CANCELLED..CANCELLED + 1 } else { 0..CANCELLED };
                for act in acts {
                    let times = &mut took[act];
                    turns.acquire().await.map_err(|error| error.to_string())?.forget();
                    times.acts.push(one(&sim, &hub, id, number, act).await?);
                    if acts_done.fetch_add(1, Ordering::Relaxed).is_multiple_of(ACTS_PER_CHAIN) {
                        times.chains.push(bare.chain(ACTS[act].steps).await?);
                    }
                }
            }
        });
    }
    let mut all = vec![Times::default(); ACTS.len()];
    while let Some(ended) = workers.join_next().await {
        for (all, took) in all.iter_mut().zip(ended.map_err(|error| error.to_string())??) {
            all.acts.extend(took.acts);
            all.chains.extend(took.chains);
        }
    }
    pace.abort();
    Ok(all)
}

async fn one(sim: &Sim, hub: &Hub, id: &str, number: usize, act: usize) -> Result<Duration, String> {
    let staff = |code: &str| sim.staff(code).map_err(|error| error.to_string());
    let (lender, borrower) = (staff(LENDERS[0])?, staff(BORROWER)?);
    let refused = |refusal: alma_sim::Refusal| format!("{} is refused: {refusal}", ACTS[act].name);
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
            until(hub, id, ACTS[act].status).await?;
            let is_lent = || Ok(lender.item(&lenders).map_err(refused)?.process_type == "LOAN");
            at_alma(&format!("the loan of {id} isn't mirrored"), is_lent).await?;
        }
        CANCELLED => {
            reached(hub, id, ACTS[act].status, |request| ["CANCELLED", "FINALISED"].contains(&&*request.status))
                .await?;
            let is_free = || Ok(hold_on(&lender, &lenders).is_none());
            at_alma(&format!("the lender's hold of {id} isn't cancelled"), is_free).await?;
        }
        _ => until(hub, id, ACTS[act].status).await?,
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

/// How long the acts of a kind took at one rate, with how many times as long as their bare chains that is.
struct Line {
    p50: f64,
    p99: f64,
    times_p50: f64,
    times_p99: f64,
}

fn reacted(played: &[Played], lost_message: Duration) -> Verdict {
    let mut rows = table(&["acts/s", "act", "seen", "p50", "bare", "times", "p99", "bare", "times", "longest"]);
    let (mut notes, mut lines) = (Vec::new(), Vec::new());
    for Played { acts_per_second, took, times } in played {
        let acts: usize = times.iter().map(|times| times.acts.len()).sum();
        let rate = acts as f64 / took.as_secs_f64();
        notes.push(format!("{acts} acts of staff, {rate:.0} a second where {acts_per_second} were wanted"));
        for (act, times) in ACTS.iter().zip(times) {
            let sorted = |times: &[Duration]| {
                let mut times = times.to_vec();
                times.sort_unstable();
                times
            };
            let (acts, chains) = (sorted(&times.acts), sorted(&times.chains));
            let ratio = |share: usize| at(&acts, share).as_secs_f64() / at(&chains, share).as_secs_f64();
            let line = Line {
                p50: at(&acts, 50).as_secs_f64() * 1_000.0,
                p99: at(&acts, 99).as_secs_f64() * 1_000.0,
                times_p50: ratio(50),
                times_p99: ratio(99),
            };
            rows.add_row([
                acts_per_second.to_string(),
                act.name.to_owned(),
                act.status.to_owned(),
                ms(at(&acts, 50)),
                ms(at(&chains, 50)),
                format!("{:.1}", line.times_p50),
                ms(at(&acts, 99)),
                ms(at(&chains, 99)),
                format!("{:.1}", line.times_p99),
                ms(at(&acts, 100)),
            ]);
            lines.push(line);
        }
    }
    notes.push(
        "a loan counts until the lender's Alma has it too, a cancellation until the lender's hold is cancelled; \
         back home, until all records are deleted"
            .to_owned(),
    );
    let most = |figure: fn(&Line) -> f64| lines.iter().map(figure).fold(0.0, f64::max);
    let (p50, p99) = (most(|line| line.times_p50), most(|line| line.times_p99));
    let minutes = lost_message.as_secs() / 60;
    Verdict {
        table: rows,
        notes,
        figure: format!(
            "at most {p50:.1} times the bare chain at p50 ({:.1} ms), {p99:.1} at p99 ({:.1} ms), {minutes} min where it \
             wasn't reported",
            most(|line| line.p50),
            most(|line| line.p99),
        ),
        target: format!(
            "{TIMES} times each, {} min with lost_message_detection_minutes = {SURE_WITHIN}",
            ONE_BATCH_POLL.as_secs() / 60
        ),
        met: p50 <= TIMES && p99 <= TIMES && lost_message <= ONE_BATCH_POLL,
    }
}
