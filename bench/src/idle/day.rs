//! Counts the calls that open requests cost in a day on which nothing happens. Twenty libraries each lend to the next
//! one. One request in four waits at the lender's circulation desk; the books of the other three are with their
//! patrons.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::collections::BTreeMap;
use std::time::Duration;

use alma_sim::{Bib, Holding, Item, Sim, SimClock, SimOptions, User, presets};
use engine::Settings;
use jiff::SignedDuration;
use lending::{RequestId, Status};

use super::copies::{self, Pair, Template};
use crate::quota::Act;
use crate::simulate::sim_setup;
use crate::world::{Member, Messages, World, start};

const LIBRARIES: usize = 20;
/// The number of titles of each library that are for the requests that the hub itself places.
pub(super) const BY_THE_HUB: usize = 2;
/// One request in this many waits at the lender's circulation desk.
pub(super) const ONE_WAITS_OF: usize = 4;
/// The number of days before the day on which calls are counted. By then nothing has happened for longer than a long
/// weekend, but each webhook has received a message within the week.
const DAYS_BEFORE: i64 = 5;

/// The result of one day.
pub(super) struct Day {
    pub(super) open: usize,
    with_webhooks: bool,
    pub(super) calls_per_day: Option<u64>,
    calls: BTreeMap<String, u64>,
    took: Duration,
}

impl Day {
    pub(super) fn each(&self) -> f64 {
        self.calls.values().sum::<u64>() as f64 / self.open.max(1) as f64
    }

    /// Returns the figures as text.
    pub(super) fn figures(&self) -> String {
        let way = if self.with_webhooks { "with webhooks" } else { "batch polls alone" };
        let share = self.calls_per_day.map(|calls| format!(", lists at 4 % of {calls} calls a day"));
        let way = format!("{way}{}", share.unwrap_or_default());
        let calls = self.calls.iter().filter(|(_, count)| **count > 0);
        let calls: Vec<String> = calls.map(|(call, count)| format!("  {count} {call}")).collect();
        format!(
            "{} open, {way}: {:.3} calls for each in a day, which took {:.1} s\n{}",
            self.open,
            self.each(),
            self.took.as_secs_f64(),
            calls.join("\n")
        )
    }
}

/// `calls_per_day` is the number of calls of which lists use the default share. Without it they are read at their
/// ordinary intervals.
pub(super) async fn pass(open: usize, messages: Messages, calls_per_day: Option<u64>) -> Result<Day, String> {
    let codes: Vec<(String, String)> =
        (0..LIBRARIES).map(|number| (format!("01LIB{number}_INST"), format!("LIB{number}"))).collect();
    let each = open / LIBRARIES;
    let sim = build(&codes, each)?;
    let members: Vec<Member<'_>> = codes.iter().map(|(code, agency)| (code.as_str(), agency.as_str())).collect();
    let mut world = World::between(sim, &members, Settings::default()).await?;
    world.until(start() + SignedDuration::from_hours(10)).await?;

    let pairs: Vec<Pair<'_>> = (0..LIBRARIES)
        .map(|number| Pair { lender: members[number], borrower: members[(number + 1) % LIBRARIES] })
        .collect();
    world.send_messages(messages).await?;
    let mut lent = Vec::new();
    for pair in &pairs {
        lent.push(ask(&world, pair, 0).await?);
    }
    for act in [Act::Send, Act::Receive, Act::Lend] {
        for id in &lent {
            act.work(&world.sim, &world.request(*id).await?)?;
        }
        world.until(world.now() + SignedDuration::from_hours(1)).await?;
    }
    let mut templates = Vec::new();
    for (pair, lent) in pairs.iter().zip(lent) {
        let status = world.request(lent).await?.status;
        if status != Status::Loaned {
            return Err(format!("a lent book's request stands at {status}"));
        }
        templates.push((lent, ask(&world, pair, 1).await?));
    }
    world.until(start() + SignedDuration::from_hours(24 * DAYS_BEFORE)).await?;
    // The Almas send no messages while the copies are made, since the hub needs none of them.
    world.send_messages(Messages::Nothing).await?;
    let mut file = copies::open(&world.file())?;
    for (pair, (lent, waiting)) in pairs.iter().zip(templates) {
        let made = copies::make(&world, pair, lent, each).await?;
        let lent = Template::read(&world, &file, lent).await?;
        let waiting = Template::read(&world, &file, waiting).await?;
        copies::write(&world, &mut file, &made, &lent, &waiting).await?;
    }
    drop(file);
    world.send_messages(messages).await?;
    if let Some(calls) = calls_per_day {
        world.spare(calls).await?;
    }
    let day = count(&world, messages).await?;
    Ok(Day { calls_per_day, ..day })
}

async fn count(world: &World, messages: Messages) -> Result<Day, String> {
    let open = usize::try_from(world.in_flight().await?).map_err(|error| error.to_string())?;
    let (before, begun) = (world.counts()?, std::time::Instant::now());
    world.until(start() + SignedDuration::from_hours(24 * (DAYS_BEFORE + 1))).await?;
    let mut calls = world.counts()?;
    for (call, count) in before {
        *calls.entry(call).or_default() -= count;
    }
    let still = usize::try_from(world.in_flight().await?).map_err(|error| error.to_string())?;
    if still != open {
        return Err(format!("of {open} requests {still} are open at the end of a day in which nothing happened"));
    }
    let with_webhooks = messages != Messages::Nothing;
    Ok(Day { open, with_webhooks, calls_per_day: None, calls, took: begun.elapsed() })
}

fn build(codes: &[(String, String)], each: usize) -> Result<Sim, String> {
    let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(start()), ..SimOptions::default() });
    for (code, _) in codes {
        let mut institution = presets::empty_university(code, &sim_setup::key(code));
        institution = institution.user(User::new(&sim_setup::one_of_many(0)).group("UNDRGRD").expires("2039-12-31"));
        for number in 0..BY_THE_HUB + each {
            let copy =
                Holding::new("MAIN", "stacks").item(Item::new(&sim_setup::barcode(code, number)).material("BOOK"));
            institution = institution.bib(Bib::new(&format!("Title {number}")).holding(copy));
        }
        sim.add_institution(institution).map_err(|error| error.to_string())?;
    }
    Ok(sim)
}

async fn ask(world: &World, pair: &Pair<'_>, number: usize) -> Result<RequestId, String> {
    let copy = world.copy(pair.lender.0, number)?;
    world.ask(pair.borrower.1, &sim_setup::one_of_many(0), vec![copy]).await
}
