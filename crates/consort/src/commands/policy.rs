//! `consort policy …`: the policy for the choice of the supplier at a running hub.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lending::supplier::SupplierPolicy;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs};
use crate::commands::request::text;
use crate::failure::{Failure, Result};
use crate::output::{print_result, remark};
use crate::table::table;
use crate::toml_fault;

/// Keys that a message may show if a file isn't valid TOML.
const KEYS: &[&str] = &[
    "criteria",
    "queue_on_lent_copies",
    "unknown_copies",
    "oldest_answer_minutes",
    "most_copies",
    "most_copies_per_lender",
    "lenders",
];
const PATH: &str = "/api/v1/supplier-policy";

/// The policy for the choice of the supplier at a running hub.
#[derive(Subcommand, Debug)]
pub(crate) enum Policy {
    /// Show the policy, as a file that `consort policy set` takes.
    Show(Show),
    /// Set the policy. It applies to the next choice, without a restart.
    Set(Set),
    /// Try a policy on past requests, and change nothing: which of them would go to another lender.
    Try(Try),
}

/// Show the policy, as a file that `consort policy set` takes.
#[derive(Args, Debug)]
pub(crate) struct Show {
    #[command(flatten)]
    hub: HubArgs,
    /// An earlier version in place of the one that applies.
    #[arg(long, value_name = "NUMBER", conflicts_with = "versions")]
    version: Option<i64>,
    /// List the versions, newest first.
    #[arg(long)]
    versions: bool,
}

/// Set the policy.
#[derive(Args, Debug)]
pub(crate) struct Set {
    #[command(flatten)]
    hub: HubArgs,
    /// The version that the file was made from. If another one applies now, nothing is changed.
    #[arg(long, value_name = "NUMBER")]
    version: Option<i64>,
    /// A file with the policy, in TOML, or in JSON if its name ends so.
    file: PathBuf,
}

/// Try a policy on past requests, and change nothing.
#[derive(Args, Debug)]
pub(crate) struct Try {
    #[command(flatten)]
    hub: HubArgs,
    /// A file with the policy, in TOML, or in JSON if its name ends so.
    file: PathBuf,
    /// The first day whose requests are compared, such as 2026-12-01 (UTC); 30 days ago if it is left out.
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
}

impl Policy {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Show(show) => show.run().await,
            Self::Set(set) => set.run().await,
            Self::Try(trial) => trial.run().await,
        }
    }
}

impl Show {
    async fn run(self) -> Result<()> {
        let hub = Hub::new(&self.hub)?;
        if self.versions {
            let answer = hub.get(&format!("{PATH}/versions?limit=100")).await?;
            print_result(&answer, || list(&answer));
            if answer["next"].is_number() {
                remark("These are the newest 100; there are more.");
            }
            return Ok(());
        }
        let shown = match self.version {
            None => hub.get(PATH).await?,
            Some(number) => {
                let before = number.saturating_add(1);
                let mut page = hub.get(&format!("{PATH}/versions?limit=1&before={before}")).await?;
                let found = page["versions"][0].take();
                if found["version"] != number {
                    return Err(Failure::new(format!("The policy has no version {number}."))
                        .advice("`consort policy show --versions` lists them."));
                }
                found
            }
        };
        let policy = as_toml(&shown["policy"])?;
        print_result(&shown, || format!("# {}\n{policy}", state_of(&shown)));
        Ok(())
    }
}

impl Set {
    async fn run(self) -> Result<()> {
        let body = json!({"policy": read(&self.file)?});
        let hub = Hub::new(&self.hub)?;
        let (present, tag) = hub.get_with_tag(PATH).await?;
        if let Some(version) = self.version
            && present["version"] != version
        {
            return Err(has_changed(&present, &format!("The file was made from version {version}.")));
        }
        let Some(set) = hub.put_if_unchanged(PATH, &body, tag).await? else {
            let present = hub.get(PATH).await?;
            return Err(has_changed(&present, "Somebody set it at the same moment."));
        };
        print_result(&set, || format!("{} applies to the next choice.", state_of(&set)));
        Ok(())
    }
}

impl Try {
    async fn run(self) -> Result<()> {
        let body = json!({"policy": read(&self.file)?, "since": self.since});
        let tried = Hub::new(&self.hub)?.call(Method::POST, &format!("{PATH}/trial"), Some(&body)).await?;
        print_result(&tried, || describe(&tried));
        if tried["is_complete"] == false {
            remark("These are the oldest requests since then; there are more. Name a later day with --since.");
        }
        Ok(())
    }
}

