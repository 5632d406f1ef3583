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
use crate::output::print_out;

/// Register an institution at a running hub.
#[derive(Args, Debug)]
pub(crate) struct Add {
    #[command(flatten)]
    hub: HubArgs,
    /// The file (TOML): code, name, kind, api_key, settings, agencies, pickup_locations.
    file: PathBuf,
}

impl Add {
    pub(crate) async fn run(self) -> Result<()> {
        let file = InstitutionFile::read(&self.file)?;
        // Faults are found before anything is sent, so that no part of the file is set up alone.
        file.connection()?;
        let faults: Vec<String> =
            file.rules_faults().into_iter().map(|fault| format!("\n  - {}", fault.message)).collect();
        if !faults.is_empty() {
            return Err(Failure::new(format!("The agencies' rules have faults:{}", faults.concat()))
                .advice("docs/settings.md lists the rules."));
        }
        let hub = Hub::new(&self.hub)?;
        put(&hub, &file).await?;
        let described = &file.described;
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

async fn put(hub: &Hub, file: &InstitutionFile) -> Result<()> {
    let described = &file.described;
    let institution = json!({
        "name": described.name, "kind": described.kind, "settings": file.settings()?,
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
