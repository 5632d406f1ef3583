//! Scenarios in files: those of the crate, and the error for a step that goes otherwise than expected.

use std::path::Path;

use alma_sim::{Scenario, ScenarioError, Sim, SimClock, SimOptions};
use serde_json::{Value, json};

fn stage(scenario: &Scenario) -> Sim {
    let clock = SimClock::Stepped(scenario.begins.unwrap_or(jiff::Timestamp::UNIX_EPOCH));
    Sim::new(&SimOptions { clock, ..SimOptions::default() })
}

fn story(steps: &Value) -> (Scenario, Sim) {
    let text = json!({"title": "t", "institutions": [{"code": "01TST_INST", "key": "key-t"}], "steps": steps});
    let scenario = Scenario::from_json(&text.to_string(), Path::new("")).unwrap();
    let sim = stage(&scenario);
    (scenario, sim)
}

#[test]
fn every_scenario_that_comes_with_the_crate_runs_as_described() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for path in files {
        let scenario = Scenario::load(&path).unwrap();
        scenario.play(&stage(&scenario)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn a_step_that_goes_otherwise_is_named_with_what_was_seen() {
    let book = json!({"barcode": "01TST-M001", "library": "MAIN", "desk": "DEFAULT_CIRC_DESK"});
    for (step, reason) in [
        (json!({"note": "n", "do": "scan-in", "with": book, "expect": {"process_type": "LOAN"}}), "expected"),
        (json!({"note": "n", "do": "scan-in", "with": {"barcode": "no"}}), "needs a text"),
        (json!({"note": "n", "do": "scan-in", "with": book, "refused": "401689"}), "should be refused with 401689"),
        (json!({"note": "n", "call": "GET /users/nobody"}), "refused with 401861"),
        (json!({"note": "n", "check": "counts", "save": {"x": "/nothing"}}), "there is no /nothing"),
        (json!({"note": "n", "advance": "-1 day"}), "time does not go back"),
        (json!({"note": "n"}), "a step has one of"),
    ] {
        let (scenario, sim) = story(&json!([{"check": "counts"}, step]));
        match scenario.play(&sim) {
            Err(ScenarioError::Step { number: 2, note, reason: said }) if note == "n" => {
                assert!(said.contains(reason), "{said}");
            }
            other => panic!("{step}: {other:?}"),
        }
    }
}

#[test]
fn a_text_that_is_no_scenario_is_refused() {
    for text in ["", "{}", r#"{"title": "t", "institutions": [], "steps": [{"dance": "waltz"}]}"#] {
        assert!(matches!(Scenario::from_json(text, Path::new("")), Err(ScenarioError::Malformed(_))), "{text}");
    }
    assert!(matches!(Scenario::load(Path::new("no-such-file.json")), Err(ScenarioError::Unreadable { .. })));
    let twice = json!({"title": "t", "institutions": [{"code": "A", "key": "k"}, {"code": "A", "key": "l"}]});
    let scenario = Scenario::from_json(&twice.to_string(), Path::new("")).unwrap();
    assert!(matches!(scenario.play(&stage(&scenario)), Err(ScenarioError::Institution(code, _)) if code == "A"));
}
