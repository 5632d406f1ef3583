//! `consort key`: makes, lists, rotates and revokes keys of the API, in the store or at a running hub.

mod rotate_master;

use std::collections::BTreeSet;
use std::path::PathBuf;

use access::Role;
use clap::{Args, Subcommand};
use engine::{Clock as _, SystemClock};
use lending::AgencyCode;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use store::{AdminAct, ApiKey, Store, Unit};

use crate::api::{Hub, HubArgs};
use crate::commands::request::{segment, text};
use crate::commands::serve::open_store;
use crate::config::Config;
use crate::failure::{Exit, Failure, Result};
use crate::output::print_result;
use crate::table::table;

/// Who makes keys and users on the command line, and from where.
pub(crate) const ACTOR: &str = "command line";

/// Make, list, rotate and revoke keys of the API.
///
/// Without a key of the hub, the commands work on the store that the configuration names: so the first key is made before
/// a hub runs. With a key (CONSORT_API_KEY or --key) and without --config, they ask the running hub.
#[derive(Subcommand, Debug)]
pub(crate) enum Key {
    /// Make a key. It is shown once.
    Create(Create),
    /// List the keys, without the keys themselves.
    List(List),
    /// Make a new key of the same name and role. The old one stays valid for a while.
    Rotate(Rotate),
    /// End a key now.
    Revoke(Revoke),
    /// Replace the master key and seal everything in the store anew. Works while the hub runs, and continues after it was
    /// interrupted.
    RotateMaster(rotate_master::RotateMaster),
}

/// The store or the hub to work on.
#[derive(Args, Debug)]
struct Place {
    /// The configuration file that `serve` uses; the command then works on its store.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    hub: HubArgs,
}

/// Make a key.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The name that timelines show: 1 to 64 letters, digits and the signs . _ : -.
    name: String,
    /// The role: consortium-admin, library-admin, library-staff, read-only, discovery or monitoring.
    #[arg(long)]
    role: Role,
    /// An agency for which the holder stands; may be given several times.
    #[arg(long = "agency", value_name = "CODE")]
    agencies: Vec<String>,
    /// The number of days after which the key ends. Without it, the key has no end.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    place: Place,
}

/// List the keys.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    place: Place,
}

/// Make a new key of the same name.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// The key's name.
    name: String,
    /// The number of hours for which the old key is valid next to the new one.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
    overlap_hours: u32,
    /// The number of days after which the new key ends. Without it, the key has no end.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    place: Place,
}

/// End a key now.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// The key's name.
    name: String,
    #[command(flatten)]
    place: Place,
}

/// The opened place.
enum Opened {
    Store(Box<Config>, Store),
    Hub(Hub),
}

impl Place {
    async fn open(&self) -> Result<Opened> {
        if self.config.is_none() && self.hub.key.is_some() {
            return Ok(Opened::Hub(Hub::new(&self.hub)?));
        }
        let config = Config::load(self.config.as_deref())?;
        let store = open_store(&config).await.map_err(|failure| {
            failure.advice(
                "While a hub runs on the embedded store, leave --config out and name a key of the role consortium-admin in \
                 CONSORT_API_KEY: the command then asks the hub.",
            )
        })?;
        Ok(Opened::Store(Box::new(config), store))
    }
}

impl Key {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Rotate(rotate) => rotate.run().await,
            Self::Revoke(revoke) => revoke.run().await,
            Self::RotateMaster(rotate) => rotate.run().await,
        }
    }
}

fn failed(error: store::Error) -> Failure {
    match error {
        store::Error::Referred(reason) => Failure::new(reason),
        other => Failure::new(format!("The keys can't be read or written: {other}.")).exit(Exit::Unavailable),
    }
}

