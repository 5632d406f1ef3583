//! Measures the cost of open requests to which nothing happens: the cost of one tick of the hub's loop, and the calls
//! that they need in a day.

mod copies;
mod day;
mod tick;

use std::time::Duration;

use self::day::Day;
use self::tick::Ticks;
use crate::Scale;
use crate::verdict::{Verdict, table};
use crate::world::Messages;

/// The sizes of a run, and the targets at each.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// The numbers of open requests in the stores on which ticks are measured.
    stores: &'static [usize],
    /// The largest number of calls per request in a day, for each number of open requests.
    days: [(usize, f64); 2],
}

const FULL: Plan = Plan { stores: &[1_000, 10_000, 100_000, 1_000_000], days: [(1_000, 1.0), (100_000, 0.1)] };
/// The hub reads a list as often with few open requests as with many. So a day has a fixed number of calls for the lists,
/// and a number that grows with the requests. The line through the two targets of the full size, 1,000 calls with 1,000
/// requests and 10,000 with 100,000, allows 909 calls and 0.0909 more for each request: 1,818 with 10,000 requests, which
/// is 0.18 each.
const QUICK: Plan = Plan { stores: &[1_000, 10_000, 50_000], days: [(1_000, 1.0), (10_000, 0.18)] };
/// The largest ratio between the cost of a tick on the largest store and on the smallest one.
const FLAT: f64 = 1.1;

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let plan = match scale {
        Scale::Full => FULL,
        Scale::Quick => QUICK,
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let ticks = tick::measure(plan.stores).await?;
        let mut days = Vec::new();
        for (open, _) in plan.days {
            for messages in [Messages::All, Messages::Nothing] {
                days.push(day::pass(open, messages, None).await?);
            }
        }
        // Reported without a target: a library can spare these calls.
        let spared = day::pass(plan.days[0].0, Messages::All, Some(50_000)).await?;
        let mut verdict = verdict(plan, &ticks, &days);
        verdict.notes.push(spared.figures());
        Ok(verdict)
    })
}

fn verdict(plan: Plan, ticks: &[Ticks], days: &[Day]) -> Verdict {
    let mut rows = table(&["open requests", "a tick", "ratio", "memory of the process"]);
    let first = ticks.first().map_or(Duration::ZERO, |one| one.median);
    let ratio = |one: &Ticks| one.median.as_secs_f64() / first.as_secs_f64();
    for one in ticks {
        rows.add_row([
            one.open.to_string(),
            format!("{:.0} µs", one.median.as_secs_f64() * 1e6),
            format!("{:.2}", ratio(one)),
            format!("{} MB", one.resident_mb),
        ]);
    }
    let worst = ticks.iter().map(ratio).fold(1.0, f64::max);
    let [(few, most_at_few), (many, most_at_many)] = plan.days;
    // Each number of requests is measured with webhooks and without.
    let each = |open: usize| days.iter().filter(|day| day.open == open).map(Day::each).fold(0.0, f64::max);
    let [open_first, open_last] = [days.first(), days.last()].map(|day| day.map_or(0, |day| day.open));
    let (at_few, at_many) = (each(open_first), each(open_last));
    let figures: Vec<String> = days.iter().map(Day::figures).collect();
    Verdict {
        table: rows,
        notes: figures,
        figure: format!(
            "{at_few:.2} calls for each request in a day with {open_first} open, {at_many:.3} with {open_last}, a tick costs up to \
             {worst:.2} times as much"
        ),
        target: format!("at most {most_at_few} with {few}, {most_at_many} with {many}, at most {FLAT} times"),
        met: !days.is_empty() && at_few <= most_at_few && at_many <= most_at_many && worst <= FLAT,
    }
}
