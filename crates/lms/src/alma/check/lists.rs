//! Checks the lists that show many items in one call: task lists and saved searches.

use std::pin::pin;

use alma::Client;
use futures::TryStreamExt;

use super::super::errors::to_lms_error;
use super::super::settings::Settings;
use super::words::{label, unread, unread_because};
use crate::error::Error;
use crate::finding::Finding;

/// Checks the task list, which reports all holds that wait at a desk. Without it the hub polls each hold by a call of
/// its own.
pub(super) async fn task_list(client: &Client, settings: &Settings) -> Option<Finding> {
    let (library, desk) = settings.circulation_desks.iter().next()?;
    let listed = client.task_lists().requested_resources(&library.as_str().into(), &desk.as_str().into());
    Some(match pin!(listed).try_next().await {
        Ok(_) => Finding::ok("task lists", format!("the holds that wait at {library} {desk} can be read")),
        Err(error) => {
            let finding = unread("task lists", error);
            let why = "Without them each hold that waits at a desk is polled by a call of its own: let the key read task lists.";
            Finding { text: format!("{} {why}", finding.text), ..finding }
        }
    })
}

/// Checks the two saved searches for virtual items.
pub(super) async fn saved_searches(client: &Client, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (subject, process, set) in [
        ("on_shelf_set", "on the hold shelf", settings.on_shelf_set.as_deref()),
        ("in_transit_set", "in transit", settings.in_transit_set.as_deref()),
    ] {
        findings.push(match set {
            Some(set) => saved_search(client, subject, process, set).await,
            None => no_saved_search(settings, subject, process),
        });
    }
    findings
}

/// Returns the finding for a saved search that isn't set. The hub works without it, with more calls.
fn no_saved_search(settings: &Settings, subject: &str, process: &str) -> Finding {
    let late = match settings.allowance.lost_message_detection_minutes {
        Some(minutes) => format!(
            " Without it a lost message about them is not noticed within {minutes} minutes (lost_message_detection_minutes)."
        ),
        None if settings.allowance.batch_poll_percent > 0 => {
            " Without it no list shows lost messages about them, however many calls may be spent (batch_poll_percent)."
                .to_owned()
        }
        None => String::new(),
    };
    Finding::ok(
        subject,
        format!(
            "none named: the hub polls each virtual item {process} by a call of its own. A saved search saves these \
             calls.{late}"
        ),
    )
}

async fn saved_search(client: &Client, subject: &str, process: &str, set: &str) -> Finding {
    let advice = format!(
        "Search in Alma for physical items of the virtual library whose process type is \"{process}\", save the query, and \
         name the id of that set."
    );
    let found = match client.sets().get(&set.into()).await {
        Ok(found) => found,
        Err(error) => {
            return match to_lms_error(error) {
                Error::Refused(_) | Error::NotFound { .. } => {
                    Finding::missing(subject, format!("Alma has no set {set}. {advice}"))
                }
                error => unread_because(subject, &error),
            };
        }
    };
    let is = |coded: Option<&alma::Coded>, wanted| coded.is_some_and(|coded| coded.as_str() == wanted);
    if is(found.kind.as_ref(), "LOGICAL") && is(found.content.as_ref(), "ITEM") {
        Finding::ok(subject, label(set, found.name.as_deref()))
    } else {
        Finding::missing(subject, format!("The set {set} is no saved search for items. {advice}"))
    }
}
