//! `ingest`: records of an OAI-PMH server on this machine, harvested, read and stored, compared with sickle, pymarc and
//! SQLite.
//!
//! The server is a process of its own, so that its work isn't counted. The peer harvests fewer records of the same corpus.
//! It compares the processor time of a record.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

mod figures;
mod ours;
mod python;
mod reactions;
mod searchable;
pub(crate) mod update;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use comfy_table::{Table, presets};
use sample_records::{Corpus, Faults, Options, Server};

use crate::Scale;
use crate::verdict::Verdict;
use crate::webhooks::{at, ms};
use figures::Figures;

/// The first argument that makes the benchmark's program a server of records.
pub(crate) const AS_SOURCE: &str = "source-of-records";
/// The first argument that makes the benchmark's program a harvester.
pub(crate) const AS_INGEST: &str = "ingest-process";

/// The records on a page.
const PAGE: u64 = 100;
const INSTITUTION: &str = "01BENCH_INST";
const LEAST_RATE: f64 = 10_000.0;
const LEAST_RATIO: f64 = 8.0;
const MOST_MEMORY: u64 = 300;
/// The longest reaction of the engine meanwhile, at p99.
const MOST_REACTION: Duration = Duration::from_millis(60);

/// Runs the benchmark.
pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let (records, for_peer, meanwhile, lifecycles) = match scale {
        Scale::Full => (1_000_000, 20_000, 2_000_000, 500),
        Scale::Quick => (60_000, 4_000, 400_000, 60),
    };
    let python = python::prepare()?;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["harvester", "records", "not readable", "records/s", "µs of a processor a record", "RssAnon"]);
    let ours = Source::with(records, |url| figures::of_process(AS_INGEST, url))?;
    let theirs = Source::with(for_peer, |url| python.harvest(url))?;
    table.add_row(ours.row("Consort's harvest into its catalogue"));
    table.add_row(theirs.row("sickle, pymarc, SQLite"));
    if ours.records + ours.failed != records {
        return Err(format!("{} of {records} records arrived", ours.records + ours.failed));
    }
    let reactions = reactions::measure(meanwhile, lifecycles)?;
    let reaction = at(&reactions.meanwhile, 99);
    let ratio = theirs.micros_each() / ours.micros_each();
    let memory_mb = ours.memory_mb.max(ours.after.grouping.memory_mb).max(ours.after.indexing.memory_mb);
    let met = ours.rate() >= LEAST_RATE
        && ratio >= LEAST_RATIO
        && memory_mb <= MOST_MEMORY
        && reaction <= MOST_REACTION
        && reactions.is_covered;
    Ok(Verdict {
        table,
        notes: [
            ours.after.grouping.line("grouping", ours.records),
            ours.after.indexing.line("index", ours.records),
            format!("{} groups of {} editions", ours.after.groups, records / 8 * 5),
            format!(
                "{} reactions of a hub at 50 acts of staff a second: p50 {}, p99 {}, longest {} while it harvests{}; p50 {}, \
                 p99 {} without a harvest",
                reactions.meanwhile.len(),
                ms(at(&reactions.meanwhile, 50)),
                ms(reaction),
                ms(at(&reactions.meanwhile, 100)),
                if reactions.is_covered { "" } else { " (the harvest ended before the acts)" },
                ms(at(&reactions.alone, 50)),
                ms(at(&reactions.alone, 99)),
            ),
        ]
        .into_iter()
        .chain(python.peers())
        .collect(),
        figure: format!(
            "{:.0} records harvested a second, {ratio:.1} times less processor time a record, {memory_mb} MB in any stage, reactions \
             meanwhile {} at p99",
            ours.rate(),
            ms(reaction)
        ),
        target: format!(
            "at least {LEAST_RATE:.0}, at least {LEAST_RATIO:.0} times, at most {MOST_MEMORY} MB, at most {}",
            ms(MOST_REACTION)
        ),
        met,
    })
}

/// A process that serves records. It ends when this value is dropped.
struct Source {
    child: Child,
    url: String,
    /// The process ends with this.
    _input: Option<ChildStdin>,
}

impl Source {
    fn with(records: u64, measure: impl FnOnce(&str) -> Result<Figures, String>) -> Result<Figures, String> {
        let source = Self::start(records)?;
        measure(&source.url)
    }

    fn start(records: u64) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args([AS_SOURCE, &records.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the source can't be started: {error}"))?;
        let mut url = String::new();
        let output = child.stdout.take().ok_or("the source has no output")?;
        BufReader::new(output).read_line(&mut url).map_err(|error| error.to_string())?;
        let input = child.stdin.take();
        Ok(Self { child, url: url.trim().to_owned(), _input: input })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves records until its input ends.
pub(crate) fn serve(records: &str) -> ExitCode {
    let served = || -> Result<(), String> {
        let records = records.parse().map_err(|_| "the number of records is not a number".to_owned())?;
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        let corpus = Arc::new(Corpus::new(Options { records, ..Options::default() }));
        let address = ([127, 0, 0, 1], 0).into();
        let server = runtime
            .block_on(Server::start(corpus, address, PAGE, Faults::default()))
            .map_err(|error| error.to_string())?;
        println!("{}", server.url());
        // The server runs on the runtime's threads.
        std::io::stdin().lines().for_each(drop);
        Ok(())
    };
    ended(served())
}

/// Harvests a source, and prints the figures.
pub(crate) fn ingest(url: &str) -> ExitCode {
    ended(ours::harvest(url).map(|figures| println!("{}", figures.to_json())))
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}
