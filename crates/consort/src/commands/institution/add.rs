//! `consort institution add`: registers an institution at a running hub, or changes it.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::json;

use super::file::InstitutionFile;
use crate::api::{Hub, HubArgs};
use crate::commands::request::segment;
use crate::failure::{Failure, Result};
use crate::output::print_result;
use crate::progress::Progress;

/// Register an institution at a running hub.
#[derive(Args, Debug)]
pub(crate) struct Add {
    #[command(flatten)]
    hub: HubArgs,
    /// The file (TOML): code, name, kind, api_key, settings, agencies, pickup_locations.
    file: PathBuf,
    /// Move agencies and pickup locations of the file to this institution if they belong to another one.
    #[arg(long)]
    take_over: bool,
}

impl Add {
    pub(crate) async fn run(self) -> Result<()> {
        let file = InstitutionFile::read(&self.file)?;
        // Faults are found before anything is sent, so that no part of the file is set up alone.
        file.connection()?;
        let faults: Vec<String> =
            file.rules_faults().into_iter().map(|fault| format!("\n  - {}", fault.message)).collect();
        if !faults.is_empty() {
            return Err(Failure::usage(format!("The agencies' rules have faults:{}", faults.concat()))
                .advice("docs/settings.md lists the rules."));
        }
        let hub = Hub::new(&self.hub)?;
        let described = &file.described;
        let progress = Progress::start(format!("Registering {}", described.code));
        check_references(&hub, &file, self.take_over).await?;
        put(&hub, &file, self.take_over).await?;
        drop(progress);
        let agencies: Vec<&str> = described.agencies.iter().map(|agency| agency.code.as_str()).collect();
        let places: Vec<&str> = described.pickup_locations.iter().map(|place| place.code.as_str()).collect();
        let result = json!({"institution": described.code, "agencies": agencies, "pickup_locations": places});
        print_result(&result, || {
            format!(
                "{} is set up, with {} agencies and {} pickup locations. Check it with `consort institution check {}`.",
                described.code,
                agencies.len(),
                places.len(),
                described.code
            )
        });
        Ok(())
    }
}

/// Refuses a file with agencies or pickup locations of another institution, unless they are to be moved, and one with
/// pickup locations of an agency that doesn't exist. The hub refuses each of them too; this check comes before anything
/// is sent, so that no part of the file is set up alone.
async fn check_references(hub: &Hub, file: &InstitutionFile, take_over: bool) -> Result<()> {
    let described = &file.described;
    let mut taken = Vec::new();
    let agencies = described.agencies.iter().map(|agency| ("agency", "agencies", &agency.code));
    let places = described.pickup_locations.iter().map(|place| ("pickup location", "pickup-locations", &place.code));
    for (what, path, code) in agencies.chain(places) {
        let known = institution_of(hub, path, code).await?;
        if let Some(owner) = known.filter(|owner| *owner != described.code && !take_over) {
            taken.push(format!("the {what} {code} belongs to {owner}"));
        }
    }
    if !taken.is_empty() {
        return Err(Failure::new(format!("Nothing was changed: {}.", taken.join("; "))).advice(format!(
            "If the file's code {} is a mistake, correct it. To move them to {} for good, repeat the command with --take-over; \
             open requests keep the institution with which they were placed.",
            described.code, described.code
        )));
    }
    for place in &described.pickup_locations {
        let in_file = described.agencies.iter().any(|agency| agency.code == place.agency);
        if !in_file && institution_of(hub, "agencies", &place.agency).await?.is_none() {
            return Err(Failure::usage(format!(
                "Nothing was changed: the pickup location {} names the agency {}, which neither the file nor the hub has.",
                place.code, place.agency
            ))
            .advice("Add the agency to the file, or correct its code."));
        }
    }
    Ok(())
}

/// Returns the institution of an agency or pickup location of the hub; `None` if there is no such object.
async fn institution_of(hub: &Hub, path: &str, code: &str) -> Result<Option<String>> {
    let (status, known) = hub.try_call(Method::GET, &format!("/api/v1/{path}/{}", segment(code)?), None).await?;
    Ok(known["institution"].as_str().filter(|_| status.is_success()).map(str::to_owned))
}

async fn put(hub: &Hub, file: &InstitutionFile, take_over: bool) -> Result<()> {
    let described = &file.described;
    let institution = json!({
        "name": described.name, "kind": described.kind, "settings": file.settings()?,
        "api_key": described.api_key.expose_secret(),
    });
    hub.call(Method::PUT, &format!("/api/v1/institutions/{}", segment(&described.code)?), Some(&institution)).await?;
    for agency in &described.agencies {
        let body = json!({"name": agency.name, "institution": described.code, "library": agency.library, "rules": agency.rules});
        hub.call(
            Method::PUT,
            &format!("/api/v1/agencies/{}?take_over={take_over}", segment(&agency.code)?),
            Some(&body),
        )
        .await?;
    }
    for place in &described.pickup_locations {
        let body = json!({
            "name": place.name, "agency": place.agency, "library": place.library, "desk": place.desk, "route_code": place.route_code,
        });
        hub.call(
            Method::PUT,
            &format!("/api/v1/pickup-locations/{}?take_over={take_over}", segment(&place.code)?),
            Some(&body),
        )
        .await?;
    }
    Ok(())
}
