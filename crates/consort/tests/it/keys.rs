//! Keys of the API by command line: the first one before a hub runs, and others while nodes run.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use reqwest::Method;
use serde_json::Value;

use crate::patience::eventually;
use crate::program::{Processes, complaint, consort, dir_file, free_port, postgres};

/// Runs the program with a key of the hub in its environment.
fn with_key(args: &[&str], hub: &str, key: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consort"));
    command.args(args).env("CONSORT_HUB", hub).env("CONSORT_API_KEY", key).stdin(Stdio::null());
    command.output().unwrap()
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn create(config: &Path, name: &str) -> String {
    let config = config.to_str().unwrap();
    let made = consort(&["--json", "key", "create", name, "--role", "consortium-admin", "--config", config]);
    json_of(&made)["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn first_key_is_made_by_command_line_and_a_hub_without_configured_keys_starts_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (at, config) = (free_port(), dir_file(&dir, "hub.toml"));
    let data = dir_file(&dir, "data");
    std::fs::write(&config, format!("listen = \"{at}\"\ndata_dir = \"{}\"\n", data.display())).unwrap();
    let path = config.to_str().unwrap();
    let refused = complaint(&consort(&["serve", "--until-stdin-ends", "--config", path]));
    assert!(refused.contains("consort key create"), "{refused}");
    let unknown = complaint(&consort(&[
        "key",
        "create",
        "desk",
        "--role",
        "library-staff",
        "--agency",
        "NORTH",
        "--config",
        path,
    ]));
    assert!(unknown.contains("There is no agency NORTH"), "{unknown}");

    let key = create(&config, "admin");
    assert!(key.starts_with("consort_"));
    let twice = complaint(&consort(&["key", "create", "admin", "--role", "monitoring", "--config", path]));
    assert!(twice.contains("a valid key admin already"), "{twice}");
    let stored = std::fs::read(data.join("consort.db")).unwrap();
    assert!(!stored.windows(key.len()).any(|bytes| bytes == key.as_bytes()), "the store holds no key");

    let both = dir_file(&dir, "both.toml");
    let text = format!("listen = \"{at}\"\ndata_dir = \"{}\"\n[api_keys]\nother = \"{key}\"\n", data.display());
    std::fs::write(&both, text).unwrap();
    let shared = complaint(&consort(&["serve", "--until-stdin-ends", "--config", both.to_str().unwrap()]));
    assert!(shared.contains("is the key admin of the store, too") && !shared.contains(&key), "{shared}");

    let mut hub = tokio::process::Command::new(env!("CARGO_BIN_EXE_consort"))
        .args(["--log", "error", "serve", "--config", path])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url = format!("http://{at}");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().timeout(std::time::Duration::from_secs(20)).build().unwrap();
    eventually("the hub answers", async || match http.get(format!("{url}/health")).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
    .await;
    // The hub has the store, so the command names the other way.
    let in_use = complaint(&consort(&["key", "list", "--config", path]));
    assert!(in_use.contains("in use") && in_use.contains("CONSORT_API_KEY"), "{in_use}");
    let rotated = json_of(&with_key(&["--json", "key", "rotate", "admin", "--overlap-hours", "0"], &url, &key));
    let new = rotated["key"].as_str().unwrap();
    let old = complaint(&with_key(&["key", "list"], &url, &key));
    assert!(old.contains("doesn't accept this API key"), "{old}");
    let listed = json_of(&with_key(&["--json", "key", "list"], &url, new));
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2, "{listed}");
    assert!(!listed.to_string().contains(new));
    hub.kill().await.unwrap();
    let verified = json_of(&consort(&["--json", "audit", "verify", "--config", path]));
    assert_eq!((&verified["acts"], &verified["faults"]), (&2.into(), &Value::Array(Vec::new())));
}

#[tokio::test]
async fn every_node_refuses_a_key_within_seconds_of_its_revocation() {
    let database = postgres().await;
    let mut processes = Processes::start_with("error", Some(&database), "").await;
    let first = processes.hub;
    let (second, _process) = processes.start_node("second").await;
    let key = create(&processes.config, "passing");
    for node in [first, second] {
        processes.hub = node;
        // A node may have remembered that there is no such key.
        eventually("the node knows the key", async || {
            let (status, text) = processes.answer_at(Method::GET, "/api/v1/keys", &key, None).await;
            if status == 200 { Ok(()) } else { Err(text) }
        })
        .await;
    }
    let revoked = consort(&["key", "revoke", "passing", "--config", processes.config.to_str().unwrap()]);
    assert!(revoked.status.success(), "{}", complaint(&revoked));
    for node in [first, second] {
        processes.hub = node;
        eventually("the node refuses the key", async || {
            let (status, text) = processes.answer_at(Method::GET, "/api/v1/keys", &key, None).await;
            if status == 401 { Ok(()) } else { Err(text) }
        })
        .await;
    }
}

#[tokio::test]
async fn wrong_key_and_administrative_act_are_written_down_with_the_address() {
    let processes = Processes::start_with("warn", None, "").await;
    let (status, _) = processes.answer(Method::GET, "/agencies", "canary-key-of-nobody", None).await;
    assert_eq!(status, 401);
    let log = processes.log();
    let line = log.lines().find(|line| line.contains("calls with a wrong API key were refused"));
    assert!(line.is_some_and(|line| line.contains("127.0.0.1")), "{log}");
    assert!(!log.contains("canary-key"), "{log}");

    let acts = processes.api(Method::GET, "/audit", None).await;
    let acts = acts["acts"].as_array().unwrap();
    assert!(!acts.is_empty() && acts.iter().all(|act| act["origin"] == "127.0.0.1"), "{acts:?}");
    assert!(acts.iter().any(|act| act["act"] == "put_institution" && act["actor"] == "tests"), "{acts:?}");
}
