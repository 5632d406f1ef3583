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

/// Each point of harvest, grouping and indexing.
#[cfg(feature = "failpoints")]
const POINTS: [failpoint::Point; 5] = [
    failpoint::Point::BeforeRecordsStored,
    failpoint::Point::AfterRecordsStored,
    failpoint::Point::BeforeGroupsStored,
    failpoint::Point::AfterGroupsStored,
    failpoint::Point::InIndexCommit,
];

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn harvest_killed_at_each_point_resumes_and_no_record_is_lost_or_twice() {
    let mut processes = Processes::start().await;
    set_harvest(&processes, LENDER, &json!({})).await;
    processes.stop_hub().await;
    let data = processes.dir.path().join("data");
    let content = || {
        run(&processes, &["harvest", LENDER]);
        let status = run(&processes, &["catalogue", "status"]);
        let searched = run(&processes, &["catalogue", "search", "cats dogs"]);
        (
            status["titles"].clone(),
            status["waiting_for_group"].clone(),
            status["institutions"][0]["records"].clone(),
            searched,
        )
    };
    let empty = || {
        for file in ["catalogue.db", "catalogue.db-wal", "catalogue.db-shm"] {
            let _ = std::fs::remove_file(data.join(file));
        }
        let _ = std::fs::remove_dir_all(data.join("index"));
    };
    // The hub that was killed left the lease of grouping.
    empty();
    let undisturbed = content();
    for point in POINTS {
        empty();
        let config = processes.config.to_str().unwrap();
        let name = format!("{}:1", point.name());
        assert!(!processes.ends_before(&name, &["harvest", LENDER, "--config", config]), "{name} is never reached");
        assert_eq!(content(), undisturbed, "{name}");
    }
}
