//! Failures of commands: each is reported in one paragraph with its solution, the exit code is not 0, and nothing is
//! lost.

use crate::program::{
    BORROWER, KEY, LENDER, Processes, complaint, consort, dir_file, free_port, hub_config, institution, key_of,
    placement,
};

fn serve(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let config = dir_file(&dir, "hub.toml");
    std::fs::write(&config, text).unwrap();
    complaint(&consort(&["serve", "--config", config.to_str().unwrap()]))
}

#[test]
fn every_error_of_a_configuration_is_reported_with_what_to_do() {
    for (config, word) in [
        ("listen = [", "faults"),
        ("lisssten = \"127.0.0.1:1\"", "lisssten"),
        ("listen = \"nowhere\"\n[api_keys]\na = \"0123456789abcdef\"", "listen"),
        ("[engine]\nworkers = 0\n[api_keys]\na = \"0123456789abcdef\"", "engine.workers"),
        ("[http]\nbody_seconds = 0\n[api_keys]\na = \"0123456789abcdef\"", "http.body_seconds"),
        ("[http]\nconnections = 0\n[api_keys]\na = \"0123456789abcdef\"", "http.connections"),
        ("[http]\nproxies = [\"our-proxy\"]\n[api_keys]\na = \"0123456789abcdef\"", "proxies"),
        ("[api_keys]\na = \"short\"", "at least 16 characters"),
    ] {
        let said = serve(config);
        assert!(said.contains(word), "{config}: {said}");
        assert!(said.contains("--print-config"), "{config}: {said}");
    }
    assert!(serve("").contains("[api_keys]"), "a hub that nobody could use");
}

#[test]
fn configuration_that_is_not_there_is_named() {
    let said = complaint(&consort(&["serve", "--config", "nowhere/hub.toml"]));
    assert!(said.contains("nowhere/hub.toml") && said.contains("Check the path"), "{said}");
}

#[test]
fn port_in_use_is_reported_before_the_store_is_touched() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let said = serve(&hub_config(taken.local_addr().unwrap(), &data));
    assert!(said.contains("uses this port") && said.contains("CONSORT_LISTEN"), "{said}");
    assert!(!data.exists(), "nothing was made");
}

#[test]
fn data_directory_that_cannot_be_used_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    // There is a file in the directory's place. That stops root too, whom no permission stops.
    let file = dir_file(&dir, "data");
    std::fs::write(&file, "not a directory").unwrap();
    let said = serve(&hub_config(free_port(), &file));
    assert!(said.contains("data directory") && said.contains("data_dir"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a directory");
}

#[test]
fn store_that_is_no_database_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("consort.db"), "this is no database, but somebody's notes".repeat(40)).unwrap();
    let said = serve(&hub_config(free_port(), &data));
    assert!(said.contains("store can't be opened") && said.contains("Nothing was changed"), "{said}");
    assert!(std::fs::read_to_string(data.join("consort.db")).unwrap().starts_with("this is no database"));
}

#[tokio::test]
async fn wrong_keys_and_outages_are_distinguished_and_lose_nothing() {
    let processes = Processes::start().await;
    // A wrong key of the hub.
    let wrong =
        consort(&["request", "list", "--hub", &format!("http://{}", processes.hub), "--key", "not-the-key-0000001"]);
    let said = complaint(&wrong);
    assert!(said.contains("API key") && said.contains("[api_keys]"), "{said}");
    assert!(!said.contains("not-the-key-0000001"), "no key is quoted: {said}");
    // The address of a hub that doesn't run.
    let nobody = consort(&["request", "list", "--hub", &format!("http://{}", free_port()), "--key", KEY]);
    let said = complaint(&nobody);
    assert!(said.contains("can't be reached") && said.contains("consort serve"), "{said}");
    // A key that Alma doesn't accept.
    let file = dir_file(&processes.dir, "wrong.toml");
    std::fs::write(&file, institution(LENDER, &format!("http://{}", processes.lender), "l8xx-canary-wrong")).unwrap();
    let output = processes.consort(&["institution", "check", file.to_str().unwrap()]);
    let (said, table) = (complaint(&output), String::from_utf8_lossy(&output.stdout).into_owned());
    assert!(table.contains("MISSING") && table.contains("API key"), "{table}");
    assert!(!table.contains("canary") && !said.contains("canary"), "no key is quoted: {table}");
    // An Alma that is down: the hub keeps the request and reports what it waits for.
    std::fs::write(&file, institution(LENDER, &format!("http://{}", free_port()), &key_of(LENDER))).unwrap();
    processes.output(&["institution", "add", file.to_str().unwrap()]);
    let placed = processes.api(reqwest::Method::POST, "/requests", Some(&placement("01LEND-M001"))).await;
    let id = placed["id"].as_str().unwrap();
    let shown = processes.output(&["request", "show", id]);
    assert!(shown.contains("PATRON_VERIFIED"), "{shown}");
    let output = processes.consort(&["institution", "check", LENDER]);
    complaint(&output);
    // Alma is up again, and the request continues without help.
    std::fs::write(&file, institution(LENDER, &format!("http://{}", processes.lender), &key_of(LENDER))).unwrap();
    processes.output(&["institution", "add", file.to_str().unwrap()]);
    processes.until(id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    assert_eq!(processes.sim(BORROWER, "counts").await["requests"], 1);
}

#[tokio::test]
async fn store_of_a_running_hub_is_refused_to_another_process_and_stays_whole() {
    let processes = Processes::start().await;
    let text = std::fs::read_to_string(&processes.config).unwrap();
    let second = text.replace(&processes.hub.to_string(), &free_port().to_string());
    assert_ne!(second, text);
    let config = dir_file(&processes.dir, "second.toml");
    std::fs::write(&config, second).unwrap();
    let said = complaint(&consort(&["serve", "--config", config.to_str().unwrap()]));
    assert!(said.contains("consort.db") && said.contains("process"), "{said}");
    // The hub that has the store goes on, and stores what it is asked to.
    let placed = processes.api(reqwest::Method::POST, "/requests", Some(&placement("01LEND-M001"))).await;
    processes.until(placed["id"].as_str().unwrap(), "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
}
