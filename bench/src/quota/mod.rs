//! Counts the API calls that requests cost, as the simulated Almas see them, and compares them with a poller that makes
//! as many calls as the system that libraries use today.
//!
//! Requests are placed day after day, so that about as many end as begin. The figure is the number of calls in a
//! period, divided by the number of requests that ended in it. The lender sends the book after two days; it arrives
//! after two more, and the patron collects it after two more, keeps it for 21 days, and it is home after three more.
//! Each step varies at random by a day (three days for the loan), and happens in opening hours.

mod poller;
mod titles;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use alma_sim::Sim;
use engine::{PollSettings, Settings};
use jiff::{SignedDuration, Timestamp};
use lending::{CancelledBy, Command, Request, RequestId, Status};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use self::titles::Titles;
use crate::Scale;
use crate::simulate::sim_setup::{self, DESK, LENDERS};
use crate::verdict::{Verdict, table};
use crate::world::{Messages, World, open_at, start};

/// The days from placing a request to the return home, with the nights in which nothing happens: on average, and for
/// the longest request.
const DAYS: i64 = 31;
const LONGEST: i64 = 50;
/// The shortest interval between two reads of a list, in seconds.
const EACH_FIVE_MINUTES: u64 = 300;
const CANCELLED: f64 = 11.0;
const ANOTHER_LENDER: f64 = 3.0;

/// The targets. They depend on how many requests share the cost of a list.
#[derive(Clone, Copy)]
struct Targets {
    with_webhooks: f64,
    with_loans: f64,
    batch_polls_alone: f64,
    times_fewer: f64,
}

const FULL: Targets = Targets { with_webhooks: 13.0, with_loans: 14.0, batch_polls_alone: 20.0, times_fewer: 100.0 };
/// Twelve requests in flight share the lists that a thousand share at the full size, so most calls are for lists. Calls are counted
/// and not timed, so runs differ little: 46.5, 45.5 and 94.5 calls, and 39 times fewer, on 2026-11-30. The targets leave about a tenth.
const QUICK: Targets = Targets { with_webhooks: 50.0, with_loans: 51.0, batch_polls_alone: 100.0, times_fewer: 35.0 };

#[derive(Clone, Copy)]
struct Plan {
    in_flight: usize,
    /// The number of days in which calls are counted, once as many requests end as begin.
    days: i64,
    /// The number of requests that the poller follows.
    polled: usize,
    /// The number of requests that are cancelled, and the number that a second lender fills.
    few: usize,
    targets: Targets,
}

/// The ways in which the hub learns of changes.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    messages: Messages,
    /// Whether each patron has other items on loan. The hub then reads the patron's list of loans.
    patrons_have_loans: bool,
    /// The shortest interval between two reads of a list, in seconds.
    lists: u64,
    /// The institution's detection time for lost messages, in minutes.
    sure: Option<u32>,
    /// The calls of a day of which lists use the default share. Without this number they are read at their ordinary
    /// intervals.
    calls_per_day: Option<u64>,
}

const WEBHOOKS: Way = Way {
    name: "webhooks",
    messages: Messages::All,
    patrons_have_loans: false,
    lists: EACH_FIVE_MINUTES,
    sure: None,
    calls_per_day: None,
};
const BATCH_POLLS: Way = Way {
    name: "batch polls alone",
    messages: Messages::Nothing,
    patrons_have_loans: false,
    lists: 3 * EACH_FIVE_MINUTES,
    sure: None,
    calls_per_day: None,
};

/// The patrons who place requests.
struct Patrons {
    /// The number of patrons with several requests each, or `None` if each has one item at a time.
    several_each: Option<usize>,
    /// Patrons who have returned their last item, in that order.
    without_loan: VecDeque<usize>,
    known: usize,
}

impl Patrons {
    fn of(way: Way, in_flight: usize) -> Self {
        let several_each = way.patrons_have_loans.then(|| (in_flight * 2 / 5).max(1));
        Self { several_each, without_loan: VecDeque::new(), known: 0 }
    }