impl Create {
    async fn run(self) -> Result<()> {
        if !access::is_key_name(&self.name) {
            return Err(Failure::usage(format!("{:?} can't be the name of a key.", self.name)).advice(
                "A name has 1 to 64 letters, digits and the signs . _ : -, and isn't \"hub\", which is the hub's own.",
            ));
        }
        match self.place.open().await? {
            Opened::Hub(hub) => {
                let mut body = json!({"name": self.name, "role": self.role.name()});
                if !self.agencies.is_empty() {
                    body["agencies"] = self.agencies.into();
                }
                if let Some(days) = self.expires_in_days {
                    body["expires_in_days"] = days.into();
                }
                show_new(&hub.call(Method::POST, "/api/v1/keys", Some(&body)).await?);
                Ok(())
            }
            Opened::Store(config, store) => {
                if config.api_keys.contains_key(&self.name) {
                    let name = &self.name;
                    return Err(Failure::new(format!("A key of the configuration has the name {name} already.")));
                }
                let agencies = checked_agencies(&store, self.role, &self.agencies).await?;
                let (key, secret) = new_key(self.name, self.role, agencies, self.expires_in_days);
                commit(&store, "create_key", None, &key, |unit| unit.insert_api_key(&key)).await?;
                store.close().await;
                show_new(&shown(&key, Some(secret.expose_secret())));
                Ok(())
            }
        }
    }
}

/// Checks that a role has agencies if and only if it stands for some, and that they exist.
pub(crate) async fn checked_agencies(store: &Store, role: Role, named: &[String]) -> Result<BTreeSet<AgencyCode>> {
    if role.has_agencies() && named.is_empty() {
        return Err(Failure::usage(format!("The role {role} stands for agencies.")).advice("Name one with --agency."));
    }
    if !role.has_agencies() && !named.is_empty() {
        return Err(Failure::usage(format!("The role {role} stands for no agencies.")).advice("Leave --agency out."));
    }
    let known = store.agencies().await.map_err(failed)?;
    let unknown = |code: &&String| !known.iter().any(|agency| agency.code.as_str() == code.as_str());
    if let Some(code) = named.iter().find(unknown) {
        let known = known.iter().map(|agency| agency.code.as_str()).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none yet".to_owned() } else { known };
        return Err(Failure::new(format!("There is no agency {code}. Agencies are: {known}.")).exit(Exit::NotFound));
    }
    Ok(named.iter().map(|code| code.as_str().into()).collect())
}

fn new_key(
    name: String,
    role: Role,
    agencies: BTreeSet<AgencyCode>,
    days: Option<u32>,
) -> (ApiKey, secrecy::SecretString) {
    let (now, mut rng, mut random) = (SystemClock::default().now(), StdRng::from_os_rng(), [0; 32]);
    rng.fill_bytes(&mut random);
    let secret = store::new_api_key(random);
    let key = ApiKey {
        id: engine::Ids::from_os().uuid(now),
        name,
        digest: store::api_key_digest(secret.expose_secret()),
        role,
        agencies: agencies.into_iter().collect(),
        created_at: now,
        created_by: ACTOR.to_owned(),
        expires_at: days.and_then(|days| hours_after(now, 24 * days)),
        last_used_at: None,
    };
    (key, secret)
}

fn hours_after(now: jiff::Timestamp, hours: u32) -> Option<jiff::Timestamp> {
    now.checked_add(jiff::SignedDuration::from_hours(hours.into())).ok()
}

/// Commits a change of a key together with the entry of the administrative act.
async fn commit(
    store: &Store,
    act: &str,
    before: Option<&ApiKey>,
    after: &ApiKey,
    change: impl Fn(&mut Unit),
) -> Result<()> {
    let act = AdminAct {
        at: SystemClock::default().now(),
        actor: ACTOR.to_owned(),
        origin: ACTOR.to_owned(),
        act: act.to_owned(),
        object: format!("key {}", after.name),
        agencies: after.agencies.clone(),
        before: before.map(|key| shown(key, None)),
        after: Some(shown(after, Some("changed").filter(|_| act != "revoke_key"))),
    };
    let change = |unit: &mut Unit| {
        change(unit);
        Ok(())
    };
    store.commit_act(&act, change).await.map(drop).map_err(failed)
}

