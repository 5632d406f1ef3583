//! Every benchmark, one after the other, each in a fresh process of this program.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::Scale;
use crate::report::{self, Conditions, Outcome, Row};
use crate::verdict::{LastLine, peers};

/// The exit code of a Rust program whose main thread panicked.
const PANICKED: i32 = 101;
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks.md");

/// Runs the benchmarks of these names, and writes their results into docs/benchmarks.md. One that misses its target or can't run
/// doesn't keep the others from running.
pub(crate) fn run(names: &[&str], scale: Scale) -> Result<ExitCode, String> {
    // A page without a place for the table is found now, and not hours later.
    report::insert(&read_page()?, scale, "")?;
    let conditions = Conditions::read();
    let begun = Instant::now();
    let mut rows = Vec::new();
    for (number, name) in names.iter().enumerate() {
        eprintln!("{} of {}: {name}", number + 1, names.len());
        rows.push(run_one(name, scale));
    }
    let section = report::section(&rows, &conditions, begun.elapsed());
    println!("\n{section}");
    let page = report::insert(&read_page()?, scale, &section)?;
    std::fs::write(PAGE, page).map_err(|error| format!("docs/benchmarks.md can't be written: {error}"))?;
    Ok(exit_code(&rows))
}

/// 1 if a benchmark missed its target, 2 if none did but one could not run.
fn exit_code(rows: &[Row]) -> ExitCode {
    let any = |wanted: fn(&Outcome) -> bool| rows.iter().any(|row| wanted(&row.outcome));
    if any(|outcome| matches!(outcome, Outcome::Measured(line) if !line.met)) {
        ExitCode::from(1)
    } else if any(|outcome| matches!(outcome, Outcome::NotRun(_))) {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

fn read_page() -> Result<String, String> {
    std::fs::read_to_string(PAGE).map_err(|error| format!("docs/benchmarks.md can't be read: {error}"))
}

/// Runs one benchmark and prints its last line, or everything that it printed if it didn't meet its target.
fn run_one(name: &str, scale: Scale) -> Row {
    let begun = Instant::now();
    let printed = execute(name, scale);
    let took = Duration::from_secs(begun.elapsed().as_secs());
    let (outcome, out) = match printed {
        Ok(Printed { code, out, errors }) => {
            eprint!("{errors}");
            (outcome(name, code, &out, &errors), out)
        }
        Err(error) => (Outcome::NotRun(format!("it can't be started: {error}")), String::new()),
    };
    match &outcome {
        Outcome::Measured(line) if line.met => println!("{}", last_line(&out)),
        Outcome::Measured(_) => print!("{out}"),
        Outcome::NotRun(reason) => println!("{out}{name}: not run: {reason}"),
    }
    Row { name: name.to_owned(), outcome, peers: peers(&out), took }
}

/// Everything that a benchmark printed, and its exit code if no signal ended it.
struct Printed {
    code: Option<i32>,
    out: String,
    errors: String,
}

/// Runs one benchmark in a process of its own.
fn execute(name: &str, scale: Scale) -> std::io::Result<Printed> {
    // Files, and not pipes: a hub that outlived its benchmark would keep a pipe open for ever.
    let (mut out, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(name).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(errors.try_clone()?);
    if scale == Scale::Quick {
        command.arg("--quick");
    }
    let code = command.status()?.code();
    Ok(Printed { code, out: content(&mut out)?, errors: content(&mut errors)? })
}

fn content(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_line(text: &str) -> &str {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// Judges a benchmark by its exit code and its last line, which must agree.
fn outcome(name: &str, code: Option<i32>, out: &str, errors: &str) -> Outcome {
    let line = last_line(out);
    match (code, LastLine::read(name, line)) {
        (Some(0), Some(read)) if read.met => Outcome::Measured(read),
        (Some(1), Some(read)) if !read.met => Outcome::Measured(read),
        (Some(0 | 1), _) => Outcome::NotRun(format!("exit code and last line don't agree: {line:?}")),
        (None, _) => Outcome::NotRun("a signal ended it".to_owned()),
        (Some(PANICKED), _) => Outcome::NotRun("it panicked".to_owned()),
        (Some(code), _) => {
            let error = last_line(errors);
            let reason = error.strip_prefix("error: ").unwrap_or(error);
            let reason = reason.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(reason);
            Outcome::NotRun(if reason.is_empty() { format!("exit code {code}") } else { reason.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MET: &str = "a table\nsim: 0.52; at least 0.40; met\n";
    const MISSED: &str = "a table\nsim: 0.31; at least 0.40; missed\n";

    fn measured(figure: &str, met: bool) -> Outcome {
        Outcome::Measured(LastLine { figure: figure.to_owned(), target: "at least 0.40".to_owned(), met })
    }

    fn row(outcome: Outcome) -> Row {
        Row { name: "sim".to_owned(), outcome, peers: Vec::new(), took: Duration::ZERO }
    }

    #[test]
    fn benchmark_is_judged_by_its_last_line() {
        assert_eq!(outcome("sim", Some(0), MET, ""), measured("0.52", true));
        assert_eq!(outcome("sim", Some(1), MISSED, ""), measured("0.31", false));
    }

    #[test]
    fn missing_program_is_the_reason_why_a_benchmark_did_not_run() {
        let missing = outcome("nodes", Some(2), "", "some warning\nerror: nodes: PostgreSQL's initdb isn't there\n");
        assert_eq!(missing, Outcome::NotRun("PostgreSQL's initdb isn't there".to_owned()));
    }

    #[test]
    fn no_success_without_an_exit_code_and_a_last_line_that_agree() {
        let runs = [(Some(0), ""), (Some(1), MET), (Some(0), MISSED), (Some(2), MET), (Some(101), ""), (None, MET)];
        for (code, out) in runs {
            let outcome = outcome("sim", code, out, "");
            assert!(matches!(outcome, Outcome::NotRun(_)), "{code:?}, {out:?}: {outcome:?}");
        }
    }

    #[test]
    fn exit_code_is_1_for_a_missed_target_and_2_for_a_benchmark_that_did_not_run() {
        let (met, missed) = (|| row(measured("1", true)), || row(measured("1", false)));
        let not_run = || row(Outcome::NotRun("no PostgreSQL".to_owned()));
        let code = |rows: &[Row]| format!("{:?}", exit_code(rows));
        assert_eq!(code(&[met(), met()]), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(code(&[met(), missed(), not_run()]), format!("{:?}", ExitCode::from(1)));
        assert_eq!(code(&[not_run(), met()]), format!("{:?}", ExitCode::from(2)));
    }

    #[test]
    fn page_has_a_place_for_both_tables() {
        let page = read_page().unwrap();
        for scale in [Scale::Full, Scale::Quick] {
            report::insert(&page, scale, "").unwrap();
        }
    }
}
