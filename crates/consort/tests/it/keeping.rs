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

#[tokio::test]
async fn patron_is_exported_and_erased_and_the_audit_stays_whole() {
    let processes = Processes::start().await;
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let named = ["--agency", "BORROW", "--patron", "jo.reader"];
    let export = [&["--json", "patron", "export", "--reason", "the patron asked"], &named[..]].concat();
    let erase = [&["--json", "patron", "erase"], &named[..]].concat();
    let unasked = processes.consort(&[&["patron", "export"], &named[..]].concat());
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("only with a reason"));
    let exported: Value = serde_json::from_str(&processes.output(&export)).unwrap();
    assert_eq!(exported["requests"][0]["facts"]["id"], id.as_str());
    assert_eq!(exported["requests"][0]["facts"]["patron"]["identifier"], "jo.reader");
    assert_eq!(exported["virtual_patrons"][0]["institution"], "01LEND_INST");
    let refused = processes.consort(&["patron", "erase", "--agency", "BORROW", "--patron", "jo.reader"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains(&id) && said.contains("open") && said.contains("PATRON_DATA_NEEDED"), "{said}");

    processes.api(Method::DELETE, &format!("/requests/{id}"), None).await;
    processes.until(&id, "FINALISED").await;
    let erased: Value = serde_json::from_str(&processes.output(&erase)).unwrap();
    assert_eq!(erased["requests"], 1);
    assert_eq!(erased["virtual_patrons_removed"], 1);
    let request = processes.api(Method::GET, &format!("/requests/{id}?reason=test"), None).await;
    assert_eq!(request["patron"]["identifier"], "anonymous");
    let exported: Value = serde_json::from_str(&processes.output(&export)).unwrap();
    assert!(exported["requests"].as_array().unwrap().is_empty(), "{exported}");
    let config = processes.config.to_str().unwrap().to_owned();
    let verified = processes.output(&["audit", "verify", "--config", &config]);
    assert!(verified.contains("whole"), "{verified}");
}
