//! `consort doctor`: finds problems of this machine that prevent the hub from running.

use std::collections::BTreeSet;
use std::path::PathBuf;

use access::Role;
use clap::Args;
use engine::{Clock as _, SystemClock};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;
use store::Store;

use crate::api::{Hub, HubArgs};
use crate::commands::request::{segment, text};
use crate::commands::serve::{database, load_tls, open_store};
use crate::config::Config;
use crate::config_keys::KeyConfig;
use crate::failure::{Failure, Result};
use crate::output::print_result;
use crate::private;
use crate::progress::Progress;
use crate::table::table;

/// Find problems of this machine that prevent the hub from running.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The configuration file that `serve` would use.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    hub: HubArgs,
}

/// The hub doesn't run, or not correctly.
const FAULT: &str = "FAULT";
/// The hub runs, but somebody should change this.
const WARNING: &str = "WARNING";

struct Row {
    mark: &'static str,
    what: &'static str,
    found: String,
}

impl Doctor {
    pub(crate) async fn run(self) -> Result<()> {
        let progress = Progress::start("Examining this machine");
        let mut rows = Vec::new();
        match Config::load(self.config.as_deref()) {
            Err(failure) => rows.push(bad("configuration", failure.to_string())),
            Ok(config) => {
                rows.push(good("configuration", "no faults".to_owned()));
                rows.extend(examine_network(&config));
                self.examine(&config, &mut rows).await;
                rows.push(keys_row(&config).await);
                // This check comes last, since a store may just have been created.
                let found = private::too_open(&config);
                rows.extend(found.iter().map(|found| Row { mark: WARNING, what: "modes", found: found.to_string() }));
                if found.is_empty() {
                    rows.push(good("modes", "only this user may read configuration, key and store".to_owned()));
                }
            }
        }
        let faults = rows.iter().filter(|row| row.mark == FAULT).count();
        drop(progress);
        let checks = rows.iter().map(|row| json!({"verdict": row.mark, "checked": row.what, "found": row.found}));
        let result = json!({"ok": faults == 0, "checks": checks.collect::<Vec<_>>()});
        print_result(&result, || {
            let mut table = table(&["", "checked", "found"]);
            for row in &rows {
                table.add_row([row.mark, row.what, &row.found]);
            }
            table.to_string()
        });
        if faults == 0 {
            Ok(())
        } else {
            Err(Failure::new(format!("{faults} of {} checks found a fault.", rows.len())))
        }
    }

    /// Examines port and store. A running hub holds both, so the command asks the hub instead.
    async fn examine(&self, config: &Config, rows: &mut Vec<Row>) {
        match tokio::net::TcpListener::bind(config.listen).await {
            Ok(listener) => {
                drop(listener);
                rows.push(good("port", format!("{} is free; no hub runs there", config.listen)));
                rows.push(match open_store(config).await {
                    Ok(store) => {
                        let found = match store.institutions().await {
                            Ok(institutions) => good("store", format!("opens; {} institutions", institutions.len())),
                            Err(error) => bad("store", error.to_string()),
                        };
                        store.close().await;
                        found
                    }
                    Err(failure) => bad("store", failure.to_string()),
                });
            }
            Err(_) => self.ask_hub(config, rows).await,
        }
    }

    async fn ask_hub(&self, config: &Config, rows: &mut Vec<Row>) {
        let key = self.hub.key.clone().or_else(|| key_of_admin(config));
        let Some(key) = key else {
            return rows.push(bad("port", format!("{} is taken, and no key is known to ask the hub", config.listen)));
        };
        // A certificate is for the hub's name, which only the caller knows.
        let address = if config.tls.is_some() { self.hub.hub.clone() } else { format!("http://{}", config.listen) };
        let hub = match Hub::at(&address, key) {
            Ok(hub) => hub,
            Err(failure) => return rows.push(bad("hub", failure.to_string())),
        };
        match hub.get("/health").await {
            Ok(health) => {
                rows.push(good("hub", format!("runs at {}, status {}", config.listen, text(&health["status"]))));
            }
            Err(failure) => {
                let found = format!("{} is taken, and what listens there is no healthy hub: {failure}", config.listen);
                return rows.push(bad("port", found));
            }
        }
        let listed = match hub.get("/api/v1/institutions").await {
            Ok(listed) => listed,
            Err(failure) => return rows.push(bad("institutions", failure.to_string())),
        };
        for institution in listed["institutions"].as_array().into_iter().flatten() {
            let code = text(&institution["code"]);
            let checked = match segment(&code) {
                Ok(segment) => hub.call(Method::POST, &format!("/api/v1/institutions/{segment}/check"), None).await,
                Err(failure) => Err(failure),
            };
            rows.push(match checked {
                Ok(answer) if answer["ok"].as_bool() == Some(true) => {
                    good("institution", format!("{code}: all is there"))
                }
                Ok(_) => bad(
                    "institution",
                    format!(
                        "{code}: something is missing or can't be read; `consort institution check {code}` shows it"
                    ),
                ),
                Err(failure) => bad("institution", format!("{code}: {failure}")),
            });
        }
    }
}

/// Returns a configured key that may read the whole set-up, or any other if there is none.
fn key_of_admin(config: &Config) -> Option<SecretString> {
    let is_admin = |key: &&KeyConfig| key.role == Role::ConsortiumAdmin.name();
    let found = config.api_keys.values().find(is_admin).or_else(|| config.api_keys.values().next());
    found.map(|key| key.key.clone())
}

/// Names the valid keys of the configuration and the store.
async fn keys_row(config: &Config) -> Row {
    let mut names: BTreeSet<String> = config.api_keys.keys().cloned().collect();
    let store = Store::open_to_read(&database(config), StdRng::from_os_rng()).await;
    let stored = match &store {
        Ok(store) => store.api_keys().await.unwrap_or_default(),
        // Another row reports a store that can't be opened.
        Err(_) => Vec::new(),
    };
    let now = SystemClock::default().now();
    names.extend(stored.into_iter().filter(|key| key.is_valid(now)).map(|key| key.name));
    if names.is_empty() {
        let found = "there is none, so `serve` would refuse to start; make one with `consort key create`";
        return bad("API keys", found.to_owned());
    }
    good("API keys", names.into_iter().collect::<Vec<_>>().join(", "))
}

/// Examines whether the API's clients send their keys encrypted.
fn examine_network(config: &Config) -> Vec<Row> {
    let mut rows = Vec::new();
    match load_tls(config) {
        Ok(None) => {}
        Ok(Some(_)) => rows.push(good("TLS", "certificate and key fit".to_owned())),
        Err(failure) => rows.push(bad("TLS", failure.to_string())),
    }
    if let Some(warning) = config.exposure() {
        rows.push(Row { mark: WARNING, what: "TLS", found: warning });
    }
    rows
}

fn good(what: &'static str, found: String) -> Row {
    Row { mark: "ok", what, found }
}

fn bad(what: &'static str, found: String) -> Row {
    Row { mark: FAULT, what, found }
}
