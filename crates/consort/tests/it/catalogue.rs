//! The catalogue of a hub: harvest, search and explanation by command line.

use reqwest::Method;
use serde_json::{Value, json};

use crate::patience::eventually;
use crate::program::{BORROWER, LENDER, Processes};

/// Gives the lender harvest settings.
pub(crate) async fn set_harvest(processes: &Processes, code: &str, further: &Value) {
    let path = format!("/institutions/{code}");
    let mut institution = processes.api(Method::GET, &path, None).await;
    let at = if code == LENDER { processes.lender } else { processes.borrower };
    let mut harvest = json!({"url": format!("http://{at}/view/oai/{code}/request")});
    harvest.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    institution["settings"]["harvest"] = harvest;
    let body = json!({"name": institution["name"], "kind": institution["kind"], "settings": institution["settings"]});
    processes.api(Method::PUT, &path, Some(&body)).await;
}

/// Runs a command on the data directory. Returns its result.
pub(crate) fn run(processes: &Processes, args: &[&str]) -> Value {
    let config = processes.config.to_str().unwrap();
    let args: Vec<&str> = ["--json"].into_iter().chain(args.iter().copied()).chain(["--config", config]).collect();
    serde_json::from_str(&processes.output(&args)).unwrap()
}

#[tokio::test]
async fn hub_harvests_by_its_schedule_and_the_titles_are_found_and_explained() {
    let processes = Processes::start().await;
    for code in [LENDER, BORROWER] {
        set_harvest(&processes, code, &json!({"interval_minutes": 60})).await;
    }
    let status = eventually("both institutions are harvested", async || {
        let status = run(&processes, &["catalogue", "status"]);
        let done = |institution: &Value| institution["last_harvest"]["state"] == "done";
        let all = status["institutions"].as_array().is_some_and(|all| all.len() == 2 && all.iter().all(done));
        if all && status["waiting_for_group"] == 0 { Ok(status) } else { Err(status.to_string()) }
    })
    .await;
    assert!(status["titles"].as_u64().unwrap() > 0, "{status}");
    let bibs = processes.sim(LENDER, "counts").await["bibs"].as_u64().unwrap();
    assert_eq!(status["institutions"][1]["records"]["shown"].as_u64(), Some(bibs), "{status}");

    let found = eventually("the index follows", async || {
        let found = run(&processes, &["catalogue", "search", "cats dogs"]);
        if found["total"].as_u64() > Some(0) { Ok(found) } else { Err(found.to_string()) }
    })
    .await;
    assert!(found["titles"][0]["title"]["title"].as_str().unwrap().contains("Cats"), "{found}");

    let report = run(&processes, &["harvest", LENDER, "--full"]);
    assert_eq!((report["state"].as_str(), report["report"]["unchanged"].as_u64()), (Some("done"), Some(bibs)));

    set_harvest(
        &processes,
        LENDER,
        &json!({"suppress": [
            {"name": "no cats", "level": "record", "when": [{"tag": "245", "subfield": "a", "begins_with": "Cats"}]},
        ]}),
    )
    .await;
    let report = run(&processes, &["harvest", LENDER]);
    assert_eq!(report["kind"], "full", "the rules have changed");
    assert!(report["report"]["suppressed"]["no cats"].as_u64() > Some(0), "{report}");
}

#[tokio::test]
async fn backup_and_restore_include_the_catalogue() {
    let mut processes = Processes::start().await;
    set_harvest(&processes, LENDER, &json!({})).await;
    run(&processes, &["harvest", LENDER]);
    let before = run(&processes, &["catalogue", "status"])["institutions"].clone();
    let config = processes.config.to_str().unwrap().to_owned();
    let saved = processes.dir.path().join("saved.db");
    let saved = saved.to_str().unwrap();
    processes.output(&["backup", "--config", &config, "--to", saved]);
    processes.stop_hub().await;
    std::fs::remove_file(processes.dir.path().join("data/catalogue.db")).unwrap();
    processes.output(&["restore", "--config", &config, "--from", saved, "--replace"]);
    let after = run(&processes, &["catalogue", "status"])["institutions"].clone();
    assert!(before[0]["records"]["shown"].as_u64() > Some(0) && after == before, "{before} {after}");
}

#[tokio::test]
async fn harvest_of_an_institution_without_settings_says_what_to_do() {
    let processes = Processes::start().await;
    let config = processes.config.to_str().unwrap();
    let complaint = crate::program::complaint(&processes.consort(&["harvest", LENDER, "--config", config]));
    assert!(complaint.contains("has no harvest settings") && complaint.contains("docs/catalogue.md"), "{complaint}");
    let complaint = crate::program::complaint(&processes.consort(&["harvest", "01NONE", "--config", config]));
    assert!(complaint.contains("There is no institution 01NONE"), "{complaint}");
}

