//! Backup, restore and migration of the store of a hub that has worked.

use reqwest::Method;
use serde_json::Value;

use crate::program::{Processes, complaint, dir_file, placement};

fn digest(said: &str) -> &str {
    said.split("digest ").nth(1).unwrap_or_else(|| panic!("{said}")).split(['.', '\n']).next().unwrap()
}

#[tokio::test]
async fn backup_made_while_the_hub_runs_is_restored_and_the_hub_continues() {
    let mut processes = Processes::start().await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let config = processes.config.to_str().unwrap().to_owned();
    let file = dir_file(&processes.dir, "saved.db");
    let file = file.to_str().unwrap();
    let saved = processes.output(&["backup", "--config", &config, "--to", file]);
    assert!(saved.contains("master.key"), "{saved}");
    let second = processes.consort(&["backup", "--config", &config, "--to", file]);
    assert!(complaint(&second).contains("already"));

    let running = processes.consort(&["restore", "--config", &config, "--from", file, "--replace"]);
    assert!(complaint(&running).contains("in use"), "a hub runs on it");
    processes.stop_hub().await;
    let there = processes.consort(&["restore", "--config", &config, "--from", file]);
    assert!(complaint(&there).contains("--replace"));
    let restored = processes.output(&["restore", "--config", &config, "--from", file, "--replace"]);
    assert_eq!(digest(&restored), digest(&saved));
    processes.kill_hub().await;
    let request: Value = processes.request(&id).await;
    assert_eq!(request["status"], "REQUEST_PLACED_AT_BORROWING_AGENCY");
    processes.api(Method::DELETE, &format!("/requests/{id}"), None).await;
    processes.until(&id, "FINALISED").await;
}

#[tokio::test]
async fn store_is_moved_to_another_database_while_no_hub_runs() {
    let mut processes = Processes::start().await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let config = processes.config.to_str().unwrap().to_owned();
    let target = dir_file(&processes.dir, "moved.db");
    let target = target.to_str().unwrap();
    let running = processes.consort(&["migrate", "--config", &config, "--to", target]);
    assert!(complaint(&running).contains("in use"));
    processes.stop_hub().await;
    let moved = processes.output(&["migrate", "--config", &config, "--to", target]);
    assert!(moved.contains("Copied") && digest(&moved).len() == 64, "{moved}");
    let twice = processes.consort(&["migrate", "--config", &config, "--to", target]);
    assert!(complaint(&twice).contains("not empty"));
}
