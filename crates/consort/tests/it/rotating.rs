//! The master key is replaced while hubs run, and the command is killed in the middle.

use std::process::Stdio;

use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::Value;
use store::{Database, MasterKey, MasterKeys, Store};

use crate::program::{Processes, complaint, dir_file, free_port, placement, postgres};

/// More runs than it takes with a kill in each.
const MOST: u32 = 20;

async fn replaced_in_spite_of_kills(database: Option<String>) {
    let mut processes = Processes::start_on(database.as_deref()).await;
    let first = place(&processes, "01LEND-M001").await;
    let config = processes.config.to_str().unwrap().to_owned();
    let rotate = ["key", "rotate-master", "--config", &config];
    let key_file = dir_file(&processes.dir, "data").join("master.key");
    let old = MasterKey::load(&key_file).unwrap();

    // Killed after the new key is in the file, and before the store names it.
    assert!(!processes.ends_before("before_commit:1", &rotate));
    let keys = MasterKeys::load(&key_file).unwrap();
    assert_eq!(keys.all().count(), 2, "the file has both keys");
    let new = keys.newest().clone();
    let second = place(&processes, "01LEND-M002").await;

    // Killed once after each step of the sealing. The hub works all the time, and is killed too.
    let mut kills = 0;
    while !processes.ends_before("in_key_rotation:1", &rotate) {
        kills += 1;
        assert!(kills < MOST, "it comes to no end");
        assert_eq!(
            MasterKeys::load(&key_file).unwrap().newest().id(),
            new.id(),
            "each run continues with the same key"
        );
        assert_eq!(identifier(&processes, &first).await, "jo.reader");
        if kills == 2 {
            processes.kill_hub().await;
        }
    }
    assert!(kills >= 3, "{kills} kills");
    let third = place(&processes, "01LEND-M003").await;

    let keys = MasterKeys::load(&key_file).unwrap();
    assert_eq!(keys.all().map(MasterKey::id).collect::<Vec<_>>(), [new.id()]);
    let kept = key_file.with_extension(format!("key.before-{}", new.id()));
    assert_eq!(MasterKey::load(&kept).unwrap().id(), old.id(), "backups need the former key");
    let address = match &database {
        Some(url) => Database::Postgres(url.clone().into()),
        None => Database::Sqlite(dir_file(&processes.dir, "data").join("consort.db")),
    };
    let store = Store::open_shared(&address, keys, StdRng::from_os_rng()).await.unwrap();
    assert_eq!(store.count_sealed_with(&old).await.unwrap(), 0);
    assert!(store.count_sealed_with(&new).await.unwrap() >= 5);
    store.close().await;

    // The hub starts with the new key alone, and its requests go on.
    processes.kill_hub().await;
    for id in [&first, &second, &third] {
        assert_eq!(identifier(&processes, id).await, "jo.reader");
        processes.api(Method::DELETE, &format!("/requests/{id}"), None).await;
        processes.until(id, "FINALISED").await;
    }
    let verified = processes.output(&["audit", "verify", "--config", &config]);
    assert!(verified.contains("whole"), "{verified}");
}

async fn place(processes: &Processes, barcode: &str) -> String {
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    id
}

/// The identifier of a request's patron.
async fn identifier(processes: &Processes, id: &str) -> Value {
    processes.api(Method::GET, &format!("/requests/{id}?reason=test"), None).await["patron"]["identifier"].clone()
}

#[tokio::test]
async fn master_key_is_replaced_in_spite_of_kills_on_sqlite() {
    replaced_in_spite_of_kills(None).await;
}

#[tokio::test]
async fn master_key_is_replaced_in_spite_of_kills_on_postgres() {
    replaced_in_spite_of_kills(Some(postgres().await)).await;
}

#[tokio::test]
async fn node_without_the_new_key_stops_the_replacement_until_it_has_it() {
    let url = postgres().await;
    let processes = Processes::start_on(Some(&url)).await;
    let id = place(&processes, "01LEND-M001").await;
    // A node on another machine, with a data directory of its own.
    let data = dir_file(&processes.dir, "other-machine");
    std::fs::create_dir(&data).unwrap();
    let here = dir_file(&processes.dir, "data").join("master.key");
    let there = data.join("master.key");
    std::fs::copy(&here, &there).unwrap();
    let at = free_port();
    let _node = tokio::process::Command::new(env!("CARGO_BIN_EXE_consort"))
        .args(["--log", "error", "serve", "--config", processes.config.to_str().unwrap()])
        .env("CONSORT_LISTEN", at.to_string())
        .env("CONSORT_DATA_DIR", &data)
        .env("CONSORT_ENGINE__NODE", "other-machine")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    processes.wait_for(&format!("http://{at}/health")).await;
    let config = processes.config.to_str().unwrap().to_owned();
    let stopped = processes.consort(&["key", "rotate-master", "--config", &config, "--wait", "2"]);
    let said = complaint(&stopped);
    assert!(said.contains("1 of the nodes") && said.contains("Copy") && said.contains("again"), "{said}");

    std::fs::copy(&here, &there).unwrap();
    let replaced = processes.output(&["key", "rotate-master", "--config", &config]);
    assert!(replaced.contains("The master key is replaced"), "{replaced}");
    // Both nodes read and write with the new key.
    for node in [processes.hub, at] {
        let url = format!("http://{node}/api/v1/requests/{id}?reason=test");
        let answer: Value =
            processes.http.get(url).bearer_auth(crate::program::KEY).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["patron"]["identifier"], "jo.reader");
    }
    processes.api(Method::DELETE, &format!("/requests/{id}"), None).await;
    processes.until(&id, "FINALISED").await;
}
