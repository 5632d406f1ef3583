//! Programs whose reader or whose parent goes away.

#![allow(clippy::disallowed_methods, reason = "the test waits for a real process, with a deadline")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::program::{free_port, hub_config};

const PROGRAM: &str = env!("CARGO_BIN_EXE_consort");
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, with a directory for temporary files that is its own.
fn program(args: &[&str], temporary: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

/// Processes that this program started with that directory, or that those have started.
fn alive(temporary: &Path) -> Vec<u32> {
    let wanted = format!("TMPDIR={}", temporary.display()).into_bytes();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // A process that has ended and was not waited for has no environment any more.
    let with_it = |id: &u32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
    };
    ids.filter(with_it).collect()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never comes that {what}");
        std::thread::yield_now();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it doesn't end");
        }
        std::thread::yield_now();
    }
}

/// What earlier demos left.
fn left(temporary: &Path) -> Vec<String> {
    let names = std::fs::read_dir(temporary).unwrap().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// A demo that has shown all and goes on serving.
fn serving_demo(temporary: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut demo =
        program(&["demo", "--pace", "0"], temporary).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Ctrl-C stops it") {
        line.clear();
        assert_ne!(shown.read_line(&mut line).unwrap(), 0, "the demo ended");
    }
    (demo, shown)
}

#[test]
fn demo_in_front_of_head_ends_with_its_children() {
    let temporary = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh")
        .args(["-c", "\"$0\" demo --pace 0 | head -3", PROGRAM])
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait(&mut shell);
    let output = shell.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "it ends quietly");
    until("all processes have ended", || alive(temporary.path()).is_empty());
    assert_eq!(left(temporary.path()), [""; 0]);
}

#[test]
fn demo_that_is_only_serving_notices_that_its_reader_is_gone() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut demo, shown) = serving_demo(temporary.path());
    drop(shown);
    assert!(wait(&mut demo).success());
    until("all processes have ended", || alive(temporary.path()).is_empty());
    assert_eq!(left(temporary.path()), [""; 0]);
}

#[test]
fn children_of_a_killed_demo_end_and_the_next_one_clears_up() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut demo, shown) = serving_demo(temporary.path());
    assert_eq!(alive(temporary.path()).len(), 4, "the demo, two simulators and the hub");
    demo.kill().unwrap();
    demo.wait().unwrap();
    until("its children have ended", || alive(temporary.path()).is_empty());
    drop(shown);
    assert_eq!(left(temporary.path()).len(), 1, "nobody could remove its directory");

    let next = program(&["demo", "--list-scenarios"], temporary.path()).output().unwrap();
    assert!(next.status.success());
    assert_eq!(left(temporary.path()).len(), 1, "what needs no directory removes none");
    let next = program(&["demo", "--once", "--pace", "0"], temporary.path()).output().unwrap();
    assert!(next.status.success(), "{}", String::from_utf8_lossy(&next.stderr));
    assert_eq!(left(temporary.path()), [""; 0]);
}

#[test]
fn commands_end_quietly_when_nobody_reads_what_they_print() {
    let temporary = tempfile::tempdir().unwrap();
    let at = free_port().to_string();
    let commands: [&[&str]; 7] = [
        &["--help"],
        &["docs", "workflow"],
        &["serve", "--print-config"],
        &["demo", "--list-scenarios"],
        &["demo", "--books"],
        &["demo", "--scenario", "hold-shelf-expired"],
        &["sim", "--listen", &at],
    ];
    for args in commands {
        let (reads, writes) = std::io::pipe().unwrap();
        drop(reads);
        let mut child = program(args, temporary.path()).stdout(writes).stderr(Stdio::piped()).spawn().unwrap();
        let status = wait(&mut child);
        let said = child.wait_with_output().unwrap().stderr;
        let said = String::from_utf8_lossy(&said);
        assert!(status.success(), "{args:?}: {status} {said}");
        assert!(!said.contains("panicked") && !said.contains("error"), "{args:?}: {said}");
    }
    until("all processes have ended", || alive(temporary.path()).is_empty());
}

#[test]
fn hub_whose_log_is_read_by_nobody_ends_and_a_failure_that_nobody_reads_is_identified_by_its_code() {
    let temporary = tempfile::tempdir().unwrap();
    let config = temporary.path().join("hub.toml");
    std::fs::write(&config, hub_config(free_port(), &temporary.path().join("data"))).unwrap();
    for args in [&["serve", "--config", config.to_str().unwrap()], &["demo", "--scenario", "none-of-this-name"]] {
        let (reads, writes) = std::io::pipe().unwrap();
        drop(reads);
        let mut child = program(args, temporary.path()).stdout(Stdio::null()).stderr(writes).spawn().unwrap();
        // A panic would be 101.
        assert_eq!(wait(&mut child).code(), Some(1), "{args:?}");
    }
}

#[test]
fn output_that_finds_no_room_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let output = program(&["docs", "workflow"], temporary.path()).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("can't be written"), "{said}");
}
