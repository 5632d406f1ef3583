//! The commands, with one module for each.

mod audit;
mod catalogue;
mod catalogue_api;
mod choices;
mod demo;
mod docs;
mod doctor;
mod events;
mod harvest;
mod institution;
mod key;
mod patron;
mod placing;
mod policy;
mod request;
mod serve;
mod sim;
mod staff_actions;
mod store;
mod subscription;
mod titles;
mod user;

use clap::Subcommand;

use crate::failure::{Failure, Result};

/// The commands of the program.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show a request from start to end between two simulated Almas.
    Demo(demo::Demo),
    /// Run simulated Almas.
    Sim(sim::Sim),
    /// Run the hub.
    Serve(serve::Serve),
    /// Place, show, list, cancel and fix requests at a running hub.
    #[command(subcommand)]
    Request(request::Request),
    /// Follow the changes of requests as they happen.
    Events(events::Events),
    /// Let the hub send changes of requests to an address.
    #[command(subcommand)]
    Subscription(subscription::Subscription),
    /// Set up institutions and check them.
    #[command(subcommand)]
    Institution(institution::Institution),
    /// Show, set and try the policy for the choice of the supplier.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Harvest an institution's records into the catalogue, in a data directory or at a running hub.
    Harvest(harvest::Harvest),
    /// Search the shared catalogue, explain its records, and load files into it.
    #[command(subcommand)]
    Catalogue(catalogue::Catalogue),
    /// Search the shared catalogue of a running hub.
    Search(titles::Search),
    /// Show which copies of a title can be requested now.
    Availability(titles::Availability),
    /// Make, list, rotate and revoke keys of the API.
    #[command(subcommand)]
    Key(key::Key),
    /// Add, list and disable people who sign in.
    #[command(subcommand)]
    User(user::User),
    /// Print documentation that is generated from the code.
    #[command(subcommand)]
    Docs(docs::Docs),
    /// Save the embedded store into a file, also while the hub runs.
    Backup(store::Backup),
    /// Restore a saved store.
    Restore(store::Restore),
    /// Copy the store into another, empty database.
    Migrate(store::Migrate),
    /// Check that the audit is as the hub wrote it.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Export or erase the data that a running hub keeps about a patron.
    #[command(subcommand)]
    Patron(patron::Patron),
    /// Find problems of this machine that prevent the hub from running.
    Doctor(doctor::Doctor),
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Demo(demo) => demo.run().await,
            Self::Sim(sim) => sim.run().await,
            Self::Serve(serve) => serve.run().await,
            Self::Request(request) => request.run().await,
            Self::Events(events) => events.run().await,
            Self::Subscription(subscription) => subscription.run().await,
            Self::Institution(institution) => institution.run().await,
            Self::Policy(policy) => policy.run().await,
            Self::Harvest(harvest) => harvest.run().await,
            Self::Catalogue(catalogue) => catalogue.run().await,
            Self::Search(search) => search.run().await,
            Self::Availability(availability) => availability.run().await,
            Self::Key(key) => key.run().await,
            Self::User(user) => user.run().await,
            Self::Docs(docs) => docs.run(),
            Self::Backup(backup) => backup.run().await,
            Self::Restore(restore) => restore.run().await,
            Self::Migrate(migrate) => migrate.run().await,
            Self::Audit(audit) => audit.run().await,
            Self::Patron(patron) => patron.run().await,
            Self::Doctor(doctor) => doctor.run().await,
        }
    }

    /// Refuses `--json` for commands without a result: those that serve until they are stopped, and the one that prints
    /// documentation.
    pub(crate) fn check_output(&self, json: bool) -> Result<()> {
        let name = match self {
            Self::Demo(_) => "demo",
            Self::Serve(_) => "serve",
            Self::Docs(_) => "docs",
            Self::Sim(_)
            | Self::Request(_)
            | Self::Events(_)
            | Self::Subscription(_)
            | Self::Institution(_)
            | Self::Policy(_)
            | Self::Harvest(_)
            | Self::Catalogue(_)
            | Self::Search(_)
            | Self::Availability(_)
            | Self::Key(_)
            | Self::User(_)
            | Self::Audit(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Migrate(_)
            | Self::Patron(_)
            | Self::Doctor(_) => return Ok(()),
        };
        if json {
            return Err(Failure::usage(format!("`consort {name}` has no result that could be JSON."))
                .advice("Leave --json out. The log is JSON with CONSORT_LOG_FORMAT=json."));
        }
        Ok(())
    }

    /// Returns the default log filter: servers log, commands for people don't.
    pub(crate) fn default_log(&self) -> &'static str {
        match self {
            Self::Serve(_) | Self::Sim(_) => "info",
            Self::Demo(_)
            | Self::Request(_)
            | Self::Events(_)
            | Self::Subscription(_)
            | Self::Institution(_)
            | Self::Policy(_)
            | Self::Harvest(_)
            | Self::Catalogue(_)
            | Self::Search(_)
            | Self::Availability(_)
            | Self::Key(_)
            | Self::User(_)
            | Self::Docs(_)
            | Self::Audit(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Migrate(_)
            | Self::Patron(_)
            | Self::Doctor(_) => "error",
        }
    }
}
