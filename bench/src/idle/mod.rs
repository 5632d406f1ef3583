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

/// The largest number of calls per request in a day, for each number of open requests.
const TARGETS: [(usize, f64); 2] = [(1_000, 1.0), (100_000, 0.1)];
/// The largest ratio between the cost of a tick on the largest store and on the smallest one.
const FLAT: f64 = 1.1;

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let (sizes, waiting): (&[usize], [usize; 2]) = match scale {
        Scale::Full => (&[1_000, 10_000, 100_000, 1_000_000], TARGETS.map(|(open, _)| open)),
        Scale::Quick => (&[1_000, 10_000, 50_000], [1_000, 10_000]),
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let ticks = tick::measure(sizes).await?;
        let mut days = Vec::new();
        for open in waiting {
            for messages in [Messages::All, Messages::Nothing] {
                days.push(day::pass(open, messages).await?);
            }
        }
        Ok(verdict(&ticks, &days))
    })
}

fn verdict(ticks: &[Ticks], days: &[Day]) -> Verdict {
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
    let [(few, most_each), (many, least_each)] = TARGETS;
    // Each number of requests is measured with webhooks and without.
    let each = |open: usize| days.iter().filter(|day| day.open == open).map(Day::each).fold(0.0, f64::max);
    let at = |target: usize, scaled: Option<&Day>| each(scaled.map_or(target, |day| day.open));
    let (at_few, at_many) = (at(few, days.first()), at(many, days.last()));
    let figures: Vec<String> = days.iter().map(Day::figures).collect();
    Verdict {
        table: rows,
        notes: figures,
        figure: format!(
            "{at_few:.2} calls for each request in a day with {} open, {at_many:.3} with {}; a tick costs up to {worst:.2} times as much",
            days.first().map_or(0, |day| day.open),
            days.last().map_or(0, |day| day.open),
        ),
        target: format!("at most {most_each} with {few}, {least_each} with {many}; at most {FLAT} times"),
        met: at_few <= most_each && at_many <= least_each && worst <= FLAT,
    }
}
