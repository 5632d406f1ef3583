//! `consort institution …`: sets institutions up, and checks that everything the hub needs exists.

mod add;
mod check;
mod file;
mod list;
mod orphans;
mod quota;
mod webhook;

use clap::Subcommand;

use crate::failure::Result;

/// Set up institutions and check them.
#[derive(Subcommand, Debug)]
pub(crate) enum Institution {
    /// Register an institution, its agencies and pickup locations at a running hub, from a file.
    Add(add::Add),
    /// Make every read that the hub will need and report missing settings. Takes a file, or the code of an institution
    /// that a running hub knows.
    Check(check::Check),
    /// List the institutions of a running hub with their agencies.
    List(list::List),
    /// Show an institution: settings, agencies, pickup locations. Never the API key.
    Show(list::Show),
    /// Remove an institution with its agencies and pickup locations, if no open request refers to it.
    Remove(list::Remove),
    /// Find records and holds in an institution's system that carry the hub's marker and belong to no request. Changes
    /// nothing without --remove.
    Orphans(orphans::Orphans),
    /// Show how many calls of its system's API are left, and what they were spent on.
    Quota(quota::Quota),
    /// Manage its webhook, through which its system sends messages to the hub.
    #[command(subcommand)]
    Webhook(webhook::Webhook),
}

impl Institution {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Add(add) => add.run().await,
            Self::Check(check) => check.run().await,
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Remove(remove) => remove.run().await,
            Self::Orphans(orphans) => orphans.run().await,
            Self::Quota(quota) => quota.run().await,
            Self::Webhook(webhook) => webhook.run().await,
        }
    }
}