    /// Returns the patron who places the request of that number. A patron who has borrowed before comes first, so that
    /// the virtual patrons exist when the count begins.
    fn next(&mut self, number: usize) -> usize {
        if let Some(patrons) = self.several_each {
            return number % patrons;
        }
        self.without_loan.pop_front().unwrap_or_else(|| {
            self.known += 1;
            self.known - 1
        })
    }

    fn returned(&mut self, patron: usize) {
        self.without_loan.push_back(patron);
    }
}

/// The cost of a completed request.
struct Spent {
    name: &'static str,
    /// The number of requests placed in the days in which calls were counted.
    begun: u64,
    /// The number of requests in flight at the end of these days.
    in_flight: u64,
    completed: u64,
    calls: u64,
    at_lender: u64,
    polls: BTreeMap<String, u64>,
}

impl Spent {
    fn each(&self) -> f64 {
        per(self.calls, self.completed)
    }
}

fn per(calls: u64, requests: u64) -> f64 {
    calls as f64 / requests.max(1) as f64
}

pub(crate) fn run(scale: Scale, in_flight: Option<u64>) -> Result<Verdict, String> {
    let mut plan = match scale {
        Scale::Full => Plan { in_flight: 1_000, days: 10, polled: 5, few: 50, targets: FULL },
        Scale::Quick => Plan { in_flight: 12, days: 5, polled: 1, few: 50, targets: QUICK },
    };
    if let Some(in_flight) = in_flight {
        plan.in_flight = usize::try_from(in_flight).map_err(|error| error.to_string())?;
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut spent = Vec::new();
        let ways = [
            WEBHOOKS,
            Way { name: "batch polls alone, each 15 minutes", ..BATCH_POLLS },
            Way { name: "webhooks, patrons with loans", patrons_have_loans: true, ..WEBHOOKS },
            Way { name: "webhooks, none of items", messages: Messages::NoItems, ..WEBHOOKS },
            Way { name: "batch polls alone, each 5 minutes", lists: EACH_FIVE_MINUTES, ..BATCH_POLLS },
            Way { name: "webhooks, lost_message_detection_minutes = 15", sure: Some(15), ..WEBHOOKS },
            Way { name: "webhooks, lost_message_detection_minutes = 5", sure: Some(5), ..WEBHOOKS },
            Way { name: "webhooks, lists at 4 % of 5,000 calls a day", calls_per_day: Some(5_000), ..WEBHOOKS },
            Way { name: "webhooks, lists at 4 % of 50,000 calls a day", calls_per_day: Some(50_000), ..WEBHOOKS },
        ];
        for way in ways {
            spent.push(steady(way, plan.in_flight, plan.days).await?);
        }
        let lone = steady(Way { name: "a lone request, webhooks", ..WEBHOOKS }, 1, 2 * DAYS).await?;
        let lone_without_messages =
            steady(Way { name: "a lone request, batch polls alone", ..BATCH_POLLS }, 1, 2 * DAYS).await?;
        let cancelled = cancelled(plan.few).await?;
        let another = another_lender(plan.few).await?;
        let titles = titles::spent(plan.few).await?;
        let polled = poller::spent(plan.polled).await?;
        spent.extend([lone, lone_without_messages]);
        Ok(verdict(plan, &spent, (cancelled, another, &titles), polled))
    })
}

/// The next action of staff or the patron for a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Act {
    Place,
    Send,
    Receive,
    Lend,
    TakeBack,
    BringHome,
}

impl Act {
    /// Returns the days since the previous action, and by how many days it may vary.
    fn after(self) -> (f64, f64) {
        match self {
            Self::Place => (0.0, 0.0),
            Self::Send | Self::Receive | Self::Lend => (2.0, 1.0),
            Self::TakeBack => (21.0, 3.0),
            Self::BringHome => (3.0, 1.0),
        }
    }

    pub(crate) fn next(self) -> Option<Self> {
        match self {
            Self::Place => Some(Self::Send),
            Self::Send => Some(Self::Receive),
            Self::Receive => Some(Self::Lend),
            Self::Lend => Some(Self::TakeBack),
            Self::TakeBack => Some(Self::BringHome),
            Self::BringHome => None,
        }
    }

