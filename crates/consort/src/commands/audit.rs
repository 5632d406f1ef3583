//! `consort audit`: checks that the audit is as the hub wrote it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lending::RequestId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use store::Store;

use crate::commands::serve::database;
use crate::config::Config;
use crate::failure::{Exit, Failure, Result};
use crate::output::print_result;
use crate::progress::Progress;
use crate::table::table;

/// Check the audit.
#[derive(Subcommand, Debug)]
pub(crate) enum Audit {
    /// Read every entry and report any that was changed, removed, inserted or moved. Works while the hub runs.
    Verify(Verify),
}

/// Check the audit.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only the entries of this request.
    #[arg(long, value_name = "ID")]
    request: Option<RequestId>,
}

impl Audit {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Verify(verify) => verify.run().await,
        }
    }
}

impl Verify {
    async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let unreadable =
            |error: store::Error| config.about_store(Failure::new(format!("The audit can't be read: {error}.")));
        let store = Store::open_to_read(&database(&config), StdRng::from_os_rng()).await.map_err(unreadable)?;
        let progress = Progress::start("Reading the audit log");
        let found = store.verify_audit(self.request).await.map_err(unreadable)?;
        if let (Some(id), 0) = (self.request, found.requests) {
            return Err(Failure::new(format!("There is no request {id}.")).exit(Exit::NotFound));
        }
        drop(progress);
        let faults = found
            .faults
            .iter()
            .map(|fault| json!({"request": fault.request.as_str(), "entry": fault.entry, "what": fault.what}));
        let result = json!({"requests": found.requests, "entries": found.entries, "acts": found.acts, "faults": faults.collect::<Vec<_>>()});
        print_result(&result, || {
            if found.faults.is_empty() {
                let acts = if self.request.is_some() {
                    String::new()
                } else {
                    format!(", {} administrative acts", found.acts)
                };
                return format!("The audit is whole: {} requests, {} entries{acts}.", found.requests, found.entries);
            }
            let mut rows = table(&["request", "entry", "what is wrong"]);
            for fault in &found.faults {
                let entry = fault.entry.map_or_else(String::new, |entry| entry.to_string());
                rows.add_row([fault.request.as_str(), &entry, fault.what]);
            }
            rows.to_string()
        });
        if found.faults.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "The audit is not as the hub wrote it: {} faults in {} requests and {} administrative acts.",
            found.faults.len(),
            found.requests,
            found.acts
        ))
        .advice("Somebody or something changed the database. Compare it with a backup."))
    }
}
