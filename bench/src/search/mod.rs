//! `search`: 2,000 queries with their first 20 results and exact counts, next to Zebra and PostgreSQL's full text on the same
//! records.
//!
//! Each record is a title of its own here, so that every engine has the same documents. The peers get the words of each
//! title as the index has them, as far as they are ASCII: so a word means the same in each engine, and the counts of each
//! query must be equal.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

mod figures;
mod ours;
mod postgres;
mod records;
mod zebra;

use std::path::Path;
use std::process::ExitCode;

use comfy_table::{Table, presets};

use crate::Scale;
use crate::verdict::Verdict;
use figures::{Answers, megabytes};

/// The first argument that makes the benchmark's program a searcher of an index.
pub(crate) const AS_SEARCHER: &str = "search-process";

const QUERIES: u64 = 2_000;
/// How often Consort and Zebra answer each query. The shortest time counts, since other work on the machine interrupts the
/// searches for longer than they take.
const ROUNDS: usize = 3;
/// The results of a page.
const PAGE: usize = 20;

/// The size of a run and its targets.
struct Plan {
    records: u64,
    /// The longest p99 of Consort, in milliseconds.
    most_ms: f64,
    /// How many times longer Zebra's p99 must be.
    least_ratio: f64,
    peers: bool,
}

impl Plan {
    fn of(scale: Scale, records: Option<u64>) -> Self {
        match (scale, records) {
            (_, Some(records)) => Self { records, most_ms: 20.0, least_ratio: 0.0, peers: false },
            (Scale::Full, None) => Self { records: 1_000_000, most_ms: 20.0, least_ratio: 15.0, peers: true },
            // The slowest searches of so few titles are those that find nothing, and Consort explains them.
            (Scale::Quick, None) => Self { records: 30_000, most_ms: 3.0, least_ratio: 1.0, peers: true },
        }
    }
}

/// Runs the benchmark. A number of records of the caller's choice is measured without the peers.
pub(crate) fn run(scale: Scale, records: Option<u64>) -> Result<Verdict, String> {
    let plan = Plan::of(scale, records);
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let made = records::make(plan.records, directory.path(), plan.peers)?;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["engine", "p50 ms", "p99 ms", "longest ms", "queries/s", "on disk", "RssAnon"]);
    let mut notes = Vec::new();
    let ours = ours::measure(&made, false)?;
    table.add_row(ours.row("Consort"));
    table.add_row(ours::measure(&made, true)?.row("Consort, with facets"));
    let mut ratio = None;
    if plan.peers {
        match zebra::measure(&made) {
            Ok((plain, ranked, version)) => {
                table.add_row(plain.row("Zebra, not ranked"));
                table.add_row(ranked.row("Zebra, ranked"));
                notes.push(crate::verdict::peer("Zebra", &version));
                ours.must_count_as(&plain, &made.queries, "Zebra")?;
                ratio = Some(plain.p99() / ours.p99());
            }
            Err(reason) => notes.push(format!("Zebra was not run: {reason}")),
        }
        match postgres::measure(&made) {
            Ok((answers, version)) => {
                table.add_row(answers.row("PostgreSQL, ranked"));
                notes.push(crate::verdict::peer("PostgreSQL", &version));
                ours.must_count_as(&answers, &made.queries, "PostgreSQL")?;
            }
            Err(reason) => notes.push(format!("PostgreSQL was not run: {reason}")),
        }
    }
    notes.push(summary(&plan, &ours, &made));
    let zebra = match ratio {
        Some(ratio) => format!(", 1/{ratio:.0} of Zebra's"),
        None => String::new(),
    };
    let target_zebra = if plan.peers { format!(", 1/{:.0} of Zebra's", plan.least_ratio) } else { String::new() };
    let near_enough = if plan.peers { ratio.is_some_and(|ratio| ratio >= plan.least_ratio) } else { true };
    Ok(Verdict {
        table,
        notes,
        figure: format!("{:.1} ms at p99 with {} records{zebra}", ours.p99(), plan.records),
        target: format!("at most {} ms{target_zebra}", plan.most_ms),
        met: ours.p99() <= plan.most_ms && near_enough,
    })
}

fn summary(plan: &Plan, ours: &Answers, made: &records::Made) -> String {
    let found = ours.counts.iter().filter(|count| **count > 0).count();
    let mut counts = ours.counts.clone();
    counts.sort_unstable();
    format!(
        "{} records, {} queries, of which {found} find something, {} in the middle and {} at most; \
         Consort's index of {} MB was made in {:.0} s",
        plan.records,
        ours.counts.len(),
        counts.get(counts.len() / 2).copied().unwrap_or_default(),
        counts.last().copied().unwrap_or_default(),
        megabytes(ours.bytes),
        made.seconds
    )
}

/// Searches the index in a directory, and prints the figures.
pub(crate) fn searcher(directory: &Path) -> ExitCode {
    match ours::search_all(directory) {
        Ok(value) => {
            println!("{value}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}