    /// Returns the status in which the action is possible.
    pub(crate) fn when(self) -> Status {
        match self {
            Self::Place => Status::SubmittedToDcb,
            Self::Send => Status::RequestPlacedAtBorrowingAgency,
            Self::Receive => Status::PickupTransit,
            Self::Lend => Status::ReadyForPickup,
            Self::TakeBack => Status::Loaned,
            Self::BringHome => Status::ReturnTransit,
        }
    }

    /// Performs the action at `then` if the request's status allows it. Returns whether it did; fails if the request
    /// has not reached the status for months.
    async fn try_on(self, world: &World, id: RequestId, then: Timestamp) -> Result<bool, String> {
        let request = world.request(id).await?;
        if request.status == self.when() {
            return self.work(&world.sim, &request).map(|()| true);
        }
        if then.duration_since(start()) > SignedDuration::from_hours(24 * 90) {
            return Err(format!("request {id} stays at {}: {:?}", request.status, request.staff_case));
        }
        Ok(false)
    }

    pub(crate) fn work(self, sim: &Sim, request: &Request) -> Result<(), String> {
        let staff = |code: &str| sim.staff(code).map_err(|error| error.to_string());
        let supply = request.supply.as_ref().ok_or("the request has no supply")?;
        let real = supply.copy.barcode.as_str();
        let here = request.borrower.barcode.as_ref().map(|code| code.as_str().to_owned()).unwrap_or_default();
        let lender = staff(supply.institution.as_str())?;
        let borrower = staff(request.patron.institution.as_str())?;
        let done = match self {
            Self::Place => Ok(()),
            Self::Send | Self::BringHome => lender.scan_in(real, "MAIN", DESK).map(drop),
            Self::Receive | Self::TakeBack => borrower.scan_in(&here, "MAIN", DESK).map(drop),
            Self::Lend => borrower.lend(&here, request.patron.identifier.as_str(), "MAIN", DESK).map(drop),
        };
        done.map_err(|error| format!("{self:?}: {error}"))
    }
}

fn days(count: f64) -> SignedDuration {
    SignedDuration::from_millis((count * 86_400_000.0) as i64)
}

async fn read_lists_often(world: &World, way: Way) -> Result<(), String> {
    if let Some(minutes) = way.sure {
        world.be_sure_within(minutes).await?;
    }
    match way.calls_per_day {
        Some(calls) => world.spare(calls).await,
        None => Ok(()),
    }
}

/// Runs for some weeks until as many requests end as begin, and then counts calls.
async fn steady(way: Way, in_flight: usize, days_counted: i64) -> Result<Spent, String> {
    let (placed, rampup) = if in_flight == 1 { (1, 0) } else { (in_flight * 9 / 4, LONGEST) };
    let settings = with_lists(Duration::from_secs(way.lists));
    let world = World::open(placed, way.messages, settings).await?;
    let mut patrons = Patrons::of(way, in_flight);
    let mut rng = StdRng::seed_from_u64(7);
    let begins = |number| open_at(start() + days(number as f64 * DAYS as f64 / in_flight as f64));
    let mut agenda: BinaryHeap<_> = (0..placed).map(|number| Reverse((begins(number), number, Act::Place))).collect();
    let mut ids: BTreeMap<usize, (RequestId, usize)> = BTreeMap::new();
    let counted_from = start() + SignedDuration::from_hours(24 * rampup);
    let counted_to = start() + SignedDuration::from_hours(24 * (rampup + days_counted));
    // Lists are not read so often during the first weeks, since so many reads would take too long.
    let often_from = counted_from - SignedDuration::from_hours(24 * 2);
    let mut is_set = way.sure.is_none() && way.calls_per_day.is_none();
    let (mut before, mut completed, mut begun) = (None, 0, 0);
    while let Some(Reverse((then, number, act))) = agenda.pop() {
        if !is_set && then >= often_from {
            world.until(often_from).await?;
            read_lists_often(&world, way).await?;
            is_set = true;
        }
        if before.is_none() && then >= counted_from {
            world.until(counted_from).await?;
            before = Some((world.counts()?, world.calls_of(LENDERS[0])?));
        }
        if then >= counted_to {
            break;
        }
        world.until(then).await?;
        if act == Act::Place {
            let patron = patrons.next(number);
            ids.insert(number, (world.place_as(patron, number, &LENDERS[..1]).await?, patron));
            begun += u64::from(before.is_some());
        } else {
            let (id, patron) = ids[&number];
            if !act.try_on(&world, id, then).await? {
                // The staff member sees no reason to act yet, and comes back later.
                agenda.push(Reverse((open_at(then + SignedDuration::from_hours(1)), number, act)));
                continue;
            }
            if act == Act::TakeBack {
                patrons.returned(patron);
            }
            if act == Act::BringHome && before.is_some() {
                completed += 1;
            }
        }
        if let Some(next) = act.next() {
            let (after, by) = next.after();
            let at = open_at(then + days(after + rng.random_range(-by..=by) / 2.0));
            agenda.push(Reverse((at, number, next)));
        }
    }
    world.until(counted_to).await?;
    let (first, first_at_lender) = before.ok_or("nothing was counted")?;
    let mut polls = world.counts()?;
    first.into_iter().for_each(|(call, count)| *polls.entry(call).or_default() -= count);
    Ok(Spent {
        name: way.name,
        begun,
        in_flight: world.in_flight().await?,
        completed,
        calls: polls.values().sum(),
        at_lender: world.calls_of(LENDERS[0])? - first_at_lender,
        polls,
    })
}

