//! Benchmarks: `cargo run --release -p bench -- NAME`.
//!
//! Each prints a table and, last, one line `NAME: figure; target; met|missed`. It exits with 1 if it misses its target.
//! Each figure is a ratio of two measurements of the same run, so that it means the same on any machine. `--quick` does
//! less of the same work; `list` names all benchmarks; `all` runs all and writes the table of docs/benchmarks.md.
//!
//! # The hub
//!
//! This program contains the hub. A benchmark that needs a hub as a process of its own starts this program once more,
//! with [`AS_HUB`] as the first argument. So a benchmark builds nothing.
//!
//! The hub has no failpoints: `crash` sends SIGKILL from outside. `--features consort/failpoints` would compile them in.
//!
//! # How to add one
//!
//! Write a module with a `run` that returns a `Verdict`, and add a line to [`BENCHES`].

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod all;
mod availability;
mod crash;
mod fair;
mod http;
mod idle;
mod ingest;
mod lifecycles;
mod live;
mod load;
mod memory;
mod nodes;
mod outage;
mod parse;
mod quota;
mod report;
mod retention;
mod search;
mod sim;
mod simulate;
mod store;
mod verdict;
mod webhooks;
mod world;

use std::process::ExitCode;

use clap::Parser;

use crate::live::hub::AS_HUB;
use crate::verdict::Verdict;

/// How much work a benchmark does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scale {
    /// The amount of work for which the target is stated.
    Full,
    /// Less of the same work, in a minute or two.
    Quick,
}

/// One benchmark.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&Args) -> Result<Verdict, String>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "sim",
        about: "the simulated Alma's ten most used calls with 1 M items, compared with a bare axum handler",
        run: |args| sim::run(args.scale()),
    },
    Bench {
        name: "crash",
        about: "SIGKILLs of the hub with requests in flight: work lost, doubled or orphaned, and the time to resume",
        run: |args| crash::run(args.scale(), args.database.as_deref()),
    },
    Bench {
        name: "outage",
        about: "placements while another library's Alma hangs, compared with placements in normal times",
        run: |args| outage::run(args.scale()),
    },
    Bench {
        name: "react",
        about: "from an action of staff, which a webhook reports, to the hub's status and the other side's call",
        run: |args| webhooks::react(args.scale()),
    },
    Bench {
        name: "burst",
        about: "10,000 webhooks a minute, half of them twice, a tenth forged",
        run: |args| webhooks::burst(args.scale()),
    },
    Bench {
        name: "store",
        about: "units of a lifecycle from 1, 16 and 64 callers, compared with a bare loop on SQLite and with pgbench",
        run: |args| store::run(args.scale()),
    },
    Bench {
        name: "engine",
        about: "whole lifecycles over loopback, on SQLite and PostgreSQL, compared with as many bare calls",
        run: |args| lifecycles::run(args.scale(), args.database.as_deref()),
    },
    Bench {
        name: "quota",
        about: "API calls that a completed request costs, with webhooks and without, compared with a poller",
        run: |args| quota::run(args.scale(), args.lifecycles),
    },
    Bench {
        name: "idle",
        about: "open requests to which nothing happens: a tick of the loop with 1,000 to 1,000,000, and calls in a day",
        run: |args| idle::run(args.scale()),
    },
    Bench {
        name: "fair",
        about: "a quota shared with other applications: refused calls, waiting patrons, and the pause at the reserve",
        run: |args| fair::run(args.scale()),
    },
    Bench {
        name: "http",
        about: "status of a request and a patron's list, 64 connections of wrk, compared with a bare axum handler",
        run: |args| http::run(args.scale()),
    },
    Bench {
        name: "retention",
        about: "patrons' data of 1,000,000 ended requests erased: how long units and reads wait meanwhile",
        run: |args| retention::run(args.scale()),
    },
    Bench {
        name: "ingest",
        about: "records harvested by OAI-PMH, read, and stored with their keys, compared with sickle, pymarc and SQLite",
        run: |args| ingest::run(args.scale()),
    },
    Bench {
        name: "parse",
        about: "MARCXML to compact records, compared with yaz-marcdump on the same file",
        run: |args| parse::run(args.scale()),
    },
    Bench {
        name: "update",
        about: "records that change and are deleted at a source that fails: the catalogue holds what the source holds",
        run: |args| ingest::update::run(args.scale()),
    },
    Bench {
        name: "search",
        about: "2,000 queries, top 20 and exact counts, compared with Zebra and PostgreSQL on the same records",
        run: |args| search::run(args.scale(), args.records),
    },
    Bench {
        name: "availability",
        about: "20 records of a title at 10 institutions that answer in 300 ms: calls, and the time over the slowest answer",
        run: |args| availability::run(args.scale()),
    },
    Bench {
        name: "nodes",
        about: "1, 2 and 3 processes on one PostgreSQL: throughput, and work doubled by a node stopped past its lease",
        run: |args| nodes::run(args.scale(), args.database.as_deref()),
    },
    Bench {
        name: "simulate",
        about: "lifecycles with lost answers, crashes and unusual actions of staff: violations of the invariants",
        run: |args| simulate::run(args.plan()),
    },
];