/// Returns a key as the API shows it.
fn shown(key: &ApiKey, secret: Option<&str>) -> Value {
    let mut shown = json!({
        "name": key.name, "role": key.role.name(), "agencies": key.agencies,
        "valid": key.is_valid(SystemClock::default().now()), "created_at": key.created_at,
        "created_by": key.created_by, "expires_at": key.expires_at, "last_used_at": key.last_used_at,
    });
    if let Some(secret) = secret {
        shown["key"] = secret.into();
    }
    shown
}

fn show_new(key: &Value) {
    print_result(key, || {
        format!(
            "The key {} with the role {}:\n{}\nKeep it now: the hub stores only a digest of it, and nobody can show it once more.",
            text(&key["name"]),
            text(&key["role"]),
            text(&key["key"])
        )
    });
}

impl List {
    async fn run(self) -> Result<()> {
        let keys = match self.place.open().await? {
            Opened::Hub(hub) => hub.get("/api/v1/keys").await?,
            Opened::Store(_, store) => {
                let keys = store.api_keys().await.map_err(failed)?;
                store.close().await;
                json!({"keys": keys.iter().map(|key| shown(key, None)).collect::<Vec<_>>()})
            }
        };
        print_result(&keys, || {
            let mut rows = table(&["name", "role", "agencies", "valid", "ends", "last used", "made by"]);
            for key in keys["keys"].as_array().into_iter().flatten() {
                let agencies =
                    key["agencies"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ");
                let valid = if key["valid"] == true { "yes" } else { "no" };
                rows.add_row([
                    text(&key["name"]).as_str(),
                    &text(&key["role"]),
                    &agencies,
                    valid,
                    key["expires_at"].as_str().unwrap_or("never"),
                    key["last_used_at"].as_str().unwrap_or("never"),
                    &text(&key["created_by"]),
                ]);
            }
            rows.to_string()
        });
        Ok(())
    }
}

impl Rotate {
    async fn run(self) -> Result<()> {
        match self.place.open().await? {
            Opened::Hub(hub) => {
                let mut body = json!({"overlap_hours": self.overlap_hours});
                if let Some(days) = self.expires_in_days {
                    body["expires_in_days"] = days.into();
                }
                let path = format!("/api/v1/keys/{}/rotate", segment(&self.name)?);
                show_new(&hub.call(Method::POST, &path, Some(&body)).await?);
                Ok(())
            }
            Opened::Store(_, store) => {
                let old = valid_key(&store, &self.name).await?;
                let agencies = old.agencies.iter().cloned().collect();
                let (key, secret) = new_key(self.name, old.role, agencies, self.expires_in_days);
                let overlap_until = hours_after(key.created_at, self.overlap_hours).unwrap_or(key.created_at);
                commit(&store, "rotate_key", Some(&old), &key, |unit| unit.rotate_api_key(&key, overlap_until)).await?;
                store.close().await;
                show_new(&shown(&key, Some(secret.expose_secret())));
                Ok(())
            }
        }
    }
}

impl Revoke {
    async fn run(self) -> Result<()> {
        match self.place.open().await? {
            Opened::Hub(hub) => {
                hub.call(Method::DELETE, &format!("/api/v1/keys/{}", segment(&self.name)?), None).await?;
            }
            Opened::Store(_, store) => {
                let key = valid_key(&store, &self.name).await?;
                let now = SystemClock::default().now();
                let ended = ApiKey { expires_at: Some(now), ..key.clone() };
                let end = |unit: &mut Unit| _ = unit.end_api_keys(&key.name, now);
                commit(&store, "revoke_key", Some(&key), &ended, end).await?;
                store.close().await;
            }
        }
        print_result(&json!({"revoked": self.name}), || {
            format!("The key {} has ended. Running nodes of the hub refuse it within seconds.", self.name)
        });
        Ok(())
    }
}

async fn valid_key(store: &Store, name: &str) -> Result<ApiKey> {
    let now = SystemClock::default().now();
    let keys = store.api_keys().await.map_err(failed)?;
    let found = keys.into_iter().find(|key| key.name == name && key.is_valid(now));
    found.ok_or_else(|| {
        Failure::new(format!("There is no valid key {name}."))
            .advice("`consort key list` shows the keys of the store; those of the configuration stand only there.")
            .exit(Exit::NotFound)
    })
}
