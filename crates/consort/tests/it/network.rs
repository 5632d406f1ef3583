//! The hub's side of the network: TLS, and the warning about a hub that can be reached without it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::patience::eventually;
use crate::program::{KEY, complaint, consort, dir_file, free_port, hub_config};

/// A configuration with a data directory of its own.
fn config(dir: &tempfile::TempDir, at: SocketAddr, more: &str) -> PathBuf {
    let path = dir_file(dir, "hub.toml");
    std::fs::write(&path, format!("{}{more}", hub_config(at, &dir_file(dir, "data")))).unwrap();
    path
}

/// Starts the hub and stops it as soon as it is ready. Returns its log, and what `doctor` finds.
fn start_and_examine(config: &Path) -> (String, String) {
    let config = config.to_str().unwrap();
    let served = consort(&["serve", "--until-stdin-ends", "--config", config]);
    let log = String::from_utf8_lossy(&served.stderr).into_owned();
    assert!(served.status.success(), "{log}");
    let doctor = consort(&["doctor", "--config", config]);
    let table = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success(), "a warning is no fault: {table}");
    (log, table)
}

#[test]
fn hub_that_listens_beyond_this_machine_without_tls_warns_at_start_and_in_doctor() {
    let at = SocketAddr::from(([0, 0, 0, 0], free_port().port()));
    for (at, more, is_warned) in [
        (at, "", true),
        (at, "[http]\nbehind_proxy = true\n", false),
        (SocketAddr::from(([127, 0, 0, 1], at.port())), "", false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (log, table) = start_and_examine(&config(&dir, at, more));
        for text in [&log, &table] {
            let warned = text.lines().any(|line| line.contains("without TLS") && line.contains("WARN"));
            assert_eq!(warned, is_warned, "{at} {more}: {text}");
        }
    }
}

#[tokio::test]
async fn api_is_served_over_tls_alone_with_a_certificate_that_may_be_renewed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key, at) = (dir_file(&dir, "hub.crt"), dir_file(&dir, "hub.key"), free_port());
    let write = || {
        let made = rcgen::generate_simple_self_signed(["hub.test".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    };
    let first = write();
    let more = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", certificate.display(), key.display());
    let config = config(&dir, at, &more);
    let mut hub = Command::new(env!("CARGO_BIN_EXE_consort"))
        .args(["--log", "info", "serve", "--until-stdin-ends", "--config", config.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let answers = async |trusted: &str| {
        let trusted = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([trusted]).resolve("hub.test", at);
        let http = http.timeout(Duration::from_secs(20)).build().unwrap();
        let call = http.get(format!("https://hub.test:{}/api/v1/agencies", at.port())).bearer_auth(KEY);
        match call.send().await {
            Ok(answer) if answer.status() == 200 => Ok(()),
            Ok(answer) => Err(answer.status().to_string()),
            Err(error) => Err(format!("{error:?}")),
        }
    };
    eventually("the hub answers over TLS", async || answers(&first).await).await;
    let plain = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    assert!(plain.get(format!("http://{at}/health")).send().await.is_err(), "there is no way around TLS");
    let second = write();
    eventually("the hub uses the new certificate", async || answers(&second).await).await;
    drop(hub.stdin.take());
    assert!(hub.wait().unwrap().success());
}

#[test]
fn certificate_that_can_not_be_used_is_named_and_nothing_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir_file(&dir, "hub.crt"), dir_file(&dir, "hub.key"));
    let more = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", certificate.display(), key.display());
    let config = config(&dir, free_port(), &more);
    for content in [Some("canary"), None] {
        match content {
            Some(content) => {
                std::fs::write(&certificate, content).unwrap();
                std::fs::write(&key, content).unwrap();
            }
            None => std::fs::remove_file(&certificate).unwrap(),
        }
        let said = complaint(&consort(&["serve", "--config", config.to_str().unwrap()]));
        assert!(said.contains("hub.crt") && said.contains("[tls]") && !said.contains("canary"), "{said}");
        let doctor = consort(&["doctor", "--config", config.to_str().unwrap()]);
        assert!(!doctor.status.success() && String::from_utf8_lossy(&doctor.stdout).contains("hub.crt"));
    }
}
