//! The tables of docs/benchmarks.md that `all` writes.

#![allow(clippy::disallowed_methods, reason = "the table says on which day it was measured")]

use std::time::Duration;

use crate::Scale;
use crate::verdict::LastLine;

/// The result of running a benchmark.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It measured, and met its target or missed it.
    Measured(LastLine),
    /// It could not measure: why. A program that it needs may be missing.
    NotRun(String),
}

/// A benchmark that was run.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    /// The programs that it measured with, and their versions.
    pub(crate) peers: Vec<String>,
    /// In whole seconds.
    pub(crate) took: Duration,
}

/// When and where the benchmarks were run.
#[derive(Debug)]
pub(crate) struct Conditions {
    date: String,
    machine: String,
    /// The mean number of processes that wanted a processor in the minute before, where the system counts it.
    load: Option<String>,
}

impl Conditions {
    /// Reads those of this moment.
    pub(crate) fn read() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            machine: machine(processors, &read("/proc/cpuinfo"), &read("/proc/meminfo")),
            load: read("/proc/loadavg").split_whitespace().next().map(str::to_owned),
        }
    }
}

/// Describes a machine by the number of its processors and by Linux' files about processors and memory.
fn machine(processors: usize, cpuinfo: &str, meminfo: &str) -> String {
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = value(cpuinfo, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kib = value(meminfo, "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u32>().ok());
    let memory = kib.map(|kib| format!(", {:.1} GiB of memory", f64::from(kib) / 1_048_576.0)).unwrap_or_default();
    let cores = if processors == 1 { "core" } else { "cores" };
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        other => other,
    };
    format!("{processors} {cores} of {model}{memory}, {system}")
}

/// The text between the markers: conditions, table and counts.
pub(crate) fn section(rows: &[Row], conditions: &Conditions, took: Duration) -> String {
    let Conditions { date, machine, load } = conditions;
    let load = load.as_ref().map(|load| format!(" Load average before: {load}.")).unwrap_or_default();
    let mut lines = vec![
        format!("{date}, {machine}. The run took {}.{load}", minutes(took)),
        String::new(),
        "| benchmark | figure | target | result | took | peers |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    let (mut met, mut missed, mut not_run) = (0, 0, 0);
    for row in rows {
        let (figure, target, result) = match &row.outcome {
            Outcome::Measured(LastLine { figure, target, met: true }) => {
                met += 1;
                (figure.as_str(), target.as_str(), "met")
            }
            Outcome::Measured(LastLine { figure, target, met: false }) => {
                missed += 1;
                (figure.as_str(), target.as_str(), "**missed**")
            }
            Outcome::NotRun(reason) => {
                not_run += 1;
                (reason.as_str(), "", "**not run**")
            }
        };
        let (took, peers) = (minutes(row.took), row.peers.join(", "));
        let cells = [&row.name, figure, target, result, &took, &peers].map(cell);
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    lines.extend([String::new(), format!("{met} met, {missed} missed, {not_run} not run.")]);
    lines.join("\n")
}

/// Text that stays within its cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn minutes(took: Duration) -> String {
    match (took.as_secs() / 60, took.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// Replaces the text between the markers of that size.
pub(crate) fn insert(page: &str, scale: Scale, section: &str) -> Result<String, String> {
    let command = match scale {
        Scale::Full => "bench all",
        Scale::Quick => "bench all --quick",
    };
    let missing = |marker: &str| format!("docs/benchmarks.md lacks the line {marker:?}");
    let [begin, end] = ["begin", "end"].map(|which| format!("<!-- {which}: {command} -->"));
    let (before, rest) = page.split_once(&begin).ok_or_else(|| missing(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
    Ok(format!("{before}{begin}\n\n{section}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Benchmarks\n\n<!-- begin: bench all -->\nold full\n<!-- end: bench all -->\n\nbetween\n\n\
        <!-- begin: bench all --quick -->\nold quick\n<!-- end: bench all --quick -->\n\nafter\n";

    fn conditions() -> Conditions {
        let (date, machine) = ("2026-11-30".to_owned(), "2 cores of a processor, Linux".to_owned());
        Conditions { date, machine, load: Some("0.42".to_owned()) }
    }

    fn row(name: &str, outcome: Outcome, peers: &[&str]) -> Row {
        let peers = peers.iter().copied().map(str::to_owned).collect();
        Row { name: name.to_owned(), outcome, peers, took: Duration::from_secs(61) }
    }

    fn measured(figure: &str, met: bool) -> Outcome {
        Outcome::Measured(LastLine { figure: figure.to_owned(), target: "at least 0.40".to_owned(), met })
    }

    #[test]
    fn table_has_a_row_for_each_benchmark_and_counts_them() {
        let rows = [
            row("sim", measured("0.52", true), &["axum 0.8.9"]),
            row("engine", measured("a | b", false), &[]),
            row("nodes", Outcome::NotRun("no\ninitdb".to_owned()), &[]),
        ];
        let section = section(&rows, &conditions(), Duration::from_secs(130));
        assert_eq!(
            section,
            "2026-11-30, 2 cores of a processor, Linux. The run took 2 min 10 s. Load average before: 0.42.\n\n\
             | benchmark | figure | target | result | took | peers |\n\
             |---|---|---|---|---|---|\n\
             | sim | 0.52 | at least 0.40 | met | 1 min 1 s | axum 0.8.9 |\n\
             | engine | a \\| b | at least 0.40 | **missed** | 1 min 1 s |  |\n\
             | nodes | no initdb |  | **not run** | 1 min 1 s |  |\n\n\
             1 met, 1 missed, 1 not run."
        );
    }

    #[test]
    fn table_takes_the_place_of_the_last_one_of_its_size() {
        let quick = insert(PAGE, Scale::Quick, "new quick").unwrap();
        assert!(quick.contains("old full") && quick.contains("between"), "{quick}");
        assert!(!quick.contains("old quick") && quick.ends_with("-->\n\nafter\n"), "{quick}");
        let full = insert(&quick, Scale::Full, "new full").unwrap();
        assert!(full.contains("new quick") && full.contains("new full") && !full.contains("old"), "{full}");
        assert_eq!(insert(&full, Scale::Full, "new full").unwrap(), full, "a second time changes nothing");
    }

    #[test]
    fn page_without_a_marker_is_refused() {
        assert!(insert("# Benchmarks", Scale::Full, "").unwrap_err().contains("begin: bench all -->"));
        let cut = PAGE.replace("<!-- end: bench all --quick -->", "");
        assert!(insert(&cut, Scale::Quick, "").unwrap_err().contains("end: bench all --quick"));
    }

    #[test]
    fn machine_is_described_with_and_without_linux_files() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n";
        let known = machine(2, cpuinfo, "MemTotal:        4194304 kB\n");
        assert!(known.starts_with("2 cores of Some CPU @ 2 GHz, 4.0 GiB of memory, "), "{known}");
        assert!(machine(1, "", "").starts_with(&format!("1 core of {}, ", std::env::consts::ARCH)));
    }
}
