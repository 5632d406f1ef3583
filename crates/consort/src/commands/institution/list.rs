//! `consort institution list`, `show` and `remove`: the institutions at a running hub.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs};
use crate::commands::request::{segment, text};
use crate::failure::{Failure, Result};
use crate::output::print_result;
use crate::table::table;

/// List the institutions.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    hub: HubArgs,
}

/// Show an institution.
#[derive(Args, Debug)]
pub(crate) struct Show {
    #[command(flatten)]
    hub: HubArgs,
    /// The code of an institution.
    code: String,
}

/// Remove an institution with its agencies and pickup locations.
#[derive(Args, Debug)]
pub(crate) struct Remove {
    #[command(flatten)]
    hub: HubArgs,
    /// The code of an institution.
    code: String,
    /// Remove it; without this, the command only shows what would be removed.
    #[arg(long)]
    yes: bool,
}

/// An institution with the agencies and pickup locations that belong to it.
struct Registered {
    institution: Value,
    agencies: Vec<Value>,
    pickup_locations: Vec<Value>,
}

impl Registered {
    async fn read(hub: &Hub, code: &str) -> Result<Self> {
        let institution = hub.get(&format!("/api/v1/institutions/{}", segment(code)?)).await?;
        let code = institution["code"].clone();
        let of = |list: Value, key: &str| -> Vec<Value> {
            let rows = list[key].as_array().into_iter().flatten();
            rows.filter(|row| row["institution"] == code).cloned().collect()
        };
        Ok(Self {
            agencies: of(hub.get("/api/v1/agencies").await?, "agencies"),
            pickup_locations: of(hub.get("/api/v1/pickup-locations").await?, "pickup_locations"),
            institution,
        })
    }

    fn json(&self) -> Value {
        let mut value = self.institution.clone();
        value["agencies"] = json!(self.agencies);
        value["pickup_locations"] = json!(self.pickup_locations);
        value
    }

    fn describe(&self) -> String {
        let institution = &self.institution;
        let head =
            format!("{}  {} ({})", text(&institution["code"]), text(&institution["name"]), text(&institution["kind"]));
        let mut settings = table(&["setting", "value"]);
        for (key, value) in institution["settings"].as_object().into_iter().flatten() {
            settings.add_row([key.clone(), text(value)]);
        }
        let mut agencies = table(&["agency", "name", "library"]);
        for agency in &self.agencies {
            agencies.add_row(["code", "name", "library"].map(|key| text(&agency[key])));
        }
        let mut places = table(&["pickup location", "name", "agency", "library", "desk"]);
        for place in &self.pickup_locations {
            places.add_row(["code", "name", "agency", "library", "desk"].map(|key| text(&place[key])));
        }
        format!("{head}\n\n{settings}\n\n{agencies}\n\n{places}")
    }
}

impl List {
    pub(crate) async fn run(self) -> Result<()> {
        let hub = Hub::new(&self.hub)?;
        let answer = hub.get("/api/v1/institutions").await?;
        let agencies = hub.get("/api/v1/agencies").await?;
        let codes = |institution: &Value| -> Vec<String> {
            let rows = agencies["agencies"].as_array().into_iter().flatten();
            rows.filter(|agency| agency["institution"] == institution["code"])
                .map(|agency| text(&agency["code"]))
                .collect()
        };
        let rows: Vec<Value> = answer["institutions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|row| {
                json!({
                    "code": row["code"], "name": row["name"], "kind": row["kind"],
                    "base_url": row["settings"]["base_url"], "agencies": codes(row),
                })
            })
            .collect();
        print_result(&json!({"institutions": rows}), || {
            let mut table = table(&["code", "name", "kind", "base_url", "agencies"]);
            for row in &rows {
                let agencies: Vec<String> = row["agencies"].as_array().into_iter().flatten().map(text).collect();
                let cells = ["code", "name", "kind", "base_url"].map(|key| text(&row[key]));
                table.add_row(cells.into_iter().chain([agencies.join(", ")]));
            }
            table.to_string()
        });
        Ok(())
    }
}

impl Show {
    pub(crate) async fn run(self) -> Result<()> {
        let registered = Registered::read(&Hub::new(&self.hub)?, &self.code).await?;
        print_result(&registered.json(), || registered.describe());
        Ok(())
    }
}

impl Remove {
    pub(crate) async fn run(self) -> Result<()> {
        let hub = Hub::new(&self.hub)?;
        let registered = Registered::read(&hub, &self.code).await?;
        let codes = |rows: &[Value]| rows.iter().map(|row| text(&row["code"])).collect::<Vec<_>>();
        let (agencies, places) = (codes(&registered.agencies), codes(&registered.pickup_locations));
        let what = json!({"institution": self.code, "agencies": agencies, "pickup_locations": places});
        let described = format!(
            "the institution {}, {} agencies ({}) and {} pickup locations ({})",
            self.code,
            agencies.len(),
            agencies.join(", "),
            places.len(),
            places.join(", ")
        );
        if !self.yes {
            print_result(&json!({"would_remove": what}), || format!("Would be removed: {described}."));
            return Err(Failure::usage("Nothing was removed.").advice("Repeat the command with --yes to remove this."));
        }
        let path = format!("/api/v1/institutions/{}?with_agencies=true", segment(&self.code)?);
        hub.call(Method::DELETE, &path, None).await?;
        print_result(&json!({"removed": what}), || {
            format!("Removed: {described}. Requests that ended stay in the store.")
        });
        Ok(())
    }
}
