//! People who sign in, by command line.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::program::{complaint, consort, dir_file};

const PASSWORD: &str = "canary horse battery staple";

/// Runs the program with a text on its standard input.
fn with_input(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_consort"))
        .args(args)
        .env_remove("CONSORT_API_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn user_is_added_listed_and_disabled_and_no_password_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir_file(&dir, "hub.toml"), dir_file(&dir, "data"));
    std::fs::write(&config, format!("data_dir = \"{}\"\n", data.display())).unwrap();
    let config = config.to_str().unwrap();
    let add = ["--json", "user", "add", "ann", "--role", "consortium-admin", "--totp", "--config", config];

    let short = complaint(&with_input(&add, "short\n"));
    assert!(short.contains("at least 12 characters"), "{short}");
    let none = complaint(&with_input(&add, ""));
    assert!(none.contains("No password was given"), "{none}");
    let added = json_of(&with_input(&add, &format!("{PASSWORD}\n")));
    let secret = added["totp_secret"].as_str().unwrap().to_owned();
    assert_eq!((secret.len(), &added["role"]), (32, &json!("consortium-admin")));
    assert!(added["totp_address"].as_str().unwrap().contains(&secret));
    let twice = complaint(&with_input(&add, &format!("{PASSWORD}\n")));
    assert!(twice.contains("a user ann already"), "{twice}");

    let list = ["--json", "user", "list", "--config", config];
    let listed = json_of(&consort(&list));
    assert_eq!((&listed["users"][0]["name"], &listed["users"][0]["totp"]), (&json!("ann"), &json!(true)));
    for text in [listed.to_string(), added.to_string()] {
        assert!(!text.contains("canary") && !text.contains("argon2"), "{text}");
    }
    assert!(!listed.to_string().contains(&secret));
    for file in std::fs::read_dir(&data).unwrap() {
        let stored = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&stored);
        assert!(!text.contains("canary horse") && !text.contains(&secret), "the store holds neither");
    }

    let disabled = json_of(&consort(&["--json", "user", "disable", "ann", "--config", config]));
    assert!(disabled["disabled_at"].is_string(), "{disabled}");
    let gone = complaint(&consort(&["user", "disable", "ann", "--config", config]));
    assert!(gone.contains("no user ann who may sign in"), "{gone}");
    let verified = json_of(&consort(&["--json", "audit", "verify", "--config", config]));
    assert_eq!((&verified["acts"], &verified["faults"]), (&json!(2), &json!([])));
}