/// Returns settings with which lists are hardly ever read: scheduled reads belong to no request. The steady state
/// counts them.
fn without_lists() -> Settings {
    with_lists(Duration::from_secs(7 * 86_400))
}

fn with_lists(batch: Duration) -> Settings {
    Settings { polls: PollSettings { batch, ..PollSettings::default() }, ..Settings::default() }
}

/// Returns the cost of a request that the patron cancels at the hub before the item was sent.
async fn cancelled(count: usize) -> Result<f64, String> {
    let world = World::open(count + 1, Messages::All, without_lists()).await?;
    let mut before = 0;
    for number in 0..=count {
        if number == 1 {
            // The first request includes calls that are made only once.
            before = world.calls()?;
        }
        let id = world.place_as(0, number, &LENDERS[..1]).await?;
        let asked = Command::Cancel { by: CancelledBy::Patron, reason: None };
        world.engine.execute_command(id, &asked, "bench").await.map_err(|error| error.to_string())?;
        world.settled().await?;
        let request = world.request(id).await?;
        if request.status != Status::Finalised {
            return Err(format!("a cancelled request stands at {}", request.status));
        }
    }
    Ok(per(world.calls()? - before, count as u64))
}

/// Returns how many more calls a request costs if the first lender's staff cancel the hold.
async fn another_lender(count: usize) -> Result<(f64, String), String> {
    let world = World::open(2 * (count + 1), Messages::All, without_lists()).await?;
    let mut more: BTreeMap<String, i64> = BTreeMap::new();
    for number in 0..=count {
        world.until(open_at(world.now())).await?;
        let before = world.counts()?;
        world.place_as(number, 2 * number, &LENDERS[..1]).await?;
        let between = world.counts()?;
        let id = world.place_as(number, 2 * number + 1, &LENDERS).await?;
        let lender = world.sim.staff(LENDERS[0]).map_err(|error| error.to_string())?;
        let barcode = sim_setup::barcode(LENDERS[0], 2 * number + 1);
        let hold = lender.requests().into_iter().find(|hold| hold.barcode.as_deref() == Some(&barcode));
        let hold = hold.ok_or("the lender has no hold")?;
        lender.cancel(&hold.id, "CannotBeFulfilled").map_err(|error| error.to_string())?;
        // The lender's Alma sends a message about it.
        world.until(world.now() + SignedDuration::from_secs(5)).await?;
        let request = world.request(id).await?;
        let now_from = request.supply.as_ref().map(|supply| supply.institution.as_str().to_owned());
        if now_from.as_deref() != Some(LENDERS[1]) || request.status != Status::RequestPlacedAtBorrowingAgency {
            return Err(format!("a refused request stands at {} with {now_from:?}", request.status));
        }
        if number > 0 {
            add(&mut more, &between, -2);
            add(&mut more, &before, 1);
            add(&mut more, &world.counts()?, 1);
        }
    }
    let each = more.values().sum::<i64>() as f64 / count as f64;
    let calls = more.iter().filter(|(_, calls)| **calls != 0);
    let calls = calls.map(|(call, calls)| format!("  {:+.2} {call}", *calls as f64 / count as f64));
    Ok((each, format!("another lender, calls more:\n{}", calls.collect::<Vec<_>>().join("\n"))))
}