/// Reads a policy from a file. The hub checks whether it makes sense.
fn read(file: &Path) -> Result<SupplierPolicy> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!("The file {} can't be read: {error}.", file.display()))
            .advice("Check the path and that this user may read it.")
    })?;
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let policy = if is_json {
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
    } else {
        toml_fault::read(file, &text, KEYS)
    };
    policy.map_err(|fault| {
        Failure::usage(format!("The file holds no policy: {fault}."))
            .advice("docs/choice-of-supplier.md shows policies; `consort policy show` prints the present one.")
    })
}

fn as_toml(policy: &Value) -> Result<String> {
    let unreadable = || {
        Failure::new("The hub's policy can't be read; the hub may be of a newer version.")
            .advice("Use the program of the hub's version, or --json.")
    };
    let policy: SupplierPolicy = serde_json::from_value(policy.clone()).map_err(|_| unreadable())?;
    toml::to_string(&policy).map_err(|_| unreadable())
}

/// Returns the failure for a policy that somebody else has set.
fn has_changed(present: &Value, why: &str) -> Failure {
    Failure::new(format!("The policy has changed, and nothing was set. {why} It is now: {}.", state_of(present)))
        .advice("Read it with `consort policy show`, put your change into it, and set that.")
}

fn state_of(shown: &Value) -> String {
    match shown["set_at"].as_str() {
        None => "Version 0, the policy that a hub begins with".to_owned(),
        Some(time) => format!("Version {}, set by {} at {time}", shown["version"], text(&shown["set_by"])),
    }
}

fn list(answer: &Value) -> String {
    let mut table = table(&["version", "set at", "set by", "criteria"]);
    for version in answer["versions"].as_array().into_iter().flatten() {
        let criteria = version["policy"]["criteria"].as_array().into_iter().flatten();
        let criteria: Vec<String> = criteria.map(|criterion| text(&criterion["by"])).collect();
        let [number, at, by] = ["version", "set_at", "set_by"].map(|key| text(&version[key]));
        table.add_row([number, at, by, criteria.join(", ")]);
    }
    table.to_string()
}

fn describe(tried: &Value) -> String {
    let mut lenders = table(&["lender", "before", "after"]);
    for lender in tried["lenders"].as_array().into_iter().flatten() {
        let name = lender["agency"].as_str().or(lender["institution"].as_str()).unwrap_or("(no copy)");
        lenders.add_row([name.to_owned(), text(&lender["before"]), text(&lender["after"])]);
    }
    let mut lines = vec![format!(
        "{} of {} requests since {} would go to another lender first.",
        tried["changed"],
        tried["requests"],
        text(&tried["since"])
    )];
    if tried["requests"] != 0 {
        lines.push(lenders.to_string());
    }
    let changes = tried["changes"].as_array().into_iter().flatten();
    let mut table = table(&["request", "time", "before", "after", "reason"]);
    for change in changes {
        let lender = |key: &str| change[key].as_str().unwrap_or("(no copy)").to_owned();
        let (before, after) = (lender("before"), lender("after"));
        let [request, time, reason] = ["request", "time", "reason"].map(|key| text(&change[key]));
        table.add_row([request, time, before, after, reason]);
    }
    if tried["changed"] != 0 {
        lines.push(table.to_string());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use lending::supplier::Criterion;

    use super::*;

    #[test]
    fn policy_that_is_shown_can_be_set() {
        let dir = tempfile::tempdir().unwrap();
        let groups = vec!["near".to_owned()];
        let policy = SupplierPolicy {
            criteria: vec![Criterion::Preference { groups }, Criterion::OwnLibrary {}],
            lenders: [(
                "NORTH".into(),
                lending::supplier::LenderTerms { cost: Some(2), group: Some("near".to_owned()) },
            )]
            .into(),
            ..SupplierPolicy::default()
        };
        let file = dir.path().join("policy.toml");
        std::fs::write(&file, as_toml(&json!(policy)).unwrap()).unwrap();
        assert_eq!(read(&file).unwrap(), policy);
        let file = dir.path().join("policy.json");
        std::fs::write(&file, json!(policy).to_string()).unwrap();
        assert_eq!(read(&file).unwrap(), policy);
    }

    #[test]
    fn file_that_holds_no_policy_is_refused_with_the_place_of_the_fault() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("policy.toml");
        for (text, place) in [
            ("most_copies = 3\nqueue = true\n", "line 2, column 1"),
            ("most_copies = \"many\"\n", "line 1, column 15"),
            ("criteria = [{ by = \"weather\" }]\n", "line 1"),
            ("criteria = [\n", "no valid TOML"),
        ] {
            std::fs::write(&file, text).unwrap();
            let failure = read(&file).unwrap_err().to_string();
            assert!(failure.contains(place), "{text}: {failure}");
        }
    }
}
