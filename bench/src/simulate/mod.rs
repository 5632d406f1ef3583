//! Runs thousands of lifecycles with faults in one process. The workflow, the Alma adapter, the Alma client and the
//! simulated Almas are the real ones. There is no database, no time and no socket, so chance alone decides on the order
//! of events. After each step the benchmark checks the invariants at the Almas.
//!
//! A seed determines a run: `simulate --seed N --lifecycles M` repeats it, and `simulate --seed N --world W` repeats
//! one world of it.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

mod acts;
mod books;
mod hub;
mod ledger;
mod line;
mod messages;
mod replacing;
pub(crate) mod rules;
pub(crate) mod sim_setup;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use alma::{Client, RetryPolicy};
use alma_sim::{Sim, SimClock};
use jiff::{SignedDuration, Timestamp};
use lending::{
    Action, Barcode, CancelledBy, Command, CopyRef, Observed, Request, RequestId, Settlement, Side, deadlines,
};
use lms::HostLms;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use uuid::Uuid;

use self::books::Books;
use self::hub::{Hub, Mishap};
use self::ledger::{By, Ledger};
use self::line::{Line, LineState};
use self::messages::Messages;
use self::sim_setup::{BORROWER, LENDERS};
use crate::verdict::{Verdict, table};

/// The number of lifecycles that share libraries at the same time.
const TOGETHER: usize = 20;
/// The share of steps in which something unusual happens.
const UNUSUAL: f64 = 0.2;
/// The largest number of calls that a system answers with 503 while it is down.
const DOWN_FOR: u32 = 60;
/// The number of random steps for each lifecycle. After them the open requests are played out without faults.
const STEPS: usize = 30;
/// The number of rounds within which a request must end once there are no more faults.
const ROUNDS: usize = 40;

/// The largest number of effects of a request between two actions of staff.
const WORKS: usize = 24;

/// The number of violations of each kind whose story is printed.
const SHOWN: usize = 4;

/// The parameters of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) lifecycles: u64,
    /// The number of the only world to run.
    pub(crate) world: Option<u64>,
}

#[derive(Default)]
struct Tally {
    lifecycles: AtomicU64,
    steps: AtomicU64,
    calls: AtomicU64,
    outcomes: Mutex<BTreeMap<String, u64>>,
    violations: Mutex<Vec<String>>,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict, String> {
    if let Some(number) = plan.world {
        let (tally, begun) = (Tally::default(), Instant::now());
        play(plan.seed, number, World::usual(number), &tally)?;
        return Ok(verdict(plan, &tally, begun.elapsed().as_secs_f64()));
    }
    let worlds = plan.lifecycles.div_ceil(TOGETHER as u64);
    let (next, tally) = (Arc::new(AtomicU64::new(0)), Arc::new(Tally::default()));
    let begun = Instant::now();
    let threads: Vec<_> = (0..std::thread::available_parallelism().map_or(1, usize::from))
        .map(|_| {
            let (next, tally) = (Arc::clone(&next), Arc::clone(&tally));
            std::thread::spawn(move || work(plan.seed, worlds, &next, &tally))
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread of the simulation panicked".to_owned())??;
    }
    Ok(verdict(plan, &tally, begun.elapsed().as_secs_f64()))
}

fn verdict(plan: Plan, tally: &Tally, seconds: f64) -> Verdict {
    let mut violations = tally.violations.lock().clone();
    let lifecycles = tally.lifecycles.load(Ordering::Relaxed);
    let mut rows = table(&["outcome", "lifecycles"]);
    for (outcome, count) in tally.outcomes.lock().iter() {
        rows.add_row([outcome.clone(), count.to_string()]);
    }
    let count = |number: &AtomicU64| u32::try_from(number.load(Ordering::Relaxed)).map_or(f64::MAX, f64::from);
    let mut notes = vec![format!(
        "seed {}: {lifecycles} lifecycles in {seconds:.1} s, {:.0} a second; {} steps, {} calls of Alma",
        plan.seed,
        count(&tally.lifecycles) / seconds,
        tally.steps.load(Ordering::Relaxed),
        tally.calls.load(Ordering::Relaxed),
    )];
    // The shortest stories of each kind, in a stable order.
    violations.sort_by_key(|story| (story.len(), story.clone()));
    let mut kinds: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for story in &violations {
        let kind = story.split(": seed ").next().and_then(|reason| reason.split(" (").next()).unwrap_or_default();
        kinds.entry(kind).or_default().push(story);
    }
    notes.extend(kinds.iter().map(|(kind, stories)| format!("{} x {kind}", stories.len())));
    notes.extend(kinds.values().flat_map(|stories| stories.iter().take(SHOWN)).map(|story| (*story).clone()));
    Verdict {
        table: rows,
        notes,
        figure: format!("{} violations in {lifecycles} lifecycles", violations.len()),
        target: "0".to_owned(),
        met: violations.is_empty(),
    }
}

fn work(seed: u64, worlds: u64, next: &AtomicU64, tally: &Tally) -> Result<(), String> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= worlds {
            return Ok(());
        }
        play(seed, number, World::usual(number), tally)?;
    }
}

