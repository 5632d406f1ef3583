//! `consort institution …`: sets institutions up, and checks that everything the hub needs exists.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use engine::Engine;
use lms::{Connection, Finding};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs};
use crate::commands::quota::Quota;
use crate::commands::request::{segment, table, text};
use crate::commands::webhook::Webhook;
use crate::failure::{Failure, Result};
use crate::output::print_out;
use crate::toml_fault;

/// Set up institutions and check them.
#[derive(Subcommand, Debug)]
pub(crate) enum Institution {
    /// Register an institution, its agencies and pickup locations at a running hub, from a file.
    Add(Add),
    /// Make every read that the hub will need and report what is missing. Takes a file, or the code of an institution
    /// that a running hub knows.
    Check(Check),
    /// Find records and holds in an institution's system that carry the hub's marker and belong to no request. Changes
    /// nothing without --remove.
    Orphans(Orphans),
    /// Show how many calls of its system's API are left, and what they were spent on.
    Quota(Quota),
    /// Manage its webhook, through which its system sends messages to the hub.
    #[command(subcommand)]
    Webhook(Webhook),
}

/// Search for orphans.
#[derive(Args, Debug)]
pub(crate) struct Orphans {
    #[command(flatten)]
    hub: HubArgs,
    /// The code of an institution.
    code: String,
    /// How far back requests are searched, in days.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Search every request, not just those with an outcome that was unclear for a time.
    #[arg(long)]
    all: bool,
    /// Remove the orphans that are found.
    #[arg(long)]
    remove: bool,
}

/// Register an institution at a running hub.
#[derive(Args, Debug)]
pub(crate) struct Add {
    #[command(flatten)]
    hub: HubArgs,
    /// The file (TOML): code, name, kind, api_key, settings, agencies, pickup_locations.
    file: PathBuf,
}

/// Check an institution.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    hub: HubArgs,
    /// A file as for `add`, or the code of an institution.
    what: String,
}

/// An institution as a file describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    code: String,
    name: String,
    #[serde(default = "first_kind")]
    kind: String,
    api_key: SecretString,
    settings: toml::Table,
    #[serde(default)]
    agencies: Vec<Agency>,
    #[serde(default)]
    pickup_locations: Vec<PickupLocation>,
}

