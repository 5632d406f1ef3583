//! docs/simulator.md: every example of its shell is run against the program and answers what the page says.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

const PAGE: &str = include_str!("../../../../docs/simulator.md");

/// The program that the page starts, at a port of its own choice.
struct Simulator {
    process: Child,
    address: String,
}

impl Simulator {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_consort"))
            .args([
                "sim",
                "--calls-per-second",
                "none",
                "--listen",
                "127.0.0.1:0",
                "--institution",
                "01TEST_INST",
                "--api-key",
                "test-key",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().next_back().unwrap().to_owned();
        Self { process, address }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Commands of the page's shell examples, each with the functions defined before it and what it must answer.
fn examples() -> Vec<(String, String, String)> {
    let mut examples = Vec::new();
    let mut functions = String::new();
    for block in PAGE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let mut command = "";
        for line in block.lines() {
            if let Some(wanted) = line.strip_prefix("# => ") {
                examples.push((functions.clone(), command.to_owned(), wanted.to_owned()));
            } else if line.contains("() {") {
                functions.push_str(line);
                functions.push('\n');
            } else {
                command = line;
            }
        }
    }
    examples
}

#[test]
fn every_example_of_the_page_answers_what_the_page_says() {
    let simulator = Simulator::start();
    let examples = examples();
    assert!(examples.len() > 15, "the examples are not found");
    for (functions, command, wanted) in examples {
        let script = format!("{functions}{command}");
        let output = Command::new("bash").args(["-c", &script]).env("SIM", &simulator.address).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let squeezed: String = said.replace("\": ", "\":").replace(", \"", ",\"");
        assert!(
            said.contains(&wanted) || squeezed.contains(&wanted),
            "{command}\nshould answer {wanted}, but answers\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn story_of_the_page_is_played_before_anybody_is_served() {
    let story = PAGE.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let wrong = dir.path().join("wrong.json");
    std::fs::write(&wrong, story.replace("IN_PROCESS", "ON_HOLD_SHELF")).unwrap();
    let output = crate::program::consort(&["sim", "--listen", "127.0.0.1:0", "--scenario", wrong.to_str().unwrap()]);
    let said = crate::program::complaint(&output);
    assert!(said.contains("step 3") && said.contains("ON_HOLD_SHELF"), "{said}");
}
