//! The command line as a whole: exit codes, JSON, tables, institutions, long lists.

use std::process::Output;

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{
    BORROWER, KEY, LENDER, Processes, complaint, consort, dir_file, free_port, institution, key_of, placement,
};

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command with `--json` and returns what it printed.
fn json_of(processes: &Processes, args: &[&str]) -> Value {
    let output = processes.consort(&[args, &["--json"]].concat());
    let text = stdout(&output);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{args:?}: {error}: {text} {}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn agency_of_another_institution_is_taken_over_only_if_asked() {
    let processes = Processes::start().await;
    let file = dir_file(&processes.dir, "copied.toml");
    // A file that was copied for another institution, with the agency and pickup location of the first.
    let text =
        institution(LENDER, &format!("http://{}", processes.lender), &key_of(LENDER)).replace(LENDER, "01NEW_INST");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let said = complaint(&processes.consort(&["institution", "add", file]));
    assert!(said.contains("the agency LEND belongs to 01LEND_INST"), "{said}");
    assert!(
        said.contains("the pickup location LEND-MAIN belongs to 01LEND_INST") && said.contains("--take-over"),
        "{said}"
    );
    assert_eq!(json_of(&processes, &["institution", "list"])["institutions"].as_array().unwrap().len(), 2);
    // The hub itself refuses it too.
    let agency = json!({"name": "LEND library", "institution": BORROWER});
    let (status, answer) = processes.answer(Method::PUT, "/agencies/LEND", KEY, Some(&agency)).await;
    assert!(status == 409 && answer.contains("BELONGS_TO_ANOTHER_INSTITUTION"), "{status} {answer}");
    let place = json!({"name": "Desk", "agency": "BORROW", "library": "MAIN"});
    let (status, answer) = processes.answer(Method::PUT, "/pickup-locations/LEND-MAIN", KEY, Some(&place)).await;
    assert!(status == 409 && answer.contains("BELONGS_TO_ANOTHER_INSTITUTION"), "{status} {answer}");

    processes.output(&["institution", "add", file, "--take-over"]);
    assert_eq!(processes.api(Method::GET, "/agencies/LEND", None).await["institution"], "01NEW_INST");
    assert_eq!(processes.api(Method::GET, "/pickup-locations/LEND-MAIN", None).await["institution"], "01NEW_INST");
}

#[tokio::test]
async fn file_with_a_pickup_location_of_an_unknown_agency_is_not_set_up_in_part() {
    let processes = Processes::start().await;
    let file = dir_file(&processes.dir, "partly.toml");
    let text = institution("01NEW_INST", &format!("http://{}", processes.lender), &key_of(LENDER))
        .replace("agency = \"NEW\"", "agency = \"NOBODY\"");
    std::fs::write(&file, text).unwrap();
    let said = complaint(&processes.consort(&["institution", "add", file.to_str().unwrap()]));
    assert!(said.contains("NOBODY") && said.contains("Nothing was changed"), "{said}");
    assert_eq!(json_of(&processes, &["institution", "list"])["institutions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn institutions_are_listed_shown_and_removed() {
    let processes = Processes::start().await;
    let listed = processes.output(&["institution", "list"]);
    let row = listed.lines().find(|line| line.starts_with(LENDER)).unwrap_or_else(|| panic!("{listed}"));
    assert!(row.contains("LEND") && row.contains(&processes.lender.to_string()), "{row}");
    let shown = processes.output(&["institution", "show", LENDER]);
    for word in ["sharing_library", "SHARING", "LEND library", "LEND-MAIN"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(!shown.contains("canary"), "the API key is never shown: {shown}");

    let preview = processes.consort(&["institution", "remove", LENDER]);
    assert!(stdout(&preview).contains("LEND-MAIN") && complaint(&preview).contains("--yes"));
    // An open request keeps everything in place, the agencies too.
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M002"))).await;
    let id = placed["id"].as_str().unwrap();
    processes.until(id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let said = complaint(&processes.consort(&["institution", "remove", LENDER, "--yes"]));
    assert!(said.contains("still has open requests"), "{said}");
    assert_eq!(processes.api(Method::GET, "/pickup-locations/LEND-MAIN", None).await["agency"], "LEND");
    processes.output(&["request", "cancel", id, "--staff"]);
    processes.until(id, "FINALISED").await;
    processes.output(&["institution", "remove", LENDER, "--yes"]);
    for path in
        [format!("/institutions/{LENDER}"), "/agencies/LEND".to_owned(), "/pickup-locations/LEND-MAIN".to_owned()]
    {
        assert_eq!(processes.answer(Method::GET, &path, KEY, None).await.0, 404, "{path}");
    }
    assert_eq!(processes.api(Method::GET, "/agencies/BORROW", None).await["institution"], BORROWER);
}

#[tokio::test]
async fn every_command_with_a_result_prints_it_as_json() {
    let processes = Processes::start().await;
    let config = processes.config.to_str().unwrap().to_owned();
    let saved = dir_file(&processes.dir, "saved.db").to_str().unwrap().to_owned();
    let copy = format!("{LENDER}:01LEND-M002");
    let place =
        ["request", "place", "--agency", "BORROW", "--patron", "jo.reader", "--pickup", "BORROW-MAIN", "--copy", &copy];
    let id = json_of(&processes, &place)["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    for (args, key) in [
        (&["request", "show", &id] as &[&str], "outcome"),
        (&["request", "list"], "requests"),
        (&["request", "list", "--all"], "requests"),
        (&["request", "poll", &id], "status"),
        (&["request", "end", &id, "--dry-run"], "steps"),
        (&["request", "cancel", &id, "--staff"], "status"),
        (&["institution", "list"], "institutions"),
        (&["institution", "show", LENDER], "pickup_locations"),
        (&["institution", "check", LENDER], "findings"),
        (&["institution", "orphans", LENDER], "orphans"),
        (&["institution", "remove", LENDER], "would_remove"),
        (&["institution", "webhook", "set", LENDER], "secret"),
        (&["institution", "webhook", "show", LENDER], "path"),
        (&["institution", "webhook", "finish-rotation", LENDER], "secret_rotation_active"),
        (&["institution", "webhook", "remove", LENDER], "institution"),
        (&["doctor", "--config", &config], "checks"),
        (&["audit", "verify", "--config", &config], "entries"),
        (&["backup", "--config", &config, "--to", &saved], "digest"),
    ] {
        let value = json_of(&processes, args);
        assert!(value.get(key).is_some(), "{args:?}: {value}");
    }
    assert_eq!(json_of(&processes, &["institution", "quota"])[0]["institution"], BORROWER);
    // A failure is JSON too, on standard error.
    let output = processes.consort(&["request", "show", "01a21461-0000-7000-8000-000000000001", "--json"]);
    let failure: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &failure["exit_code"]), (Some(4), &json!(4)), "{failure}");
    let said = complaint(&consort(&["docs", "polling", "--json"]));
    assert!(said.contains("no result"), "{said}");
}

#[tokio::test]
async fn exit_code_distinguishes_kinds_of_failures() {
    let processes = Processes::start().await;
    let code = |output: &Output| {
        complaint(output);
        output.status.code()
    };
    let unknown = "01a21461-0000-7000-8000-000000000001";
    assert_eq!(code(&processes.consort(&["request", "show", unknown])), Some(4));
    assert_eq!(code(&processes.consort(&["institution", "show", "01NONE"])), Some(4));
    assert_eq!(code(&processes.consort(&["request", "show", "no id"])), Some(2));
    assert_eq!(processes.consort(&["request", "shew"]).status.code(), Some(2));
    assert_eq!(code(&consort(&["request", "list"])), Some(2), "no key");
    assert_eq!(code(&consort(&["serve", "--config", "nofile.toml"])), Some(2));
    assert_eq!(code(&consort(&["institution", "check", "nofile.toml"])), Some(2));
    let wrong =
        consort(&["request", "list", "--hub", &format!("http://{}", processes.hub), "--key", "not-the-key-0000001"]);
    assert_eq!(code(&wrong), Some(3));
    let nobody = consort(&["request", "list", "--hub", &format!("http://{}", free_port()), "--key", KEY]);
    assert_eq!(code(&nobody), Some(3));
    let refused = ["request", "place", "--agency", "BORROW", "--patron", "blocked.reader", "--pickup", "BORROW-MAIN"];
    let copy = format!("{LENDER}:01LEND-M003");
    assert_eq!(code(&processes.consort(&[&refused as &[&str], &["--copy", &copy]].concat())), Some(1));
    // A check of an institution whose system is down proves nothing.
    let file = dir_file(&processes.dir, "down.toml");
    std::fs::write(&file, institution(LENDER, &format!("http://{}", free_port()), &key_of(LENDER))).unwrap();
    let output = processes.consort(&["institution", "check", file.to_str().unwrap()]);
    assert_eq!(code(&output), Some(5));
    let table = stdout(&output);
    assert!(table.contains("unknown") && table.contains("base_url") && !table.contains("MISSING"), "{table}");
}

#[tokio::test]
async fn list_of_all_requests_does_not_end_at_a_page() {
    let processes = Processes::start().await;
    let count = 203;
    // Requests of patrons whom the library doesn't know end at once.
    let placings = (0..count).map(|number| {
        let mut body = placement("01LEND-M001");
        body["patron"] = json!(format!("nobody.{number}"));
        let processes = &processes;
        async move { processes.answer(Method::POST, "/requests?wait=0", KEY, Some(&body)).await.0 }
    });
    let placed: Vec<u16> = futures::stream::iter(placings).buffer_unordered(8).collect().await;
    assert_eq!(placed.len(), count);
    assert_eq!(json_of(&processes, &["request", "list", "--all"])["requests"].as_array().unwrap().len(), count);
    let page = processes.consort(&["request", "list", "--limit", "200"]);
    assert_eq!(stdout(&page).lines().count(), 201, "a heading, and a line for each request");
    let remark = String::from_utf8_lossy(&page.stderr).into_owned();
    assert!(remark.contains("the first 200") && remark.contains("--all"), "{remark}");
    assert!(!stdout(&page).contains('─'), "a table that a program reads has no rules");
}

#[tokio::test]
async fn key_on_the_command_line_causes_a_warning() {
    let processes = Processes::start().await;
    let hub = format!("http://{}", processes.hub);
    let named = consort(&["institution", "list", "--hub", &hub, "--key", KEY]);
    let said = String::from_utf8_lossy(&named.stderr).into_owned();
    assert!(named.status.success() && said.contains("warning: --key") && said.contains("CONSORT_API_KEY"), "{said}");
    assert!(!said.contains(KEY), "{said}");
    let quiet = processes.consort(&["institution", "list"]);
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
}

#[tokio::test]
async fn outcome_of_a_request_is_shown() {
    let processes = Processes::start().await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M002"))).await;
    let id = placed["id"].as_str().unwrap();
    processes.until(id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    assert!(processes.output(&["request", "show", id]).contains("Outcome: none yet."));
    processes.output(&["request", "cancel", id, "--staff"]);
    processes.until(id, "FINALISED").await;
    assert!(processes.output(&["request", "show", id]).contains("Outcome: CANCELLED."));
}

#[test]
fn serve_without_a_configuration_file_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let said = complaint(&consort(&["serve"]));
    assert!(said.contains("without --config") && said.contains("--print-config"), "{said}");
    let missing = dir.path().join("nofile.toml");
    let said = complaint(&consort(&["serve", "--config", missing.to_str().unwrap()]));
    assert!(said.contains("There is no configuration file"), "{said}");
    let said = complaint(&consort(&["audit", "verify"]));
    assert!(said.contains("No --config was given") && said.contains("consort-data"), "{said}");
}

#[test]
fn faulty_value_of_a_configuration_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir_file(&dir, "hub.toml");
    let text = "[api_keys]\nshop = \"short\"\n[engine]\nworkers = 0\nretry_initial_ms = 10\nretry_max_ms = 5\n";
    std::fs::write(&config, text).unwrap();
    let said = complaint(&consort(&["serve", "--config", config.to_str().unwrap()]));
    for place in [
        "line 2, column 1, api_keys.shop:",
        "line 4, column 1, engine.workers:",
        "line 6, column 1, engine.retry_max_ms:",
    ] {
        assert!(said.contains(place), "{place}: {said}");
    }
    assert!(!said.contains("short"), "no key is quoted: {said}");
}

#[test]
fn database_that_cannot_be_reached_is_named_with_its_address_and_setting() {
    let dir = tempfile::tempdir().unwrap();
    let (config, nobody) = (dir_file(&dir, "hub.toml"), free_port());
    let text =
        format!("database = \"postgres://consort:canary@{nobody}/consort\"\n[api_keys]\na = \"0123456789abcdef\"\n");
    std::fs::write(&config, text).unwrap();
    let output = consort(&["audit", "verify", "--config", config.to_str().unwrap()]);
    let said = complaint(&output);
    assert!(said.contains(&nobody.to_string()) && said.contains("`database`"), "{said}");
    assert!(!said.contains("canary"), "{said}");
    assert_eq!(output.status.code(), Some(3));
}