/// Returns the kind of library system if the file names none.
fn first_kind() -> String {
    lms::kinds().next().unwrap_or_default().to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agency {
    code: String,
    name: String,
    library: Option<String>,
    #[serde(default)]
    rules: toml::Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PickupLocation {
    code: String,
    name: String,
    agency: String,
    library: String,
    desk: Option<String>,
}

impl Institution {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Add(add) => add.run().await,
            Self::Check(check) => check.run().await,
            Self::Orphans(orphans) => orphans.run().await,
            Self::Quota(quota) => quota.run().await,
            Self::Webhook(webhook) => webhook.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> Result<()> {
        let described = read(&self.file)?;
        let hub = Hub::new(&self.hub)?;
        put(&hub, &described).await?;
        print_out(&format!(
            "{} is set up, with {} agencies and {} pickup locations. Check it with `consort institution check {}`.",
            described.code,
            described.agencies.len(),
            described.pickup_locations.len(),
            described.code
        ));
        Ok(())
    }
}

async fn put(hub: &Hub, described: &Described) -> Result<()> {
    let institution = json!({
        "name": described.name, "kind": described.kind, "settings": settings(described)?,
        "api_key": described.api_key.expose_secret(),
    });
    hub.call(Method::PUT, &format!("/api/v1/institutions/{}", segment(&described.code)?), Some(&institution)).await?;
    for agency in &described.agencies {
        let body = json!({"name": agency.name, "institution": described.code, "library": agency.library, "rules": agency.rules});
        hub.call(Method::PUT, &format!("/api/v1/agencies/{}", segment(&agency.code)?), Some(&body)).await?;
    }
    for place in &described.pickup_locations {
        let body = json!({
            "name": place.name, "agency": place.agency, "library": place.library, "desk": place.desk,
        });
        hub.call(Method::PUT, &format!("/api/v1/pickup-locations/{}", segment(&place.code)?), Some(&body)).await?;
    }
    Ok(())
}

fn settings(described: &Described) -> Result<Value> {
    serde_json::to_value(&described.settings)
        .map_err(|error| Failure::new(format!("The settings of {} can't be sent: {error}.", described.code)))
}

impl Check {
    async fn run(self) -> Result<()> {
        let path = Path::new(&self.what);
        let findings = if path.exists() {
            let described = read(path)?;
            let connection = Connection {
                institution: described.code.as_str().into(),
                kind: described.kind.clone(),
                settings: settings(&described)?,
                credentials: described.api_key.clone(),
            };
            Engine::check_institution(&connection).await.map_err(|error| Failure::new(error.to_string()))?
        } else {
            let path = format!("/api/v1/institutions/{}/check", segment(&self.what)?);
            let answer = Hub::new(&self.hub)?.call(Method::POST, &path, None).await?;
            answer["findings"].as_array().into_iter().flatten().map(finding).collect()
        };
        show(&self.what, &findings)
    }
}

impl Orphans {
    async fn run(self) -> Result<()> {
        let method = if self.remove { Method::DELETE } else { Method::GET };
        let path = format!("/api/v1/institutions/{}/orphans?days={}&all={}", segment(&self.code)?, self.days, self.all);
        let answer = Hub::new(&self.hub)?.call(method, &path, None).await?;
        let orphans: Vec<&Value> = answer["orphans"].as_array().into_iter().flatten().collect();
        if !orphans.is_empty() {
            let mut table = table(&["kind", "id", "request", ""]);
            for orphan in &orphans {
                let became = match (orphan["removed"].as_bool(), orphan["problem"].as_str()) {
                    (Some(true), _) => "removed",
                    (_, Some(problem)) => problem,
                    _ => "is left; --remove takes it away",
                };
                table.add_row([&text(&orphan["kind"]), &text(&orphan["id"]), &text(&orphan["request"]), became]);
            }
            print_out(&table.to_string());
        }
        print_out(&format!(
            "{}: {} orphans, in a search of {} requests and {} virtual patrons.",
            self.code,
            orphans.len(),
            answer["requests"],
            answer["patrons"]
        ));
        let failed = orphans.iter().filter(|orphan| orphan["removed"] == Value::Bool(false)).count();
        if failed == 0 {
            return Ok(());
        }
        Err(Failure::new(format!("{}: {failed} orphans could not be taken away.", self.code))
            .advice("The table says why. What is not the hub's any more, staff must look at in the library's system."))
    }
}

fn finding(value: &Value) -> Finding {
    Finding {
        subject: text(&value["subject"]),
        problem: value["problem"].as_str().map(str::to_owned),
        detail: text(&value["detail"]),
    }
}

pub(crate) fn show(what: &str, findings: &[Finding]) -> Result<()> {
    let mut table = table(&["", "checked", "found"]);
    for finding in findings {
        let mark = if finding.problem.is_some() { "MISSING" } else { "ok" };
        table.add_row([mark, &finding.subject, finding.problem.as_ref().unwrap_or(&finding.detail)]);
    }
    print_out(&table.to_string());
    let bad = findings.iter().filter(|finding| finding.problem.is_some()).count();
    if bad == 0 {
        print_out(&format!("{what}: all that the hub needs is there."));
        Ok(())
    } else {
        Err(Failure::new(format!("{what}: {bad} of {} checks found something missing.", findings.len()))
            .advice("Put right what is marked MISSING above and check again."))
    }
}

fn read(file: &Path) -> Result<Described> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(format!("The file {} can't be read: {error}.", file.display()))
            .advice("Check the path and that this user may read it.")
    })?;
    let described: Described = toml_fault::read(file, &text, KEYS).map_err(|fault| {
        Failure::new(format!("The file doesn't describe an institution: {fault}."))
            .advice("docs/set-up.md shows such a file.")
    })?;
    check_codes(file, &described)?;
    Ok(described)
}

/// Keys that a message may show if the file isn't valid TOML.
const KEYS: &[&str] = &["code", "name", "kind", "api_key", "base_url", "agency", "library", "desk"];

/// Checks all codes before anything is sent, so that no part of the file is set up alone.
fn check_codes(file: &Path, described: &Described) -> Result<()> {
    let agencies = described.agencies.iter().enumerate();
    let agencies = agencies.map(|(index, agency)| (format!("agencies[{index}].code"), &agency.code));
    let places = described.pickup_locations.iter().enumerate();
    let places = places.map(|(index, place)| (format!("pickup_locations[{index}].code"), &place.code));
    for (key, code) in std::iter::once(("code".to_owned(), &described.code)).chain(agencies).chain(places) {
        segment(code).map_err(|failure| Failure::new(format!("{}, {key}: {failure}", file.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the file in docs/set-up.md.
    fn documented() -> Described {
        let page = include_str!("../../../../docs/set-up.md");
        let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        toml::from_str(example).unwrap()
    }

    #[test]
    fn documented_institution_file_is_one_without_faults() {
        let described = documented();
        let connection = Connection {
            institution: described.code.as_str().into(),
            kind: described.kind.clone(),
            settings: settings(&described).unwrap(),
            credentials: described.api_key.clone(),
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert!(lms::connect(&connection).is_ok_and(|lms| lms.institution().as_str() == "01LEND_INST"));
    }

    #[test]
    fn documented_rules_are_rules() {
        let rules = serde_json::to_value(&documented().agencies[0].rules).unwrap();
        let rules: lending::Rules = serde_json::from_value(rules).unwrap();
        assert_eq!(rules.max_requests, Some(25));
        assert!(rules.calendar.has_known_time_zone());
    }
}
