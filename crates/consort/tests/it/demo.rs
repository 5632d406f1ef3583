//! `consort demo`.

use crate::program::consort;

fn shown(args: &[&str]) -> String {
    let output = consort(args);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn demo_shows_a_complete_lifecycle_and_ends_well() {
    let said = shown(&["demo", "--once", "--pace", "0"]);
    let mut from = 0;
    for status in [
        "SUBMITTED_TO_DCB",
        "PATRON_VERIFIED",
        "RESOLVED",
        "REQUEST_PLACED_AT_SUPPLYING_AGENCY",
        "CONFIRMED",
        "REQUEST_PLACED_AT_BORROWING_AGENCY",
        "PICKUP_TRANSIT",
        "RECEIVED_AT_PICKUP",
        "READY_FOR_PICKUP",
        "LOANED",
        "RETURN_TRANSIT",
        "COMPLETED",
        "FINALISED",
    ] {
        let at = said[from..].find(status).unwrap_or_else(|| panic!("{status} is missing or out of order:\n{said}"));
        from += at;
    }
    assert!(said.contains("nothing on either side") && said.contains("All as it should be."), "{said}");
}

/// The viewer is slower than the hub, which has polled several times before anything happens.
#[test]
fn demo_ends_well_at_the_given_speed() {
    let said = shown(&["demo", "--once", "--pace", "700"]);
    assert!(said.contains("FINALISED") && said.contains("All as it should be."), "{said}");
}

#[test]
fn hub_killed_three_times_in_the_demo_continues_and_doubles_nothing() {
    let said = shown(&["demo", "--once", "--pace", "0", "--kill-hub"]);
    assert!(said.contains("killed           3 times"), "{said}");
    assert!(said.contains("All as it should be."), "{said}");
}

#[test]
fn book_in_another_script_completes_its_lifecycle() {
    let list = shown(&["demo", "--books"]);
    let row = list.lines().find(|line| line.chars().any(|c| ('\u{400}'..'\u{500}').contains(&c) || c > '\u{3000}'));
    let row = row.unwrap_or_else(|| panic!("no book in another script:\n{list}"));
    let barcode = row.split_whitespace().find(|word| word.starts_with("01LEND-")).unwrap();
    let said = shown(&["demo", "--once", "--pace", "0", "--barcode", barcode]);
    assert!(said.contains("title kept       yes"), "{said}");
}

#[test]
fn missing_book_is_reported_with_what_to_do() {
    let output = consort(&["demo", "--once", "--pace", "0", "--barcode", "NONE-1"]);
    let said = crate::program::complaint(&output);
    assert!(said.contains("consort demo --books"), "{said}");
}

#[test]
fn scenario_is_played_by_name() {
    let said = shown(&["demo", "--scenario", "hold-shelf-expired", "--once"]);
    assert!(said.contains("the patron doesn't come for the book in time"), "{said}");
    assert!(said.contains("NOT_COLLECTED") && said.contains("All as it should be."), "{said}");
}

#[test]
fn scenarios_are_listed_and_a_wrong_name_is_reported() {
    let list = shown(&["demo", "--list-scenarios"]);
    assert!(list.contains("hold-shelf-expired") && list.contains("pickup-anywhere"), "{list}");
    let said = crate::program::complaint(&consort(&["demo", "--scenario", "hold-shelf"]));
    assert!(said.contains("hold-shelf-expired"), "{said}");
}

/// Reads what a demo prints from the moment at which it serves. The demo would end with its reader.
fn until_serving(shown: &mut impl std::io::BufRead) -> String {
    let mut said = String::new();
    for line in std::io::BufRead::lines(shown).map(Result::unwrap).skip_while(|line| !line.starts_with("Serving.")) {
        said.push_str(&line);
        said.push('\n');
        if line.contains("request list") {
            break;
        }
    }
    said
}

#[tokio::test]
async fn demo_ends_with_the_desks_and_a_request_command_that_works_as_printed() {
    let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_consort"))
        .args(["demo", "--pace", "0"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = std::io::BufReader::new(demo.stdout.take().unwrap());
    let said = until_serving(&mut shown);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().timeout(crate::patience::PATIENCE).build().unwrap();
    let desks: Vec<&str> = said.split_whitespace().filter(|word| word.contains("/sim/desk/")).collect();
    assert_eq!(desks.len(), 2, "{said}");
    for desk in desks {
        let page = http.get(desk).send().await.unwrap();
        assert!(page.status().is_success() && page.text().await.unwrap().contains("<html"), "{desk}");
    }
    let commands: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("export ")).collect();
    let commands: Vec<&str> = commands.into_iter().take_while(|line| !line.starts_with("Scan it in")).collect();
    let output = std::process::Command::new("sh").args(["-c", &commands.join("\n")]).output().unwrap();
    let answer = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let is_accepted = ["RESOLVED", "CONFIRMED", "REQUEST_PLACED_AT"].iter().any(|status| answer.contains(status));
    assert!(output.status.success() && is_accepted, "{commands:?}: {answer}");
    let title = answer.lines().find(|line| line.contains("Cats & dogs"));
    assert!(title.is_some_and(|line| line.contains("01LEND_INST")), "the demo's titles are found: {answer}");
    // The demo ends, with the processes that it started, once nobody reads what it prints.
    drop(shown);
    assert!(demo.wait().unwrap().success());
}
