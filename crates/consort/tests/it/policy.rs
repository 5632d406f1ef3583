//! The policy for the choice of the supplier from the command line.

use serde_json::Value;

use crate::program::{LENDER, Processes, complaint, dir_file};

#[tokio::test]
async fn policy_is_shown_tried_set_and_kept_in_versions_from_the_command_line() {
    let processes = Processes::start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir_file(&dir, "policy.toml");
    let path = file.to_str().unwrap();
    let shown = processes.output(&["policy", "show"]);
    assert!(shown.starts_with("# Version 0"), "{shown}");
    std::fs::write(&file, &shown).unwrap();
    let tried: Value =
        serde_json::from_str(&processes.output(&["--json", "policy", "try", path, "--since", "2026-01-01"])).unwrap();
    assert_eq!((&tried["requests"], &tried["is_complete"]), (&0.into(), &true.into()));
    assert!(processes.output(&["policy", "set", path]).starts_with("Version 1, set by "));

    std::fs::write(&file, "criteria = [{ by = \"region\" }]\n").unwrap();
    processes.output(&["policy", "set", path]);
    assert!(processes.output(&["policy", "show"]).contains("by = \"region\""));
    let first = processes.output(&["policy", "show", "--version", "1"]);
    assert!(first.starts_with("# Version 1") && first.contains("by = \"distance\""), "{first}");
    let versions = processes.output(&["policy", "show", "--versions"]);
    assert!(versions.contains("own_library, availability, distance, load"), "{versions}");
    assert!(complaint(&processes.consort(&["policy", "show", "--version", "7"])).contains("no version 7"));

    // Version 1 was edited, and somebody has set version 2 meanwhile.
    let said = complaint(&processes.consort(&["policy", "set", path, "--version", "1"]));
    assert!(said.contains("was made from version 1") && said.contains("Version 2, set by"), "{said}");
    assert!(said.contains("consort policy show"), "{said}");
    assert!(processes.output(&["policy", "show"]).starts_with("# Version 2"));

    std::fs::write(&file, "criteria = [{ by = \"weather\" }]\n").unwrap();
    let said = complaint(&processes.consort(&["policy", "set", path]));
    assert!(said.contains("line 1") && said.contains("docs/choice-of-supplier.md"), "{said}");
    assert!(processes.output(&["policy", "show"]).starts_with("# Version 2"));
}

#[tokio::test]
async fn request_that_names_its_copies_has_no_choices() {
    let processes = Processes::start().await;
    let copy = format!("{LENDER}:01LEND-M002");
    let placed = processes.output(&[
        "request",
        "place",
        "--agency",
        "BORROW",
        "--patron",
        "jo.reader",
        "--pickup",
        "BORROW-MAIN",
        "--copy",
        &copy,
    ]);
    let id = placed.split_whitespace().next().unwrap();
    let shown = processes.output(&["request", "choices", id]);
    assert!(shown.contains("has chosen no copies"), "{shown}");
}