/// Benchmarks of Consort.
#[derive(Parser, Debug)]
struct Args {
    /// The name of the benchmark, `all`, or `list`.
    name: String,
    /// Does less of the same work.
    #[arg(long)]
    quick: bool,
    /// `simulate`: the seed that a run printed, to repeat that run; random by default.
    #[arg(long)]
    seed: Option<u64>,
    /// `simulate`: runs only this world, by the number that a violation names.
    #[arg(long)]
    world: Option<u64>,
    /// `simulate`: the number of lifecycles. `quota`: the number of requests in flight.
    #[arg(long)]
    lifecycles: Option<u64>,
    /// `search`: the number of records, for Consort alone.
    #[arg(long)]
    records: Option<u64>,
    /// `crash`: the URL of an empty PostgreSQL database, used in place of the embedded store. `nodes`, `engine`: the
    /// URL of any database of a server, used in place of a cluster of the benchmark's own; the benchmark makes
    /// databases there and drops them.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

impl Args {
    fn scale(&self) -> Scale {
        if self.quick { Scale::Quick } else { Scale::Full }
    }

    fn plan(&self) -> simulate::Plan {
        let usual = if self.quick { 5_000 } else { 1_000_000 };
        let fresh = || rand::SeedableRng::from_os_rng();
        let seed = self.seed.unwrap_or_else(|| {
            let mut rng: rand::rngs::StdRng = fresh();
            u64::from(rand::RngCore::next_u32(&mut rng))
        });
        simulate::Plan { seed, lifecycles: self.lifecycles.unwrap_or(usual), world: self.world }
    }
}

/// Runs every benchmark.
fn all(args: &Args) -> ExitCode {
    if args.seed.is_some()
        || args.world.is_some()
        || args.lifecycles.is_some()
        || args.records.is_some()
        || args.database.is_some()
    {
        eprintln!("error: `all` takes no option but --quick; the others are for single benchmarks.");
        return ExitCode::from(2);
    }
    let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
    all::run(&names, args.scale()).unwrap_or_else(|reason| {
        eprintln!("error: {reason}");
        ExitCode::from(2)
    })
}

fn list() -> ExitCode {
    for bench in BENCHES {
        println!("{:<10} {}", bench.name, bench.about);
    }
    println!("{:<10} every one of these; writes their results into docs/benchmarks.md", "all");
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.peek().is_some_and(|first| first == AS_HUB) {
        return consort::run(arguments);
    }
    if let (Some(first), Some(file)) = (arguments.peek(), std::env::args_os().nth(2))
        && first == http::AS_BARE
    {
        return http::serve(file.into());
    }
    if let (Some(first), Some(of)) = (arguments.peek(), std::env::args().nth(2)) {
        match first.to_str() {
            Some(ingest::AS_SOURCE) => return ingest::serve(&of),
            Some(ingest::AS_INGEST) => return ingest::ingest(&of),
            Some(search::AS_SEARCHER) => return search::searcher(of.as_ref()),
            _ => {}
        }
    }
    let args = Args::parse();
    match args.name.as_str() {
        "all" => return all(&args),
        "list" => return list(),
        _ => {}
    }
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == args.name) else {
        eprintln!("error: there is no benchmark {:?}; `list` names all.", args.name);
        return ExitCode::from(2);
    };
    match (bench.run)(&args) {
        Ok(verdict) => verdict.print(bench.name),
        Err(reason) => {
            eprintln!("error: {}: {reason}", bench.name);
            ExitCode::from(2)
        }
    }
}