fn add(sum: &mut BTreeMap<String, i64>, calls: &BTreeMap<String, u64>, times: i64) {
    for (call, count) in calls {
        *sum.entry(call.clone()).or_default() += times * i64::try_from(*count).unwrap_or_default();
    }
}

fn verdict(
    plan: Plan,
    spent: &[Spent],
    (cancelled, (another, more), titles): (f64, (f64, String), &Titles),
    polled: f64,
) -> Verdict {
    let mut rows = table(&[
        "requests",
        "in flight",
        "begun",
        "ended",
        "calls each",
        "at the lender",
        "at the borrower",
        "times fewer",
    ]);
    for one in spent {
        let at_lender = per(one.at_lender, one.completed);
        rows.add_row([
            one.name.to_owned(),
            one.in_flight.to_string(),
            one.begun.to_string(),
            one.completed.to_string(),
            format!("{:.1}", one.each()),
            format!("{at_lender:.1}"),
            format!("{:.1}", one.each() - at_lender),
            format!("{:.0}", polled / one.each()),
        ]);
    }
    rows.add_row(["the poller", "", "", &plan.polled.to_string(), &format!("{polled:.0}"), "", "", "1"]);
    rows.add_row(["cancelled before it was sent", "", "", "", &format!("{cancelled:.1}"), "", "", ""]);
    rows.add_row(["another lender after a refusal", "", "", "", &format!("{another:+.1}"), "", "", ""]);
    let placed = [
        ("placed, for a copy", titles.copy),
        ("placed, for a title, answers of the libraries fresh", titles.fresh),
        ("placed, for a title of two libraries, cold", titles.cold),
    ];
    for (name, calls) in placed {
        rows.add_row([name, "", "", "", &format!("{calls:.1}"), "", "", ""]);
    }
    let notes = spent.iter().take(2).map(|one| {
        let calls = one.polls.iter().filter(|(_, count)| **count > 0);
        let calls = calls.map(|(call, count)| format!("  {:.2} {call}", per(*count, one.completed)));
        format!("{}, calls each:\n{}", one.name, calls.collect::<Vec<_>>().join("\n"))
    });
    let notes = notes.chain([more]).collect();
    let Targets { with_webhooks, with_loans, batch_polls_alone, times_fewer } = plan.targets;
    let [with, batch_polls, loans] = [0, 1, 2].map(|at: usize| spent.get(at).map_or(f64::NAN, Spent::each));
    Verdict {
        table: rows,
        notes,
        figure: format!(
            "{with:.1} calls each with webhooks, {loans:.1} where the patron has loans, {:.0} times fewer than the poller, \
             {batch_polls:.1} with batch polls alone, {cancelled:.1} where cancelled, {another:.1} more for another lender, \
             {:.1} more for a title whose libraries have just answered, {:.1} more otherwise",
            polled / with,
            titles.fresh - titles.copy,
            titles.cold - titles.copy
        ),
        target: format!(
            "at most {with_webhooks}, at most {with_loans}, at least {times_fewer}, at most {batch_polls_alone}, at most {CANCELLED}, at most {ANOTHER_LENDER}, none, one for each record"
        ),
        met: with <= with_webhooks
            && loans <= with_loans
            && batch_polls <= batch_polls_alone
            && polled / with >= times_fewer
            && cancelled <= CANCELLED
            && another <= ANOTHER_LENDER
            && titles.meet(),
    }
}
