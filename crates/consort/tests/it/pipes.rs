//! Programs whose reader or whose parent ends.

use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::patience::eventually;
use crate::program::{free_port, hub_config};

const PROGRAM: &str = env!("CARGO_BIN_EXE_consort");

/// Creates the command, with a directory of its own for temporary files. The process is killed when its test fails.
fn program(args: &[&str], temporary: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).env("TMPDIR", temporary).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Returns the processes that were started with that directory in their environment, directly or by another of them.
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

async fn until_none_is_alive(temporary: &Path) {
    eventually("all processes have ended", async || {
        let ids = alive(temporary);
        if ids.is_empty() { Ok(()) } else { Err(format!("{ids:?} are alive")) }
    })
    .await;
}

async fn wait(child: &mut Child) -> ExitStatus {
    eventually("the program ends", async || child.wait().await).await
}

/// Runs the program to its end.
async fn output(args: &[&str], temporary: &Path) -> Output {
    eventually("the program ends", async || program(args, temporary).output().await).await
}

/// Returns the directories that demos have left behind.
fn left(temporary: &Path) -> Vec<String> {
    let names = std::fs::read_dir(temporary).unwrap().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Starts a demo and waits until it has shown everything and keeps running.
async fn serving_demo(temporary: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut demo =
        program(&["demo", "--pace", "0"], temporary).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(demo.stdout.take().unwrap()).lines();
    eventually("the demo has shown all and serves", async || {
        let line = shown.next_line().await.unwrap().unwrap_or_else(|| panic!("the demo ended"));
        if line.contains("Scan it in at the lender's desk") { Ok(()) } else { Err(line) }
    })
    .await;
    (demo, shown)
}

#[tokio::test]
async fn demo_in_front_of_head_ends_with_its_children() {
    let temporary = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh")
        .args(["-c", "\"$0\" demo --pace 0 | head -3", PROGRAM])
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    wait(&mut shell).await;
    let output = shell.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "it ends quietly");
    until_none_is_alive(temporary.path()).await;
    assert_eq!(left(temporary.path()), [""; 0]);
}

#[tokio::test]
async fn demo_that_is_only_serving_notices_that_its_reader_is_gone() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut demo, shown) = serving_demo(temporary.path()).await;
    drop(shown);
    assert!(wait(&mut demo).await.success());
    until_none_is_alive(temporary.path()).await;
    assert_eq!(left(temporary.path()), [""; 0]);
}

#[tokio::test]
async fn children_of_a_killed_demo_end_and_the_next_one_clears_up() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut demo, shown) = serving_demo(temporary.path()).await;
    assert_eq!(alive(temporary.path()).len(), 4, "the demo, two simulators and the hub");
    demo.kill().await.unwrap();
    until_none_is_alive(temporary.path()).await;
    drop(shown);
    assert_eq!(left(temporary.path()).len(), 1, "nobody could remove its directory");

    let next = output(&["demo", "--list-scenarios"], temporary.path()).await;
    assert!(next.status.success());
    assert_eq!(left(temporary.path()).len(), 1, "what needs no directory removes none");
    let next = output(&["demo", "--once", "--pace", "0"], temporary.path()).await;
    assert!(next.status.success(), "{}", String::from_utf8_lossy(&next.stderr));
    assert_eq!(left(temporary.path()), [""; 0]);
}

#[tokio::test]
async fn commands_end_quietly_when_nobody_reads_what_they_print() {
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
        let status = wait(&mut child).await;
        let said = child.wait_with_output().await.unwrap().stderr;
        let said = String::from_utf8_lossy(&said);
        assert!(status.success(), "{args:?}: {status} {said}");
        assert!(!said.contains("panicked") && !said.contains("error"), "{args:?}: {said}");
    }
    until_none_is_alive(temporary.path()).await;
}

#[tokio::test]
async fn hub_whose_log_is_read_by_nobody_ends_and_a_failure_that_nobody_reads_is_identified_by_its_code() {
    let temporary = tempfile::tempdir().unwrap();
    let config = temporary.path().join("hub.toml");
    std::fs::write(&config, hub_config(free_port(), &temporary.path().join("data"))).unwrap();
    for args in [&["serve", "--config", config.to_str().unwrap()], &["demo", "--scenario", "none-of-this-name"]] {
        let (reads, writes) = std::io::pipe().unwrap();
        drop(reads);
        let mut child = program(args, temporary.path()).stdout(Stdio::null()).stderr(writes).spawn().unwrap();
        // After a panic the code would be 101.
        assert_eq!(wait(&mut child).await.code(), Some(1), "{args:?}");
    }
}

#[tokio::test]
async fn output_that_finds_no_room_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let mut child =
        program(&["docs", "workflow"], temporary.path()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let status = wait(&mut child).await;
    let said = child.wait_with_output().await.unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("can't be written"), "{said}");
}
