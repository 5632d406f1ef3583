//! `consort patron …`: the data that a running hub keeps about a patron.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs};
use crate::failure::Result;
use crate::output::print_result;

/// Export or erase the data that a running hub keeps about a patron.
#[derive(Subcommand, Debug)]
pub(crate) enum Patron {
    /// Print everything that the hub keeps about a patron, as JSON.
    Export(Export),
    /// Erase a patron's data now, and remove the patron's user records from other libraries' systems. Refused while requests are open
    /// or otherwise needed.
    Erase(Erase),
}

/// Names a patron of an agency.
#[derive(Args, Debug)]
struct Named {
    #[command(flatten)]
    hub: HubArgs,
    /// The agency the patron belongs to.
    #[arg(long)]
    agency: String,
    /// The patron: an identifier with which a request was placed, or the primary id.
    #[arg(long)]
    patron: String,
}

/// Print everything that the hub keeps about a patron, as JSON.
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    named: Named,
    /// The reason, which the log of reads shows. A key of the consortium admin needs one.
    #[arg(long)]
    reason: Option<String>,
}

/// Erase a patron's data now.
#[derive(Args, Debug)]
pub(crate) struct Erase {
    #[command(flatten)]
    named: Named,
}

impl Patron {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Export(export) => {
                let data = export.named.ask("export", export.reason.as_deref()).await?;
                print_result(&data, || serde_json::to_string_pretty(&data).unwrap_or_default());
            }
            Self::Erase(erase) => {
                let erased = erase.named.ask("erase", None).await?;
                print_result(&erased, || describe(&erased));
            }
        }
        Ok(())
    }
}

impl Named {
    async fn ask(&self, what: &str, reason: Option<&str>) -> Result<Value> {
        let mut body = json!({"agency": self.agency, "patron": self.patron});
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        Hub::new(&self.hub)?.call(Method::POST, &format!("/api/v1/patrons/{what}"), Some(&body)).await
    }
}

fn describe(erased: &Value) -> String {
    let text = format!(
        "Erased the patron's data in {} requests. Virtual patrons: {} removed.",
        erased["requests"], erased["virtual_patrons_removed"]
    );
    match erased["virtual_patrons_left"].as_u64() {
        Some(left) if left > 0 => {
            format!("{text} {left} are still in libraries' systems; the hub removes them when the systems allow it.")
        }
        _ => text,
    }
}