#[tokio::test]
async fn commands_without_a_configuration_ask_the_running_hub() {
    let processes = Processes::start().await;
    let ask = |args: &[&str]| processes.output(args);
    let answer = |args: &[&str]| -> Value {
        let args: Vec<&str> = ["--json"].into_iter().chain(args.iter().copied()).collect();
        serde_json::from_str(&processes.output(&args)).unwrap()
    };
    let refused = crate::program::complaint(&processes.consort(&["harvest", LENDER]));
    assert!(refused.contains("NO_HARVEST_SETTINGS"), "{refused}");
    set_harvest(&processes, LENDER, &json!({})).await;
    let harvested = ask(&["harvest", LENDER]);
    assert!(harvested.contains("(full)") && harvested.contains("failed 0"), "{harvested}");
    // The command ends when its titles can be found.
    let found = answer(&["catalogue", "search", "cats dogs"]);
    assert!(found["total"].as_u64() > Some(0), "{found}");
    assert!(ask(&["catalogue", "search", "cats dogs"]).contains("Cats & dogs"));
    let status = answer(&["catalogue", "status"]);
    let shown = status["institutions"][0]["records"]["shown"].as_u64();
    assert!(shown > Some(0) && status["waiting_for_grouping"] == 0, "{status}");
    assert!(ask(&["catalogue", "status"]).contains(&format!("{LENDER}: {} shown", shown.unwrap())));
    let again = answer(&["harvest", LENDER, "--full"]);
    assert_eq!((again["kind"].as_str(), again["report"]["unchanged"].as_u64()), (Some("full"), shown));

    let source =
        format!("http://{}/view/oai/{LENDER}/request?verb=ListIdentifiers&metadataPrefix=marc21", processes.lender);
    let ids = processes.http.get(source).send().await.unwrap().text().await.unwrap();
    let id = ids.split("</identifier>").next().and_then(|text| text.rsplit(':').next()).unwrap();
    let explained = ask(&["catalogue", "explain", id]);
    assert!(explained.contains(&format!("{id} of {LENDER}")) && explained.contains("shown, harvested"), "{explained}");
    let unknown = crate::program::complaint(&processes.consort(&["catalogue", "explain", "99"]));
    assert!(unknown.contains("never had a record 99"), "{unknown}");
}

#[tokio::test]
async fn failed_harvest_of_the_hub_is_reported_with_its_reason() {
    let processes = Processes::start().await;
    let elsewhere = format!("http://{}/nothing/here", processes.lender);
    set_harvest(&processes, LENDER, &json!({"url": elsewhere})).await;
    let failed = processes.consort(&["harvest", LENDER]);
    let said = crate::program::complaint(&failed);
    assert!(said.contains("ended early") && said.contains("The same command resumes it"), "{said}");
    assert_eq!(failed.status.code(), Some(3));
}

#[tokio::test]
async fn migrate_names_the_institutions_to_harvest_anew_and_the_new_index_has_their_titles() {
    let mut processes = Processes::start().await;
    set_harvest(&processes, LENDER, &json!({})).await;
    run(&processes, &["harvest", LENDER]);
    processes.stop_hub().await;
    let config = processes.config.to_str().unwrap().to_owned();
    let target = crate::program::postgres().await;
    let moved = processes.output(&["migrate", "--config", &config, "--to", &target]);
    assert!(moved.contains(&format!("consort harvest {LENDER} --full")), "{moved}");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("database = \"{target}\"\n{text}")).unwrap();
    let harvested = run(&processes, &["harvest", LENDER, "--full"]);
    let status = run(&processes, &["catalogue", "status"]);
    assert_eq!(status["institutions"][0]["records"]["shown"], harvested["report"]["new"], "{status}");
    let index = search::Index::open(&processes.dir.path().join("data/index")).unwrap();
    assert_eq!(Some(index.titles()), status["titles"].as_u64());
}

// The source runs in this process, while commands are waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_of_a_harvest_is_listed_and_written_into_files() {
    let processes = Processes::start().await;
    let corpus = sample_records::Options { records: 1_000, damaged: 1_000, ..sample_records::Options::default() };
    let corpus = std::sync::Arc::new(sample_records::Corpus::new(corpus));
    let address = ([127, 0, 0, 1], 0).into();
    let source = sample_records::Server::start(corpus, address, 100, sample_records::Faults::default()).await.unwrap();
    set_harvest(&processes, LENDER, &json!({"url": source.url()})).await;
    let report = run(&processes, &["harvest", LENDER]);
    let failed: u64 = report["report"]["failed"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    let folder = processes.dir.path().join("damage");
    let listed = run(&processes, &["catalogue", "damage", LENDER, "--to", folder.to_str().unwrap()]);
    let listed = listed.as_array().unwrap();
    assert!(failed > 0 && listed.len() as u64 == failed, "{failed} {listed:?}");
    for place in listed {
        let bytes = std::fs::read(place["file"].as_str().unwrap()).unwrap();
        assert_eq!(place["bytes"].as_u64(), Some(bytes.len() as u64));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("<record") && text.contains(place["id"].as_str().unwrap()), "{place} {text}");
    }
}
