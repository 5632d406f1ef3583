//! `consort subscription`: where a running hub sends the changes of requests.

use access::Role;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs};
use crate::commands::request::{segment, text};
use crate::failure::Result;
use crate::output::{print_out, print_result};
use crate::table::table;

/// Let the hub send changes of requests to an address, as signed messages.
#[derive(Subcommand, Debug)]
pub(crate) enum Subscription {
    /// Make a subscription. Its secret is shown once.
    Add(Add),
    /// List the subscriptions.
    List(List),
    /// Replace a subscription's secret. Messages are signed with both for a while.
    Rotate(Rotate),
    /// Remove a subscription with what is still to be sent.
    Remove(Named),
    /// List the events that could not be delivered.
    DeadLetters(Named),
    /// Send the events that could not be delivered once more.
    Resend(Resend),
}

/// Make a subscription.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Its name: 1 to 64 letters, digits and the signs . _ : -.
    name: String,
    /// The address to which events are sent.
    url: String,
    /// The role, which decides with the agencies which events are sent.
    #[arg(long)]
    role: Role,
    /// An agency; may be given several times.
    #[arg(long = "agency", value_name = "CODE")]
    agencies: Vec<String>,
    /// The language of the sentences for patrons: en or de.
    #[arg(long, default_value = "en")]
    language: String,
    #[command(flatten)]
    hub: HubArgs,
}

/// List the subscriptions.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    hub: HubArgs,
}

/// Replace a subscription's secret.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// The subscription's name.
    name: String,
    /// The number of hours for which messages are signed with the former secret too.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
    overlap_hours: u32,
    #[command(flatten)]
    hub: HubArgs,
}

/// Name a subscription.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The subscription's name.
    name: String,
    #[command(flatten)]
    hub: HubArgs,
}

/// Send events once more.
#[derive(Args, Debug)]
pub(crate) struct Resend {
    /// The subscription's name.
    name: String,
    /// An event to send, by its id; may be given several times. Without it, all are sent.
    #[arg(long = "event", value_name = "ID")]
    events: Vec<u32>,
    #[command(flatten)]
    hub: HubArgs,
}

/// Returns the path of a subscription, with a rest such as `/rotate`.
fn path(name: &str, rest: &str) -> Result<String> {
    Ok(format!("/api/v1/subscriptions/{}{rest}", segment(name)?))
}

impl Subscription {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Add(add) => add.run().await,
            Self::List(list) => list.run().await,
            Self::Rotate(Rotate { name, overlap_hours, hub }) => {
                let body = json!({"overlap_hours": overlap_hours});
                show_secret(&Hub::new(&hub)?.call(Method::POST, &path(&name, "/rotate")?, Some(&body)).await?);
                Ok(())
            }
            Self::Remove(Named { name, hub }) => {
                Hub::new(&hub)?.call(Method::DELETE, &path(&name, "")?, None).await?;
                print_result(&json!({"removed": name}), || format!("The subscription {name} is removed."));
                Ok(())
            }
            Self::DeadLetters(Named { name, hub }) => dead_letters(&Hub::new(&hub)?, &name).await,
            Self::Resend(Resend { name, events, hub }) => {
                let body = if events.is_empty() { json!({}) } else { json!({"events": events}) };
                Hub::new(&hub)?.call(Method::POST, &path(&name, "/resend")?, Some(&body)).await?;
                print_result(&json!({"resent": name}), || format!("The events for {name} are due now."));
                Ok(())
            }
        }
    }
}

impl Add {
    async fn run(self) -> Result<()> {
        let mut body = json!({"name": self.name, "url": self.url, "role": self.role.name(), "language": self.language});
        if !self.agencies.is_empty() {
            body["agencies"] = self.agencies.into();
        }
        show_secret(&Hub::new(&self.hub)?.call(Method::POST, "/api/v1/subscriptions", Some(&body)).await?);
        Ok(())
    }
}

fn show_secret(made: &Value) {
    print_result(made, || {
        format!(
            "The secret of the subscription {}:\n{}\nKeep it now: nobody can show it once more.",
            text(&made["name"]),
            text(&made["secret"])
        )
    });
}

impl List {
    async fn run(self) -> Result<()> {
        let found = Hub::new(&self.hub)?.get("/api/v1/subscriptions").await?;
        print_result(&found, || {
            let mut rows = table(&["name", "address", "role", "agencies", "active", "last delivery", "problem"]);
            for one in found["subscriptions"].as_array().into_iter().flatten() {
                let agencies = one["agencies"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
                rows.add_row([
                    text(&one["name"]).as_str(),
                    &text(&one["url"]),
                    &text(&one["role"]),
                    &agencies.join(", "),
                    if one["active"] == true { "yes" } else { "no" },
                    one["last_delivered_at"].as_str().unwrap_or("never"),
                    one["last_error"].as_str().unwrap_or(""),
                ]);
            }
            rows.to_string()
        });
        Ok(())
    }
}

async fn dead_letters(hub: &Hub, name: &str) -> Result<()> {
    let mut all = Vec::new();
    let mut after = Value::from(0);
    while !after.is_null() {
        let page = hub.get(&path(name, &format!("/dead-letters?limit=200&after={after}"))?).await?;
        all.extend(page["dead_letters"].as_array().cloned().unwrap_or_default());
        after = page["next"].clone();
    }
    if all.is_empty() && !crate::output::is_json() {
        print_out("All events were delivered, or are still to be sent.");
        return Ok(());
    }
    print_result(&json!({"dead_letters": all}), || {
        let mut rows = table(&["event", "request", "attempts", "problem"]);
        for one in &all {
            rows.add_row([text(&one["event"]), text(&one["request"]), text(&one["attempts"]), text(&one["error"])]);
        }
        rows.to_string()
    });
    Ok(())
}