/// Runs one world.
fn play(seed: u64, number: u64, with: With, tally: &Tally) -> Result<(), String> {
    // The client's waits end at once: time moves only for them.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut world = World::new(seed, number, with)?;
        world.play(tally).await;
        Ok(())
    })
}

/// Additions to the ordinary course of a world. Each has a random source of its own.
#[derive(Clone, Copy, Debug)]
struct With {
    /// Whether the Almas send messages.
    messages: bool,
    /// Whether staff and patrons perform unusual actions.
    unusual_acts: bool,
}

/// Libraries, a hub, and the lifecycles that run between them at the same time.
struct World {
    name: String,
    sim: Sim,
    hub: Hub,
    line: Arc<Mutex<LineState>>,
    rng: StdRng,
    messages: Option<Messages>,
    /// Decides on unusual actions. It is a random source of its own, so that everything else happens as it would
    /// without them.
    unusual: Option<StdRng>,
    /// The present holds and loans.
    books: Books,
    ledger: Ledger,
    /// The title of the world that each request is for.
    numbers: BTreeMap<RequestId, usize>,
}

impl World {
    fn usual(number: u64) -> With {
        With { messages: number.is_multiple_of(2), unusual_acts: true }
    }

    fn new(seed: u64, number: u64, with: With) -> Result<Self, String> {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
        let mut rng = StdRng::seed_from_u64(mixed);
        let start = Timestamp::from_second(1_800_000_000).map_err(|error| error.to_string())?;
        let sim = sim_setup::build(SimClock::Stepped(start), TOGETHER)?;
        let line = LineState::new(rng.random());
        let mut systems: BTreeMap<String, Arc<dyn HostLms>> = BTreeMap::new();
        for code in [LENDERS[0], LENDERS[1], BORROWER] {
            systems.insert(code.to_owned(), connect(code, &sim, &line, rng.random())?);
        }
        let hub = Hub::new(start, systems, Arc::clone(&line));
        let messages = with.messages.then(|| Messages::new(mixed));
        let unusual = with.unusual_acts.then(|| StdRng::seed_from_u64(!mixed));
        if with.unusual_acts {
            acts::prepare(&sim)?;
        }
        if with.messages {
            for code in [LENDERS[0], LENDERS[1], BORROWER] {
                let staff = sim.staff(code).map_err(|error| error.to_string())?;
                staff.set_behaviour(|site| site.circulation_raises_item_events = true);
            }
        }
        let name = format!("seed {seed}, world {number}");
        let (books, ledger, numbers) = (Books::default(), Ledger::default(), BTreeMap::new());
        Ok(Self { name, sim, hub, line, rng, messages, unusual, books, ledger, numbers })
    }

