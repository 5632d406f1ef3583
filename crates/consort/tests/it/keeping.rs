//! Saving, restoring and moving the store of a hub that has worked.

use reqwest::Method;
use serde_json::Value;

use crate::program::{Houses, complaint, dir_file, placement};

fn digest(said: &str) -> &str {
    said.split("digest ").nth(1).unwrap_or_else(|| panic!("{said}")).split(['.', '\n']).next().unwrap()
}

#[tokio::test]
async fn backup_made_beside_a_running_hub_is_restored_and_the_hub_goes_on() {
    let mut houses = Houses::start().await;
    let placed = houses.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    houses.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let config = houses.config.to_str().unwrap().to_owned();
    let file = dir_file(&houses.dir, "saved.db");
    let file = file.to_str().unwrap();
    let saved = houses.told(&["backup", "--config", &config, "--to", file]);
    assert!(saved.contains("master.key"), "{saved}");
    let again = houses.consort(&["backup", "--config", &config, "--to", file]);
    assert!(complaint(&again).contains("already"));

    let running = houses.consort(&["restore", "--config", &config, "--from", file, "--replace"]);
    assert!(complaint(&running).contains("in use"), "a hub runs on it");
    houses.stop_hub().await;
    let there = houses.consort(&["restore", "--config", &config, "--from", file]);
    assert!(complaint(&there).contains("--replace"));
    let restored = houses.told(&["restore", "--config", &config, "--from", file, "--replace"]);
    assert_eq!(digest(&restored), digest(&saved));
    houses.kill_hub().await;
    let request: Value = houses.request(&id).await;
    assert_eq!(request["status"], "REQUEST_PLACED_AT_BORROWING_AGENCY");
    houses.api(Method::DELETE, &format!("/requests/{id}"), None).await;
    houses.until(&id, "FINALISED").await;
}

#[tokio::test]
async fn store_is_moved_to_another_database_while_no_hub_runs() {
    let mut houses = Houses::start().await;
    let placed = houses.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    houses.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let config = houses.config.to_str().unwrap().to_owned();
    let target = dir_file(&houses.dir, "moved.db");
    let target = target.to_str().unwrap();
    let running = houses.consort(&["migrate", "--config", &config, "--to", target]);
    assert!(complaint(&running).contains("in use"));
    houses.stop_hub().await;
    let moved = houses.told(&["migrate", "--config", &config, "--to", target]);
    assert!(moved.contains("Copied") && digest(&moved).len() == 64, "{moved}");
    let twice = houses.consort(&["migrate", "--config", &config, "--to", target]);
    assert!(complaint(&twice).contains("not empty"));
}
