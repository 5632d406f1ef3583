//! Sets institutions up, and uses the hub from the command line.

use reqwest::Method;
use serde_json::json;

use crate::patience::eventually;
use crate::program::{BORROWER, LENDER, Processes, complaint, dir_file, institution, key_of, placement};

#[tokio::test]
async fn check_reads_all_that_the_hub_needs_and_names_missing_settings() {
    let processes = Processes::start().await;
    let good = processes.output(&["institution", "check", LENDER]);
    assert!(good.contains("all that the hub needs is there"), "{good}");
    let text = institution(LENDER, &format!("http://{}", processes.lender), &key_of(LENDER))
        .replace("sharing_library = \"SHARING\"", "sharing_library = \"NOWHERE\"")
        .replace("virtual_location = \"dcbvirtual\"", "virtual_location = \"nowhere\"");
    let file = dir_file(&processes.dir, "partly.toml");
    std::fs::write(&file, text).unwrap();
    let output = processes.consort(&["institution", "check", file.to_str().unwrap()]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(complaint(&output).contains("2 of"), "{table}");
    assert!(table.contains("NOWHERE") && table.contains("nowhere"), "{table}");
}

#[tokio::test]
async fn quota_shows_what_was_spent_on_what_and_what_waits_for_more() {
    let processes = Processes::start().await;
    processes.control(Method::POST, LENDER, "limits", &json!({"per_day": 40})).await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M003"))).await;
    processes.until(placed["id"].as_str().unwrap(), "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let all = processes.output(&["institution", "quota"]);
    assert!(all.contains(LENDER) && all.contains(BORROWER) && all.contains("of 40"), "{all}");
    processes.control(Method::POST, LENDER, "limits", &json!({"per_day": 1})).await;
    // Alma's next answer reports the limit.
    let poll = format!("/requests/{}/poll", placed["id"].as_str().unwrap());
    let one = eventually("the lender's quota shows what waits", async || {
        processes.api(Method::POST, &poll, None).await;
        let one = processes.output(&["institution", "quota", LENDER]);
        if one.contains("wait until") { Ok(one) } else { Err(one) }
    })
    .await;
    assert!(!one.contains(BORROWER), "{one}");
}

#[tokio::test]
async fn errors_of_an_institution_file_are_reported_at_once_and_nothing_is_stored() {
    let processes = Processes::start().await;
    let file = dir_file(&processes.dir, "faulty.toml");
    std::fs::write(
        &file,
        "code = \"01X\"\nname = \"X\"\napi_key = \"l8xx-canary-x\"\n[settings]\nsharing_libary = \"S\"\n",
    )
    .unwrap();
    let said = complaint(&processes.consort(&["institution", "add", file.to_str().unwrap()]));
    for word in ["sharing_libary", "base_url", "virtual_library"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("canary"), "{said}");
    std::fs::write(&file, "cod = \"01X\"").unwrap();
    let said = complaint(&processes.consort(&["institution", "add", file.to_str().unwrap()]));
    assert!(said.contains("docs/set-up.md"), "{said}");
}

#[tokio::test]
async fn request_is_placed_shown_listed_and_cancelled_from_the_command_line() {
    let processes = Processes::start().await;
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
        &format!("{LENDER}:01LEND-M002"),
    ]);
    let id = placed.split_whitespace().next().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    assert!(processes.output(&["request", "list", "--open"]).contains(&id));
    let shown = processes.output(&["request", "show", &id]);
    assert!(shown.contains("May be done:") && shown.contains("cancel"), "{shown}");
    let plan = processes.output(&["request", "end", &id, "--dry-run"]);
    assert!(plan.contains(LENDER) && plan.contains(BORROWER) && plan.contains("Nothing was done."), "{plan}");
    let refused = complaint(&processes.consort(&["request", "item-found", &id]));
    assert!(refused.contains("isn't missing"), "{refused}");
    processes.output(&["request", "cancel", &id, "--staff", "--reason", "not needed"]);
    let ended = processes.until(&id, "FINALISED").await;
    assert_eq!((&ended["outcome"], &ended["cancellation"]["by"]), (&"CANCELLED".into(), &"staff".into()));
    for refusal in [
        ("blocked.reader", "PATRON_BLOCKED"),
        ("expired.reader", "PATRON_EXPIRED"),
        ("inactive.reader", "PATRON_INACTIVE"),
        ("nobody", "PATRON_NOT_FOUND"),
    ] {
        let output = processes.consort(&[
            "request",
            "place",
            "--agency",
            "BORROW",
            "--patron",
            refusal.0,
            "--pickup",
            "BORROW-MAIN",
            "--copy",
            &format!("{LENDER}:01LEND-M003"),
        ]);
        assert!(complaint(&output).contains(refusal.1));
    }
}