    fn line(&self) -> parking_lot::MutexGuard<'_, LineState> {
        self.line.lock()
    }

    async fn play(&mut self, tally: &Tally) {
        let mut live: Vec<RequestId> = Vec::new();
        let share = self.rng.random_range(0.0..0.25);
        self.line().faults = share;
        for lifecycle in 0..TOGETHER {
            let request = self.request(lifecycle);
            let id = request.id;
            self.numbers.insert(id, lifecycle);
            match self.hub.place(request) {
                Ok(()) => live.push(id),
                Err(reason) => self.violated(tally, id, &reason),
            }
        }
        for _ in 0..STEPS * TOGETHER {
            if live.is_empty() {
                break;
            }
            let at = self.rng.random_range(0..live.len());
            let id = live[at];
            tally.steps.fetch_add(1, Ordering::Relaxed);
            let outcome = self.step(id).await;
            let delivered = self.deliver_messages(false).await;
            if let Err(reason) = outcome.and(delivered).and_then(|()| self.check(id)) {
                self.violated(tally, id, &reason);
                live.swap_remove(at);
            }
        }
        self.line().end_all_faults();
        for id in live {
            let outcome = self.play_out(id, tally).await;
            match outcome {
                Ok(outcome) => {
                    *tally.outcomes.lock().entry(outcome).or_default() += 1;
                }
                Err(reason) => self.violated(tally, id, &reason),
            }
            tally.lifecycles.fetch_add(1, Ordering::Relaxed);
        }
        let line = self.line();
        tally.calls.fetch_add(line.calls, Ordering::Relaxed);
        if line.without_intent > 0 {
            let found = format!("{}: {} calls without an intent", self.name, line.without_intent);
            tally.violations.lock().push(found);
        }
    }

    fn request(&mut self, lifecycle: usize) -> Request {
        let id = RequestId(Uuid::from_u128(self.rng.random()));
        let copies = LENDERS.map(|lender| CopyRef {
            institution: lender.into(),
            bib: None,
            holding: None,
            item: None,
            barcode: Some(Barcode::from(sim_setup::barcode(lender, lifecycle).as_str())),
            volume: None,
            queued: false,
            chosen_by_staff: false,
            tried_items: Vec::new(),
        });
        Request::new(
            id,
            self.hub.now,
            sim_setup::asking(&sim_setup::patron(lifecycle)),
            sim_setup::pickup(),
            copies.into(),
        )
    }

    /// Runs one random step.
    async fn step(&mut self, id: RequestId) -> Result<(), String> {
        if let Some(mut chance) = self.unusual.take() {
            let now = chance.random_bool(UNUSUAL);
            let outcome = if now { self.unusual_step(id, &mut chance).await } else { Ok(()) };
            self.unusual = Some(chance);
            if now {
                return outcome;
            }
        }
        match self.rng.random_range(0..100_u8) {
            0..50 if self.hub.is_busy(id) => {
                let mishap = match self.rng.random_range(0..100_u8) {
                    0..4 => Mishap::DiesBefore,
                    4..10 => Mishap::DiesAfter,
                    10..13 => Mishap::Paused,
                    _ => Mishap::None,
                };
                self.work(id, mishap).await
            }
            0..75 => {
                let Some(stored) = self.hub.requests.get(&id) else { return Ok(()) };
                let what = sim_setup::act(&self.sim, &stored.request, &mut self.rng);
                self.staff_did(id, what)
            }
            75..95 => {
                let side = if self.rng.random_bool(0.5) { Side::Lender } else { Side::Borrower };
                self.hub.poll_by_clock(id, side).await
            }
            95..97 => {
                let by = if self.rng.random_bool(0.7) { CancelledBy::Patron } else { CancelledBy::Staff };
                self.hub.ask(id, &Command::Cancel { by, reason: None }).map(drop)
            }
            97..98 => self.hub.ask_another_lender(id, None, false).await.map(drop),
            98..99 => self.hub.ask(id, &Command::Resume).map(drop),
            _ => self.deadline(id),
        }
    }

    async fn unusual_step(&mut self, id: RequestId, chance: &mut StdRng) -> Result<(), String> {
        let Some(stored) = self.hub.requests.get(&id) else { return Ok(()) };
        match chance.random_range(0..100_u8) {
            0..45 => {
                let what = acts::unusual(&self.sim, &stored.request, chance);
                self.staff_did(id, what)
            }
            45..70 => {
                let command = acts::ask(&stored.request, self.numbers.get(&id).copied().unwrap_or_default(), chance);
                match command {
                    Command::NextSupplier { copy, .. } => {
                        self.hub.ask_another_lender(id, copy, chance.random_bool(0.3)).await.map(drop)
                    }
                    other => self.hub.ask(id, &other).map(drop),
                }
            }
            70..80 => {
                let code = [LENDERS[0], LENDERS[1], BORROWER][chance.random_range(0..3)];
                self.line().down.insert(code, chance.random_range(1..=DOWN_FOR));
                Ok(())
            }
            80..90 => {
                let (mark, now) = (books::mark(id), chance.random_bool(0.7));
                let refused = &mut self.line().refused;
                let _ = if now { refused.insert(mark) } else { refused.remove(&mark) };
                Ok(())
            }
            _ => {
                self.line().calm = true;
                let compared = self.compare_with_a_poll(id).await;
                self.line().calm = false;
                compared
            }
        }
    }

    /// Executes the open effects, polls all sides, and checks that the request agrees with the Almas. It polls several
    /// times, since a hold must be missed twice.
    async fn compare_with_a_poll(&mut self, id: RequestId) -> Result<(), String> {
        for _ in 0..3 {
            for _ in 0..WORKS {
                if self.hub.is_busy(id) {
                    self.work(id, Mishap::None).await?;
                    self.check(id)?;
                }
            }
            self.hub.poll_fully(id).await?;
            self.check(id)?;
        }
        match self.hub.requests.get(&id) {
            Some(stored) if !self.hub.is_busy(id) => rules::agrees(&self.sim, &self.books, &stored.request),
            _ => Ok(()),
        }
    }

    fn staff_did(&mut self, id: RequestId, what: Option<&'static str>) -> Result<(), String> {
        if let Some(what) = what {
            self.hub.note(id, what);
        }
        if what == Some(acts::RETURNED_AT_ONCE) {
            self.ledger.patron_got_it(id);
        }
        // An action may have changed something even if Alma refused its second part.
        self.note(id, By::Staff)
    }

    /// Records the state of the Almas after somebody has acted.
    fn note(&mut self, id: RequestId, by: By) -> Result<(), String> {
        self.books = Books::read(&self.sim)?;
        match self.hub.requests.get(&id) {
            Some(stored) => self.ledger.note(&self.sim, &self.books, &stored.request, &stored.copies, by),
            None => Ok(()),
        }
    }

    /// Lets the hub work, and checks that it changes nothing of other users.
    async fn work(&mut self, id: RequestId, mishap: Mishap) -> Result<(), String> {
        let before = self.books.strangers();
        self.hub.work(id, mishap).await?;
        self.note(id, By::Hub)?;
        match before.symmetric_difference(&self.books.strangers()).next() {
            Some(changed) => Err(format!("I14: the hub has changed a stranger's matter ({changed})")),
            None => Ok(()),
        }
    }

    async fn deliver_messages(&mut self, all: bool) -> Result<(), String> {
        let Some(messages) = &mut self.messages else { return Ok(()) };
        messages.gather(&self.sim, &self.hub)?;
        messages.arrive(&mut self.hub, all).await
    }

    fn deadline(&mut self, id: RequestId) -> Result<(), String> {
        let running = self.hub.requests.get(&id).map(|stored| deadlines(&stored.request)).unwrap_or_default();
        self.hub.now += SignedDuration::from_mins(1);
        self.sim.advance(SignedDuration::from_mins(1));
        self.books = Books::read(&self.sim)?;
        match running.first() {
            Some(deadline) => self.hub.apply(id, &Observed::DeadlinePassed { deadline: *deadline }.into()),
            None => Ok(()),
        }
    }

    fn check(&self, id: RequestId) -> Result<(), String> {
        match self.hub.requests.get(&id) {
            Some(stored) => {
                rules::check(&self.sim, &self.books, &stored.request)?;
                rules::followed(&self.books, &self.ledger, &stored.request)
            }
            None => Ok(()),
        }
    }

    /// Plays a request out without faults and with staff who do their part. The request must end and leave nothing
    /// behind.
    async fn play_out(&mut self, id: RequestId, tally: &Tally) -> Result<String, String> {
        let mut resumed = Vec::new();
        for round in 0..ROUNDS {
            // The hub waits for a person who doesn't act no longer than the agency's rules allow.
            if round % 8 == 7 {
                self.deadline(id)?;
            }
            tally.steps.fetch_add(1, Ordering::Relaxed);
            for _ in 0..WORKS {
                if self.hub.is_busy(id) {
                    self.work(id, Mishap::None).await?;
                    self.check(id)?;
                }
            }
            if self.unusual.is_some() {
                self.compare_with_a_poll(id).await?;
            }
            let Some(stored) = self.hub.requests.get(&id) else { return Err("the request is lost".to_owned()) };
            let request = &stored.request;
            if request.status.is_final() {
                rules::ended(&self.sim, &self.books, &self.hub, &self.ledger, stored)?;
                let outcome = request.outcome.map_or("none".to_owned(), |outcome| outcome.name().to_owned());
                return Ok(outcome);
            }
            if let Some(cause) = request.staff_case.as_ref().map(|staff_case| staff_case.cause) {
                let resumed_before = resumed.contains(&cause);
                resumed.push(cause);
                self.decide_as_staff(id, resumed_before)?;
            }
            let Some(stored) = self.hub.requests.get(&id) else { continue };
            match sim_setup::expected(&self.sim, &stored.request) {
                Some(what) => self.staff_did(id, Some(what))?,
                None => self.settle_losses(id)?,
            }
            self.deliver_messages(true).await?;
            self.hub.poll_all(id).await?;
            self.check(id)?;
        }
        Err("it doesn't end although nothing goes wrong any more".to_owned())
    }

    /// Lets staff retry, then cancel, then end the request by hand.
    fn decide_as_staff(&mut self, id: RequestId, resumed_before: bool) -> Result<(), String> {
        let acts = [
            (Action::Resume, !resumed_before, Command::Resume),
            (Action::Cancel, true, Command::Cancel { by: CancelledBy::Staff, reason: None }),
            (Action::End, true, Command::End { reason: None }),
        ];
        for (action, wanted, command) in acts {
            if wanted && self.hub.may(id, action) {
                return self.hub.ask(id, &command).map(drop);
            }
        }
        Ok(())
    }

    /// An item that has come home meanwhile isn't lost.
    fn settle_losses(&mut self, id: RequestId) -> Result<(), String> {
        let Some(stored) = self.hub.requests.get(&id) else { return Ok(()) };
        if self.hub.may(id, Action::SettleLoss) && sim_setup::is_home(&self.sim, &stored.request) {
            return self.decide_as_staff(id, true);
        }
        if self.hub.may(id, Action::SettleLoss) {
            self.hub.ask(id, &Command::SettleLoss { how: Settlement::Paid })?;
        }
        Ok(())
    }

    fn violated(&self, tally: &Tally, id: RequestId, reason: &str) {
        let story = self.hub.requests.get(&id).map(|stored| tail(&stored.story)).unwrap_or_default();
        let found = format!("{reason}: {}, request {id}\n    {story}", self.name);
        tally.violations.lock().push(found);
    }
}