#[tokio::test]
async fn doctor_finds_a_running_hub_well() {
    let processes = Processes::start().await;
    let said = processes.output(&["doctor", "--config", processes.config.to_str().unwrap()]);
    assert!(!said.contains("FAULT"), "{said}");
}

#[tokio::test]
async fn check_of_a_file_names_a_misspelt_rule_and_an_agency_that_does_not_exist() {
    let processes = Processes::start().await;
    let file = dir_file(&processes.dir, "misspelt.toml");
    let text = institution(LENDER, &format!("http://{}", processes.lender), &key_of(LENDER))
        .replace("[[pickup_locations]]", "[agencies.rules]\nlend = true\n[[pickup_locations]]")
        .replace("agency = \"LEND\"", "agency = \"LENT\"");
    std::fs::write(&file, text).unwrap();
    let output = processes.consort(&["institution", "check", file.to_str().unwrap()]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(complaint(&output).contains("2 of"), "{table}");
    let squeezed = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed.contains("agencies[0].rules.lend: unknown field `lend`") && squeezed.contains("LENT"), "{table}");
    // The hub stores nothing of such a file.
    let said = complaint(&processes.consort(&["institution", "add", file.to_str().unwrap()]));
    assert!(said.contains("misspelt.toml, line") && said.contains("lend"), "{said}");
}

#[tokio::test]
async fn check_by_code_covers_agencies_and_pickup_locations_of_the_hub() {
    let processes = Processes::start().await;
    let place = json!({"name": "Annexe", "agency": "LEND", "library": "ANNEXE"});
    processes.api(Method::PUT, "/pickup-locations/LEND-ANNEXE", Some(&place)).await;
    let output = processes.consort(&["institution", "check", LENDER]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(complaint(&output).contains("1 of"), "{table}");
    assert!(table.contains("LEND-ANNEXE") && table.contains("MISSING"), "{table}");
    let metrics = processes.answer_at(Method::GET, "/metrics", crate::program::KEY, None).await.1;
    let line = format!("consort_setup_findings{{institution=\"{LENDER}\",verdict=\"missing\"}} 1");
    assert!(metrics.contains(&line), "{metrics}");
}

#[test]
fn check_of_a_file_that_does_not_exist_says_so() {
    let said = complaint(&crate::program::consort(&["institution", "check", "nofile.toml"]));
    assert!(said.contains("There is no file nofile.toml."), "{said}");
}

#[tokio::test]
async fn test_user_shows_from_the_command_line_whether_the_role_rule_exists() {
    let processes = Processes::start().await;
    let users = || async { processes.sim(LENDER, "counts").await["users"].clone() };
    let before = users().await;
    let file = dir_file(&processes.dir, "lender.toml");
    for what in [LENDER, file.to_str().unwrap()] {
        let said = processes.output(&["institution", "check", what, "--with-test-user"]);
        assert!(said.contains("role assignment rule: DCB") && said.contains("is a patron"), "{said}");
    }
    processes.control(Method::POST, LENDER, "behaviour", &json!({"patron_role_rule": false})).await;
    for what in [LENDER, file.to_str().unwrap()] {
        let output = processes.consort(&["institution", "check", what, "--with-test-user"]);
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(complaint(&output).contains("1 of") && table.contains("Role Assignment Rules"), "{table}");
    }
    assert!(processes.output(&["institution", "check", LENDER]).contains("all that the hub needs is there"));
    assert_eq!(users().await, before, "no test user is left");
}