fn connect(code: &'static str, sim: &Sim, line: &Arc<Mutex<LineState>>, seed: u64) -> Result<Arc<dyn HostLms>, String> {
    let Value::Object(table) = sim_setup::settings() else { return Err("the settings are no table".to_owned()) };
    let settings = lms::alma::Settings::read(code.into(), &table).map_err(|faults| format!("{faults:?}"))?;
    let client = Client::builder("http://127.0.0.1:1", sim_setup::key(code).into())
        .transport(Arc::new(Line::new(sim.clone(), code, Arc::clone(line))))
        .calls_per_second(NonZeroU32::new(1_000_000_000).unwrap_or(NonZeroU32::MIN))
        .retries(RetryPolicy::default())
        .seed(seed)
        .build()
        .map_err(|error| error.to_string())?;
    let pseudonyms = lms::PseudonymKey::new(format!("pseudonyms {seed}").into());
    Ok(Arc::new(lms::alma::Alma::with_client(settings, client, Some(pseudonyms))))
}

/// Returns the story of a request; the middle of a long story is left out.
fn tail(story: &[String]) -> String {
    let (first, last) = (60, 12);
    if story.len() <= first + last {
        return story.join("\n    ");
    }
    let end = story.len() - last;
    format!("{}\n    …\n    {}", story[..first].join("\n    "), story[end..].join("\n    "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(seed: u64, lifecycles: u64) -> Vec<String> {
        let tally = Tally::default();
        work(seed, lifecycles.div_ceil(TOGETHER as u64), &AtomicU64::new(0), &tally).unwrap();
        assert!(tally.lifecycles.load(Ordering::Relaxed) > 0);
        tally.violations.into_inner()
    }

    #[test]
    fn nothing_is_violated_where_a_loan_was_not_seen_and_where_others_waited_for_the_item() {
        assert_eq!(violations(1, 300), Vec::<String>::new());
        assert_eq!(violations(2, 300), Vec::<String>::new());
    }

    /// The worlds in which the fault was found.
    #[test]
    fn nothing_is_violated_where_an_item_is_lent_while_its_hold_is_being_placed() {
        let tally = Tally::default();
        for world in [696, 1899, 2038, 3425, 4586] {
            play(20_261_125, world, With { messages: false, unusual_acts: false }, &tally).unwrap();
        }
        assert_eq!(tally.violations.into_inner(), Vec::<String>::new());
    }

    /// The worlds in which these faults were found: the loan was made after the item had come home, the lender of the
    /// given-up copy was asked again, and the hold was cancelled without a read of the item.
    #[test]
    fn nothing_is_violated_where_a_loan_comes_too_late_or_a_copy_was_named_twice() {
        let tally = Tally::default();
        for world in [285, 960, 1370, 2934, 3076, 4620] {
            play(958_244_436, world, World::usual(world), &tally).unwrap();
        }
        assert_eq!(tally.violations.into_inner(), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_violated_by_a_seed_that_nobody_chose() {
        let seed = u64::from(rand::RngCore::next_u32(&mut StdRng::from_os_rng()));
        let found = violations(seed, 200);
        assert!(found.is_empty(), "simulate --seed {seed} --lifecycles 200\n{}", found.join("\n"));
    }

    #[test]
    fn seed_repeats_the_same_run() {
        let calls = |seed| {
            let tally = Tally::default();
            work(seed, 2, &AtomicU64::new(0), &tally).unwrap();
            (tally.calls.into_inner(), tally.outcomes.into_inner())
        };
        assert_eq!(calls(7), calls(7));
        assert_ne!(calls(7), calls(8));
    }
}
